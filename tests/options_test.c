#include "guest_trace.h"

#include "../preload/environment.h"
#include "../preload/options.h"

static struct options o;

START_TEST(nothing_said_is_all_defaults)
{
	options_parse(&o, NULL);
	ck_assert_int_eq(o.mode, MODE_STREAM);
	ck_assert(o.snapshot_exit && o.follow);
	ck_assert_int_eq(o.preload, -1);
	ck_assert_uint_eq(o.first, 0);
	ck_assert_str_eq(o.file, "./ouro-%e-%p.trace");
	ck_assert_str_eq(o.unknown, "");
}
END_TEST

START_TEST(every_key_is_understood)
{
	options_parse(&o, "mode=ring,ring=4096,sample=512,snapshot=signal:10+every:5+call:sys.getrefcount,"
		"follow=0,preload=1,first=77,parent=ff0,debug=a+b,file=/a,b=c,d");
	ck_assert_int_eq(o.mode, MODE_RING);
	ck_assert_uint_eq(o.ring, 4096);
	ck_assert_uint_eq(o.sample, 512);
	ck_assert(!o.snapshot_exit);
	ck_assert_int_eq(o.snapshot_signal, 10);
	ck_assert_uint_eq(o.snapshot_every, 5);
	ck_assert_str_eq(o.snapshot_call, "sys.getrefcount");
	ck_assert(!o.follow);
	ck_assert_int_eq(o.preload, 1);
	ck_assert_uint_eq(o.first, 77);
	ck_assert_uint_eq(o.parent, 0xff0);
	ck_assert_str_eq(o.debug, "a+b");
	ck_assert_str_eq(o.file, "/a,b=c,d");
	ck_assert_str_eq(o.unknown, "");
}
END_TEST

static const char *const bad[] = {
	"wings=2", "mode=fast", "ring=", "ring=1x", "ring=99999999999999999999", "snapshot=often",
	"snapshot=signal:0", "snapshot=signal:65", "snapshot=every:0", "follow=2", "first=-1",
	"parent=xyz", "preload=maybe",
};

START_TEST(what_is_not_understood_is_named_and_the_rest_stands)
{
	char text[128];

	snprintf(text, sizeof text, "%s,ring=64,file=/x", bad[_i]);
	options_parse(&o, text);
	ck_assert_str_ne(o.unknown, "");
	ck_assert_uint_eq(o.ring, 64);
	ck_assert_str_eq(o.file, "/x");
}
END_TEST

static const struct {
	const char *file;
	uint32_t first, pid;
	const char *path;
} names[] = {
	{ "/t/a.trace", 0, 5, "/t/a.trace" },
	{ "/t/a.trace", 5, 5, "/t/a.trace" },		/* took the process over by exec */
	{ "/t/a.trace", 5, 6, "/t/a.trace.d/6" },		/* a child */
	{ "/t/%e-%p", 5, 6, "/t/prog-6" },
	{ "/t/%e", 5, 6, "/t/prog.d/6" },
	{ "/t/100%", 0, 6, "/t/100%" },
};

START_TEST(names_follow_the_rules)
{
	char path[64];

	o = (struct options){ .first = names[_i].first };
	strcpy(o.file, names[_i].file);
	ck_assert(options_path(&o, names[_i].pid, "prog", path, sizeof path));
	ck_assert_str_eq(path, names[_i].path);
}
END_TEST

START_TEST(what_makes_way_goes_to_the_folder)
{
	char path[64];

	o = (struct options){ .first = 5, .file = "/t/a.trace" };
	ck_assert(options_aside_path(&o, 5, "prog", path, sizeof path));
	ck_assert_str_eq(path, "/t/a.trace.d/5");
	strcpy(o.file, "/t/%p");
	ck_assert(options_aside_path(&o, 5, "prog", path, sizeof path));
	ck_assert_str_eq(path, "/t/5");
}
END_TEST

START_TEST(a_name_that_does_not_fit_is_refused)
{
	char path[8];

	o = (struct options){ .file = "/long/name" };
	ck_assert(!options_path(&o, 1, "prog", path, sizeof path));
	o = (struct options){ .file = "" };
	ck_assert(!options_path(&o, 1, "prog", path, sizeof path));
}
END_TEST

/* LD_PRELOAD as ouro left it, `preload`, and what the user had; NULL: was not set. */
static const struct {
	const char *with;
	int preload;
	const char *without;
} preloads[] = {
	{ "/o/libouro.so", 0, NULL },
	{ "/o/libouro.so", -1, NULL },
	{ "/o/libouro.so", 1, "" },
	{ "/o/libouro.so:/u/a.so", 1, "/u/a.so" },
	{ "/o/libouro.so /u/a.so", -1, "/u/a.so" },
	{ "/u/a.so:/o/libouro.so", -1, "/u/a.so" },
	{ "/u/a.so:/o/libouro.so:/u/b.so", -1, "/u/a.so:/u/b.so" },
	{ "libouro.so", -1, NULL },
	{ "/u/notlibouro.so", -1, "/u/notlibouro.so" },
	{ "/u/libouro.so.bak", -1, "/u/libouro.so.bak" },
};

START_TEST(the_environment_is_as_it_was)
{
	static char *own[1];
	char list[64];
	char *envp[] = { "A=1", list, "B=2", "OURO_OPTIONS=file=x", "C=3", NULL, NULL, NULL };
	const char *rest[] = { "A=1", "B=2", "C=3" };
	unsigned i = 0, k = 0;

	environ = own;
	snprintf(list, sizeof list, "LD_PRELOAD=%s", preloads[_i].with);
	environment_restore(envp, preloads[_i].preload);
	for (; envp[i]; i++) {
		if (envp[i] == list)
			ck_assert_str_eq(list + 11, preloads[_i].without);
		else
			ck_assert_str_eq(envp[i], rest[k++]);
	}
	ck_assert_uint_eq(k, 3);
	ck_assert_uint_eq(i, 3 + (preloads[_i].without != NULL));
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, nothing_said_is_all_defaults);
	tcase_add_test(c, every_key_is_understood);
	tcase_add_loop_test(c, what_is_not_understood_is_named_and_the_rest_stands, 0,
		sizeof bad / sizeof *bad);
	tcase_add_loop_test(c, names_follow_the_rules, 0, sizeof names / sizeof *names);
	tcase_add_test(c, what_makes_way_goes_to_the_folder);
	tcase_add_test(c, a_name_that_does_not_fit_is_refused);
	tcase_add_loop_test(c, the_environment_is_as_it_was, 0,
		sizeof preloads / sizeof *preloads);
}

int main(void)
{
	return run_case("options", add);
}

/*
 * What the trace says is alive when a Python program ends, against what the
 * collector of that program says: for every interpreter found here.
 */
#include "replay.h"

#include <check.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef ROUNDS
#define ROUNDS "3400"			/* over a million objects                    */
#endif

static char *python[32];
static int pythons;
static char folder[PATH_MAX];		/* with libouro.so                            */

/* One that starts, and is not the same file as an earlier one. */
static void add_python(const char *path)
{
	char command[PATH_MAX + 80];

	snprintf(command, sizeof command,
		 "%s -c 'import sys; sys.exit(not (3,8) <= sys.version_info < (3,14))' 2>/dev/null",
		 path);
	if (pythons < 32 && !access(path, X_OK) && system(command) == 0)
		python[pythons++] = strdup(path);
}

static void find_pythons(void)
{
	const char *home = getenv("HOME");
	char pattern[PATH_MAX];
	glob_t found;

	add_python("/usr/bin/python3");
	snprintf(pattern, sizeof pattern, "%s/.pyenv/versions/3.*/bin/python3", home ? home : "");
	if (glob(pattern, 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		add_python(found.gl_pathv[i]);
	globfree(&found);
}

struct known {
	uint64_t addr;
	char type[48];
};

static int by_addr(const void *a, const void *b)
{
	const struct known *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static struct known *read_known(const char *path, size_t *ret_n)
{
	struct known *k = NULL;
	size_t n = 0, room = 0;
	char line[400];
	FILE *f = fopen(path, "r");

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof line, f)) {
		if (n == room)
			k = realloc(k, (room = room ? 2 * room : 1024) * sizeof *k);
		ck_assert_int_eq(sscanf(line, "%lx %47s", &k[n].addr, k[n].type), 2);
		n++;
	}
	fclose(f);
	qsort(k, n, sizeof *k, by_addr);
	*ret_n = n;
	return k;
}

/* Their objects are on the collector's lists for all of their lives. */
static bool always_tracked(struct text type)
{
	static const char *const types[] = {
		"list", "set", "function", "cell", "generator", "Node", "Slotted", "SubList",
		"SubDict", "type", "Undead", "functools.partial",
	};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (text_is(type, types[i]))
			return true;
	return false;
}

static void run(const char *exe, const char *trace, const char *list, char *const more[])
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		char library[PATH_MAX + 32], option[PATH_MAX];

		snprintf(library, sizeof library, "%s/libouro.so", folder);
		snprintf(option, sizeof option, "snapshot=never,file=%s", trace);
		setenv("LD_PRELOAD", library, 1);
		setenv("OURO_OPTIONS", option, 1);
		setenv("PYTHONMALLOC", more[0], 1);
		if (!*more[0])
			unsetenv("PYTHONMALLOC");
		execl(exe, exe, "-X", more[1], "tests/cpython/mixed.py", ROUNDS, list, NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

static void compare(const char *exe, const char *trace, const char *list)
{
	char error[200] = "";
	struct trace t;
	struct defs d;
	struct replay r;
	size_t n, tracked = 0, ghosts = 0, missing = 0, at = 0;
	struct known *known = read_known(list, &n);
	const struct object *o;
	uint64_t end;

	ck_assert_msg(trace_open(&t, trace, error) == 0, "%s: %s", exe, error);
	ck_assert_int_eq(defs_load(&d, &t), 0);
	ck_assert_int_eq(replay_init(&r, &t, &d), 0);
	ck_assert_int_eq(replay_to_end(&r), 0);
	ck_assert_uint_eq(r.total.lost, 0);
	ck_assert_uint_gt(r.total.births, 1000000);
	ck_assert(r.ready && r.exiting);
	end = r.exiting;
	replay_fini(&r);
	ck_assert_int_eq(replay_init(&r, &t, &d), 0);
	ck_assert_int_eq(replay_to_ticks(&r, end), 1);

	for (size_t i = 0; i < n; i++) {
		o = replay_object(&r, known[i].addr);
		missing += !o || !o->alive;
	}
	while ((o = replay_each_object(&r, &at))) {
		struct known key = { .addr = o->addr };
		const struct def_type *type = def_type(&d, o->type);

		if (!o->alive || !type || !always_tracked(type->name))
			continue;
		tracked++;
		ghosts += !bsearch(&key, known, n, sizeof key, by_addr);
	}
	printf("%s: collector knows %zu, of these not alive in the trace %zu; "
	       "trace: %zu always tracked, not known to the collector %zu\n",
	       exe, n, missing, tracked, ghosts);
	ck_assert_uint_gt(n, 5000);
	ck_assert_uint_gt(tracked, 3000);
	ck_assert_uint_eq(missing, 0);
	ck_assert_uint_le(ghosts * 1000, tracked);
	replay_fini(&r);
	defs_free(&d);
	trace_close(&t);
	free(known);
}

static void try(const char *exe, char *const more[])
{
	char temp[] = "/tmp/ouro-live-XXXXXX", trace[64], list[64];

	ck_assert_ptr_nonnull(mkdtemp(temp));
	snprintf(trace, sizeof trace, "%s/t.trace", temp);
	snprintf(list, sizeof list, "%s/list", temp);
	run(exe, trace, list, more);
	compare(exe, trace, list);
	unlink(trace);
	unlink(list);
	rmdir(temp);
}

START_TEST(the_living_are_those_the_collector_knows)
{
	try(python[_i], (char *[]){ "", "utf8" });
}
END_TEST

START_TEST(so_they_are_with_debug_hooks)
{
	try(python[_i], (char *[]){ "debug", "dev" });
}
END_TEST

START_TEST(so_they_are_without_pymalloc)
{
	try(python[_i], (char *[]){ "malloc", "tracemalloc" });
}
END_TEST

int main(int argc, char **argv)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	Suite *s;
	TCase *t;
	SRunner *r;
	int failed;

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
	return 0;		/* a library with a sanitizer in it can't be preloaded */
#endif
	if (n <= 0)
		return 2;
	self[n] = 0;
	/* build/tests/births_test is beside build/libouro.so's folder. */
	for (int up = 0; up < 2; up++)
		*strrchr(self, '/') = 0;
	strcpy(folder, self);
	find_pythons();
	s = suite_create("births");
	t = tcase_create("live");
	r = srunner_create(s);
	suite_add_tcase(s, t);
	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, the_living_are_those_the_collector_knows, 0, pythons);
	tcase_add_loop_test(t, so_they_are_with_debug_hooks, 0, pythons);
	tcase_add_loop_test(t, so_they_are_without_pymalloc, 0, pythons);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

/*
 * survival_test.c - who lives how long, and do the books balance?
 */
#include "survival.h"

#include "trace_writer.h"

#include <check.h>

static struct trace_writer w;
static struct trace t;
static struct defs d;
static struct replay r;
static struct collections k;
static struct survival s;

static void watch(void *arg, const struct replay *replay, const struct event *e)
{
	(void)arg;
	collections_event(&k, replay, e);
}

static void play_for(const char *script, bool garbage)
{
	write_trace(&w, script);
	ck_assert_int_eq(trace_open_memory(&t, w.bytes, w.size, NULL), 0);
	ck_assert_int_eq(defs_load(&d, &t), 0);
	ck_assert_int_eq(replay_init(&r, &t, &d), 0);
	ck_assert_int_eq(collections_init(&k, &t), 0);
	ck_assert_int_eq(survival_init(&s, &k, &r, garbage), 0);
	r.watch = watch;
	ck_assert_int_eq(replay_to_end(&r), 0);
	survival_settle(&s);
	survival_births(&s, &r);
	ck_assert(!s.failed && !k.failed);
}

static void play(const char *script)
{
	play_for(script, false);
}

static void teardown(void)
{
	survival_fini(&s);
	collections_fini(&k);
	replay_fini(&r);
	defs_free(&d);
	trace_close(&t);
	writer_fini(&w);
}

static struct lives all(void)
{
	struct lives l = { 0 };

	for (uint32_t i = 1; i < s.n; i++) {
		struct lives one = survival_lives(&s, i);

		lives_add(&l, &one);
	}
	return l;
}

static const struct lives *row(uint32_t i)
{
	static struct lives l;

	l = survival_lives(&s, i);
	return &l;
}

#define COLLECTION(g) "collect 255; told " #g " 1 0 0 0 0; collected 0;"

START_TEST(one_that_dies_before_any_collection_was_young)
{
	play("runtime cpython; pbirth a 64 16 list main; death a+16");
	ck_assert_uint_eq(all().died[DEATH_BY_COUNT][0], 1);
	ck_assert_uint_eq(lives_living(row(1)), 0);
}
END_TEST

START_TEST(each_collection_that_looks_at_one_makes_it_older)
{
	play("runtime cpython; pbirth a 64 16 list main;" COLLECTION(0)
	     "pbirth b 64 16 list main;" COLLECTION(1)
	     "pbirth c 64 16 list main;" COLLECTION(0)
	     "death a+16; death b+16; death c+16");
	ck_assert_uint_eq(all().died[DEATH_BY_COUNT][1], 1);
	ck_assert_uint_eq(all().died[DEATH_BY_COUNT][2], 2);
}
END_TEST

START_TEST(one_that_dies_in_a_collection_is_its_garbage)
{
	play("runtime cpython; pbirth a 64 16 list main; pbirth b 32 16 list main;" COLLECTION(0)
	     "collect 255; pfree a; told 1 1 1 0 0 0; collected 1; pfree b");
	ck_assert_uint_eq(all().died[DEATH_BY_COLLECTOR][1], 1);
	ck_assert_uint_eq(all().died[DEATH_BY_COUNT][2], 1);
	ck_assert_uint_eq(all().collected_bytes, 64);
	ck_assert_uint_eq(k.c[1].deaths, 1);
}
END_TEST

START_TEST(asked_for_garbage_alone_births_and_what_the_collector_freed_are_told)
{
	const char *script = "runtime cpython; pbirth a 64 16 list main; pbirth b 32 16 list main;"
		"pbirth c 32 16 list main; pfree c;" COLLECTION(0)
		"collect 255; pfree a; told 1 1 1 0 0 0; collected 1; pfree b";
	struct lives both[2];

	for (int garbage = 0; garbage < 2; garbage++) {
		play_for(script, garbage);
		both[garbage] = all();
		if (!garbage)
			teardown();
	}
	ck_assert_uint_eq(lives_died(&both[0], DEATH_BY_COUNT), 2);
	ck_assert_uint_eq(lives_died(&both[1], DEATH_BY_COUNT), 0);
	ck_assert_uint_eq(both[1].births, both[0].births);
	ck_assert_uint_eq(both[1].births, 3);
	ck_assert_uint_eq(both[1].died[DEATH_BY_COLLECTOR][1], 1);
	ck_assert_uint_eq(both[1].collected_bytes, both[0].collected_bytes);
	ck_assert(both[1].collecting == both[0].collecting);
}
END_TEST

START_TEST(asked_for_garbage_alone_a_program_without_a_runtime_is_not_observed)
{
	play_for("alloc a 64 main; free a", true);
	ck_assert_ptr_null(r.observer);
	ck_assert_uint_eq(all().births, 0);
}
END_TEST

START_TEST(what_a_finaliser_makes_and_drops_is_no_garbage)
{
	play("runtime cpython; collect 255; pbirth a 64 16 list main; pfree a; told 0 1 0 0 0 0;"
	     "collected 0");
	ck_assert_uint_eq(all().died[DEATH_BY_COUNT][0], 1);
	ck_assert_uint_eq(k.c[0].deaths, 0);
}
END_TEST

START_TEST(what_dies_in_another_thread_meanwhile_is_no_garbage)
{
	play("runtime cpython; thread 1; pbirth a 64 16 list main; collect 255;"
	     "thread 2; pfree a; thread 1; told 0 1 0 0 0 0; collected 0");
	ck_assert_uint_eq(lives_died(row(1), DEATH_BY_COUNT), 1);
}
END_TEST

START_TEST(the_end_of_the_runtime_is_a_death_of_its_own_kind)
{
	play("runtime cpython; pbirth a 64 16 list main; exiting; collect 255; pfree a;"
	     "told 2 4 1 0 0 0; collected 1");
	ck_assert_uint_eq(all().died[DEATH_AT_END][0], 1);
}
END_TEST

START_TEST(the_time_of_automatic_collections_is_shared_by_their_garbage)
{
	struct lives l;
	double whole;

	play("runtime cpython; pbirth a 64 16 list main>f; pbirth b 64 16 dict main>f;"
	     "pbirth c 64 16 dict main>f; pbirth e 64 16 set main>f; at 100; collect 255; pfree a;"
	     "pfree b; pfree c; at 1100; told 0 1 3 0 0 0; collected 3;"
	     "collect 255; pfree e; at 9000; told 0 2 1 0 0 0; collected 1");
	whole = 1000 * s.tick_ns / 1e9;
	for (uint32_t i = 1; i < s.n; i++) {
		l = survival_lives(&s, i);
		if (l.births == 2)
			ck_assert_double_eq_tol(l.collecting, whole * 2 / 3, 1e-12);
	}
	ck_assert_double_eq_tol(all().collecting, whole, 1e-12);
}
END_TEST

START_TEST(without_a_runtime_blocks_are_told_and_generations_simulated)
{
	struct buf { char text[40 * SURVIVAL_STEP]; size_t n; } *b = calloc(1, sizeof(*b));

	b->n = (size_t)sprintf(b->text, "alloc a 8 main;");
	for (int i = 0; i < SURVIVAL_STEP; i++)
		b->n += (size_t)sprintf(b->text + b->n, "alloc b 8 main; free b;");
	sprintf(b->text + b->n, "free a");
	play(b->text);
	free(b);
	ck_assert(s.simulated && s.blocks);
	ck_assert_uint_eq(s.births, SURVIVAL_STEP + 1);
	ck_assert_uint_eq(all().died[DEATH_BY_COUNT][1], 1);
	ck_assert_uint_eq(all().died[DEATH_BY_COUNT][0], SURVIVAL_STEP);
}
END_TEST

START_TEST(a_block_that_moves_is_the_same_block)
{
	play("alloc a 8 main; release a; place b 16 main; free b; release z; place c 8 main");
	ck_assert_uint_eq(all().births, 2);
	ck_assert_uint_eq(lives_died(row(1), DEATH_BY_COUNT), 1);
}
END_TEST

START_TEST(ages_are_classes_of_powers_of_two)
{
	ck_assert_uint_eq(age_class(0, 16), 0);
	ck_assert_uint_eq(age_class(1, 16), 1);
	ck_assert_uint_eq(age_class(3, 16), 2);
	ck_assert_uint_eq(age_class(4, 16), 3);
	ck_assert_uint_eq(age_class(UINT64_MAX, 16), 15);
}
END_TEST

/* Row by row, against what the replay says lives. */
static void books_balance(void)
{
	const struct object *o;
	uint64_t *living = calloc(s.n, sizeof(*living));
	size_t at = 0;
	struct lives l = all();

	while ((o = replay_each_object(&r, &at)))
		for (uint32_t i = 1; i < s.n; i++)
			living[i] += s.row[i].site == o->site && s.row[i].type == o->type;
	for (uint32_t i = 1; i < s.n; i++)
		ck_assert_uint_eq(living[i], lives_living(row(i)));
	free(living);
	ck_assert_uint_eq(l.births, r.total.births);
	ck_assert_uint_eq(lives_living(&l), r.total.live_objects);
	ck_assert_uint_eq(l.births - lives_living(&l), r.total.deaths);
}

START_TEST(a_place_shows_the_stack_that_most_came_by)
{
	struct heap h = { 0 };
	struct heap_loader l;
	struct survival_table fold;

	play("runtime cpython; pbirth a 64 16 list main>eval|!start:1>make:9;"
	     "pbirth b 64 16 list main>eval|!serve:2>make:9; pbirth c 64 16 list main>eval|!serve:2>make:9;");
	ck_assert_int_eq(heap_loader_init(&l, &h, &r, NULL, NULL), 0);
	ck_assert_int_eq(survival_fold(&s, &l, false, &fold), 0);
	ck_assert_uint_eq(fold.n, 1);
	ck_assert_uint_eq(fold.place[0].lives.births, 3);
	ck_assert_uint_eq(heap_frame(&h, h.call[h.site[fold.place[0].site].here].outer)->line, 2);
	survival_table_fini(&fold);
	heap_loader_fini(&l);
	heap_fini(&h);
}
END_TEST

START_TEST(deaths_by_site_generation_and_kind_are_births_less_the_living)
{
	enum { EVENTS = 6000, ROOM = 64 };
	static const char *const type[] = { "list", "dict", "app.Node" };
	char *text = calloc(EVENTS, ROOM);
	unsigned seed = 7;
	bool open = false;
	size_t n = (size_t)sprintf(text, "runtime cpython;");

	for (int i = 0; i < EVENTS - 1; i++) {
		unsigned x = (seed = seed * 1103515245 + 12345) >> 8;
		char at = (char)('a' + x % 26);

		switch (x / 26 % 9) {
		case 0:
			n += (size_t)sprintf(text + n, open ? "told %u 1 0 0 0 0; collected 0;" :
					     "collect 255;", x % 3);
			open = !open;
			break;
		case 1:
		case 2:
			n += (size_t)sprintf(text + n, "pfree %c;", at);
			break;
		case 3:
			n += (size_t)sprintf(text + n, "death %c+16;", at);
			break;
		case 4:
			n += (size_t)sprintf(text + n, "birth %c+16 list main>g%u;", at, x % 7);
			break;
		case 5:
			n += (size_t)sprintf(text + n, "prelease %c; pplace %c 80 main;", at,
					     (char)('a' + x / 99 % 26));
			break;
		default:
			n += (size_t)sprintf(text + n, "pbirth %c 64 16 %s main>f%u;", at,
					     type[x % 3], x % 11);
		}
		if (i == EVENTS - 100)
			n += (size_t)sprintf(text + n, "exiting;");
	}
	play(text);
	free(text);
	ck_assert_uint_gt(lives_died(row(1), DEATH_BY_COLLECTOR), 0);
	ck_assert_uint_gt(r.total.deaths, 1000);
	books_balance();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("survival");
	SRunner *runner = srunner_create(suite);
	TCase *c = tcase_create("survival");
	int failed;

	tcase_add_checked_fixture(c, NULL, teardown);
	tcase_add_test(c, one_that_dies_before_any_collection_was_young);
	tcase_add_test(c, each_collection_that_looks_at_one_makes_it_older);
	tcase_add_test(c, one_that_dies_in_a_collection_is_its_garbage);
	tcase_add_test(c, asked_for_garbage_alone_births_and_what_the_collector_freed_are_told);
	tcase_add_test(c, asked_for_garbage_alone_a_program_without_a_runtime_is_not_observed);
	tcase_add_test(c, what_a_finaliser_makes_and_drops_is_no_garbage);
	tcase_add_test(c, what_dies_in_another_thread_meanwhile_is_no_garbage);
	tcase_add_test(c, the_end_of_the_runtime_is_a_death_of_its_own_kind);
	tcase_add_test(c, the_time_of_automatic_collections_is_shared_by_their_garbage);
	tcase_add_test(c, without_a_runtime_blocks_are_told_and_generations_simulated);
	tcase_add_test(c, a_block_that_moves_is_the_same_block);
	tcase_add_test(c, ages_are_classes_of_powers_of_two);
	tcase_add_test(c, a_place_shows_the_stack_that_most_came_by);
	tcase_add_test(c, deaths_by_site_generation_and_kind_are_births_less_the_living);
	suite_add_tcase(suite, c);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

/*
 * simulate_test.c - the collector's arithmetic, on tapes made by hand
 */
#include "simulate.h"

#include "mem.h"

#include <check.h>

enum { LIST = 1, OLDEST = GENERATIONS - 1 };

static struct tape t;
static struct collections none;
static struct simulation s[2];
static struct self_check check;

static void setup_of(unsigned minor)
{
	t = (struct tape){ .collections = &none };
	ck_assert(freelists_init(&t.lists, minor));
	tape_put(&t, TAPE_READY, 0, 0);
}

static void setup(void)
{
	setup_of(11);
}

static void teardown(void)
{
	simulations_fini(s, 2);
	tape_fini(&t);
}

static void births(unsigned n)
{
	while (n--)
		tape_birth(&t, KIND_NONE, false);
}

/* Under the setting alone; row 0 is the recorded one. */
static struct simulation *under(struct setting x)
{
	struct setting both[] = { { .recorded = true, .freeze = NEVER }, x };

	simulations_fini(s, 2);
	ck_assert_int_eq(simulate(&t, both, 2, s, &check), 0);
	return &s[1];
}

static struct simulation *thresholds(uint32_t a, uint32_t b, uint32_t c)
{
	return under((struct setting){ .threshold = { a, b, c }, .freeze = NEVER });
}

#define ck_runs(x, a, b, c) do { \
	ck_assert_uint_eq((x)->runs[0], a); \
	ck_assert_uint_eq((x)->runs[1], b); \
	ck_assert_uint_eq((x)->runs[2], c); \
} while (0)

START_TEST(a_collection_runs_in_the_allocation_above_the_threshold)
{
	births(10);
	ck_runs(thresholds(10, 10, 10), 0, 0, 0);
	births(1);
	ck_runs(thresholds(10, 10, 10), 1, 0, 0);
}
END_TEST

START_TEST(what_makes_it_due_is_not_looked_at)
{
	births(11);
	ck_assert_uint_eq(thresholds(10, 10, 10)->run[0].examined, 10);
}
END_TEST

START_TEST(a_death_counts_down_and_never_below_zero)
{
	for (int i = 0; i < 50; i++) {
		births(1);
		tape_death(&t, KIND_NONE, t.clock - 1);
		tape_death(&t, KIND_NONE, 0);
	}
	births(10);
	ck_runs(thresholds(10, 10, 10), 0, 0, 0);
	births(1);
	ck_runs(thresholds(10, 10, 10), 1, 0, 0);
}
END_TEST

START_TEST(an_older_generation_is_due_above_its_own_threshold)
{
	births(11 * 12);		/* eleven young ones, and the twelfth is of the middle */
	ck_runs(thresholds(10, 10, 10), 11, 1, 0);
}
END_TEST

START_TEST(the_oldest_waits_until_a_quarter_came_to_it)
{
	/* The first full one finds nothing old; after it all is old, and little is added. */
	births(4 * 1000);
	ck_assert_uint_gt(thresholds(10, 1, 1)->runs[2], 0);
	ck_assert_uint_lt(thresholds(10, 1, 1)->runs[2], 40);
	ck_assert_uint_gt(thresholds(10, 1, 1)->runs[1], 60);
}
END_TEST

START_TEST(memory_from_a_free_list_is_not_counted)
{
	tape_birth(&t, LIST, false);
	for (int i = 0; i < 100; i++) {
		tape_death(&t, LIST, t.clock - 1);
		tape_birth(&t, LIST, false);
	}
	ck_runs(thresholds(10, 10, 10), 0, 0, 0);
}
END_TEST

START_TEST(new_memory_is_counted_though_the_list_has_some)
{
	for (int i = 0; i < 11; i++) {
		tape_birth(&t, LIST, true);
		tape_death(&t, LIST, t.clock - 1);
	}
	ck_runs(thresholds(10, 10, 10), 1, 0, 0);
}
END_TEST

START_TEST(a_full_list_takes_no_more_and_the_rest_counts_down)
{
	for (int i = 0; i < 100; i++)
		tape_birth(&t, LIST, false);
	for (int i = 0; i < 100; i++)
		tape_death(&t, LIST, (uint64_t)i);
	births(19);			/* 100 - 20 + 19 */
	ck_runs(thresholds(100, 10, 10), 0, 0, 0);
	births(2);
	ck_runs(thresholds(100, 10, 10), 1, 0, 0);
}
END_TEST

START_TEST(off_has_none_and_a_threshold_of_zero_has_none)
{
	births(100000);
	ck_runs(under((struct setting){ .keep = true, .off = true, .freeze = NEVER }), 0, 0, 0);
	ck_runs(thresholds(0, 10, 10), 0, 0, 0);
}
END_TEST

START_TEST(the_start_up_is_as_it_was_recorded)
{
	teardown();
	t = (struct tape){ .collections = &none };
	ck_assert(freelists_init(&t.lists, 11));
	births(1500);
	tape_put(&t, TAPE_READY, 0, 0);
	births(1000);
	ck_runs(thresholds(10000, 10, 10), 0, 0, 0);
	ck_assert_uint_eq(s[1].before[0], 2);
}
END_TEST

START_TEST(what_is_frozen_is_not_looked_at_again)
{
	struct simulation *x;

	births(50000);
	x = under((struct setting){ .keep = true, .freeze = 25000 });
	ck_assert_uint_gt(x->frozen, 24000);
	for (uint32_t i = 0; i < x->n; i++)
		ck_assert_uint_le(x->run[i].examined, 26000);
}
END_TEST

/* An object that is garbage at the clock, at `late` in the late guess. */
static void garbage(uint64_t order, uint64_t at, uint64_t late, uint64_t bytes)
{
	struct waste x = { .born = order + 1, .oldest = order, .length = 1 };

	x.age[WASTE_LIKELY] = x.age[WASTE_EARLY] = (uint32_t)(at - x.born);
	x.age[WASTE_LATE] = (uint32_t)(late - x.born);
	ck_assert_int_eq(wastes_add(&t.waste, &x), 0);
	ck_assert_int_eq(wastes_add_object(&t.waste, &(struct waste_object){ order, bytes, 0 }), 0);
}

START_TEST(garbage_is_freed_by_the_next_collection_that_looks_at_it)
{
	births(5);
	garbage(4, 5, 5, 800);
	births(6);
	tape_guess(&t, WASTE_LIKELY);
	ck_assert_uint_eq(thresholds(10, 10, 10)->run[0].freed, 1);
}
END_TEST

START_TEST(garbage_of_a_broken_cycle_counts_down_at_once)
{
	struct setting broken = { .threshold = { 10, 10, 10 }, .freeze = NEVER, .broken = 2 };

	births(10);
	for (uint64_t i = 0; i < 5; i++)
		garbage(i, 10, 10, 8);
	births(5);
	tape_guess(&t, WASTE_LIKELY);
	ck_assert_uint_eq(under(broken)->runs[0], 1);	/* it is another one's */
	for (uint32_t i = 0; i < t.waste.n; i++)
		wastes_at(&t.waste, i)->marks = 2;
	ck_assert_uint_eq(under(broken)->runs[0], 0);
	births(1);
	ck_assert_uint_eq(under(broken)->runs[0], 1);
}
END_TEST

START_TEST(memory_that_is_given_back_late_counts_down_then)
{
	births(10);
	tape_put(&t, TAPE_RELEASE, 0, 0);
	births(1);
	ck_runs(thresholds(10, 10, 10), 0, 0, 0);
	births(1);
	ck_runs(thresholds(10, 10, 10), 1, 0, 0);
}
END_TEST

START_TEST(garbage_that_is_in_use_until_later_goes_later)
{
	births(5);
	garbage(4, 5, 105, 800);
	births(200);
	tape_guess(&t, WASTE_LIKELY);
	ck_assert_uint_eq(thresholds(10, 100, 10)->run[0].freed, 1);
	tape_guess(&t, WASTE_LATE);
	ck_assert_uint_eq(thresholds(10, 100, 10)->run[0].freed, 0);
	ck_assert_uint_eq(thresholds(150, 100, 10)->run[0].freed, 1);
}
END_TEST

START_TEST(garbage_that_waits_is_memory_at_the_peak)
{
	births(20);
	garbage(4, 20, 20, 1000);
	tape_put(&t, TAPE_BYTES, ouro_zigzag(5000), 0);
	births(20);
	tape_put(&t, TAPE_FREED, 1000, 0);
	tape_put(&t, TAPE_BYTES, ouro_zigzag(500), 0);		/* 5500, and 1000 were freed */
	tape_guess(&t, WASTE_LIKELY);
	ck_assert_uint_eq(under((struct setting){ .keep = true, .off = true,
						  .freeze = NEVER })->peak_bytes, 6500);
	ck_assert_uint_eq(s[1].peak_waiting, 1000);
	ck_assert_uint_eq(thresholds(25, 10, 10)->peak_bytes, 5500);
}
END_TEST

START_TEST(from_3_12_on_a_collection_waits_for_the_evaluator)
{
	teardown();
	setup_of(12);
	births(500);
	ck_runs(thresholds(10, 10, 10), 0, 0, 0);
	tape_put(&t, TAPE_CHECK, 0, 0);
	births(5);
	ck_runs(thresholds(10, 10, 10), 1, 0, 0);
	ck_assert_uint_eq(s[1].run[0].examined, 500);
}
END_TEST

START_TEST(a_change_by_the_program_is_of_the_recorded_setting_alone)
{
	struct tape_settings x = { .change = OURO_CHANGE_THRESHOLD, .enabled = true,
				   .threshold = { 20, 10, 10 } };

	t.settings = mem_array(1, sizeof(x));
	t.settings[0] = x;
	t.nsettings = 1;
	tape_put(&t, TAPE_SETTINGS, 0, 0);
	births(21);
	ck_runs(thresholds(100, 10, 10), 0, 0, 0);
	ck_runs(&s[0], 1, 0, 0);
}
END_TEST

START_TEST(kinds_of_free_lists_are_of_a_version)
{
	struct freelists f;
	struct def_type list = { .name = { "list", 4 }, .flags = OURO_TYPE_STATIC };
	struct def_type own = { .name = { "list", 4 } };

	ck_assert(!freelists_init(&f, 7));
	ck_assert(!freelists_init(&f, 14));
	ck_assert(freelists_init(&f, 8));
	ck_assert_uint_eq(freelists_kind(&f, &list), LIST);
	ck_assert_uint_eq(freelists_kind(&f, &own), KIND_NONE);
	ck_assert_uint_eq(freelists_tuple(&f, 16 + 24 + 8 * 19, 16), KIND_TUPLE + 18);
	ck_assert_uint_eq(freelists_tuple(&f, 16 + 24 + 8 * 20, 16), KIND_NONE);
	ck_assert_uint_eq(freelists_tuple(&f, 16, 16), KIND_NONE);
	ck_assert(freelists_init(&f, 11));
	ck_assert_uint_eq(freelists_tuple(&f, 16 + 24 + 8 * 20, 16), KIND_TUPLE + 19);
}
END_TEST

START_TEST(a_tape_says_what_was_put_on_it)
{
	struct tape_reader r;
	struct tape_op op;

	births(3);
	tape_birth(&t, LIST, true);
	tape_death(&t, LIST, 1);
	tape_put(&t, TAPE_BYTES, ouro_zigzag(-7), 9);
	tape_rewind(&r, &t);
	for (int i = 0; i < 4; i++)
		ck_assert(tape_next(&r, &op));	/* READY, and three */
	ck_assert(tape_next(&r, &op) && op.kind == TAPE_BIRTH && op.list == LIST && op.direct);
	ck_assert(tape_next(&r, &op) && op.kind == TAPE_DEATH && op.order == 1 && op.list == LIST);
	ck_assert(tape_next(&r, &op) && op.kind == TAPE_BYTES);
	ck_assert_uint_eq(op.value, (uint64_t)-7);
	ck_assert_uint_eq(op.most, 2);
	ck_assert(!tape_next(&r, &op));
	ck_assert_uint_eq(r.clock, t.clock);
}
END_TEST

START_TEST(a_birth_put_in_before_a_collection_starts_it)
{
	births(10);
	tape_insert_birth(&t, t.op.size, KIND_NONE, false);
	ck_runs(thresholds(10, 10, 10), 1, 0, 0);
	births(5);
	ck_assert_uint_eq(thresholds(10, 10, 10)->run[0].examined, 10);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("simulate");
	SRunner *runner = srunner_create(suite);
	TCase *c = tcase_create("simulate");
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, a_collection_runs_in_the_allocation_above_the_threshold);
	tcase_add_test(c, what_makes_it_due_is_not_looked_at);
	tcase_add_test(c, a_death_counts_down_and_never_below_zero);
	tcase_add_test(c, an_older_generation_is_due_above_its_own_threshold);
	tcase_add_test(c, the_oldest_waits_until_a_quarter_came_to_it);
	tcase_add_test(c, memory_from_a_free_list_is_not_counted);
	tcase_add_test(c, new_memory_is_counted_though_the_list_has_some);
	tcase_add_test(c, a_full_list_takes_no_more_and_the_rest_counts_down);
	tcase_add_test(c, off_has_none_and_a_threshold_of_zero_has_none);
	tcase_add_test(c, the_start_up_is_as_it_was_recorded);
	tcase_add_test(c, what_is_frozen_is_not_looked_at_again);
	tcase_add_test(c, garbage_is_freed_by_the_next_collection_that_looks_at_it);
	tcase_add_test(c, garbage_of_a_broken_cycle_counts_down_at_once);
	tcase_add_test(c, memory_that_is_given_back_late_counts_down_then);
	tcase_add_test(c, garbage_that_is_in_use_until_later_goes_later);
	tcase_add_test(c, garbage_that_waits_is_memory_at_the_peak);
	tcase_add_test(c, from_3_12_on_a_collection_waits_for_the_evaluator);
	tcase_add_test(c, a_change_by_the_program_is_of_the_recorded_setting_alone);
	tcase_add_test(c, kinds_of_free_lists_are_of_a_version);
	tcase_add_test(c, a_tape_says_what_was_put_on_it);
	tcase_add_test(c, a_birth_put_in_before_a_collection_starts_it);
	suite_add_tcase(suite, c);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

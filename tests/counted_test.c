#include "guest_trace.h"

#include "../preload/counted.h"
#include "../preload/ring_read.h"

#define A 0x10000
#define B 0x20000

/* Where hooks were called from; the inner of two has the lower address. */
#define OUTER 0, 0x9000, 0
#define INNER 0, 0x8000, 0
#define INMOST 0, 0x7000, 0

static void begin(void)
{
	trace_begin();
	guard_leave(&guard);
}

/* tail: of an EXT, its numbers after the kind. */
static void add_word(char *text, const struct ring_event *e, const uint64_t *tail)
{
	static const char *const notes[] = { "?", "floating", "sunk", "toggle", "untoggle", "weak",
		"unweak", "disposed", "revived", "count" };
	const char *name = e->addr == A ? "A" : e->addr == B ? "B" : "?";
	char *end = text + strlen(text);

	end += sprintf(end, *text ? " " : "");
	if (e->kind == OURO_BIRTH)
		sprintf(end, "birth%s:%u", name, e->type);
	else if (e->kind == OURO_DEATH)
		sprintf(end, "death%s", name);
	else if (e->kind == OURO_INCREF || e->kind == OURO_DECREF)
		sprintf(end, "%s%c%u", name, e->kind == OURO_INCREF ? '+' : '-', (unsigned)e->arg);
	else if (e->ext == OURO_EXT_EDGE)
		sprintf(end, "%s>%#lx,%lu,%lu", name, tail[0] * 8, tail[1], tail[2]);
	else if (e->ext == OURO_EXT_UNEDGE)
		sprintf(end, "%s/%#lx", name, tail[0] * 8);
	else if (tail[1])
		sprintf(end, "%s.%s=%lu", name, notes[tail[0]], tail[1]);
	else
		sprintf(end, "%s.%s", name, notes[tail[0]]);
}

/* All that was told, as it is read again. */
static const char *told(void)
{
	static char text[1 << 16];
	static struct ring_reader r;

	*text = 0;
	if (!thr_self->out.chunk)
		return text;
	ring_read_chunk(&r, thr_self->out.chunk);
	while (ring_read(&r)) {
		const uint8_t *end = (const uint8_t *)(r.chunk + 1) + r.at, *p = end - r.event.arg;
		uint64_t tail[4] = { 0 }, kind;

		if (r.event.kind == OURO_EXT) {
			p = ouro_get_varint(p, end, &kind);
			for (unsigned i = 0; i < 4 && p < end; i++)
				p = ouro_get_varint(p, end, &tail[i]);
		}
		add_word(text, &r.event, tail);
	}
	return text;
}

START_TEST(an_object_is_told_from_birth_to_death)
{
	begin();
	counted_birth(A, 3, 1, OUTER);
	counted_incref(A, 2, OUTER);
	counted_decref(A, 1, OUTER);
	counted_note(A, OURO_REFERENCE_WEAK_ADD, 77, OUTER);
	counted_edge(A, B, 5, OURO_HOLD_WEAK, OUTER);
	counted_unedge(A, B, OUTER);
	counted_decref(A, 0, OUTER);
	counted_death(A, OUTER);
	ck_assert_str_eq(told(), "birthA:3 A+2 A-1 A.weak=77 A>0x20000,5,2 A/0x20000 A-0 deathA");
	trace_end();
}
END_TEST

START_TEST(a_count_at_birth_other_than_1_is_told_with_it)
{
	begin();
	counted_birth(A, 3, 0, OUTER);
	counted_birth(B, 4, 2, OUTER);
	ck_assert_str_eq(told(), "birthA:3 A.count birthB:4 B.count=2");
	trace_end();
}
END_TEST

START_TEST(what_a_constructor_counts_comes_after_the_birth)
{
	begin();
	counted_making(3, 1, OUTER);
	counted_making_in(A - 32, 64);
	counted_note(A, OURO_REFERENCE_FLOATING, 0, INNER);
	counted_incref(A, 2, INNER);
	counted_incref(B, 9, INNER);
	counted_made(A, 1, OUTER);
	counted_decref(A, 1, OUTER);
	ck_assert_str_eq(told(), "birthA:3 A.floating A+2 B+9 A-1");
	trace_end();
}
END_TEST

START_TEST(what_is_made_inside_of_a_constructor_is_told_in_its_place)
{
	begin();
	counted_making(3, 1, OUTER);
	counted_making_in(A, 64);
	counted_making(4, 1, INNER);
	counted_making_in(B, 64);
	counted_incref(A, 2, INMOST);
	counted_made(B, 1, INNER);
	counted_made(A, 1, OUTER);
	ck_assert_str_eq(told(), "birthA:3 A+2 birthB:4");
	trace_end();
}
END_TEST

START_TEST(a_constructor_that_failed_or_was_left_by_a_long_jump_makes_nothing)
{
	begin();
	counted_making(3, 1, OUTER);
	counted_made(0, 1, OUTER);
	counted_making(3, 1, OUTER);
	counted_making(4, 1, INMOST);	/* nobody comes back here */
	counted_making(5, 1, INNER);
	counted_made(B, 1, INNER);
	counted_made(A, 1, OUTER);
	ck_assert_str_eq(told(), "birthB:5 birthA:3");
	trace_end();
}
END_TEST

START_TEST(more_nested_constructors_than_are_kept_do_no_harm)
{
	begin();
	for (unsigned i = 0; i < 1000; i++)
		counted_making(3, 1, 0, 0x100000 - i * 16, 0);
	counted_made(A, 1, 0, 0x100000 - 999 * 16, 0);
	for (unsigned i = 999; i-- > 0;)
		counted_made(0, 1, 0, 0x100000 - i * 16, 0);
	counted_birth(B, 4, 1, OUTER);
	ck_assert_str_eq(told(), "birthA:3 birthB:4");
	trace_end();
}
END_TEST

/* GObject counts 1 while it disposes. */
START_TEST(while_the_last_reference_goes_counts_are_those_without_it)
{
	begin();
	counted_decref(A, 0, OUTER);
	counted_ending(A, COUNTED_ENDING_HELD, OUTER);
	counted_incref(A, 2, INNER);
	counted_decref(A, 1, INNER);
	counted_incref(B, 2, INNER);
	counted_death(A, INNER);
	counted_ended(A, OUTER);
	ck_assert_str_eq(told(), "A-0 A+1 A-0 B+2 deathA");
	trace_end();
}
END_TEST

START_TEST(an_object_that_lives_on_was_revived)
{
	begin();
	counted_decref(A, 0, OUTER);
	counted_ending(A, COUNTED_ENDING_HELD, OUTER);
	counted_incref(A, 2, INNER);
	counted_ended(A, OUTER);
	counted_decref(A, 0, OUTER);
	counted_ending(A, COUNTED_ENDING_DROPPED, OUTER);
	counted_incref(A, 1, INNER);
	counted_ended(A, OUTER);
	counted_incref(A, 2, OUTER);
	ck_assert_str_eq(told(), "A-0 A+1 A.revived A-0 A+1 A.revived A+2");
	trace_end();
}
END_TEST

START_TEST(of_an_object_that_cannot_live_on_nothing_is_told_after_its_death)
{
	begin();
	counted_decref(A, 0, OUTER);
	counted_ending(A, COUNTED_ENDING_TOLD, OUTER);
	counted_incref(A, 2, INNER);
	counted_decref(A, 1, INNER);
	counted_freed(A, INNER);
	counted_ended(A, OUTER);
	counted_birth(A, 3, 1, OUTER);
	counted_incref(A, 2, OUTER);
	ck_assert_str_eq(told(), "A-0 deathA birthA:3 A+2");
	trace_end();
}
END_TEST

START_TEST(memory_given_back_is_the_death_of_the_object_in_it_that_ends)
{
	begin();
	counted_freed(A, OUTER);
	counted_decref(A, 0, OUTER);
	counted_ending(A, COUNTED_ENDING_DROPPED, OUTER);
	ck_assert(counted_any_ending());
	counted_freed(B, INNER);
	counted_freed(A, INNER);
	counted_freed(A, INNER);
	counted_ended(A, OUTER);
	ck_assert(!counted_any_ending());
	ck_assert_str_eq(told(), "A-0 deathA");
	trace_end();
}
END_TEST

START_TEST(ends_nest_as_deep_as_a_list_of_objects_is_long)
{
	begin();
	for (uintptr_t i = 0; i < 1000; i++)
		counted_ending(A + i * 64, COUNTED_ENDING_HELD, OUTER);
	counted_incref(A + 999 * 64, 2, INNER);
	for (uintptr_t i = 1000; i-- > 0;) {
		counted_death(A + i * 64, INNER);
		counted_ended(A + i * 64, OUTER);
	}
	ck_assert(!counted_any_ending());
	ck_assert_ptr_nonnull(strstr(told(), "?+1 death? death? death?"));
	ck_assert_ptr_null(strstr(told(), "revived"));
	trace_end();
}
END_TEST

START_TEST(nothing_is_told_from_inside_of_a_hook)
{
	begin();
	ck_assert(GUARD_ENTER(&guard));
	counted_incref(A, 2, 0, guard.t->inside - 4096, 0);
	guard_leave(&guard);
	ck_assert_str_eq(told(), "");
	ck_assert_uint_eq(file->lost[OURO_LOST_NESTED], 1);
	trace_end();
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, an_object_is_told_from_birth_to_death);
	tcase_add_test(c, a_count_at_birth_other_than_1_is_told_with_it);
	tcase_add_test(c, what_a_constructor_counts_comes_after_the_birth);
	tcase_add_test(c, what_is_made_inside_of_a_constructor_is_told_in_its_place);
	tcase_add_test(c, a_constructor_that_failed_or_was_left_by_a_long_jump_makes_nothing);
	tcase_add_test(c, more_nested_constructors_than_are_kept_do_no_harm);
	tcase_add_test(c, while_the_last_reference_goes_counts_are_those_without_it);
	tcase_add_test(c, an_object_that_lives_on_was_revived);
	tcase_add_test(c, of_an_object_that_cannot_live_on_nothing_is_told_after_its_death);
	tcase_add_test(c, memory_given_back_is_the_death_of_the_object_in_it_that_ends);
	tcase_add_test(c, ends_nest_as_deep_as_a_list_of_objects_is_long);
	tcase_add_test(c, nothing_is_told_from_inside_of_a_hook);
}

int main(void)
{
	return run_case("counted", add);
}

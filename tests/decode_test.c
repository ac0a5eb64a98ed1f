/*
 * decode_test.c - every record comes back as it was written, or its damage is noted
 */
#include "merge.h"

#include "trace_writer.h"

#include <check.h>
#include <inttypes.h>

static struct trace_writer w;
static struct trace t;
static struct defs d;
static struct stacks s;
static struct cursor c;
static struct merge m;

static void start(const char *script)
{
	write_trace(&w, script);
	ck_assert_int_eq(trace_open_memory(&t, w.bytes, w.size, NULL), 0);
	ck_assert_int_eq(defs_load(&d, &t), 0);
	ck_assert_int_eq(stacks_init(&s, &d), 0);
	if (t.events)
		ck_assert_int_eq(cursor_init(&c, &t, 0, &s), 0);
	ck_assert_int_eq(merge_init(&m, &t, &s), 0);
}

static void teardown(void)
{
	merge_fini(&m);
	cursor_fini(&c);
	stacks_fini(&s);
	defs_free(&d);
	trace_close(&t);
	writer_fini(&w);
}

static unsigned count_events(void)
{
	struct event e;
	unsigned n = 0;

	while (cursor_next(&c, &e) > 0)
		n++;
	return n;
}

/* Room to damage: the bytes of the first chunk of events. */
static uint8_t *events(void)
{
	return w.bytes + w.stream[1].chunk + sizeof(struct ouro_chunk);
}

START_TEST(fields_of_all_lengths_come_back)
{
	static const uint64_t odd[] = { 0, 1, 255, 256, 65535, 1u << 24, UINT32_MAX,
		1ull << 32, 1ull << 40, 1ull << 47, 1ull << 48, 1ull << 55,
		UINT64_MAX / 16 };
	struct event e;

	writer_begin(&w);
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		writer_event(&w, OURO_ALLOC, odd[i] * 8,
			odd[sizeof(odd) / sizeof(*odd) - 1 - i], NULL, NULL, 0);
	start("");
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		ck_assert_int_eq(cursor_next(&c, &e), 1);
		ck_assert_uint_eq(e.addr, odd[i] * 8);
		ck_assert_uint_eq(e.arg, odd[sizeof(odd) / sizeof(*odd) - 1 - i]);
		ck_assert_uint_eq(e.ticks, i + 1);
	}
	ck_assert_int_eq(cursor_next(&c, &e), 0);
	ck_assert_int_eq(cursor_next(&c, &e), 0);
	ck_assert_uint_eq(t.damages, 0);
}
END_TEST

START_TEST(random_events_come_back)
{
	enum { N = 20000 };
	static struct { uint64_t ticks, addr, arg; unsigned kind; } want[N];
	uint64_t ticks = 1;
	struct event e;

	srand(3);
	writer_begin(&w);
	for (int i = 0; i < N; i++) {
		unsigned shift = (unsigned)rand() % 44;

		ticks += (uint64_t)rand() % (1u << rand() % 20);
		want[i].ticks = w.ticks = ticks;
		want[i].addr = ((uint64_t)rand() << 13 ^ (uint64_t)rand()) >> shift << 3;
		want[i].arg = (uint64_t)rand() << 32 >> shift;
		want[i].kind = 1 + (unsigned)rand() % 8;
		writer_event(&w, want[i].kind, want[i].addr, want[i].arg, NULL, NULL, 0);
		if (writer_chunk(&w, w.stream[1].chunk)->used > 65000)
			writer_leave_chunk(&w, 1);
	}
	start("");
	for (int i = 0; i < N; i++) {
		ck_assert_int_eq(cursor_next(&c, &e), 1);
		ck_assert_uint_eq(e.ticks, want[i].ticks);
		ck_assert_uint_eq(e.addr, want[i].addr);
		ck_assert_uint_eq(e.arg, want[i].arg);
		ck_assert_uint_eq(e.kind, want[i].kind);
	}
	ck_assert_int_eq(cursor_next(&c, &e), 0);
	ck_assert_uint_eq(t.damages, 0);
}
END_TEST

START_TEST(a_stack_is_what_the_deltas_make_of_it)
{
	struct event e;
	stack_id first;

	start("alloc a 8 main>f>g|!x:1; alloc b 8 main>f>h|!x:1>y:2; chunk; "
		"alloc c 8 main>f>g|!x:1; free c");
	cursor_next(&c, &e);
	first = e.native;
	ck_assert_uint_eq(stacks_depth(&s, e.native), 3);
	ck_assert_uint_eq(stacks_depth(&s, e.interp), 1);
	cursor_next(&c, &e);
	ck_assert_uint_eq(stacks_depth(&s, e.interp), 2);
	ck_assert_uint_eq(stack_parent(&s, e.native), stack_parent(&s, first));
	cursor_next(&c, &e);
	ck_assert_uint_eq(e.native, first);
	cursor_next(&c, &e);
	ck_assert_int_eq(e.form, OURO_STACK_NONE);
}
END_TEST

START_TEST(a_location_that_shares_its_byte_with_another_is_written_out_again)
{
	char script[8192] = "";
	struct event e;
	uint32_t location[2];

	/* 130 frames: numbers 128 apart, in turn, and one of them twice. */
	for (int i = 0; i < 130; i++)
		sprintf(script + strlen(script), "alloc a 8 f%d; ", i);
	strcat(script, "alloc a 8 f0; alloc a 8 f128; alloc a 8 f128; alloc a 8 f0; "
		"chunk; alloc a 8 f128");
	start(script);
	for (int i = 0; i < 130; i++) {
		cursor_next(&c, &e);
		location[i / 128] = i % 128 ? location[i / 128] : s.node[e.native].location;
	}
	ck_assert_uint_eq(location[0] % OURO_RECENT, location[1] % OURO_RECENT);
	for (const char *want = "01101"; *want; want++) {
		ck_assert_int_eq(cursor_next(&c, &e), 1);
		ck_assert_uint_eq(s.node[e.native].location, location[*want - '0']);
	}
	ck_assert_uint_eq(t.damages, 0);
}
END_TEST

/* What a guest in a native stack of f alone would say; names have addresses in order. */
START_TEST(a_stack_that_is_not_what_was_promised_is_counted)
{
	uint64_t address, good;
	char script[200];
	struct event e;

	start("alloc a 8 f");
	cursor_next(&c, &e);
	address = def_location(&d, s.node[e.native].location)->native.address;
	good = ouro_hash(ouro_hash(0, address), 1);
	teardown();
	sprintf(script, "hash %" PRIu64 "; free b; alloc a 8 f; hash 77; alloc b 8 f; "
		"alloc c 8 f", good);
	start(script);
	while (cursor_next(&c, &e) == 1)
		;
	ck_assert_uint_eq(c.checked, 2);
	ck_assert_uint_eq(c.wrong, 1);
}
END_TEST

START_TEST(a_stack_of_two_hundred_frames_needs_long_counts)
{
	char script[4096] = "alloc a 8 ";
	struct event e;

	for (int i = 0; i < 200; i++)
		sprintf(script + strlen(script), "%sf%d", i ? ">" : "", i);
	strcat(script, "; alloc b 8 f0; alloc c 8 f0>f1");
	start(script);
	cursor_next(&c, &e);
	ck_assert_uint_eq(stacks_depth(&s, e.native), 200);
	cursor_next(&c, &e);
	ck_assert_uint_eq(stacks_depth(&s, e.native), 1);
	cursor_next(&c, &e);
	ck_assert_uint_eq(stacks_depth(&s, e.native), 2);
}
END_TEST

START_TEST(a_birth_without_its_tail_is_an_allocation)
{
	struct event e;

	write_trace(&w, "alloc a 8; pbirth b 64 16 list");
	writer_chunk(&w, w.stream[1].chunk)->used -= 2;
	start("");
	cursor_next(&c, &e);
	ck_assert_int_eq(cursor_next(&c, &e), 1);
	ck_assert_int_eq(e.kind, OURO_POOL_ALLOC);
	ck_assert_uint_eq(e.arg, 64);
	ck_assert_int_eq(cursor_next(&c, &e), 0);
	ck_assert_uint_eq(t.damages, 0);
}
END_TEST

START_TEST(a_birth_tells_its_object_and_type)
{
	struct event e;

	start("pbirth a 64 16 list; birth b dict; snapshot 300");
	cursor_next(&c, &e);
	ck_assert_uint_eq(e.object, writer_address("a+16"));
	ck_assert_uint_eq(e.type, writer_type(&w, "list"));
	cursor_next(&c, &e);
	ck_assert_uint_eq(e.object, writer_address("b"));
	ck_assert_uint_eq(e.type, writer_type(&w, "dict"));
	cursor_next(&c, &e);
	ck_assert_int_eq(e.ext, OURO_EXT_SNAPSHOT);
	ck_assert_uint_eq(e.ext_arg[0], 300);
}
END_TEST

START_TEST(what_makes_no_sense_ends_its_chunk_and_no_other)
{
	static const struct {
		uint8_t bytes[4];
		const char *says;
	} table[] = {
		{ { 0, 0 },
			"chunk 0 (byte 4096): record at byte 0: its kind is unknown (0)" },
		{ { 20, 0 },
			"chunk 0 (byte 4096): record at byte 0: its kind is unknown (20)" },
		{ { OURO_ALLOC, 0x80, 0x10 },
			"chunk 0 (byte 4096): record at byte 0: its stack makes no sense (2)" },
		{ { OURO_EXT, 0x08, 200 },
			"chunk 0 (byte 4096): record at byte 0: its tail makes no sense (200)" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		write_trace(&w, "alloc a 8; alloc b 8");
		memcpy(events(), table[i].bytes, 4);
		start("chunk; alloc c 8; alloc d 8");
		ck_assert_uint_eq(count_events(), 2);
		ck_assert_str_eq(t.damage[0].text, table[i].says);
		teardown();
	}
}
END_TEST

/* "+2c" for each event: an incref to 2, in the third function that the script names. */
static const char *changes(void)
{
	static char text[4096];
	struct event e;
	char *p = text;

	*text = 0;
	while (cursor_next(&c, &e) > 0) {
		p += sprintf(p, "%s%c%" PRIu64, p > text ? " " : "",
			e.kind == OURO_INCREF ? '+' : e.kind == OURO_DECREF ? '-' : '?', e.arg);
		if (e.form != OURO_STACK_NONE)
			*p++ = (char)('a' + s.node[e.native].location - OURO_LOC_FIRST);
	}
	*p = 0;
	return text;
}

START_TEST(a_repeat_is_the_last_two_changes_in_turn)
{
	start("incref o 3 main>a; incref o 2 main>f; decref o 1 main>g; repeat 3; "
		"decref o 1 main>h; repeat 1; free x");
	ck_assert_str_eq(changes(), "+3b +2c -1d +2c -1d +2c -1e +2c ?0");
	ck_assert_uint_eq(t.damages, 0);
}
END_TEST

START_TEST(a_repeat_of_what_is_not_in_its_chunk_is_damage)
{
	static const char *const scripts[] = {
		"incref o 2; decref o 1; chunk; repeat 2", "incref o 2; decref o 1; chunk; incref o 2; repeat 2",
		"incref o 2; repeat 1; decref o 1", "incref o 2; decref o 1; repeat 256; incref o 2",
	};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		start(scripts[i]);
		changes();
		ck_assert_uint_eq(t.damages, 1);
		ck_assert_ptr_nonnull(strstr(t.damage[0].text, "repetition"));
		teardown();
	}
}
END_TEST

START_TEST(what_repeats_in_a_chunk_goes_on_after_it_was_applied)
{
	start("incref o 2; decref o 1; repeat 255; applied; decref o 1; repeat 2");
	ck_assert_str_eq(changes(), "-1 +2 -1");
	ck_assert_uint_eq(t.damages, 0);
}
END_TEST

START_TEST(lost_records_are_told_before_what_follows_them)
{
	struct event e;

	write_trace(&w, "alloc a 8; chunk; alloc b 8");
	writer_chunk(&w, w.stream[1].chunk)->lost = 12;
	start("");
	cursor_next(&c, &e);
	ck_assert_uint_eq(e.lost, 0);
	cursor_next(&c, &e);
	ck_assert_uint_eq(e.lost, 12);
}
END_TEST

START_TEST(streams_are_merged_and_keep_their_own_order)
{
	/* at 20: the free of e before both births; b before c as written */
	static const char order[] = "adebcf";
	const struct event *e;

	start("at 5; alloc a 8; at 20; alloc b 8; at 20; alloc c 8; "
		"thread 2; at 10; alloc d 8; thread 3; at 20; free e; thread 2; at 30; "
			"alloc f 8");
	for (const char *p = order; *p; p++) {
		ck_assert_int_eq(merge_next(&m, &e), 1);
		ck_assert_uint_eq(e->addr, (uint64_t)(*p - 'a' + 1) << 20);
	}
	ck_assert_int_eq(merge_next(&m, &e), 0);
	ck_assert_int_eq(merge_next(&m, &e), 0);
}
END_TEST

START_TEST(fourteen_thousand_events_of_seven_streams_are_in_time)
{
	const struct event *e;
	uint64_t last = 0;
	unsigned n = 0;

	srand(1);
	writer_begin(&w);
	for (int i = 0; i < 14000; i++) {
		w.current = 1 + (unsigned)rand() % 7;
		writer_event(&w, OURO_ALLOC, 64, 8, NULL, NULL, 0);
	}
	start("");
	while (merge_next(&m, &e) > 0) {
		ck_assert_uint_gt(e->ticks, last);
		last = e->ticks;
		n++;
	}
	ck_assert_uint_eq(n, 14000);
}
END_TEST

/* What is said of all events, in one number; of the stacks what they are, not their numbers. */
static uint64_t read_all(int ahead, unsigned *ret_events, char first_damage[200])
{
	const struct event *e;
	uint64_t h = 0;

	*ret_events = 0;
	*first_damage = 0;
	merge_ahead = ahead;
	ck_assert_int_eq(trace_open_memory(&t, w.bytes, w.size, NULL), 0);
	ck_assert_int_eq(defs_load(&d, &t), 0);
	ck_assert_int_eq(stacks_init(&s, &d), 0);
	ck_assert_int_eq(merge_init(&m, &t, &s), 0);
	while (merge_next(&m, &e) > 0) {
		h = ouro_hash(ouro_hash(ouro_hash(h, e->ticks), e->addr), e->arg + e->kind);
		for (unsigned i = 0; e->kind == OURO_EXT && i < EXT_ARGS; i++)
			h = ouro_hash(h, e->ext_arg[i]);
		ck_assert_uint_lt(e->stack, s.count);
		ck_assert_uint_le(s.count, s.room);
		for (stack_id x = e->stack; x; x = stack_parent(&s, x))
			h = ouro_hash(h, s.node[x].location);
		if (t.damages && !*first_damage)	/* ... and before which event */
			snprintf(first_damage, 200, "%u %.180s", *ret_events, t.damage[0].text);
		++*ret_events;
	}
	merge_ahead = 0;
	h = ouro_hash(ouro_hash(h, t.damages), s.count);
	merge_fini(&m);
	stacks_fini(&s);
	defs_free(&d);
	trace_close(&t);
	return h;
}

/* Thousands of events with and without stacks, EXTs among them, in seven streams. */
static void write_many(unsigned seed, unsigned events)
{
	char *text = calloc(events, 64), *p = text;

	srand(seed);
	for (unsigned i = 0; i < events; i++) {
		int x = rand();

		p += sprintf(p, "thread %d; ", 1 + x % 7);
		if (x / 7 % 100 == 0)
			p += sprintf(p, "snapshot %d; ", x % 1000);
		else if (x / 7 % 3)
			p += sprintf(p, "pbirth a 64 16 list main>f%d>eval1|!g:%d; ", x / 90 % 50,
				x / 900 % 90 + 1);
		else
			p += sprintf(p, "pfree a; ");
		if (x / 7 % 500 == 7)
			p += sprintf(p, "chunk; ");
	}
	write_trace(&w, text);
	free(text);
}

START_TEST(a_thread_that_reads_ahead_changes_nothing)
{
	for (unsigned seed = 0; seed < 4; seed++) {
		char damage[2][200];
		unsigned n[2];
		uint64_t h[2];

		write_many(seed, 9000);
		if (seed & 1)		/* the same of a trace that is damaged */
			memset(events() + 4 * seed, 0xff, 20);
		for (int i = 0; i < 2; i++)
			h[i] = read_all(i ? 1 : -1, &n[i], damage[i]);
		ck_assert_uint_eq(h[0], h[1]);
		ck_assert_uint_eq(n[0], n[1]);
		ck_assert_uint_gt(n[0], seed & 1 ? 1000 : 8999);
		ck_assert_str_eq(damage[0], damage[1]);
		ck_assert_int_eq(!*damage[0], !(seed & 1));
		writer_fini(&w);
	}
}
END_TEST

/* It may stop anywhere: the thread has many more batches to read. */
START_TEST(who_has_seen_enough_may_leave_while_the_thread_reads_on)
{
	const struct event *e;

	write_many(1, 9000);
	merge_ahead = 1;
	start("");
	for (int i = 0; i < 3000; i++)
		ck_assert_int_eq(merge_next(&m, &e), 1);
	merge_fini(&m);
	merge_ahead = 0;
	ck_assert_uint_gt(s.count, 100);
	ck_assert_uint_ne(stacks_push(&s, STACK_EMPTY, 12345), STACK_EMPTY);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("decode");
	TCase *tc = tcase_create("decode");
	SRunner *r = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_thread_that_reads_ahead_changes_nothing);
	tcase_add_test(tc, who_has_seen_enough_may_leave_while_the_thread_reads_on);
	tcase_add_test(tc, fields_of_all_lengths_come_back);
	tcase_add_test(tc, random_events_come_back);
	tcase_add_test(tc, a_stack_is_what_the_deltas_make_of_it);
	tcase_add_test(tc, a_location_that_shares_its_byte_with_another_is_written_out_again);
	tcase_add_test(tc, a_stack_that_is_not_what_was_promised_is_counted);
	tcase_add_test(tc, a_stack_of_two_hundred_frames_needs_long_counts);
	tcase_add_test(tc, a_birth_without_its_tail_is_an_allocation);
	tcase_add_test(tc, a_birth_tells_its_object_and_type);
	tcase_add_test(tc, what_makes_no_sense_ends_its_chunk_and_no_other);
	tcase_add_test(tc, a_repeat_is_the_last_two_changes_in_turn);
	tcase_add_test(tc, a_repeat_of_what_is_not_in_its_chunk_is_damage);
	tcase_add_test(tc, what_repeats_in_a_chunk_goes_on_after_it_was_applied);
	tcase_add_test(tc, lost_records_are_told_before_what_follows_them);
	tcase_add_test(tc, streams_are_merged_and_keep_their_own_order);
	tcase_add_test(tc, fourteen_thousand_events_of_seven_streams_are_in_time);
	suite_add_tcase(suite, tc);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

/*
 * replay_test.c - what lives, dies and moves, and whose it is
 */
#include "replay.h"

#include "trace_writer.h"

#include <check.h>

static struct trace_writer w;
static struct trace t;
static struct defs d;
static struct replay r;

static void start(const char *script)
{
	write_trace(&w, script);
	ck_assert_int_eq(trace_open_memory(&t, w.bytes, w.size, NULL), 0);
	ck_assert_int_eq(defs_load(&d, &t), 0);
	ck_assert_int_eq(replay_init(&r, &t, &d), 0);
}

static void play(const char *script)
{
	start(script);
	ck_assert_int_eq(replay_to_end(&r), 0);
	ck_assert_uint_eq(t.damages, 0);
}

static void teardown(void)
{
	replay_fini(&r);
	defs_free(&d);
	trace_close(&t);
	writer_fini(&w);
}

/* The letters of all blocks that live, in order; objects' letters in capitals. */
static const char *living(void)
{
	static char text[64];
	bool has[2][26] = { { 0 } };
	size_t at = 0, n = 0;
	const struct block *b;
	const struct object *o;

	while ((b = replay_each_block(&r, &at)))
		has[0][(b->addr >> 20) - 1] = true;
	at = 0;
	while ((o = replay_each_object(&r, &at)))
		has[1][(o->addr >> 20) - 1] = true;
	for (int i = 0; i < 26; i++) {
		if (has[0][i])
			text[n++] = (char)('a' + i);
		if (has[1][i])
			text[n++] = (char)('A' + i);
	}
	text[n] = 0;
	return text;
}

/* The stack of a site, as the writer's script has it but without addresses: "n>n|line:3".
 */
static const char *stack_text(stack_id id)
{
	static char text[256];
	char part[256], rest[256];

	text[0] = 0;
	for (; id; id = stack_parent(&r.stacks, id)) {
		const struct def_location *l = stack_location(&r.stacks, id);

		if (l->kind == LOCATION_LINE)
			snprintf(part, sizeof(part), "%.*s:%u",
				TEXT_ARG(def_code(&d, l->line.code)->name), l->line.line);
		else if (l->kind == LOCATION_NATIVE)
			snprintf(part, sizeof(part), "%s",
				w.name[WRITER_LOCATION]
				      [(l->native.address & 0xfffff) / 16 - 16]);
		else
			snprintf(part, sizeof(part), "...");
		snprintf(rest, sizeof(rest), "%s", text);
		snprintf(text, sizeof(text), "%.120s%s%.120s", part, *rest ? ">" : "",
			rest);
	}
	return text;
}

static const char *site_of(const char *block)
{
	return stack_text(r.site[block_site(&r, replay_block(&r, writer_address(block)))].stack);
}

START_TEST(what_was_not_freed_lives)
{
	play("alloc a 8; alloc b 16; alloc c 32; free b; palloc d 8; palloc e 8; "
		"pfree e");
	ck_assert_str_eq(living(), "acd");
	ck_assert_uint_eq(r.total.live_bytes, 48);
	ck_assert_uint_eq(r.total.blocks, 5);
	ck_assert_uint_eq(r.total.frees, 2);
	ck_assert_uint_eq(r.total.events, 7);
	ck_assert_uint_eq(replay_block(&r, writer_address("c"))->size, 32);
	ck_assert(replay_block(&r, writer_address("d"))->pool);
	ck_assert_ptr_null(replay_block(&r, writer_address("b")));
}
END_TEST

START_TEST(an_address_lies_in_the_block_around_it)
{
	play("alloc a 64; alloc b 64; alloc c 8; free b");
	ck_assert_uint_eq(replay_block_around(&r, writer_address("a+63"))->addr,
		writer_address("a"));
	ck_assert_ptr_null(replay_block_around(&r, writer_address("a+64")));
	ck_assert_ptr_null(replay_block_around(&r, writer_address("b+8")));
	ck_assert_ptr_null(replay_block_around(&r, 1));
}
END_TEST

START_TEST(either_allocator_frees_what_the_other_made)
{
	play("alloc a 8; pfree a; palloc b 8; free b; alloc c 8");
	ck_assert_str_eq(living(), "c");
	ck_assert_uint_eq(r.total.unknown_frees, 0);
}
END_TEST

START_TEST(frees_of_strangers_and_births_on_the_living_are_counted)
{
	play("free z; alloc a 8; alloc a 24; birth b list; birth b dict; death c");
	ck_assert_uint_eq(r.total.unknown_frees, 1);
	ck_assert_uint_eq(r.total.double_blocks, 1);
	ck_assert_uint_eq(r.total.double_births, 1);
	ck_assert_uint_eq(r.total.unknown_deaths, 1);
	ck_assert_uint_eq(r.total.live_bytes, 24);
	ck_assert_uint_eq(r.total.live_objects, 1);
}
END_TEST

START_TEST(an_object_dies_with_its_block)
{
	play("pbirth a 64 16 list; pbirth b 64 16 dict; palloc c 64; birth c+16 tuple; "
		"pfree a; free c");
	ck_assert_str_eq(living(), "bB");
	ck_assert_uint_eq(r.total.births, 3);
	ck_assert_uint_eq(r.total.deaths, 2);
	ck_assert_str_eq(
		def_type(&d, replay_object(&r, writer_address("b+16"))->type)->name.s
			? "dict"
			: "",
		"dict");
}
END_TEST

START_TEST(a_block_outlives_its_object_and_may_get_another)
{
	play("pbirth a 64 16 list main; death a+16; ready; birth a+16 list main>again");
	ck_assert_str_eq(living(), "aA");
	ck_assert_uint_eq(r.total.births, 2);
	ck_assert_uint_eq(r.total.double_births, 0);
	ck_assert_str_eq(
		stack_text(r.site[replay_object(&r, writer_address("a+16"))->site].stack),
		"main>again");
	ck_assert(!replay_before_ready(
		&r, replay_object(&r, writer_address("a+16"))->born));
	ck_assert(replay_before_ready(&r, replay_block(&r, writer_address("a"))->born));
}
END_TEST

START_TEST(an_object_born_again_still_dies_with_its_block)
{
	play("pbirth a 64 16 list; death a+16; birth a+16 list; pfree a");
	ck_assert_str_eq(living(), "");
	ck_assert_uint_eq(r.total.live_objects, 0);
	ck_assert_uint_eq(r.total.deaths, 2);
}
END_TEST

START_TEST(many_objects_of_one_block_die_together)
{
	play("alloc a 4096; birth a+128 node; birth a+256 node; birth a+512 node; "
		"death a+256; free a");
	ck_assert_str_eq(living(), "");
	ck_assert_uint_eq(r.total.deaths, 3);
	ck_assert_uint_eq(r.total.live_objects, 0);
}
END_TEST

START_TEST(realloc_takes_its_objects_along)
{
	play("pbirth a 64 16 tuple main>new; prelease a; pplace b 128 main>resize");
	ck_assert_str_eq(living(), "bB");
	ck_assert_uint_eq(
		replay_object(&r, writer_address("b+16"))->block, writer_address("b"));
	ck_assert_str_eq(
		stack_text(r.site[replay_object(&r, writer_address("b+16"))->site].stack),
		"main>new");
	ck_assert_str_eq(site_of("b"), "main>resize");
	ck_assert_uint_eq(r.total.moves, 1);
	ck_assert_uint_eq(r.total.blocks, 1);
	ck_assert_uint_eq(r.total.live_bytes, 128);
}
END_TEST

START_TEST(a_realloc_that_failed_changes_nothing)
{
	play("alloc a 64 main>new; release a; place a 64 main>grow; "
		"alloc b 32 main>new; release b; place b 0 main>grow");
	ck_assert_str_eq(living(), "ab");
	ck_assert_uint_eq(r.total.live_bytes, 96);
	ck_assert_uint_eq(r.total.moves, 0);
	ck_assert_str_eq(site_of("a"), "main>new");
}
END_TEST

START_TEST(realloc_of_a_stranger_is_a_birth_and_of_null_too)
{
	play("release z; place a 64 main; place b 8 main");
	ck_assert_str_eq(living(), "ab");
	ck_assert_uint_eq(r.total.unknown_frees, 1);
	ck_assert_uint_eq(r.total.double_blocks, 0);
}
END_TEST

START_TEST(a_block_in_realloc_lives_and_so_do_its_objects)
{
	play("pbirth a 64 16 tuple; alloc b 8; prelease a");
	ck_assert_str_eq(living(), "aAb");
	ck_assert_ptr_nonnull(replay_block(&r, writer_address("a")));
	ck_assert_ptr_nonnull(replay_object(&r, writer_address("a+16")));
}
END_TEST

START_TEST(another_thread_may_get_the_address_during_realloc)
{
	play("pbirth a 64 16 tuple; prelease a; thread 2; pbirth a 64 16 list; "
		"thread 1; pplace b 128");
	ck_assert_str_eq(living(), "aAbB");
	ck_assert_uint_eq(r.total.double_blocks, 0);
	ck_assert_uint_eq(r.total.double_births, 0);
}
END_TEST

START_TEST(threads_are_merged_by_time)
{
	play("at 10; alloc a 8; thread 2; at 20; free a; thread 1; at 30; alloc a 16; "
		"thread 2; at 40; free a; thread 1; at 50; alloc a 24");
	ck_assert_uint_eq(r.total.live_bytes, 24);
	ck_assert_uint_eq(r.total.double_blocks + r.total.unknown_frees, 0);
}
END_TEST

START_TEST(at_one_tick_a_death_in_one_thread_precedes_a_birth_in_another)
{
	play("thread 2; at 10; alloc a 8; at 20; free a; thread 1; at 20; alloc a 16");
	ck_assert_uint_eq(r.total.live_bytes, 16);
	ck_assert_uint_eq(r.total.double_blocks + r.total.unknown_frees, 0);
}
END_TEST

/*
 * Stream 1 is at its ALLOC of b, so its FREE of a is not to be seen when stream 2 is
 * asked.
 */
START_TEST(a_free_that_comes_late_within_its_tick_frees_the_old_block)
{
	play("thread 2; at 10; alloc a 8; at 20; alloc b 8; at 20; free a; "
		"thread 1; at 20; alloc a 16");
	ck_assert_str_eq(living(), "ab");
	ck_assert_uint_eq(r.total.live_bytes, 24);
	ck_assert_uint_eq(r.total.double_blocks + r.total.unknown_frees, 0);
}
END_TEST

/* Stream 2 got a from stream 1 and stamped its FREE before that hand-over was done. */
START_TEST(a_free_that_comes_before_its_block_frees_it)
{
	play("thread 2; at 20; free a; thread 1; at 25; alloc a 8; at 30; alloc b 8; "
	     "thread 2; at 31; alloc a 16; thread 1; at 40; free a");
	ck_assert_str_eq(living(), "b");
	ck_assert_uint_eq(r.total.frees, 2);
	ck_assert_uint_eq(r.total.double_blocks + r.total.unknown_frees, 0);
}
END_TEST

START_TEST(a_free_long_before_or_in_the_same_thread_is_a_strangers)
{
	play("thread 2; at 20; free a; thread 1; at 300; alloc a 8; free b; alloc b 8");
	ck_assert_str_eq(living(), "ab");
	ck_assert_uint_eq(r.total.unknown_frees, 2);
}
END_TEST

static const struct part *part_of(const char *block)
{
	return &r.part[replay_block(&r, writer_address(block))->part];
}

static const struct part_objects *objects_of(const char *block)
{
	return replay_objects(&r, replay_block(&r, writer_address(block))->part);
}

START_TEST(parts_know_what_was_made_and_what_is_left)
{
	const struct part *p;

	play("alloc a 100 main>f; alloc b 100 main>f; free a; alloc c 50 main>g; "
		"free b; alloc d 10 main>f");
	p = part_of("d");
	ck_assert_uint_eq(p->blocks, 3);
	ck_assert_uint_eq(p->bytes, 210);
	ck_assert_uint_eq(p->live, 1);
	ck_assert_uint_eq(p->live_bytes, 10);
	ck_assert_uint_eq(r.site[p->site].peak_bytes, 200);
	ck_assert_uint_eq(r.sites, 3);
	ck_assert_uint_eq(r.parts, 3);
}
END_TEST

START_TEST(one_stack_has_a_part_for_each_type_and_thread)
{
	play("pbirth a 64 16 list main>f; pbirth b 32 0 dict main>f; pbirth c 64 16 list main>f;"
		"palloc d 16 main>f; thread 2; pbirth e 64 16 list main>f; pfree a");
	ck_assert_uint_eq(r.sites, 2);
	ck_assert_uint_eq(r.parts, 5);
	ck_assert_uint_eq(objects_of("c")->born, 2);
	ck_assert_uint_eq(objects_of("c")->live, 1);
	ck_assert_uint_eq(part_of("c")->live_bytes, 64);
	ck_assert_uint_eq(part_of("e")->thread, 2);
	ck_assert_uint_eq(objects_of("e")->born, 1);
	ck_assert_uint_eq(part_of("b")->bytes, 32);
	ck_assert_uint_eq(objects_of("d")->born, 0);
}
END_TEST

START_TEST(a_block_is_its_objects)
{
	play("alloc a 100 main>f; birth a+16 node main>g; alloc b 50 main>f;"
		"pbirth c 64 16 list main>f; death c+16; birth c+16 list main>h");
	ck_assert_uint_ne(part_of("a")->type, 0);
	ck_assert_uint_eq(part_of("a")->blocks, 1);
	ck_assert_str_eq(site_of("a"), "main>g");
	ck_assert_uint_eq(part_of("b")->type, 0);
	ck_assert_uint_eq(part_of("b")->blocks, 1);
	ck_assert_str_eq(site_of("c"), "main>h");
	ck_assert_uint_eq(part_of("c")->live_bytes, 64);
	ck_assert_uint_eq(objects_of("c")->born, 1);
	ck_assert_uint_eq(r.total.live_bytes, 214);
	ck_assert_uint_eq(r.total.peak_bytes, 214);
}
END_TEST

START_TEST(a_block_that_waits_for_an_object_is_no_mass)
{
	play("pbirth a 64 16 list main>f; pbirth b 64 16 list main>f; death a+16; death b+16;"
		"birth b+16 list main>g; pfree a");
	ck_assert_uint_eq(r.site[part_of("b")->site].mass, 64);
	ck_assert_uint_eq(r.site[1].mass, 0);
	ck_assert_uint_eq(r.site[1].live_bytes, 0);
	ck_assert(!replay_waits(&r, replay_block(&r, writer_address("b"))));
}
END_TEST

START_TEST(a_block_of_many_objects_is_its_firsts)
{
	play("alloc a 4096 main>f; birth a+128 node main>g; birth a+256 leaf main>h");
	ck_assert_str_eq(site_of("a"), "main>g");
	ck_assert_uint_eq(part_of("a")->live_bytes, 4096);
}
END_TEST

START_TEST(the_peak_knows_what_made_it_up)
{
	play("alloc a 100 main>f; alloc b 70 main>g; free a; alloc c 20 main>f; free b; "
		"alloc d 90 main>g");
	ck_assert_uint_eq(r.total.peak_bytes, 170);
	ck_assert_uint_eq(r.total.peak_live, 2);
	ck_assert_uint_eq(part_of("c")->at_peak_bytes, 100);
	ck_assert_uint_eq(part_of("d")->at_peak_bytes, 70);
	ck_assert_uint_eq(part_of("c")->at_peak, 1);
}
END_TEST

START_TEST(a_block_freed_by_what_its_thread_does_next_is_brief)
{
	play("alloc a 8 f; free a; alloc a 8 f; free a; alloc a 8 f; alloc b 8 g; "
		"free a; alloc c 8 f; free b; free c; alloc d 8 f; release d; place e 16 f");
	ck_assert_uint_eq(part_of("e")->brief, 3);
}
END_TEST

START_TEST(what_dies_has_an_age)
{
	uint64_t blocks[AGES] = { 0 }, objects[AGES] = { 0 };
	play("at 10; pbirth a 64 0 list f; at 20; pbirth b 64 0 list f; at 25; pfree a; "
		"at 28; pfree b; at 30; pbirth c 64 0 list f; at 530; death c; pbirth z 64 0 list f");
	ages_add(blocks, &part_of("z")->ages, &r.ages);
	ages_add(objects, &objects_of("z")->ages, &r.ages);
	ck_assert_uint_eq(blocks[4], 2);		/* 15 ns and 8 ns */
	ck_assert_uint_eq(objects[4], 2);
	ck_assert_uint_eq(objects[9], 1);		/* 500 ns */
}
END_TEST

START_TEST(what_is_left_is_what_lived_when_the_end_began)
{
	play("alloc a 8 f; alloc b 16 f; exiting; free a; alloc c 32 g; alloc d 64 f");
	ck_assert_uint_eq(r.total_left.live_bytes, 24);
	ck_assert_uint_eq(replay_left(&r, replay_block(&r, writer_address("b"))->part).live, 2);
	ck_assert_uint_le(r.parts_left, replay_block(&r, writer_address("c"))->part);
	ck_assert_uint_eq(part_of("d")->live_bytes, 80);
}
END_TEST

START_TEST(counting_may_start_over)
{
	start("alloc a 8 f; alloc b 16 f; free a; at 100; alloc c 32 f");
	ck_assert_int_eq(replay_to_ticks(&r, 100), 1);
	replay_start_counting(&r);
	ck_assert_int_eq(replay_to_end(&r), 0);
	ck_assert_uint_eq(part_of("b")->blocks, 1);
	ck_assert_uint_eq(part_of("b")->bytes, 32);
	ck_assert_uint_eq(part_of("b")->live_bytes, 48);
	ck_assert_uint_eq(replay_left(&r, replay_block(&r, writer_address("b"))->part).live_bytes, 32);
	ck_assert_uint_eq(r.total.peak_bytes, 48);
	ck_assert_uint_eq(r.total.blocks, 1);
}
END_TEST

START_TEST(it_stops_at_a_snapshot_and_runs_on)
{
	start("alloc a 8; snapshot 1; free a; alloc b 8; snapshot 2; alloc c 8");
	ck_assert_int_eq(replay_to_snapshot(&r, 1), 1);
	ck_assert_str_eq(living(), "a");
	ck_assert_int_eq(replay_to_snapshot(&r, 2), 1);
	ck_assert_str_eq(living(), "b");
	ck_assert_int_eq(replay_to_end(&r), 0);
	ck_assert_str_eq(living(), "bc");
	ck_assert_uint_eq(r.total.events, 6);
}
END_TEST

START_TEST(it_stops_at_a_time_and_says_when_there_is_no_such_snapshot)
{
	start("at 10; alloc a 8; at 20; alloc b 8; at 30; alloc c 8");
	ck_assert_int_eq(replay_to_ticks(&r, 20), 1);
	ck_assert_str_eq(living(), "a");
	ck_assert_int_eq(replay_to_ticks(&r, 21), 1);
	ck_assert_str_eq(living(), "ab");
	ck_assert_int_eq(replay_to_snapshot(&r, 7), 0);
	ck_assert_str_eq(living(), "abc");
}
END_TEST

START_TEST(collections_are_counted_and_objects_know_theirs)
{
	play("pbirth a 64 16 list; collect 2; collected 5; collect 0; collected 1; "
		"pbirth b 64 16 list; exiting");
	ck_assert_uint_eq(r.total.collections, 2);
	ck_assert_uint_eq(r.total.collected, 6);
	ck_assert_uint_eq(replay_object(&r, writer_address("a+16"))->collections, 0);
	ck_assert_uint_eq(replay_object(&r, writer_address("b+16"))->collections, 2);
	ck_assert_uint_ne(r.exiting, 0);
	ck_assert_uint_eq(r.ready, 0);
}
END_TEST

START_TEST(stacks_of_interpreter_and_machine_are_one)
{
	play("alloc a 8 main>eval1>call>eval2>new|!run:3>go:7>!inner:9");
	ck_assert_str_eq(site_of("a"), "main>run:3>go:7>call>inner:9>new");
}
END_TEST

/* Against a plain model: an array of what lives. */
START_TEST(ten_thousand_random_events_leave_what_a_plain_model_says)
{
	struct ouro_chunk *c;
	uint64_t size[200] = { 0 }, sum = 0;
	char line[64];

	srand(7);
	writer_begin(&w);
	for (int i = 0; i < 10000; i++) {
		int k = rand() % 200, n = 8 + rand() % 500;

		if (size[k] && rand() % 3 == 0) {
			snprintf(line, sizeof(line), "release %#x; "
				"place %#x %d", 0x1000 + k * 512,
				0x1000 + k * 512, n);
			size[k] = (uint64_t)n;
		} else if (size[k]) {
			snprintf(line, sizeof(line), "free %#x", 0x1000 + k * 512);
			size[k] = 0;
		} else {
			snprintf(line, sizeof(line), "alloc %#x %d", 0x1000 + k * 512, n);
			size[k] = (uint64_t)n;
		}
		write_trace(&w, line);
		c = writer_chunk(&w, w.stream[1].chunk);
		if (c->used > 60000)
			write_trace(&w, "chunk");
	}
	play("");
	for (int k = 0; k < 200; k++) {
		const struct block *b = replay_block(&r, (uint64_t)(0x1000 + k * 512));

		ck_assert_uint_eq(b ? b->size : 0, size[k]);
		sum += size[k];
	}
	ck_assert_uint_eq(r.total.live_bytes, sum);
	ck_assert_uint_eq(r.total.double_blocks + r.total.unknown_frees, 0);
}
END_TEST

/* --- rings ------------------------------------------------------------------------- */

START_TEST(a_ring_begins_with_what_lived)
{
	play("at 5; row a 64 1 0 - main>work; row b 48 7 2 list main>f;"
		"row c 0 4 0 dict main>g; at 50; free a; alloc d 16 main");
	ck_assert_str_eq(living(), "bBCd");
	ck_assert_uint_eq(replay_block(&r, 0x200000)->born, 6);
	ck_assert_uint_eq(replay_object(&r, 0x200010)->born, 6);
	ck_assert_uint_eq(replay_object(&r, 0x300000)->born, 7);
	ck_assert_uint_eq(stacks_depth(&r.stacks,
		r.site[replay_object(&r, 0x300000)->site].stack), 2);
	ck_assert_uint_eq(r.total.unknown_frees, 0);
}
END_TEST

START_TEST(records_that_are_in_the_rows_are_read_for_their_stacks_alone)
{
	play("row b 32 1 0 - x; alloc a 16 main>f; free a; alloc b 32 main>g; applied;"
		"alloc c 8 main>g");
	ck_assert_str_eq(living(), "bc");
	ck_assert_uint_eq(r.total.events, 1);
	ck_assert_uint_eq(r.total.double_blocks, 0);
	ck_assert_uint_eq(stacks_depth(&r.stacks,
		r.site[block_site(&r, replay_block(&r, 0x300000))].stack), 2);
}
END_TEST

START_TEST(a_step_that_is_not_whole_does_not_count)
{
	write_trace(&w, "alloc a 16 main; alloc b 16 main; applied");
	writer_head(&w)->ring_step = 0;
	ck_assert_int_eq(trace_open_memory(&t, w.bytes, w.size, NULL), 0);
	ck_assert_int_eq(defs_load(&d, &t), 0);
	ck_assert_int_eq(replay_init(&r, &t, &d), 0);
	ck_assert_int_eq(replay_to_end(&r), 0);
	ck_assert_str_eq(living(), "ab");
}
END_TEST

START_TEST(a_block_that_was_in_the_rows_before_it_became_an_object_is_one)
{
	write_trace(&w, "row a 64 3 0 - main; palloc a 64 main; applied; free z");
	struct ouro_chunk *c = writer_chunk(&w, w.stream[1].chunk);
	uint8_t *data = (uint8_t *)(c + 1);
	uint32_t at = c->applied[0].bytes;

	/* The guest would have put the tail there before it wrote on. */
	memmove(data + at + 2, data + at, c->used - at);
	data[at] = 2;
	data[at + 1] = 1;
	data[0] = (uint8_t)((data[0] & ~31) | OURO_POOL_BIRTH);
	c->used += 2;
	ck_assert_int_eq(trace_open_memory(&t, w.bytes, w.size, NULL), 0);
	ck_assert_int_eq(defs_load(&d, &t), 0);
	ck_assert_int_eq(replay_init(&r, &t, &d), 0);
	ck_assert_int_eq(replay_to_end(&r), 0);
	ck_assert_str_eq(living(), "aA");
	ck_assert_uint_eq(replay_object(&r, 0x100010)->block, 0x100000);
}
END_TEST

START_TEST(a_stack_that_hangs_from_a_later_one_is_a_damage)
{
	start("node-under 7 20; row a 64 1 0 - main");
	ck_assert_uint_eq(t.damages, 1);
	ck_assert_str_eq(living(), "a");
}
END_TEST

/* --- samples ----------------------------------------------------------------------- */

START_TEST(a_sampled_record_stands_for_many)
{
	struct replay_total all;

	write_trace(&w, "alloc a 100 main; alloc b 1000000 main; free b");
	writer_head(&w)->sample_bytes = 1000;
	ck_assert_int_eq(trace_open_memory(&t, w.bytes, w.size, NULL), 0);
	ck_assert_int_eq(defs_load(&d, &t), 0);
	ck_assert_int_eq(replay_init(&r, &t, &d), 0);
	ck_assert_int_eq(replay_to_end(&r), 0);
	all = replay_totals(&r);
	ck_assert_uint_eq(all.live, 11);	/* 1 / (1 - exp(-0.1)) = 10.51 */
	ck_assert_uint_eq(all.live_bytes, 1051);
	ck_assert_uint_eq(all.blocks, 12);
	ck_assert_uint_eq(all.frees, 1);
	ck_assert_uint_eq(r.total.blocks, 2);
	/* 10.51 * 9.51 */
	ck_assert_uint_eq(weighed_error(r.scaled.live.n_variance), 10);
}
END_TEST

START_TEST(what_was_not_sampled_stands_for_itself)
{
	play("alloc a 100 main; alloc b 7 main; free b");
	ck_assert_uint_eq(replay_totals(&r).live_bytes, 100);
	ck_assert_uint_eq(replay_totals(&r).blocks, 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("replay");
	TCase *c = tcase_create("replay");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, NULL, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, what_was_not_freed_lives);
	tcase_add_test(c, an_address_lies_in_the_block_around_it);
	tcase_add_test(c, either_allocator_frees_what_the_other_made);
	tcase_add_test(c, frees_of_strangers_and_births_on_the_living_are_counted);
	tcase_add_test(c, an_object_dies_with_its_block);
	tcase_add_test(c, a_block_outlives_its_object_and_may_get_another);
	tcase_add_test(c, an_object_born_again_still_dies_with_its_block);
	tcase_add_test(c, many_objects_of_one_block_die_together);
	tcase_add_test(c, realloc_takes_its_objects_along);
	tcase_add_test(c, a_realloc_that_failed_changes_nothing);
	tcase_add_test(c, realloc_of_a_stranger_is_a_birth_and_of_null_too);
	tcase_add_test(c, a_block_in_realloc_lives_and_so_do_its_objects);
	tcase_add_test(c, another_thread_may_get_the_address_during_realloc);
	tcase_add_test(c, threads_are_merged_by_time);
	tcase_add_test(c, at_one_tick_a_death_in_one_thread_precedes_a_birth_in_another);
	tcase_add_test(c, a_free_that_comes_late_within_its_tick_frees_the_old_block);
	tcase_add_test(c, a_free_that_comes_before_its_block_frees_it);
	tcase_add_test(c, a_free_long_before_or_in_the_same_thread_is_a_strangers);
	tcase_add_test(c, parts_know_what_was_made_and_what_is_left);
	tcase_add_test(c, one_stack_has_a_part_for_each_type_and_thread);
	tcase_add_test(c, a_block_is_its_objects);
	tcase_add_test(c, a_block_that_waits_for_an_object_is_no_mass);
	tcase_add_test(c, a_block_of_many_objects_is_its_firsts);
	tcase_add_test(c, what_dies_has_an_age);
	tcase_add_test(c, what_is_left_is_what_lived_when_the_end_began);
	tcase_add_test(c, counting_may_start_over);
	tcase_add_test(c, the_peak_knows_what_made_it_up);
	tcase_add_test(c, a_block_freed_by_what_its_thread_does_next_is_brief);
	tcase_add_test(c, it_stops_at_a_snapshot_and_runs_on);
	tcase_add_test(c, it_stops_at_a_time_and_says_when_there_is_no_such_snapshot);
	tcase_add_test(c, collections_are_counted_and_objects_know_theirs);
	tcase_add_test(c, stacks_of_interpreter_and_machine_are_one);
	tcase_add_test(c, ten_thousand_random_events_leave_what_a_plain_model_says);
	tcase_add_test(c, a_ring_begins_with_what_lived);
	tcase_add_test(c, records_that_are_in_the_rows_are_read_for_their_stacks_alone);
	tcase_add_test(c, a_step_that_is_not_whole_does_not_count);
	tcase_add_test(c, a_block_that_was_in_the_rows_before_it_became_an_object_is_one);
	tcase_add_test(c, a_stack_that_hangs_from_a_later_one_is_a_damage);
	tcase_add_test(c, a_sampled_record_stands_for_many);
	tcase_add_test(c, what_was_not_sampled_stands_for_itself);
	suite_add_tcase(s, c);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}

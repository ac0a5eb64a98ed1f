/*
 * replay_inherit_test.c - a fork begins with what lived where its parent stood
 */
#include "replay.h"

#include "mem.h"
#include "trace_writer.h"

#include <check.h>

struct process {
	struct trace_writer w;
	struct trace t;
	struct defs d;
	struct replay r;
};

static struct process parent, child;
static struct defs_added added;
static uint32_t *rows;

static void load(struct process *p, const char *script)
{
	write_trace(&p->w, script);
	ck_assert_int_eq(trace_open_memory(&p->t, p->w.bytes, p->w.size, NULL), 0);
	ck_assert_int_eq(defs_load(&p->d, &p->t), 0);
}

/* The parent plays to its end, the child begins later and has what is left. */
static void fork_it(const char *parents, const char *childs)
{
	child.w.ticks = 1000;
	load(&parent, parents);
	load(&child, childs);
	child.t.head.start_ticks = 1000;
	ck_assert_int_eq(defs_add(&child.d, &parent.d, &added), 0);
	ck_assert_int_eq(replay_init(&parent.r, &parent.t, &parent.d), 0);
	ck_assert_int_eq(replay_to_end(&parent.r), 0);
	ck_assert_int_eq(replay_init(&child.r, &child.t, &child.d), 0);
	ck_assert_int_eq(replay_inherit(&child.r, &parent.r, &added, &rows), 0);
}

static void end(struct process *p)
{
	replay_fini(&p->r);
	defs_free(&p->d);
	trace_close(&p->t);
	writer_fini(&p->w);
	*p = (struct process){ 0 };
}

static void teardown(void)
{
	mem_free(rows);
	end(&child);
	end(&parent);
}

static const struct object *object_at(const struct process *p, const char *address)
{
	return replay_object(&p->r, writer_address(address));
}

/* The innermost line of a site's stack. */
static uint32_t line_of(const struct process *p, site_id site)
{
	const struct stacks *s = &p->r.stacks;

	return stack_location(s, stacks_line(s, p->r.site[site].stack))->line.line;
}

START_TEST(blocks_and_objects_go_on_living_where_they_were_made)
{
	fork_it("alloc a 100 main>go; alloc b 50 main; free b;"
		"pbirth c 64 16 Node main>eval|!run:3>make:7",
		"alloc d 8 main");
	ck_assert_uint_eq(replay_block(&child.r, writer_address("a"))->size, 100);
	ck_assert_ptr_null(replay_block(&child.r, writer_address("b")));
	ck_assert(replay_block(&child.r, writer_address("c"))->pool);
	ck_assert_ptr_nonnull(object_at(&child, "c+16"));
	ck_assert_uint_eq(line_of(&child, object_at(&child, "c+16")->site), 7);
	ck_assert(text_is(def_type(&child.d, object_at(&child, "c+16")->type)->name, "Node"));
	ck_assert_uint_lt(object_at(&child, "c+16")->born, child.r.since);
	ck_assert_uint_eq(child.r.total.live_bytes, 164);
	ck_assert_uint_eq(child.r.total.peak_bytes, 164);
}
END_TEST

START_TEST(nothing_of_it_is_among_what_the_fork_made)
{
	fork_it("alloc a 100; alloc b 50; birth b Node", "free a; death b; alloc c 8; free c");
	ck_assert_uint_eq(child.r.total.blocks, 0);
	ck_assert_int_eq(replay_to_end(&child.r), 0);
	ck_assert_uint_eq(child.r.total.blocks, 1);
	ck_assert_uint_eq(child.r.total.bytes, 8);
	ck_assert_uint_eq(child.r.total.births, 0);
	ck_assert_uint_eq(child.r.total.deaths, 1);
	ck_assert_uint_eq(child.r.total.frees, 2);
	ck_assert_uint_eq(child.r.total.unknown_frees, 0);
	ck_assert_uint_eq(child.r.total.unknown_deaths, 0);
	ck_assert_uint_eq(child.r.total.live, 1);
	for (part_id i = 0; i < child.r.parts; i++)	/* b is its parent's */
		ck_assert_uint_eq(replay_left(&child.r, i).live, 0);
}
END_TEST

START_TEST(memory_that_waits_for_the_next_object_waits_in_the_fork)
{
	fork_it("alloc a 64; birth a+16 Node; death a+16", "birth a+16 Node |!run:3");
	ck_assert(replay_waits(&child.r, replay_block(&child.r, writer_address("a"))));
	ck_assert_ptr_null(object_at(&child, "a+16"));
	ck_assert_int_eq(replay_to_end(&child.r), 0);
	ck_assert(!replay_waits(&child.r, replay_block(&child.r, writer_address("a"))));
	ck_assert(object_at(&child, "a+16")->reused);
	ck_assert_uint_eq(child.r.total.double_births, 0);
}
END_TEST

START_TEST(rows_of_objects_are_told)
{
	const struct object *o;

	fork_it("birth a Node; birth b List; death a; birth c Node", "alloc d 8");
	for (uint32_t i = 1; i < parent.r.live.rows; i++) {
		if (!parent.r.live.object[i].addr)
			continue;
		o = &child.r.live.object[rows[i]];
		ck_assert_uint_ne(rows[i], 0);
		ck_assert_uint_eq(o->addr, parent.r.live.object[i].addr);
		ck_assert_uint_eq(o->nth, 0);
	}
	ck_assert_ptr_nonnull(object_at(&child, "b"));
	ck_assert_ptr_nonnull(object_at(&child, "c"));
	ck_assert_ptr_null(object_at(&child, "a"));
}
END_TEST

START_TEST(what_both_define_is_one)
{
	fork_it("pbirth a 64 16 Node |!run:3>make:7", "pbirth b 64 16 Node |!run:3>make:7");
	ck_assert_int_eq(replay_to_end(&child.r), 0);
	ck_assert_uint_eq(object_at(&child, "a+16")->type, object_at(&child, "b+16")->type);
	ck_assert_uint_eq(object_at(&child, "a+16")->site, object_at(&child, "b+16")->site);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("replay_inherit");
	TCase *c = tcase_create("replay_inherit");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, NULL, teardown);
	tcase_add_test(c, blocks_and_objects_go_on_living_where_they_were_made);
	tcase_add_test(c, nothing_of_it_is_among_what_the_fork_made);
	tcase_add_test(c, memory_that_waits_for_the_next_object_waits_in_the_fork);
	tcase_add_test(c, rows_of_objects_are_told);
	tcase_add_test(c, what_both_define_is_one);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

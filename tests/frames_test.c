#include "guest_trace.h"

#include "cpython/live.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A pretended interpreter: frames and code objects are ours, at the offsets
 * given here.  frames_take() is run beside a plain walk after random calls,
 * returns, jumps and reuse of addresses; both must name the same locations.
 */
enum {
	FRAMES = 200, CODES = 12, CODE_BYTES = 256, FRAME_BYTES = 64,
	BACK = 0, CODE = 8, INSTR = 16, ENTRY = 24, OWNER = 25,
};

static uint64_t frame_memory[FRAMES][FRAME_BYTES / 8];
static uint64_t code_memory[CODES][CODE_BYTES / 8];
static uint64_t thread_memory[64];
static struct thr block;
static uint32_t locations[INTERP_MAX], before[INTERP_MAX];
static int depth;			/* of frame_memory, frame i under frame i + 1 */

static int fake_line(void *code, int address)
{
	return address + 1;
}

static int yes(void)
{
	return 1;
}

static int no(void)
{
	return 0;
}

static uintptr_t address(int i)
{
	return (uintptr_t)frame_memory[i];
}

static uintptr_t code_address(int i)
{
	return (uintptr_t)code_memory[i];
}

static bool shim(int i)
{
	return py.minor >= 12 && ((uint8_t *)frame_memory[i])[OWNER] == PY_FRAME_CSTACK;
}

static void set_instr(int i, int unit)
{
	if (py.frame_lasti >= 0)
		((int *)frame_memory[i])[INSTR / 4] = py.minor >= 10 ? unit : 2 * unit;
	else
		frame_memory[i][INSTR / 8] = frame_memory[i][CODE / 8] +
			(uint64_t)(py.code_adaptive + 2 * unit);
}

static void set_top(void)
{
	uintptr_t top = depth ? address(depth - 1) : 0;

	thread_memory[0] = top;
	thread_memory[1] = (uintptr_t)&thread_memory[0];
}

static void push(void)
{
	int i = depth++;

	memset(frame_memory[i], 0, FRAME_BYTES);
	frame_memory[i][BACK / 8] = i ? address(i - 1) : 0;
	frame_memory[i][CODE / 8] = code_address(rand() % CODES);
	((uint8_t *)frame_memory[i])[ENTRY] = py.minor == 11 && rand() % 2;
	/* The evaluator's own frame is never the innermost for long, nor next to another one. */
	if (py.minor >= 12 && rand() % 3 == 0 && depth < FRAMES - 1 && (!i || !shim(i - 1))) {
		((uint8_t *)frame_memory[i])[OWNER] = PY_FRAME_CSTACK;
		push();
		return;
	}
	set_instr(i, rand() % 20 - 1);
}

static void pop(void)
{
	if (depth)
		depth--;
	if (depth && shim(depth - 1))
		depth--;
}

/* What must come out. */
static uint32_t plain(uint32_t *loc)
{
	uint32_t n = 0;

	for (int i = 0; i < depth; i++) {
		bool entry;
		int unit;

		if (shim(i))
			continue;
		entry = py.minor >= 12 ? i && shim(i - 1)
				       : py.minor < 11 || ((uint8_t *)frame_memory[i])[ENTRY];
		if (py.frame_lasti >= 0)
			unit = ((int *)frame_memory[i])[INSTR / 4] / (py.minor >= 10 ? 1 : 2);
		else
			unit = (int)((intptr_t)(frame_memory[i][INSTR / 8] -
				frame_memory[i][CODE / 8] - (uint64_t)py.code_adaptive) >> 1);
		if (py.minor < 10 && ((int *)frame_memory[i])[INSTR / 4] < 0)
			unit = -1;
		loc[n++] = codes_location(codes_number(frame_memory[i][CODE / 8]),
					  frame_memory[i][CODE / 8], unit, entry);
	}
	return n;
}

static void start(int minor)
{
	trace_begin();
	memset(&py, 0, sizeof py);
	py.minor = minor;
	py.frame_back = BACK;
	py.frame_code = CODE;
	py.frame_instr = minor >= 11 ? INSTR : -1;
	py.frame_lasti = minor >= 11 ? -1 : INSTR;
	py.frame_is_entry = minor == 11 ? ENTRY : -1;
	py.frame_owner = OWNER;
	py.tstate_frame = 0;
	py.tstate_cframe = minor == 11 || minor == 12 ? 8 : -1;
	py.cframe_frame = 0;
	py.code_adaptive = minor >= 11 ? 128 : -1;
	py.code_qualname = -1;
	py.code_name = py.code_filename = py.code_code = 32;	/* NULL */
	py.code_firstlineno = 40;
	api.code_line = fake_line;
	api.is_initialized = yes;
	api.is_finalizing = no;
	codes_start();
	memset(code_memory, 0, sizeof code_memory);
	memset(&block, 0, sizeof block);
	block.interp.loc = locations;
	block.interp.state = calloc(1, INTERP_STATE);
	py_thread(&block)->state = (uintptr_t)thread_memory;
	depth = 0;
}

static void take_and_compare(void)
{
	static uint32_t expected[FRAMES];
	struct interp_stack *s = &block.interp;
	uint32_t n, was = s->n;

	memcpy(before, locations, was * sizeof *before);
	set_top();
	frames_take(&block, s);
	n = plain(expected);
	ck_assert_uint_eq(s->n, n);
	ck_assert_uint_le(s->kept, n);
	ck_assert_uint_le(s->kept, was);
	for (uint32_t i = 0; i < n; i++)
		ck_assert_msg(locations[i] == expected[i] && locations[i], "frame %u", i);
	ck_assert(!memcmp(before, locations, s->kept * sizeof *before));
}

static const int versions[] = { 8, 10, 11, 12, 13 };

START_TEST(any_history_of_calls_gives_what_a_walk_gives)
{
	srand((unsigned)_i + 7);
	start(versions[_i]);
	for (int round = 0; round < 60000; round++) {
		int what = rand() % 10;

		if (what < 4 && depth < FRAMES - 2)
			push();
		else if (what < 7)
			pop();
		else if (what == 7 && depth > 3)
			for (int n = rand() % depth; n-- > 0;)	/* an exception */
				pop();
		else if (depth)
			set_instr(depth - 1, rand() % 20 - 1);
		if (rand() % 50 == 0 && depth)		/* a frame of a reused address */
			set_instr(rand() % depth, rand() % 20 - 1);
		if (rand() % 3)
			take_and_compare();
	}
	free(block.interp.state);
	trace_end();
}
END_TEST

START_TEST(another_code_at_an_address_is_another_code)
{
	uint32_t first;

	start(11);
	push();
	frame_memory[0][CODE / 8] = code_address(0);
	set_instr(0, 3);
	take_and_compare();
	first = locations[0];
	codes_retire(code_address(0));
	take_and_compare();
	ck_assert_uint_ne(locations[0], first);
	ck_assert_uint_eq(block.interp.kept, 0);
	free(block.interp.state);
	trace_end();
}
END_TEST

START_TEST(a_thread_without_frames_has_none)
{
	start(13);
	push();
	take_and_compare();
	depth = 0;
	take_and_compare();
	ck_assert_uint_eq(block.interp.n, 0);
	push();
	take_and_compare();
	free(block.interp.state);
	trace_end();
}
END_TEST

START_TEST(frames_beyond_the_limit_are_cut_at_the_outer_end)
{
	enum { MANY = 6000 };
	uint64_t (*many)[FRAME_BYTES / 8] = calloc(MANY, FRAME_BYTES);
	struct interp_stack *s = &block.interp;

	start(10);
	for (int i = 0; i < MANY; i++) {
		many[i][BACK / 8] = i ? (uintptr_t)many[i - 1] : 0;
		many[i][CODE / 8] = code_address(i % CODES);
	}
	for (int n = 0; n < 3; n++) {
		thread_memory[0] = (uintptr_t)many[MANY - 1 - n];
		frames_take(&block, s);
		ck_assert(s->cut);
		ck_assert_uint_le(s->n, INTERP_MAX);
		ck_assert_uint_gt(s->n, 3000);
		ck_assert_uint_eq(s->loc[0], OURO_LOC_CUT);
		ck_assert_uint_eq(s->loc[s->n - 1], codes_location(
			codes_number(many[MANY - 1 - n][CODE / 8]), 0, 0, true));
	}
	depth = 0;
	push();
	take_and_compare();
	ck_assert(!s->cut);
	free(block.interp.state);
	free(many);
	trace_end();
}
END_TEST

static void add(TCase *t)
{
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, any_history_of_calls_gives_what_a_walk_gives, 0,
			    sizeof versions / sizeof *versions);
	tcase_add_test(t, another_code_at_an_address_is_another_code);
	tcase_add_test(t, a_thread_without_frames_has_none);
	tcase_add_test(t, frames_beyond_the_limit_are_cut_at_the_outer_end);
}

int main(void)
{
	return run_case("frames", add);
}

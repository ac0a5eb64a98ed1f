/* The guest's table of the living: rows come and go, nodes are one for each stack. */
#include "guest_trace.h"

#include "../preload/living.h"

#define ADDRESSES 4096

static struct ouro_living row_of(uint64_t addr, uint64_t size)
{
	return (struct ouro_living){ .addr = addr, .size = size, .ticks = addr + size,
		.flags = OURO_LIVING_BLOCK };
}

START_TEST(what_was_put_and_not_removed_is_found)
{
	static uint64_t size[ADDRESSES];
	unsigned random = 1;

	trace_begin();
	for (int i = 0; i < 200000; i++) {
		unsigned k = (random = random * 1103515245 + 12345) >> 16 & (ADDRESSES - 1);
		uint64_t addr = 0x7f0000000000 + k * 48;
		struct ouro_living row = row_of(addr, random >> 8), *there = living_find(addr);

		ck_assert_int_eq(there != NULL, size[k] != 0);
		if (there)
			ck_assert_uint_eq(there->size, size[k]);
		if (there && random & 1 << 30) {
			living_remove(there);
			size[k] = 0;
		} else if (row.size) {
			ck_assert(living_put(&row));
			size[k] = row.size;
		}
	}
	trace_end();
}
END_TEST

static uint64_t file_size(void)
{
	struct stat st;

	ck_assert_int_eq(stat(trace_path, &st), 0);
	return (uint64_t)st.st_size;
}

START_TEST(rows_are_used_again)
{
	uint64_t before = 0;

	trace_begin();
	for (uint64_t i = 1; i < 200000; i++) {
		struct ouro_living row = row_of(i * 16, i);

		ck_assert(living_put(&row));
		if (i > 1000)
			living_remove(living_find((i - 1000) * 16));
		if (i == 2000)
			before = file_size();
	}
	ck_assert_uint_eq(file_size(), before);
	trace_end();
}
END_TEST

START_TEST(one_stack_is_one_node)
{
	uint32_t a, b;

	trace_begin();
	a = living_node(living_node(0, 20), 21);
	b = living_node(living_node(0, 20), 22);
	ck_assert_uint_ne(a, b);
	for (uint32_t i = 0; i < 50000; i++)
		ck_assert_uint_ne(living_node(a, 100 + i), 0);
	ck_assert_uint_eq(living_node(living_node(0, 20), 21), a);
	ck_assert_uint_eq(living_node(living_node(0, 20), 22), b);
	ck_assert_uint_eq(living_node(a, 100), b + 1);
	trace_end();
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, what_was_put_and_not_removed_is_found);
	tcase_add_test(c, rows_are_used_again);
	tcase_add_test(c, one_stack_is_one_node);
}

int main(void)
{
	return run_case("the guest's table of the living", add);
}

/*
 * pool_test.c - which memory is a pool of CPython's allocator
 */
#include "cpython/pool.h"

#include "cpython/layout.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define POOL 16384u

static unsigned char *memory;		/* of two pools, aligned */

static void setup(void)
{
	py.minor = 12;
	memory = aligned_alloc(POOL, 2 * POOL);
	memset(memory, 0, 2 * POOL);
}

static void teardown(void)
{
	free(memory);
}

/* The head of a pool for blocks of `size` bytes, as the allocator leaves it. */
static void make_pool(unsigned char *at, uint32_t size, uint32_t count, uint32_t pool)
{
	uint32_t tail[] = { 0, size / 16 - 1, 48 + count * size, pool - size };

	memcpy(at, &count, sizeof count);
	memcpy(at + 32, tail, sizeof tail);
}

static bool is_pool(size_t offset)
{
	return pool_is((uintptr_t)memory + offset, (uintptr_t)memory);
}

START_TEST(all_of_a_pool_is_pool)
{
	make_pool(memory, 64, 3, POOL);
	ck_assert(is_pool(0));
	ck_assert(is_pool(100));
	ck_assert(is_pool(POOL - 8));
	ck_assert(!is_pool(POOL));
}
END_TEST

START_TEST(one_given_back_whole_is_pool)
{
	make_pool(memory, 512, 0, POOL);
	ck_assert(is_pool(4096));
}
END_TEST

START_TEST(other_memory_is_not)
{
	ck_assert(!is_pool(0));
	memset(memory, 0xff, POOL);
	ck_assert(!is_pool(0));
}
END_TEST

START_TEST(a_head_that_cannot_be_read_is_not_looked_at)
{
	make_pool(memory, 64, 3, POOL);
	ck_assert(!pool_is((uintptr_t)memory + 4096, (uintptr_t)memory + 4096));
}
END_TEST

START_TEST(pools_were_smaller_before_3_10)
{
	py.minor = 9;
	make_pool(memory, 64, 3, 4096);
	ck_assert(is_pool(4095));
	ck_assert(!is_pool(4096));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pool");
	TCase *t = tcase_create("pool");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, all_of_a_pool_is_pool);
	tcase_add_test(t, one_given_back_whole_is_pool);
	tcase_add_test(t, other_memory_is_not);
	tcase_add_test(t, a_head_that_cannot_be_read_is_not_looked_at);
	tcase_add_test(t, pools_were_smaller_before_3_10);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

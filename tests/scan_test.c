/*
 * scan_test.c - what the search of memory stands on: own memory, arenas, threads
 */
#include "own.h"
#include "scan_arena.h"
#include "sys.h"
#include "threads.h"

#include <check.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

START_TEST(own_memory_is_known_until_it_is_given_back)
{
	char *p = sys_memory(10000);
	uintptr_t start, end;

	ck_assert(own_next((uintptr_t)p, &start, &end));
	ck_assert_uint_eq(start, (uintptr_t)p);
	ck_assert_uint_eq(end, (uintptr_t)p + 12288);
	sys_unmap(p, 10000);
	ck_assert(!own_next((uintptr_t)p, &start, &end) || start != (uintptr_t)p);
}
END_TEST

START_TEST(own_memory_is_found_in_order)
{
	char *p[3];
	uintptr_t at = 0, start, end, last = 0;
	unsigned found = 0;

	for (int i = 0; i < 3; i++)
		p[i] = sys_memory(4096);
	for (; own_next(at, &start, &end); at = end) {
		ck_assert_uint_gt(end, at);
		ck_assert_uint_ge(start, last);
		last = start;
		for (int i = 0; i < 3; i++)
			found += start == (uintptr_t)p[i];
	}
	ck_assert_uint_eq(found, 3);
	for (int i = 0; i < 3; i++)
		sys_unmap(p[i], 4096);
}
END_TEST

/* Data with an arena whose first `used` bins hold chunks. */
static uintptr_t *data_with_arena(size_t used, uintptr_t **ret_top)
{
	uintptr_t *data = calloc(1000, sizeof *data);
	uintptr_t *bins = data + 500;

	*ret_top = bins - 2;
	for (size_t i = 0; i < 127; i++) {
		uintptr_t link = i < used ? 0x555500000000 + i : (uintptr_t)(bins + 2 * i) - 16;

		bins[2 * i] = bins[2 * i + 1] = link;
	}
	return data;
}

START_TEST(the_main_arena_is_found_by_its_empty_bins)
{
	for (size_t used = 0; used < 100; used += 9) {
		uintptr_t *top, *data = data_with_arena(used, &top);
		struct part part;

		ck_assert(arena_in_data((uintptr_t)data, (uintptr_t)(data + 1000), &part));
		ck_assert_uint_le(part.start, (uintptr_t)(top - 10));	/* fastbins */
		ck_assert_uint_eq(part.end, (uintptr_t)(top + 2 + 254));
		free(data);
	}
}
END_TEST

START_TEST(other_data_is_no_arena)
{
	uintptr_t *data = calloc(1000, sizeof *data);
	struct part part;

	for (size_t i = 100; i < 110; i += 2)	/* a few empty list heads */
		data[i] = data[i + 1] = (uintptr_t)&data[i] - 16;
	ck_assert(!arena_in_data((uintptr_t)data, (uintptr_t)(data + 1000), &part));
	free(data);
}
END_TEST

START_TEST(a_heap_of_an_arena_is_told_by_its_head)
{
	const uintptr_t max = 64u << 20;
	char *room = sys_memory(2 * max);
	uintptr_t *head = (uintptr_t *)(((uintptr_t)room + max - 1) & ~(max - 1));
	uintptr_t at = (uintptr_t)head;

	head[0] = at + 48;
	head[2] = head[3] = 132 << 10;
	ck_assert(arena_is_heap(at, at + (132 << 10)));
	head[1] = at - max;			/* the next one of the same arena */
	head[0] = at - max + 48;
	ck_assert(arena_is_heap(at, at + (132 << 10)));
	head[3] = 0;
	ck_assert(!arena_is_heap(at, at + (132 << 10)));
	ck_assert(!arena_is_heap(at + 4096, at + (132 << 10)));
	sys_unmap(room, 2 * max);
}
END_TEST

static sem_t ready;
static volatile bool stop;

static void *waits(void *arg)
{
	*(uintptr_t *)arg = (uintptr_t)__builtin_frame_address(0);
	sem_post(&ready);
	pause();
	return NULL;
}

static void *runs(void *arg)
{
	sem_post(&ready);
	while (!stop)
		;
	return arg;
}

START_TEST(where_a_thread_waits_is_known_and_that_one_runs)
{
	struct threads *t = sys_memory(sizeof *t);
	pthread_t a, b;
	uintptr_t frame = 0;
	unsigned waiting = 0;

	sem_init(&ready, 0, 0);
	pthread_create(&a, NULL, waits, &frame);
	pthread_create(&b, NULL, runs, NULL);
	sem_wait(&ready);
	sem_wait(&ready);
	usleep(50000);
	threads_look(t);
	threads_look_again(t, sys_getpid());
	stop = true;
	ck_assert(t->all);
	ck_assert_uint_eq(t->n, 2);
	for (uint32_t i = 0; i < 2; i++) {
		const struct thread_seen *x = &t->thread[i];

		ck_assert_uint_ne(x->tcb, 0);
		waiting += x->waits;
		if (x->waits) {
			ck_assert_uint_lt(x->sp, frame);
			ck_assert_uint_gt(x->sp, frame - 4096);
			ck_assert(x->tcb - (uintptr_t)a < 4096);
		} else {
			ck_assert(x->tcb - (uintptr_t)b < 4096);
		}
	}
	ck_assert_uint_eq(waiting, 1);
	sys_unmap(t, sizeof *t);
}
END_TEST

START_TEST(this_threads_control_block_points_to_itself)
{
	ck_assert(arena_is_tcb((const uintptr_t *)__builtin_thread_pointer()));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("scan");
	TCase *t = tcase_create("scan");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_test(t, own_memory_is_known_until_it_is_given_back);
	tcase_add_test(t, own_memory_is_found_in_order);
	tcase_add_test(t, the_main_arena_is_found_by_its_empty_bins);
	tcase_add_test(t, other_data_is_no_arena);
	tcase_add_test(t, a_heap_of_an_arena_is_told_by_its_head);
	tcase_add_test(t, where_a_thread_waits_is_known_and_that_one_runs);
	tcase_add_test(t, this_threads_control_block_points_to_itself);
	suite_add_tcase(s, t);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

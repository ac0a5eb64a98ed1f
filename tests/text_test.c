/*
 * text_test.c - code changes all at once, and only what is code
 */
#include "text.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* n pages in a row: 'c' code, 'd' data, 'r' read only, 'w' writable code, '-' a hole. */
static uint8_t *pages(const char *kinds)
{
	size_t n = strlen(kinds);
	uint8_t *p = mmap(NULL, n * TEXT_PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	memset(p, 0xc3, n * TEXT_PAGE);
	for (size_t i = 0; i < n; i++) {
		uint8_t *at = p + i * TEXT_PAGE;
		int prot = kinds[i] == 'c' ? PROT_READ | PROT_EXEC :
			   kinds[i] == 'r' ? PROT_READ :
			   kinds[i] == 'w' ? PROT_READ | PROT_WRITE | PROT_EXEC :
					     PROT_READ | PROT_WRITE;

		ck_assert_int_eq(kinds[i] == '-' ? munmap(at, TEXT_PAGE)
						 : mprotect(at, TEXT_PAGE, prot), 0);
	}
	return p;
}

START_TEST(only_private_read_only_code_is_code)
{
	uint8_t *p = pages("ccdcrcwc-c");

	ck_assert_int_eq(text_check(p, p + 2 * TEXT_PAGE), 0);
	ck_assert_int_eq(text_check(p + 1, p + 2 * TEXT_PAGE), 0);
	ck_assert_int_eq(text_check(p, p + 2 * TEXT_PAGE + 1), -EACCES);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(text_check(p + i * TEXT_PAGE, p + i * TEXT_PAGE + 1),
				 "ccdcrcwc-c"[i] == 'c' ? 0 : -EACCES);
	ck_assert_int_eq(text_check(p + 5 * TEXT_PAGE, p + 7 * TEXT_PAGE), -EACCES);
	ck_assert_int_eq(text_check(p + 7 * TEXT_PAGE, p + 10 * TEXT_PAGE), -EACCES);
	ck_assert_int_eq(text_check(NULL, (void *)1), -EACCES);
	ck_assert_int_eq(text_check((void *)-2, (void *)-1), -EACCES);
}
END_TEST

START_TEST(shared_code_is_left_to_those_who_share_it)
{
	uint8_t *p = mmap(NULL, TEXT_PAGE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0);

	ck_assert_int_eq(text_check(p, p + 1), -EACCES);
}
END_TEST

START_TEST(without_a_descriptor_to_be_had_nothing_is_claimed)
{
	struct rlimit was, none;
	uint8_t *p = pages("c");
	int err;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = (struct rlimit){ 0, was.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	err = text_check(p, p + 1);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &was), 0);
	ck_assert_int_eq(err, -EMFILE);
}
END_TEST

START_TEST(no_descriptor_stays_open)
{
	uint8_t *p = pages("cd");
	int fd = dup(0);

	close(fd);
	text_check(p, p + 2 * TEXT_PAGE);
	ck_assert_int_eq(text_write(p + 8, "abc", 3), 0);
	text_alone();
	ck_assert_int_eq(dup(0), fd);
}
END_TEST

START_TEST(a_write_changes_its_bytes_and_no_others)
{
	static const size_t at[] = { 0, 1, TEXT_PAGE - 5, TEXT_PAGE - 3, TEXT_PAGE,
				     2 * TEXT_PAGE - 5 };
	uint8_t *p = pages("cc"), want[2 * TEXT_PAGE];

	memcpy(want, p, sizeof(want));
	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		memset(want + at[i], '0' + i, 5);
		ck_assert_int_eq(text_write(p + at[i], want + at[i], 5), 0);
		ck_assert_mem_eq(p, want, sizeof(want));
		ck_assert_int_eq(text_check(p, p + sizeof(want)), 0);
	}
}
END_TEST

static int mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	int n = 0, c;

	ck_assert_ptr_nonnull(f);
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

START_TEST(writes_leave_no_mappings_behind)
{
	uint8_t *p = pages("cc");
	int before;

	ck_assert_int_eq(text_write(p, "1", 1), 0);
	before = mappings();
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(text_write(p, "2", 1), 0);
	ck_assert_int_le(mappings(), before + 1);
}
END_TEST

/* mov eax, N; ret: the four bytes of N straddle two pages. */
static uint8_t *torn;
static _Atomic int running;
static _Atomic bool stop;

static void *runs_it(void *arg)
{
	running++;
	while (!stop) {
		uint32_t v = ((uint32_t (*)(void))torn)();

		if (v != 0xc3c3c3c3 && v != 0x11111111 && v != 0x22222222)
			abort();
	}
	return NULL;
}

START_TEST(a_thread_that_runs_the_code_sees_all_of_a_write_or_nothing)
{
	uint8_t *p = pages("cc");
	pthread_t thread;

	torn = p + TEXT_PAGE - 3;
	ck_assert_int_eq(text_write(torn, "\xb8", 1), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, runs_it, NULL), 0);
	while (!running)
		sched_yield();
	for (int i = 0; i < 20000; i++)
		ck_assert_int_eq(text_write(torn + 1, i & 1 ? "\x11\x11\x11\x11"
							   : "\x22\x22\x22\x22", 4), 0);
	stop = true;
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(pages_are_within_reach_until_there_are_no_more)
{
	const char *at = (const char *)pages_are_within_reach_until_there_are_no_more;
	void *page;
	int n = 0, err;

	while (!(err = text_page_near(at, &page))) {
		intptr_t far = (const char *)page - at;

		ck_assert(far < TEXT_REACH && far > -TEXT_REACH);
		ck_assert_int_eq(text_check(page, (char *)page + TEXT_PAGE), 0);
		ck_assert_int_lt(++n, 2000);
	}
	ck_assert_int_eq(err, -ENOMEM);
	ck_assert_int_gt(n, 100);
}
END_TEST

START_TEST(the_heap_above_an_executable_keeps_its_room)
{
	enum { ROOM = 256 << 20 };
	char *end = sbrk(0);
	void *page;

	/* AddressSanitizer has put its own things there */
	if (sbrk(ROOM) == (void *)-1)
		return;
	ck_assert_ptr_ne(sbrk(-ROOM), (void *)-1);
	while (!text_page_near((void *)the_heap_above_an_executable_keeps_its_room, &page))
		;
	ck_assert_ptr_ne(sbrk(ROOM), (void *)-1);
	ck_assert_ptr_eq((char *)sbrk(0) - ROOM, end);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("text");
	TCase *t = tcase_create("text");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 30);
	tcase_add_test(t, only_private_read_only_code_is_code);
	tcase_add_test(t, shared_code_is_left_to_those_who_share_it);
	tcase_add_test(t, without_a_descriptor_to_be_had_nothing_is_claimed);
	tcase_add_test(t, no_descriptor_stays_open);
	tcase_add_test(t, a_write_changes_its_bytes_and_no_others);
	tcase_add_test(t, writes_leave_no_mappings_behind);
	tcase_add_test(t, a_thread_that_runs_the_code_sees_all_of_a_write_or_nothing);
	tcase_add_test(t, pages_are_within_reach_until_there_are_no_more);
	tcase_add_test(t, the_heap_above_an_executable_keeps_its_room);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

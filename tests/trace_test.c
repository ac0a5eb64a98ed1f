/*
 * trace_test.c - a trace opens whatever happened to it, and says what that was
 */
#include "trace.h"

#include "trace_writer.h"

#include <check.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static struct trace_writer w;
static struct trace t;
static char error[200];

static void setup(void)
{
	w = (struct trace_writer){ .chunk_size = 512 };
}

static void teardown(void)
{
	trace_close(&t);
	writer_fini(&w);
}

static void open_script(const char *script)
{
	write_trace(&w, script);
	ck_assert_int_eq(trace_open_memory(&t, w.bytes, w.size, error), 0);
}

static struct ouro_chunk *chunk_of(unsigned stream)
{
	return writer_chunk(&w, w.stream[stream].chunk);
}

START_TEST(chunks_are_found_by_stream_and_number)
{
	open_script("alloc a 8; chunk; alloc b 8; thread 3; alloc c 8; snap 2; "
		"node a list 8 1; end");
	ck_assert_uint_eq(t.events, 2);
	ck_assert_uint_eq(t.event[0].number, 1);
	ck_assert_uint_eq(t.event[0].count, 2);
	ck_assert_uint_eq(t.event[0].chunk[1].seq, 1);
	ck_assert_uint_eq(t.event[1].number, 3);
	ck_assert_uint_eq(t.snapshots, 1);
	ck_assert_uint_eq(t.snapshot[0].number, 2);
	ck_assert_uint_eq(t.damages, 0);
	ck_assert(!t.truncated && !t.killed && !t.running);
}
END_TEST

START_TEST(of_two_chunks_with_one_number_the_fuller_is_read)
{
	write_trace(&w, "alloc a 8; chunk; alloc b 8; alloc c 8; alloc d 8");
	chunk_of(1)->seq = 0;
	open_script("");
	ck_assert_uint_eq(t.event[0].count, 1);
	ck_assert_uint_eq(t.event[0].chunk[0].used, chunk_of(1)->used);
	ck_assert_uint_eq(t.damages, 0);
}
END_TEST

START_TEST(a_chunk_never_written_is_no_damage)
{
	write_trace(&w, "alloc a 8; thread 2; alloc b 8; thread 1; chunk; alloc c 8");
	chunk_of(2)->magic = 0;
	open_script("");
	ck_assert_uint_eq(t.events, 1);
	ck_assert_uint_eq(t.damages, 0);
}
END_TEST

START_TEST(a_missing_chunk_is_named)
{
	write_trace(&w, "alloc a 8; chunk; alloc b 8");
	chunk_of(1)->seq = 2;
	open_script("");
	ck_assert_uint_eq(t.event[0].missing, 1);
	ck_assert(t.truncated);
	ck_assert_str_eq(t.damage[0].text,
		"chunk 1 (byte 4608): 1 chunk is missing before it of stream 1");
}
END_TEST

START_TEST(what_is_no_trace_is_refused_with_a_reason)
{
	static const struct {
		size_t at;
		uint8_t value;
		int result;
		const char *says;
	} wrong[] = {
		{ 0, 'X', -ENODATA, "not a trace: it does not begin with OUROTRC" },
		{ offsetof(struct ouro_file, format), 9, -EPROTONOSUPPORT,
			"format 9, this ouro reads 1" },
		{ offsetof(struct ouro_file, header_size), 1, -ENODATA,
			"damaged: a header of 4097 bytes" },
		{ offsetof(struct ouro_file, chunk_size), 1, -ENODATA,
			"damaged: chunks of 513 bytes" },
	};

	write_trace(&w, "alloc a 8");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		uint8_t was = w.bytes[wrong[i].at];

		w.bytes[wrong[i].at] = wrong[i].value;
		ck_assert_int_eq(
			trace_open_memory(&t, w.bytes, w.size, error), wrong[i].result);
		ck_assert_str_eq(error, wrong[i].says);
		w.bytes[wrong[i].at] = was;
	}
	ck_assert_int_eq(trace_open_memory(&t, w.bytes, 100, error), -ENODATA);
	ck_assert_int_eq(trace_open(&t, "/nonexistent/x.trace", error), -ENOENT);
	ck_assert_str_eq(error, "No such file or directory");
	ck_assert_int_eq(trace_open(&t, "/dev/null", error), -ENODATA);
}
END_TEST

START_TEST(a_file_cut_at_any_byte_opens_or_is_refused)
{
	write_trace(&w, "alloc a 8 main>f|!run:1; chunk; free a; snap 1; "
		"node a list 8 1; end");
	for (size_t size = 0; size < w.size; size++) {
		uint8_t *copy = malloc(size ? size : 1);

		memcpy(copy, w.bytes, size);
		if (trace_open_memory(&t, copy, size, error))
			ck_assert_uint_lt(size, OURO_HEADER_SIZE);
		else
			ck_assert(t.truncated);
		trace_close(&t);
		free(copy);
	}
}
END_TEST

START_TEST(absurd_heads_of_chunks_are_survived_and_noted)
{
	write_trace(&w, "alloc a 8; thread 2; alloc b 8; thread 3; alloc c 8; thread 4; "
		"alloc d 8");
	chunk_of(1)->used = UINT32_MAX;
	chunk_of(2)->kind = 77;
	chunk_of(3)->magic = 0x12345678;
	chunk_of(4)->seq = UINT64_MAX;
	open_script("");
	ck_assert_uint_eq(t.damages, 4);
	ck_assert_uint_eq(t.events, 2);
	ck_assert_uint_eq(t.event[0].chunk[0].used, 512 - 64);
	ck_assert_uint_eq(t.event[1].missing, 1);
	ck_assert_str_eq(t.damage[0].text,
		"chunk 0 (byte 4096): says that it uses 4294967295 bytes of 448");
}
END_TEST

START_TEST(a_state_left_running_means_killed)
{
	w.state = OURO_STATE_RUNNING;
	open_script("alloc a 8");
	ck_assert(t.killed && t.truncated && !t.running);
	ck_assert_uint_eq(t.damages, 0);
}
END_TEST

START_TEST(lost_records_are_summed_but_for_those_the_ring_wrote_over)
{
	write_trace(&w, "alloc a 8");
	writer_head(&w)->lost[OURO_LOST_SPACE] = 3;
	writer_head(&w)->lost[OURO_LOST_NESTED] = 4;
	writer_head(&w)->lost[OURO_LOST_RING] = 100;
	open_script("");
	ck_assert_uint_eq(t.lost, 7);
}
END_TEST

START_TEST(time_follows_the_pairs_of_the_chunks)
{
	write_trace(&w, "alloc a 8; chunk; at 1000000; alloc b 8; chunk; at 2000000; "
		"alloc c 8");
	writer_head(&w)->clock = OURO_CLOCK_TSC;
	writer_head(&w)->start_ticks = 0;
	writer_head(&w)->start_ns = 5000;
	writer_chunk(&w, OURO_HEADER_SIZE)->ns = 5010;
	writer_chunk(&w, OURO_HEADER_SIZE + 512)->ns = 5000 + 10000000;
	writer_chunk(&w, OURO_HEADER_SIZE + 1024)->ns = 5000 + 20000000;
	open_script("");
	ck_assert_uint_eq(trace_ns(&t, 0), 5000);
	ck_assert_uint_eq(trace_elapsed(&t, 500000), 5000000);
	ck_assert_uint_eq(trace_elapsed(&t, 1500000), 15000000);
	ck_assert_uint_eq(trace_elapsed(&t, 3000000), 30000000);
}
END_TEST

START_TEST(one_damaged_pair_does_not_bend_time)
{
	write_trace(&w, "alloc a 8; chunk; at 1000000; alloc b 8; chunk; at 2000000; "
		"alloc c 8");
	writer_head(&w)->clock = OURO_CLOCK_TSC;
	writer_chunk(&w, OURO_HEADER_SIZE)->ns = UINT64_MAX / 2;
	writer_chunk(&w, OURO_HEADER_SIZE + 512)->ns = 10000000;
	writer_chunk(&w, OURO_HEADER_SIZE + 1024)->ns = 20000000;
	open_script("");
	ck_assert_uint_eq(trace_ns(&t, 1000000), 10000000);
	ck_assert_uint_eq(trace_ns(&t, 1500000), 15000000);
}
END_TEST

/* A file whose writer is us: what a chunk in use says when opened is what stays. */
START_TEST(a_chunk_in_use_is_read_as_it_was_when_opened)
{
	char path[] = "/tmp/ouro-trace-test-XXXXXX";
	int fd = mkstemp(path);
	struct ouro_chunk *live;
	uint8_t *map;
	uint32_t used;

	w.state = OURO_STATE_RUNNING;
	write_trace(&w, "alloc a 8; alloc b 8");
	writer_head(&w)->pid = (uint32_t)getpid();
	ck_assert_int_eq(write(fd, w.bytes, w.size), (ssize_t)w.size);
	map = mmap(NULL, w.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_int_eq(trace_open(&t, path, error), 0);
	ck_assert(t.running && !t.killed && !t.truncated);
	live = (struct ouro_chunk *)(map + OURO_HEADER_SIZE);
	used = live->used;
	memset(live + 1, 0xff, 400);
	live->seq = 1;
	live->used = 0;
	ck_assert_uint_eq(t.event[0].chunk[0].used, used);
	ck_assert_int_eq(
		memcmp(t.event[0].chunk[0].in_place, w.bytes + OURO_HEADER_SIZE + 64, used),
		0);
	munmap(map, w.size);
	close(fd);
	unlink(path);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("trace");
	TCase *c = tcase_create("trace");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, chunks_are_found_by_stream_and_number);
	tcase_add_test(c, of_two_chunks_with_one_number_the_fuller_is_read);
	tcase_add_test(c, a_chunk_never_written_is_no_damage);
	tcase_add_test(c, a_missing_chunk_is_named);
	tcase_add_test(c, what_is_no_trace_is_refused_with_a_reason);
	tcase_add_test(c, a_file_cut_at_any_byte_opens_or_is_refused);
	tcase_add_test(c, absurd_heads_of_chunks_are_survived_and_noted);
	tcase_add_test(c, a_state_left_running_means_killed);
	tcase_add_test(c, lost_records_are_summed_but_for_those_the_ring_wrote_over);
	tcase_add_test(c, time_follows_the_pairs_of_the_chunks);
	tcase_add_test(c, one_damaged_pair_does_not_bend_time);
	tcase_add_test(c, a_chunk_in_use_is_read_as_it_was_when_opened);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

/*
 * pack_test.c - packed, a trace says what it said before, and takes little memory to say it
 */
#include "pack.h"

#include "columns.h"
#include "decode.h"
#include "pack_write.h"
#include "trace_writer.h"

#include <check.h>
#include <errno.h>
#include <unistd.h>

static struct trace_writer w;
static struct trace plain, packed;
static uint8_t *bytes;			/* of the packed file                            */
static size_t size;
static char error[200];

static const char script[] =
	"alloc a 64 main>f>g; alloc b 32 main>h; free a; release b; place c 128 main>grow; "
	"chunk; pbirth a 64 16 list main>eval1>new|!run:3>go:7=x; death a+16; ready; "
	"thread 2; alloc d 8 main; chunk; free d; snap 1; node c list 64 2; edge c index 0; end; "
	"row e 64 1 0 - main>f";

static void setup(void)
{
	w = (struct trace_writer){ .chunk_size = 512 };
}

static void teardown(void)
{
	trace_close(&plain);
	trace_close(&packed);
	writer_fini(&w);
	free(bytes);
	bytes = NULL;
}

static uint8_t *read_file(const char *path, size_t *ret_size)
{
	FILE *f = fopen(path, "r");
	uint8_t *p = malloc(1 << 20);

	ck_assert_ptr_nonnull(f);
	*ret_size = fread(p, 1, 1 << 20, f);
	fclose(f);
	unlink(path);
	return p;
}

static void temporary(char path[64])
{
	int fd;

	strcpy(path, "/tmp/ouro-pack-test-XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

/* What is in w.bytes, packed into `bytes`. */
static void pack(const char *names)
{
	struct pack_options o = { .names = names, .names_size = names ? strlen(names) : 0 };
	char path[64];
	uint64_t told;

	ck_assert_int_eq(trace_open_memory(&plain, w.bytes, w.size, error), 0);
	temporary(path);
	ck_assert_int_eq(pack_write(&plain, path, &o, &told, error), 0);
	bytes = read_file(path, &size);
	ck_assert_uint_eq(told, size);
}

static void write_and_pack(const char *text)
{
	write_trace(&w, text);
	pack(NULL);
	ck_assert_int_eq(trace_open_memory(&packed, bytes, size, error), 0);
}

/* All events of one stream as one number each: what and where. */
static uint32_t events_of(struct trace *t, uint64_t *ret)
{
	struct cursor c;
	struct event e;
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->events; i++) {
		ck_assert_int_eq(cursor_init(&c, t, i, NULL), 0);
		while (cursor_next(&c, &e) > 0)
			ret[n++] = e.kind ^ e.addr << 8 ^ e.ticks << 40 ^ e.offset << 48;
		cursor_fini(&c);
	}
	return n;
}

START_TEST(all_chunks_and_events_are_those_of_the_plain_trace)
{
	uint64_t a[64], b[64];
	uint32_t n;

	write_and_pack(script);
	ck_assert(packed.packed && !plain.packed);
	ck_assert_uint_eq(packed.size, w.size);
	ck_assert_uint_eq(packed.stored, size);
	n = events_of(&plain, a);
	ck_assert_uint_eq(n, 10);
	ck_assert_uint_eq(events_of(&packed, b), n);
	ck_assert_int_eq(memcmp(a, b, n * sizeof(*a)), 0);
	ck_assert_uint_eq(packed.snapshots, 1);
	ck_assert_uint_eq(packed.living.count, 1);
	ck_assert_uint_eq(packed.damages, 0);
}
END_TEST

START_TEST(unpacked_it_is_the_same_bytes_wherever_the_file_was_cut)
{
	char path[64];
	uint8_t *again;
	size_t n, all;

	write_trace(&w, script);
	all = w.size;
	for (size_t cut = sizeof(struct ouro_file); cut <= all; cut += cut == all ? 1 : 401) {
		w.size = cut + 401 > all && cut != all ? all : cut;
		cut = w.size;
		pack(NULL);
		ck_assert_int_eq(trace_open_memory(&packed, bytes, size, error), 0);
		temporary(path);
		ck_assert_int_eq(pack_restore(&packed, path, error), 0);
		again = read_file(path, &n);
		ck_assert_uint_eq(n, w.size);
		ck_assert_int_eq(memcmp(again, w.bytes, n), 0);
		free(again);
		trace_close(&plain);
		trace_close(&packed);
		free(bytes);
		bytes = NULL;
	}
	w.size = all;
}
END_TEST

START_TEST(packing_what_is_packed_gives_the_same_file)
{
	char path[64];
	uint8_t *again;
	size_t n;

	write_and_pack(script);
	temporary(path);
	ck_assert_int_eq(pack_write(&packed, path, &(struct pack_options){ 0 }, NULL, error), 0);
	again = read_file(path, &n);
	ck_assert_uint_eq(n, size);
	ck_assert_int_eq(memcmp(again, bytes, n), 0);
	free(again);
}
END_TEST

START_TEST(names_travel_with_it)
{
	uint8_t *names;
	size_t n;

	write_trace(&w, script);
	pack("some names");
	ck_assert_int_eq(trace_open_memory(&packed, bytes, size, error), 0);
	ck_assert_int_eq(trace_section(&packed, PACK_NAMES, &names, &n), 0);
	ck_assert_uint_eq(n, 10);
	ck_assert_int_eq(memcmp(names, "some names", 10), 0);
	free(names);
	ck_assert_int_eq(trace_section(&packed, "OURONONE", &names, &n), -ENOENT);
	ck_assert_int_eq(trace_section(&plain, PACK_NAMES, &names, &n), -ENOENT);
}
END_TEST

START_TEST(cut_anywhere_it_is_refused_in_one_line)
{
	write_trace(&w, script);
	pack(NULL);
	for (size_t n = 0; n < size; n++) {
		uint8_t *cut = malloc(n + 1);

		memcpy(cut, bytes, n);
		ck_assert_int_lt(trace_open_memory(&packed, cut, n, error), 0);
		ck_assert_uint_gt(strlen(error), 10);
		ck_assert_ptr_null(strchr(error, '\n'));
		free(cut);
	}
}
END_TEST

START_TEST(a_damaged_chunk_costs_no_more_than_itself)
{
	struct pack_footer f;
	struct pack_entry entry[64];
	size_t at = 0;
	uint64_t events[64];

	write_trace(&w, script);
	pack(NULL);
	memcpy(&f, bytes + size - sizeof(f), sizeof(f));
	memcpy(entry, bytes + size - sizeof(f) - f.frames * sizeof(*entry),
		f.frames * sizeof(*entry));
	/* 0 is what this is, 1 the header; chunk 0 has definitions, the next the first events */
	for (uint32_t i = 0; i < 3; i++)
		at += entry[i].packed;
	bytes[at + entry[3].packed - 6] ^= 1;
	ck_assert_int_eq(trace_open_memory(&packed, bytes, size, error), 0);
	ck_assert_uint_gt(events_of(&packed, events), 2);
	ck_assert_uint_lt(events_of(&packed, events), 10);
	ck_assert(packed.truncated);
	ck_assert_ptr_nonnull(strstr(packed.damage[0].text, "cannot be unpacked"));
}
END_TEST

START_TEST(a_number_changed_in_the_table_or_the_index_is_seen)
{
	const size_t from[2] = { 0, size };

	write_trace(&w, script);
	pack(NULL);
	for (size_t i = from[0]; i < size; i++) {
		uint64_t events[64];

		bytes[i] ^= 0x40;
		if (!trace_open_memory(&packed, bytes, size, error)) {
			events_of(&packed, events);
			trace_close(&packed);
		} else {
			ck_assert_uint_gt(strlen(error), 10);
		}
		bytes[i] ^= 0x40;
	}
}
END_TEST

START_TEST(a_chunk_says_by_itself_that_it_cannot_be_written)
{
	write_trace(&w, script);
	ck_assert_int_eq(trace_open_memory(&plain, w.bytes, w.size, error), 0);
	ck_assert_int_lt(pack_write(&plain, "/nonexistent/x", &(struct pack_options){ 0 }, NULL,
		error), 0);
	ck_assert_str_eq(error, "No such file or directory");
}
END_TEST

/* --- columns ----------------------------------------------------------------------- */

/* Every chunk of w as columns and back; how many of them were split. */
static unsigned split_and_join(void)
{
	uint8_t *split = malloc(columns_room(w.chunk_size)), back[512];
	struct columns c;
	unsigned n = 0;

	ck_assert_int_eq(columns_init(&c, w.chunk_size), 0);
	for (size_t at = w.header_size; at + 512 <= w.size; at += 512) {
		size_t m = columns_split(&c, w.bytes + at, 512, split);

		if (!m)
			continue;
		n++;
		ck_assert_uint_le(m, columns_room(w.chunk_size));
		ck_assert_int_eq(columns_join(split, m, back, 512), 0);
		ck_assert_int_eq(memcmp(back, w.bytes + at, 512), 0);
		for (size_t less = 0; less < m; less++)
			ck_assert_int_eq(columns_join(split, less, back, 512), -ENODATA);
		ck_assert_int_eq(columns_join(split, m, back, 511), -ENODATA);
		ck_assert_int_eq(columns_join(split, m, back, 504), -ENODATA);
	}
	columns_fini(&c);
	free(split);
	return n;
}

START_TEST(joined_columns_are_the_chunk_again)
{
	write_trace(&w, script);
	ck_assert_uint_eq(split_and_join(), 4);
}
END_TEST

START_TEST(a_chunk_of_nonsense_comes_back_as_it_was)
{
	uint64_t state = 88172645463325252u;

	write_trace(&w, script);
	for (int round = 0; round < 100; round++) {
		for (size_t at = w.header_size; at + 512 <= w.size; at += 512) {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			w.bytes[at + 64 + state % 200] = (uint8_t)(state >> 32);
		}
		ck_assert_uint_le(split_and_join(), 5);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pack");
	TCase *c = tcase_create("pack");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 120);
	tcase_add_test(c, all_chunks_and_events_are_those_of_the_plain_trace);
	tcase_add_test(c, unpacked_it_is_the_same_bytes_wherever_the_file_was_cut);
	tcase_add_test(c, packing_what_is_packed_gives_the_same_file);
	tcase_add_test(c, names_travel_with_it);
	tcase_add_test(c, cut_anywhere_it_is_refused_in_one_line);
	tcase_add_test(c, a_damaged_chunk_costs_no_more_than_itself);
	tcase_add_test(c, a_number_changed_in_the_table_or_the_index_is_seen);
	tcase_add_test(c, a_chunk_says_by_itself_that_it_cannot_be_written);
	tcase_add_test(c, joined_columns_are_the_chunk_again);
	tcase_add_test(c, a_chunk_of_nonsense_comes_back_as_it_was);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

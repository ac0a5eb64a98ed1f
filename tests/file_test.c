#include "guest_trace.h"

#include <fcntl.h>
#include <sys/resource.h>

static int next_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY);

	close(fd);
	return fd;
}

START_TEST(no_descriptor_is_held)
{
	int before = next_descriptor();

	trace_begin();
	ck_assert_ptr_nonnull(file_map_chunk(OURO_CHUNK_EVENTS, 5));
	ck_assert_int_eq(next_descriptor(), before);
	trace_end();
}
END_TEST

START_TEST(a_new_chunk_is_zero_but_for_its_head)
{
	struct ouro_chunk *c;

	trace_begin();
	c = file_map_chunk(OURO_CHUNK_SNAPSHOT, 3);
	ck_assert_uint_eq(c->magic, OURO_CHUNK_MAGIC);
	ck_assert_uint_eq(c->kind, OURO_CHUNK_SNAPSHOT);
	ck_assert_uint_eq(c->stream, 3);
	for (size_t i = 0; i < OURO_CHUNK_ROOM; i++)
		ck_assert_int_eq(((char *)(c + 1))[i], 0);
	file_unmap_chunk(c);
	trace_end();
}
END_TEST

START_TEST(an_appended_chunk_is_the_same_elsewhere)
{
	struct ouro_chunk *c;
	uint64_t end;
	size_t size;
	char *bytes;

	trace_begin();
	c = file_map_chunk(OURO_CHUNK_EVENTS, 1);
	end = file->end;
	memset(c + 1, 7, OURO_CHUNK_ROOM);
	c->used = 1000;
	ck_assert_int_eq(file_append(c), 0);
	ck_assert_uint_eq(file->end, end + OURO_CHUNK_SIZE);
	bytes = trace_bytes(&size);
	ck_assert_uint_ge(size, end + sizeof *c + c->used);
	ck_assert_mem_eq(bytes + end, c, sizeof *c + c->used);
	free(bytes);
	trace_end();
}
END_TEST

START_TEST(another_file_under_the_name_is_left_alone)
{
	struct ouro_chunk *c;
	struct stat st;
	int fd;

	trace_begin();
	c = file_map_chunk(OURO_CHUNK_EVENTS, 1);
	unlink(trace_path);
	fd = open(trace_path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_eq(file_append(c), -ESTALE);
	ck_assert_ptr_null(file_map_chunk(OURO_CHUNK_EVENTS, 2));
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq((int)st.st_size, 0);
	close(fd);
	trace_end();
}
END_TEST

/* A snapshot's writer goes on while the next program renames the trace. */
START_TEST(a_descriptor_from_before_outlives_the_name)
{
	char moved[120];
	int fd;

	trace_begin();
	fd = file_open();
	ck_assert_int_ge(fd, 0);
	file_use(fd);
	snprintf(moved, sizeof moved, "%s.1", trace_path);
	ck_assert_int_eq(rename(trace_path, moved), 0);
	ck_assert_ptr_nonnull(file_map_chunk(OURO_CHUNK_EVENTS, 2));
	ck_assert_ptr_nonnull(file_map_chunk(OURO_CHUNK_EVENTS, 3));
	unlink(moved);
	trace_end();
}
END_TEST

/* Going past it would kill the process. */
START_TEST(the_limit_for_files_is_kept_and_then_it_gives_up)
{
	struct rlimit limit = { 250000, 250000 };
	unsigned got = 0;

	trace_begin();
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	while (file_map_chunk(OURO_CHUNK_EVENTS, 1))
		got++;
	ck_assert_uint_eq(got, 2);	/* 4096 + 3 * 65536; the first has definitions */
	ck_assert(recording);
	for (int i = 0; i < 10; i++)
		ck_assert_ptr_null(file_map_chunk(OURO_CHUNK_EVENTS, 1));
	ck_assert(!recording);
	trace_end();
}
END_TEST

START_TEST(an_existing_file_is_not_written_over)
{
	struct ouro_file head = { .id = 1 };

	trace_begin();
	ck_assert_int_eq(file_create(trace_path, &head), -EEXIST);
	ck_assert_int_eq(file_create("/nowhere/at/all", &head), -ENOENT);
	trace_end();
}
END_TEST

START_TEST(without_a_trace_nothing_is_written_and_nothing_breaks)
{
	ck_assert_ptr_null(file_map_chunk(OURO_CHUNK_EVENTS, 1));
	file_count(&file->lost[0], 1);
	file_close();
	trace_begin();
	file_close();
	ck_assert_ptr_null(file_map_chunk(OURO_CHUNK_EVENTS, 1));
	trace_end();
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, no_descriptor_is_held);
	tcase_add_test(c, a_new_chunk_is_zero_but_for_its_head);
	tcase_add_test(c, an_appended_chunk_is_the_same_elsewhere);
	tcase_add_test(c, another_file_under_the_name_is_left_alone);
	tcase_add_test(c, a_descriptor_from_before_outlives_the_name);
	tcase_add_test(c, the_limit_for_files_is_kept_and_then_it_gives_up);
	tcase_add_test(c, an_existing_file_is_not_written_over);
	tcase_add_test(c, without_a_trace_nothing_is_written_and_nothing_breaks);
}

int main(void)
{
	return run_case("file", add);
}

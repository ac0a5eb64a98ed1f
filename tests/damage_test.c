/*
 * damage_test.c - the commands answer a damaged trace, or say in one line why not
 *
 * The commands themselves run, in this process, over a corpus made of small traces of each
 * make, plain and packed: cut at each byte, each byte changed, absurd lengths and numbers in
 * each word, other versions, numbers that lead in circles.  Of changes every third is made;
 * DAMAGE_STEP=1 makes them all.
 */
#include "command.h"
#include "pack.h"
#include "pack_write.h"
#include "trace_writer.h"

#include <check.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

static unsigned complaints;
static char complaint[600];

/* The one of main.c, which is not linked: what it would print is looked at instead. */
int complain(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(complaint, sizeof(complaint), format, args);
	va_end(args);
	complaints++;
	return status;
}

static const char *const scripts[] = {
	"runtime cpython; pbirth a 64 16 list main>eval1>new|!run:3>go:7=x; "
		"pbirth b 64 16 dict main>eval1>new|!run:3>go:8; ready; collect 2 main|!run:4; "
		"collected 3; snapshot 1; snap 1; node a+16 list 64 2 4 1; edge b+16 index 0; "
		"node b+16 dict 64 1 4 2 label; edge a+16 ?attr self; chunk; more; edge a+16 &class; "
		"root a+16 local x f /f.py 3; word b+16 data 0x4000; note careful; end; exiting",
	"alloc a 64 main>f>g; alloc b 32 main>h; free a; release b; place c 128 main>grow; "
		"thread 2; alloc d 8 cut>x; chunk; alloc e 24 lost>y; free d",
	"row a 64 1 0 - main>f; row b 48 7 2 list main>g; row c 0 4 0 dict main>eval1|!run:3; "
		"alloc d 16 main>f; free d; applied; alloc e 16 main>f>g; free a; "
		"birth b+16 dict main; node-under 1 17",
};

#define SCRIPTS (sizeof(scripts) / sizeof(*scripts))

static const struct { const char *name; int (*main)(int, char **); } commands[] = {
	{ "report", cmd_report }, { "leaks", cmd_leaks }, { "gc", cmd_gc }, { "cycles", cmd_cycles },
	{ "survival", cmd_survival }, { "dump", cmd_dump },
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

struct corpus {
	uint8_t *bytes;
	size_t size;
	uint32_t header_size, chunk_size;	/* 0: packed                         */
};

static int file = -1;			/* what the commands read                        */
static char path[64];
static unsigned step = 3, turn;

static void ask(unsigned command)
{
	char *argv[] = { (char *)commands[command].name, path, NULL };
	int status;

	complaints = 0;
	status = commands[command].main(2, argv);
	ck_assert_msg(status == STATUS_DONE ? !complaints : status == STATUS_TRACE && complaints == 1,
		"ouro %s: status %d, %u complaints: %s", argv[0], status, complaints, complaint);
	ck_assert_msg(status == STATUS_DONE || !strchr(complaint, '\n'), "%s", complaint);
}

/* One of the commands after the other, and the report always. */
static void try(const uint8_t *bytes, size_t size)
{
	ck_assert_int_eq(ftruncate(file, (off_t)size), 0);
	ck_assert_int_eq(pwrite(file, bytes, size, 0), (ssize_t)size);
	ask(0);
	ask(1 + turn++ % (COMMANDS - 1));
}

static void write_plain(struct corpus *c, size_t i)
{
	struct trace_writer w = { .chunk_size = 1024, .header_size = sizeof(struct ouro_file) };

	write_trace(&w, scripts[i]);
	*c = (struct corpus){ malloc(w.size), w.size, w.header_size, w.chunk_size };
	memcpy(c->bytes, w.bytes, w.size);
	writer_fini(&w);
}

static void write_packed(struct corpus *c, size_t i)
{
	char name[] = "/tmp/ouro-damage-XXXXXX", error[200];
	struct corpus plain;
	struct trace t;
	uint64_t size;
	int fd = mkstemp(name);

	write_plain(&plain, i);
	ck_assert_int_eq(trace_open_memory(&t, plain.bytes, plain.size, error), 0);
	ck_assert_int_eq(pack_write(&t, name, &(struct pack_options){ 0 }, &size, error), 0);
	trace_close(&t);
	free(plain.bytes);
	close(fd);
	fd = open(name, O_RDONLY);
	*c = (struct corpus){ malloc(size), size, 0, 0 };
	ck_assert_int_eq(read(fd, c->bytes, size), (ssize_t)size);
	close(fd);
	unlink(name);
}

static void each_corpus(void (*damage)(struct corpus *))
{
	struct corpus c;

	for (size_t i = 0; i < 2 * SCRIPTS; i++) {
		if (i < SCRIPTS)
			write_plain(&c, i);
		else
			write_packed(&c, i - SCRIPTS);
		damage(&c);
		free(c.bytes);
	}
}

/* In a plain trace most is room that nobody wrote to: zeroes to the end of a chunk say nothing new. */
static bool is_room(const struct corpus *c, size_t at)
{
	for (size_t i = 0; i < 16 && at + i < c->size; i++)
		if (c->bytes[at + i])
			return false;
	return c->chunk_size;
}

static void setup(void)
{
	const char *wanted = getenv("DAMAGE_STEP");

	file = memfd_create("damaged", MFD_CLOEXEC);
	ck_assert_int_ge(file, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	if (wanted && atoi(wanted) > 0)
		step = (unsigned)atoi(wanted);
	ck_assert_ptr_nonnull(freopen("/dev/null", "w", stdout));
}

static void teardown(void)
{
	close(file);
}

/* --- the damages ------------------------------------------------------------------- */

static void none(struct corpus *c)
{
	unsigned before = complaints;

	for (unsigned i = 0; i < COMMANDS; i++) {
		try(c->bytes, c->size);
		ck_assert_uint_eq(complaints, before);
	}
}

START_TEST(whole_they_are_answered)
{
	each_corpus(none);
}
END_TEST

static void cut(struct corpus *c)
{
	for (size_t n = 0; n <= c->size; n += is_room(c, n) ? 61 : 1)
		try(c->bytes, n);
}

START_TEST(cut_at_any_byte)
{
	each_corpus(cut);
}
END_TEST

static void flip(struct corpus *c)
{
	for (size_t i = 0; i < c->size; i += step) {
		uint8_t bit = (uint8_t)(1 << (i / step) % 8);

		if (is_room(c, i) && i % 61)
			continue;
		c->bytes[i] ^= bit;
		try(c->bytes, c->size);
		c->bytes[i] ^= bit;
	}
}

START_TEST(any_bit_changed)
{
	each_corpus(flip);
}
END_TEST

/* Lengths and numbers are words; among the small ones are those that lead back to themselves. */
static void absurd(struct corpus *c)
{
	static const uint32_t odd[] = { UINT32_MAX, INT32_MAX, 1u << 31, 1u << 16, 0, 1, 2, 16, 17 };
	uint32_t word, changed;

	for (size_t i = 0; i + sizeof(word) <= c->size; i += sizeof(word)) {
		if (is_room(c, i))
			continue;
		memcpy(&word, c->bytes + i, sizeof(word));
		for (unsigned k = (unsigned)(i / 4) % step; k < sizeof(odd) / sizeof(*odd); k += step) {
			changed = odd[k];
			memcpy(c->bytes + i, &changed, sizeof(changed));
			try(c->bytes, c->size);
		}
		memcpy(c->bytes + i, &word, sizeof(word));
	}
}

START_TEST(any_word_absurd_or_leading_in_circles)
{
	each_corpus(absurd);
}
END_TEST

START_TEST(other_versions_are_refused_by_name)
{
	static const uint32_t versions[] = { 0, 2, 99, UINT32_MAX };
	struct corpus c;

	for (unsigned packed = 0; packed < 2; packed++)
		for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
			size_t at = packed ? offsetof(struct pack_info, format)
				: offsetof(struct ouro_file, format);

			(packed ? write_packed : write_plain)(&c, 0);
			memcpy(c.bytes + at, &versions[i], sizeof(*versions));
			try(c.bytes, c.size);
			ck_assert_uint_eq(complaints, 1);
			ck_assert_ptr_nonnull(strstr(complaint, "format"));
			free(c.bytes);
		}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("damage");
	TCase *c = tcase_create("damage");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 600);
	tcase_add_test(c, whole_they_are_answered);
	tcase_add_test(c, cut_at_any_byte);
	tcase_add_test(c, any_bit_changed);
	tcase_add_test(c, any_word_absurd_or_leading_in_circles);
	tcase_add_test(c, other_versions_are_refused_by_name);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}

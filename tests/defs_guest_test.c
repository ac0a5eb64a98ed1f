#include "guest_trace.h"

#include <pthread.h>

/* All definitions of the file, counted by kind; `fn` sees each. */
static unsigned count[16];

static void each(void (*fn)(const struct ouro_def *))
{
	size_t size;
	char *bytes = trace_bytes(&size);
	const struct ouro_file *f = (const struct ouro_file *)bytes;

	memset(count, 0, sizeof count);
	for (uint64_t at = f->header_size; at + OURO_CHUNK_SIZE <= size; at += OURO_CHUNK_SIZE) {
		const struct ouro_chunk *c = (const struct ouro_chunk *)(bytes + at);
		uint32_t place = 0;

		if (c->magic != OURO_CHUNK_MAGIC || c->kind != OURO_CHUNK_DEFS)
			continue;
		while (place + 8 <= OURO_CHUNK_ROOM) {
			const struct ouro_def *d = (const struct ouro_def *)
				((const char *)(c + 1) + place);

			if (!d->size)
				break;
			ck_assert_uint_lt(d->size, OURO_DEF_MAX + 64);
			ck_assert_uint_eq(d->size % 8, 0);
			ck_assert_uint_lt(d->kind, 16);
			count[d->kind]++;
			if (fn)
				fn(d);
			place += d->size;
		}
	}
	free(bytes);
}

START_TEST(a_text_has_one_number)
{
	uint32_t a, b, empty;

	trace_begin();
	a = define_cstring("alpha");
	b = define_cstring("beta");
	empty = define_string("", 0);
	ck_assert_uint_ne(a, 0);
	ck_assert_uint_ne(a, b);
	ck_assert_uint_ne(empty, 0);
	ck_assert_uint_eq(define_string("alphabet", 5), a);
	ck_assert_uint_eq(define_cstring("beta"), b);
	ck_assert_uint_eq(define_string("x", 0), empty);
	ck_assert_uint_eq(define_cstring(NULL), 0);
	trace_end();
}
END_TEST

START_TEST(long_texts_are_cut_not_refused)
{
	char *text = malloc(100000);

	trace_begin();
	memset(text, 'x', 100000);
	ck_assert_uint_ne(define_string(text, 100000), 0);
	each(NULL);
	ck_assert_uint_ge(count[OURO_DEF_STRING], 1);
	free(text);
	trace_end();
}
END_TEST

#define THREADS 8
#define EACH 20000

static void *define_many(void *arg)
{
	uintptr_t me = (uintptr_t)arg;
	char name[32];

	for (unsigned i = 0; i < EACH; i++) {
		int n = snprintf(name, sizeof name, "text %u", i % 5000);

		define_type(0, define_string(name, (size_t)n), me << 32 | i);
	}
	return NULL;
}

static uint8_t *type_seen;
static void see_type(const struct ouro_def *def)
{
	const struct ouro_def_type *d = (const struct ouro_def_type *)def;

	if (def->kind != OURO_DEF_TYPE)
		return;
	ck_assert_uint_ge(d->id, 1);
	ck_assert_uint_le(d->id, THREADS * EACH);
	ck_assert_msg(!type_seen[d->id], "a number is given once");
	type_seen[d->id] = 1;
	ck_assert_uint_ne(d->name, 0);
}

START_TEST(threads_define_at_once_and_nothing_is_torn)
{
	pthread_t t[THREADS];

	trace_begin();
	type_seen = calloc(THREADS * EACH + 1, 1);
	for (uintptr_t i = 0; i < THREADS; i++)
		ck_assert(!pthread_create(&t[i], NULL, define_many, (void *)i));
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	each(see_type);
	ck_assert_uint_eq(count[OURO_DEF_TYPE], THREADS * EACH);
	/* Met by two threads at the same moment, a text may be there twice, no more often. */
	ck_assert_uint_ge(count[OURO_DEF_STRING], 5000);
	ck_assert_uint_le(count[OURO_DEF_STRING], THREADS * 5000);
	trace_end();
}
END_TEST

START_TEST(a_native_address_knows_its_file)
{
	uint32_t id;

	trace_begin();
	id = define_native((uintptr_t)&strlen);
	ck_assert_uint_ge(id, OURO_LOC_FIRST);
	define_native((uintptr_t)&fopen);
	define_native(64);
	each(NULL);
	ck_assert_uint_eq(count[OURO_DEF_NATIVE], 3);
	ck_assert_uint_ge(count[OURO_DEF_MODULE], 1);
	ck_assert_uint_le(count[OURO_DEF_MODULE], 2);
	trace_end();
}
END_TEST

static uint32_t highest_string, strings_seen;
static void see_string(const struct ouro_def *def)
{
	if (def->kind != OURO_DEF_STRING)
		return;
	strings_seen++;
	if (((const struct ouro_def_string *)def)->id > highest_string)
		highest_string = ((const struct ouro_def_string *)def)->id;
}

/* What the parent defines after the fork is not the child's. */
START_TEST(a_forked_child_keeps_the_numbers_of_its_memory)
{
	struct ouro_file head = { .id = 8 };
	char name[32];

	trace_begin();
	for (int i = 0; i < 5000; i++)
		define_string(name, (size_t)snprintf(name, sizeof name, "before %d", i));
	/* The parent's later definition, in the chunk that both see: a number beyond ours. */
	struct {
		struct ouro_def_string s;
		char text[8];
	} later = { .s = { .def.kind = OURO_DEF_STRING, .id = 900000, .length = 5 } };
	define_whole(&later.s.def, sizeof later);

	unlink(trace_path);
	file_close();
	defs_forked();
	ck_assert_int_eq(file_create(trace_path, &head), 0);
	defs_copy();
	ck_assert_uint_ne(define_cstring("after"), 0);
	each(see_string);
	ck_assert_uint_ge(strings_seen, 5001);
	ck_assert_uint_lt(highest_string, 900000);
	ck_assert_msg(define_cstring("before 17") < 5100, "known without a new definition");
	trace_end();
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, a_text_has_one_number);
	tcase_add_test(c, long_texts_are_cut_not_refused);
	tcase_add_test(c, threads_define_at_once_and_nothing_is_torn);
	tcase_add_test(c, a_native_address_knows_its_file);
	tcase_add_test(c, a_forked_child_keeps_the_numbers_of_its_memory);
}

int main(void)
{
	return run_case("defs", add);
}

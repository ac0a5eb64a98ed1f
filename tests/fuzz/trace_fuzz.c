/*
 * trace_fuzz.c - no file, whatever is in it, breaks the reader
 *
 * Two drivers: libFuzzer (clang -fsanitize=fuzzer -DOURO_LIBFUZZER), or a
 * mutator of its own that does the same on every machine:
 *
 *	trace_fuzz [N [FIRST]]		N inputs (100000), from number FIRST (0)
 *	trace_fuzz --corpus DIRECTORY	write the seeds there
 */
#include "reading.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	read_everything(bytes, size);
	return 0;
}

#ifndef OURO_LIBFUZZER

/* Most of a file is unused room: aim at what is written. */
static size_t aim(const struct trace_writer *w)
{
	size_t chunks = (w->size - w->header_size) / w->chunk_size, chunk;
	uint32_t used;

	if (!roll(16))
		return roll(w->size);
	chunk = w->header_size + roll(chunks) * w->chunk_size;
	if (!roll(6))
		return chunk + roll(sizeof(struct ouro_chunk));
	memcpy(&used, w->bytes + chunk + offsetof(struct ouro_chunk, used), sizeof(used));
	return chunk + sizeof(struct ouro_chunk) +
		(used && used < 900 ? roll(used) : roll(64));
}

static size_t mutate(const struct trace_writer *w, uint8_t *bytes)
{
	size_t size = w->size, at, other;

	memcpy(bytes, w->bytes, size);
	for (uint64_t n = 1 + roll(6); n; n--) {
		at = aim(w);
		switch (roll(5)) {
		case 0:
		case 1:
		case 2:
			spoil(bytes, size, at);
			break;
		case 3:
			other = aim(w);
			memmove(bytes + at, bytes + other,
				1 + roll(size - (at > other ? at : other)) % 64);
			break;
		default:
			if (!roll(8))
				size = at + 1;
			break;
		}
		if (size < w->size)
			break;
	}
	return size;
}

static void run(uint64_t n, uint64_t first)
{
	struct trace_writer w[SEEDS];
	uint8_t *bytes;
	size_t size;

	for (size_t i = 0; i < SEEDS; i++)
		write_seed(&w[i], i);
	for (uint64_t i = first; i < first + n; i++) {
		const struct trace_writer *seed = &w[i % SEEDS];

		state = (i + 1) * 0x9e3779b97f4a7c15u;
		bytes = malloc(seed->size);
		size = mutate(seed, bytes);
		bytes = realloc(
			bytes, size); /* so that a sanitizer knows where it ends */
		LLVMFuzzerTestOneInput(bytes, size);
		free(bytes);
	}
	for (size_t i = 0; i < SEEDS; i++)
		writer_fini(&w[i]);
}

static int write_corpus(const char *directory)
{
	struct trace_writer w;
	char path[4096];
	FILE *f;

	for (size_t i = 0; i < SEEDS; i++) {
		snprintf(path, sizeof(path), "%s/seed%zu.trace", directory, i);
		f = fopen(path, "w");
		if (!f)
			return 1;
		write_seed(&w, i);
		fwrite(w.bytes, 1, w.size, f);
		writer_fini(&w);
		if (fclose(f))
			return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 0) : 100000;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;

	if (argc > 2 && !strcmp(argv[1], "--corpus"))
		return write_corpus(argv[2]);
	run(n, first);
	printf("trace_fuzz: %" PRIu64 " inputs survived\n1 passed, 0 failed\n", n);
	return 0;
}

#endif

/*
 * dump.c - the walk of the heap, without a trace: each record a line of text
 *
 * Built with preload/cpython into a library that tests load with ctypes.PyDLL,
 * so that what the walk says can be compared with what the interpreter says.
 */
#include "revive.h"
#include "snapshot.h"

#include "cpython/heap.h"
#include "cpython/layout.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARENAS 4096

struct snapshot {
	int fd;
	uintptr_t stack;
	size_t n;
	char *arena;
	size_t left;
	struct { uintptr_t start, end; } owned[ARENAS];
	unsigned nowned;
	uint32_t strings, types;
	struct text_slot { uint64_t hash; uint32_t number; } *text;
	char buffer[1 << 20];
};

static void flush(struct snapshot *s)
{
	if (s->n && write(s->fd, s->buffer, s->n) != (ssize_t)s->n)
		_exit(3);
	s->n = 0;
}

static void say(struct snapshot *s, const char *format, ...)
{
	va_list ap;

	if (sizeof s->buffer - s->n < 4096)
		flush(s);
	va_start(ap, format);
	s->n += (size_t)vsnprintf(s->buffer + s->n, 4096, format, ap);
	va_end(ap);
}

static void own(struct snapshot *s, void *p, size_t size)
{
	if (!p || s->nowned == ARENAS)
		return;
	s->owned[s->nowned].start = (uintptr_t)p;
	s->owned[s->nowned++].end = (uintptr_t)p + size;
}

static void *map(size_t bytes)
{
	void *p = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? 0 : p;
}

void *snapshot_memory(struct snapshot *s, size_t bytes)
{
	size_t size = bytes > 1 << 16 ? bytes : 1 << 20;
	void *p;

	bytes = (bytes + 15) & ~(size_t)15;
	if (bytes <= s->left) {
		p = s->arena;
		s->arena += bytes;
		s->left -= bytes;
		return p;
	}
	p = map(size);
	own(s, p, size);
	if (!p || size != 1 << 20)
		return p;
	s->arena = (char *)p + bytes;
	s->left = size - bytes;
	return p;
}

void snapshot_release(struct snapshot *s, void *p, size_t bytes)
{
	if (bytes > 1 << 16)
		munmap(p, bytes);
}

/* This is a living process. */
bool revive_is(void)
{
	return false;
}

bool revive_attempt(revive_step *step, void *arg, unsigned seconds)
{
	step(arg);
	return true;
}

bool snapshot_owns(const struct snapshot *s, uintptr_t start, uintptr_t end)
{
	for (unsigned i = 0; i < s->nowned; i++)
		if (start < s->owned[i].end && end > s->owned[i].start)
			return true;
	return false;
}

enum ouro_snapshot_reason snapshot_reason(const struct snapshot *s)
{
	(void)s;
	return OURO_SNAPSHOT_CALL;
}

uintptr_t snapshot_stack(const struct snapshot *s)
{
	return s->stack;
}

#define TEXTS (1u << 22)

uint32_t snapshot_string(struct snapshot *s, const char *text, size_t length)
{
	uint64_t h = 14695981039346656037u;
	size_t i;

	for (i = 0; i < length; i++)
		h = (h ^ (unsigned char)text[i]) * 1099511628211u;
	h += !h;
	for (i = h & (TEXTS - 1); s->text[i].hash; i = (i + 1) & (TEXTS - 1))
		if (s->text[i].hash == h)
			return s->text[i].number;
	s->text[i] = (struct text_slot){ h, ++s->strings };
	say(s, "S\t%u\t", s->strings);
	for (i = 0; i < length; i++)
		say(s, (unsigned char)text[i] < 32 ? "?" : "%c", text[i]);
	say(s, "\n");
	return s->strings;
}

uint32_t snapshot_type(struct snapshot *s, uintptr_t address, uint32_t name, unsigned flags,
	uint64_t basic, uint64_t item)
{
	say(s, "T\t%u\t%lu\t%u\t%u\t%lu\t%lu\n", ++s->types, address, name, flags, basic, item);
	return s->types;
}

void snapshot_node(struct snapshot *s, const struct snapshot_node *n)
{
	say(s, "N\t%lu\t%u\t%lu\t%lu\t%u\t%u\t%u\n", n->address, n->type, n->size, n->count,
		n->flags, n->generation, n->label);
}

void snapshot_edge(struct snapshot *s, uintptr_t held, enum ouro_edge_name name, unsigned flags,
	uint64_t operand)
{
	say(s, "E\t%lu\t%u\t%u\t%lu\n", held, name, flags, operand);
}

void snapshot_root(struct snapshot *s, const struct snapshot_root *r)
{
	say(s, "R\t%lu\t%u\t%u\t%u\t%u\t%u\t%u\t%u\t%u\n", r->held, r->kind, r->flags, r->what,
		r->function, r->file, r->line, r->thread, r->number);
}

void snapshot_word(struct snapshot *s, uintptr_t held, enum ouro_region region, uintptr_t where)
{
	say(s, "W\t%lu\t%u\t%lu\n", held, region, where);
}

void snapshot_note(struct snapshot *s, const char *text)
{
	say(s, "X\t%s\n", text);
}

static void *find(const char *name)
{
	return dlsym(RTLD_DEFAULT, name);
}

/* What is wrong with the offsets, or NULL; to be called once. */
__attribute__((visibility("default"))) const char *ouro_check(long a, long b, long c)
{
	const char *why = 0;

	if (layout_start(find, &why) < 0)
		return why ? why : "no Python";
	return layout_check((long[]){ a, b, c });
}

/* Milliseconds the child took, or -1. */
__attribute__((visibility("default"))) int ouro_dump(const char *path)
{
	struct timespec from, to;
	int status;
	pid_t pid;

	clock_gettime(CLOCK_MONOTONIC, &from);
	pid = fork();
	if (pid == 0) {
		struct snapshot *s = map(sizeof *s);

		s->stack = (uintptr_t)__builtin_frame_address(0);
		s->text = map(TEXTS * sizeof *s->text);
		own(s, s, sizeof *s);
		own(s, s->text, TEXTS * sizeof *s->text);
		s->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (heap_snapshot(s) < 0)
			_exit(2);
		say(s, "Z\n");
		flush(s);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &to);
	return (int)((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000);
}

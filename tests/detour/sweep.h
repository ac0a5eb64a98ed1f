/*
 * sweep.h - every function of a loaded module, by the symbols in its file
 */
#ifndef OURO_TESTS_DETOUR_SWEEP_H
#define OURO_TESTS_DETOUR_SWEEP_H

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "detour.h"

enum { SWEEP_REFUSALS = DETOUR_BUSY + 1 };

struct sweep {
	size_t n;
	uint8_t **fn;			/* sorted, without doubles; freed by the caller */
	size_t answers[SWEEP_REFUSALS];	/* functions by refusal; [0]: not refused       */
};

static inline int sweep_by_address(const void *a, const void *b)
{
	uint8_t *x = *(uint8_t *const *)a, *y = *(uint8_t *const *)b;

	return (x > y) - (x < y);
}

/* The functions in .dynsym and, where it was not stripped, .symtab. */
static inline bool sweep_list(struct sweep *s, const char *path, uintptr_t base)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ElfW(Ehdr) *e;
	const ElfW(Shdr) *sections;
	struct stat st;
	size_t n = 0;

	if (fd < 0 || fstat(fd, &st))
		return false;
	e = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (e == MAP_FAILED)
		return false;
	sections = (const void *)((const char *)e + e->e_shoff);
	for (int i = 0; i < e->e_shnum; i++) {
		const ElfW(Shdr) *h = &sections[i];
		const ElfW(Sym) *sym = (const void *)((const char *)e + h->sh_offset);

		if (h->sh_type != SHT_DYNSYM && h->sh_type != SHT_SYMTAB)
			continue;
		s->fn = realloc(s->fn, (s->n + h->sh_size / sizeof(*sym)) * sizeof(*s->fn));
		for (size_t k = 0; k < h->sh_size / sizeof(*sym); k++) {
			if (ELF64_ST_TYPE(sym[k].st_info) == STT_FUNC && sym[k].st_value &&
			    sym[k].st_shndx != SHN_UNDEF)
				s->fn[s->n++] = (uint8_t *)base + sym[k].st_value;
		}
	}
	munmap((void *)e, st.st_size);
	qsort(s->fn, s->n, sizeof(*s->fn), sweep_by_address);
	for (size_t i = 0; i < s->n; i++) {
		if (!n || s->fn[n - 1] != s->fn[i])
			s->fn[n++] = s->fn[i];
	}
	s->n = n;
	return n > 0;
}

/* Asks about each, and changes nothing. */
static inline void sweep_check(struct sweep *s)
{
	for (size_t i = 0; i < s->n; i++) {
		int refusal = -detour_check(s->fn[i], 0);

		s->answers[refusal]++;
	}
}

static inline void sweep_print(const struct sweep *s, const char *module)
{
	const char *name = strrchr(module, '/');

	printf("%-22s %5zu functions, %5.1f %% refused", name ? name + 1 : module, s->n,
	       100.0 - 100.0 * s->answers[0] / s->n);
	for (int i = 1; i < SWEEP_REFUSALS; i++) {
		if (s->answers[i])
			printf("; %zu %s", s->answers[i], detour_refusal_name(i));
	}
	printf("\n");
}

#endif

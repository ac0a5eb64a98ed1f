/*
 * sweep.h - every function of a loaded module, by the symbols in its file
 */
#ifndef OURO_TESTS_DETOUR_SWEEP_H
#define OURO_TESTS_DETOUR_SWEEP_H

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "code.h"
#include "detour.h"
#include "extent.h"

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

/* The functions in .dynsym and, where it was not stripped, .symtab; no cold parts of some. */
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
		const char *names;

		if (h->sh_type != SHT_DYNSYM && h->sh_type != SHT_SYMTAB)
			continue;
		names = (const char *)e + sections[h->sh_link].sh_offset;
		s->fn = realloc(s->fn, (s->n + h->sh_size / sizeof(*sym)) * sizeof(*s->fn));
		for (size_t k = 0; k < h->sh_size / sizeof(*sym); k++) {
			if (ELF64_ST_TYPE(sym[k].st_info) == STT_FUNC && sym[k].st_value &&
			    sym[k].st_shndx != SHN_UNDEF &&
			    !strstr(names + sym[k].st_name, ".cold"))
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

/*
 * How many functions can be detoured by our judgement although a jump of another function
 * leads into the bytes that would go.  Reads all code of the module that has s->fn[0].
 */
static inline size_t sweep_intruded(const struct sweep *s)
{
	struct dl_find_object module;
	const ElfW(Ehdr) *e;
	const ElfW(Phdr) *seg;
	size_t found = 0;

	if (_dl_find_object(s->fn[0], &module))
		return SIZE_MAX;
	e = module.dlfo_map_start;
	seg = (const void *)((const char *)e + e->e_phoff);
	for (int k = 0; k < e->e_phnum; k++) {
		const uint8_t *pc = (e->e_type == ET_EXEC ? NULL : (const uint8_t *)e) +
				    seg[k].p_vaddr, *end = pc + seg[k].p_memsz;
		struct extent x;
		struct code_insn i;

		if (seg[k].p_type != PT_LOAD || !(seg[k].p_flags & PF_X))
			continue;
		for (; pc < end; pc++) {
			if (extent_by_cfi(pc, &x))
				continue;
			for (; pc < x.end && !code_decode(pc, x.end - pc, &i); pc += i.size) {
				size_t lo = 0, hi = s->n;

				if ((i.flow != CODE_JMP && i.flow != CODE_JCC) ||
				    (i.target >= x.begin && i.target < x.end))
					continue;
				while (lo < hi) {
					size_t mid = (lo + hi) / 2;

					if (s->fn[mid] < i.target)
						lo = mid + 1;
					else
						hi = mid;
				}
				if (lo && i.target < s->fn[lo - 1] + 5 &&
				    !detour_check(s->fn[lo - 1], 0)) {
					printf("  %p jumps into %p\n", (void *)pc,
					       (void *)s->fn[lo - 1]);
					found++;
				}
			}
			pc = x.end - 1;
		}
	}
	return found;
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

#include "maps.h"

#include "revive.h"
#include "snapshot.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <ouro/revive.h>
#include <sys/syscall.h>
#include <string.h>
#include <unistd.h>

/* Lines are longer than this only by their path, whose end does not matter. */
#define LINE_MAX_BYTES	512

static const char *hex(const char *p, uintptr_t *ret)
{
	uintptr_t v = 0;

	for (;; p++) {
		unsigned c = (unsigned char)*p;

		if (c - '0' < 10)
			v = v << 4 | (c - '0');
		else if (c - 'a' < 6)
			v = v << 4 | (c - 'a' + 10);
		else
			break;
	}
	*ret = v;
	return p;
}

/* "7f00-7f01 rw-s 00000000 08:01 123   /path": false when it is no such line */
static bool parse(const char *line, struct range *r)
{
	const char *p = hex(line, &r->start);
	unsigned field = 0;
	bool shared;

	if (*p != '-')
		return false;
	p = hex(p + 1, &r->end);
	if (*p != ' ')
		return false;
	r->readable = p[1] == 'r';
	r->writable = p[2] == 'w';
	shared = p[4] == 's';
	r->first = memcmp(p + 6, "00000000 ", 9) == 0;
	for (p++; *p && field < 4; p++)
		field += *p == ' ';
	while (*p == ' ')
		p++;
	if (shared || memcmp(p, "/dev/", 5) == 0)
		r->kind = RANGE_SPECIAL;
	else if (*p == '/')
		r->kind = RANGE_FILE;
	else if (memcmp(p, "[stack]", 7) == 0)
		r->kind = RANGE_STACK;
	else if (memcmp(p, "[v", 2) == 0)
		r->kind = RANGE_SPECIAL;
	else
		r->kind = RANGE_ANONYMOUS;
	r->brk = memcmp(p, "[heap]", 7) == 0;
	if (*p == 0 && r->kind == RANGE_ANONYMOUS)
		r->kind = RANGE_BSS;	/* if it follows a file; add_part looks */
	return true;
}

static int add(struct maps *maps, struct snapshot *s, size_t *cap, const struct range *r)
{
	if (maps->n == *cap) {
		size_t more = *cap ? *cap * 2 : 1024;
		struct range *bigger = snapshot_memory(s, more * sizeof *bigger);

		if (!bigger)
			return -ENOMEM;
		if (maps->n)
			memcpy(bigger, maps->range, maps->n * sizeof *bigger);
		maps->range = bigger;
		*cap = more;
	}
	maps->range[maps->n++] = *r;
	return 0;
}

/* Where the program or library whose first page is at `start` ends; 0: it is none. */
static uintptr_t image_end(uintptr_t start, uintptr_t end)
{
	const Elf64_Ehdr *head = (const Elf64_Ehdr *)start;
	uintptr_t last = 0;

	if (end - start < sizeof *head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
	    head->e_phentsize != sizeof(Elf64_Phdr) ||
	    head->e_phoff + head->e_phnum * sizeof(Elf64_Phdr) > end - start)
		return 0;
	for (unsigned i = 0; i < head->e_phnum; i++) {
		const Elf64_Phdr *p = (const Elf64_Phdr *)(start + head->e_phoff) + i;

		if (p->p_type == PT_LOAD && p->p_vaddr + p->p_memsz > last)
			last = p->p_vaddr + p->p_memsz;
	}
	return (head->e_type == ET_DYN ? start : 0) + ((last + 4095) & ~(uintptr_t)4095);
}

/*
 * The zeroes behind a file's data are a mapping without a name, and the
 * kernel joins it with whatever the program maps next to it: the file's own
 * headers say where they end.
 */
static int add_part(struct maps *maps, struct snapshot *s, size_t *cap, const struct range *r,
	uintptr_t *image)
{
	struct range zeroes = *r, rest = *r;
	int err;

	if (r->kind == RANGE_FILE && r->first)
		*image = r->readable ? image_end(r->start, r->end) : 0;
	if (r->kind != RANGE_BSS)
		return add(maps, s, cap, r);
	rest.kind = RANGE_ANONYMOUS;
	if (!r->writable || *image <= r->start || !maps->n ||
	    maps->range[maps->n - 1].end != r->start)
		return add(maps, s, cap, &rest);
	if (*image >= r->end)
		return add(maps, s, cap, r);
	zeroes.end = rest.start = *image;
	err = add(maps, s, cap, &zeroes);
	return err ? err : add(maps, s, cap, &rest);
}

int maps_read(struct maps *maps, struct snapshot *s)
{
	char buffer[4096], line[LINE_MAX_BYTES];
	size_t cap = 0, used = 0;
	uintptr_t image = 0;
	long fd = revive_is() ? OURO_REVIVE_MAPS :
		syscall(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC);
	long n;
	int err = 0;

	*maps = (struct maps){ 0 };
	if (fd < 0)
		return -errno;
	while (!err && (n = syscall(SYS_read, fd, buffer, sizeof buffer)) > 0) {
		for (long i = 0; i < n && !err; i++) {
			struct range r;

			if (buffer[i] != '\n') {
				if (used < sizeof line - 1)
					line[used++] = buffer[i];
				continue;
			}
			/* short lines are compared with names: nothing of the last one may show */
			memset(line + used, 0, sizeof line - used);
			used = 0;
			if (parse(line, &r))
				err = add_part(maps, s, &cap, &r, &image);
		}
	}
	syscall(SYS_close, fd);
	return err ? err : maps->n ? 0 : -ENOENT;
}

const struct range *maps_find(const struct maps *maps, uintptr_t start, size_t size)
{
	size_t lo = 0, hi = maps->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		const struct range *r = &maps->range[mid];

		if (start >= r->end)
			lo = mid + 1;
		else if (start < r->start)
			hi = mid;
		else
			return r->readable && size <= r->end - start ? r : 0;
	}
	return 0;
}

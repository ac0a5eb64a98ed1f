#include "symtab.h"

#include "sys.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>

/* A file, mapped to be read. */
struct image {
	const char *at;
	size_t size;
};

/* What stands at [offset, offset + n), NULL when the file is not that long. */
static const void *part(const struct image *f, uint64_t offset, uint64_t n)
{
	return offset <= f->size && n <= f->size - offset ? f->at + offset : NULL;
}

static bool image_open(struct image *f, const char *path)
{
	int fd = sys_open(path, O_RDONLY, 0);
	struct stat st;
	long r = -1;

	if (fd < 0)
		return false;
	if (!sys_fstat(fd, &st) && st.st_size > 0)
		r = SYS(SYS_mmap, 0, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	sys_close(fd);
	if (r < 0 && r > -4096)
		return false;
	*f = (struct image){ (const char *)r, (size_t)st.st_size };
	return true;
}

/* Two static functions of one name: neither can be told to be the one that is meant. */
enum { TWICE = 1 };

struct names {
	const char *const *name;
	unsigned n;
	uintptr_t *ret;
};

static void look(void *arg, const char *name, size_t length, uintptr_t value)
{
	const struct names *wanted = arg;

	for (unsigned i = 0; i < wanted->n; i++) {
		uintptr_t *ret = &wanted->ret[i];

		if (wanted->name[i][0] != name[0] || strlen(wanted->name[i]) != length
		    || memcmp(wanted->name[i], name, length))
			continue;
		*ret = *ret && *ret != value ? TWICE : value;
		return;
	}
}

static void search(const struct image *f, const Elf64_Shdr *table, const Elf64_Shdr *strings,
		   void (*each)(void *, const char *, size_t, uintptr_t), void *arg)
{
	const Elf64_Sym *s = part(f, table->sh_offset, table->sh_size);
	const char *text = part(f, strings->sh_offset, strings->sh_size);

	if (!s || !text)
		return;
	for (const Elf64_Sym *end = s + table->sh_size / sizeof *s; s < end; s++) {
		size_t room, length;

		if (ELF64_ST_TYPE(s->st_info) != STT_FUNC || s->st_shndx == SHN_UNDEF
		    || s->st_name >= strings->sh_size)
			continue;
		room = strings->sh_size - s->st_name;
		length = strnlen(text + s->st_name, room);
		if (length < room)
			each(arg, text + s->st_name, length, s->st_value);
	}
}

void symtab_each(const char *file,
		 void (*each)(void *arg, const char *name, size_t length, uintptr_t value),
		 void *arg)
{
	const Elf64_Shdr *sections;
	const Elf64_Ehdr *e;
	struct image f;

	if (!image_open(&f, file))
		return;
	e = part(&f, 0, sizeof *e);
	sections = e && e->e_shentsize == sizeof *sections
		? part(&f, e->e_shoff, (uint64_t)e->e_shnum * sizeof *sections) : NULL;
	for (unsigned i = 0; sections && i < e->e_shnum; i++)
		if (sections[i].sh_type == SHT_SYMTAB && sections[i].sh_link < e->e_shnum)
			search(&f, &sections[i], &sections[sections[i].sh_link], each, arg);
	sys_unmap((void *)f.at, f.size);
}

unsigned symtab_find(const char *file, const char *const *names, unsigned n, uintptr_t *ret)
{
	struct names wanted = { names, n, ret };
	unsigned found = 0;

	memset(ret, 0, n * sizeof *ret);
	symtab_each(file, look, &wanted);
	for (unsigned i = 0; i < n; i++) {
		if (ret[i] == TWICE)
			ret[i] = 0;
		found += !!ret[i];
	}
	return found;
}

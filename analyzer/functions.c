#include "functions.h"

#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* .eh_frame_hdr as linkers write it: pairs of distances from its own address, 32 bits each. */
#define TABLE_ENCODING 0x3b
#define COUNT_ENCODING 0x03
#define HEAD_BYTES 12

struct functions_table {
	bool tried;
	uint64_t base;			/* address of the table in the file          */
	int32_t *start;			/* ascending; less base                      */
	uint32_t n;
};

int functions_init(struct functions *f, const struct defs *d)
{
	*f = (struct functions){ .defs = d,
		.table = mem_array(d->modules, sizeof(*f->table)) };
	return f->table ? 0 : -ENOMEM;
}

void functions_fini(struct functions *f)
{
	for (uint32_t i = 0; f->table && i < f->defs->modules; i++)
		mem_free(f->table[i].start);
	mem_free(f->table);
	*f = (struct functions){ 0 };
}

/* Anything else than the usual form is as good as none. */
static void take_table(struct functions_table *t, const uint8_t *p, size_t size, uint64_t base)
{
	uint32_t n;

	if (size < HEAD_BYTES || p[0] != 1 || p[2] != COUNT_ENCODING || p[3] != TABLE_ENCODING)
		return;
	memcpy(&n, p + 8, sizeof(n));
	if (n > (size - HEAD_BYTES) / 8)
		return;
	t->start = mem_array(n, sizeof(*t->start));
	if (!t->start)
		return;
	for (uint32_t i = 0; i < n; i++)
		memcpy(&t->start[i], p + HEAD_BYTES + 8 * (size_t)i, sizeof(*t->start));
	t->base = base;
	t->n = n;
}

static void read_file(struct functions_table *t, Elf *elf)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return;
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr head;
		Elf_Data *data;
		const char *name = gelf_getshdr(section, &head) ?
			elf_strptr(elf, names, head.sh_name) : NULL;

		if (!name || strcmp(name, ".eh_frame_hdr"))
			continue;
		data = elf_rawdata(section, NULL);
		if (data && data->d_buf)
			take_table(t, data->d_buf, data->d_size, head.sh_addr);
		return;
	}
}

static void load(struct functions_table *t, const struct def_module *m)
{
	char path[4096];
	struct stat st;
	Elf *elf;
	int fd;

	t->tried = true;
	if (!m->path.length || m->path.s[0] != '/' || m->path.length >= sizeof(path))
		return;
	snprintf(path, sizeof(path), "%.*s", TEXT_ARG(m->path));
	elf_version(EV_CURRENT);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return;
	elf = !fstat(fd, &st) && S_ISREG(st.st_mode) ? elf_begin(fd, ELF_C_READ_MMAP, NULL) : NULL;
	if (elf)
		read_file(t, elf);
	elf_end(elf);
	close(fd);
}

uint64_t functions_start(struct functions *f, uint32_t module, uint64_t address)
{
	const struct def_module *m = def_module(f->defs, module);
	struct functions_table *t = m ? &f->table[module] : NULL;
	uint32_t low = 0, high;
	int64_t at;

	if (!t)
		return 0;
	if (!t->tried)
		load(t, m);
	at = (int64_t)(address - m->bias - t->base);
	high = t->n;
	while (low < high) {		/* the first that begins after it */
		uint32_t mid = low + (high - low) / 2;

		if (t->start[mid] <= at)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? t->base + (uint64_t)(int64_t)t->start[low - 1] : 0;
}

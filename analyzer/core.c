#include "core.h"

#include "mem.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <sys/user.h>
#include <unistd.h>

#define FIELD(name) (offsetof(struct user_regs_struct, name) / 8)
static_assert(sizeof(struct user_regs_struct) == CORE_REGISTERS * 8, "as NT_PRSTATUS has them");

static int say(char error[200], const char *what)
{
	snprintf(error, 200, "%s", what);
	return -EINVAL;
}

/* --- notes ---------------------------------------------------------------------------- */

static int take_thread(struct core *c, const void *desc, size_t size)
{
	struct elf_prstatus s;
	struct core_thread *t;

	if (size < sizeof(s))
		return 0;
	memcpy(&s, desc, sizeof(s));
	if (mem_room(&c->thread, c->nthreads, &c->threads_cap, sizeof(*c->thread)))
		return -ENOMEM;
	t = &c->thread[c->nthreads++];
	*t = (struct core_thread){ .tid = (uint32_t)s.pr_pid };
	memcpy(t->word, s.pr_reg, sizeof(t->word));
	t->sp = t->word[FIELD(rsp)];
	t->pc = t->word[FIELD(rip)];
	t->fs = t->word[FIELD(fs_base)];
	if (!c->signal)
		c->signal = s.pr_cursig;
	return 0;
}

static void take_signal(struct core *c, const void *desc, size_t size)
{
	siginfo_t info;

	if (c->faulted || size < sizeof(info))
		return;
	memcpy(&info, desc, sizeof(info));
	c->signal = info.si_signo;
	c->code = info.si_code;
	c->faulted = info.si_code > 0 && (info.si_signo == SIGSEGV || info.si_signo == SIGBUS);
	c->fault = (uint64_t)(uintptr_t)info.si_addr;
}

static void take_process(struct core *c, const void *desc, size_t size)
{
	struct elf_prpsinfo p;

	if (size < sizeof(p))
		return;
	memcpy(&p, desc, sizeof(p));
	c->pid = (uint32_t)p.pr_pid;
}

struct file_range {
	uint64_t start, end, page;	/* page: of the file, in pages               */
};

static int by_start(const void *a, const void *b)
{
	const struct core_part *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* What debuggers leave out of a core file is not even named there; it was no data. */
static int add_absent(struct core *c, uint64_t start, uint64_t end)
{
	if (mem_room(&c->part, c->nparts, &c->parts_cap, sizeof(*c->part)))
		return -ENOMEM;
	c->part[c->nparts++] = (struct core_part){ .start = start, .end = end, .readable = true,
		.executable = true };
	return 0;
}

static int take_file(struct core *c, const struct file_range *f, uint64_t page, const char *path)
{
	uint32_t sorted = c->nparts;
	uint64_t told = f->start;
	int e = 0;

	for (uint32_t k = 0; k < sorted && !e; k++) {
		const struct core_part *p = &c->part[k];

		if (p->end <= told || p->start >= f->end)
			continue;
		if (p->start > told)
			e = add_absent(c, told, p->start);
		told = c->part[k].end;
	}
	if (!e && told < f->end)
		e = add_absent(c, told, f->end);
	for (uint32_t k = 0; k < c->nparts && !e; k++) {
		struct core_part *p = &c->part[k];

		if (p->start < f->start || p->end > f->end)
			continue;
		p->file = true;
		p->path = path;
		p->file_at = f->page * page + (p->start - f->start);
	}
	if (c->nparts > sorted)
		qsort(c->part, c->nparts, sizeof(*c->part), by_start);
	return e;
}

/* count, page size, then start, end and offset of each; names follow. */
static int take_files(struct core *c, const uint8_t *desc, size_t size)
{
	const char *name, *end = (const char *)desc + size;
	struct file_range f;
	uint64_t n, page;
	int e = 0;

	if (size < 16)
		return 0;
	memcpy(&n, desc, 8);
	memcpy(&page, desc + 8, 8);
	if (n > (size - 16) / sizeof(f))
		n = (size - 16) / sizeof(f);
	name = (const char *)desc + 16 + n * sizeof(f);
	for (uint64_t i = 0; i < n && !e; i++) {
		const char *next = memchr(name, 0, (size_t)(end - name));

		memcpy(&f, desc + 16 + sizeof(f) * i, sizeof(f));
		e = take_file(c, &f, page, next ? name : NULL);
		name = next ? next + 1 : end;
	}
	return e;
}

static int take_notes(struct core *c, const GElf_Phdr *p)
{
	Elf_Data *data = elf_getdata_rawchunk(c->elf, (int64_t)p->p_offset, p->p_filesz, ELF_T_NHDR);
	size_t at = 0, name, desc;
	GElf_Nhdr n;
	int e = 0;

	while (data && !e && (at = gelf_getnote(data, at, &n, &name, &desc))) {
		const uint8_t *d = (const uint8_t *)data->d_buf + desc;

		switch (n.n_type) {
		case NT_PRSTATUS: e = take_thread(c, d, n.n_descsz); break;
		case NT_SIGINFO:  take_signal(c, d, n.n_descsz); break;
		case NT_PRPSINFO: take_process(c, d, n.n_descsz); break;
		case NT_FILE:     e = take_files(c, d, n.n_descsz); break;
		}
	}
	return e;
}

/* --- memory --------------------------------------------------------------------------- */

static void add_part(struct core *c, const GElf_Phdr *p)
{
	struct core_part x = { .start = p->p_vaddr, .end = p->p_vaddr + p->p_memsz,
		.readable = p->p_flags & PF_R, .writable = p->p_flags & PF_W,
		.executable = p->p_flags & PF_X };

	if (x.end <= x.start)
		return;
	/* Words are read where they stand; the kernel writes whole pages. */
	if (p->p_offset < c->size && p->p_offset % 8 == 0 && p->p_vaddr % 8 == 0) {
		x.data = c->bytes + p->p_offset;
		x.bytes = p->p_filesz < c->size - p->p_offset ? p->p_filesz : c->size - p->p_offset;
		if (x.bytes > p->p_memsz)
			x.bytes = p->p_memsz;
	}
	c->cut |= x.bytes < p->p_filesz;
	c->part[c->nparts++] = x;
}

static int take_segments(struct core *c)
{
	size_t n;
	GElf_Phdr p;
	int e = 0;

	if (elf_getphdrnum(c->elf, &n) || n > UINT32_MAX)
		return -EINVAL;
	c->part = mem_array(n, sizeof(*c->part));
	if (!c->part)
		return -ENOMEM;
	c->parts_cap = (uint32_t)n;
	for (size_t i = 0; i < n; i++)
		if (gelf_getphdr(c->elf, (int)i, &p) && p.p_type == PT_LOAD)
			add_part(c, &p);
	if (c->nparts)
		qsort(c->part, c->nparts, sizeof(*c->part), by_start);
	for (size_t i = 0; i < n && !e; i++)
		if (gelf_getphdr(c->elf, (int)i, &p) && p.p_type == PT_NOTE)
			e = take_notes(c, &p);
	return e;
}

const void *core_at(const struct core *c, uint64_t address, uint64_t bytes)
{
	uint32_t lo = 0, hi = c->nparts;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		const struct core_part *p = &c->part[mid];

		if (address >= p->end)
			lo = mid + 1;
		else if (address < p->start)
			hi = mid;
		else
			return address - p->start <= p->bytes && bytes <= p->bytes - (address - p->start)
				? p->data + (address - p->start) : NULL;
	}
	return NULL;
}

bool core_mark(const struct core *c, struct ouro_core *ret)
{
	uint64_t magic[2] = { OURO_CORE_MAGIC_0, OURO_CORE_MAGIC_1 };

	for (uint32_t i = 0; i < c->nparts; i++) {
		const struct core_part *p = &c->part[i];

		if (!p->writable || !p->file)
			continue;
		for (uint64_t at = 0; at + sizeof(*ret) <= p->bytes; at += 8)
			if (!memcmp(p->data + at, magic, sizeof(magic))) {
				memcpy(ret, p->data + at, sizeof(*ret));
				return true;
			}
	}
	return false;
}

/* --- the door ------------------------------------------------------------------------- */

int core_open(struct core *c, const char *path, char error[200])
{
	GElf_Ehdr head;
	int e;

	*c = (struct core){ .path = path, .fd = open(path, O_RDONLY | O_CLOEXEC) };
	if (c->fd < 0) {
		e = -errno;
		snprintf(error, 200, "core file %.120s: %s", path, strerror(errno));
		return e;
	}
	elf_version(EV_CURRENT);
	c->elf = elf_begin(c->fd, ELF_C_READ_MMAP, NULL);
	if (c->elf)
		c->bytes = (const uint8_t *)elf_rawfile(c->elf, &c->size);
	if (!c->bytes || !gelf_getehdr(c->elf, &head) || head.e_type != ET_CORE)
		e = -EINVAL;
	else if (head.e_machine != EM_X86_64 || head.e_ident[EI_CLASS] != ELFCLASS64)
		e = -ENOTSUP;
	else
		e = take_segments(c);
	if (!e && (!c->nthreads || !c->nparts))
		e = -EINVAL;
	if (e) {
		snprintf(error, 200, "%.140s %s", path, e == -ENOTSUP ? "is a core file of another machine" :
			 e == -ENOMEM ? "needs more memory than there is" : "is no core file");
		core_close(c);
	}
	return e;
}

void core_close(struct core *c)
{
	if (!c->path)
		return;
	mem_free(c->part);
	mem_free(c->thread);
	if (c->elf)
		elf_end(c->elf);
	if (c->fd >= 0)
		close(c->fd);
	*c = (struct core){ 0 };
}

/* --- is it the same process? ---------------------------------------------------------- */

/* The build-id in the image that begins at `start`; NULL: not in the core. */
static const uint8_t *build_id(const struct core *c, uint64_t start, uint32_t *ret_length)
{
	const Elf64_Ehdr *head = start % 8 ? NULL : core_at(c, start, sizeof(*head));
	const Elf64_Phdr *p;

	if (!head || head->e_phoff % 8 || memcmp(head->e_ident, ELFMAG, SELFMAG) || head->e_phentsize != sizeof(*p))
		return NULL;
	p = core_at(c, start + head->e_phoff, (uint64_t)head->e_phnum * sizeof(*p));
	for (unsigned i = 0; p && i < head->e_phnum; i++) {
		uint64_t from = head->e_type == ET_DYN ? start + p[i].p_vaddr : p[i].p_vaddr, at = 0;

		while (p[i].p_type == PT_NOTE && at + sizeof(Elf64_Nhdr) <= p[i].p_filesz) {
			const Elf64_Nhdr *n = (from + at) % 4 ? NULL : core_at(c, from + at, sizeof(*n));
			uint64_t desc = at + sizeof(*n) + (n ? (n->n_namesz + 3u) & ~3u : 0);

			if (!n)
				break;
			if (n->n_type == NT_GNU_BUILD_ID && n->n_namesz == 4) {
				*ret_length = n->n_descsz;
				return core_at(c, from + desc, n->n_descsz);
			}
			at = desc + ((n->n_descsz + 3u) & ~3u);
		}
	}
	return NULL;
}

int core_check(const struct core *c, uint32_t pid, const struct defs *d, char error[200])
{
	uint32_t known = 0;

	if (c->pid && c->pid != pid) {
		snprintf(error, 200, "%.80s is of process %u, and the trace of process %u", c->path,
			 c->pid, pid);
		return -EINVAL;
	}
	for (uint32_t i = 1; i < d->modules; i++) {
		const struct def_module *m = &d->module[i];
		uint32_t length = 0;
		const uint8_t *id = m->start ? build_id(c, m->start, &length) : NULL;

		if (!id || !m->build_id_length)
			continue;
		if (length != m->build_id_length || memcmp(id, m->build_id, length)) {
			snprintf(error, 200, "%.60s and the trace do not have the same build of %.*s",
				 c->path, (int)(m->path.length < 80 ? m->path.length : 80), m->path.s);
			return -EINVAL;
		}
		known++;
	}
	if (!known && !c->pid)
		return say(error, "nothing in the core file says of which process it is");
	return 0;
}

const char *core_ending(const struct core *c, char room[100])
{
	const char *name = c->signal > 0 ? sigabbrev_np(c->signal) : NULL;

	if (!name)
		return NULL;
	if (c->faulted)
		snprintf(room, 100, "SIG%s at address 0x%llx", name, (unsigned long long)c->fault);
	else
		snprintf(room, 100, "SIG%s", name);
	return room;
}

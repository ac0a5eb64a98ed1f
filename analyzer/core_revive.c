#include "core_revive.h"

#include "buf.h"
#include "launch.h"
#include "mem.h"

#include <elf.h>
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <ouro/revive.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE		4096u
#define USER_END	0x800000000000u
#define COMPARED	4096		/* first bytes of a file: its build-id is among them */
#define FIRST_FD	10		/* above those that the program is started with */

/* A file that was mapped: is the one of that name here still the same? */
struct mapped {
	const char *path;		/* as the core file has it                   */
	uint32_t name;			/* of the one here: offset in names; 0: none */
};

struct planner {
	const struct core *c;
	const struct defs *defs;	/* the trace's                               */
	const char *sysroot;
	struct ouro_plan_part *part;
	uint32_t parts;
	struct buf names, maps;
	struct mapped *file;
	uint32_t files, files_cap;
	const char *missing;		/* the first file whose code is not here     */
	uint64_t entry;
	bool no_memory;
};

/* --- files ---------------------------------------------------------------------------- */

static const struct core_part *first_of(const struct core *c, const char *path)
{
	for (uint32_t i = 0; i < c->nparts; i++) {
		const struct core_part *p = &c->part[i];

		if (p->path && !p->file_at && !strcmp(p->path, path))
			return p;
	}
	return NULL;
}

static bool begins_same(int fd, const struct core_part *p)
{
	uint8_t here[COMPARED];
	size_t n = p->bytes < COMPARED ? p->bytes : COMPARED;

	return n >= sizeof(Elf64_Ehdr) && !memcmp(p->data, ELFMAG, SELFMAG) &&
		pread(fd, here, n, 0) == (ssize_t)n && !memcmp(here, p->data, n);
}

/* Of the trace's module that begins there: for core files that have no first pages. */
static bool has_build_id(int fd, const struct defs *d, uint64_t start)
{
	Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	const void *id = NULL;
	ssize_t n = elf ? dwelf_elf_gnu_build_id(elf, &id) : 0;
	bool same = false;

	for (uint32_t i = 1; i < d->modules && n > 0; i++)
		same |= d->module[i].start == start && d->module[i].build_id_length == (size_t)n &&
			!memcmp(d->module[i].build_id, id, (size_t)n);
	elf_end(elf);
	return same;
}

static bool is_same(const struct planner *x, int fd, const struct core_part *p)
{
	struct stat st;

	if (!p || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return false;
	return p->bytes ? begins_same(fd, p) : has_build_id(fd, x->defs, p->start);
}

/* Named in the plan; 0: there is no such file, or it is another one. */
static uint32_t try_name(struct planner *x, const char *root, const char *path)
{
	size_t at = 0;
	struct buf here = { 0 };
	int fd;

	buf_printf(&here, "%s%s", root, path);
	fd = open(buf_text(&here), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0 && is_same(x, fd, first_of(x->c, path))) {
		at = x->names.n;
		buf_add(&x->names, here.s, here.n + 1);
	}
	if (fd >= 0)
		close(fd);
	buf_fini(&here);
	return (uint32_t)at;
}

static uint32_t add_name(struct planner *x, const char *path)
{
	uint32_t name = x->sysroot ? try_name(x, x->sysroot, path) : 0;

	return name ? name : try_name(x, "", path);
}

static const struct mapped *find_file(struct planner *x, const char *path)
{
	for (uint32_t i = x->files; i-- > 0; )
		if (!strcmp(x->file[i].path, path))
			return &x->file[i];
	if (mem_room(&x->file, x->files, &x->files_cap, sizeof(*x->file))) {
		x->no_memory = true;
		return NULL;
	}
	x->file[x->files] = (struct mapped){ path, add_name(x, path) };
	return &x->file[x->files++];
}

/* --- the plan ------------------------------------------------------------------------- */

static void add_map(struct planner *x, const struct core_part *p)
{
	/* What is shared with others is not in a core file. */
	bool shared = p->file && p->writable && !p->bytes;

	buf_printf(&x->maps, "%llx-%llx %c%c%c%c %08llx 00:00 0", (unsigned long long)p->start,
		   (unsigned long long)p->end, p->readable ? 'r' : '-', p->writable ? 'w' : '-',
		   p->executable ? 'x' : '-', shared ? 's' : 'p', (unsigned long long)p->file_at);
	buf_printf(&x->maps, " %s\n", p->path ? p->path : p->file ? "/" : "");
}

static void add_part(struct planner *x, const struct core_part *p)
{
	struct ouro_plan_part *to = &x->part[x->parts];
	bool whole = p->bytes == p->end - p->start;
	const struct mapped *file;

	if (p->start % PAGE || p->end % PAGE || p->end > USER_END ||
	    (p->end > OURO_REVIVE_START && p->start < OURO_REVIVE_END))
		return;
	add_map(x, p);
	*to = (struct ouro_plan_part){ .start = p->start, .end = p->end,
		.core_at = p->bytes ? (uint64_t)(p->data - x->c->bytes) : 0, .core_bytes = p->bytes,
		.protection = (p->readable ? PROT_READ : 0) | (p->writable ? PROT_WRITE : 0) |
			(p->executable ? PROT_EXEC : 0) };
	file = p->path && !whole ? find_file(x, p->path) : NULL;
	if (file && file->name && p->file_at % PAGE == 0) {
		to->file = file->name;
		to->file_at = p->file_at;
	} else if (p->path && !whole && p->executable) {
		/* Without the library that is to be entered nothing goes: it is told of first. */
		if (!x->missing || (x->entry >= p->start && x->entry < p->end))
			x->missing = p->path;
	}
	x->parts++;
}

static int make_plan(struct planner *x)
{
	x->part = mem_array(x->c->nparts, sizeof(*x->part));
	if (!x->part)
		return -ENOMEM;
	buf_add(&x->names, "", 1);		/* offset 0 is "none" */
	for (uint32_t i = 0; i < x->c->nparts; i++)
		add_part(x, &x->c->part[i]);
	return x->no_memory || !x->names.s || !x->maps.s ? -ENOMEM : 0;
}

static void planner_fini(struct planner *x)
{
	buf_fini(&x->names);
	buf_fini(&x->maps);
	mem_free(x->part);
	mem_free(x->file);
}

static bool put(int fd, const void *from, size_t n)
{
	const char *p = from;

	while (n) {
		ssize_t r = write(fd, p, n);

		if (r <= 0)
			return false;
		p += r;
		n -= (size_t)r;
	}
	return true;
}

static bool put_plan(struct planner *x, int fd)
{
	const struct core *c = x->c;
	struct ouro_plan plan = { .magic = OURO_PLAN_MAGIC, .entry = x->entry, .sp = c->thread[0].sp,
		.parts = x->parts, .threads = c->nthreads };
	size_t names = sizeof(plan) + x->parts * sizeof(*x->part) + c->nthreads * sizeof(uint64_t);
	bool good;

	plan.bytes = names + x->names.n;
	for (uint32_t i = 0; i < x->parts; i++)
		if (x->part[i].file)
			x->part[i].file += (uint32_t)names;
	good = put(fd, &plan, sizeof(plan)) && put(fd, x->part, x->parts * sizeof(*x->part));
	for (uint32_t i = 0; i < c->nthreads; i++)
		good = good && put(fd, &c->thread[i].fs, sizeof(uint64_t));
	return good && put(fd, x->names.s, x->names.n);
}

/* --- the process ---------------------------------------------------------------------- */

/* An anonymous file whose descriptor is none of those that the program is started with. */
static int scratch(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC), high;

	if (fd < 0)
		return -errno;
	high = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);
	close(fd);
	return high < 0 ? -errno : high;
}

/* How it ended, as waitpid has it; -errno. */
static int run(const int fd[4])
{
	static char name[] = OURO_REVIVE_NAME;
	static const int as[4] = { OURO_REVIVE_PLAN, OURO_REVIVE_OUT, OURO_REVIVE_CORE, OURO_REVIVE_MAPS };
	char *argv[] = { name, NULL }, *environment[] = { NULL }, *path = launch_find(OURO_REVIVE_NAME);
	posix_spawn_file_actions_t actions;
	int status, e;
	pid_t pid;

	if (!path)
		return -ENOENT;
	e = posix_spawn_file_actions_init(&actions);
	for (int i = 0; i < 4 && !e; i++)
		e = posix_spawn_file_actions_adddup2(&actions, fd[i], as[i]);
	if (!e)
		e = posix_spawn(&pid, path, &actions, NULL, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	free(path);
	if (e)
		return -e;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return status;
}

/* A trace that has nothing but what the process is going to write. */
static bool put_header(int fd, const struct ouro_file *recorded)
{
	static const char zeroes[OURO_HEADER_SIZE];
	struct ouro_file h = { .format = OURO_FORMAT, .header_size = OURO_HEADER_SIZE,
		.chunk_size = OURO_CHUNK_SIZE, .id = recorded->id, .pid = recorded->pid,
		.origin = recorded->origin, .clock = recorded->clock, .tick_shift = recorded->tick_shift,
		.start_ticks = recorded->start_ticks, .start_ns = recorded->start_ns,
		.end = OURO_HEADER_SIZE, .state = OURO_STATE_EXITED, .snapshots_begun = 1,
		.snapshots_done = 1 };

	memcpy(h.magic, OURO_MAGIC, sizeof(h.magic));
	return put(fd, &h, sizeof(h)) && put(fd, zeroes, sizeof(zeroes) - sizeof(h));
}

static void say_missing(const struct planner *x, char why[200])
{
	const char *name = x->missing ? strrchr(x->missing, '/') : NULL;

	if (x->missing)
		snprintf(why, 200, "%.150s is not here, or it is another build", name && name[1] ? name + 1 : x->missing);
	else
		snprintf(why, 200, "its heap is damaged");
}

static int take_output(struct planner *x, struct revived *ret, struct snap *s, int fd,
	const struct defs *d, char why[200])
{
	char error[200];
	struct stat st;
	int e = fstat(fd, &st) ? -errno : 0;

	if (!e) {
		void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

		if (p == MAP_FAILED)
			return -ENOMEM;
		ret->bytes = p;
		ret->size = (size_t)st.st_size;
		e = trace_open_memory(&ret->trace, ret->bytes, ret->size, error);
	}
	if (!e)
		e = snap_load(s, &ret->trace, d, 1);
	if (!e && s->complete && s->nodes)
		return 0;
	if (!e)
		snap_free(s);
	say_missing(x, why);
	return e == -ENOMEM ? e : 1;
}

static int try_run(struct planner *x, struct revived *ret, struct snap *s, const int fd[4],
	const struct trace *recorded, const struct defs *d, char why[200])
{
	int status;

	for (int i = 0; i < 4; i++)
		if (fd[i] < 0) {
			snprintf(why, 200, "%s", strerror(-fd[i]));
			return 1;
		}
	if (!put_plan(x, fd[0]) || !put_header(fd[1], &recorded->head) ||
	    !put(fd[3], x->maps.s, x->maps.n) || lseek(fd[3], 0, SEEK_SET)) {
		snprintf(why, 200, "there is no room for it: %s", strerror(errno));
		return 1;
	}
	status = run(fd);
	if (status == -ENOENT)
		snprintf(why, 200, OURO_REVIVE_NAME " is not beside this command, or not installed");
	else if (status < 0)
		snprintf(why, 200, OURO_REVIVE_NAME ": %s", strerror(-status));
	else if (status)
		say_missing(x, why);
	return status ? 1 : take_output(x, ret, s, fd[1], d, why);
}

/* --- all of it ------------------------------------------------------------------------ */

int core_revive(struct revived *ret, struct snap *ret_snap, const struct core *c,
	const struct trace *recorded, const struct defs *d, const char *sysroot, char why[200])
{
	struct planner x = { .c = c, .defs = d, .sysroot = sysroot };
	int fd[4] = { -1, -1, -1, -1 }, e;
	struct ouro_core mark;

	*ret = (struct revived){ 0 };
	if (c->cut) {
		snprintf(why, 200, "the core file is cut off");
		return 1;
	}
	if (!core_mark(c, &mark) || !mark.entry) {
		snprintf(why, 200, "the library's memory is not in it, or of another version of ouro");
		return 1;
	}
	x.entry = mark.entry;
	e = make_plan(&x);
	if (!e) {
		fd[0] = scratch("ouro-plan");
		fd[1] = scratch("ouro-objects");
		fd[2] = fcntl(c->fd, F_DUPFD_CLOEXEC, FIRST_FD);
		fd[2] = fd[2] < 0 ? -errno : fd[2];
		fd[3] = scratch("ouro-maps");
		e = try_run(&x, ret, ret_snap, fd, recorded, d, why);
	}
	for (int i = 0; i < 4; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	planner_fini(&x);
	if (e)
		core_revive_fini(ret);
	return e;
}

void core_revive_fini(struct revived *r)
{
	trace_close(&r->trace);
	if (r->bytes)
		munmap(r->bytes, r->size);
	*r = (struct revived){ 0 };
}

#include "exec.h"

#include "confine.h"
#include "environment.h"
#include "libc.h"
#include "loader.h"
#include "options.h"
#include "process.h"
#include "runtime.h"
#include "strbuf.h"
#include "sys.h"

#include <errno.h>
#include <ouro/target.h>
#include <string.h>
#include <unistd.h>

/*
 * These are read in children that share our memory (vfork, posix_spawn), and
 * written only while there is one thread: at start and in a forked child.
 */
static char library[4096];		/* absolute; empty: nothing is followed      */
static char entry_alone[sizeof library + 16];	/* LD_PRELOAD=library               */
static char entry_options[2][8192];	/* OURO_OPTIONS=..., by option `preload`    */

/* Of the new environment; on the stack of posix_spawn's child, which has 32 KiB. */
#define STACK_MOST 16384

/* --- what is handed on ----------------------------------------------------------- */

static void add_key(struct strbuf *t, const char *key)
{
	strbuf_add(t, key);
	strbuf_add(t, "=");
}

static void add_number(struct strbuf *t, const char *key, uint64_t n, unsigned base)
{
	strbuf_add(t, ",");
	add_key(t, key);
	strbuf_add_number(t, n, base);
}

static void add_snapshot(struct strbuf *t)
{
	if (options.snapshot_collection == COLLECTIONS_WHEN_SMALL)
		return;			/* nobody said when: the new program decides alike */
	strbuf_add(t, ",snapshot=");
	strbuf_add(t, options.snapshot_exit ? "exit" : "never");
	if (options.snapshot_collection == COLLECTIONS_ANY)
		strbuf_add(t, "+collection");
	if (options.snapshot_signal) {
		strbuf_add(t, "+signal:");
		strbuf_add_number(t, (unsigned)options.snapshot_signal, 10);
	}
	if (options.snapshot_every) {
		strbuf_add(t, "+every:");
		strbuf_add_number(t, options.snapshot_every, 10);
	}
	if (options.snapshot_call[0]) {
		strbuf_add(t, "+call:");
		strbuf_add(t, options.snapshot_call);
	}
}

static bool write_options(char *to, size_t room, unsigned preload)
{
	struct strbuf t = strbuf_in(to, room);

	strbuf_add(&t, OURO_OPTIONS_VARIABLE "=mode=");
	strbuf_add(&t, options.mode == MODE_RING ? "ring" : "stream");
	add_number(&t, "ring", options.ring, 10);
	add_number(&t, "sample", options.sample, 10);
	add_snapshot(&t);
	add_number(&t, "preload", preload, 10);
	add_number(&t, "first", process_first(), 10);
	add_number(&t, "parent", process_id(), 16);
	if (options.runtimes[0]) {
		strbuf_add(&t, ",runtimes=");
		strbuf_add(&t, options.runtimes);
	}
	if (options.watch[0]) {
		strbuf_add(&t, ",watch=");
		strbuf_add(&t, options.watch);
	}
	if (options.debug[0]) {
		strbuf_add(&t, ",debug=");
		strbuf_add(&t, options.debug);
	}
	strbuf_add(&t, ",file=");
	strbuf_add(&t, options.file);
	return !t.cut;
}

void exec_prepare(void)
{
	for (unsigned i = 0; i < 2; i++)
		if (!write_options(entry_options[i], sizeof entry_options[i], i))
			library[0] = 0;
}

/* --- the new environment ------------------------------------------------------- */

struct plan {
	const char *list;		/* of the LD_PRELOAD that is there; NULL: none */
	size_t entries, bytes;		/* of the new environment                    */
};

/* False: leave it as it is. */
static bool plan_make(struct plan *p, char *const *envp)
{
	const char *us;

	*p = (struct plan){ .entries = 3 };
	for (; envp && *envp; envp++) {
		p->entries++;
		/* Somebody starts ouro by himself: his options are not ours to change. */
		if (environment_is(*envp, OURO_OPTIONS_VARIABLE))
			return false;
		if (!p->list && environment_is(*envp, "LD_PRELOAD"))
			p->list = *envp + strlen("LD_PRELOAD=");
	}
	if (p->list && environment_find_us(p->list, &us))
		return false;
	p->bytes = p->entries * sizeof(char *);
	if (p->list)
		p->bytes += strlen(entry_alone) + strlen(p->list) + 2;
	return true;
}

static char *const *plan_fill(const struct plan *p, char *const *envp, void *room)
{
	char **to = room;
	struct strbuf t;

	for (; envp && *envp; envp++) {
		if (!p->list || *envp != p->list - strlen("LD_PRELOAD=")) {
			*to++ = *envp;
			continue;
		}
		t = strbuf_in((char *)room + p->entries * sizeof(char *),
			p->bytes - p->entries * sizeof(char *));
		strbuf_add(&t, entry_alone);
		if (*p->list) {
			strbuf_add(&t, ":");
			strbuf_add(&t, p->list);
		}
		*to++ = t.start;
	}
	if (!p->list)
		*to++ = entry_alone;
	*to++ = entry_options[p->list != NULL];
	*to = NULL;
	return room;
}

/* --- exec -------------------------------------------------------------------------- */

struct exec {
	int dirfd, flags;
	const char *path;
	char *const *argv;
};

static int raw(const struct exec *e, char *const *envp)
{
	long r = e->dirfd == AT_FDCWD && !e->flags
		? SYS(SYS_execve, e->path, e->argv, envp, 0, 0, 0)
		: SYS(SYS_execveat, e->dirfd, e->path, e->argv, envp, e->flags, 0);

	errno = (int)-r;
	return -1;
}

/* Our last words, unless the kernel says no. */
static int end_with(const struct exec *e, char *const *envp)
{
	bool ours = !confined && process_is_ours();
	int r;

	if (ours && interpreter && !SYS(SYS_faccessat, e->dirfd, e->path, X_OK, 0, 0, 0))
		exit_snapshot(OURO_SNAPSHOT_EXEC, 0);
	if (ours)
		process_state(OURO_STATE_EXECED, 0);
	r = raw(e, envp);
	if (ours)
		process_state(OURO_STATE_RUNNING, 0);
	return r;
}

static bool can_follow(const struct exec *e)
{
	int saved = errno;
	bool can = library[0] && !SYS(SYS_faccessat, AT_FDCWD, library, R_OK, 0, 0, 0)
		&& ouro_target_check(e->dirfd, e->path) == OURO_TARGET_OK;

	errno = saved;
	return can;
}

static int __attribute__((noinline)) end_on_stack(const struct exec *e, char *const *envp,
	const struct plan *p)
{
	return end_with(e, plan_fill(p, envp, __builtin_alloca(p->bytes)));
}

/*
 * An environment too large for posix_spawn's stack.  In a child that shares
 * our memory a mapping would stay behind in the parent, so there the program
 * is not followed.
 */
static int end_on_mapping(const struct exec *e, char *const *envp, const struct plan *p)
{
	void *room = process_is_ours() ? sys_memory(p->bytes) : NULL;
	int r, error;

	if (!room)
		return end_with(e, envp);
	r = end_with(e, plan_fill(p, envp, room));
	error = errno;
	sys_unmap(room, p->bytes);
	errno = error;
	return r;
}

static int follow(const struct exec *e, char *const *envp)
{
	struct plan p;

	if (confined || !e->path || !can_follow(e) || !plan_make(&p, envp))
		return end_with(e, envp);
	return p.bytes <= STACK_MOST ? end_on_stack(e, envp, &p)
		: end_on_mapping(e, envp, &p);
}

static int on_execve(const char *path, char *const *argv, char *const *envp)
{
	struct exec e = { .dirfd = AT_FDCWD, .path = path, .argv = argv };

	return follow(&e, envp);
}

static int on_execveat(int dirfd, const char *path, char *const *argv, char *const *envp,
	int flags)
{
	struct exec e = { .dirfd = dirfd, .flags = flags, .path = path, .argv = argv };

	return follow(&e, envp);
}

static int on_fexecve(int fd, char *const *argv, char *const *envp)
{
	struct exec e = { .dirfd = fd, .flags = AT_EMPTY_PATH, .path = "", .argv = argv };

	/* As libc has it. */
	if (fd < 0 || !argv || !envp) {
		errno = EINVAL;
		return -1;
	}
	return follow(&e, envp);
}

/* By its own path: LD_PRELOAD may have had a relative one, and directories change. */
static void find_library(void)
{
	struct link_map *self = loader_self();
	struct strbuf t = strbuf_in(library, sizeof library);
	long n;

	if (!self || !strchr(self->l_name, '/'))
		return;
	if (*self->l_name != '/') {
		n = SYS(SYS_getcwd, library, sizeof library, 0, 0, 0, 0);
		if (n <= 1 || *library != '/')
			n = 1;
		t.length = (size_t)n - 1;
		strbuf_add(&t, "/");
	}
	strbuf_add(&t, self->l_name);
	/* The loader would take the list apart there. */
	if (t.cut || strpbrk(library, ": "))
		library[0] = 0;
	t = strbuf_in(entry_alone, sizeof entry_alone);
	strbuf_add(&t, "LD_PRELOAD=");
	strbuf_add(&t, library);
}

void exec_setup(void)
{
	if (options.follow) {
		find_library();
		exec_prepare();
	}
	libc_detour("execve", on_execve, NULL);
	libc_detour("execveat", on_execveat, NULL);
	libc_detour("fexecve", on_fexecve, NULL);
}

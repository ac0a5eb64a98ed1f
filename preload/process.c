#include "process.h"

#include "clock.h"
#include "confine.h"
#include "defs.h"
#include "events.h"
#include "exec.h"
#include "file.h"
#include "options.h"
#include "ring.h"
#include "runtime.h"
#include "sample.h"
#include "snapshot.h"
#include "strbuf.h"
#include "sys.h"

#include <signal.h>
#include <string.h>

#define WIPE_ON_FORK 18			/* MADV_WIPEONFORK, Linux 4.14               */

static const uint32_t no_epoch;
const volatile uint32_t *process_epoch = &no_epoch;
uint64_t process_snapshot_due = UINT64_MAX;

static struct {
	uint32_t *epoch;		/* the page that process_epoch shows         */
	uint32_t generation;		/* forks of ours between here and the first  */
	uint32_t pid, first;
	uint64_t id;
	int argc;
	char **argv;
	char program[256];		/* last part of the executable's name        */
	char executable[4096];
	bool snapshot_at_exit_done;
	bool noticing;			/* the fork; then hooks forward              */
} self;

uint32_t process_first(void)
{
	return self.first;
}

uint64_t process_id(void)
{
	return self.id;
}

const char *process_program(void)
{
	return self.program;
}

static uint64_t random_id(void)
{
	uint64_t id = 0;

	SYS(SYS_getrandom, &id, sizeof id, 1 /* GRND_NONBLOCK */, 0, 0, 0);
	if (!id)
		id = clock_ns(CLOCK_REALTIME) << 20 ^ sys_getpid();
	return id | 1;
}

static void learn_names(void)
{
	long n = sys_readlink("/proc/self/exe", self.executable, sizeof self.executable - 1);
	const char *last;
	struct strbuf t = strbuf_in(self.program, sizeof self.program);

	self.executable[n > 0 ? n : 0] = 0;
	last = strrchr(self.executable, '/');
	strbuf_add(&t, last ? last + 1 : "program");
}

/* Returns its id, 0 when the file is no trace. */
static uint64_t trace_at(const char *path)
{
	struct ouro_file head;
	int fd = sys_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	long n;

	if (fd < 0)
		return 0;
	n = sys_pread(fd, &head, sizeof head, 0);
	sys_close(fd);
	return n == (long)sizeof head && !memcmp(head.magic, OURO_MAGIC, sizeof head.magic)
		? head.id : 0;
}

/* FILE.d, the folder of all but the first process; anything wrong shows when a file is made. */
static void make_folder(const char *path)
{
	static char folder[4096];
	const char *last = strrchr(path, '/');
	struct strbuf t = strbuf_in(folder, sizeof folder);

	if (!last || last - path < 2 || memcmp(last - 2, ".d", 2))
		return;
	strbuf_add_n(&t, path, (size_t)(last - path));
	sys_mkdir(folder, 0777);
}

/* FILE.d/PID.1, or the next number that is free. */
static int move_aside(const char *path)
{
	static char base[4096], to[4096];
	int r = -EEXIST;

	if (!options_aside_path(&options, self.pid, self.program, base, sizeof base))
		return -ENAMETOOLONG;
	make_folder(base);
	for (unsigned i = 1; r == -EEXIST && i < 10000; i++) {
		struct strbuf t = strbuf_in(to, sizeof to);

		strbuf_add(&t, base);
		strbuf_add(&t, ".");
		strbuf_add_number(&t, i, 10);
		r = t.cut ? -ENAMETOOLONG : sys_rename_new(path, to);
	}
	return r;
}

/*
 * What stands under the name already: the trace of the program that we took
 * this process over from, or of an earlier process with our pid, is kept.
 * Another one is of an earlier run, and `file` was asked to be written.
 */
static int make_way(const char *path, enum ouro_origin origin, uint64_t parent_id)
{
	struct stat st;
	uint64_t id;

	if (sys_stat(path, &st))
		return 0;
	if (!S_ISREG(st.st_mode))
		return -EEXIST;
	id = trace_at(path);
	if (id && (origin == OURO_ORIGIN_FORK || (parent_id && id == parent_id)))
		return move_aside(path);
	return sys_unlink(path);
}

static int create_trace(enum ouro_origin origin, uint64_t parent_id)
{
	static char path[4096];
	struct ouro_file head = {
		.flags = 0, .id = random_id(), .parent_id = parent_id, .pid = self.pid,
		.ppid = sys_getppid(), .origin = origin, .clock = ticking.kind,
		.tick_shift = ticking.shift, .sample_bytes = options.sample, .state = OURO_STATE_RUNNING,
	};
	int r;

	if (!options_path(&options, self.pid, self.program, path, sizeof path))
		return -ENAMETOOLONG;
	head.start_ticks = clock_now();
	head.start_ns = clock_ns(CLOCK_MONOTONIC);
	head.start_real_ns = clock_ns(CLOCK_REALTIME);
	make_folder(path);
	r = make_way(path, origin, parent_id);
	if (!r)
		r = file_create(path, &head);
	if (r)
		return r;
	self.id = head.id;
	/* No room for it: then the trace grows, as far as it can. */
	if (options.mode == MODE_RING && !ring_setup(options.ring))
		file->flags |= OURO_FILE_RING;
	return 0;
}

static void define_ourselves(void)
{
	static char directory[4096];
	long n = SYS(SYS_getcwd, directory, sizeof directory, 0, 0, 0, 0);

	define_process(define_cstring(self.executable),
		n > 0 ? define_string(directory, (size_t)n - 1) : 0, self.argc, self.argv);
}

static void set_interval(void)
{
	if (options.snapshot_every)
		process_snapshot_due = clock_now()
			+ options.snapshot_every * ticking.per_second;
}

/* NULL when the kernel is too old to tell a child that it is one. */
static uint32_t *wiped_page(void)
{
	uint32_t *page = sys_memory(4096);

	if (page && SYS(SYS_madvise, page, 4096, WIPE_ON_FORK, 0, 0, 0)) {
		sys_unmap(page, 4096);
		return NULL;
	}
	return page;
}

int process_start(int argc, char **argv, enum ouro_origin origin, uint64_t parent_id)
{
	int r;

	self.pid = sys_getpid();
	self.first = options.first ? options.first : self.pid;
	self.argc = argc;
	self.argv = argv;
	learn_names();
	self.epoch = wiped_page();
	if (!self.epoch)
		return -ENOSYS;
	r = create_trace(origin, parent_id);
	if (r)
		return r;
	*self.epoch = ++self.generation;
	process_epoch = self.epoch;
	options.first = self.first;
	define_ourselves();
	set_interval();
	return 0;
}

/*
 * The child's first event.  There is one thread, and the parent's chunks and
 * header are still mapped: they are let go unwritten.
 */
static bool start_over_in_child(void)
{
	uint64_t parent = self.id;

	__atomic_store_n(&recording, 0, __ATOMIC_RELAXED);
	self.pid = sys_getpid();
	self.snapshot_at_exit_done = false;
	file_close();
	ring_forked();
	sample_forked();
	defs_forked();
	if (create_trace(OURO_ORIGIN_FORK, parent))
		return false;
	defs_copy();
	exec_prepare();
	define_ourselves();
	*self.epoch = ++self.generation;
	thr_forked(self.generation);
	set_interval();
	runtimes_forked();
	__atomic_store_n(&recording, 1, __ATOMIC_RELAXED);
	return true;
}

bool process_noticed_fork(void)
{
	bool goes_on;

	if (self.noticing)
		return false;
	if (confined) {
		__atomic_store_n(&recording, 0, __ATOMIC_RELAXED);
		return false;
	}
	self.noticing = true;
	goes_on = start_over_in_child();
	self.noticing = false;
	return goes_on;
}

void process_forked_child(struct guard *g, uint32_t pid)
{
	uint64_t child = pid;

	event_ext(g, OURO_EXT_FORK, &child, 1);
}

bool process_is_ours(void)
{
	return *process_epoch && (confined || sys_getpid() == self.pid);
}

void process_state(enum ouro_state state, int status)
{
	for (struct thr *t = thr_all(); t; t = t->next)
		event_statistics(t);
	file->exit_status = (uint32_t)status;
	__atomic_store_n(&file->state, state, __ATOMIC_RELEASE);
}

/* --- snapshots ----------------------------------------------------------------- */


static bool snapshot_possible(enum ouro_snapshot_reason reason)
{
	return !confined && snapshot_wanted(reason) && snapshot_can()
		&& (!interpreter || interpreter->quiescent());
}

void exit_snapshot(enum ouro_snapshot_reason reason, uintptr_t stack)
{
	struct guard g;

	if (self.snapshot_at_exit_done || !GUARD_ENTER(&g))
		return;
	if (snapshot_possible(reason)) {
		self.snapshot_at_exit_done = true;
		snapshot_take(&g, reason, stack);
	}
	guard_leave(&g);
}

static void take(enum ouro_snapshot_reason reason)
{
	struct guard g;

	if (!GUARD_ENTER(&g))
		return;
	if (snapshot_possible(reason))
		snapshot_take(&g, reason, 0);
	guard_leave(&g);
}

static void take_for_interval(void)
{
	take(OURO_SNAPSHOT_INTERVAL);
}

static void take_for_signal(void)
{
	take(OURO_SNAPSHOT_SIGNAL);
}

/* Set by a signal that came while its thread was in a hook, which is to be taken next. */
static bool signal_waits;

void process_snapshot_interval(struct guard *g, uint64_t now)
{
	uint64_t due = __atomic_load_n(&process_snapshot_due, __ATOMIC_RELAXED);
	uint64_t next = options.snapshot_every
		? now + options.snapshot_every * ticking.per_second : UINT64_MAX;
	enum ouro_snapshot_reason reason = OURO_SNAPSHOT_INTERVAL;

	if (now < due || !__atomic_compare_exchange_n(&process_snapshot_due, &due, next, false,
			__ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	if (__atomic_exchange_n(&signal_waits, false, __ATOMIC_RELAXED))
		reason = OURO_SNAPSHOT_SIGNAL;
	if (interpreter && interpreter->call_soon)
		interpreter->call_soon(take_for_interval);
	else if (!interpreter && snapshot_possible(reason))
		snapshot_take(g, reason, 0);
}

/* Memory can be searched at any moment but one: when this thread is writing to the trace. */
static void take_or_wait(void)
{
	if (!thr_self || !thr_self->inside) {
		take(OURO_SNAPSHOT_SIGNAL);
		return;
	}
	__atomic_store_n(&signal_waits, true, __ATOMIC_RELAXED);
	__atomic_store_n(&process_snapshot_due, 0, __ATOMIC_RELAXED);
}

static void on_signal(int number)
{
	if (!*process_epoch)
		return;
	if (interpreter && interpreter->call_soon)
		interpreter->call_soon(take_for_signal);
	else if (!interpreter)
		take_or_wait();
}

void process_snapshot_on_signal(void)
{
	struct sigaction a = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	if (options.snapshot_signal)
		sigaction(options.snapshot_signal, &a, NULL);
}

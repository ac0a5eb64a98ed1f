#include "snapshot.h"

#include "clock.h"
#include "defs.h"
#include "events.h"
#include "file.h"
#include "options.h"
#include "resident.h"
#include "revive.h"
#include "runtime.h"
#include "sample.h"
#include "scan.h"
#include "sys.h"
#include "threads.h"

#include <ouro/revive.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>

#define BLOCK		(1u << 20)	/* what small requests are cut from          */
#define LARGE		(1u << 16)	/* these get a mapping of their own          */
#define BLOCKS_MAX	4096
#define TEXT_MAX	4096		/* bytes of a string; longer ones are cut    */
#define RECORD_MAX	(1 + 12 * OURO_VARINT_MAX)
#define SECONDS_MAX	600		/* the child never outlives this             */
#define NICE		10		/* the program goes first                    */
#define UNDER_WAY_MAX	2		/* children at a time                        */

/* A string that has its number, by 64 bits of hash. */
struct text_slot {
	uint64_t hash;
	uint32_t number;
};

struct snapshot {
	enum ouro_snapshot_reason reason;
	uintptr_t stack;		/* of the caller of snapshot_take            */
	uintptr_t frames;		/* ... from its saved registers on           */
	uint64_t start_ns;
	struct threads *threads;	/* the others, where memory is searched      */

	char *block;			/* rest of the newest block                  */
	size_t left;
	struct { uintptr_t start, end; } memory[BLOCKS_MAX];
	unsigned nmemory;

	struct ouro_chunk *chunk;	/* being filled; private memory              */
	uint8_t *at;
	uintptr_t last;			/* previous address of the chunk             */
	bool in_node, failed;
	bool fresh;			/* no node or edge in this chunk yet         */
	uint32_t types, strings;
	uint64_t nodes, edges, roots;
	struct text_slot *text;
	size_t texts;			/* slots, a power of 2                       */
};

/* --- memory -------------------------------------------------------------------------- */

/*
 * Shared, although nobody shares it: the kernel never joins it with a
 * mapping of the program, so what is ours can be told from what is not.
 */
static void *map(struct snapshot *s, size_t bytes)
{
	long r = SYS(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		-1, 0);

	if ((r < 0 && r > -4096) || s->nmemory == BLOCKS_MAX)
		return NULL;
	s->memory[s->nmemory].start = (uintptr_t)r;
	s->memory[s->nmemory++].end = (uintptr_t)r + bytes;
	return (void *)r;
}

void *snapshot_memory(struct snapshot *s, size_t bytes)
{
	void *p;

	bytes = (bytes + 15) & ~(size_t)15;
	if (bytes > LARGE)
		return map(s, bytes);
	if (bytes > s->left) {
		s->block = map(s, BLOCK);
		s->left = s->block ? BLOCK : 0;
		if (!s->block)
			return NULL;
	}
	p = s->block;
	s->block += bytes;
	s->left -= bytes;
	return p;
}

void snapshot_release(struct snapshot *s, void *p, size_t bytes)
{
	bytes = (bytes + 15) & ~(size_t)15;
	if (!p || bytes <= LARGE)
		return;
	for (unsigned i = 0; i < s->nmemory; i++) {
		if (s->memory[i].start == (uintptr_t)p) {
			s->memory[i] = s->memory[--s->nmemory];
			break;
		}
	}
	sys_unmap(p, bytes);
}

bool snapshot_owns(const struct snapshot *s, uintptr_t start, uintptr_t end)
{
	for (unsigned i = 0; i < s->nmemory; i++)
		if (start < s->memory[i].end && end > s->memory[i].start)
			return true;
	return false;
}

enum ouro_snapshot_reason snapshot_reason(const struct snapshot *s)
{
	return s->reason;
}

uintptr_t snapshot_stack(const struct snapshot *s)
{
	return s->stack;
}

uintptr_t snapshot_frames(const struct snapshot *s)
{
	return s->frames;
}

struct threads *snapshot_threads(struct snapshot *s)
{
	return s->threads;
}

/* --- records ------------------------------------------------------------------------- */

static void start_chunk(struct snapshot *s)
{
	s->at = (uint8_t *)(s->chunk + 1);
	s->last = 0;
	s->fresh = true;
}

static bool append(const struct ouro_chunk *c)
{
	if (revive_is())
		return SYS(SYS_write, OURO_REVIVE_OUT, c, OURO_CHUNK_SIZE, 0, 0, 0) == OURO_CHUNK_SIZE;
	return !file_append(c);
}

static void flush(struct snapshot *s)
{
	struct ouro_chunk *c = s->chunk;

	c->used = (uint32_t)(s->at - (uint8_t *)(c + 1));
	if (!c->used)
		return;
	/* A snapshot with a hole is worth nothing: after a failure it is left without its end. */
	if (!s->failed && !append(c))
		s->failed = true;
	c->seq++;
	start_chunk(s);
}

/* Where a record of at most `bytes` may be written. */
static uint8_t *room(struct snapshot *s, size_t bytes)
{
	if ((size_t)((uint8_t *)s->chunk + OURO_CHUNK_SIZE - s->at) < bytes)
		flush(s);
	return s->at;
}

static uint8_t *put_address(struct snapshot *s, uint8_t *p, uintptr_t address)
{
	p = ouro_put_varint(p, ouro_zigzag((int64_t)(address - s->last) >> 3));
	s->last = address & ~(uintptr_t)7;
	return p;
}

static bool texts_grow(struct snapshot *s)
{
	size_t n = s->texts ? s->texts * 2 : 1024;
	struct text_slot *bigger = snapshot_memory(s, n * sizeof(*bigger));

	if (!bigger)
		return false;
	for (size_t i = 0; i < s->texts; i++) {
		size_t at = s->text[i].hash & (n - 1);

		if (!s->text[i].number)
			continue;
		while (bigger[at].number)
			at = (at + 1) & (n - 1);
		bigger[at] = s->text[i];
	}
	snapshot_release(s, s->text, s->texts * sizeof(*s->text));
	s->text = bigger;
	s->texts = n;
	return true;
}

/* FNV-1a, with a last stir: the low bits choose the slot. */
static uint64_t hash_of(const char *text, size_t length)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < length; i++)
		h = (h ^ (unsigned char)text[i]) * 1099511628211u;
	return h ^ h >> 29;
}

uint32_t snapshot_string(struct snapshot *s, const char *text, size_t length)
{
	uint64_t hash;
	uint8_t *p;
	size_t at;

	if (length > TEXT_MAX)
		length = TEXT_MAX;
	if (s->strings >= s->texts / 2 && !texts_grow(s))
		return 0;
	hash = hash_of(text, length);
	for (at = hash & (s->texts - 1); s->text[at].number; at = (at + 1) & (s->texts - 1))
		if (s->text[at].hash == hash)
			return s->text[at].number;
	p = room(s, 1 + OURO_VARINT_MAX + length);
	*p++ = OURO_SNAP_STRING;
	p = ouro_put_varint(p, length);
	memcpy(p, text, length);
	s->at = p + length;
	s->text[at] = (struct text_slot){ hash, ++s->strings };
	return s->strings;
}

uint32_t snapshot_type(struct snapshot *s, uintptr_t address, uint32_t name, unsigned flags,
	uint64_t basic, uint64_t item)
{
	uint8_t *p = room(s, RECORD_MAX);

	*p++ = OURO_SNAP_TYPE;
	p = put_address(s, p, address);
	p = ouro_put_varint(p, name);
	p = ouro_put_varint(p, flags);
	p = ouro_put_varint(p, basic);
	s->at = ouro_put_varint(p, item);
	return ++s->types;
}

void snapshot_node(struct snapshot *s, const struct snapshot_node *n)
{
	uint8_t *p = room(s, RECORD_MAX);

	*p++ = OURO_SNAP_NODE;
	p = put_address(s, p, n->address);
	p = ouro_put_varint(p, n->type);
	p = ouro_put_varint(p, n->size);
	p = ouro_put_varint(p, n->count);
	p = ouro_put_varint(p, n->flags);
	p = ouro_put_varint(p, n->generation);
	s->at = ouro_put_varint(p, n->label);
	s->nodes++;
	s->in_node = true;
	s->fresh = false;
}

static bool has_operand(enum ouro_edge_name name)
{
	switch (name) {
	case OURO_EDGE_OTHER:
	case OURO_EDGE_CONTENT:
	case OURO_EDGE_MEMBER:
	case OURO_EDGE_CLASS:
	case OURO_EDGE_DICT:
	case OURO_EDGE_REFERENT:
		return false;
	default:
		return true;
	}
}

void snapshot_edge(struct snapshot *s, uintptr_t held, enum ouro_edge_name name, unsigned flags,
	uint64_t operand)
{
	uint8_t *p = room(s, RECORD_MAX);

	/* The chunk may start with a string that one of these edges needed. */
	if (s->fresh && s->in_node)
		*p++ = OURO_SNAP_MORE;
	s->fresh = false;
	*p++ = OURO_SNAP_EDGE;
	p = put_address(s, p, held);
	*p++ = (uint8_t)(name | flags << 5);
	s->at = has_operand(name) ? ouro_put_varint(p, operand) : p;
	s->edges++;
}

void snapshot_root(struct snapshot *s, const struct snapshot_root *r)
{
	uint8_t *p = room(s, RECORD_MAX);

	*p++ = OURO_SNAP_ROOT;
	p = put_address(s, p, r->held);
	*p++ = (uint8_t)r->kind;
	p = ouro_put_varint(p, r->flags);
	p = ouro_put_varint(p, r->what);
	p = ouro_put_varint(p, r->function);
	p = ouro_put_varint(p, r->file);
	p = ouro_put_varint(p, r->line);
	p = ouro_put_varint(p, r->thread);
	s->at = ouro_put_varint(p, r->number);
	s->roots++;
}

void snapshot_word(struct snapshot *s, uintptr_t held, enum ouro_region region, uintptr_t where)
{
	uint8_t *p = room(s, RECORD_MAX);

	*p++ = OURO_SNAP_WORD;
	p = put_address(s, p, held);
	*p++ = (uint8_t)region;
	s->at = ouro_put_varint(p, where);
}

void snapshot_words(struct snapshot *s, enum ouro_region region, const uintptr_t *where,
	const uintptr_t *held, unsigned n)
{
	uint8_t *p = room(s, RECORD_MAX + 2 * OURO_VARINT_MAX * (size_t)n);
	uintptr_t before = 0, at = where[0] >> 3;

	*p++ = OURO_SNAP_WORDS;
	p = ouro_put_varint(p, n);
	*p++ = (uint8_t)region;
	p = ouro_put_varint(p, at);
	for (unsigned i = 0; i < n; i++) {
		p = ouro_put_varint(p, (where[i] >> 3) - at);
		p = ouro_put_varint(p, ouro_zigzag((int64_t)((held[i] >> 3) - before)));
		at = where[i] >> 3;
		before = held[i] >> 3;
	}
	s->at = p;
}

void snapshot_scan(struct snapshot *s, unsigned flags, uint64_t waiting, uint64_t running,
	uint64_t bytes, uint64_t words)
{
	uint8_t *p = room(s, RECORD_MAX);

	*p++ = OURO_SNAP_SCAN;
	p = ouro_put_varint(p, flags);
	p = ouro_put_varint(p, waiting);
	p = ouro_put_varint(p, running);
	p = ouro_put_varint(p, bytes);
	s->at = ouro_put_varint(p, words);
}

void snapshot_thread(struct snapshot *s, uint32_t tid, uintptr_t sp, uintptr_t tcb)
{
	uint8_t *p = room(s, RECORD_MAX);

	*p++ = OURO_SNAP_THREAD;
	p = ouro_put_varint(p, tid);
	p = ouro_put_varint(p, sp);
	s->at = ouro_put_varint(p, tcb);
}

void snapshot_note(struct snapshot *s, const char *text)
{
	uint32_t number = snapshot_string(s, text, strlen(text));
	uint8_t *p = room(s, RECORD_MAX);

	*p++ = OURO_SNAP_NOTE;
	s->at = ouro_put_varint(p, number);
}

static void finish(struct snapshot *s)
{
	uint8_t *p = room(s, RECORD_MAX);

	*p++ = OURO_SNAP_END;
	p = ouro_put_varint(p, s->nodes);
	p = ouro_put_varint(p, s->edges);
	p = ouro_put_varint(p, s->roots);
	s->at = ouro_put_varint(p, revive_is() ? 0 : (clock_ns(CLOCK_MONOTONIC) - s->start_ns) / 1000);
	flush(s);
}

/* --- the child ----------------------------------------------------------------------- */

#define KERNEL_SIGSET 8		/* bytes of the kernel's sigset_t */

static void mask_all(uint64_t *ret_before)
{
	uint64_t all = UINT64_MAX;

	SYS(SYS_rt_sigprocmask, SIG_SETMASK, &all, ret_before, KERNEL_SIGSET, 0, 0);
}

static void mask_restore(const uint64_t *before)
{
	SYS(SYS_rt_sigprocmask, SIG_SETMASK, before, NULL, KERNEL_SIGSET, 0, 0);
}

/*
 * The program's handlers must not run here, nor may a fault of ours be
 * handled by them: it ends the child, and the snapshot stays without its end.
 * Everything else is blocked, but for the alarm that ends a child that hangs.
 */
static void quiet_signals(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGALRM };
	struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } plain = { 0 };
	struct itimerval limit = { .it_value.tv_sec = SECONDS_MAX };
	uint64_t open = 0;

	for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++) {
		SYS(SYS_rt_sigaction, fatal[i], &plain, NULL, KERNEL_SIGSET, 0, 0);
		open |= UINT64_C(1) << (fatal[i] - 1);
	}
	open = ~open;
	SYS(SYS_rt_sigprocmask, SIG_SETMASK, &open, NULL, KERNEL_SIGSET, 0, 0);
	SYS(SYS_setitimer, ITIMER_REAL, &limit, NULL, 0, 0, 0);
}

/* A pipe of the program must not stay open because of us: its reader waits for the end. */
static void close_all_but(int kept)
{
	struct rlimit limit = { .rlim_cur = 1024 };
	unsigned after = kept < 0 ? 0 : (unsigned)kept + 1;

	if (kept > 0)
		SYS(SYS_close_range, 0, kept - 1, 0, 0, 0, 0);
	if (!SYS(SYS_close_range, after, ~0u, 0, 0, 0, 0))
		return;
	SYS(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit, 0, 0);
	for (rlim_t fd = 0; fd < limit.rlim_cur && fd < 65536; fd++)
		if ((int)fd != kept)
			sys_close((int)fd);
}

/* If memory runs out, this is the process to end. */
static void offer_to_oom(void)
{
	int fd = sys_open("/proc/self/oom_score_adj", O_WRONLY, 0);

	if (fd < 0)
		return;
	SYS(SYS_write, fd, "1000", 4, 0, 0, 0);
	sys_close(fd);
}

static int write_all(struct snapshot *s)
{
	int r;

	/* At once: when a large heap is walked, the program is long gone. */
	if (s->threads)
		threads_look_again(s->threads, sys_getppid());
	r = interpreter ? interpreter->snapshot(s) : 0;
	if (r || !s->threads)
		return r;
	r = scan_write(s);
	if (!r || !interpreter)
		return r;
	snapshot_note(s, "who holds the blocks of C code is not known: no memory to look for it");
	return 0;
}

static void write_stream(struct snapshot *s, uint32_t number)
{
	s->chunk = snapshot_memory(s, OURO_CHUNK_SIZE);
	if (!s->chunk)
		return;
	s->chunk->magic = OURO_CHUNK_MAGIC;
	s->chunk->kind = OURO_CHUNK_SNAPSHOT;
	s->chunk->stream = number;
	start_chunk(s);
	if (!write_all(s))
		finish(s);
	else
		flush(s);
}

void snapshot_revived(uintptr_t sp)
{
	long r = SYS(SYS_mmap, 0, sizeof(struct snapshot), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct snapshot *s = (struct snapshot *)r;

	if (r < 0 && r > -4096)
		return;
	s->stack = s->frames = sp;
	write_stream(s, 1);
}

static void __attribute__((noreturn)) child(struct snapshot *s, uint32_t number, int fd)
{
	struct rlimit no_core = { 0, 0 };

	recording = 0;
	quiet_signals();
	close_all_but(fd);
	file_use(fd);
	SYS(SYS_prlimit64, 0, RLIMIT_CORE, &no_core, NULL, 0, 0);
	SYS(SYS_prctl, PR_SET_NAME, "ouro-snapshot", 0, 0, 0, 0);
	SYS(SYS_setpriority, PRIO_PROCESS, 0, NICE, 0, 0, 0);
	offer_to_oom();

	write_stream(s, number);
	file_count32(&file->snapshots_done, 1);
	for (;;)
		SYS(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

/* --- the parent ---------------------------------------------------------------------- */

bool snapshot_wanted(enum ouro_snapshot_reason reason)
{
	switch (reason) {
	case OURO_SNAPSHOT_EXIT:
	case OURO_SNAPSHOT_QUICK_EXIT:
	case OURO_SNAPSHOT_ABORT:
	case OURO_SNAPSHOT_EXEC:
		return options.snapshot_exit;
	case OURO_SNAPSHOT_SIGNAL:
		return options.snapshot_signal != 0;
	case OURO_SNAPSHOT_INTERVAL:
		return options.snapshot_every != 0;
	case OURO_SNAPSHOT_COLLECTION:
		return options.snapshot_collection != COLLECTIONS_NEVER;
	case OURO_SNAPSHOT_CALL:
		return options.snapshot_call[0] != 0;
	default:
		return false;
	}
}

/*
 * Children with no exit signal: the program gets no SIGCHLD for them and its
 * wait() does not see them.  We wait for those that have ended when we fork the
 * next; init does for the last.
 */
static uint32_t under_way[UNDER_WAY_MAX];

static bool is_free(uint32_t *place)
{
	if (*place && SYS(SYS_wait4, *place, NULL, WNOHANG | __WCLONE, NULL, 0, 0) == 0)
		return false;
	*place = 0;
	return true;
}

static uint32_t *free_place(void)
{
	for (int i = 0; i < UNDER_WAY_MAX; i++)
		if (is_free(&under_way[i]))
			return &under_way[i];
	return NULL;
}

bool snapshot_idle(void)
{
	bool idle = true;

	for (int i = 0; i < UNDER_WAY_MAX; i++)
		idle &= is_free(&under_way[i]);
	return idle;
}

/*
 * A runtime that is there and dormant: its pools look like memory that nobody uses.  So
 * do blocks that were not sampled.
 */
bool snapshot_can(void)
{
	return interpreter ? interpreter->snapshot != NULL : !interpreter_present && !sampling;
}

/* What follows the frame's address on its way down: rbx, r12 to r15 of the caller. */
#define SAVED_REGISTERS 40

int snapshot_take(struct guard *g, enum ouro_snapshot_reason reason, uintptr_t stack)
{
	uint32_t *place = free_place();
	struct snapshot *s;
	uint64_t before, number;
	long pid;
	int fd;

	__builtin_unwind_init();
	if (!place || !snapshot_can())
		return place ? -ENOSYS : -EBUSY;
	s = sys_memory(sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->reason = reason;
	s->stack = stack ? stack : (uintptr_t)__builtin_frame_address(0);
	s->frames = stack ? stack : s->stack - SAVED_REGISTERS;
	s->start_ns = clock_ns(CLOCK_MONOTONIC);
	/*
	 * Who holds a block that is known tells nothing when most are not; and garbage
	 * is told by the objects alone.
	 */
	if (!sampling && reason != OURO_SNAPSHOT_COLLECTION) {
		s->threads = sys_memory(sizeof(*s->threads));
		if (!s->threads) {
			sys_unmap(s, sizeof(*s));
			return -ENOMEM;
		}
		threads_look(s->threads);
	}
	number = __atomic_add_fetch(&file->snapshots_begun, 1, __ATOMIC_RELAXED);
	define_snapshot((uint32_t)number, reason, clock_now());
	resident_tell(g->t, true);
	event_ext(g, OURO_EXT_SNAPSHOT, &number, 1);

	fd = file_open();
	mask_all(&before);
	pid = SYS(SYS_clone, 0, 0, 0, 0, 0, 0);
	if (pid == 0)
		child(s, (uint32_t)number, fd);
	mask_restore(&before);
	if (fd >= 0)
		sys_close(fd);
	if (s->threads)
		sys_unmap(s->threads, sizeof(*s->threads));
	sys_unmap(s, sizeof(*s));
	if (pid < 0) {
		file_count32(&file->snapshots_done, 1);
		define_note(OURO_NOTE_WARNING, "no snapshot: the process could not be forked");
		return (int)pid;
	}
	*place = (uint32_t)pid;
	__atomic_store_n(&file->snapshot_pid, (uint32_t)pid, __ATOMIC_RELAXED);
	return 0;
}

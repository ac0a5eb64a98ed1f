#include "thr.h"

#include "clock.h"
#include "confine.h"
#include "defs.h"
#include "events.h"
#include "file.h"
#include "process.h"
#include "sys.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

__thread struct thr *thr_self __attribute__((tls_model("initial-exec")));
bool thr_several;
int recording;

static struct thr *blocks;		/* newest first, never unlinked                  */
static struct thr *next_to_ask;		/* whose owner may be gone: round robin          */

#define ASK_AT_MOST 4			/* owners, for each new thread                   */

struct thr *thr_all(void)
{
	return __atomic_load_n(&blocks, __ATOMIC_ACQUIRE);
}

/* One mapping; of it only what is used is ever touched. */
static struct thr *block_new(uint32_t tid)
{
	const size_t head = (sizeof(struct thr) + 63) & ~63ul;
	const size_t unwind = (UNWIND_SIZE + 63) & ~63ul;
	const size_t locs = INTERP_MAX * sizeof(uint32_t);
	const size_t counted = head + unwind + locs;
	const size_t state = (counted + COUNTED_THREAD + 4095) & ~4095ul;	/* whole pages */
	char *p = sys_memory(state + INTERP_STATE);
	struct thr *t = (struct thr *)p;

	if (!p)
		return NULL;
	t->owner = tid;
	t->unwind = (struct unwind *)(p + head);
	t->interp.loc = (uint32_t *)(p + head + unwind);
	t->interp.state = p + state;
	t->counted = (struct counted_thread *)(p + counted);
	t->stream = __atomic_add_fetch(&file->streams, 1, __ATOMIC_RELAXED);
	t->next = __atomic_load_n(&blocks, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&blocks, &t->next, t, false, __ATOMIC_RELEASE,
			__ATOMIC_RELAXED))
		;
	return t;
}

/*
 * A block whose owner has ended.  The kernel is asked, so a thread's last
 * events (in key destructors, in libc's own clean-up) still find its block.
 * tkill, not tgkill: the owner may be a process of its own that shares the memory.
 */
static struct thr *block_of_the_dead(uint32_t tid)
{
	struct thr *t = __atomic_load_n(&next_to_ask, __ATOMIC_ACQUIRE);

	for (int i = 0; i < ASK_AT_MOST; i++) {
		uint32_t owner;

		t = t && t->next ? t->next : thr_all();
		if (!t)
			return NULL;
		__atomic_store_n(&next_to_ask, t, __ATOMIC_RELEASE);
		owner = __atomic_load_n(&t->owner, __ATOMIC_ACQUIRE);
		if (owner && SYS(SYS_tkill, owner, 0, 0, 0, 0, 0) != -ESRCH)
			continue;
		if (__atomic_compare_exchange_n(&t->owner, &owner, tid, false,
				__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return t;
	}
	return NULL;
}

static uint32_t thread_name(void)
{
	char name[16] = "";

	SYS(SYS_prctl, PR_GET_NAME, name, 0, 0, 0, 0);
	name[15] = 0;
	return define_cstring(name);
}

/* The thread is new to its block: everything that was about the last owner goes. */
static void move_in(struct thr *t, bool used_before)
{
	unwind_forget(t->unwind);
	if (used_before)	/* zeroes again */
		SYS(SYS_madvise, t->interp.state, INTERP_STATE, MADV_DONTNEED, 0, 0, 0);
	t->interp.n = t->interp.kept = 0;
	t->interp.cut = false;
	t->out.native.same = t->out.interp.same = 0;
	t->pool_depth = 0;
	t->pool_asked = false;
	memset(t->counted, 0, used_before ? COUNTED_THREAD : 0);
	t->inside = 0;
	t->error = &errno;
	t->thread = define_thread(sys_gettid(), thread_name(), clock_now());
	t->epoch = *process_epoch;
	if (used_before)
		event_thread_start(t);
}

static struct thr *take(void)
{
	uint32_t tid;
	struct thr *t;
	bool used_before;

	if (confined) {
		file_count(&file->lost[OURO_LOST_MEMORY], 1);
		return NULL;
	}
	tid = sys_gettid();
	if (thr_all())
		__atomic_store_n(&thr_several, true, __ATOMIC_RELEASE);
	t = block_of_the_dead(tid);
	used_before = t;
	if (!t)
		t = block_new(tid);
	if (!t) {
		file_count(&file->lost[OURO_LOST_MEMORY], 1);
		return NULL;
	}
	move_in(t, used_before);
	thr_self = t;
	return t;
}

static bool on_signal_stack(void)
{
	stack_t s = { 0 };

	if (confined)
		return true;		/* not to be asked: the careful answer */
	SYS(SYS_sigaltstack, NULL, &s, 0, 0, 0, 0);
	return s.ss_flags & SS_ONSTACK;
}

bool guard_enter_slowly(struct guard *g, uintptr_t frame)
{
	int saved = errno;
	struct thr *t;

	if (!*process_epoch && !process_noticed_fork())
		return false;
	t = thr_self;
	if (!t && !(t = take())) {
		errno = saved;
		return false;
	}
	/*
	 * Stacks grow down: what a running hook calls, handlers included, lies
	 * below its frame.  At or above it, that hook was left by a long jump.
	 * Alternate signal stacks may lie anywhere; there nothing can be told.
	 */
	if (t->inside && (frame < t->inside || on_signal_stack())) {
		file_count(&file->lost[OURO_LOST_NESTED], 1);
		return false;
	}
	t->inside = frame;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	g->t = t;
	g->saved_errno = saved;
	return true;
}

void thr_forked(uint32_t epoch)
{
	struct thr *self = thr_self;

	for (struct thr *t = blocks; t; t = t->next) {
		struct ouro_chunk *chunk = t->out.chunk;

		t->out = (struct event_writer){ 0 };
		file_unmap_chunk(chunk);
		t->owner = 0;
		t->stream = __atomic_add_fetch(&file->streams, 1, __ATOMIC_RELAXED);
	}
	if (!self)
		return;
	self->owner = sys_gettid();
	self->inside = 0;
	self->error = &errno;
	self->thread = define_thread(self->owner, thread_name(), clock_now());
	self->epoch = epoch;
	unwind_forget(self->unwind);
}

void go_inert(const char *why)
{
	if (!__atomic_exchange_n(&recording, 0, __ATOMIC_RELAXED))
		return;
	define_note(OURO_NOTE_WARNING, why);
	__atomic_store_n(&file->state, OURO_STATE_INERT, __ATOMIC_RELAXED);
}

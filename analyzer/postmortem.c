#include "postmortem.h"

#include "buf.h"
#include "core_stack.h"
#include "mem.h"
#include "notes.h"
#include "place.h"
#include "words.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES_TOLD	6
#define GROWERS_TOLD	3
#define LAST_PART	4		/* the last quarter of the run               */
#define NEAR_LIMIT	60		/* percent: what is mapped is more than what is used */

static enum ouro_limit limit_kind(const struct ouro_ended *e)
{
	return e->flags >> OURO_ENDED_LIMIT_SHIFT;
}

/* Debuggers stop who they look at. */
static bool taken_alive(const struct core *c)
{
	return !c->signal || c->signal == SIGSTOP || c->signal == SIGTRAP;
}

const char *postmortem_state(const struct report *r, char room[160])
{
	const struct ouro_ended *e = &r->trace.head.ended;
	const char *name = e->signal ? sigabbrev_np(e->signal) : NULL;
	char ending[100];

	if (r->core.path && taken_alive(&r->core))
		snprintf(room, 160, "ran on when the core file was taken");
	else if (r->core.path && core_ending(&r->core, ending))
		snprintf(room, 160, "died by %s", ending);
	else if (e->flags & OURO_ENDED_OOM_GROUP)
		snprintf(room, 160, "was killed by the kernel, out of memory (SIGKILL)");
	else if (e->flags & OURO_ENDED_OOM_SYSTEM)
		snprintf(room, 160, "was killed while the system ran out of memory (SIGKILL)");
	else if (name && e->signal != SIGKILL)
		snprintf(room, 160, "died by SIG%s", name);
	else if (name)
		snprintf(room, 160, "was killed (SIGKILL)");
	else if (r->trace.killed)
		snprintf(room, 160, "was killed");
	else
		return NULL;
	return room;
}

/* --- where it stood ------------------------------------------------------------------- */

static void put_frame(struct buf *b, const struct core_frame *f)
{
	if (f->function)
		words_place(b, f->function, f->file ? f->file : "", f->line);
	else
		buf_printf(b, "0x%llx", (unsigned long long)f->pc);
}

static int note_thread(struct report *r, const struct core_stack *s, bool first)
{
	struct buf b = { 0 };
	int e;

	buf_printf(&b, first ? "It died in thread %u, in " : "Thread %u was in ", s->tid);
	for (uint32_t i = 0; i < s->n && i < FRAMES_TOLD; i++) {
		if (i)
			buf_puts(&b, ", called by ");
		put_frame(&b, &s->frame[i]);
	}
	e = note_add(r, false, "%s%s.", buf_text(&b), s->n > FRAMES_TOLD ? ", ..." : "");
	buf_fini(&b);
	return e;
}

/* Each running function is told by one root of this kind and name, the innermost first. */
static uint32_t put_functions(struct buf *b, struct report *r, uint32_t thread, const char *what)
{
	const struct heap *h = &r->heap;
	uint32_t n = 0;

	for (uint32_t i = 0; i < h->nroots; i++) {
		const struct heap_root *x = &h->root[i];

		if (x->kind != OURO_ROOT_FRAME || x->thread != thread || strcmp(heap_text(h, x->what), what))
			continue;
		if (n++ >= FRAMES_TOLD)
			continue;
		buf_puts(b, n > 1 ? ", called by " : "");
		words_place(b, heap_text(h, x->function), heap_text(h, x->file), x->line);
	}
	return n;
}

/* The interpreter counts its threads from 1; that is the first one of the process. */
static int note_functions(struct report *r)
{
	struct buf b = { 0 };
	uint32_t n = put_functions(&b, r, 1, "code");
	int e = 0;

	if (!n)				/* up to 3.10 */
		n = put_functions(&b, r, 1, "frame");
	if (n)
		e = note_add(r, false, "Its first thread ran %s%s.", buf_text(&b), n > FRAMES_TOLD ? ", ..." : "");
	buf_fini(&b);
	return e;
}

static int note_core(struct report *r)
{
	int e = 0;

	if (r->core.cut)
		e = note_add(r, true, "The core file is cut off: what only the missing memory holds "
			     "seems lost.");
	if (!e && taken_alive(&r->core) && !r->trace.killed)
		e = note_add(r, true, "The trace goes on behind the core file: what was made and freed "
			     "since counts, as if it had been before.");
	for (uint32_t i = 0; i < r->core.nthreads && i < 4 && !e; i++)
		if (r->stacks[i].n)
			e = note_thread(r, &r->stacks[i], !i && !taken_alive(&r->core));
	if (!e && r->graph)
		e = note_functions(r);
	return e;
}

/* --- memory --------------------------------------------------------------------------- */

static int note_limit(struct report *r)
{
	static const char *const of[] = { "", "its address space (RLIMIT_AS)", "its data (RLIMIT_DATA)",
		"its memory cgroup" };
	const struct ouro_ended *x = &r->trace.head.ended;
	uint64_t limit = (uint64_t)x->limit_kib << 10, most = (uint64_t)x->most_kib << 10;
	uint64_t live = r->replay.total.live_bytes;
	struct buf b = { 0 };
	int e = 0;

	if (!x->signal || !x->most_kib)
		return 0;
	buf_puts(&b, "The process had at most ");
	buf_bytes(&b, most);
	buf_puts(&b, " of memory, and blocks of ");
	buf_bytes(&b, live);
	buf_puts(&b, " when it ended");
	if (limit && limit_kind(x) < sizeof(of) / sizeof(*of)) {
		buf_printf(&b, "; the limit of %s is ", of[limit_kind(x)]);
		buf_bytes(&b, limit);
		if ((most > live ? most : live) >= limit / 100 * NEAR_LIMIT)
			buf_puts(&b, x->flags & OURO_ENDED_OOM_GROUP ? ", so it ended for want of memory" :
				 ", so it probably ended for want of memory");
	}
	e = note_add(r, false, "%s.", buf_text(&b));
	buf_fini(&b);
	return e;
}

/* What a site made in the last part of the run and still had. */
struct grower {
	site_id site;
	uint64_t blocks, bytes;
};

static int by_bytes(const void *a, const void *b)
{
	const struct grower *x = a, *y = b;

	return x->bytes > y->bytes ? -1 : x->bytes < y->bytes ? 1 : x->site < y->site ? -1 : 1;
}

static int put_place(struct buf *b, struct report *r, site_id id)
{
	int64_t site = heap_load_site(&r->loader, id);
	struct heap *h = &r->heap;
	const struct heap_frame *at = NULL;

	if (site < 0)
		return (int)site;
	heap_load_symbols(h, r->symbols, (uint32_t)site);
	for (uint32_t c = h->site[site].calls; c && !at; c = h->call[c].outer) {
		const struct heap_frame *f = heap_frame(h, c);

		if (f->interpreted || !place_serves(heap_text(h, f->function), heap_text(h, f->module)))
			at = f;
	}
	if (at)
		words_place(b, heap_text(h, at->function), heap_text(h, at->file ? at->file : at->module),
			    at->line);
	else
		buf_puts(b, "a place that is not known");
	return 0;
}

static int note_growers(struct report *r, const struct grower *g, uint32_t n, uint64_t bytes,
	uint64_t all)
{
	struct buf b = { 0 };
	int e = 0;

	buf_puts(&b, "Of ");
	buf_bytes(&b, all);
	buf_puts(&b, " that it had in the end, ");
	buf_bytes(&b, bytes);
	buf_puts(&b, " were made in the last quarter of the run");
	for (uint32_t i = 0; i < n && i < GROWERS_TOLD && !e; i++) {
		buf_puts(&b, i ? ", " : ": ");
		buf_bytes(&b, g[i].bytes);
		buf_puts(&b, " in ");
		buf_number(&b, g[i].blocks);
		buf_puts(&b, g[i].blocks == 1 ? " block by " : " blocks by ");
		e = put_place(&b, r, g[i].site);
	}
	if (!e)
		e = note_add(r, false, "%s.", buf_text(&b));
	buf_fini(&b);
	return e;
}

static int note_last(struct report *r, const struct block *last)
{
	struct buf b = { 0 };
	int e;

	buf_printf(&b, "The last block it took and still had: ");
	buf_bytes(&b, last->size);
	buf_puts(&b, " by ");
	e = put_place(&b, r, block_site(&r->replay, last));
	if (!e)
		e = note_add(r, false, "%s, %.2f s into the run of %.2f s.", buf_text(&b),
			     (double)trace_elapsed(&r->trace, last->born) / 1e9, r->seconds);
	buf_fini(&b);
	return e;
}

static int note_memory(struct report *r)
{
	uint64_t end = trace_elapsed(&r->trace, r->replay.now), bytes = 0, all = 0;
	struct grower *g = mem_array(r->replay.sites, sizeof(*g));
	const struct block *x, *last = NULL;
	size_t at = 0;
	site_id id;
	int e = g ? 0 : -ENOMEM;

	while (!e && (x = replay_each_block(&r->replay, &at))) {
		all += x->size;
		if (!last || x->born > last->born)
			last = x;
		if (trace_elapsed(&r->trace, x->born) < end - end / LAST_PART)
			continue;
		id = block_site(&r->replay, x);
		g[id].site = id;
		g[id].blocks++;
		g[id].bytes += x->size;
		bytes += x->size;
	}
	if (!e && r->replay.sites)
		qsort(g, r->replay.sites, sizeof(*g), by_bytes);
	if (!e && bytes) {
		uint32_t n = 0;

		while (n < r->replay.sites && g[n].bytes)
			n++;
		e = note_growers(r, g, n, bytes, all);
	}
	if (!e && last)
		e = note_last(r, last);
	mem_free(g);
	return e;
}

static bool dumps_core(int signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGABRT || signal == SIGFPE ||
		signal == SIGILL || signal == SIGQUIT || signal == SIGTRAP || signal == SIGSYS;
}

int postmortem_take(struct report *r)
{
	int e = r->core.path ? note_core(r) : 0;

	if (!r->trace.killed)
		return e;
	if (!e && !r->core.path && !r->graph && !r->scanned && dumps_core(r->trace.head.ended.signal))
		e = note_add(r, false, "A core file would tell who holds what: run it again after "
			     "`ulimit -c unlimited`, then `ouro report --core CORE TRACE`.");
	if (!e)
		e = note_limit(r);
	return e ? e : note_memory(r);
}

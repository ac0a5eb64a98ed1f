#include "block_roots.h"

#include "native_types.h"
#include "words.h"

#include <ouro/core.h>

#include <string.h>

#define TLS_MOST	(64u << 10)	/* below a struct pthread, where the stack is elsewhere */
#define TLS_NEAR	4096u		/* ... where the stack may begin right below */
#define PTHREAD		4096u		/* bytes, at most                            */
#define STACK_MOST	(64u << 20)	/* of a thread whose stack pointer is not known */

bool block_root_member(struct buf *out, const struct report *r, uint64_t where, uint8_t region)
{
	const char *data = region == OURO_REGION_DATA ? symbols_data(r->symbols, where) : NULL;
	const char *name = data ? strstr(data, ": ") : NULL, *plus = name ? strrchr(name, '+') : NULL;
	struct native_type type, target;
	struct buf path = { 0 };
	uint64_t offset;
	bool known = name && symbols_type(r->symbols, where, &type, &offset) &&
		native_pointer_at(&type, offset, &path, &target) && (path.n || !offset);

	if (known)
		buf_printf(out, "%.*s%s", (int)((plus && offset ? plus : name + strlen(name)) - name - 2),
			   name + 2, buf_text(&path));
	buf_fini(&path);
	return known;
}

/* "server: cache+0x8" of symbols_data, taken apart. */
static void put_global(struct buf *out, const struct report *r, uint64_t where)
{
	const char *data = symbols_data(r->symbols, where), *colon = data ? strstr(data, ": ") : NULL;
	const char *offset = colon ? strrchr(colon, '+') : NULL, *file;
	uint32_t line;

	if (!colon) {
		buf_printf(out, "data of %s", data ? data : "a loaded file");
		return;
	}
	if (!offset || strncmp(offset, "+0x", 3))
		offset = colon + strlen(colon);
	buf_puts(out, "global `");
	if (block_root_member(out, r, where, OURO_REGION_DATA))
		buf_puts(out, "`");
	else
		buf_printf(out, "%.*s`%s%s", (int)(offset - colon - 2), colon + 2, *offset ? " " : "", offset);
	buf_printf(out, " of %.*s", (int)(colon - data), data);
	if (symbols_declared(r->symbols, where, &file, &line))
		buf_printf(out, " (%s:%u)", words_file(file), line);
}

/* Whose frame it is in, as far as the thread's stack could be unwound. */
static const struct core_frame *frame_of(const struct report *r, uint32_t tid, uint64_t where,
	bool *ret_above)
{
	const struct core_stack *s = NULL;

	*ret_above = false;
	for (uint32_t i = 0; r->stacks && i < r->core.nthreads; i++)
		if (r->stacks[i].tid == tid)
			s = &r->stacks[i];
	for (uint32_t i = 0; s && i + 1 < s->n; i++)
		if (s->frame[i].sp && where < s->frame[i + 1].sp)
			return &s->frame[i];
	/* What is above the outermost frame's is no frame. */
	*ret_above = s && s->n && s->n < CORE_DEPTH && s->frame[s->n - 1].sp;
	return NULL;
}

static void put_stack(struct buf *out, const struct report *r, uint32_t tid, uint64_t where)
{
	bool above;
	const struct core_frame *f = frame_of(r, tid, where, &above);

	buf_printf(out, "the stack of thread %u", tid);
	if (f && f->function) {
		buf_puts(out, ", in ");
		words_place(out, f->function, f->file ? f->file : "", f->line);
	}
}

static bool is_main(const struct report *r, const struct snap_thread *t)
{
	return t->tid == r->trace.head.pid;
}

/* The thread whose stack, or memory around its struct pthread, has this word. */
static bool put_thread(struct buf *out, const struct report *r, uint64_t where)
{
	for (uint32_t i = 0; i < r->snap.threads; i++) {
		const struct snap_thread *t = &r->snap.thread[i];
		uint64_t low = t->sp && t->sp < t->tcb ? t->sp - OURO_RED_ZONE : t->tcb - STACK_MOST;
		bool above;

		if (!t->tcb || where >= t->tcb + PTHREAD)
			continue;
		if (where >= t->tcb) {
			buf_printf(out, "the C library's data of thread %u", t->tid);
			return true;
		}
		if (is_main(r, t)) {
			if (t->tcb - where > TLS_MOST)
				continue;
			buf_printf(out, "thread-local memory of thread %u", t->tid);
			return true;
		}
		if (where < low || t->tcb - where > STACK_MOST)
			continue;
		if (!frame_of(r, t->tid, where, &above) && above)
			buf_printf(out, "thread-local memory of thread %u", t->tid);
		else if (!r->stacks && t->tcb - where <= TLS_NEAR)
			buf_printf(out, "the stack or thread-local memory of thread %u", t->tid);
		else
			put_stack(out, r, t->tid, where);
		return true;
	}
	return false;
}

void block_root_words(struct buf *out, const struct report *r, uint64_t where, uint8_t region)
{
	switch (region) {
	case OURO_REGION_REGISTER:
		buf_printf(out, "a register of thread %u", (uint32_t)(where / 128));
		return;
	case OURO_REGION_DATA:
		put_global(out, r, where);
		return;
	case OURO_REGION_STACK:
		put_stack(out, r, r->trace.head.pid, where);
		return;
	}
	if (!put_thread(out, r, where))
		buf_printf(out, "memory that the program mapped (0x%llx)", (unsigned long long)where);
}

/* Pairs of registers in vectors would lengthen the chain of loads that a walk is. */
#pragma GCC optimize("no-tree-slp-vectorize")

#include "unwind.h"
#include "walk.h"

#include <string.h>

/*
 * A walk collects frames at the end of the array, downwards, so that they come out
 * outermost first; when it has met the stored stack, or the end, they are moved down:
 *
 *        0         base                       tail        UNWIND_DEPTH
 *        | stored    |   (stored, gone)        | walked   |
 *        | and kept  |                         | outer .. inner
 */

enum {
	FRUITLESS_MAX = 16,		/* takes before sharing is given up ...             */
	PLAIN_TAKES = 256,		/* ... for this many                                */
};

void unwind_forget(struct unwind *u)
{
	u->n = u->kept = 0;
	u->linked = u->ready = false;
}

/* --- the stored stack ----------------------------------------------------------------- */

/* Does a step from this frame, or on from its caller, depend on rbp as it is in it? */
static inline uint32_t live(uint32_t rule, uint32_t outer_live)
{
	switch (cfi_rule_kind(rule)) {
	case CFI_RULE_BP:
	case CFI_RULE_BP_DEREF: return CFI_RULE_LIVE;
	case CFI_RULE_SP: return cfi_rule_bp(rule) ? 0 : outer_live;
	default: return 0;
	}
}

static inline struct unwind_link *link_to(struct unwind_link *l, uintptr_t slot)
{
	*l = (struct unwind_link){ slot, bounds_word(slot) };
	return l + 1;
}

/* The words that lead from `f` to its caller `outer`. */
static inline struct unwind_link *link_frames(struct unwind_link *l,
	const struct unwind_frame *f, const struct unwind_frame *outer)
{
	uintptr_t bp_below = cfi_rule_bp(f->rule);

	switch (cfi_rule_kind(f->rule)) {
	case CFI_RULE_BP_DEREF:
		l = link_to(l, f->bp + cfi_rule_cfa(f->rule));
		if (outer->rule & CFI_RULE_LIVE)
			l = link_to(l, f->bp);
		break;
	case CFI_RULE_SIGNAL:
		l = link_to(l, f->sp + MACHINE_SIG_SP);
		if (outer->rule & CFI_RULE_LIVE)
			l = link_to(l, f->sp + MACHINE_SIG_BP);
		return link_to(l, f->sp + MACHINE_SIG_IP);
	default:
		if (bp_below && outer->rule & CFI_RULE_LIVE)
			l = link_to(l, outer->sp - bp_below);
	}
	return link_to(l, outer->sp - 8);
}

static inline bool holds(const struct unwind_link *l)
{
	return bounds_word(l->slot) == l->value;
}

/*
 * Do links 0 .. n-1 hold?  Each is one comparison with memory and a branch that is not taken: less
 * work for the processor than to gather what differs.
 */
static inline __attribute__((always_inline)) bool all_hold(const struct unwind_link *l, uint32_t n)
{
	for (; n >= 4; n -= 4, l += 4)
		if (!(holds(&l[0]) && holds(&l[1]) && holds(&l[2]) && holds(&l[3])))
			return false;
	for (; n; n--, l++)
		if (!holds(l))
			return false;
	return true;
}

/* The innermost of links 0 .. n-1 that no longer holds, or -1. */
static inline int64_t broken_link(const struct unwind_link *link, uint32_t n)
{
	int64_t i = n;

	if (likely(all_hold(link, n)))
		return -1;
	while (holds(&link[--i]))
		;
	return i;
}

/* Frames are in a state from which the same steps follow: sp, ip and, where it counts, bp. */
static inline bool same_state(const struct unwind_frame *f, const struct point *p)
{
	return f->sp == p->sp && f->ip == p->ip
		&& !(f->rule & CFI_RULE_LIVE && f->bp != p->bp)
		&& !(f->rule & CFI_RULE_EXACT) == !p->exact;
}

/* rbp of the caller, whose frame begins at sp, when it is `bp` in f. */
static uintptr_t outer_bp(const struct unwind_frame *f, uintptr_t bp, uintptr_t sp)
{
	switch (cfi_rule_kind(f->rule)) {
	case CFI_RULE_BP_DEREF: return bounds_word(f->bp);
	case CFI_RULE_SIGNAL: return bounds_word(f->sp + MACHINE_SIG_BP);
	default: return cfi_rule_bp(f->rule) ? bounds_word(sp - cfi_rule_bp(f->rule)) : bp;
	}
}

/* --- a walk that looks for the stored stack ------------------------------------------- */

/* Where the new frames are, and how many of the stored ones stand. */
struct found {
	uint32_t base, tail;
	enum walk_how how;			/* WALK_ON: met the stored stack                         */
};

/*
 * A stack that fills the array: its outer half goes, for good measure, so that this is
 * not needed again with each further call.
 */
static void halve(struct unwind *u, struct found *at)
{
	uint32_t half = (at->base + 1) / 2, i, gone;

	unwind_count(UNWIND_CUT_DEPTH);
	u->cut = UNWIND_TOO_DEEP;
	u->n = 0;
	if (half < at->base) {
		gone = u->end[half];
		memmove(u->link, u->link + gone,
			(u->end[at->base - 1] - gone) * sizeof(*u->link));
		for (i = half; i < at->base; i++)
			u->end[i - half] = u->end[i] - gone;
		memmove(u->frame, u->frame + half, (at->base - half) * sizeof(*u->frame));
	}
	at->base -= half;
}

/*
 * At a stored frame in the same state, of whose links one is broken: the frames inside it
 * stand, but what is outside may be anything.  They are taken over as if walked; p is
 * then at the outermost of them.  Returns its rule.
 */
static __attribute__((noinline)) uint32_t rejoin(struct unwind *u, struct point *p,
	struct found *at, int64_t broken)
{
	uint32_t i = at->base - 1;
	struct unwind_frame f;

	for (;; i--) {
		f = u->frame[i];
		f.bp = p->bp;
		f.rule &= ~CFI_RULE_LIVE;
		u->frame[--at->tail] = f;
		if (!i || u->end[i - 1] <= broken)
			break;		/* of frame 0 the only link is to the word that ended it */
		p->bp = outer_bp(&f, p->bp, u->frame[i - 1].sp);
	}
	at->base = i;
	p->ip = f.ip;
	p->sp = f.sp;
	p->exact = f.rule & CFI_RULE_EXACT ? RULES_EXACT : 0;
	return f.rule;
}

static struct found walk_to_stored(struct unwind *u, struct walk *w)
{
	struct found at = { u->n, UNWIND_DEPTH, WALK_ON };
	struct unwind_frame *f = u->frame;
	struct point p = w->at, q;
	uint64_t word;
	int64_t broken;

	do {
		while (at.base && f[at.base - 1].sp < p.sp)
			at.base--;
		if (at.base && same_state(&f[at.base - 1], &p)) {
			broken = broken_link(u->link, u->end[at.base - 1]);
			if (likely(broken < 0))
				return at;
			q = p;		/* p itself must not have an address */
			word = (uint64_t)rejoin(u, &q, &at, broken) << 32;
			p = q;
		} else {
			word = walk_look_up(w, &p);
			if (unlikely(at.tail == at.base)) {
				if (!at.base)
					return at;
				halve(u, &at);
			}
			walk_note(&f[--at.tail], &p, word);
			u->walked++;
		}
		at.how = walk_step(w, &p, word >> 32, 0);
		/* On another stack the stored one can't be found by its addresses. */
		if (unlikely(w->switches))
			at.base = 0;
	} while (at.how == WALK_ON);
	at.base = 0;
	return at;
}

/* --- a walk of everything --------------------------------------------------------------- */

static inline bool same_code(const struct unwind_frame *a, const struct unwind_frame *b)
{
	return a->ip == b->ip && a->loc == b->loc;
}

/*
 * The new stack goes to the half of the array where the old one is not, so that they can
 * be compared and nothing need be moved.
 */
static void take_anew(struct unwind *u, struct walk *w)
{
	const uint32_t half = UNWIND_DEPTH / 2;
	struct unwind_frame *old = u->frames, *f = u->frame;
	uint32_t top = u->n && old >= &f[half] ? half : UNWIND_DEPTH, i = top;
	uint32_t old_n = u->n < half ? u->n : half;
	enum walk_how how = walk_plainly(w, f, &i, top - half, old, old_n);

	if (unlikely(how == WALK_ON)) {
		old_n = 0;
		memmove(&f[half], &f[i], half * sizeof(*f));
		i = top = half;
		how = walk_plainly(w, f, &i, 0, NULL, 0);
		top = UNWIND_DEPTH;
	}
	u->walked += top - i;
	u->cut = how == WALK_END ? UNWIND_WHOLE : UNWIND_LOST;
	if (unlikely(how == WALK_ON)) {
		/* The inner half is enough, and leaves room for calls to come. */
		unwind_count(UNWIND_CUT_DEPTH);
		u->cut = UNWIND_TOO_DEEP;
		i = half;
	}
	u->frames = &f[i];
	u->n = top - i;
	u->kept = 0;
	while (u->kept < old_n && u->kept < u->n
			&& same_code(&old[u->kept], &u->frames[u->kept]))
		u->kept++;
}

/* --- putting it together -------------------------------------------------------------- */

/*
 * The walk's frames move down to the stored ones that stand, and may yet begin as those
 * did that fell.  A stored stack of no frames has lost its outer half on the way.
 */
static void append(struct unwind *u, const struct found *at)
{
	uint32_t i = at->base, from = at->tail, same = u->n ? at->base : 0;
	uint32_t old_n = u->n < at->tail ? u->n : at->tail;

	while (from < UNWIND_DEPTH && i < old_n && same_code(&u->frame[i], &u->frame[from]))
		u->frame[i++] = u->frame[from++], same++;
	while (from < UNWIND_DEPTH)
		u->frame[i++] = u->frame[from++];
	u->n = i;
	u->kept = same;
}

/* The usual case.  Returns how many of the frames may be new. */
static uint32_t take_shared(struct unwind *u, struct walk *w)
{
	struct found at = walk_to_stored(u, w);

	if (unlikely(!at.base)) {
		u->cut = at.how == WALK_END ? UNWIND_WHOLE : UNWIND_LOST;
		if (at.how == WALK_ON) {
			/* No room left and none to be made: the inner half stays. */
			unwind_count(UNWIND_CUT_DEPTH);
			u->cut = UNWIND_TOO_DEEP;
			u->n = 0;	/* written over */
			at.tail = UNWIND_DEPTH / 2;
		}
	}
	append(u, &at);
	return UNWIND_DEPTH - at.tail;
}

/* A last step that read a word, a return address of 0, rests on that word. */
static bool link_end(const struct unwind *u, struct unwind_link **l)
{
	const struct unwind_frame *f = u->frame;
	enum cfi_kind kind = cfi_rule_kind(f->rule);

	if (kind == CFI_RULE_BP_DEREF || kind == CFI_RULE_SIGNAL)
		return u->cut == UNWIND_TOO_DEEP;
	if (u->cut != UNWIND_WHOLE || kind == CFI_RULE_END)
		return true;
	*l = link_to(*l, (kind == CFI_RULE_BP ? f->bp : f->sp) + cfi_rule_cfa(f->rule) - 8);
	return true;
}

/* Writes down what the frames from `first` on rest on.  False: no room for it. */
static bool link_from(struct unwind *u, uint32_t first, uint32_t n)
{
	struct unwind_frame *f = &u->frame[first];
	struct unwind_link *l = &u->link[first ? u->end[first - 1] : 0];
	uint32_t i, outer_live = first ? f[-1].rule & CFI_RULE_LIVE : 0;

	for (i = first; i < n; i++, f++) {
		outer_live = live(f->rule, outer_live);
		f->rule = (f->rule & ~CFI_RULE_LIVE) | outer_live;
		if (l + 3 > &u->link[2 * UNWIND_DEPTH])
			return false;
		if (i)
			l = link_frames(l, f, f - 1);
		else if (!link_end(u, &l))
			return false;
		u->end[i] = l - u->link;
	}
	return true;
}

/* Stacks that have nothing in common are walked without looking for it. */
static void adapt(struct unwind *u, uint32_t walked)
{
	if (likely(walked * 4 < u->n * 3 || u->n < 4)) {
		u->fruitless = 0;
		return;
	}
	if (++u->fruitless < FRUITLESS_MAX)
		return;
	u->fruitless = FRUITLESS_MAX - 2;
	u->plain = PLAIN_TAKES;
}

/*
 * Another call from the function that made the last one, as pairs of retain and release
 * are, and loops that allocate: if the way out of it is the same and so are the words on
 * that way, all but the address of the call is.  False: nothing was done.
 */
static inline bool take_sibling(struct unwind *u, const struct rules *t, uintptr_t ip,
	uintptr_t sp, uintptr_t bp)
{
	struct unwind_frame *f = &u->frame[u->n - 1];
	uint32_t n = u->end[u->n - 1];
	uint64_t word;

	/* What differs most often is asked first. */
	if (f->sp != sp || (f->bp != bp && f->rule & CFI_RULE_LIVE)
			|| (n && bounds_word(u->link[n - 1].slot) != u->link[n - 1].value)
			|| !rules_peek(t, ip + u->tag, &word)
			|| (f->rule ^ word >> 32) & ~CFI_RULE_LIVE
			|| !all_hold(u->link, n))
		return false;
	u->kept = u->n - (f->ip != ip);
	f->ip = ip;
	f->bp = bp;
	f->loc = (uint32_t)word;
	u->takes++;
	u->fruitless = 0;
	return true;
}

/* One frame more, around which the stored ones are base frames deep; with its links. */
static inline struct unwind_link *put_frame(struct unwind_frame *f, const struct unwind_frame *n,
	struct unwind_link *l)
{
	uint32_t rule = n->rule;

	rule |= live(rule, f[-1].rule & CFI_RULE_LIVE);
	/* By words, as they were written: see walk_note. */
	f->ip = n->ip;
	f->sp = n->sp;
	f->bp = n->bp;
	f->rule = rule;
	f->loc = n->loc;
	return link_frames(l, f, f - 1);
}

/*
 * The usual case, without the rest of this file: a few frames with simple rules that are
 * known lead to the stored stack, which stands.  False: nothing was done.
 */
static inline bool take_near(struct unwind *u, const struct rules *t, uintptr_t ip,
	uintptr_t sp, uintptr_t bp)
{
	struct unwind_frame *fresh = u->fresh, *f = u->frame, *at = &f[u->n - 1];
	uint32_t base, n = 0, i;
	uintptr_t hi = u->bounds.own_hi;
	struct point p = { ip, sp, bp, 0 };
	struct unwind_link *l;
	uint64_t word;

	for (;;) {
		while (at->sp < p.sp)
			if (at-- == f)
				return false;
		if (same_state(at, &p))
			break;
		if (n == UNWIND_NEAR || !rules_peek(t, p.ip + u->tag, &word))
			return false;
		walk_note(&fresh[n++], &p, word);
		if (!walk_by_rule(&p, word >> 32, hi, 0) || p.ip - 1 >= (1ul << MACHINE_IP_BITS) - 1)
			return false;
	}
	base = (uint32_t)(at - f) + 1;
	if (base + n > UNWIND_DEPTH || u->end[base - 1] + 2 * n > 2 * UNWIND_DEPTH
			|| !all_hold(u->link, u->end[base - 1]))
		return false;

	u->ready = false;
	u->busy = true;
	atomic_signal_fence(memory_order_seq_cst);
	u->kept = base;
	u->takes++;
	u->walked += n;
	l = &u->link[u->end[base - 1]];
	for (i = base; n--; i++) {
		if (u->kept == i && i < u->n && same_code(&f[i], &fresh[n]))
			u->kept++;
		l = put_frame(&f[i], &fresh[n], l);
		u->end[i] = (uint16_t)(l - u->link);
	}
	u->n = i;
	adapt(u, i - base);
	atomic_signal_fence(memory_order_seq_cst);
	u->busy = false;
	u->ready = !u->plain;
	return true;
}

/* Can the stack of the last take be gone on from, by code and bounds that are as they were? */
static inline bool usable(const struct unwind *u, uintptr_t sp, uintptr_t tp)
{
	return likely(u->ready && u->bounds.thread == tp
		&& u->tag == atomic_load_explicit(&rules_tag, memory_order_acquire)
		&& sp - u->bounds.own_lo < u->bounds.own_hi - u->bounds.own_lo);
}

bool unwind_stands(const struct unwind *u, uintptr_t sp, uintptr_t bp)
{
	const struct unwind_frame *f;

	if (!usable(u, sp, machine_thread_pointer()))
		return false;
	f = &u->frame[u->n - 1];
	return f->sp == sp && !(f->bp != bp && f->rule & CFI_RULE_LIVE)
		&& all_hold(u->link, u->end[u->n - 1]);
}

void unwind_take(struct unwind *u, uintptr_t ip, uintptr_t sp, uintptr_t bp)
{
	const struct rules *t = atomic_load_explicit(&rules_table, memory_order_acquire);
	uintptr_t tp = machine_thread_pointer();
	struct walk w;
	uint32_t fresh, first;

	if (usable(u, sp, tp) && likely(!(ip >> MACHINE_IP_BITS))
			&& (take_sibling(u, t, ip, sp, bp) || take_near(u, t, ip, sp, bp)))
		return;
	w.bounds = &u->bounds;
	w.full = &u->full;
	w.work = &u->work;
	/* A signal handler that jumped out of a take has left things half done. */
	if (unlikely(u->bounds.thread != tp || u->busy)) {
		bounds_init(&u->bounds, tp);
		unwind_forget(u);
	}
	u->ready = false;
	u->busy = true;
	atomic_signal_fence(memory_order_seq_cst);
	walk_begin(&w, ip, sp, bp);
	if (unlikely(u->tag != w.tag || !w.rules))
		unwind_forget(u);
	u->tag = w.tag;
	if (unlikely(!w.rules)) {
		u->cut = UNWIND_LOST;
		u->busy = false;
		return;
	}
	u->takes++;
	/* A coroutine's stack may be another one at the same place: links prove nothing. */
	if (likely(u->linked && w.span.own && !u->plain)) {
		fresh = take_shared(u, &w);
		first = u->n - fresh;
		adapt(u, fresh);
	} else {
		take_anew(u, &w);
		first = 0;
		u->plain -= u->plain > 0;
	}
	u->linked = w.span.own && !w.switches && !u->full.started && !u->plain;
	if (likely(u->linked)) {
		if (unlikely(u->frames != u->frame))
			memmove(u->frame, u->frames, u->n * sizeof(*u->frame));
		u->frames = u->frame;
		u->linked = link_from(u, first, u->n);
	}
	atomic_signal_fence(memory_order_seq_cst);
	u->busy = false;
	u->ready = u->linked && u->n && !u->plain;
}

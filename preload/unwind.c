#include "unwind.h"
#include "rules.h"

#include <string.h>

/*
 * A walk collects frames at the end of the array, downwards, so that they come out
 * outermost first; when it has met the stored stack, or the end, they are moved down:
 *
 *        0         base                       tail        UNWIND_DEPTH
 *        | stored    |   (stored, gone)        | walked   |
 *        | and kept  |                         | outer .. inner
 */

_Atomic uint64_t unwind_stats[UNWIND_COUNTERS];

#define likely(e)	__builtin_expect(!!(e), 1)
#define unlikely(e)	__builtin_expect(!!(e), 0)

enum {
	FRUITLESS_MAX = 16,		/* takes before sharing is given up ...             */
	PLAIN_TAKES = 256,		/* ... for this many                                */
	SWITCHES_MAX = 8,		/* of stacks, within one                            */
};

struct walk {
	uintptr_t ip, sp, bp;		/* the frame we are at                              */
	uint64_t exact;			/* 0, or RULES_EXACT: ip was interrupted            */
	uint64_t tag;
	struct rules *rules;
	struct span span;		/* of the stack sp is on                            */
	unsigned switches;
	struct bounds *bounds;
	struct fullwalk *full;
	struct cfi_work *work;
};

enum step { ON, END, LOST };

bool unwind_setup(uint32_t (*loc_of)(uintptr_t ip))
{
	cfi_setup();
	bounds_setup();
	return rules_setup(loc_of);
}

void unwind_modules_changed(void)
{
	rules_new_generation();
}

void unwind_forget(struct unwind *u)
{
	u->n = u->kept = 0;
	u->linked = false;
}

/* --- one frame ------------------------------------------------------------------------ */

static enum step lost(enum unwind_counter why)
{
	unwind_count(why);
	return LOST;
}

/* The caller's frame lies on another stack: a signal's, or one the program calls on. */
static __attribute__((noinline)) bool switch_stack(struct walk *w, uintptr_t sp)
{
	if (sp >> MACHINE_IP_BITS || sp % 8 || sp - w->span.lo < w->span.hi - w->span.lo)
		return false;
	if (!bounds_readable(sp - 8))
		return false;
	if (w->switches++ == SWITCHES_MAX)
		return false;
	bounds_enter(w->bounds, sp, &w->span);
	return true;
}

/* Is [at, at + 8) in this stack, not below the frame?  Makes it readable. */
static inline bool in_frame(struct walk *w, uintptr_t at)
{
	return at >= w->sp && at % 8 == 0 && at + 8 > at && bounds_reach(&w->span, at + 8);
}

/* A step that may have left the stack of the frame at `from` has led to w->sp. */
static enum step arrive(struct walk *w, uintptr_t from)
{
	if (w->sp % 8)
		return lost(UNWIND_CUT_BOUNDS);
	if (w->sp > from && bounds_reach(&w->span, w->sp))
		return ON;
	return switch_stack(w, w->sp) ? ON : lost(UNWIND_CUT_BOUNDS);
}

static __attribute__((noinline)) enum step step_signal(struct walk *w)
{
	uintptr_t sp = w->sp;

	if (!in_frame(w, sp + MACHINE_SIG_SIZE - 8))
		return lost(UNWIND_CUT_BOUNDS);
	w->ip = bounds_word(sp + MACHINE_SIG_IP);
	w->bp = bounds_word(sp + MACHINE_SIG_BP);
	w->sp = bounds_word(sp + MACHINE_SIG_SP);
	w->exact = RULES_EXACT;
	return arrive(w, sp);
}

static __attribute__((noinline)) enum step step_full(struct walk *w)
{
	struct fullwalk *f = w->full;
	uintptr_t sp = w->sp;
	int r = fullwalk_beyond(f, w->ip, w->sp, w->work);

	unwind_count(UNWIND_FULL);
	if (!r)
		return END;
	if (r < 0)
		return lost(UNWIND_CUT_FULL);
	w->ip = f->reg[MACHINE_IP];
	w->sp = f->reg[MACHINE_SP];
	w->bp = f->valid >> MACHINE_BP & 1 ? f->reg[MACHINE_BP] : 0;
	w->exact = f->exact ? RULES_EXACT : 0;
	return arrive(w, sp);
}

static __attribute__((noinline)) enum step step_rare(struct walk *w, uint32_t rule)
{
	switch (cfi_rule_kind(rule)) {
	case CFI_RULE_END: return END;
	case CFI_RULE_SIGNAL: return step_signal(w);
	case CFI_RULE_FULL: return step_full(w);
	case CFI_RULE_NO_MODULE: return lost(UNWIND_CUT_NO_MODULE);
	case CFI_RULE_NO_ENTRY: return lost(UNWIND_CUT_NO_ENTRY);
	default: return lost(UNWIND_CUT_DAMAGED);
	}
}

/* CFA = bp + n and not on this stack: the function has moved sp elsewhere after its prologue. */
static __attribute__((noinline)) enum step step_off_stack(struct walk *w, uintptr_t cfa,
	uintptr_t bp_below)
{
	if (!switch_stack(w, cfa) || !bounds_readable(cfa - bp_below))
		return lost(UNWIND_CUT_BOUNDS);
	w->ip = bounds_word(cfa - 8);
	if (bp_below)
		w->bp = bounds_word(cfa - bp_below);
	w->sp = cfa;
	w->exact = 0;
	return w->ip ? ON : END;
}

/* From the frame at w, of which rule is the rule, to its caller. */
static inline enum step step(struct walk *w, uint32_t rule)
{
	uintptr_t cfa, bp_below = cfi_rule_bp(rule);
	enum cfi_kind kind = cfi_rule_kind(rule);

	if (likely(kind == CFI_RULE_SP)) {
		cfa = w->sp + cfi_rule_cfa(rule);
	} else if (kind == CFI_RULE_BP) {
		cfa = w->bp + cfi_rule_cfa(rule);
		if (unlikely(cfa <= w->sp || cfa % 8 || cfa - bp_below < w->sp
				|| !bounds_reach(&w->span, cfa)))
			return step_off_stack(w, cfa, bp_below);
	} else if (kind == CFI_RULE_BP_DEREF) {
		if (!in_frame(w, w->bp) || !in_frame(w, w->bp + cfi_rule_cfa(rule)))
			return lost(UNWIND_CUT_BOUNDS);
		cfa = bounds_word(w->bp + cfi_rule_cfa(rule));
		if (cfa <= w->sp || cfa % 8)
			return lost(UNWIND_CUT_BOUNDS);
	} else {
		return step_rare(w, rule);
	}
	if (unlikely(!bounds_reach(&w->span, cfa)))
		return lost(UNWIND_CUT_BOUNDS);
	w->ip = bounds_word(cfa - 8);
	if (kind == CFI_RULE_BP_DEREF)
		w->bp = bounds_word(w->bp);
	else if (bp_below)
		w->bp = bounds_word(cfa - bp_below);
	w->sp = cfa;
	w->exact = 0;
	return likely(w->ip) ? ON : END;
}

static inline uint64_t look_up(struct walk *w)
{
	/* Above 2^47 there is no code; below, the bits are the tag's. */
	return rules_get(w->rules, (w->ip & (RULES_EXACT - 1)) | w->exact | w->tag, w->work);
}

static inline void note(struct unwind_frame *f, const struct walk *w, uint64_t word)
{
	f->ip = w->ip;
	f->sp = w->sp;
	f->bp = w->bp;
	f->rule = word;
	f->loc = word >> 32;
}

static void begin(struct walk *w, uintptr_t ip, uintptr_t sp, uintptr_t bp)
{
	w->ip = ip;
	w->sp = sp;
	w->bp = bp;
	w->exact = 0;
	w->tag = atomic_load_explicit(&rules_tag, memory_order_relaxed);
	w->rules = atomic_load_explicit(&rules_table, memory_order_acquire);
	w->switches = 0;
	w->full->started = false;
	bounds_enter(w->bounds, sp, &w->span);
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

/* The innermost of links 0 .. n-1 that no longer holds, or -1. */
static inline int64_t broken_link(const struct unwind_link *link, int64_t n)
{
	int64_t i = n;
	uintptr_t diff;

	for (; i >= 8; i -= 8) {
		const struct unwind_link *l = &link[i - 8];

		diff = bounds_word(l[0].slot) ^ l[0].value;
		diff |= bounds_word(l[1].slot) ^ l[1].value;
		diff |= bounds_word(l[2].slot) ^ l[2].value;
		diff |= bounds_word(l[3].slot) ^ l[3].value;
		diff |= bounds_word(l[4].slot) ^ l[4].value;
		diff |= bounds_word(l[5].slot) ^ l[5].value;
		diff |= bounds_word(l[6].slot) ^ l[6].value;
		diff |= bounds_word(l[7].slot) ^ l[7].value;
		if (diff)
			break;
	}
	while (i-- > 0)
		if (bounds_word(link[i].slot) != link[i].value)
			return i;
	return -1;
}

/* Frames are in a state from which the same steps follow: sp, ip and, where it counts, bp. */
static inline bool same_state(const struct unwind_frame *f, const struct walk *w)
{
	return f->sp == w->sp && f->ip == w->ip
		&& !(f->rule & CFI_RULE_LIVE && f->bp != w->bp)
		&& !(f->rule & CFI_RULE_EXACT) == !w->exact;
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
	enum step how;			/* ON: met the stored stack                         */
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
 * At a stored frame in the same state.  True: all of it and outwards stands.  Else the
 * frames inside the first broken link stand, but what is outside may be anything: they
 * are taken over as if walked, and w is at the outermost of them.
 */
static bool rejoin(struct unwind *u, struct walk *w, struct found *at, uint32_t *ret_rule)
{
	int64_t broken = broken_link(u->link, u->end[at->base - 1]);
	uint32_t i = at->base - 1;

	if (likely(broken < 0))
		return true;
	for (;; i--) {
		struct unwind_frame f = u->frame[i];

		f.bp = w->bp;
		f.rule &= ~CFI_RULE_LIVE;
		u->frame[--at->tail] = f;
		at->base = i;
		if (!i || u->end[i - 1] <= broken)
			break;		/* of frame 0 the only link is to the word that ended it */
		w->bp = outer_bp(&f, w->bp, u->frame[i - 1].sp);
	}
	w->ip = u->frame[at->tail].ip;
	w->sp = u->frame[at->tail].sp;
	w->exact = u->frame[at->tail].rule & CFI_RULE_EXACT ? RULES_EXACT : 0;
	*ret_rule = u->frame[at->tail].rule;
	return false;
}

static struct found walk_to_stored(struct unwind *u, struct walk *w)
{
	struct found at = { u->n, UNWIND_DEPTH, ON };
	struct unwind_frame *f = u->frame;
	uint32_t base = at.base, rule;
	uint64_t word;

	do {
		while (base && f[base - 1].sp < w->sp)
			base--;
		at.base = base;
		if (base && same_state(&f[base - 1], w)) {
			if (likely(rejoin(u, w, &at, &rule)))
				return at;
			base = at.base;
		} else {
			word = look_up(w);
			if (unlikely(at.tail == base)) {
				if (!base)
					break;
				halve(u, &at);
				base = at.base;
			}
			note(&f[--at.tail], w, word);
			rule = word;
			u->walked++;
		}
		at.how = step(w, rule);
		/* On another stack the stored one can't be found by its addresses. */
		if (unlikely(w->switches))
			base = 0;
	} while (at.how == ON);
	at.base = 0;
	return at;
}

/* The same when nothing is to be found. */
static struct found walk_plainly(struct unwind *u, struct walk *w)
{
	struct found at = { 0, UNWIND_DEPTH, ON };
	uint64_t word;

	while (at.how == ON && at.tail) {
		word = look_up(w);
		note(&u->frame[--at.tail], w, word);
		at.how = step(w, word);
	}
	u->walked += UNWIND_DEPTH - at.tail;
	return at;
}

/* --- putting it together -------------------------------------------------------------- */

/*
 * Moves the new frames down to the stored ones; says how many begin as the old stack did.
 * An old stack of no frames is one that was forgotten, or lost its outer half.
 */
static uint32_t append(struct unwind *u, const struct found *at)
{
	uint32_t i = at->base, from = at->tail, same = u->n ? at->base : 0;
	uint32_t old = u->n < at->tail ? u->n : at->tail;

	while (from < UNWIND_DEPTH && i < old && u->frame[i].loc == u->frame[from].loc
			&& u->frame[i].ip == u->frame[from].ip)
		u->frame[i++] = u->frame[from++], same++;
	while (from < UNWIND_DEPTH)
		u->frame[i++] = u->frame[from++];
	return same;
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

/* The walk ended outside the stored stack: why, and what that means for frame 0. */
static void set_cut(struct unwind *u, struct found *at)
{
	u->cut = at->how == END ? UNWIND_WHOLE : UNWIND_LOST;
	if (at->how != ON)
		return;
	/* No room left and none to be made: the inner half stays, for the same reason. */
	unwind_count(UNWIND_CUT_DEPTH);
	u->cut = UNWIND_TOO_DEEP;
	u->n = 0;		/* written over */
	at->tail = UNWIND_DEPTH / 2;
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

void unwind_take(struct unwind *u, uintptr_t ip, uintptr_t sp, uintptr_t bp)
{
	uintptr_t tp = machine_thread_pointer();
	struct walk w;
	struct found at;
	bool shared;

	w.bounds = &u->bounds;
	w.full = &u->full;
	w.work = &u->work;
	if (unlikely(u->bounds.thread != tp))
		bounds_init(&u->bounds, tp);
	begin(&w, ip, sp, bp);
	if (unlikely(u->tag != w.tag || !w.rules))
		unwind_forget(u);
	u->tag = w.tag;
	u->frames = u->frame;
	if (unlikely(!w.rules)) {
		u->cut = UNWIND_LOST;
		return;
	}
	u->takes++;
	/* A coroutine's stack may be another one at the same place: links prove nothing. */
	shared = u->linked && w.span.own && !u->plain;
	at = likely(shared) ? walk_to_stored(u, &w) : walk_plainly(u, &w);
	u->plain -= u->plain > 0;
	if (!at.base)
		set_cut(u, &at);
	u->kept = append(u, &at);
	u->n = at.base + UNWIND_DEPTH - at.tail;
	u->linked = w.span.own && !w.switches && !u->full.started && !u->plain
		&& link_from(u, at.base, u->n);
	if (shared)
		adapt(u, UNWIND_DEPTH - at.tail);
}

void unwind_take_plain(struct unwind_plain *p, uintptr_t ip, uintptr_t sp, uintptr_t bp)
{
	struct walk w = { .bounds = &p->bounds, .full = &p->full, .work = &p->work };
	uint32_t tail = UNWIND_PLAIN_DEPTH;
	enum step how = ON;
	uint64_t word;

	/* No thread's: so its stack is a foreign one, proven anew each time. */
	bounds_init(&p->bounds, 0);
	begin(&w, ip, sp, bp);
	while (how == ON && tail && w.rules) {
		word = look_up(&w);
		note(&p->frame[--tail], &w, word);
		how = step(&w, word);
	}
	if (how == ON)
		unwind_count(UNWIND_CUT_DEPTH);
	p->frames = &p->frame[tail];
	p->n = UNWIND_PLAIN_DEPTH - tail;
	p->cut = how == END ? UNWIND_WHOLE : how == ON ? UNWIND_TOO_DEEP : UNWIND_LOST;
}

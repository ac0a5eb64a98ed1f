/* Pairs of registers in vectors would lengthen the chain of loads that a walk is. */
#pragma GCC optimize("no-tree-slp-vectorize")

#include "walk.h"

_Atomic uint64_t unwind_stats[UNWIND_COUNTERS];

enum {
	SWITCHES_MAX = 8,		/* of stacks, within one                            */
};

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

static enum walk_how lost(enum unwind_counter why)
{
	unwind_count(why);
	return WALK_LOST;
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

/* Is [addr, addr + 8) in this stack, not below the frame?  Makes it readable. */
static inline bool in_frame(struct walk *w, uintptr_t addr)
{
	return addr >= w->at.sp && addr % 8 == 0 && addr + 8 > addr
		&& bounds_reach(&w->span, addr + 8);
}

/* A step that may have left the stack of the frame at `from` has led to at.sp. */
static enum walk_how arrive(struct walk *w, uintptr_t from)
{
	if (w->at.sp % 8)
		return lost(UNWIND_CUT_BOUNDS);
	if (w->at.sp > from && bounds_reach(&w->span, w->at.sp))
		return WALK_ON;
	return switch_stack(w, w->at.sp) ? WALK_ON : lost(UNWIND_CUT_BOUNDS);
}

static enum walk_how step_signal(struct walk *w)
{
	uintptr_t sp = w->at.sp;

	if (!in_frame(w, sp + MACHINE_SIG_SIZE - 8))
		return lost(UNWIND_CUT_BOUNDS);
	w->at.ip = bounds_word(sp + MACHINE_SIG_IP);
	w->at.bp = bounds_word(sp + MACHINE_SIG_BP);
	w->at.sp = bounds_word(sp + MACHINE_SIG_SP);
	w->at.exact = RULES_EXACT;
	return arrive(w, sp);
}

static enum walk_how step_full(struct walk *w)
{
	struct fullwalk *f = w->full;
	uintptr_t sp = w->at.sp;
	int r = fullwalk_beyond(f, w->at.ip, sp, w->work);

	unwind_count(UNWIND_FULL);
	if (!r)
		return WALK_END;
	if (r < 0)
		return lost(UNWIND_CUT_FULL);
	w->at.ip = f->reg[MACHINE_IP];
	w->at.sp = f->reg[MACHINE_SP];
	w->at.bp = f->valid >> MACHINE_BP & 1 ? f->reg[MACHINE_BP] : 0;
	w->at.exact = f->exact ? RULES_EXACT : 0;
	return arrive(w, sp);
}

/* The compiler's way to realign a stack: the CFA was stored near where rbp points. */
static enum walk_how step_deref(struct walk *w, uint32_t rule)
{
	uintptr_t from = w->at.sp, slot = w->at.bp + cfi_rule_cfa(rule);

	if (!in_frame(w, w->at.bp) || !in_frame(w, slot))
		return lost(UNWIND_CUT_BOUNDS);
	w->at.sp = bounds_word(slot);
	w->at.bp = bounds_word(w->at.bp);
	w->at.exact = 0;
	if (w->at.sp <= from || w->at.sp % 8 || !bounds_reach(&w->span, w->at.sp))
		return lost(UNWIND_CUT_BOUNDS);
	w->at.ip = bounds_word(w->at.sp - 8);
	return w->at.ip ? WALK_ON : WALK_END;
}

/* CFA = bp + n and not on this stack: the function has moved sp elsewhere after its prologue. */
static enum walk_how step_off_stack(struct walk *w, uint32_t rule)
{
	uintptr_t cfa = w->at.bp + cfi_rule_cfa(rule), bp_below = cfi_rule_bp(rule);

	if (!switch_stack(w, cfa) || !bounds_readable(cfa - bp_below))
		return lost(UNWIND_CUT_BOUNDS);
	w->at.ip = bounds_word(cfa - 8);
	if (bp_below)
		w->at.bp = bounds_word(cfa - bp_below);
	w->at.sp = cfa;
	w->at.exact = 0;
	return w->at.ip ? WALK_ON : WALK_END;
}

/* Interrupted after rbp was taken off the stack, or where it is kept in the red zone. */
static enum walk_how step_epilogue(struct walk *w, uint32_t rule)
{
	uintptr_t cfa = w->at.sp + cfi_rule_cfa(rule), bp_at = cfa - cfi_rule_bp(rule);

	if (!bounds_reach(&w->span, cfa) || (bp_at < w->span.lo && !bounds_readable(bp_at))
			|| bp_at + MACHINE_RED_ZONE < w->at.sp)
		return lost(UNWIND_CUT_BOUNDS);
	w->at.ip = bounds_word(cfa - 8);
	w->at.bp = bounds_word(bp_at);
	w->at.sp = cfa;
	w->at.exact = 0;
	return w->at.ip ? WALK_ON : WALK_END;
}

/* A foreign stack is readable as far as it was needed until now: is this frame just beyond? */
static bool step_after_reach(struct walk *w, uint32_t rule)
{
	bool by_bp = cfi_rule_kind(rule) == CFI_RULE_BP;
	uintptr_t cfa = (by_bp ? w->at.bp : w->at.sp) + cfi_rule_cfa(rule);

	return cfa > w->span.hi && bounds_reach(&w->span, cfa)
		&& walk_by_rule(&w->at, rule, w->span.hi, 0);
}

enum walk_how walk_step_rare(struct walk *w, uint32_t rule)
{
	enum cfi_kind kind = cfi_rule_kind(rule);

	if ((kind == CFI_RULE_SP || kind == CFI_RULE_BP) && step_after_reach(w, rule))
		return w->at.ip ? WALK_ON : WALK_END;
	switch (kind) {
	case CFI_RULE_SP: return step_epilogue(w, rule);
	case CFI_RULE_BP: return step_off_stack(w, rule);
	case CFI_RULE_BP_DEREF: return step_deref(w, rule);
	case CFI_RULE_END: return WALK_END;
	case CFI_RULE_SIGNAL: return step_signal(w);
	case CFI_RULE_FULL: return step_full(w);
	case CFI_RULE_NO_MODULE: return lost(UNWIND_CUT_NO_MODULE);
	case CFI_RULE_NO_ENTRY: return lost(UNWIND_CUT_NO_ENTRY);
	default: return lost(UNWIND_CUT_DAMAGED);
	}
}

void walk_begin(struct walk *w, uintptr_t ip, uintptr_t sp, uintptr_t bp)
{
	w->at = (struct point){ ip, sp, bp, 0 };
	w->tag = atomic_load_explicit(&rules_tag, memory_order_relaxed);
	w->rules = atomic_load_explicit(&rules_table, memory_order_acquire);
	w->switches = 0;
	w->full->started = false;
	bounds_enter(w->bounds, sp, &w->span);
}

/* Where the innermost of the frames up to `at` begins that is outside sp; 0: none does. */
static inline uintptr_t begin_beyond(const struct unwind_frame **at, const struct unwind_frame *old,
	uintptr_t sp)
{
	while (*at > old && (*at)[-1].sp <= sp)
		--*at;
	return *at > old ? (*at)[-1].sp : 0;
}

/*
 * That the stack shares nothing with the one before does not say that its frames have other
 * sizes: the same functions, called from other places, begin where they began.
 */
enum walk_how walk_plainly(struct walk *w, struct unwind_frame *f, uint32_t *from,
	uint32_t limit, const struct unwind_frame *old, uint32_t n)
{
	const struct unwind_frame *at = old + n;
	struct point p = w->at;
	uintptr_t guess = begin_beyond(&at, old, p.sp);
	uint32_t i = *from;
	uint64_t word;
	enum walk_how how = WALK_ON;

	while (how == WALK_ON && i > limit) {
		word = walk_look_up(w, &p);
		walk_note(&f[--i], &p, word);
		how = walk_step(w, &p, word >> 32, guess);
		if (unlikely(p.sp != guess))
			guess = begin_beyond(&at, old, p.sp);
		else
			guess = --at > old ? at[-1].sp : 0;
	}
	*from = i;
	w->at = p;
	return how;
}

void unwind_take_plain(struct unwind_plain *p, uintptr_t ip, uintptr_t sp, uintptr_t bp)
{
	struct walk w = { .bounds = &p->bounds, .full = &p->full, .work = &p->work };
	uint32_t tail = UNWIND_PLAIN_DEPTH;
	enum walk_how how = WALK_LOST;

	/* No thread's: so its stack is a foreign one, proven anew each time. */
	bounds_init(&p->bounds, 0);
	walk_begin(&w, ip, sp, bp);
	if (w.rules)
		how = walk_plainly(&w, p->frame, &tail, 0, NULL, 0);
	if (how == WALK_ON)
		unwind_count(UNWIND_CUT_DEPTH);
	p->frames = &p->frame[tail];
	p->n = UNWIND_PLAIN_DEPTH - tail;
	p->cut = how == WALK_END ? UNWIND_WHOLE : how == WALK_ON ? UNWIND_TOO_DEEP : UNWIND_LOST;
}

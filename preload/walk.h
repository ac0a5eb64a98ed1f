/*
 * walk.h - from frame to frame, unwind.c's inner loop
 *
 * A walk is a chain of loads, each waiting for the one before: address, rule, return
 * address.  So the point it is at lives in registers, is never given an address, and is
 * put into struct walk only for steps that are rare.
 */
#ifndef WALK_H
#define WALK_H

#include "rules.h"
#include "unwind.h"

#include <assert.h>

#define likely(e)	__builtin_expect(!!(e), 1)
#define unlikely(e)	__builtin_expect(!!(e), 0)

/* The frame a walk is at: all that the next step depends on, but for memory. */
struct point {
	uintptr_t ip, sp, bp;
	uint64_t exact;			/* 0, or RULES_EXACT: ip was interrupted            */
};

struct walk {
	struct point at;		/* for the rare steps; loops have theirs in registers */
	uint64_t tag;
	struct rules *rules;
	struct span span;		/* of the stack sp is on                            */
	unsigned switches;
	struct bounds *bounds;
	struct fullwalk *full;
	struct cfi_work *work;
};

enum walk_how { WALK_ON, WALK_END, WALK_LOST };

/* Begins at a state, with w's bounds, full and work set. */
void walk_begin(struct walk *w, uintptr_t ip, uintptr_t sp, uintptr_t bp);

/* From w->at, of which rule is the rule, where walk_step does not know the way. */
enum walk_how walk_step_rare(struct walk *w, uint32_t rule);

/*
 * Frames from w->at on into f[*from - 1] and so on down to f[limit].  WALK_ON: there are more.
 * old: n frames of an earlier stack, for guesses.
 */
enum walk_how walk_plainly(struct walk *w, struct unwind_frame *f, uint32_t *from,
	uint32_t limit, const struct unwind_frame *old, uint32_t n);

/*
 * The step that nearly all rules are: from the frame at p to its caller, on a stack that is
 * readable up to hi.  False: it is another, and p stands where it stood.
 *
 * guess: where the caller's frame may begin, 0 for no idea.  When it is right, the processor
 * goes on from it before the rule is there, and finds it confirmed later; so it must be a
 * branch, and the guess must be what is used.
 */
static inline __attribute__((always_inline)) bool walk_by_rule(struct point *p, uint32_t rule,
	uintptr_t hi, uintptr_t guess)
{
	enum cfi_kind kind = cfi_rule_kind(rule);
	uintptr_t bp_below = cfi_rule_bp(rule), cfa, bp_at, bp;

	static_assert(CFI_RULE_SP == 1 && CFI_RULE_BP == 2, "tested together");
	if (likely(kind == CFI_RULE_SP))
		cfa = p->sp + cfi_rule_cfa(rule);	/* predicted, not waited for */
	else
		cfa = p->bp + cfi_rule_cfa(rule);
	if (likely(cfa == guess)) {
		__asm__ volatile("" : "+r"(guess));
		cfa = guess;
	}
	bp_at = cfa - (bp_below ? bp_below : 8);
	if (unlikely(kind - 1 > 1u || cfa <= p->sp || bp_at < p->sp || cfa % 8 || cfa > hi))
		return false;
	p->ip = bounds_word(cfa - 8);
	bp = bounds_word(bp_at);
	__asm__("" : "+r"(bp));		/* loaded always: whether it is needed can't be predicted */
	p->bp = bp_below ? bp : p->bp;
	p->sp = cfa;
	p->exact = 0;
	return true;
}

/* From the frame at p, of which rule is the rule, to its caller. */
static inline __attribute__((always_inline)) enum walk_how walk_step(struct walk *w,
	struct point *p, uint32_t rule, uintptr_t guess)
{
	enum walk_how how;

	if (unlikely(!walk_by_rule(p, rule, w->span.hi, guess))) {
		w->at = *p;
		how = walk_step_rare(w, rule);
		*p = w->at;
		return how;
	}
	return likely(p->ip) ? WALK_ON : WALK_END;
}

static inline __attribute__((always_inline)) uint64_t walk_look_up(struct walk *w,
	const struct point *p)
{
	/* Above 2^47 there is no code; there, the bits are the tag's. */
	if (unlikely(p->ip >> MACHINE_IP_BITS))
		return (uint64_t)CFI_RULE_NO_MODULE << 32;
	return rules_get(w->rules, p->ip + (p->exact + w->tag), w->work);
}

static inline void walk_note(struct unwind_frame *f, const struct point *p, uint64_t word)
{
	f->ip = p->ip;
	f->sp = p->sp;
	f->bp = p->bp;
	f->rule = word >> 32;
	f->loc = word;
}

#endif

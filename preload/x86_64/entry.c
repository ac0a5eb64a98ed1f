/*
 * entry.c - reading functions for what a jump at their entry would break
 */
#include "entry.h"

#include <dlfcn.h>
#include <errno.h>

#include "code.h"
#include "detour.h"
#include "text.h"

/*
 * Where the code of a function is: [0] its body, then what the body jumps to, each
 * wholly. That is a cold part, whose unwind table is its own, or a function that is
 * called in leaving; only the jumps found in it tell which.  More than fit are not looked
 * at: no compiler makes so many parts, but a row of calls in leaving can be as long.
 */
struct parts {
	struct extent at[32];
	int n;
};

static int find_body(uint8_t *target, size_t size, struct extent *ret)
{
	struct extent x = { 0 };
	int err = extent_of(target, &x);

	if (size) {
		x.begin = target;
		x.end = target + size;
	} else if (err) {
		/* what is no code at all has no end either: say the more telling thing */
		err = text_check(target, target + 1);
		return err == -EACCES ? -DETOUR_NOT_CODE : -DETOUR_UNBOUNDED;
	}
	err = text_check(x.begin, x.end);
	if (err)
		return err == -EACCES ? -DETOUR_NOT_CODE : -DETOUR_NO_MAPS;
	if (x.resolver)
		return -DETOUR_RESOLVER;
	*ret = x;
	return 0;
}

/* Whether an instruction may be taken away from the entry. */
static int may_take(const struct entry *e, const struct code_insn *i, bool move,
		    bool last)
{
	switch (i->flow) {
	case CODE_TRAP:
		return -DETOUR_TRAP;
	case CODE_ODD:
		return -DETOUR_UNKNOWN;
	case CODE_JMP_ANY:
		return i->at == e->patch ? -DETOUR_JUMP : 0;
	case CODE_CALL:
	case CODE_CALL_ANY:
		/* somebody may be about to return to the middle of our jump */
		return move || !last ? -DETOUR_CALL : 0;
	default:
		return 0;
	}
}

/* Counts the whole instructions in the way of a jump of `need` bytes. */
static int measure(struct entry *e, size_t need, bool move)
{
	const uint8_t *at = e->patch;
	struct code_insn i;
	int err;

	for (; at < e->patch + need; at += i.size) {
		size_t left = e->body.end - at;

		if (at >= e->body.end)
			return -DETOUR_SHORT;
		err = code_decode(at, left, &i);
		if (err)
			return err == -ENODATA ? -DETOUR_SHORT : -DETOUR_UNKNOWN;
		err = may_take(e, &i, move, i.at + i.size >= e->patch + need);
		if (err)
			return err;
		if (at == e->patch)
			e->first = i.size;
	}
	e->size = at - e->patch;
	return 0;
}

static bool within(const struct extent *x, const uint8_t *p)
{
	return p >= x->begin && p < x->end;
}

static bool is_branch(const struct code_insn *i)
{
	return i->flow == CODE_JMP || i->flow == CODE_JCC;
}

/* A PLT is one part for all its jumps, and a long one: not worth reading. */
static bool leads_to_jump(const uint8_t *pc, const struct extent *x)
{
	struct code_insn i = { 0 };

	if (!code_decode(pc, x->end - pc, &i) && i.landing)
		code_decode(pc + i.size, x->end - pc - i.size, &i);
	return i.flow == CODE_JMP_ANY;
}

/* Adds the parts that part k branches to, in the module of the body. */
static void follow(struct parts *parts, int k)
{
	struct extent from = parts->at[k], x;
	const int max = sizeof(parts->at) / sizeof(parts->at[0]);
	struct dl_find_object module;
	struct code_insn i;

	if (extent_module(from.begin, &module))
		return;
	for (const uint8_t *at = from.begin; at < from.end; at += i.size) {
		bool known = false;

		if (code_decode(at, from.end - at, &i) || parts->n == max)
			return;
		if (!is_branch(&i) || i.target < (uint8_t *)module.dlfo_map_start ||
		    i.target >= (uint8_t *)module.dlfo_map_end)
			continue;
		for (int n = 0; n < parts->n && !known; n++)
			known = within(&parts->at[n], i.target);
		if (!known && !extent_by_cfi(i.target, &x) &&
		    !leads_to_jump(i.target, &x))
			parts->at[parts->n++] = x;
	}
}

/*
 * Reads the body for branches into what is replaced.  To the entry itself a call is
 * welcome, being a call; a branch is a loop, in the middle of which the replacement has
 * no business.
 */
static int read_body(const struct entry *e)
{
	const uint8_t *past = e->patch + e->size;
	bool met = false;
	struct code_insn i;

	for (const uint8_t *at = e->body.begin; at < e->body.end; at += i.size) {
		if (code_decode(at, e->body.end - at, &i))
			return -DETOUR_UNKNOWN;
		met |= at == e->target;
		if (!i.target || i.target < e->target || i.target >= past)
			continue;
		if (i.target != e->target || is_branch(&i))
			return -DETOUR_BRANCH;
	}
	return met ? 0 : -DETOUR_UNKNOWN;
}

/*
 * The same for another part.  *ret_ours: it comes back to the body, so it is a part of
 * this function.  One that is not calls the function when it branches to the entry, in
 * leaving.
 */
static int read_part(const struct entry *e, const struct extent *part, bool *ret_ours)
{
	const uint8_t *past = e->patch + e->size;
	bool ours = false, to_entry = false;
	struct code_insn i;

	for (const uint8_t *at = part->begin; at < part->end; at += i.size) {
		if (code_decode(at, part->end - at, &i))
			return ours ? -DETOUR_UNKNOWN : 0;
		if (!i.target || !within(&e->body, i.target))
			continue;
		if (i.target > e->target && i.target < past)
			return -DETOUR_BRANCH;
		if (i.target == e->target)
			to_entry |= is_branch(&i);
		else
			ours |= is_branch(&i);
	}
	*ret_ours = ours;
	return to_entry && ours ? -DETOUR_BRANCH : 0;
}

static int look_for_branches(const struct entry *e)
{
	struct parts parts = { .at[0] = e->body, .n = 1 };
	int err = read_body(e);

	if (err)
		return err;
	follow(&parts, 0);
	for (int k = 1; k < parts.n; k++) {
		bool ours = false;

		err = read_part(e, &parts.at[k], &ours);
		if (err)
			return err;
		if (ours)
			follow(&parts, k);
	}
	return 0;
}

int entry_judge(void *target, size_t size, size_t need, bool move, struct entry *ret)
{
	struct entry e = { .target = target, .patch = target };
	struct code_insn i;
	int err;

	err = find_body(target, size, &e.body);
	if (err)
		return err;
	if (!code_decode(target, e.body.end - e.target, &i) && i.landing)
		e.patch += i.size;
	err = measure(&e, need, move);
	if (!err)
		err = look_for_branches(&e);
	if (!err)
		*ret = e;
	return err;
}

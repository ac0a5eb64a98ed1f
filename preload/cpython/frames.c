/*
 * The interpreter frames a thread runs now, brought up to date from those it
 * ran at its last event.
 *
 * What was seen is kept per frame, outermost first.  From the innermost frame
 * we go outwards until one that was seen; then nothing is walked any more,
 * the frames seen are only checked: does each still name the next one out,
 * and does it stand where it stood?  The reads of such a check do not wait
 * for one another, as those of a walk do.
 *
 *     seen[0] <-link- seen[1] <-link- ... seen[k] <-link- new <-link- innermost
 *
 * Addresses of frames are reused all the time, and need no care: whatever is
 * at the address is compared.  Addresses of code objects are, so that a reuse
 * of one changes codes_epoch, after which all numbers are asked for again.
 */
#include "live.h"

#include "../defs.h"
#include "../extent.h"

struct seen {
	uintptr_t frame, link;		/* link: the next one out, maybe the evaluator's own */
	uintptr_t code, instr;
	uint32_t number;		/* of the code                                 */
	bool entry, shim;		/* shim: link is a frame of the evaluator itself */
};

#define INDEX 512			/* frames by address; the last one to take a place has it */

struct state {
	struct py_thread own;
	uint32_t epoch, n;
	uint16_t index[INDEX];
	struct seen seen[];
};
#define SEEN_MAX ((INTERP_STATE - sizeof(struct state)) / sizeof(struct seen))
static_assert(SEEN_MAX < INTERP_MAX && SEEN_MAX < UINT16_MAX, "one location each, and a cut");

static inline size_t place_of(uintptr_t frame)
{
	return (frame >> 4 ^ frame >> 13) % INDEX;
}

/* Where in its code a frame stands, in units of two bytes; -1: before the first. */
static int unit_of(const struct seen *f)
{
	if (py.frame_lasti < 0)
		return (int)((intptr_t)(f->instr - f->code - (uintptr_t)py.code_adaptive) >> 1);
	return py.minor >= 10 ? (int)f->instr : (int)f->instr >> 1;
}

static inline uintptr_t instr_of(uintptr_t frame)
{
	return py.frame_lasti < 0 ? py_ptr(frame, py.frame_instr)
				  : (uintptr_t)(intptr_t)py_int(frame, py.frame_lasti);
}

static inline bool is_shim(uintptr_t frame)
{
	return py.minor >= 12 && frame && py_byte(frame, py.frame_owner) == PY_FRAME_CSTACK;
}

static inline bool is_entry(uintptr_t frame, bool shim)
{
	return py.minor >= 12 ? shim : py.minor < 11 || py_byte(frame, py.frame_is_entry);
}

/* The frame next to the evaluator's own, if that is what this is. */
static inline uintptr_t real_frame(uintptr_t frame)
{
	while (is_shim(frame))
		frame = py_ptr(frame, py.frame_back);
	return frame;
}

static uintptr_t innermost(uintptr_t thread)
{
	uintptr_t frame;

	if (py.tstate_cframe < 0)
		return real_frame(py_ptr(thread, py.tstate_frame));
	frame = py_ptr(thread, py.tstate_cframe);
	return frame ? real_frame(py_ptr(frame, py.cframe_frame)) : 0;
}

/*
 * The state of this thread, found so that it can't be another's: with the GIL
 * the current one, else the one the thread was given when it was made.
 */
static uintptr_t thread_of(struct thr *t)
{
	const struct py_thread *own = py_thread(t);

	if (own->state)
		return own->state;
	/* Daemon threads outlive their states while the interpreter ends. */
	if (!api.is_initialized() || api.is_finalizing())
		return 0;
	return (uintptr_t)api.own_thread();
}

static void forget(struct interp_stack *s, struct state *st)
{
	st->n = 0;
	s->n = s->kept = 0;
	s->cut = false;
}

/* Read all of a frame anew. */
static void look(struct seen *f, uintptr_t frame)
{
	f->frame = frame;
	f->link = py_ptr(frame, py.frame_back);
	f->shim = is_shim(f->link);
	f->code = py_ptr(frame, py.frame_code);
	f->instr = instr_of(frame);
	f->entry = is_entry(frame, f->shim);
	f->number = codes_number(f->code);
}

static void locate(struct interp_stack *s, const struct state *st, size_t i)
{
	const struct seen *f = &st->seen[i];

	s->loc[i + s->cut] = codes_location(f->number, f->code, unit_of(f), f->entry);
}

static inline uintptr_t word_at(const char *p)
{
	return *(const uintptr_t *)p;
}

/*
 * The usual answer of check(), for less: frames 0 to `top` are as they were, but that the
 * innermost one may have come to another instruction.  From the inside out, because only
 * a link that still leads to a frame proves that its memory is there.
 *
 * A link that is no shim's leads to a frame whose code is compared next, and a shim's is
 * none of ours; of a shim, its own link is looked at.
 */
static inline __attribute__((always_inline)) bool unchanged(const struct state *st, size_t top,
	bool pointer, bool flag, bool shims)
{
	const intptr_t back = py.frame_back, code = py.frame_code, entry = py.frame_is_entry,
		       owner = py.frame_owner,
		       instr = pointer ? py.frame_instr : py.frame_lasti;
	const struct seen *f = &st->seen[top];
	uintptr_t diff = st->epoch ^ __atomic_load_n(&codes_epoch, __ATOMIC_ACQUIRE);

	for (;;) {
		const char *frame = (const char *)f->frame;

		if (word_at(frame + back) != f->link)
			return false;
		if (shims && f->shim && (*(const uint8_t *)(f->link + (uintptr_t)owner) != PY_FRAME_CSTACK ||
		    word_at((const char *)f->link + back) != (f > st->seen ? f[-1].frame : 0)))
			return false;
		diff |= word_at(frame + code) ^ f->code;
		if (flag)
			diff |= *(const uint8_t *)(frame + entry) ^ (uintptr_t)f->entry;
		if (f-- == st->seen)
			return !diff;
		frame = (const char *)f->frame;
		diff |= (pointer ? word_at(frame + instr)
			 : (uintptr_t)(intptr_t)*(const int32_t *)(frame + instr)) ^ f->instr;
	}
}

static bool check_quickly(struct interp_stack *s, struct state *st, size_t top, uint32_t *ret_kept)
{
	struct seen *f = &st->seen[top];
	uintptr_t instr;

	if (!(py.minor >= 12 ? unchanged(st, top, true, false, true)
	    : py.minor == 11 ? unchanged(st, top, true, true, false)
	    : unchanged(st, top, false, false, false)))
		return false;
	instr = instr_of(f->frame);
	*ret_kept = (uint32_t)top + 1;
	if (instr != f->instr) {
		f->instr = instr;
		locate(s, st, top);
		*ret_kept = (uint32_t)top;
	}
	return true;
}

/*
 * Frames 0 to `top` against memory.  False when the chain is another one.
 * *ret_kept: how many, from the outermost on, are as they were.
 */
static bool check(struct interp_stack *s, struct state *st, size_t top, uint32_t *ret_kept)
{
	bool renumber = st->epoch != __atomic_load_n(&codes_epoch, __ATOMIC_ACQUIRE);
	uint32_t kept = (uint32_t)top + 1;
	uintptr_t expected = 0;		/* what the frame looked at must be            */

	for (size_t i = top + 1; i-- > 0;) {
		struct seen *f = &st->seen[i];
		uintptr_t instr, code, link;

		if (expected && f->frame != expected)
			return false;
		link = py_ptr(f->frame, py.frame_back);
		code = py_ptr(f->frame, py.frame_code);
		instr = instr_of(f->frame);
		if (link != f->link || is_shim(link) != f->shim)
			return false;
		expected = f->shim ? real_frame(link) : link;
		if (i > 0 && !expected)
			return false;
		if (code != f->code || renumber || is_entry(f->frame, f->shim) != f->entry)
			look(f, f->frame);
		else if (instr != f->instr)
			f->instr = instr;
		else
			continue;
		locate(s, st, i);
		kept = (uint32_t)i;
	}
	if (expected)			/* the outermost has got an outer one */
		return false;
	*ret_kept = kept;
	return true;
}

/* `n` frames from `frame` on outwards are new; they go to first + n - 1 down to first. */
static void add(struct interp_stack *s, struct state *st, uintptr_t frame, size_t first, size_t n)
{
	for (size_t i = first + n; i-- > first;) {
		struct seen *f = &st->seen[i];

		look(f, frame);
		st->index[place_of(frame)] = (uint16_t)i;
		locate(s, st, i);
		frame = f->shim ? real_frame(f->link) : f->link;
	}
	st->n = (uint32_t)(first + n);
	s->n = st->n + s->cut;
}

static void walk_all(struct interp_stack *s, struct state *st, uintptr_t top)
{
	size_t n = 0;

	forget(s, st);
	for (uintptr_t f = top; f; f = real_frame(py_ptr(f, py.frame_back)))
		if (++n > SEEN_MAX)
			break;
	if (n > SEEN_MAX) {
		n = SEEN_MAX;
		s->cut = true;
		s->loc[0] = OURO_LOC_CUT;
	}
	st->epoch = __atomic_load_n(&codes_epoch, __ATOMIC_ACQUIRE);
	add(s, st, top, 0, n);
}

void frames_take(struct thr *t, struct interp_stack *s)
{
	struct state *st = s->state;
	uintptr_t thread = thread_of(t);
	uintptr_t top = thread ? innermost(thread) : 0;
	uintptr_t frame = top;
	uint32_t kept;
	size_t n = 0;

	if (sampling)		/* births of code were not told in between */
		__atomic_add_fetch(&codes_epoch, 1, __ATOMIC_RELEASE);
	if (!top) {
		forget(s, st);
		return;
	}
	while (frame && n < SEEN_MAX) {
		size_t i = st->index[place_of(frame)];

		if (i < st->n && st->seen[i].frame == frame) {
			/* The new ones must not lie over what is still to be checked. */
			if (s->cut || i + 1 + n > SEEN_MAX
			    || !(check_quickly(s, st, i, &kept) || check(s, st, i, &kept)))
				break;
			s->kept = kept;
			st->epoch = __atomic_load_n(&codes_epoch, __ATOMIC_ACQUIRE);
			if (n)
				add(s, st, top, i + 1, n);
			st->n = (uint32_t)(i + 1 + n);
			s->n = st->n + s->cut;
			return;
		}
		frame = real_frame(py_ptr(frame, py.frame_back));
		n++;
	}
	walk_all(s, st, top);
}

/* --- the evaluator's native code ---------------------------------------------------- */

/*
 * Compilers put what is rare in a part of its own.  Nothing names it in a
 * stripped file, but only code of the same function jumps into the middle of
 * a stretch that the unwind tables tell apart.  The bytes are not decoded, for
 * that takes milliseconds: what looks like one conditional jump can be chance,
 * so several must agree.
 */
enum { COLD_JUMPS = 8 };

static bool cold_part(const struct extent *body, struct extent *ret)
{
	struct extent found = { 0 };
	unsigned hits = 0;

	for (const uint8_t *p = body->begin; p + 6 <= body->end; p++) {
		const uint8_t *to;
		struct extent x;
		int32_t distance;

		if (p[0] != 0x0f || (p[1] & 0xf0) != 0x80)	/* jcc rel32 */
			continue;
		memcpy(&distance, p + 2, sizeof distance);
		to = p + 6 + distance;
		if (to >= body->begin && to < body->end)
			continue;
		if (to > found.begin && to < found.end) {
			if (++hits == COLD_JUMPS) {
				*ret = found;
				return true;
			}
			continue;
		}
		if (extent_by_cfi(to, &x) == 0 && x.begin < to && hits < 2) {
			found = x;
			hits = 1;
		}
	}
	return false;
}

void frames_define_evaluator(void)
{
	const void *evaluator = cpython_find("_PyEval_EvalFrameDefault");
	struct extent body, cold;

	if (!evaluator || extent_of(evaluator, &body) < 0)
		return;
	define_eval((uintptr_t)body.begin, (uintptr_t)body.end);
	if (cold_part(&body, &cold))
		define_eval((uintptr_t)cold.begin, (uintptr_t)cold.end);
}

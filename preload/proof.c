#include "proof.h"

#include "defs.h"
#include "file.h"
#include "options.h"
#include "reference.h"
#include "stack.h"
#include "strbuf.h"
#include "sys.h"

#include <string.h>

enum { NOTES_MAX = 8 };			/* differences that are told one by one          */

bool proof_wanted;

static bool wants_hash, wants_comparison;

void proof_setup(void)
{
	wants_hash = strstr(options.debug, "hash");
	wants_comparison = strstr(options.debug, "compare");
	if (wants_comparison && reference_setup()) {
		define_note(OURO_NOTE_WARNING, "debug=compare: there is no libunwind.so.8");
		wants_comparison = false;
	}
	proof_wanted = wants_hash || wants_comparison;
	if (proof_wanted)
		define_note(OURO_NOTE_WARNING, "stacks are checked, which makes the program slow "
			"(debug=compare, debug=hash)");
}

static void note_difference(const struct unwind *u, void **theirs)
{
	char text[400];
	struct strbuf t = strbuf_in(text, sizeof text);

	strbuf_add(&t, "a stack differs from libunwind's, innermost first: ");
	for (uint32_t i = u->n; i-- > 0 && u->n - i <= 8;) {
		strbuf_add_number(&t, u->frames[i].ip, 16);
		strbuf_add(&t, " ");
	}
	strbuf_add(&t, "| ");
	for (int i = 0; i < 12 && theirs[i]; i++) {
		strbuf_add_number(&t, (uintptr_t)theirs[i], 16);
		strbuf_add(&t, " ");
	}
	define_note(OURO_NOTE_WARNING, text);
}

static void compare(struct thr *t)
{
	static uint32_t told;
	const struct unwind *u = t->unwind;
	enum reference_verdict verdict;

	if (!t->proof)
		t->proof = sys_memory(REFERENCE_IPS * sizeof(void *));
	if (!t->proof)
		return;
	verdict = unwind_compare(u->frames, u->n, u->cut, t->proof);
	file_count(&file->counter[OURO_COMPARED], verdict != REFERENCE_ABSENT);
	if (verdict != REFERENCE_DIFFERS)
		return;
	file_count(&file->counter[OURO_DIFFERS], 1);
	if (__atomic_fetch_add(&told, 1, __ATOMIC_RELAXED) < NOTES_MAX)
		note_difference(u, t->proof);
}

/* Native frames by their addresses: so the numbers that stand for them are tested, too. */
static uint64_t hash_of(const struct thr *t)
{
	const struct unwind *u = t->unwind;
	uint32_t mark = stack_native_mark(u);
	uint64_t h = mark ? ouro_hash(0, mark) : 0;

	for (uint32_t i = 0; i < u->n; i++) {
		const struct unwind_frame *f = &u->frames[i];

		h = ouro_hash(h, f->loc ? f->ip + !!(f->rule & CFI_RULE_EXACT) : 0);
	}
	h = ouro_hash(h, u->n);
	for (uint32_t i = 0; i < t->interp.n; i++)
		h = ouro_hash(h, t->interp.loc[i]);
	return h;
}

void proof_write(struct guard *g)
{
	uint64_t h;

	if (wants_comparison)
		compare(g->t);
	if (!wants_hash)
		return;
	h = hash_of(g->t);
	event_ext(g, OURO_EXT_STACK, &h, 1);
}

#include "notes.h"

#include "buf.h"
#include "postmortem.h"
#include "mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define DAMAGES_TOLD 5

int note_add(struct report *r, bool warning, const char *format, ...)
{
	char text[600];
	struct buf b = {0};
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (mem_room(&r->note, r->nnotes, &r->notes_cap, sizeof(*r->note)))
		return -ENOMEM;
	buf_puts(&b, text);
	r->note[r->nnotes] = (struct report_note){ warning, buf_take(&b), NULL };
	if (!r->note[r->nnotes].text)
		return -ENOMEM;
	r->nnotes++;
	return 0;
}

static int take_state(struct report *r)
{
	const struct ouro_file *f = &r->trace.head;
	const char *ending;
	char room[160];
	struct buf b = {0};

	if (r->trace.running)
		buf_puts(&b, r->trace.packed ? "still ran when it was packed" : "still runs");
	else if ((ending = postmortem_state(r, room)))
		buf_puts(&b, ending);
	else if (f->state == OURO_STATE_EXITED)
		buf_printf(&b, "exited with status %u", f->exit_status);
	else if (f->state == OURO_STATE_ABORTED)
		buf_puts(&b, "aborted");
	else if (f->state == OURO_STATE_EXECED)
		buf_puts(&b, "was replaced by another program");
	else if (f->state == OURO_STATE_INERT)
		buf_puts(&b, "was recorded until ouro gave up");
	else
		buf_puts(&b, "ended in a way the trace does not tell");
	r->state = buf_take(&b);
	return r->state ? 0 : -ENOMEM;
}

static int note_end(struct report *r)
{
	if (r->trace.running && r->trace.packed)
		return note_add(r, true, "The program still ran when its trace was packed: this is what "
				"the trace had then.");
	if (r->trace.running)
		return note_add(r, true, "The program still runs: this is what the trace had when it "
				"was read.");
	if (r->trace.killed && r->core.path)
		return note_add(r, false, "The trace ends where the program died; the core file has its "
				"memory at that moment.");
	if (r->trace.killed)
		return note_add(r, true, "The program was killed: the trace is cut off there, and all "
				"that was recorded until then is in it.");
	if (r->trace.truncated)
		return note_add(r, true, "The trace is cut off or damaged: all before that is used.");
	return 0;
}

static int note_lost(struct report *r)
{
	static const char *const why[OURO_LOST_MAX] = {
		[OURO_LOST_SPACE] = "no space for the trace file",
		[OURO_LOST_MEMORY] = "no memory for a thread's buffer",
		[OURO_LOST_NESTED] = "made by signal handlers inside of ouro's own work",
		[OURO_LOST_SIZE] = "larger than a chunk",
		[OURO_LOST_RING] = "written over, as a ring of fixed size does (what "
			"they made and is alive is known)",
	};
	const struct ouro_file *f = &r->trace.head;
	uint32_t i;
	int e = 0;

	for (i = 0; i < OURO_LOST_MAX && !e; i++)
		if (f->lost[i])
			e = note_add(r, i != OURO_LOST_RING, "%llu records are missing: %s.",
				     (unsigned long long)f->lost[i], why[i] ? why[i] : "reason not known");
	for (i = 0; i < r->trace.damages && i < DAMAGES_TOLD && i < TRACE_DAMAGE_MAX && !e; i++)
		e = note_add(r, true, "%s.", r->trace.damage[i].text);
	if (r->trace.damages > DAMAGES_TOLD && !e)
		e = note_add(r, true, "%u more places of the file are damaged.",
			     r->trace.damages - DAMAGES_TOLD);
	return e;
}

static int note_runtimes(struct report *r)
{
	const struct defs *d = &r->defs;
	uint32_t i;
	int e = 0;

	for (i = 0; i < d->runtimes && !e; i++) {
		const struct def_runtime *x = &d->runtime[i];

		if (x->state == OURO_RUNTIME_DORMANT)
			e = note_add(r, true, "%.*s %.*s was not recorded, its memory blocks alone: "
				     "%.*s.", TEXT_ARG(x->name), TEXT_ARG(x->version),
				     TEXT_ARG(x->reason));
		else if (x->state == OURO_RUNTIME_PARTIAL)
			e = note_add(r, true, "%.*s %.*s was recorded in part: %.*s.",
				     TEXT_ARG(x->name), TEXT_ARG(x->version), TEXT_ARG(x->reason));
	}
	for (i = 0; i < d->notes && !e; i++)
		e = note_add(r, d->note[i].severity == OURO_NOTE_WARNING, "%.*s",
			     TEXT_ARG(d->note[i].text));
	return e;
}

static int note_snapshots(struct report *r)
{
	const struct ouro_file *f = &r->trace.head;
	uint32_t i;
	int e = 0;

	if (r->scanned && r->lost.unseen)
		e = note_add(r, false, "Registers of %llu other threads are not known: what only they "
			"hold seems lost.", (unsigned long long)(r->snap.scan.waiting +
			r->snap.scan.running));
	if (r->scanned && r->snap.scan.flags & OURO_SCAN_THREADS && !e)
		e = note_add(r, true, "Not all threads could be looked at: what seems lost may be theirs.");
	if (r->scanned && f->sample_bytes && !e)
		e = note_add(r, true, "Sampled: what holds a block may not be known, so what seems lost "
			"may be held.");
	if (e)
		return e;
	if (r->events)			/* nobody asked for one */
		return 0;
	if (!r->graph && !r->scanned && f->snapshots_begun)
		return note_add(r, true, "No snapshot is complete%s: who holds what is not known, and "
				"what follows is what the events alone tell.",
				r->trace.running ? " yet" : "");
	if (!r->graph && !r->scanned)
		return r->runtime ? note_add(r, true, "There is no snapshot: who holds what is not "
				"known, and what follows is what the events alone tell.") : 0;
	for (i = 0; i < r->snap.notes && !e; i++) {
		struct text t = snap_string(&r->snap, r->snap.note[i]);

		e = r->core.path ? note_add(r, true, "In the core file: %.*s", TEXT_ARG(t)) :
			note_add(r, true, "Snapshot %u: %.*s", r->snapshot, TEXT_ARG(t));
	}
	if (r->snap.dropped_edges + r->snap.double_nodes && !e)
		e = note_add(r, true, "%s contradicts itself: %llu references to no object, "
			     "%llu objects twice.", r->core.path ? "The heap in the core file" :
			     "The snapshot",
			     (unsigned long long)r->snap.dropped_edges,
			     (unsigned long long)r->snap.double_nodes);
	/* Those before collections show garbage, and are not chosen among. */
	if (f->snapshots_begun > 1 + r->garbage.n && !e)
		e = note_add(r, false, "Snapshot %u of %u is used (%s); --snapshot N shows another.",
			     r->snapshot, f->snapshots_begun, r->reason);
	return e;
}

static int note_stacks(struct report *r)
{
	const struct ouro_file *f = &r->trace.head;
	uint64_t all = f->counter[OURO_STACKS], cut = f->counter[OURO_STACKS_CUT];

	if (f->sample_bytes && note_add(r, false, "Sampled, about one allocation in %llu bytes: "
					"counts and bytes are estimates, and where an object was made is known "
					"for those that were sampled%s.", (unsigned long long)f->sample_bytes,
					r->interpreter ? "" : "; which blocks are lost cannot be told"))
		return -ENOMEM;
	if (cut && all && cut * 1000 > all)
		return note_add(r, false, "%.1f %% of native stacks do not reach the outermost frame.",
				100.0 * (double)cut / (double)all);
	return 0;
}

static int note_symbols(struct report *r)
{
	const char *advice = symbols_advice(r->symbols);
	int e = advice ? note_add(r, false, "%s", advice) : 0;

	/* Who asks about Python's lines seldom needs the names of C. */
	if (!e && advice && r->interpreter)
		r->note[r->nnotes - 1].brief = symbols_advice_brief(r->symbols);
	return e;
}

int notes_take(struct report *r)
{
	int e = take_state(r);

	if (!e)
		e = note_end(r);
	if (!e && !r->events)
		e = postmortem_take(r);
	if (!e)
		e = note_lost(r);
	if (!e)
		e = note_runtimes(r);
	if (!e)
		e = note_snapshots(r);
	if (!e)
		e = note_stacks(r);
	return e ? e : note_symbols(r);
}

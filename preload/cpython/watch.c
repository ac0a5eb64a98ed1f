/*
 * `ouro watch`: every change of the reference counts of a few chosen objects, with its
 * stack, on an interpreter that changes counts inline.
 *
 * An object that is born at the place, or of the type, that the user named gets a hardware
 * watchpoint on its count, when one is free and the budget allows it.  It keeps the
 * watchpoint until it dies; one that has been quiet for a while gives it up when another
 * is born, so that all of the run is looked at and not only its beginning.
 *
 * The budget: CREDIT changes are free at once, so that of a program with few objects all
 * are seen, and a mistake that one of a thousand meets is met, however fast or slow the
 * machine.  After that they are paid for out of a third of the time that passes, at the
 * price that was measured on this machine.
 *
 *     option watch=type:NAME+function:NAME+place:FILE:LINE, all that are given must agree
 */
#include "live.h"

#include "../clock.h"
#include "../counted.h"
#include "../defs.h"
#include "../options.h"
#include "../strbuf.h"
#include "../watchpoint.h"
#include "text.h"

enum {
	PLACES = 64,			/* locations that match; more are not needed         */
	HITS_MAX = 20000,		/* of one object: it is known well enough            */
	CREDIT = 100000,		/* changes that are free                             */
	SHARE = 3,			/* one part of the time in so many pays for more     */
	MANY = 20,			/* when one object in so many was seen: too few to be sure */
};

/*
 * So long a watchpoint is quiet before it may be taken away.  Objects that stay must not keep
 * all four from those that come, nor may all be so hasty that no long life is seen to its end.
 */
static const unsigned quiet_ms[WATCHPOINTS] = { 250, 250, 25, 5 };

bool watch_wanted;

static struct {
	char type[256], function[256], file[512];
	size_t ntype, nfunction, nfile;
	int line;			/* 0: any                                    */
} wish;

static uint32_t place[PLACES];
static unsigned places;

static struct watched {
	uintptr_t op;			/* 0: free                                   */
	uint64_t count, hits, last;	/* last: ticks of the last hit               */
	bool fresh;			/* its first count is still to be written    */
} watched[WATCHPOINTS];

static bool started, refused;

static struct {
	uint64_t price;			/* ticks of one change; 0: not measured yet  */
	int64_t credit;			/* ticks; below 0: owed                      */
	uint64_t spent, asked;		/* ticks of the processor; ticks when that was asked */
	uint64_t fit, taken, early;	/* objects: that are meant, that were watched, not to their end */
} budget;

/* --- who is meant --------------------------------------------------------------------- */

static void take(char *to, size_t room, size_t *n, const char *from, size_t length)
{
	*n = length < room ? length : room - 1;
	memcpy(to, from, *n);
	to[*n] = 0;
}

static void parse_word(const char *word, size_t n)
{
	const char *colon = memchr(word, ':', n);
	size_t key = colon ? (size_t)(colon - word) : n;
	const char *value = colon ? colon + 1 : word + n;
	size_t length = n - key - (colon != NULL);

	if (key == 4 && !memcmp(word, "type", 4)) {
		take(wish.type, sizeof wish.type, &wish.ntype, value, length);
	} else if (key == 8 && !memcmp(word, "function", 8)) {
		take(wish.function, sizeof wish.function, &wish.nfunction, value, length);
	} else if (key == 5 && !memcmp(word, "place", 5)) {
		size_t end = length;

		while (end && value[end - 1] >= '0' && value[end - 1] <= '9')
			end--;
		for (size_t i = end; i < length; i++)
			wish.line = wish.line * 10 + (value[i] - '0');
		if (end && value[end - 1] == ':')
			end--;
		else
			wish.line = 0, end = length;
		take(wish.file, sizeof wish.file, &wish.nfile, value, end);
	}
}

/* "Node" is app.Node, "app.py" is /srv/app.py: the last part, or all. */
static bool ends_with(const char *s, size_t n, const char *with, size_t m, char border)
{
	return n >= m && !memcmp(s + n - m, with, m) && (n == m || s[n - m - 1] == border);
}

bool watch_type(uintptr_t type)
{
	const char *name = (const char *)py_ptr(type, TP_NAME), *last;

	if (!wish.ntype || !name)
		return !wish.ntype;
	/* Types made in Python have the bare name here. */
	last = strchr(name, '.') ? NULL : strrchr(wish.type, '.');
	return ends_with(name, strlen(name), wish.type, wish.ntype, '.') ||
	       (last && !strcmp(name, last + 1));
}

static bool text_matches(uintptr_t str, const char *with, size_t n, char border)
{
	struct text t;

	if (!n)
		return true;
	text_init(&t);
	text_add_str(&t, str);
	return ends_with(t.s, t.n, with, n, border);
}

/* A location is met for the first time. */
void watch_location(uint32_t location, uintptr_t code, int line)
{
	if (places == PLACES || (wish.line && line != wish.line) ||
	    !text_matches(py_ptr(code, py.code_name), wish.function, wish.nfunction, '.') ||
	    !text_matches(py_ptr(code, py.code_filename), wish.file, wish.nfile, '/'))
		return;
	place[places] = location;
	__atomic_store_n(&places, places + 1, __ATOMIC_RELEASE);
}

static bool is_here(const struct interp_stack *s)
{
	unsigned n = __atomic_load_n(&places, __ATOMIC_ACQUIRE);

	if (!wish.nfile && !wish.nfunction)
		return true;
	for (unsigned i = 0; s->n && i < n; i++)
		if (place[i] == s->loc[s->n - 1])
			return true;
	return false;
}

/* --- what happens to their counts ------------------------------------------------------- */

static unsigned count_size(void)
{
	return py.minor >= 12 ? 4 : 8;	/* 3.12: the upper half tells immortal ones   */
}

static uint64_t count_of(uintptr_t op)
{
	return py.minor >= 12 ? (uint32_t)py_int(op, OB_REFCNT) : py_ptr(op, OB_REFCNT);
}

static void over(struct watched *w)
{
	watchpoint_remove((unsigned)(w - watched));
	w->op = 0;
}

static void record(struct guard *g, const struct watched *w, uint64_t now, uintptr_t ip,
		   uintptr_t sp, uintptr_t bp)
{
	uint64_t count = w->count;

	for (unsigned n = 0; n < 64 && count != now; n++) {
		bool up = count < now;

		count = up ? count + 1 : count - 1;
		event_from(g, up ? OURO_INCREF : OURO_DECREF, w->op, count, ip, sp, bp);
	}
}

static void changed(unsigned slot, uintptr_t ip, uintptr_t sp, uintptr_t bp)
{
	struct watched *w = &watched[slot];
	uint64_t now;
	struct guard g;

	if (!w->op)
		return;
	now = count_of(w->op);
	w->hits++;
	budget.credit -= (int64_t)budget.price;
	/* The maker's own, which the birth stands for. */
	if (w->fresh) {
		w->fresh = false;
		w->count = 1;
		if (now == 1)
			return;
	}
	if (now == w->count)
		return;
	if (GUARD_ENTER(&g)) {
		w->last = event_ticks();
		record(&g, w, now, ip, sp, bp);
		guard_leave(&g);
	}
	w->count = now;
	if (!now)
		over(w);
}

/* --- births --------------------------------------------------------------------------- */

static uint64_t processor_ticks(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID) / 1000 * (ticking.per_second / 1000) / 1000;
}

/* A third of the processor's time, as a machine that is busy with others gives no more of that. */
static bool affordable(uint64_t now)
{
	uint64_t spent;

	if (budget.credit > 0)
		return true;
	if (now < budget.asked + budget.price)
		return false;
	budget.asked = now;
	spent = processor_ticks();
	budget.credit += (int64_t)((spent - budget.spent) / SHARE);
	budget.spent = spent;
	return budget.credit > 0;
}

static int start(void)
{
	int r = watchpoint_start(changed, &budget.price);

	started = true;
	budget.credit = (int64_t)(CREDIT * budget.price);
	budget.spent = processor_ticks();
	return r;
}

static void end_early(struct guard *g, struct watched *w)
{
	const uint64_t arg[] = { OURO_REFERENCE_UNWATCHED, w->count };

	event_ext_from(g, OURO_EXT_REFERENCE, w->op, arg, 2, 0, 0, 0);
	over(w);
	budget.early++;
}

static struct watched *room(struct guard *g, uint64_t now)
{
	struct watched *best = NULL;

	for (unsigned i = 0; i < WATCHPOINTS; i++) {
		struct watched *w = &watched[i];
		uint64_t quiet = quiet_ms[i] * (ticking.per_second / 1000);

		if (!w->op)
			return w;
		if ((now - w->last > quiet || w->hits > HITS_MAX) && (!best || w->last < best->last))
			best = w;
	}
	if (best)
		end_early(g, best);
	return best;
}

static void refuse(int error)
{
	char text[200];
	struct strbuf t = strbuf_in(text, sizeof text);

	refused = true;
	strbuf_add(&t, "reference counts cannot be watched: ");
	strbuf_add(&t, error == -EACCES || error == -EPERM
		? "perf_event_open is not permitted (kernel.perf_event_paranoid, or a container's seccomp profile)"
		: error == -ENOSPC || error == -EBUSY ? "other tools use the processor's watchpoints"
		: error == -EINVAL ? "the kernel is older than 5.13"
		: error == -EMFILE ? "there are no file descriptors left"
		: "the processor's watchpoints are not to be had");
	define_note(OURO_NOTE_WARNING, text);
}

/* Its birth was just recorded. */
void watch_born(struct guard *g, uintptr_t op)
{
	uint64_t now;
	struct watched *w;
	int r = 0;

	if (refused || !watch_type(py_ptr(op, OB_TYPE)) || !is_here(&g->t->interp))
		return;
	for (unsigned i = 0; i < WATCHPOINTS; i++)	/* freed unseen, and here again */
		if (watched[i].op == op)
			over(&watched[i]);
	now = event_ticks();
	budget.fit++;
	if (!started)
		r = start();
	if (!r && !affordable(now))
		return;
	w = r ? NULL : room(g, now);
	if (w) {
		*w = (struct watched){ .op = op, .count = 1, .last = now, .fresh = py.minor < 13 };
		r = watchpoint_place((unsigned)(w - watched), op + OB_REFCNT, count_size());
		if (r)
			w->op = 0;
		else {
			const uint64_t arg[] = { OURO_REFERENCE_WATCHED, 1 };

			budget.taken++;
			event_ext_from(g, OURO_EXT_REFERENCE, op, arg, 2, 0, 0, 0);
		}
	}
	if (r)
		refuse(r);
}

void watch_forked(void)
{
	watchpoint_forked();
	memset(watched, 0, sizeof watched);
	places = 0;			/* a new trace has new numbers               */
	started = false;
	memset(&budget, 0, sizeof budget);
}

/* The program ends: how much was seen of what was asked for. */
void watch_tell(void)
{
	char text[300];
	struct strbuf t = strbuf_in(text, sizeof text);

	if (!watch_wanted || refused)
		return;
	if (!budget.fit) {
		define_note(OURO_NOTE_WARNING, "no object was watched: none of the type, function and place "
			"asked for was made");
		return;
	}
	strbuf_add(&t, "reference counts of ");
	strbuf_add_number(&t, budget.taken, 10);
	strbuf_add(&t, " of the ");
	strbuf_add_number(&t, budget.fit, 10);
	strbuf_add(&t, " objects that fit were watched, ");
	strbuf_add_number(&t, budget.early, 10);
	strbuf_add(&t, " of them not to the end");
	if (budget.taken * MANY < budget.fit)
		strbuf_add(&t, ": a mistake that few objects meet may be among the others "
			"(a narrower --place or --function makes it likelier to be seen)");
	define_note(budget.taken * MANY < budget.fit ? OURO_NOTE_WARNING : OURO_NOTE_INFO, text);
}

void watch_start(void)
{
	const char *s = options.watch;

	while (*s) {
		size_t n = strcspn(s, "+");

		parse_word(s, n);
		s += n + (s[n] == '+');
	}
	watch_wanted = options.watch[0] && !options.sample;
}

#include "audit.h"

#include "buf.h"
#include "calls.h"
#include "ledger_take.h"
#include "mem.h"
#include "recorded.h"
#include "wild.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROCESSES, FAILURES, NOTES };

void audit_init(struct audit *a, const struct audit_options *o)
{
	*a = (struct audit){ .o = *o };
}

void audit_fini(struct audit *a)
{
	for (uint32_t i = 0; i < a->nprocesses; i++) {
		free(a->process[i].path);
		free(a->process[i].program);
		free(a->process[i].state);
	}
	for (uint32_t i = 0; i < a->nfailures; i++)
		free(a->failure[i].text);
	for (uint32_t i = 0; i < a->nnotes; i++)
		free(a->note[i]);
	mem_free(a->process);
	mem_free(a->failure);
	mem_free(a->note);
	mem_free(a->why);
	pairs_fini(&a->pairs);
	ledger_fini(&a->now);
	baseline_fini(&a->baseline);
	suppressions_fini(&a->suppressions);
	*a = (struct audit){0};
}

static char *words(const char *format, va_list args)
{
	char *text;

	return vasprintf(&text, format, args) < 0 ? NULL : text;
}

int audit_fail(struct audit *a, const char *kind, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = words(format, args);
	va_end(args);
	if (!text || mem_room(&a->failure, a->nfailures, &a->cap[FAILURES], sizeof(*a->failure))) {
		free(text);
		return -ENOMEM;
	}
	a->failure[a->nfailures++] = (struct audit_failure){ kind, text };
	return 0;
}

int audit_note(struct audit *a, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = words(format, args);
	va_end(args);
	for (uint32_t i = 0; text && i < a->nnotes; i++)
		if (!strcmp(a->note[i], text)) {
			free(text);
			return 0;
		}
	if (!text || mem_room(&a->note, a->nnotes, &a->cap[NOTES], sizeof(*a->note))) {
		free(text);
		return -ENOMEM;
	}
	a->note[a->nnotes++] = text;
	return 0;
}

bool audit_in_list(const char *list, const char *word)
{
	size_t n = strlen(word);

	while (list && *list) {
		size_t k = strcspn(list, ",");

		if (k == n && !strncmp(list, word, n))
			return true;
		list += k + (list[k] == ',');
	}
	return false;
}

/* --- one process ------------------------------------------------------------------------ */

/* What depends on how fast the machine was is no matter of a gate, unless it is asked for. */
static bool is_judged(const struct audit *a, const struct ledger_entry *e)
{
	if (audit_in_list(a->o.fail_on, e->kind))
		return true;
	return strncmp(e->kind, "collect", 7) && strcmp(e->kind, "churn") &&
		strcmp(e->kind, "live-cycle");
}

/* 1, 0 or -ENOMEM. */
static int is_suppressed(struct audit *a, struct calls *c, const struct ledger_entry *e)
{
	int r;

	if (!a->suppressions.n)
		return 0;
	r = calls_of(c, e->finding->stack);
	return r ? r : suppressions_find(&a->suppressions, e, c->call, c->n) != NULL;
}

static int take(struct audit *a, struct report *r)
{
	uint32_t i = a->now.n;
	struct calls calls;
	int e = calls_init(&calls, r);

	ledger_take_findings(&a->now, r, a->o.project, a->nprocesses);
	while (i < a->now.n && e >= 0) {
		const struct ledger_entry *x = &a->now.entry[i];

		if (!is_judged(a, x) || x->severity > a->o.severity) {
			a->passed_over += is_judged(a, x);
			ledger_remove(&a->now, i);
		} else if ((e = is_suppressed(a, &calls, x))) {
			a->suppressed++;
			ledger_remove(&a->now, i);
		} else {
			i++;
		}
	}
	ledger_forget_findings(&a->now);
	calls_fini(&calls);
	return e < 0 || a->now.failed ? -ENOMEM : 0;
}

static int add_process(struct audit *a, const struct report *r, const char *path, bool first)
{
	struct audit_process p = { .path = strdup(path), .program = strdup(r->program),
		.state = strdup(r->state), .pid = r->trace.head.pid, .first = first };

	if (!p.path || !p.program || !p.state ||
	    mem_room(&a->process, a->nprocesses, &a->cap[PROCESSES], sizeof(*a->process))) {
		free(p.path);
		free(p.program);
		free(p.state);
		return -ENOMEM;
	}
	a->process[a->nprocesses++] = p;
	return 0;
}

static bool has_crashed(const struct report *r)
{
	return r->trace.killed || r->trace.head.state == OURO_STATE_ABORTED;
}

static bool was_judged(const struct report *r)
{
	return r->graph || r->scanned || r->trace.head.state == OURO_STATE_EXECED;
}

/* Others may be ended by the first: that is no failure, but what they left cannot be seen. */
static int note_other(struct audit *a, const struct report *r)
{
	if (has_crashed(r))
		return audit_note(a, "%s, one of the processes, %s%s", r->program, r->state,
				  was_judged(r) ? "" : " before it could be judged");
	if (!was_judged(r))
		return audit_note(a, "%s, one of the processes, left no snapshot: it is not judged",
				  r->program);
	return 0;
}

/* What the gate would overlook without a word. */
static int take_notes(struct audit *a, const struct report *r, bool first)
{
	int e = 0;

	for (uint32_t i = 0; i < r->nnotes && !e && !has_crashed(r); i++)
		if (r->note[i].warning)
			e = audit_note(a, "%s: %s", r->program, r->note[i].text);
	if (e || !first)
		return e ? e : note_other(a, r);
	if (has_crashed(r))
		return audit_fail(a, "crash", "%s %s", r->program, r->state);
	if (!was_judged(r))
		return audit_fail(a, "no-snapshot", "%s left no snapshot: what it kept alive cannot be "
				  "judged", r->program);
	return 0;
}

static int add_trace(struct audit *a, const char *path, uint64_t warm_ns, bool first,
		     char error[200])
{
	struct report r;
	uint32_t before = a->now.n;
	int e = report_open(&r, path, &(struct report_options){ .warm_ns = warm_ns,
			.symbols = a->o.symbols }, error);

	if (e)
		return e;
	if (a->o.only && !wild_match(a->o.only, r.program, WILD_ONE)) {
		report_close(&r);
		return 0;
	}
	e = take(a, &r);
	a->work += r.allocations;
	a->seconds += first ? r.warm_seconds : 0;
	if (!e)
		e = add_process(a, &r, path, first);
	if (!e)
		a->process[a->nprocesses - 1].findings = a->now.n - before;
	if (!e)
		e = take_notes(a, &r, first);
	report_close(&r);
	return e;
}

/* --- one run ------------------------------------------------------------------------------ */

/* The earliest of all processes'; UINT64_MAX: none of them set the mark. */
static int find_moment(const struct audit *a, const struct recorded *all, uint64_t *ret,
		       char error[200])
{
	*ret = UINT64_MAX;
	for (uint32_t i = 0; i < all->n; i++) {
		struct trace t;
		uint64_t ns;
		int e = trace_open(&t, all->path[i], error);

		if (e && !i)
			return e;
		if (e)
			continue;
		e = warm_moment(&a->o.warm, &t, &ns);
		trace_close(&t);
		if (e)
			return e;
		if (ns < *ret)
			*ret = ns;
	}
	return 0;
}

static int add_all(struct audit *a, const struct recorded *all, char error[400])
{
	char why[200] = "";
	uint64_t warm_ns = 0;
	int e = warm_asked(&a->o.warm) ? find_moment(a, all, &warm_ns, why) : 0;

	if (!e && warm_ns == UINT64_MAX)
		return audit_fail(a, "no-mark", "no process set the mark \"%s\": what was allocated "
				  "after it cannot be judged", a->o.warm.mark);
	for (uint32_t i = 0; i < all->n && !e; i++) {
		e = add_trace(a, all->path[i], warm_ns, !i, why);
		if (e && e != -ENOMEM && i)
			e = audit_note(a, "%s: %s", all->path[i], why);
	}
	if (e)
		snprintf(error, 400, "%.190s: %s", all->path[0], *why ? why : strerror(-e));
	return e;
}

int audit_add_run(struct audit *a, const char *path, char error[400])
{
	struct recorded all;
	int e = recorded_list(&all, path);

	*error = 0;
	if (!e && (!all.n || strcmp(all.path[0], path)))
		e = -ENOENT;
	if (!e)
		e = add_all(a, &all, error);
	else
		snprintf(error, 400, "%.300s: %s", path, strerror(-e));
	recorded_fini(&all);
	return e;
}

/* --- the verdict ---------------------------------------------------------------------------- */

static enum audit_why why_of(const struct audit *a, const struct pair *p)
{
	if (!p->now)
		return AUDIT_FINE;
	if (p->verdict == PAIR_NEW)
		return AUDIT_NEW;
	if (p->verdict == PAIR_GROWN)
		return AUDIT_GROWN;
	return audit_in_list(a->o.fail_on, p->now->kind) ? AUDIT_KIND : AUDIT_FINE;
}

int audit_settle(struct audit *a)
{
	int e = ledger_settle(&a->now);

	if (!e)
		e = pairs_make(&a->pairs, &a->baseline.ledger, &a->now, &a->o.tolerance);
	if (e)
		return e;
	a->why = mem_array(a->pairs.n, sizeof(*a->why));
	if (!a->why)
		return -ENOMEM;
	for (uint32_t i = 0; i < a->pairs.n; i++) {
		a->why[i] = why_of(a, &a->pairs.pair[i]);
		a->fails += a->why[i] != AUDIT_FINE;
	}
	return 0;
}

const char *audit_why_name(enum audit_why why)
{
	static const char *const name[] = { [AUDIT_FINE] = "known", [AUDIT_NEW] = "new",
		[AUDIT_GROWN] = "grown", [AUDIT_KIND] = "kind" };

	return name[why];
}

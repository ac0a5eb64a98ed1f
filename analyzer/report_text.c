#include "report_text.h"

#include "buf.h"
#include "place.h"
#include "report_sites.h"
#include "words.h"

#include <string.h>

#define FINDINGS_TOLD 20
#define INFOS_TOLD 3
#define LIVE_TOLD 5
#define OTHERS_TOLD 5
#define SHORT_SECONDS 2		/* nobody looks for growth in less           */
#define STACK_TOLD 6
#define SITES_TOLD 20
#define SUMMARY_TOLD 3
#define PATHS_TOLD 3

/* A text in one style, wrapped and indented. */
static void put(const struct term *t, enum term_style style, unsigned indent, const char *text)
{
	fprintf(t->out, "%*s", (int)indent, "");
	if (style)
		term_style(t, style);
	term_wrap(t, indent, indent, text);
	if (style)
		term_style(t, TERM_PLAIN);
}

static void put_buf(const struct term *t, enum term_style style, unsigned indent, struct buf *b)
{
	put(t, style, indent, buf_text(b));
	buf_reset(b);
}

static const char *command_path(const struct text_options *o)
{
	return o->path ? o->path : "FILE";
}

/* ------------------------------------------------------------------------------- head */

static void put_head(const struct term *t, const struct report *r)
{
	struct buf b = {0};

	buf_printf(&b, "%s", *r->program ? r->program : "a program");
	if (r->runtime)
		buf_printf(&b, ", %s%s%s", r->runtime, *r->version ? " " : "", r->version);
	buf_printf(&b, ", pid %u, %.2f s, %s", r->trace.head.pid, r->seconds, r->state);
	put_buf(t, TERM_BOLD, 0, &b);
	buf_fini(&b);
}

static void count_kind(struct buf *b, const struct findings *s, enum finding_kind kind,
		       enum finding_severity worst, const char *one, const char *many)
{
	uint64_t count = 0, objects = 0, bytes = 0;
	uint32_t i;

	for (i = 0; i < s->n; i++)
		if (s->f[i].kind == kind && s->f[i].severity <= worst) {
			count += s->f[i].count;
			objects += s->f[i].objects;
			bytes += s->f[i].bytes;
		}
	if (!count)
		return;
	if (b->n)
		buf_puts(b, "; ");
	buf_number(b, count);
	buf_printf(b, " %s", count == 1 ? one : many);
	if (kind == FINDING_OVER_RELEASED)
		return;
	buf_puts(b, " (");
	if (kind == FINDING_LOST && objects > count) {
		buf_puts(b, "with what they hold ");
		buf_number(b, objects);
		buf_puts(b, " blocks, ");
	} else if (kind == FINDING_UNBALANCED && objects > count) {
		buf_puts(b, "with what they hold ");
		buf_number(b, objects);
		buf_puts(b, " objects and blocks, ");
	} else if (kind == FINDING_DEAD_CYCLE || kind == FINDING_UNCOLLECTABLE_CYCLE) {
		buf_number(b, objects);
		buf_printf(b, " %s, ", objects == 1 ? "object" : "objects");
	}
	buf_bytes(b, bytes);
	buf_putc(b, ')');
}

static void count_waste(struct buf *b, const struct findings *s)
{
	uint32_t i, n = 0;

	for (i = 0; i < s->n; i++)
		n += s->f[i].kind == FINDING_COLLECTOR_WASTE && s->f[i].severity < FINDING_INFO;
	if (n)
		buf_printf(b, "%s%u %s", b->n ? "; " : "", n,
			   n == 1 ? "waste of collector time" : "wastes of collector time");
}

static void count_places(struct buf *b, const struct findings *s, enum finding_kind kind,
			 const char *one_does, const char *many_do)
{
	uint32_t i, n = 0;

	for (i = 0; i < s->n; i++)
		n += s->f[i].kind == kind && s->f[i].severity < FINDING_INFO;
	if (n)
		buf_printf(b, "%s%u %s", b->n ? "; " : "", n,
			   n == 1 ? one_does : many_do);
}

static void put_verdict(const struct term *t, const struct report *r)
{
	const struct findings *s = &r->analysis.findings;
	struct buf b = {0};
	uint64_t n;
	enum term_style style;

	if (!r->graph && !r->scanned) {
		put(t, TERM_YELLOW, 0, "No verdict: the trace has no complete snapshot.");
		return;
	}
	count_kind(&b, s, FINDING_OVER_RELEASED, FINDING_WARNING, "release of something dead",
		   "releases of something dead");
	count_kind(&b, s, FINDING_UNBALANCED, FINDING_WARNING, "object that a reference too many keeps",
		   "objects that references too many keep");
	count_kind(&b, s, FINDING_OVER_RETAINED, FINDING_WARNING, "over-retained object",
		   "over-retained objects");
	count_kind(&b, s, FINDING_UNCOLLECTABLE_CYCLE, FINDING_WARNING, "uncollectable cycle",
		   "uncollectable cycles");
	count_kind(&b, s, FINDING_DEAD_CYCLE, FINDING_WARNING, "dead cycle", "dead cycles");
	count_waste(&b, s);
	count_places(&b, s, FINDING_GROWTH, "place that keeps growing",
		     "places that keep growing");
	count_places(&b, s, FINDING_CHURN, "place that makes for nothing",
		     "places that make for nothing");
	count_kind(&b, s, FINDING_LOST, FINDING_WARNING, "lost block", "lost blocks");
	style = report_findings(r, FINDING_ERROR, &n) ? TERM_RED : b.n ? TERM_YELLOW : TERM_GREEN;
	if (!b.n && !r->graph) {
		buf_puts(&b, "No block is lost: ");
		buf_puts(&b, r->lost.reached ? "all that are left can be reached" : "none is left");
	} else if (!b.n) {
		buf_printf(&b, "Nothing that the program made%s is dead in a cycle or held by a "
			   "reference too many", r->heap.sampled ? " and that was sampled" : "");
		buf_puts(&b, r->scanned ? ", and no block of C code is lost" : "");
	}
	buf_putc(&b, '.');
	put_buf(t, style, 0, &b);
	buf_fini(&b);
}

static void put_notes(const struct term *t, const struct report *r, bool all)
{
	uint32_t i;

	for (i = 0; i < r->nnotes; i++) {
		fputs("  ", t->out);
		term_style(t, r->note[i].warning ? TERM_YELLOW : TERM_DIM);
		fputs(r->note[i].warning ? "! " : "- ", t->out);
		term_style(t, TERM_PLAIN);
		term_wrap(t, 4, 4, r->note[i].brief && !all ? r->note[i].brief : r->note[i].text);
	}
}

/* ---------------------------------------------------------------------------- findings */

static enum term_style style_of(enum finding_severity s)
{
	return s == FINDING_ERROR ? TERM_RED : s == FINDING_WARNING ? TERM_YELLOW : TERM_CYAN;
}

static void put_numbers(const struct term *t, const struct finding *f)
{
	struct buf b = {0};

	const char *one = f->kind == FINDING_LOST ? "block" : "object";

	buf_number(&b, f->objects);
	buf_printf(&b, " %s%s, ", one, f->objects == 1 ? "" : "s");
	buf_bytes(&b, f->bytes);
	if (f->tail_objects && f->kind == FINDING_LOST) {
		buf_puts(&b, ", of them ");
		buf_number(&b, f->tail_objects);
		buf_puts(&b, " (");
		buf_bytes(&b, f->tail_bytes);
		buf_puts(&b, ") only held by lost ones");
	} else if (f->tail_objects) {
		buf_puts(&b, ", of them ");
		buf_number(&b, f->tail_objects);
		buf_printf(&b, " (");
		buf_bytes(&b, f->tail_bytes);
		buf_printf(&b, ") only held by %s", f->kind == FINDING_UNBALANCED ?
			(f->count == 1 ? "it" : "them") : f->count == 1 ? "the cycle" : "the cycles");
	}
	if (f->retained_objects > f->objects) {
		buf_puts(&b, "; with the cycles below: ");
		buf_number(&b, f->retained_objects);
		buf_puts(&b, " objects, ");
		buf_bytes(&b, f->retained_bytes);
	}
	put_buf(t, TERM_PLAIN, 6, &b);
	buf_fini(&b);
}

/*
 * Interpreted frames alone, the native ones between them are in the JSON; for a
 * block of malloc those of C code, too, but for the runtime's.
 */
void text_stack(const struct term *t, const struct heap *h, uint32_t site, bool native, bool all)
{
	const struct heap_site *s = &h->site[site];
	uint32_t told = 0, rest = 0;
	struct buf b = {0};

	for (uint32_t c = s->calls; c; c = h->call[c].outer) {
		const struct heap_frame *f = heap_frame(h, c);

		if (!f->interpreted && s->here && !(native && !place_is_runtime(heap_text(h, f->module))))
			continue;
		if (told == STACK_TOLD && !all) {
			rest++;
			continue;
		}
		buf_puts(&b, told++ ? "by " : "at ");
		words_function(&b, heap_text(h, f->function));
		if (f->file) {
			buf_printf(&b, " %s", term_path(t, heap_text(h, f->file)));
			if (f->line)
				buf_printf(&b, ":%u", f->line);
		} else if (f->module) {
			buf_printf(&b, " %s", heap_text(h, f->module));
		}
		put_buf(t, TERM_DIM, 6, &b);
	}
	if (rest) {
		buf_printf(&b, "by %u more", rest);
		put_buf(t, TERM_DIM, 6, &b);
	}
	buf_fini(&b);
}

static void put_paths(const struct term *t, const struct heap *h, const struct finding *f, bool all)
{
	static const char *const says[FINDING_ROLES] = { [FINDING_KEEPS] = "taken",
		[FINDING_SUSPECT] = "gave back what another held", [FINDING_BAD] = "too late",
		[FINDING_END] = "it died of" };
	struct buf b = {0};

	for (uint32_t i = 0; i < f->npaths && (all || i < PATHS_TOLD); i++) {
		const struct finding_path *p = &f->path[i];

		buf_printf(&b, "%s", p->made ? "made" : says[p->role]);
		if (p->role == FINDING_KEEPS) {
			buf_puts(&b, " and not given back, ");
			buf_number(&b, p->references);
			buf_puts(&b, p->references == 1 ? " time:" : " times:");
		} else {
			buf_putc(&b, ':');
		}
		put_buf(t, TERM_PLAIN, 6, &b);
		text_stack(t, h, p->site, true, all);
	}
	buf_fini(&b);
}

static void put_finding(const struct term *t, const struct report *r, const struct finding *f,
			uint32_t number, const struct text_options *o)
{
	char head[32];
	int n = snprintf(head, sizeof(head), "%3u. %s ", number, finding_severity_name(f->severity));
	struct buf b = {0};

	putc('\n', t->out);
	term_style(t, style_of(f->severity));
	fputs(head, t->out);
	term_style(t, TERM_PLAIN);
	term_style(t, TERM_BOLD);
	buf_printf(&b, "%s:", f->headline);
	term_wrap(t, (unsigned)n, 5, buf_text(&b));
	buf_fini(&b);
	term_style(t, TERM_PLAIN);
	put(t, TERM_PLAIN, 6, f->story);
	if (f->kind != FINDING_COLLECTOR_WASTE && f->kind != FINDING_COLLECTOR_TUNING &&
	    f->kind != FINDING_OVER_RELEASED && f->kind != FINDING_GROWTH &&
	    f->kind != FINDING_CHURN)
		put_numbers(t, f);
	if (f->npaths)
		put_paths(t, &r->heap, f, o->all);
	if (!f->npaths || (!f->path[0].made && f->stack != f->path[0].site)) {
		if (f->npaths)
			put(t, TERM_PLAIN, 6, f->count > 1 ? "the first was made:" : "made:");
		text_stack(t, &r->heap, f->stack, f->kind == FINDING_LOST, o->all);
	}
	if (f->advice && *f->advice)
		put(t, TERM_GREEN, 6, f->advice);
}

/* What is not an error is told only as far as it does not bury what is. */
static void put_findings(const struct term *t, const struct report *r, enum report_part part,
			 const struct text_options *o)
{
	const struct findings *s = &r->analysis.findings;
	uint32_t i, told = 0, infos = 0, rest = 0;
	uint64_t objects = 0, bytes = 0;
	struct buf b = {0};

	for (i = 0; i < s->n; i++) {
		const struct finding *f = &s->f[i];
		bool info = f->severity == FINDING_INFO;

		if (!finding_is_part(f, part))
			continue;
		if (!o->all && (told >= FINDINGS_TOLD || (info && infos >= INFOS_TOLD) ||
				(info && f->kind == FINDING_OVER_RETAINED))) {
			rest += f->count;
			objects += f->objects;
			bytes += f->bytes;
			continue;
		}
		put_finding(t, r, f, ++told, o);
		infos += info;
	}
	if (!rest)
		return;
	buf_number(&b, rest);
	buf_puts(&b, " more of less weight (");
	buf_number(&b, objects);
	buf_printf(&b, " %s, ", objects == 1 ? "object" : "objects");
	buf_bytes(&b, bytes);
	buf_puts(&b, "); --all shows them.");
	putc('\n', t->out);
	put_buf(t, TERM_DIM, 2, &b);
	buf_fini(&b);
}

static void put_live(const struct term *t, const struct report *r, const struct text_options *o)
{
	const struct findings *s = &r->analysis.live;
	uint32_t i, told = o->all || s->n <= LIVE_TOLD ? s->n : LIVE_TOLD;
	struct buf b = {0};

	if (!s->n)
		return;
	putc('\n', t->out);
	put(t, TERM_BOLD, 0, "Live cycles: no mistake, but once let go only the collector frees them");
	for (i = 0; i < told; i++) {
		const struct finding *f = &s->f[i];

		buf_printf(&b, "%s: %s (", f->headline, f->story);
		buf_number(&b, f->objects);
		buf_printf(&b, " %s, ", f->objects == 1 ? "object" : "objects");
		buf_bytes(&b, f->bytes);
		buf_putc(&b, ')');
		fputs("  - ", t->out);
		term_wrap(t, 4, 4, buf_text(&b));
		buf_reset(&b);
	}
	if (told < s->n) {
		buf_printf(&b, "%u more kinds; `ouro cycles %s` shows them.", s->n - told,
			   command_path(o));
		put_buf(t, TERM_DIM, 2, &b);
	}
	buf_fini(&b);
}

/* ------------------------------------------------------------------------------ totals */

static void put_overview(const struct term *t, const struct report *r,
			 const struct text_options *o)
{
	const struct overview *v = &r->overview;
	uint32_t i, told = o->all || v->n <= SITES_TOLD ? v->n : SITES_TOLD;
	struct buf b = {0};

	putc('\n', t->out);
	buf_printf(&b, "Alive %s, made by the program: ", r->graph || r->scanned ? r->reason : "at the end");
	buf_number(&b, v->objects);
	buf_puts(&b, r->graph ? " objects, " : " objects and blocks, ");
	buf_bytes(&b, v->bytes);
	if (v->bytes_error) {
		buf_puts(&b, " (estimated, give or take ");
		buf_bytes(&b, v->bytes_error);
		buf_putc(&b, ')');
	}
	buf_puts(&b, "; by the start-up: ");
	buf_number(&b, v->early_objects);
	buf_puts(&b, ", ");
	buf_bytes(&b, v->early_bytes);
	if (v->parent_objects) {
		buf_printf(&b, "; by its parent, pid %u, before the fork: ", r->trace.head.ppid);
		buf_number(&b, v->parent_objects);
		buf_puts(&b, ", ");
		buf_bytes(&b, v->parent_bytes);
	}
	put_buf(t, TERM_BOLD, 0, &b);
	for (i = 0; i < told; i++) {
		const struct overview_row *x = &v->row[i];
		struct buf size = {0}, n = {0};

		buf_bytes(&size, x->bytes);
		buf_number(&n, x->objects);
		fprintf(t->out, "%13s %9s  ", buf_text(&size), buf_text(&n));
		words_put_type(&b, x->type);
		if (*x->site.function) {
			buf_puts(&b, " in ");
			words_place(&b, x->site.function, x->site.file, x->site.line);
		}
		term_wrap(t, 25, 27, buf_text(&b));
		buf_reset(&b);
		buf_fini(&size);
		buf_fini(&n);
	}
	if (told < v->n) {
		buf_printf(&b, "%u more; --all shows them.", v->n - told);
		put_buf(t, TERM_DIM, 2, &b);
	}
	buf_fini(&b);
}

/* What it was that was looked at, and when. */
static void put_moment(struct buf *b, const struct report *r)
{
	if (r->core.path)
		buf_printf(b, "the core file %s", r->core.path);
	else
		buf_printf(b, "snapshot %u, %s", r->snapshot, r->reason);
	buf_printf(b, ", %.2f s into the run: ", r->snapshot_seconds);
}

static void put_totals(const struct term *t, const struct report *r)
{
	const struct replay_total all = replay_totals(&r->replay), *x = &all;
	const struct analysis_books *k = &r->analysis.books;
	struct buf b = {0};

	putc('\n', t->out);
	put(t, TERM_BOLD, 0, "The trace");
	buf_number(&b, x->events);
	buf_puts(&b, " events, ");
	buf_number(&b, r->trace.lost);
	buf_puts(&b, " lost; ");
	buf_number(&b, x->blocks);
	buf_puts(&b, " blocks made, at most ");
	buf_bytes(&b, x->peak_bytes);
	buf_puts(&b, " at once, ");
	buf_number(&b, x->live);
	buf_puts(&b, " (");
	buf_bytes(&b, x->live_bytes);
	buf_puts(&b, ") left at the end; ");
	buf_number(&b, x->births);
	buf_puts(&b, " objects born");
	if (r->trace.head.sample_bytes) {
		const struct replay_scaled *y = &r->replay.scaled;

		buf_puts(&b, "; estimated from ");
		buf_number(&b, r->replay.total.blocks);
		buf_puts(&b, " samples, standard errors: ");
		buf_number(&b, weighed_error(y->made.n_variance));
		buf_puts(&b, " blocks made, ");
		buf_bytes(&b, weighed_error(y->live.bytes_variance));
		buf_puts(&b, " left");
	}
	put_buf(t, TERM_PLAIN, 2, &b);
	if (r->scanned) {
		const struct lost *l = &r->lost;

		put_moment(&b, r);
		buf_bytes(&b, r->snap.scan.bytes);
		buf_puts(&b, " searched; of ");
		buf_number(&b, r->blocks.n - r->blocks.objects);
		buf_puts(&b, r->graph ? " blocks without objects " : " blocks ");
		buf_number(&b, l->reached);
		buf_puts(&b, " (");
		buf_bytes(&b, l->reached_bytes);
		buf_puts(&b, ") are reached, ");
		buf_number(&b, l->direct);
		buf_puts(&b, " (");
		buf_bytes(&b, l->direct_bytes);
		buf_puts(&b, ") lost, ");
		buf_number(&b, l->indirect);
		buf_puts(&b, " (");
		buf_bytes(&b, l->indirect_bytes);
		buf_puts(&b, ") held by lost ones alone");
		put_buf(t, TERM_PLAIN, 2, &b);
	}
	if (r->graph) {
		put_moment(&b, r);
		buf_number(&b, r->heap.nnodes);
		buf_puts(&b, " objects, ");
		buf_number(&b, r->heap.nedges);
		buf_puts(&b, " references; of ");
		buf_number(&b, k->objects);
		buf_puts(&b, " counts ");
		buf_number(&b, k->explained);
		buf_puts(&b, " are fully explained, ");
		buf_number(&b, k->early + k->code);
		buf_puts(&b, " of the start-up and of code are not, ");
		buf_number(&b, k->held);
		buf_puts(&b, " may be held by C code, ");
		buf_number(&b, k->leaked);
		buf_puts(&b, " by nothing");
		put_buf(t, TERM_PLAIN, 2, &b);
	}
	if (k->inconsistent) {
		buf_puts(&b, "diagnostics: ");
		buf_number(&b, k->inconsistent);
		buf_puts(&b, " objects have more holders than references: ouro misread them");
		put_buf(t, TERM_DIM, 2, &b);
	}
	buf_fini(&b);
}

/* What a holders query would find. */
static const char *example(const struct report *r)
{
	const struct findings *s = &r->analysis.findings;
	const char *variable;
	uint32_t i, k;

	for (i = 0; i < s->n; i++)
		for (k = 0; k < s->f[i].nmembers && s->f[i].kind != FINDING_LOST && !s->f[i].heap; k++) {
			variable = words_variable(&r->heap, s->f[i].member[k].node);
			if (*variable)
				return variable;
		}
	return r->overview.n ? words_type(r->overview.row[0].type) : "list";
}

static void put_next(const struct term *t, const struct report *r, const struct text_options *o)
{
	const char *core = r->core.path ? " --core " : "", *file = r->core.path ? r->core.path : "";
	struct buf b = {0};

	if (!r->graph)
		return;
	putc('\n', t->out);
	buf_printf(&b, "Next: `ouro cycles%s%s %s`, `ouro holders%s%s %s %s`", core, file, command_path(o),
		   core, file, command_path(o), example(r));
	put_buf(t, TERM_DIM, 0, &b);
	buf_fini(&b);
}

/* Silence about growth is no verdict when it was not looked for. */
static void put_untested(const struct term *t, const struct report *r)
{
	if (r->growth_tested || r->seconds < SHORT_SECONDS || !r->replay.total.blocks)
		return;
	fputs("  ", t->out);
	term_wrap(t, 2, 2, "too short a run to tell what keeps growing: that takes 10 s after its first "
		  "quarter; --skip-seconds N says instead when it was warm");
}

/* A server's work is done by its children. */
static void put_others(const struct term *t, const struct report *r, const struct text_options *o)
{
	uint32_t told = o->all || r->others.n < OTHERS_TOLD ? r->others.n : OTHERS_TOLD;
	struct buf b = {0};

	if (!r->others.n)
		return;
	putc('\n', t->out);
	put(t, TERM_BOLD, 0, "Other processes of this run, the largest trace first");
	for (uint32_t i = 0; i < told; i++) {
		const struct program *p = &r->others.p[i];
		struct buf size = {0};

		buf_bytes(&size, p->bytes);
		fprintf(t->out, "%13s  ", buf_text(&size));
		if (p->name && *p->name)
			buf_printf(&b, "%s, pid %u: ", p->name, p->pid);
		buf_printf(&b, "`ouro report %s`", p->path);
		term_wrap(t, 15, 17, buf_text(&b));
		buf_reset(&b);
		buf_fini(&size);
	}
	if (told < r->others.n) {
		buf_printf(&b, "%u more; --all shows them.", r->others.n - told);
		put_buf(t, TERM_DIM, 2, &b);
	}
	buf_fini(&b);
}

void report_text(const struct term *t, const struct report *r, const struct text_options *o)
{
	put_head(t, r);
	put_verdict(t, r);
	put_notes(t, r, o->all);
	put_findings(t, r, REPORT_ALL, o);
	put_live(t, r, o);
	put_overview(t, r, o);
	peak_text(t, r);
	put_totals(t, r);
	put_untested(t, r);
	put_others(t, r, o);
	put_next(t, r, o);
}

void leaks_text(const struct term *t, const struct report *r, const struct text_options *o)
{
	put_head(t, r);
	put_verdict(t, r);
	put_notes(t, r, o->all);
	put_findings(t, r, REPORT_LEAKS, o);
	put_totals(t, r);
}

void cycles_text(const struct term *t, const struct report *r, const struct text_options *o)
{
	struct text_options all = *o;

	all.all = true;
	put_head(t, r);
	put_verdict(t, r);
	put_notes(t, r, o->all);
	put_findings(t, r, REPORT_CYCLES, o);
	put_live(t, r, &all);
}

void summary_text(const struct term *t, const struct report *r, const struct text_options *o)
{
	const struct findings *s = &r->analysis.findings;
	struct buf b = {0};
	uint32_t i;

	put_head(t, r);
	put_verdict(t, r);
	put_notes(t, r, o->all);
	for (i = 0; i < s->n && i < SUMMARY_TOLD && s->f[i].severity < FINDING_INFO; i++) {
		fputs("  ", t->out);
		term_style(t, style_of(s->f[i].severity));
		fprintf(t->out, "%s ", finding_severity_name(s->f[i].severity));
		term_style(t, TERM_PLAIN);
		buf_printf(&b, "%s: %s", s->f[i].headline, s->f[i].story);
		term_wrap(t, 3 + (unsigned)strlen(finding_severity_name(s->f[i].severity)), 4,
			  buf_text(&b));
		buf_reset(&b);
	}
	buf_printf(&b, "`ouro report %s` tells all.", command_path(o));
	put_buf(t, TERM_DIM, 0, &b);
	if (r->others.n) {
		const struct program *p = r->others.p;

		buf_printf(&b, "Also recorded: %u other process%s; the largest trace: ", r->others.n,
			   r->others.n == 1 ? "" : "es");
		if (*p->name)
			buf_printf(&b, "%s, pid %u, ", p->name, p->pid);
		buf_printf(&b, "`ouro report %s`.", p->path);
		put_buf(t, TERM_DIM, 0, &b);
	}
	buf_fini(&b);
}

/* ------------------------------------------------------------------ for other renderers */

void text_begin(const struct term *t, const struct report *r)
{
	put_head(t, r);
	put_notes(t, r, false);
}

void text_line(const struct term *t, enum term_style style, unsigned indent, const char *text)
{
	put(t, style, indent, text);
}

void text_findings_of(const struct term *t, const struct report *r, enum finding_kind kind,
		      const struct text_options *o)
{
	const struct findings *s = &r->analysis.findings;
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n; i++)
		if (s->f[i].kind == kind)
			put_finding(t, r, &s->f[i], ++n, o);
}

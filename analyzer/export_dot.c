/*
 * export_dot.c - who holds whom, drawn by Graphviz
 *
 * A box for each finding that has members, worst first; or, for a query, the shortest
 * ways by which the program reaches what was asked for.
 */
#include "export.h"

#include "holders.h"
#include "mem.h"
#include "words.h"

#include <errno.h>
#include <string.h>

#define FINDINGS_DRAWN	30
#define MEMBERS_DRAWN	60
#define MATCHES_DRAWN	10
#define WAYS_DRAWN	4

/* What stands in quotes: the characters that end a line or the text are told apart. */
static void put_quoted(FILE *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			putc('\\', out);
		putc((unsigned char)*s < ' ' ? ' ' : *s, out);
	}
}

static void put_begin(FILE *out, const char *title)
{
	fputs("digraph ouro {\n\trankdir=LR; node [shape=box, fontname=\"sans-serif\", fontsize=10];\n"
	      "\tedge [fontname=\"sans-serif\", fontsize=9]; graph [fontname=\"sans-serif\", fontsize=11, "
	      "labeljust=l];\n\tlabel=\"", out);
	put_quoted(out, title);
	fputs("\"; labelloc=t;\n", out);
}

/* --- findings ------------------------------------------------------------------------- */

static void put_member(const struct export_job *job, uint32_t n, uint32_t i,
	const struct finding_member *m)
{
	const struct heap_frame *place = heap_place(&job->r->heap, m->site);
	struct buf b = { 0 };

	fprintf(job->out, "\t\tf%u_%u [label=\"", n, i);
	put_quoted(job->out, m->label);
	fputs("\\n", job->out);
	words_put_type(&b, m->type);
	buf_puts(&b, ", ");
	buf_bytes(&b, m->bytes);
	if (m->refcount)
		buf_printf(&b, ", count %llu", (unsigned long long)m->refcount);
	put_quoted(job->out, buf_text(&b));
	buf_reset(&b);
	if (place) {
		fputs("\\n", job->out);
		words_place(&b, heap_text(&job->r->heap, place->function),
			    heap_text(&job->r->heap, place->file ? place->file : place->module),
			    place->line);
		put_quoted(job->out, buf_text(&b));
	}
	buf_fini(&b);
	fputs("\"];\n", job->out);
}

static void put_finding(const struct export_job *job, uint32_t n, const struct finding *f)
{
	uint32_t shown = f->nmembers < MEMBERS_DRAWN ? f->nmembers : MEMBERS_DRAWN;
	struct buf b = { 0 };

	buf_printf(&b, "%s: %s", finding_severity_name(f->severity), f->headline);
	if (f->members_all > shown)
		buf_printf(&b, " (%u of %llu members)", shown, (unsigned long long)f->members_all);
	fprintf(job->out, "\tsubgraph cluster_%u {\n\t\tcolor=%s; label=\"", n,
		f->severity == FINDING_ERROR ? "red" : f->severity == FINDING_WARNING ? "orange" : "grey");
	put_quoted(job->out, buf_text(&b));
	fputs("\";\n", job->out);
	for (uint32_t i = 0; i < shown; i++)
		put_member(job, n, i, &f->member[i]);
	for (uint32_t i = 0; i < f->nedges; i++) {
		const struct finding_edge *e = &f->edge[i];

		if (e->from >= shown || e->to >= shown)
			continue;
		fprintf(job->out, "\t\tf%u_%u -> f%u_%u [label=\"", n, e->from, n, e->to);
		put_quoted(job->out, e->name);
		fputs(e->drawn ? "\"];\n" : "\", style=dotted];\n", job->out);
	}
	fputs("\t}\n", job->out);
	buf_fini(&b);
}

static int put_findings(const struct export_job *job)
{
	const struct findings *list[] = { &job->r->analysis.findings, &job->r->analysis.live };
	uint32_t n = 0;

	put_begin(job->out, job->r->program);
	for (int k = 0; k < 2; k++)
		for (uint32_t i = 0; i < list[k]->n && n < FINDINGS_DRAWN; i++)
			if (list[k]->f[i].nmembers)
				put_finding(job, n++, &list[k]->f[i]);
	if (!n)
		fputs("\tnone [label=\"no objects in cycles, none over-retained, no block lost\"];\n",
		      job->out);
	fputs("}\n", job->out);
	return 0;
}

/* --- holders -------------------------------------------------------------------------- */

struct drawing {
	const struct export_job *job;
	const struct holders *s;
	struct bits node, edge;		/* drawn already                             */
};

static void put_node(struct drawing *d, node_id v, bool asked)
{
	const struct heap *h = d->s->h;
	const struct heap_frame *place = heap_place(h, h->node[v].site);
	struct spoken own = { 0 };
	struct buf b = { 0 };

	if (bits_has(&d->node, v))
		return;
	bits_add(&d->node, v);
	fprintf(d->job->out, "\tn%u [label=\"", v);
	if (words_own_name(h, v, &own)) {
		put_quoted(d->job->out, buf_text(&own.text));
		fputs("\\n", d->job->out);
	}
	words_put_type(&b, heap_type_name(h, v));
	buf_puts(&b, ", ");
	buf_bytes(&b, h->node[v].bytes);
	buf_printf(&b, ", holds ");
	buf_bytes(&b, d->s->dominators.bytes[v]);
	put_quoted(d->job->out, buf_text(&b));
	buf_reset(&b);
	if (place) {
		fputs("\\n", d->job->out);
		words_place(&b, heap_text(h, place->function), heap_text(h, place->file), place->line);
		put_quoted(d->job->out, buf_text(&b));
	}
	fputs(asked ? "\", style=filled, fillcolor=lightyellow];\n" : "\"];\n", d->job->out);
	spoken_fini(&own);
	buf_fini(&b);
}

static void put_root(struct drawing *d, node_id v)
{
	const struct heap *h = d->s->h;
	uint32_t i = graph_root_of(&h->graph, v);
	struct buf b = { 0 };

	if (i >= h->graph.nroots || h->graph.root[i].node != v)
		return;
	words_root(&b, h, &h->root[h->graph.root[i].id]);
	fprintf(d->job->out, "\tr%u [shape=plaintext, label=\"", v);
	put_quoted(d->job->out, buf_text(&b));
	fprintf(d->job->out, "\"]; r%u -> n%u;\n", v, v);
	buf_fini(&b);
}

static void put_edge(struct drawing *d, node_id from, edge_id e)
{
	const struct graph *g = &d->s->h->graph;
	struct buf b = { 0 };

	if (bits_has(&d->edge, e))
		return;
	bits_add(&d->edge, e);
	words_holder(&b, d->s->h, &d->s->h->edge[g->name[e]]);
	fprintf(d->job->out, "\tn%u -> n%u [label=\"", from, g->to[e]);
	put_quoted(d->job->out, buf_text(&b));
	fputs("\"];\n", d->job->out);
	buf_fini(&b);
}

static int put_ways(struct drawing *d, node_id v)
{
	struct path_set p;
	int e = paths_to(&d->s->paths, v, WAYS_DRAWN, &p);

	if (e)
		return e;
	put_node(d, v, true);
	for (uint32_t i = 0; i < p.n; i++) {
		uint32_t first = p.first[i], end = p.first[i + 1];

		if (!bits_has(&d->node, p.node[first]) || first + 1 == end)
			put_root(d, p.node[first]);
		for (uint32_t k = first; k < end; k++)
			put_node(d, p.node[k], false);
		for (uint32_t k = first; k + 1 < end; k++)
			put_edge(d, p.node[k], p.edge[k]);
	}
	path_set_fini(&p);
	return 0;
}

static int put_holders(const struct export_job *job)
{
	struct holders s;
	struct drawing d = { job, &s, { 0 }, { 0 } };
	int e;

	if (!job->r->graph) {
		snprintf(job->error, 200, "there is no complete snapshot of a runtime, so holders are "
			 "not known");
		return 1;
	}
	e = holders_init(&s, &job->r->heap, job->query);
	if (e)
		return e;
	if (!s.n) {
		holders_fini(&s);
		snprintf(job->error, 200, "the snapshot has no object by an address, place, variable, "
			 "name, type or function `%s`", job->query);
		return 1;
	}
	put_begin(job->out, job->query);
	e = bits_init(&d.node, s.h->graph.n) || bits_init(&d.edge, s.h->graph.m) ? -ENOMEM : 0;
	for (uint32_t i = 0; i < s.n && i < MATCHES_DRAWN && !e; i++)
		e = put_ways(&d, s.match[i]);
	fputs("}\n", job->out);
	bits_fini(&d.node);
	bits_fini(&d.edge);
	holders_fini(&s);
	return e;
}

static int write_dot(const struct export_job *job)
{
	return job->query ? put_holders(job) : put_findings(job);
}

const struct export export_dot = {
	.name = "dot",
	.help = "Graphviz: cycles and leaks, or who holds what (--holders)",
	.whole = true,
	.write = write_dot,
};

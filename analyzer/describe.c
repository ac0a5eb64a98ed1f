#include "describe.h"

#include "advice.h"
#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SITES_TOLD 4
#define TYPES_TOLD 5
#define EDGES_TOLD 8
#define COUNTS_TOLD 6

/* ------------------------------------------------------------------- where to begin */

/* What a person would begin with: an instance, then what has a name, then plain data. */
static unsigned interest(const struct heap *h, node_id v)
{
	if (naming_is_scaffold(h, v))
		return 4;
	if (naming_is_instance(h, v))
		return *words_variable(h, v) ? 0 : 1;
	if (h->node[v].label)
		return 2;
	return *words_variable(h, v) ? 2 : 3;
}

static node_id beginning(const struct heap *h, const node_id *cycle, uint32_t n)
{
	node_id best = cycle[0];
	uint32_t i;

	for (i = 1; i < n; i++) {
		const struct heap_node *x = &h->node[cycle[i]], *y = &h->node[best];
		unsigned a = interest(h, cycle[i]), b = interest(h, best);

		if (a < b || (a == b && x->when < y->when))
			best = cycle[i];
	}
	return best;
}

/* Members in the order in which one walks into the cycle from its beginning, `limit` at most. */
static uint32_t walk(struct describer *d, const node_id *cycle, uint32_t n, uint32_t limit,
		     node_id *order)
{
	const struct graph *g = &d->h->graph;
	uint32_t i, used = 0;
	edge_id e;

	for (i = 0; i < n; i++)
		bits_add(&d->inside, cycle[i]);
	order[used++] = beginning(d->h, cycle, n);
	bits_add(&d->seen, order[0]);
	for (i = 0; i < used; i++)
		for (e = g->out[order[i]]; e < g->out[order[i] + 1] && used < limit; e++) {
			node_id v = g->to[e];

			if (!edge_owns(g, e) || !bits_has(&d->inside, v) || bits_has(&d->seen, v))
				continue;
			bits_add(&d->seen, v);
			order[used++] = v;
		}
	for (i = 0; i < used; i++)
		bits_del(&d->seen, order[i]);
	for (i = 0; i < n; i++)
		bits_del(&d->inside, cycle[i]);
	return used;
}

int describer_init(struct describer *d, const struct heap *h)
{
	*d = (struct describer){ .h = h };
	if (bits_init(&d->seen, h->graph.n))
		return -ENOMEM;
	if (!bits_init(&d->inside, h->graph.n))
		return 0;
	describer_fini(d);
	return -ENOMEM;
}

void describer_fini(struct describer *d)
{
	bits_fini(&d->seen);
	bits_fini(&d->inside);
}

/* -------------------------------------------------------------------- members, edges */

static int add_member(struct finding *f, const struct heap *h, const struct named *m)
{
	const struct heap_node *n = &h->node[m->node];
	struct account a = graph_account(&h->graph, m->node);
	struct buf label = {0};

	spoken_label(&m->spoken, &label);
	f->member[f->nmembers] = (struct finding_member){
		.node = m->node, .label = buf_take(&label), .type = heap_type_name(h, m->node),
		.address = n->address, .bytes = n->bytes, .refcount = n->count,
		.holders = a.holders + (uint32_t)a.roots, .unknown = a.unknown, .site = n->site,
		.generation = n->generation, .inner = m->inner,
		.tracked = n->flags & OURO_NODE_TRACKED,
	};
	return f->member[f->nmembers++].label ? 0 : -ENOMEM;
}

/* References by which the language holds its own parts together; nobody wrote them. */
static bool is_machinery(const struct heap *h, const struct heap_edge *e)
{
	static const char *const field[] = { "__mro__", "tp_mro", "__bases__", "tp_bases",
		"__base__", "tp_base", "__objclass__", "d_type", "tp_cache", "__subclasses__",
		"tp_subclasses", "__globals__", "__builtins__", "__module__" };
	const char *s;
	size_t i;

	if (e->name == OURO_EDGE_CELL)
		return !strcmp(heap_text(h, e->operand), "__class__");
	if (e->name == OURO_EDGE_KEY) {
		s = heap_text(h, e->operand);
		return !strcmp(s, "__dict__") || !strcmp(s, "__weakref__");
	}
	if (e->name == OURO_EDGE_CLASS)
		return heap_is_infra(h, e->from);
	if (e->name != OURO_EDGE_FIELD)
		return false;
	s = heap_text(h, e->operand);
	for (i = 0; i < sizeof(field) / sizeof(field[0]); i++)
		if (!strcmp(s, field[i]))
			return true;
	return false;
}

/* ... or one that goes on from such a part. */
static bool in_machinery(const struct naming *w, const struct heap_edge *e)
{
	uint32_t at, steps;

	for (steps = 0; steps < 16; steps++) {
		if (is_machinery(w->h, e))
			return true;
		at = naming_find(w, e->from);
		if (at == UINT32_MAX || !w->member[at].inner)
			return false;
		e = w->member[at].way;
	}
	return false;
}

static int add_edges(struct finding *f, const struct naming *w)
{
	const struct heap *h = w->h;
	const struct graph *g = &h->graph;
	uint32_t i, to, cap = 0;
	struct buf name = {0};
	edge_id e;

	for (i = 0; i < w->n; i++)
		for (e = g->out[w->member[i].node]; e < g->out[w->member[i].node + 1]; e++) {
			const struct heap_edge *x = &h->edge[g->name[e]];

			to = naming_find(w, g->to[e]);
			if (to == UINT32_MAX || !edge_owns(g, e))
				continue;
			if (mem_room(&f->edge, f->nedges, &cap, sizeof(*f->edge)))
				return -ENOMEM;
			naming_edge(w, x, &name);
			f->edge[f->nedges] = (struct finding_edge){ .from = i, .to = to,
				.name = buf_take(&name),
				.drawn = !w->member[to].inner && !in_machinery(w, x) };
			if (!f->edge[f->nedges++].name)
				return -ENOMEM;
		}
	return 0;
}

/* When there is nothing but machinery, that is what makes the cycle. */
static void draw_something(struct finding *f)
{
	uint32_t i;

	for (i = 0; i < f->nedges; i++)
		if (f->edge[i].drawn)
			return;
	for (i = 0; i < f->nedges; i++)
		f->edge[i].drawn = !f->member[f->edge[i].to].inner;
}

/* ------------------------------------------------------------------------------ words */

void describe_types(struct buf *out, const struct finding_count *type, uint32_t n)
{
	uint32_t i, told = n > TYPES_TOLD ? TYPES_TOLD - 1 : n;
	uint64_t rest = 0;

	for (i = 0; i < told; i++) {
		if (i)
			buf_puts(out, i + 1 == n ? " and " : ", ");
		words_objects(out, type[i].name, type[i].objects);
	}
	for (; i < n; i++)
		rest += type[i].objects;
	if (rest) {
		buf_puts(out, " and ");
		buf_number(out, rest);
		buf_puts(out, rest == 1 ? " other" : " others");
	}
}

static void put_line(struct buf *out, const struct finding_site *s)
{
	buf_printf(out, "%s", *s->file ? words_file(s->file) : "?");
	if (s->line)
		buf_printf(out, ":%u", s->line);
}

static int by_line(const void *a, const void *b)
{
	const struct finding_site *x = *(const struct finding_site *const *)a;
	const struct finding_site *y = *(const struct finding_site *const *)b;
	int r = strcmp(x->file, y->file);

	return r ? r : x->line < y->line ? -1 : x->line > y->line;
}

/* The busiest places, those of one function together. */
void describe_sites(struct buf *out, const struct finding *f)
{
	const struct finding_site *s[SITES_TOLD];
	uint32_t i, k, told = 0, n = f->nsites < SITES_TOLD ? f->nsites : SITES_TOLD;

	for (i = 0; i < n; i++)
		s[i] = &f->site[i];
	qsort(s, n, sizeof(s[0]), by_line);
	for (i = 0; i < n; i++) {
		const struct finding_site *first = s[i];

		if (!first)
			continue;
		buf_puts(out, told++ ? " and " : "in ");
		words_function(out, first->function);
		buf_puts(out, " (");
		put_line(out, first);
		for (k = i + 1; k < n; k++) {
			if (!s[k] || strcmp(s[k]->function, first->function) ||
			    strcmp(s[k]->file, first->file))
				continue;
			buf_puts(out, ", ");
			put_line(out, s[k]);
			s[k] = NULL;
		}
		buf_putc(out, ')');
	}
	if (f->nsites > n)
		buf_printf(out, " and %u more %s", f->nsites - n,
			   f->nsites - n == 1 ? "place" : "places");
}

/* Types of the one shown, in the order of its members, without the dicts of its instances. */
static void put_members(struct buf *out, const struct finding *f, const struct naming *w)
{
	struct finding_count *type = mem_array(f->nmembers, sizeof(*type));
	uint32_t i, k, n = 0;

	for (i = 0; type && i < f->nmembers; i++) {
		const struct named *m = &w->member[i];

		if (m->inner && (m->spoken.as == SPOKEN_DICT || in_machinery(w, m->way)))
			continue;
		for (k = 0; k < n && strcmp(type[k].name, f->member[i].type); k++)
			;
		if (k == n)
			type[n++].name = f->member[i].type;
		type[k].objects++;
	}
	if (f->members_all > f->nmembers) {
		buf_number(out, f->members_all);
		buf_puts(out, " objects");
	} else {
		describe_types(out, type, n);
	}
	mem_free(type);
}

static void put_made(struct buf *out, struct finding *f, const struct heap *h)
{
	if (!f->nsites && h->sampled)
		buf_puts(out, ", birth not sampled");
	if (!f->nsites)
		return;
	buf_puts(out, ", made ");
	describe_sites(out, f);
	if (f->caller.function) {
		buf_puts(out, ", called from ");
		words_function(out, f->caller.function);
		buf_puts(out, " (");
		put_line(out, &f->caller);
		buf_putc(out, ')');
	}
}

static void put_headline(struct buf *out, struct finding *f, const struct naming *w,
			 const struct heap *h)
{
	static const char *const one[FINDING_KINDS] = { [FINDING_DEAD_CYCLE] = "dead cycle",
		[FINDING_UNCOLLECTABLE_CYCLE] = "uncollectable cycle",
		[FINDING_LIVE_CYCLE] = "live cycle" };

	if (f->count > 1) {
		buf_number(out, f->count);
		buf_printf(out, " %ss, each of ", one[f->kind]);
	} else {
		buf_printf(out, "%s of ", one[f->kind]);
	}
	put_members(out, f, w);
	put_made(out, f, h);
}

static void put_edge(struct buf *out, const struct finding *f, uint32_t i, uint32_t *told)
{
	if ((*told)++)
		buf_puts(out, ", ");
	buf_printf(out, "%s -> %s", f->edge[i].name, f->member[f->edge[i].to].label);
}

/* The shortest way from the beginning back to it, through edges worth drawing or inner ones. */
static uint32_t mark_round(const struct finding *f, bool *on_round)
{
	uint32_t *way = mem_array(f->nmembers, sizeof(*way));	/* edge + 1 that leads to it */
	uint32_t *queue = mem_array(f->nmembers, sizeof(*queue));
	uint32_t *first = mem_array((size_t)f->nmembers + 1, sizeof(*first));
	uint32_t i, head = 0, tail = 0, back = UINT32_MAX, marked = 0;

	if (!way || !queue || !first)
		goto out;
	for (i = 0; i < f->nedges; i++)		/* edges are in the order of `from` */
		first[f->edge[i].from + 1] = i + 1;
	for (i = 1; i <= f->nmembers; i++)
		if (first[i] < first[i - 1])
			first[i] = first[i - 1];
	queue[tail++] = 0;
	while (head < tail && back == UINT32_MAX) {
		uint32_t at = queue[head++];

		for (i = first[at]; i < first[at + 1]; i++) {
			uint32_t to = f->edge[i].to;

			if (!f->edge[i].drawn && !f->member[to].inner)
				continue;
			if (!to) {
				back = i;
				break;
			}
			if (way[to])
				continue;
			way[to] = i + 1;
			queue[tail++] = to;
		}
	}
	while (back != UINT32_MAX) {
		on_round[back] = true;
		marked++;
		back = f->edge[back].from ? way[f->edge[back].from] - 1 : UINT32_MAX;
	}
out:
	mem_free(way);
	mem_free(queue);
	mem_free(first);
	return marked;
}

static void put_edges(struct buf *out, const struct finding *f)
{
	bool *on_round = mem_array(f->nedges, sizeof(*on_round));
	uint32_t i, drawn = 0, told = 0;

	if (!on_round)
		return;
	for (i = 0; i < f->nedges; i++)
		drawn += f->edge[i].drawn;
	if (drawn > EDGES_TOLD)
		mark_round(f, on_round);
	for (i = 0; i < f->nedges && told < EDGES_TOLD; i++)
		if (on_round[i] && f->edge[i].drawn)
			put_edge(out, f, i, &told);
	for (i = 0; i < f->nedges && told < EDGES_TOLD; i++)
		if (!on_round[i] && f->edge[i].drawn)
			put_edge(out, f, i, &told);
	if (drawn > told)
		buf_printf(out, ", and %u more", drawn - told);
	mem_free(on_round);
}

/* Do references among the members alone make the counts? */
static void put_counts(struct buf *out, const struct finding *f)
{
	uint64_t inside = 0, all = 0, low = UINT64_MAX, high = 0;
	int64_t unknown = 0;
	uint32_t i, told = 0;

	inside = f->nedges;
	for (i = 0; i < f->nmembers; i++) {
		uint64_t count = f->member[i].refcount;

		all += count;
		unknown += f->member[i].unknown;
		low = count < low ? count : low;
		high = count > high ? count : high;
	}
	buf_puts(out, f->nmembers == 1 ? "count " : "counts ");
	if (f->nmembers > COUNTS_TOLD)
		buf_printf(out, "%llu to %llu", (unsigned long long)low, (unsigned long long)high);
	else
		for (i = 0; i < f->nmembers; i++)
			buf_printf(out, "%s%llu", !told++ ? "" : i + 1 == f->nmembers ? " and " :
				   ", ", (unsigned long long)f->member[i].refcount);
	if (f->members_all > f->nmembers)
		return;
	if (unknown)
		buf_printf(out, ", %lld references not accounted for", (long long)unknown);
	else if (inside >= all)	/* words that may be references can be more than there are */
		buf_puts(out, ", fully explained by the cycle");
	else
		buf_printf(out, ", explained by the cycle and %llu %s from %s",
			   (unsigned long long)(all - inside),
			   all - inside == 1 ? "reference" : "references",
			   f->kind == FINDING_LIVE_CYCLE ? "elsewhere" : "what is dead with it");
}

/* Where the program came in, when it was a library that made the first member. */
static void find_caller(struct finding *f, const struct heap *h)
{
	const struct heap_frame *place = heap_place(h, f->stack);
	const struct heap_frame *caller = heap_caller(h, f->stack);

	if (caller && caller != place)
		f->caller = (struct finding_site){ .function = heap_text(h, caller->function),
			.file = heap_text(h, caller->file), .line = caller->line, .variable = "" };
}

static int tell_cycle(struct finding *f, const struct naming *w, const struct heap *h)
{
	struct buf headline = {0}, story = {0};

	put_headline(&headline, f, w, h);
	put_edges(&story, f);
	buf_puts(&story, "; ");
	put_counts(&story, f);
	f->headline = buf_take(&headline);
	f->story = buf_take(&story);
	f->advice = advice_for(f, w);
	return f->headline && f->story && f->advice ? 0 : -ENOMEM;
}

int describe_cycle(struct describer *d, struct finding *f, const node_id *cycle, uint32_t n)
{
	const struct heap *h = d->h;
	uint32_t i, shown = n < DESCRIBE_MEMBERS ? n : DESCRIBE_MEMBERS;
	node_id *order = mem_array(shown, sizeof(*order));
	struct naming w = {0};
	int r = -ENOMEM;

	f->member = mem_array(shown, sizeof(*f->member));
	if (!order || !f->member)
		goto out;
	f->members_all = n;
	shown = walk(d, cycle, n, shown, order);
	r = naming_init(&w, h, order, shown);
	for (i = 0; !r && i < shown; i++)
		r = add_member(f, h, &w.member[i]);
	if (!r)
		r = add_edges(f, &w);
	if (r)
		goto out;
	draw_something(f);
	f->stack = h->node[order[0]].site;
	find_caller(f, h);
	r = tell_cycle(f, &w, d->h);
out:
	naming_fini(&w);
	mem_free(order);
	return r;
}

/* "count 3 = module global `x` of app + 2 unknown" */
static void put_reconciled(struct buf *out, const struct finding *f, const struct heap *h)
{
	const struct graph *g = &h->graph;
	const struct finding_member *m = &f->member[0];
	uint32_t i, told = 0, holders = g->in[m->node + 1] - g->in[m->node];
	edge_id e;

	buf_printf(out, "count %llu =", (unsigned long long)m->refcount);
	for (i = 0; i < holders && told < 3; i++) {
		node_id u = g->holder[g->in[m->node] + i];

		if (i && g->holder[g->in[m->node] + i - 1] == u)
			continue;
		for (e = g->out[u]; e < g->out[u + 1] && told < 3; e++) {
			if (g->to[e] != m->node || !edge_owns(g, e))
				continue;
			buf_puts(out, told++ ? " + 1 " : " 1 ");
			words_holder(out, h, &h->edge[g->name[e]]);
		}
	}
	if (m->holders > told)
		buf_printf(out, "%s%u known", told ? " + " : " ", m->holders - told);
	buf_printf(out, "%s%lld that nobody accounts for", m->holders ? " + " : " ",
		   (long long)m->unknown);
}

static void put_over_retained(struct buf *out, struct finding *f, const struct heap *h)
{
	uint64_t each = f->count ? f->unknown / f->count : f->unknown;
	bool refer = f->severity != FINDING_ERROR;

	words_objects(out, f->member[0].type, f->count);
	buf_printf(out, " over-retained by %llu %s%s", (unsigned long long)each,
		   each == 1 ? "reference" : "references", f->count > 1 ? " each" : "");
	if (f->held && refer)
		buf_puts(out, " (memory in use by C code has the address)");
	put_made(out, f, h);
}

int describe_object(struct describer *d, struct finding *f, node_id v)
{
	const struct heap *h = d->h;
	struct buf headline = {0}, story = {0};
	struct naming w = {0};
	int r = -ENOMEM;

	f->member = mem_array(1, sizeof(*f->member));
	if (!f->member)
		return -ENOMEM;
	r = naming_init(&w, h, &v, 1);
	if (!r)
		r = add_member(f, h, &w.member[0]);
	if (!r) {
		f->members_all = 1;
		f->stack = h->node[v].site;
		find_caller(f, h);
		put_over_retained(&headline, f, h);
		put_reconciled(&story, f, h);
		f->headline = buf_take(&headline);
		f->story = buf_take(&story);
		f->advice = advice_for(f, &w);
		r = f->headline && f->story && f->advice ? 0 : -ENOMEM;
	}
	naming_fini(&w);
	return r;
}

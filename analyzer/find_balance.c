#include "find_balance.h"

#include "buf.h"
#include "mem.h"
#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS_MAX 100
#define PATHS_MAX   8

/* --- places ------------------------------------------------------------------------------ */

static uint32_t blamed(struct refs *refs, site_id site, bool made)
{
	struct caller path[CALLERS_DEPTH];
	const struct caller *at;
	uint32_t n;

	if (!site || site >= refs->r->sites)
		return 0;
	n = callers_path(&refs->callers, refs->r->site[site].stack, path);
	at = made ? callers_maker(&refs->callers, path, n) :
		callers_keeper(&refs->callers, path, n);
	return at ? at->location : 0;
}

/* What was inlined there is one place with it: the innermost that is the program's own. */
static const struct frame *frame_of(struct symbols *symbols, uint32_t location)
{
	uint32_t n;
	const struct frame *f = symbols_frames(symbols, location, &n);

	/* From a header of a library: gst_caps_ref() and the like. */
	for (uint32_t i = n; i-- > 0; )
		if (!callers_constructs(f[i].function) &&
		    !(f[i].file && !strncmp(f[i].file, "/usr/include/", 13)))
			return &f[i];
	return &f[n > 1 ? 0 : n - 1];
}

/* The function to blame, and its line. */
static struct finding_site place_of(struct heap_loader *l, uint32_t location)
{
	const struct def_location *x = def_location(l->r->defs, location);
	struct finding_site s = { "", "", "", 0, 0 };
	const struct frame *f;

	if (!location || !l->symbols || x->kind == LOCATION_MARK)
		return s;
	f = frame_of(l->symbols, location);
	s.function = heap_text(l->h, texts_add0(&l->h->texts, f->function));
	s.file = heap_text(l->h, texts_add0(&l->h->texts, f->file ? f->file : f->module));
	s.line = f->line;
	return s;
}

static void put_place(struct buf *b, const struct finding_site *s)
{
	if (*s->function)
		words_place(b, s->function, s->file, s->line);
	else
		buf_puts(b, "a place that is not known");
}

static const char *type_name(const struct heap_loader *l, uint32_t type)
{
	const struct def_type *t = def_type(l->r->defs, type);
	text_id id = t ? texts_add(&l->h->texts, t->name.s, t->name.length) : 0;

	return id ? heap_text(l->h, id) : "object";
}

/* --- folding ----------------------------------------------------------------------------- */

struct row {
	const struct stay *stay;
	const struct book *book;
	uint32_t born, suspect;		/* locations to blame                      */
	uint64_t born_key, suspect_key;	/* one for each function and line         */
	uint32_t index;
};

struct finder {
	struct findings *findings;
	const struct stays *s;
	struct heap_loader *l;
	struct row *row;
	uint32_t n;
	bool doubtful;
	uint64_t unseen;
};

/* Loops are unrolled and functions cloned: several places in the code are one in the source. */
static uint64_t key_of(struct heap_loader *l, uint32_t location)
{
	struct finding_site s = place_of(l, location);

	return s.line ? (uint64_t)texts_add0(&l->h->texts, s.function) << 32 | s.line : location;
}

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* Cycles are alike when they are as large; what keeps them apart otherwise is the place. */
static int alike(const struct row *x, const struct row *y)
{
	int c = compare(x->stay->why, y->stay->why);

	if (!c)
		c = compare(x->book->type, y->book->type);
	if (!c)
		c = compare(x->born_key, y->born_key);
	if (!c)
		c = compare(x->suspect_key, y->suspect_key);
	if (!c && x->stay->why == STAYS_CYCLE)
		c = compare(x->stay->cycle, y->stay->cycle);
	return c;
}

static int by_likeness(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int c = alike(x, y);

	return c ? c : compare(x->index, y->index);
}

static int collect(struct finder *f)
{
	f->row = mem_array(f->s->n, sizeof(*f->row));
	if (!f->row)
		return -ENOMEM;
	for (; f->n < f->s->n; f->n++) {
		const struct stay *x = &f->s->stay[f->n];
		const struct book *l = blocks_book(f->s->b, x->node);

		f->row[f->n] = (struct row){ x, l, blamed(f->s->refs, l->born, true),
			blamed(f->s->refs, x->suspect, x->suspect == l->born), 0, 0, f->n };
		f->row[f->n].born_key = key_of(f->l, f->row[f->n].born);
		f->row[f->n].suspect_key = key_of(f->l, f->row[f->n].suspect);
	}
	if (f->n)
		qsort(f->row, f->n, sizeof(*f->row), by_likeness);
	return 0;
}

/* --- who --------------------------------------------------------------------------------- */

static int add_member(struct finder *f, struct finding *x, node_id v, uint32_t *cap)
{
	const struct blocks_row *row = &f->s->b->row[v];
	const struct book *book = blocks_book(f->s->b, v);
	int64_t site = heap_load_site(f->l, book ? book->born : row->site);
	uint64_t address = book ? book->addr : row->addr;
	int64_t count = book ? book_balance(book) : 0;
	struct buf label = { 0 };

	if (site < 0)
		return (int)site;
	if (mem_room(&x->member, x->nmembers, cap, sizeof(*x->member)))
		return -ENOMEM;
	if (book) {
		words_put_type(&label, type_name(f->l, book->type));
		buf_putc(&label, ' ');
	}
	buf_printf(&label, "0x%llx", (unsigned long long)address);
	x->member[x->nmembers] = (struct finding_member){ .node = v, .label = buf_take(&label),
		.type = book ? type_name(f->l, book->type) : "memory block",
		.address = address, .bytes = row->size, .site = (uint32_t)site,
		.holders = f->s->b->graph.nin[v] + row->outside,
		.refcount = (uint64_t)(count > 0 ? count : 0) };
	return x->member[x->nmembers++].label ? 0 : -ENOMEM;
}

/* Of a cycle all objects of one; else each object, and of the first what hangs from it. */
static int take_members(struct finder *f, struct finding *x, const struct row *run, uint32_t n)
{
	const struct stay *first = run->stay;
	uint32_t cap = 0;
	int r = 0;

	if (first->why == STAYS_CYCLE) {
		for (uint32_t i = 0; i < first->cycle && x->nmembers < MEMBERS_MAX && !r; i++)
			r = add_member(f, x, f->s->member[first->first + i], &cap);
		x->members_all = first->cycle;
		return r;
	}
	for (uint32_t i = 0; i < n && x->nmembers < MEMBERS_MAX && !r; i++) {
		r = add_member(f, x, run[i].stay->node, &cap);
		if (!r)
			x->member[x->nmembers - 1].unknown = run[i].stay->references;
	}
	x->members_all = n;
	return r;
}

static uint32_t member_of(const struct finding *x, node_id v)
{
	uint32_t i = 0;

	while (i < x->nmembers && x->member[i].node != v)
		i++;
	return i;
}

/* "signal clicked" where it was told, else how far into the object; "-16" is private data. */
static char *edge_name(const struct finder *f, node_id from, uint32_t name)
{
	const struct blocks_row *row = &f->s->b->row[from];
	const struct book *book = blocks_book(f->s->b, from);
	const struct ties *ties = &f->s->refs->ties;
	struct buf b = { 0 };

	if (name >= BLOCKS_TIE && (name & ~BLOCKS_TIE) <= ties->mask) {
		struct text t = def_string(f->l->r->defs, ties->edge[name & ~BLOCKS_TIE].name);

		buf_add(&b, t.s, t.length);
	} else {
		int64_t offset = (int64_t)(name & BLOCKS_OFFSET) - (book ?
			(int64_t)(book->addr - row->addr) : 0);

		buf_printf(&b, "%+lld", (long long)offset);
	}
	return buf_take(&b);
}

static bool is_told(uint32_t name)
{
	return name >= BLOCKS_TIE;
}

/* A reference that the runtime has a name for stands in memory, too: then its name is enough. */
static bool is_said_by_name(const struct graph *g, node_id from, edge_id e)
{
	for (edge_id o = g->out[from]; o < g->out[from + 1]; o++)
		if (g->to[o] == g->to[e] && is_told(g->name[o]) && !is_told(g->name[e]))
			return true;
	return false;
}

static int take_edges(struct finder *f, struct finding *x)
{
	const struct graph *g = &f->s->b->graph;
	uint32_t cap = 0;

	for (uint32_t i = 0; i < x->nmembers; i++) {
		node_id from = x->member[i].node;

		for (edge_id e = g->out[from]; e < g->out[from + 1]; e++) {
			uint32_t to = member_of(x, g->to[e]);

			if (to == x->nmembers || !edge_owns(g, e) || x->nedges >= MEMBERS_MAX ||
			    is_said_by_name(g, from, e))
				continue;
			if (mem_room(&x->edge, x->nedges, &cap, sizeof(*x->edge)))
				return -ENOMEM;
			x->edge[x->nedges] = (struct finding_edge){ i, to,
				edge_name(f, from, g->name[e]), true };
			if (!x->edge[x->nedges++].name)
				return -ENOMEM;
		}
	}
	return 0;
}

static void add_type(struct finding *x, const char *name)
{
	uint32_t i = 0;

	while (i < x->ntypes && strcmp(x->type[i].name, name))
		i++;
	if (i == x->ntypes)
		x->type[x->ntypes++] = (struct finding_count){ name, 0 };
	x->type[i].objects++;
}

/* Types of the members shown that are objects, times all that are alike. */
static int take_types(struct finder *f, struct finding *x, const struct row *run, uint32_t n)
{
	const struct stay *first = run->stay;

	x->type = mem_array(first->why == STAYS_CYCLE ? first->cycle : 1, sizeof(*x->type));
	if (!x->type)
		return -ENOMEM;
	if (first->why != STAYS_CYCLE) {
		add_type(x, type_name(f->l, run->book->type));
		x->type->objects = n;
		return 0;
	}
	for (uint32_t i = 0; i < first->cycle; i++) {
		const struct book *l = blocks_book(f->s->b, f->s->member[first->first + i]);

		if (l)
			add_type(x, type_name(f->l, l->type));
	}
	for (uint32_t i = 0; i < x->ntypes; i++)
		x->type[i].objects *= n;
	return 0;
}

/* --- by whom ------------------------------------------------------------------------------ */

static int add_path(struct finder *f, struct finding *x, enum finding_role role, site_id site,
	uint64_t references, bool made)
{
	uint32_t location = blamed(f->l->r->refs, site, made), i = 0;
	struct finding_site place = place_of(f->l, location);
	int64_t at = heap_load_site(f->l, site);

	if (at < 0)
		return (int)at;
	while (i < x->npaths && (x->path[i].role != role ||
	       x->path[i].place.function != place.function ||
	       x->path[i].place.line != place.line || x->path[i].place.file != place.file))
		i++;
	if (i == PATHS_MAX)
		return 0;
	if (i == x->npaths)
		x->path[x->npaths++] = (struct finding_path){ role, place, (uint32_t)at, 0, made };
	x->path[i].references += references;
	x->path[i].place.objects++;
	return 0;
}

/* The suspect first, then what else was not given back. */
static int take_paths(struct finder *f, struct finding *x, const struct row *run, uint32_t n)
{
	int r = 0;

	x->path = mem_array(PATHS_MAX, sizeof(*x->path));
	if (!x->path)
		return -ENOMEM;
	for (uint32_t pass = 0; pass < 2; pass++)
		for (uint32_t i = 0; i < n && !r; i++)
			for (uint32_t k = 0; k < run[i].book->n && !r; k++) {
				const struct ref_row *row = &run[i].book->row[k];

				if (row->n > 0 && (row->site == run[i].stay->suspect) == !pass)
					r = add_path(f, x, FINDING_KEEPS, row->site,
						(uint64_t)row->n, row->site == run[i].book->born);
			}
	return r;
}

static int take_site(struct finder *f, struct finding *x, const struct row *run, uint32_t n)
{
	int64_t site = heap_load_site(f->l, run->book->born);

	x->site = mem_array(1, sizeof(*x->site));
	if (!x->site || site < 0)
		return -ENOMEM;
	x->site[0] = place_of(f->l, run->born);
	x->site[0].objects = n;
	x->nsites = *x->site[0].function != 0;
	x->stack = (uint32_t)site;
	return 0;
}

/* --- words -------------------------------------------------------------------------------- */

static void put_types(struct buf *b, const struct finding *x)
{
	for (uint32_t i = 0; i < x->ntypes; i++) {
		if (i)
			buf_puts(b, i + 1 == x->ntypes ? " and " : ", ");
		words_objects(b, x->type[i].name, x->type[i].objects / x->count);
	}
}

static void put_headline(struct buf *b, const struct finding *x, const struct row *run)
{
	const char *they = x->count == 1 ? "" : "each ";

	if (run->stay->why == STAYS_CYCLE) {
		if (x->count > 1) {
			buf_number(b, x->count);
			buf_puts(b, " dead cycles, each of ");
		} else {
			buf_puts(b, "dead cycle of ");
		}
		put_types(b, x);
		buf_puts(b, x->nsites ? ", the first made in " : "");
		if (x->nsites)
			put_place(b, &x->site[0]);
		return;
	}
	words_objects(b, x->type[0].name, x->count);
	if (run->stay->why == STAYS_FLOATING) {
		buf_puts(b, x->count == 1 ? " is" : " are");
		buf_puts(b, " still floating: nobody took what ");
		put_place(b, &x->path[0].place);
		buf_puts(b, " made");
		return;
	}
	buf_puts(b, run->stay->why == STAYS_KEPT ? ", a reference too many: " :
		 x->count == 1 ? " is never freed: " : " are never freed: ");
	put_place(b, &x->path[0].place);
	buf_printf(b, x->path[0].made ? " made %s and never lets go" : " %skeeps a reference",
		x->path[0].made ? (x->count == 1 ? "it" : "them") : they);
}

static void put_times(struct buf *b, const char *what, uint64_t n)
{
	buf_puts(b, what);
	if (n == 1) {
		buf_puts(b, " once");
	} else {
		buf_putc(b, ' ');
		buf_number(b, n);
		buf_puts(b, " times");
	}
}

/*
 * The shortest way that begins with this edge and comes back to where it began, as edges in
 * order; returns how many, 0 when there is none.
 */
static uint32_t round_by(const struct finding *x, uint32_t first, uint32_t *ret_edge)
{
	uint32_t via[MEMBERS_MAX], todo[MEMBERS_MAX], n = 0, length = 0;
	uint32_t goal = x->edge[first].from, at = x->edge[first].to;

	memset(via, 0xff, sizeof(via));
	via[at] = first;
	todo[n++] = at;
	for (uint32_t i = 0; i < n && via[goal] == UINT32_MAX; i++)
		for (uint32_t e = 0; e < x->nedges; e++) {
			uint32_t to = x->edge[e].to;

			if (x->edge[e].from != todo[i] || via[to] != UINT32_MAX)
				continue;
			via[to] = e;
			todo[n++] = to;
		}
	if (via[goal] == UINT32_MAX)
		return 0;
	for (at = goal; via[at] != first; at = x->edge[via[at]].from)
		length++;
	n = length + 1;
	ret_edge[0] = first;
	for (at = goal; via[at] != first; at = x->edge[via[at]].from)
		ret_edge[length--] = via[at];
	return n;
}

/* One way round, "X holds Y (signal clicked), Y holds X (+24)": by what has a name if it can be, else the shortest. */
static void put_round(struct buf *b, const struct finding *x)
{
	uint32_t best[MEMBERS_MAX], edge[MEMBERS_MAX], n = 0;
	bool named = false;

	for (uint32_t i = 0; i < x->nedges; i++) {
		bool has_name = *x->edge[i].name != '+' && *x->edge[i].name != '-';
		uint32_t length = x->edge[i].from == x->edge[i].to || has_name < named ? 0 :
			round_by(x, i, edge);

		if (!length || (n && has_name == named && length >= n))
			continue;
		memcpy(best, edge, sizeof(best));
		n = length;
		named = has_name;
	}
	for (uint32_t i = 0; i < n; i++) {
		const struct finding_edge *e = &x->edge[best[i]];

		buf_printf(b, "%s%s holds %s (%s)", i ? ", " : "", x->member[e->from].label,
			x->member[e->to].label, e->name);
	}
	if (n)
		buf_puts(b, "; ");
	buf_puts(b, "nothing else has their addresses");
}

static void put_story(struct buf *b, const struct finder *f, const struct finding *x,
	const struct row *run)
{
	const struct book *l = run->book;

	if (run->stay->why == STAYS_CYCLE) {
		put_round(b, x);
		return;
	}
	buf_puts(b, x->count == 1 ? "" : "the first ");
	buf_puts(b, "was taken");
	put_times(b, "", l->retains);
	if (l->releases)
		put_times(b, " and given back", l->releases);
	else
		buf_puts(b, " and never given back");
	if (run->stay->why == STAYS_KEPT)
		buf_printf(b, "; only %llu of what is left can be found in memory",
			(unsigned long long)book_balance(l) - run->stay->references);
	else
		buf_puts(b, x->count == 1 ? "; nothing holds it any more" :
			 "; nothing holds them any more");
	if (x->severity == FINDING_WARNING && f->unseen && run->stay->why != STAYS_KEPT)
		buf_printf(b, ", unless a register of another thread does (up to %llu might)",
			(unsigned long long)f->unseen);
}

static void put_advice(struct buf *b, const struct finding *x, const struct row *run)
{
	switch (run->stay->why) {
	case STAYS_CYCLE:
		buf_puts(b, "No collector frees it: let one of them know the other without a "
			"reference (a weak one, or none), or take the circle apart before the last "
			"holder lets go.");
		break;
	case STAYS_FLOATING:
		buf_puts(b, "Give it to something that takes it (a container), or take it with "
			"ref_sink and release it when done.");
		break;
	default:
		buf_puts(b, x->path[0].made ? "Release it when done, on every way out of " :
			 "Release what is retained in ");
		put_place(b, &x->path[0].place);
		buf_puts(b, x->path[0].made ? ", unless it was given to somebody who does." :
			 " when done, or retain it there no more.");
	}
}

static int take_words(struct finder *f, struct finding *x, const struct row *run)
{
	struct buf b = { 0 };

	put_headline(&b, x, run);
	x->headline = buf_take(&b);
	put_story(&b, f, x, run);
	x->story = buf_take(&b);
	put_advice(&b, x, run);
	x->advice = buf_take(&b);
	return x->headline && x->story && x->advice ? 0 : -ENOMEM;
}

/* --- unbalanced ---------------------------------------------------------------------------- */

static enum finding_severity severity_of(const struct finder *f, const struct row *run,
	uint32_t n)
{
	struct caller path[CALLERS_DEPTH];
	const struct caller *at;
	site_id site = run->stay->suspect;

	at = callers_blame(path, site ? callers_path(&f->s->refs->callers,
		f->l->r->site[site].stack, path) : 0);
	if (!at || !at->program)
		return FINDING_INFO;	/* no line of the program had a part in it */
	return run->stay->why == STAYS_KEPT || f->doubtful || n <= f->unseen ? FINDING_WARNING : FINDING_ERROR;
}

static void add_up(struct finding *x, const struct row *run, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct stay *s = run[i].stay;

		x->count++;
		x->unknown += s->references;
		x->objects += s->members ? s->members : 1;
		x->bytes += s->bytes;
		x->tail_objects += s->members > s->cycle ? s->members - s->cycle : 0;
	}
	x->retained_objects = x->objects;
	x->retained_bytes = x->bytes;
}

static int tell(struct finder *f, const struct row *run, uint32_t n)
{
	struct finding *x = findings_add(f->findings);
	int r;

	if (!x)
		return -ENOMEM;
	x->kind = run->stay->why == STAYS_CYCLE ? FINDING_DEAD_CYCLE : FINDING_UNBALANCED;
	x->severity = severity_of(f, run, n);
	add_up(x, run, n);
	r = take_site(f, x, run, n);
	if (!r)
		r = take_members(f, x, run, n);
	if (!r)
		r = take_edges(f, x);
	if (!r)
		r = take_types(f, x, run, n);
	if (!r)
		r = take_paths(f, x, run, n);
	return r ? r : take_words(f, x, run);
}

int find_unbalanced(struct findings *s, const struct stays *stays, struct heap_loader *l,
	bool doubtful, uint64_t unseen, bool each)
{
	struct finder f = { .findings = s, .s = stays, .l = l, .doubtful = doubtful,
		.unseen = unseen };
	uint32_t i, k;
	int r;

	if (!stays->n)
		return 0;
	r = collect(&f);
	for (i = 0; i < f.n && !r; i = k) {
		for (k = i + 1; k < f.n && !each && !alike(&f.row[i], &f.row[k]); k++)
			;
		r = tell(&f, &f.row[i], k - i);
	}
	mem_free(f.row);
	return r;
}

/* --- over-released -------------------------------------------------------------------------- */

static int bad_words(struct finder *f, struct finding *x, const struct refs_bad *b)
{
	struct buf t = { 0 };
	uint32_t culprit = 0;

	for (uint32_t i = 0; i < x->npaths; i++)
		if (x->path[i].role == FINDING_SUSPECT)
			culprit = i;
	put_place(&t, &x->path[0].place);
	buf_puts(&t, b->retain ? " retains a " : " releases a ");
	words_put_type(&t, type_name(f->l, b->type));
	buf_puts(&t, b->alive ? " more often than it was retained" : " that is dead already");
	if (b->times > 1)
		put_times(&t, ",", b->times);
	x->headline = buf_take(&t);

	buf_printf(&t, "the last reference to 0x%llx was given back ", (unsigned long long)b->addr);
	buf_printf(&t, "%.6f s before, by ", (double)trace_elapsed(f->l->r->trace, b->ticks) / 1e9 -
		(double)trace_elapsed(f->l->r->trace, b->died ? b->died : b->ticks) / 1e9);
	put_place(&t, &x->path[1].place);
	if (culprit && x->path[culprit].site != x->path[0].site) {
		buf_puts(&t, "; by its references the one too many is that of ");
		put_place(&t, &x->path[culprit].place);
		buf_puts(&t, ", which gave back what another held");
	}
	x->story = buf_take(&t);

	buf_puts(&t, b->retain ? "Keep a reference as long as the address is used: in " :
		 "Release only what was retained: take away the release in ");
	put_place(&t, &x->path[culprit].place);
	if (!b->retain)
		buf_puts(&t, ", or retain the object before.");
	else
		buf_puts(&t, ", or wherever the address comes from.");
	x->advice = buf_take(&t);
	return x->headline && x->story && x->advice ? 0 : -ENOMEM;
}

static int tell_bad(struct finder *f, const struct refs_bad *b)
{
	struct finding *x = findings_add(f->findings);
	int64_t site;
	int r;

	if (!x)
		return -ENOMEM;
	x->kind = FINDING_OVER_RELEASED;
	x->severity = FINDING_ERROR;
	x->count = b->times;
	x->objects = b->times;
	x->path = mem_array(PATHS_MAX, sizeof(*x->path));
	x->type = mem_array(1, sizeof(*x->type));
	x->site = mem_array(1, sizeof(*x->site));
	if (!x->path || !x->type || !x->site)
		return -ENOMEM;
	add_type(x, type_name(f->l, b->type));
	x->type->objects = b->times;
	site = heap_load_site(f->l, b->born);
	if (site < 0)
		return (int)site;
	x->stack = (uint32_t)site;
	x->site[0] = place_of(f->l, blamed(f->l->r->refs, b->born, true));
	x->site[0].objects = b->times;
	x->nsites = *x->site[0].function != 0;
	r = add_path(f, x, FINDING_BAD, b->bad, b->times, false);
	if (!r)
		r = add_path(f, x, FINDING_END, b->end, b->times, false);
	if (!r && b->suspect)
		r = add_path(f, x, FINDING_SUSPECT, b->suspect, b->times, false);
	return r ? r : bad_words(f, x, b);
}

int find_over_released(struct findings *s, struct refs *refs, struct heap_loader *l)
{
	struct finder f = { .findings = s, .l = l };
	int r = 0;

	for (uint32_t i = 0; i < refs->nbad && !r; i++)
		if (refs->bad[i].times)
			r = tell_bad(&f, &refs->bad[i]);
	return r;
}

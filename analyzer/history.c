#include "history.h"

#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- what a query means --------------------------------------------------------------------- */

struct meaning {
	enum history_by by;
	uint64_t address;
	const char *text;
	uint32_t line;			/* of a place                                */
	size_t length;			/* ... of its file's name                    */
};

struct search {
	struct history *h;
	const struct history_query *q;
	struct symbols *symbols;
	struct meaning meaning;
	int8_t *by_site;		/* 0: not asked yet, else 1 or -1            */
	uint32_t sites;
};

static bool prefixed(const char **s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (strncmp(*s, prefix, n))
		return false;
	*s += n;
	return true;
}

/* "leak.c:34" */
static bool as_place(struct meaning *m, const char *s)
{
	const char *colon = strrchr(s, ':');
	char *end;
	unsigned long line = colon ? strtoul(colon + 1, &end, 10) : 0;

	if (!colon || colon == s || !line || *end || line > UINT32_MAX)
		return false;
	*m = (struct meaning){ .by = HISTORY_BY_PLACE, .text = s, .line = (uint32_t)line,
		.length = (size_t)(colon - s) };
	return true;
}

static bool as_address(struct meaning *m, const char *s)
{
	char *end;
	uint64_t v = strtoull(s, &end, 16);

	if (strncmp(s, "0x", 2) || *end || !v)
		return false;
	*m = (struct meaning){ .by = HISTORY_BY_ADDRESS, .text = s, .address = v };
	return true;
}

/* A word that is no address and no place: a type if there is one of that name. */
static struct meaning meaning_of(const struct defs *d, const char *s)
{
	struct meaning m;

	if (prefixed(&s, "address:"))
		return as_address(&m, s) ? m : (struct meaning){ 0 };
	if (prefixed(&s, "place:"))
		return as_place(&m, s) ? m : (struct meaning){ 0 };
	if (prefixed(&s, "type:"))
		return (struct meaning){ .by = HISTORY_BY_TYPE, .text = s };
	if (prefixed(&s, "function:"))
		return (struct meaning){ .by = HISTORY_BY_FUNCTION, .text = s };
	if (as_address(&m, s) || as_place(&m, s))
		return m;
	for (uint32_t i = 1; i < d->types; i++)
		if (text_is(d->type[i].name, s))
			return (struct meaning){ .by = HISTORY_BY_TYPE, .text = s };
	return (struct meaning){ .by = HISTORY_BY_FUNCTION, .text = s };
}

static bool ends_in(const char *path, const char *name, size_t n)
{
	size_t length = path ? strlen(path) : 0;

	return length >= n && !memcmp(path + length - n, name, n) &&
		(length == n || *name == '/' || path[length - n - 1] == '/');
}

static bool frame_fits(const struct meaning *m, const struct frame *f)
{
	if (m->by == HISTORY_BY_PLACE)
		return f->line == m->line && ends_in(f->file, m->text, m->length);
	return !strcmp(f->function, m->text);
}

/* Made there, or by something that was called from there. */
static bool site_fits(struct search *s, const struct replay *r, site_id site)
{
	if (!site || site >= r->sites || !s->symbols)
		return false;
	for (stack_id id = r->site[site].stack; id; id = stack_parent(&r->stacks, id)) {
		uint32_t n;
		const struct frame *f = symbols_frames(s->symbols, r->stacks.node[id].location, &n);

		for (uint32_t i = 0; i < n; i++)
			if (frame_fits(&s->meaning, &f[i]))
				return true;
	}
	return false;
}

static bool fits(struct search *s, const struct replay *r, const struct object *o)
{
	const struct def_type *t;

	switch (s->meaning.by) {
	case HISTORY_BY_NOTHING:
		return false;
	case HISTORY_BY_ADDRESS:
		return o->addr == s->meaning.address;
	case HISTORY_BY_TYPE:
		t = def_type(r->defs, o->type);
		return t && text_is(t->name, s->meaning.text);
	default:
		break;
	}
	if (o->site >= s->sites) {
		uint32_t n = r->sites_room > o->site ? r->sites_room : o->site + 1;
		int8_t *p = realloc(s->by_site, n);

		if (!p)
			return false;
		memset(p + s->sites, 0, n - s->sites);
		s->by_site = p;
		s->sites = n;
	}
	if (!s->by_site[o->site])
		s->by_site[o->site] = site_fits(s, r, o->site) ? 1 : -1;
	return s->by_site[o->site] > 0;
}

/* --- the first time: who ------------------------------------------------------------------- */

static bool is_staying(const struct history_query *q, uint64_t addr)
{
	uint32_t low = 0, high = q->nstays;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (q->stays[mid] < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low < q->nstays && q->stays[low] == addr;
}

static int add_object(struct history *h, const struct object *o, bool stays)
{
	if (mem_room(&h->object, h->n, &h->cap, sizeof(*h->object)))
		return -ENOMEM;
	h->object[h->n++] = (struct history_object){ .addr = o->addr, .nth = o->nth,
		.type = o->type, .born = o->site, .birth = o->born, .stays = stays };
	return 0;
}

static int staying_first(const void *a, const void *b)
{
	const struct history_object *x = a, *y = b;

	if (x->stays != y->stays)
		return x->stays ? -1 : 1;
	return x->nth < y->nth ? -1 : x->nth > y->nth;
}

/*
 * Births of what fits: of one address the last, as an address alone means the one that
 * was there in the end; else the first ones, for when none of them lives.
 */
static void note_birth(void *arg, const struct refs *refs, const struct object *o,
	const struct ref_event *e)
{
	struct search *s = arg;
	struct history *h = s->h;

	if (e->kind != OURO_BIRTH || !fits(s, refs->r, o))
		return;
	h->at_address++;
	if (s->meaning.by == HISTORY_BY_ADDRESS)
		h->n = 0;
	if (h->n < s->q->limit)
		h->refs.failed |= add_object(h, o, false) != 0;
}

static int find_living(struct search *s)
{
	struct history *h = s->h;
	const struct object *o;
	bool first = true;
	size_t at = 0;

	while ((o = replay_each_object(&h->replay, &at))) {
		const struct def_type *t = def_type(h->replay.defs, o->type);

		if (!fits(s, &h->replay, o) || !(refs_of(&h->refs, o) || (t && t->runtime)))
			continue;
		if (first)
			h->n = 0;	/* the dead are not asked for then */
		first = false;
		if (add_object(h, o, is_staying(s->q, o->addr)))
			return -ENOMEM;
		h->staying += h->object[h->n - 1].stays;
	}
	h->dead = first && h->n;
	h->matches = h->dead ? h->at_address : h->n;
	if (h->n)
		qsort(h->object, h->n, sizeof(*h->object), staying_first);
	if (h->staying)
		h->n = (uint32_t)h->staying;	/* the others are in order */
	if (h->n > s->q->limit)
		h->n = s->q->limit;
	return 0;
}

static int play(struct history *h, struct trace *t, const struct defs *d, struct symbols *symbols)
{
	int r = replay_init(&h->replay, t, d);

	return r ? r : refs_init(&h->refs, &h->replay, symbols);
}

static void stop(struct history *h)
{
	refs_fini(&h->refs);
	replay_fini(&h->replay);
}

static int find_objects(struct history *h, struct trace *t, const struct defs *d,
	struct symbols *symbols, const struct history_query *q)
{
	struct search s = { .h = h, .q = q, .symbols = symbols, .meaning = meaning_of(d, q->text) };
	int r = play(h, t, d, symbols);

	h->refs.tape = note_birth;
	h->refs.tape_arg = &s;
	if (!r)
		r = q->snapshot ? replay_to_snapshot(&h->replay, q->snapshot) :
			replay_to_end(&h->replay);
	if (r >= 0)
		r = h->refs.failed ? -ENOMEM : find_living(&s);
	stop(h);
	free(s.by_site);
	h->by = h->n ? s.meaning.by : HISTORY_BY_NOTHING;
	return r;
}

/* --- the second time: what ------------------------------------------------------------------ */

static int by_nth(const void *a, const void *b)
{
	const struct history_object *x = a, *y = b;

	return x->nth < y->nth ? -1 : x->nth > y->nth;
}

static struct history_object *object_of(struct history *h, const struct object *o)
{
	const struct history_object key = { .nth = o->nth };

	return bsearch(&key, h->object, h->n, sizeof(*h->object), by_nth);
}

static bool is_retain(const struct ref_event *e, bool *ret_up)
{
	*ret_up = e->kind == OURO_BIRTH || e->kind == OURO_INCREF;
	return *ret_up || e->kind == OURO_DECREF;
}

static void write_down(void *arg, const struct refs *refs, const struct object *o,
	const struct ref_event *e)
{
	struct history *h = arg;
	struct history_object *x = h->n ? object_of(h, o) : NULL;
	struct history_event *w;

	(void)refs;
	if (!x)
		return;
	if (e->kind == OURO_DEATH)
		x->death = e->ticks;
	if (h->events >= HISTORY_EVENTS || mem_room(&x->event, x->n, &x->cap, sizeof(*x->event))) {
		h->cut = true;
		return;
	}
	h->events++;
	w = &x->event[x->n++];
	*w = (struct history_event){ .e = *e };
	w->counts = is_retain(e, &w->up);
	x->retains += w->counts && w->up;
	x->releases += w->counts && !w->up;
}

/* --- who goes with whom --------------------------------------------------------------------- */

/*
 * A floating reference that was sunk is his who sank it: the maker's goes with that, and
 * that is a retain.
 */
static void sink(struct history_object *x)
{
	uint32_t made = UINT32_MAX;

	for (uint32_t i = 0; i < x->n; i++) {
		struct history_event *e = &x->event[i];

		if (e->e.kind == OURO_BIRTH)
			made = i;
		if (e->e.kind != OURO_EXT || e->e.what != OURO_REFERENCE_SUNK || made == UINT32_MAX)
			continue;
		x->event[made].partner = i + 1;
		x->matched++;
		e->counts = e->up = true;
		made = UINT32_MAX;
	}
}

/* Rows of the events, as a book has them. */
static int make_rows(const struct history_object *x, struct book *l, uint32_t *row_of)
{
	for (uint32_t i = 0; i < x->n; i++) {
		const struct ref_event *e = &x->event[i].e;
		bool up = x->event[i].up;
		uint32_t k = 0;

		row_of[i] = UINT32_MAX;
		if (!x->event[i].counts || x->event[i].partner)
			continue;
		while (k < l->n && (l->row[k].site != e->site || (l->row[k].n > 0) != up))
			k++;
		if (k == l->n) {
			if (mem_room(&l->row, l->n, &l->cap, sizeof(*l->row)))
				return -ENOMEM;
			l->row[l->n++] = (struct ref_row){ .site = e->site };
		}
		l->row[k].n += up ? 1 : -1;
		l->row[k].last = e->ticks;
		row_of[i] = k;
	}
	return 0;
}

static void join_two(struct history_object *x, uint32_t a, uint32_t b)
{
	x->event[a].partner = b + 1;
	x->event[b].partner = a + 1;
	x->matched += 2;
}

/* Of the events of two rows that go together: a release and the last retain before it. */
static void join(struct history_object *x, const uint32_t *row_of, const struct refs_match *m,
	uint32_t *open)
{
	int32_t left = m->times;
	uint32_t n = 0, k = 0;

	for (uint32_t i = 0; i < x->n && left; i++) {
		if (x->event[i].partner)
			continue;
		if (row_of[i] == m->retain)
			open[n++] = i;
		if (row_of[i] == m->release && n) {
			join_two(x, open[--n], i);
			left--;
		}
	}
	/* Releases that came before their retains. */
	for (uint32_t i = 0; i < x->n && left && k < n; i++)
		if (row_of[i] == m->release && !x->event[i].partner) {
			join_two(x, open[k++], i);
			left--;
		}
}

/* What was told needs no guess. */
static void join_told(struct history_object *x)
{
	for (uint32_t i = 0; i < x->n; i++) {
		site_id site = x->event[i].e.gives_back;
		uint32_t k = i;

		while (site && k-- > 0)
			if (x->event[k].counts && x->event[k].up && !x->event[k].partner &&
			    x->event[k].e.site == site) {
				join_two(x, k, i);
				break;
			}
	}
}

static int match(struct history *h, struct history_object *x)
{
	struct book l = { .born = x->born };
	uint32_t *row_of = mem_array(x->n, sizeof(*row_of)), n = 0;
	uint32_t *open = mem_array(x->n, sizeof(*open));
	struct refs_match *m = NULL;
	int r = row_of && open ? 0 : -ENOMEM;

	sink(x);
	join_told(x);
	if (!r)
		r = make_rows(x, &l, row_of);
	if (!r)
		r = refs_match(&h->refs, &l, REFS_ANY, &m, &n);
	for (uint32_t i = 0; i < n; i++)
		join(x, row_of, &m[i], open);
	mem_free(m);
	mem_free(l.row);
	mem_free(row_of);
	mem_free(open);
	return r;
}

static int draw(struct history *h, bool all)
{
	int r = 0;

	for (uint32_t i = 0; i < h->n; i++)
		for (uint32_t k = 0; k < h->object[i].n && !r; k++) {
			const struct history_event *e = &h->object[i].event[k];

			/* What its maker had is told where it was sunk. */
			if (e->counts && (all || !e->partner) && !(e->e.kind == OURO_BIRTH && e->partner &&
			    h->object[i].event[e->partner - 1].up))
				r = calltree_add(&h->tree, &h->refs.callers, e->e.site < h->replay.sites ?
					h->replay.site[e->e.site].stack : 0, e->up, i);
		}
	calltree_settle(&h->tree);
	return r;
}

static int follow(struct history *h, struct trace *t, const struct defs *d,
	struct symbols *symbols, const struct history_query *q)
{
	int r;

	qsort(h->object, h->n, sizeof(*h->object), by_nth);
	r = play(h, t, d, symbols);
	h->refs.tape = write_down;
	h->refs.tape_arg = h;
	if (!r)
		r = replay_to_end(&h->replay);
	for (uint32_t i = 0; i < h->n && !r; i++)
		r = match(h, &h->object[i]);
	if (!r)
		r = draw(h, q->all);
	if (!r)
		qsort(h->object, h->n, sizeof(*h->object), staying_first);
	return r;
}

int history_init(struct history *h, struct trace *t, const struct defs *d,
	struct symbols *symbols, const struct history_query *q)
{
	int r;

	*h = (struct history){ 0 };
	r = find_objects(h, t, d, symbols, q);
	if (!r && h->n)
		r = follow(h, t, d, symbols, q);
	if (r)
		history_fini(h);
	return r;
}

void history_fini(struct history *h)
{
	for (uint32_t i = 0; i < h->n; i++)
		mem_free(h->object[i].event);
	mem_free(h->object);
	calltree_fini(&h->tree);
	stop(h);
	*h = (struct history){ 0 };
}

const char *history_by_words(enum history_by by)
{
	static const char *const words[] = { "", "address", "place it was made at", "type",
		"function it was made in" };

	return words[by];
}

const char *history_words(const struct history_event *e)
{
	static const char *const notes[] = { "?", "floating: this one is nobody's", "sunk",
		"held by a toggle reference", "toggle reference taken away", "weak reference added",
		"weak reference taken away", "disposed", "revived", "count set", "meant to stay" };
	uint8_t what = e->e.what;

	switch (e->e.kind) {
	case OURO_BIRTH:
	case OURO_POOL_BIRTH:
		return "made";
	case OURO_INCREF:
		return "retained";
	case OURO_DECREF:
		return "released";
	case OURO_DEATH:
		return "freed";
	default:
		return what < sizeof(notes) / sizeof(*notes) ? notes[what] : notes[0];
	}
}

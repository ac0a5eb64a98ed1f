#include "refs.h"

#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOMBS     (1u << 16)
#define FOLD_FROM 12			/* rows an object has before it is folded    */
#define ROWS_MANY 256			/* ... and is not let grow beyond, mostly    */
#define NEAR      (PROGRAM_FRAME - 1)	/* within one function of the program        */
#define TOMB_ROWS 8
#define WEAK_MAX  64			/* places remembered of one object           */

/* Who died, for those who release him once more; a later one may take the place. */
struct tomb {
	uint64_t addr, nth, ticks;
	uint32_t type;
	site_id born, end;
	uint32_t n;			/* rows; 0: they were too many               */
	struct ref_row row[TOMB_ROWS];
};

int refs_init(struct refs *s, struct replay *r, struct symbols *symbols)
{
	*s = (struct refs){ .r = r };
	if (callers_init(&s->callers, &r->stacks, symbols))
		return -ENOMEM;
	r->refs = s;
	return 0;
}

static void book_free(struct book *l)
{
	if (!l)
		return;
	mem_free(l->row);
	mem_free(l->weak);
	free(l);
}

void refs_fini(struct refs *s)
{
	if (s->r)
		s->r->refs = NULL;
	for (uint32_t i = 0; i < s->rows; i++)
		book_free(s->of[i]);
	free(s->of);
	ties_fini(&s->ties);
	mem_free(s->bad);
	mem_free(s->tomb);
	refs_forget_pairs(s);
	callers_fini(&s->callers);
	*s = (struct refs){ 0 };
}

/* --- books ------------------------------------------------------------------------ */

static bool make_rows(struct refs *s, uint32_t row)
{
	uint32_t n = s->rows ? s->rows : 1024;
	struct book **p;

	if (row < s->rows)
		return true;
	while (n <= row)
		n *= 2;
	p = realloc(s->of, n * sizeof(*p));
	if (!p)
		return false;
	memset(p + s->rows, 0, (n - s->rows) * sizeof(*p));
	s->of = p;
	s->rows = n;
	return true;
}

static uint32_t row_of(const struct refs *s, const struct object *o)
{
	return (uint32_t)(o - s->r->live.object);
}

struct book *refs_of(const struct refs *s, const struct object *o)
{
	uint32_t row = row_of(s, o);
	struct book *l = row < s->rows ? s->of[row] : NULL;

	return l && l->nth == o->nth ? l : NULL;
}

static struct book *make_book(struct refs *s, const struct object *o)
{
	uint32_t row = row_of(s, o);
	struct book *l = make_rows(s, row) ? calloc(1, sizeof(*l)) : NULL;

	if (!l) {
		s->failed = true;
		return NULL;
	}
	s->objects -= s->of[row] != NULL;
	book_free(s->of[row]);
	*l = (struct book){ .addr = o->addr, .nth = o->nth, .type = o->type,
		.born = o->site, .fold_at = FOLD_FROM };
	s->of[row] = l;
	s->objects++;
	return l;
}

int64_t book_balance(const struct book *l)
{
	int64_t n = 0;

	for (uint32_t i = 0; i < l->n; i++)
		n += l->row[i].n;
	return n;
}

static void drop_row(struct book *l, uint32_t i)
{
	l->row[i] = l->row[--l->n];
}

/* A way that both retains and releases at one place is its own match. */
static void enter(struct refs *s, struct book *l, site_id site, int32_t by, uint64_t ticks)
{
	uint32_t i = 0;

	while (i < l->n && l->row[i].site != site)
		i++;
	if (i == l->n) {
		if (l->n >= l->fold_at) {
			s->failed |= refs_fold(s, l, NEAR) != 0;
			/* Before the end what is far apart may have a nearer one to come. */
			if (l->n > ROWS_MANY)
				s->failed |= refs_fold(s, l, REFS_ANY) != 0;
			l->fold_at = l->n * 2 > FOLD_FROM ? l->n * 2 : FOLD_FROM;
			i = l->n;
		}
		if (mem_room(&l->row, l->n, &l->cap, sizeof(*l->row))) {
			s->failed = true;
			return;
		}
		l->row[l->n++] = (struct ref_row){ .site = site };
	}
	l->row[i].last = ticks;
	l->row[i].n += by;
	if (!l->row[i].n)
		drop_row(l, i);
}

int refs_settle(struct refs *s, struct book *l)
{
	return s->failed ? -ENOMEM : refs_fold(s, l, REFS_ANY);
}

/* --- the dead ------------------------------------------------------------------------ */

static struct tomb *tomb_of(const struct refs *s, uint64_t addr)
{
	uint64_t h = (addr >> 3) * 0x9e3779b97f4a7c15u;

	return &s->tomb[(h >> 40) % TOMBS];
}

static void bury(struct refs *s, struct book *l, uint64_t ticks)
{
	struct tomb *t;

	if (!s->tomb)
		s->tomb = mem_array(TOMBS, sizeof(*s->tomb));
	if (!s->tomb) {
		s->failed = true;
		return;
	}
	t = tomb_of(s, l->addr);
	*t = (struct tomb){ .addr = l->addr, .nth = l->nth, .ticks = ticks, .type = l->type,
		.born = l->born, .end = l->released };
	if (l->n > TOMB_ROWS)
		s->failed |= refs_fold(s, l, NEAR) != 0;
	if (l->n && l->n <= TOMB_ROWS) {
		memcpy(t->row, l->row, l->n * sizeof(*l->row));
		t->n = l->n;
	}
}

/*
 * One release more than there were retains: what nothing matches is the one too
 * many.  It need not be the last, when somebody had given back what another held.
 */
static site_id one_too_many(struct refs *s, const struct tomb *t, const struct event *e,
	site_id site)
{
	struct ref_row row[TOMB_ROWS + 1];
	struct book l = { .row = row, .n = t->n, .born = t->born, .cap = TOMB_ROWS + 1 };

	if (!t->n)
		return 0;
	memcpy(row, t->row, t->n * sizeof(*row));
	row[l.n++] = (struct ref_row){ site, -1, e->ticks };
	if (refs_fold(s, &l, REFS_ANY))
		s->failed = true;
	return l.n == 1 && row[0].n == -1 ? row[0].site : 0;
}

/* Its row of refs.bad + 1; 0: memory ended. */
static uint32_t tell_bad(struct refs *s, const struct refs_bad *x)
{
	for (uint32_t i = 0; i < s->nbad; i++) {
		struct refs_bad *b = &s->bad[i];

		if (b->type == x->type && b->bad == x->bad && b->end == x->end &&
		    b->retain == x->retain && b->alive == x->alive) {
			uint64_t times = b->times + 1;

			if (times == 1)		/* those before were made good */
				*b = *x;
			b->times = times;
			return i + 1;
		}
	}
	if (mem_room(&s->bad, s->nbad, &s->bad_cap, sizeof(*s->bad))) {
		s->failed = true;
		return 0;
	}
	s->bad[s->nbad] = *x;
	s->bad[s->nbad++].times = 1;
	return s->nbad;
}

/*
 * Some keep the memory of the dead for the next of them (libdbus its messages), which nobody saw
 * made: it was never given back, and has a count.
 */
static bool lives_again(const struct refs *s, const struct tomb *t, const struct event *e)
{
	int64_t before = (int32_t)e->arg + (e->kind == OURO_INCREF ? -1l : 1l);
	const struct block *b = replay_block(s->r, e->addr);

	return e->arg != OURO_COUNT_UNKNOWN && before > 0 && b && b->born <= t->ticks;
}

static void touch_dead(struct refs *s, const struct event *e, site_id site)
{
	struct tomb *t = s->tomb ? tomb_of(s, e->addr) : NULL;

	if (!t || t->addr != e->addr || !e->addr)
		return;		/* it was never seen, or too many died since */
	if (lives_again(s, t, e)) {
		t->addr = 0;
		return;
	}
	tell_bad(s, &(struct refs_bad){ .type = t->type, .born = t->born, .bad = site,
		.end = t->end, .retain = e->kind == OURO_INCREF,
		.suspect = e->kind == OURO_DECREF ? one_too_many(s, t, e, site) : 0,
		.addr = t->addr, .nth = t->nth, .ticks = e->ticks, .died = t->ticks });
}

/* More releases than references, and it lives on: too many, unless its count knows of references that nobody told. */
static void below_zero(struct refs *s, struct book *l, const struct event *e, site_id site)
{
	if (e->arg != OURO_COUNT_UNKNOWN && (int32_t)e->arg > 0)
		l->flags |= BOOK_PARTIAL;
	if (l->flags & (BOOK_BAD | BOOK_PARTIAL))
		return;
	l->flags |= BOOK_BAD;
	l->bad = tell_bad(s, &(struct refs_bad){ .type = l->type, .born = l->born, .bad = site,
		.end = l->released, .alive = true, .addr = l->addr, .nth = l->nth,
		.ticks = e->ticks });
}

/* --- what happens --------------------------------------------------------------------- */

static void tell(struct refs *s, const struct object *o, const struct book *l,
	const struct event *e, site_id site, site_id gives_back)
{
	if (s->tape)
		s->tape(s->tape_arg, s, o, &(struct ref_event){ .kind = e->kind,
			.what = e->kind == OURO_EXT ? (uint8_t)e->ext_arg[0] : 0,
			.thread = e->thread, .ticks = e->ticks, .count = l->count,
			.site = site, .gives_back = gives_back });
}

static bool is_counted(const struct refs *s, uint32_t type)
{
	const struct def_type *t = def_type(s->r->defs, type);

	return t && t->runtime;
}

/* From here on all that is done to its count is told. */
static void open_book(struct refs *s, const struct object *o)
{
	struct book *l = make_book(s, o);
	struct tomb *t;

	if (!l)
		return;
	t = s->tomb ? tomb_of(s, o->addr) : NULL;
	if (t && t->addr == o->addr)
		t->addr = 0;
	l->retains = l->count = 1;
	enter(s, l, o->site, 1, o->born);
	if (s->tape)
		s->tape(s->tape_arg, s, o, &(struct ref_event){ .kind = OURO_BIRTH,
			.ticks = o->born, .count = 1, .site = o->site });
}

void refs_born(struct refs *s, const struct object *o)
{
	if (is_counted(s, o->type))
		open_book(s, o);
}

void refs_dies(struct refs *s, const struct object *o)
{
	struct book *l = refs_of(s, o);

	if (!l)
		return;
	if (s->tape)
		s->tape(s->tape_arg, s, o, &(struct ref_event){ .kind = OURO_DEATH,
			.ticks = s->r->now, .count = l->count });
	if (!(l->flags & (BOOK_PARTIAL | BOOK_UNTOLD))) {
		if (l->n)
			refs_learn(s, l);
		bury(s, l, s->r->now);
	}
	s->of[row_of(s, o)] = NULL;
	s->objects--;
	book_free(l);
}

static struct ref_row *row_at(const struct book *l, site_id site)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->row[i].site == site)
			return &l->row[i];
	return NULL;
}

/*
 * A holder that was told takes over the reference that was taken last, and gives that one back
 * when it lets go.
 */
static void tie_reference(struct refs *s, const struct event *e)
{
	uint64_t held = e->ext_arg[0] * 8;
	struct tie *t = ties_find(&s->ties, e->addr, held);
	uint32_t row = t ? live_object(&s->r->live, held) : 0;
	struct book *l = row ? refs_of(s, &s->r->live.object[row]) : NULL;
	uint64_t last = 0;

	for (uint32_t i = 0; l && i < l->n; i++)
		if (l->row[i].n > 0 && l->row[i].last >= last) {
			last = l->row[i].last;
			t->taken = l->row[i].site;
		}
}

static void mark_holder(struct refs *s, uint64_t addr)
{
	uint32_t row = live_object(&s->r->live, addr);
	struct book *l = row ? refs_of(s, &s->r->live.object[row]) : NULL;

	if (l)
		l->flags |= BOOK_HOLDER;
}

static int told(struct refs *s, const struct event *e, site_id site)
{
	const struct tie *t;
	int r;

	if (e->ext == OURO_EXT_UNEDGE) {
		t = ties_find(&s->ties, e->addr, e->ext_arg[0] * 8);
		s->let_go.addr = e->ext_arg[0] * 8;
		s->let_go.thread = e->thread;
		s->let_go.taken = t ? t->taken : 0;
	}
	r = ties_event(&s->ties, s->r, e, site);
	if (r || e->ext != OURO_EXT_EDGE || e->ext_arg[2] != OURO_HOLD_OWNED)
		return r;
	if (!tie_is_attached(s->r, (uint32_t)e->ext_arg[1]))
		mark_holder(s, e->addr);
	tie_reference(s, e);
	return 0;
}

/* The retain that this release gives back for certain; 0: nobody told. */
static site_id given_back(struct refs *s, const struct book *l, const struct event *e)
{
	const struct ref_row *row;

	if (s->let_go.addr != e->addr || s->let_go.thread != e->thread)
		return 0;
	s->let_go.addr = 0;
	row = e->kind == OURO_DECREF && s->let_go.taken ? row_at(l, s->let_go.taken) : NULL;
	return row && row->n > 0 ? row->site : 0;
}

static void count(struct refs *s, struct book *l, const struct event *e, site_id site,
	site_id gives_back)
{
	bool up = e->kind == OURO_INCREF;

	l->count = e->arg;
	if (up) {
		l->retains++;
	} else {
		l->releases++;
		if (l->releases > l->retains)
			below_zero(s, l, e, site);
		l->released = site;
	}
	enter(s, l, gives_back ? gives_back : site, up ? 1 : -1, e->ticks);
}

/* The reference it was born with changes hands. */
static void sink(struct refs *s, struct book *l, const struct event *e, site_id site)
{
	l->flags &= (uint8_t)~BOOK_FLOATING;
	enter(s, l, l->born, -1, e->ticks);
	enter(s, l, site, 1, e->ticks);
}

/*
 * A menu of GTK lets go of the reference that its window counts before its end, and takes it
 * again in its end's own handler: what was below 0 was made good, and it lived.
 */
static void revived(struct refs *s, struct book *l)
{
	if (!l->bad || l->releases > l->retains)
		return;
	s->bad[l->bad - 1].times--;
	l->bad = 0;
	l->flags &= (uint8_t)~BOOK_BAD;
}

static void add_weak(struct refs *s, struct book *l, uint64_t place)
{
	if (!place || l->nweak >= WEAK_MAX)
		return;
	if (mem_room(&l->weak, l->nweak, &l->weak_cap, sizeof(*l->weak)))
		s->failed = true;
	else
		l->weak[l->nweak++] = place;
}

static void remove_weak(struct book *l, uint64_t place)
{
	for (uint32_t i = l->nweak; i-- > 0; )
		if (l->weak[i] == place) {
			l->weak[i] = l->weak[--l->nweak];
			return;
		}
}

/* Born with another count than 1, or one that the runtime sets. */
static void set_count(struct refs *s, struct book *l, const struct event *e, uint64_t n)
{
	int64_t by = (int64_t)n - (int64_t)(l->retains - l->releases);

	if (!n)
		l->flags |= BOOK_UNTOLD;
	if (!n || by > INT32_MAX || by < INT32_MIN)
		return;
	if (by > 0)
		l->retains += (uint64_t)by;
	else
		l->releases += (uint64_t)-by;
	l->count = n;
	if (by)
		enter(s, l, l->born, (int32_t)by, e->ticks);
}

static void reference(struct refs *s, struct book *l, const struct event *e, site_id site)
{
	switch (e->ext_arg[0]) {
	case OURO_REFERENCE_FLOATING:
		l->flags |= BOOK_FLOATING;
		break;
	case OURO_REFERENCE_SUNK:
		sink(s, l, e, site);
		break;
	case OURO_REFERENCE_TOGGLE_ADD:
		l->toggles++;
		break;
	case OURO_REFERENCE_TOGGLE_REMOVE:
		l->toggles -= l->toggles > 0;
		break;
	case OURO_REFERENCE_WEAK_ADD:
		add_weak(s, l, e->ext_arg[1]);
		break;
	case OURO_REFERENCE_WEAK_REMOVE:
		remove_weak(l, e->ext_arg[1]);
		break;
	case OURO_REFERENCE_DISPOSED:
		l->flags |= BOOK_DISPOSED;
		break;
	case OURO_REFERENCE_REVIVED:
		revived(s, l);
		break;
	case OURO_REFERENCE_COUNT:
		set_count(s, l, e, e->ext_arg[1]);
		break;
	case OURO_REFERENCE_STATIC:
		l->flags |= BOOK_STATIC;
		break;
	case OURO_REFERENCE_UNWATCHED:
		l->flags |= BOOK_PARTIAL;
		break;
	default:
		break;
	}
}

void refs_event(struct refs *s, const struct event *e, site_id site)
{
	uint32_t row = live_object(&s->r->live, e->addr);
	const struct object *o = &s->r->live.object[row];
	site_id gives_back;
	struct book *l;

	if (e->kind == OURO_EXT && e->ext != OURO_EXT_REFERENCE) {
		s->failed |= told(s, e, site) != 0;
		return;
	}
	if (!row || !o->alive) {
		if (e->kind != OURO_EXT)
			touch_dead(s, e, site);
		return;
	}
	if (e->kind == OURO_EXT && e->ext_arg[0] == OURO_REFERENCE_WATCHED) {
		open_book(s, o);
		return;
	}
	l = refs_of(s, o);
	if (!l) {
		l = make_book(s, o);
		if (!l)
			return;
		l->flags = BOOK_PARTIAL;
	}
	gives_back = e->kind == OURO_EXT ? 0 : given_back(s, l, e);
	if (e->kind == OURO_EXT)
		reference(s, l, e, site);
	else if (!(l->flags & BOOK_UNTOLD))
		count(s, l, e, site, gives_back);
	tell(s, o, l, e, site, gives_back);
}

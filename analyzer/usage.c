#include "usage.h"

#include "mem.h"
#include "shape.h"
#include "words.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- sums -------------------------------------------------------------------------- */

static void add_exact(struct usage *u, const struct part *p, uint64_t objects,
	const struct part_left *left)
{
	u->blocks += (double)p->blocks;
	u->bytes += (double)p->bytes;
	u->peak += (double)p->at_peak;
	u->peak_bytes += (double)p->at_peak_bytes;
	u->brief += (double)p->brief;
	u->objects += (double)objects;
	u->live += (double)left->live;
	u->live_bytes += (double)left->live_bytes;
	u->live_objects += (double)left->live_objects;
}

static void add_scaled(struct usage *u, const struct part_scaled *p,
	const struct part_left_scaled *left)
{
	u->blocks += p->made.n;
	u->bytes += p->made.bytes;
	u->blocks_variance += p->made.n_variance;
	u->bytes_variance += p->made.bytes_variance;
	u->peak += p->at_peak.n;
	u->peak_bytes += p->at_peak.bytes;
	u->peak_bytes_variance += p->at_peak.bytes_variance;
	u->brief += p->brief;
	u->objects += p->objects;
	if (!left)
		return;
	u->live += left->live.n;
	u->live_bytes += left->live.bytes;
	u->live_variance += left->live.n_variance;
	u->live_bytes_variance += left->live.bytes_variance;
	u->live_objects += left->objects;
}

void usage_add_part(struct usage *u, const struct replay *r, part_id part)
{
	const struct part_objects *objects = replay_objects(r, part);
	struct part_left left = replay_left(r, part);

	if (r->part_scaled)
		add_scaled(u, &r->part_scaled[part],
			r->left_scaled ? &r->left_scaled[replay_left_row(r, part)] : NULL);
	else
		add_exact(u, &r->part[part], objects->born, &left);
	ages_add(u->block_ages, &r->part[part].ages, &r->ages);
	ages_add(u->object_ages, &objects->ages, &r->ages);
}

double usage_error(double variance)
{
	return variance > 0 ? sqrt(variance) : 0;
}

const uint64_t *usage_ages(const struct usage *u)
{
	for (unsigned i = 0; i < AGES; i++)
		if (u->object_ages[i])
			return u->object_ages;
	return u->block_ages;
}

/* --- what is asked for --------------------------------------------------------------- */

static const char *last_part(const char *name)
{
	const char *dot = strrchr(name, '.');
	const char *colons = strstr(name, "::");

	for (const char *next = colons; next; next = strstr(next + 2, "::"))
		colons = next;
	return colons ? colons + 2 : dot ? dot + 1 : name;
}

static bool is_name(const char *pattern, const char *name)
{
	return !fnmatch(pattern, name, 0) || !fnmatch(pattern, last_part(name), 0);
}

static bool is_file(const char *pattern, const char *path)
{
	return !fnmatch(pattern, path, 0) || !fnmatch(pattern, words_file(path), 0) ||
		strstr(path, pattern);
}

static bool is_under(const char *pattern, const struct replay *r, struct places *p, stack_id s)
{
	for (; s; s = stack_parent(&r->stacks, s)) {
		uint32_t n;
		const struct place *at = places_at(p, r->stacks.node[s].location, &n);

		for (uint32_t i = 0; i < n; i++)
			if (is_name(pattern, places_text(p, at[i].function)))
				return true;
	}
	return false;
}

const char *usage_type(const struct replay *r, struct places *p, uint32_t type)
{
	const struct def_type *t = type ? def_type(r->defs, type) : NULL;
	text_id name = t ? texts_add(&p->texts, t->name.s, t->name.length) : 0;

	return name ? places_text(p, name) : "memory block";
}

bool usage_asked(const struct usage_query *q, const struct replay *r, struct places *p,
	part_id part)
{
	const struct part *x = &r->part[part];
	stack_id stack = r->site[x->site].stack;
	struct place own;

	if (q->thread && x->thread != q->thread)
		return false;
	if (q->type && !is_name(q->type, usage_type(r, p, x->type)))
		return false;
	if (!q->function && !q->module)
		return !q->under || is_under(q->under, r, p, stack);
	own = places_own(p, &r->stacks, stack);
	if (q->function && !is_name(q->function, places_text(p, own.function)))
		return false;
	if (q->module && !is_file(q->module, places_text(p, places_module(p, &r->stacks, stack))) &&
	    !(own.interp && is_file(q->module, places_text(p, own.file))))
		return false;
	return !q->under || is_under(q->under, r, p, stack);
}

/* --- the table --------------------------------------------------------------------- */

/* What makes two parts one row: as far as they are told apart, all else is 0. */
struct key {
	text_id function, file, module;
	uint32_t line, type, thread;
	site_id site;
};

struct tabling {
	struct usage_table *t;
	const struct replay *r;
	struct places *p;
	enum usage_by by;
	struct key *key;		/* by row                                    */
	uint32_t cap;
	uint32_t *index, mask;		/* open addressing: key -> row + 1           */
	struct site_key {		/* by site: the same for all its parts       */
		text_id function, file, module;
		uint32_t line;
		bool known;
	} *site;
};

static const struct site_key *site_key(struct tabling *x, site_id id)
{
	struct site_key *k = &x->site[id];
	stack_id stack = x->r->site[id].stack;
	struct place own;

	if (k->known)
		return k;
	own = places_own(x->p, &x->r->stacks, stack);
	*k = (struct site_key){ own.function, own.file ? own.file : own.module,
		places_module(x->p, &x->r->stacks, stack), own.line, true };
	return k;
}

static struct key key_of(struct tabling *x, part_id part)
{
	const struct part *p = &x->r->part[part];
	const struct site_key *s;

	switch (x->by) {
	case USAGE_BY_TYPE:
		return (struct key){ .type = p->type };
	case USAGE_BY_THREAD:
		return (struct key){ .thread = p->thread };
	default:
		break;
	}
	s = site_key(x, p->site);
	switch (x->by) {
	case USAGE_BY_FUNCTION:
		return (struct key){ .function = s->function, .file = s->file };
	case USAGE_BY_FILE:
		return (struct key){ .file = s->file };
	case USAGE_BY_MODULE:
		return (struct key){ .module = s->module };
	case USAGE_BY_STACK:
		return (struct key){ s->function, s->file, s->module, s->line, .site = p->site };
	default:
		return (struct key){ .function = s->function, .file = s->file, .line = s->line };
	}
}

static bool same(const struct key *a, const struct key *b)
{
	return a->function == b->function && a->file == b->file && a->module == b->module &&
		a->line == b->line && a->type == b->type && a->thread == b->thread &&
		a->site == b->site;
}

static uint64_t hash(const struct key *k)
{
	uint64_t h = shape_mix((uint64_t)k->function << 32 | k->file,
		(uint64_t)k->module << 32 | k->line);

	return shape_mix(shape_mix(h, (uint64_t)k->type << 32 | k->thread), k->site);
}

static uint32_t slot_of(const struct tabling *x, const struct key *k)
{
	uint32_t at = (uint32_t)hash(k) & x->mask;

	while (x->index[at] && !same(&x->key[x->index[at] - 1], k))
		at = (at + 1) & x->mask;
	return at;
}

static bool grow(struct tabling *x)
{
	uint32_t room = x->mask ? (x->mask + 1) * 2 : 256;
	uint32_t *index = mem_array(room, sizeof(*index));

	if (!index)
		return false;
	mem_free(x->index);
	x->index = index;
	x->mask = room - 1;
	for (uint32_t i = 0; i < x->t->n; i++)
		x->index[slot_of(x, &x->key[i])] = i + 1;
	return true;
}

static struct usage_row new_row(struct tabling *x, const struct key *k)
{
	return (struct usage_row){ .function = places_text(x->p, k->function),
		.file = places_text(x->p, k->file), .module = places_text(x->p, k->module),
		.line = k->line, .thread = k->thread };
}

static struct usage_row *row_of(struct tabling *x, const struct key *k)
{
	uint32_t at = slot_of(x, k);

	if (x->index[at])
		return &x->t->row[x->index[at] - 1];
	if (x->t->n * 2 >= x->mask) {
		if (!grow(x))
			return NULL;
		at = slot_of(x, k);
	}
	if (mem_room(&x->t->row, x->t->n, &x->t->cap, sizeof(*x->t->row)) ||
	    mem_room(&x->key, x->t->n, &x->cap, sizeof(*x->key)))
		return NULL;
	x->t->row[x->t->n] = new_row(x, k);
	x->key[x->t->n] = *k;
	x->index[at] = ++x->t->n;
	return &x->t->row[x->t->n - 1];
}

/* What one part weighs when it is asked which one stands for a row. */
static uint64_t weight_of_part(const struct replay *r, part_id part)
{
	const struct part *p = &r->part[part];

	return (replay_left(r, part).live_bytes << 20) + p->bytes + p->blocks;
}

static void describe(struct tabling *x, struct usage_row *row, part_id part, bool first)
{
	const struct part *p = &x->r->part[part];
	const char *type = usage_type(x->r, x->p, p->type);

	if (first) {
		row->type = type;
		row->thread = p->thread;
	} else if (row->type != type) {
		row->type = NULL;
	}
	if (row->thread != p->thread)
		row->thread = 0;
	if (x->by == USAGE_BY_STACK)
		row->own_peak = x->r->site[p->site].peak_bytes;
}

static int add_part(struct tabling *x, part_id part, uint64_t *best)
{
	struct key k = key_of(x, part);
	uint64_t weight = weight_of_part(x->r, part);
	uint32_t at, n = x->t->n;
	struct usage_row *row = row_of(x, &k);

	if (!row)
		return -ENOMEM;
	at = (uint32_t)(row - x->t->row);
	usage_add_part(&row->u, x->r, part);
	usage_add_part(&x->t->all, x->r, part);
	describe(x, row, part, x->t->n > n);
	if (weight >= best[at]) {
		row->site = x->r->part[part].site;
		best[at] = weight;
	}
	return 0;
}

static bool made_nothing(const struct replay *r, part_id part)
{
	const struct part *p = &r->part[part];

	return !p->blocks && !replay_objects(r, part)->born && !p->at_peak &&
		!replay_left(r, part).live;
}

struct weight {
	double peak, brief;		/* bytes; blocks                             */
};

static uint32_t innermost(const struct replay *r, part_id part)
{
	stack_id stack = r->site[r->part[part].site].stack;
	uint32_t location = stack ? r->stacks.node[stack].location : 0;

	return location < r->defs->locations ? location : 0;
}

/* By location: of all parts whose innermost call it is. */
static struct weight *weigh_calls(const struct replay *r)
{
	struct weight *w = mem_array(r->defs->locations + 1, sizeof(*w));

	for (part_id i = 0; w && i < r->parts; i++) {
		struct weight *x = &w[innermost(r, i)];

		x->peak += (double)r->part[i].at_peak_bytes;
		x->brief += (double)r->part[i].brief;
	}
	return w;
}

static int add_parts(struct tabling *x, const struct usage_query *q)
{
	/* No more rows than parts. */
	uint64_t *best = mem_array(x->r->parts, sizeof(*best));
	struct weight *w = weigh_calls(x->r);
	int e = best && w ? 0 : -ENOMEM;

	for (part_id i = 0; i < x->r->parts && !e; i++) {
		const struct weight *all = &w[innermost(x->r, i)];

		if (all->peak >= q->least_peak && all->brief >= q->least_brief &&
		    !made_nothing(x->r, i) && usage_asked(q, x->r, x->p, i))
			e = add_part(x, i, best);
	}
	mem_free(w);
	mem_free(best);
	return e ? e : x->p->failed ? -ENOMEM : 0;
}

int usage_table_init(struct usage_table *t, const struct replay *r, struct places *p,
	const struct usage_query *q)
{
	struct tabling x = { .t = t, .r = r, .p = p, .by = q->by };
	int e = -ENOMEM;

	*t = (struct usage_table){ 0 };
	x.site = mem_array(r->sites, sizeof(*x.site));
	if (x.site && grow(&x))
		e = add_parts(&x, q);
	mem_free(x.site);
	mem_free(x.key);
	mem_free(x.index);
	if (e)
		usage_table_fini(t);
	return e;
}

void usage_table_fini(struct usage_table *t)
{
	mem_free(t->row);
	*t = (struct usage_table){ 0 };
}

/* --- order ------------------------------------------------------------------------- */

double usage_key(const struct usage *u, enum usage_sort by)
{
	switch (by) {
	case USAGE_SORT_BYTES:
		return u->bytes;
	case USAGE_SORT_COUNT:
		return u->blocks + u->objects;
	case USAGE_SORT_PEAK:
		return u->peak_bytes;
	case USAGE_SORT_TEMPORARY:
		return u->brief;
	case USAGE_SORT_LIFETIME:
		return ages_quantile(usage_ages(u), 0.5);
	default:
		return u->live_bytes;
	}
}

struct sorted {
	double key, bytes;
	uint32_t row;
};

static int most_first(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	if (x->key != y->key)
		return x->key > y->key ? -1 : 1;
	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

void usage_sort(struct usage_table *t, enum usage_sort by)
{
	struct sorted *s = mem_array(t->n, sizeof(*s));
	struct usage_row *row = mem_array(t->n, sizeof(*row));

	for (uint32_t i = 0; s && row && i < t->n; i++)
		s[i] = (struct sorted){ usage_key(&t->row[i].u, by), t->row[i].u.bytes, i };
	if (s && row && t->n) {
		qsort(s, t->n, sizeof(*s), most_first);
		for (uint32_t i = 0; i < t->n; i++)
			row[i] = t->row[s[i].row];
		memcpy(t->row, row, t->n * sizeof(*row));
	}
	mem_free(s);
	mem_free(row);
}

#include "ledger.h"

#include "buf.h"
#include "mem.h"
#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Names of strangers: what would break a line of a baseline is no part of them. */
static const char *plain(struct buf *b, const char *s)
{
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f) {
			for (buf_reset(b); *s; s++)
				buf_putc(b, (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s);
			return buf_text(b);
		}
	return s;
}

const char *ledger_text(struct ledger *l, const char *s)
{
	struct buf b = {0};
	text_id id;

	if (!s || !*s)
		return "";
	id = texts_add0(&l->texts, plain(&b, s));
	buf_fini(&b);
	l->failed |= !id;
	return texts_get(&l->texts, id);
}

struct ledger_entry *ledger_add(struct ledger *l, const char *kind)
{
	struct ledger_entry *e;

	if (mem_room(&l->entry, l->n, &l->cap, sizeof(*l->entry))) {
		l->failed = true;
		return NULL;
	}
	e = &l->entry[l->n++];
	*e = (struct ledger_entry){ .kind = ledger_text(l, kind), .headline = "",
		.advice = "", .comment = "" };
	return e;
}

/* Room for one more in an array that is grown by doubling; NULL: no memory. */
static void *room(struct ledger *l, void *array, uint32_t n, size_t size)
{
	void *p = array;

	if (!(n & (n - 1))) {		/* 0, 1, 2, 4, ...: full */
		p = mem_array(n ? (size_t)n * 2 : 1, size);
		if (p && n)
			memcpy(p, array, n * size);
		if (p)
			mem_free(array);
	}
	l->failed |= !p;
	return p;
}

static void add_name(struct ledger *l, const char ***names, uint32_t *n, const char *name)
{
	const char **p = room(l, *names, *n, sizeof(**names));

	if (!p)
		return;
	*names = p;
	p[(*n)++] = ledger_text(l, name);
}

void ledger_type(struct ledger *l, struct ledger_entry *e, const char *name)
{
	if (e)
		add_name(l, &e->type, &e->ntypes, name);
}

void ledger_edge(struct ledger *l, struct ledger_entry *e, const char *name)
{
	if (e)
		add_name(l, &e->edge, &e->nedges, name);
}

void ledger_place(struct ledger *l, struct ledger_entry *e, const char *function,
		  const char *file, uint32_t line)
{
	struct ledger_place *p;

	if (!e)
		return;
	p = room(l, e->place, e->nplaces, sizeof(*p));
	if (!p)
		return;
	e->place = p;
	p[e->nplaces++] = (struct ledger_place){
		ledger_text(l, *function ? function : "?"), ledger_text(l, file), line };
}

void ledger_copy(struct ledger *l, const struct ledger_entry *from)
{
	struct ledger_entry *e = ledger_add(l, from->kind);
	struct ledger_entry kept;

	if (!e)
		return;
	kept = *e;
	*e = *from;
	e->kind = kept.kind;
	e->type = NULL;
	e->edge = NULL;
	e->place = NULL;
	e->ntypes = e->nedges = e->nplaces = 0;
	e->headline = ledger_text(l, from->headline);
	e->advice = ledger_text(l, from->advice);
	e->comment = texts_get(&l->texts, texts_add0(&l->texts, from->comment));
	e->finding = NULL;
	for (uint32_t i = 0; i < from->ntypes; i++)
		ledger_type(l, e, from->type[i]);
	for (uint32_t i = 0; i < from->nedges; i++)
		ledger_edge(l, e, from->edge[i]);
	for (uint32_t i = 0; i < from->nplaces; i++)
		ledger_place(l, e, from->place[i].function, from->place[i].file,
			     from->place[i].line);
}

static void entry_fini(struct ledger_entry *e)
{
	mem_free(e->type);
	mem_free(e->edge);
	mem_free(e->place);
}

void ledger_remove(struct ledger *l, uint32_t i)
{
	entry_fini(&l->entry[i]);
	l->entry[i] = l->entry[--l->n];
}

void ledger_fini(struct ledger *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		entry_fini(&l->entry[i]);
	mem_free(l->entry);
	texts_fini(&l->texts);
	*l = (struct ledger){0};
}

/* --- order ------------------------------------------------------------------------- */

const char *ledger_file_name(const char *file)
{
	return words_file(file);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void settle_names(const char **names, uint32_t *n)
{
	uint32_t kept = 0;

	if (*n)
		qsort(names, *n, sizeof(*names), by_name);
	for (uint32_t i = 0; i < *n; i++)
		if (!kept || strcmp(names[kept - 1], names[i]))
			names[kept++] = names[i];
	*n = kept;
}

static int compare_names(const struct ledger_place *a, const struct ledger_place *b)
{
	int r = strcmp(ledger_file_name(a->file), ledger_file_name(b->file));

	return r ? r : strcmp(a->function, b->function);
}

static int by_place(const void *a, const void *b)
{
	const struct ledger_place *x = a, *y = b;
	int r = compare_names(x, y);

	return r ? r : x->line < y->line ? -1 : x->line > y->line;
}

static void settle_places(struct ledger_entry *e)
{
	uint32_t kept = 0;

	if (e->chain)
		return;
	if (e->nplaces)
		qsort(e->place, e->nplaces, sizeof(*e->place), by_place);
	for (uint32_t i = 0; i < e->nplaces; i++)
		if (!kept || by_place(&e->place[kept - 1], &e->place[i]))
			e->place[kept++] = e->place[i];
	e->nplaces = kept;
}

static void make_key(struct ledger *l, struct ledger_entry *e)
{
	struct buf b = {0};

	buf_printf(&b, "%s", e->kind);
	for (uint32_t i = 0; i < e->ntypes; i++)
		buf_printf(&b, "\n%s", e->type[i]);
	for (uint32_t i = 0; i < e->nplaces; i++)
		if (!i || compare_names(&e->place[i - 1], &e->place[i]))
			buf_printf(&b, "\n@%s\n%s", ledger_file_name(e->place[i].file),
				   e->place[i].function);
	for (uint32_t i = 0; i < e->nedges; i++)
		buf_printf(&b, "\n>%s", e->edge[i]);
	e->key = texts_add0(&l->texts, buf_text(&b));
	l->failed |= b.failed || !e->key;
	buf_fini(&b);
}

int ledger_compare_lines(const struct ledger_entry *a, const struct ledger_entry *b)
{
	uint32_t n = a->nplaces < b->nplaces ? a->nplaces : b->nplaces;

	for (uint32_t i = 0; i < n; i++)
		if (a->place[i].line != b->place[i].line)
			return a->place[i].line < b->place[i].line ? -1 : 1;
	return a->nplaces < b->nplaces ? -1 : a->nplaces > b->nplaces;
}

/*
 * A place can stand for several: calls on one line, functions that were inlined without
 * a trace.  Sizes tell these apart, but those of one recursion are one.
 */
static uint64_t size_of(const struct ledger_entry *e)
{
	return e->chain && !e->recursive && e->count ? e->bytes / e->count : 0;
}

static int compare_alike(const struct ledger_entry *a, const struct ledger_entry *b)
{
	int r = ledger_compare_lines(a, b);

	return r ? r : size_of(a) < size_of(b) ? -1 : size_of(a) > size_of(b);
}

static int by_key(const void *a, const void *b, void *texts)
{
	const struct ledger_entry *x = a, *y = b;
	int r;

	if (x->key != y->key)
		return strcmp(texts_get(texts, x->key), texts_get(texts, y->key));
	r = compare_alike(x, y);
	return r ? r : x->process < y->process ? -1 : x->process > y->process;
}

/* What was found in two processes, or twice for a reason that no name tells. */
static void merge(struct ledger_entry *to, struct ledger_entry *from)
{
	if (from->process != to->process) {
		to->work += from->work;
		to->seconds += from->seconds;
		to->process = from->process;
	}
	to->count += from->count;
	to->objects += from->objects;
	to->bytes += from->bytes;
	if (from->severity < to->severity)
		to->severity = from->severity;
	if (!*to->comment)
		to->comment = from->comment;
	entry_fini(from);
}

int ledger_settle(struct ledger *l)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < l->n; i++) {
		struct ledger_entry *e = &l->entry[i];

		settle_names(e->type, &e->ntypes);
		settle_names(e->edge, &e->nedges);
		settle_places(e);
		make_key(l, e);
	}
	if (l->failed)
		return -ENOMEM;
	if (l->n)
		qsort_r(l->entry, l->n, sizeof(*l->entry), by_key, &l->texts);
	for (uint32_t i = 0; i < l->n; i++) {
		struct ledger_entry *e = &l->entry[i];

		if (kept && l->entry[kept - 1].key == e->key &&
		    !compare_alike(&l->entry[kept - 1], e))
			merge(&l->entry[kept - 1], e);
		else
			l->entry[kept++] = *e;
	}
	l->n = kept;
	return 0;
}

/* --- words ------------------------------------------------------------------------- */

void ledger_put_place(struct buf *b, const struct ledger_place *p, bool line)
{
	if (strcmp(p->function, "?"))
		words_function(b, p->function);
	else
		buf_puts(b, "a function without a name");
	if (!*p->file)
		return;
	buf_printf(b, " (%s", p->file);
	if (line && p->line)
		buf_printf(b, ":%u", p->line);
	buf_putc(b, ')');
}

void ledger_put_title(struct buf *b, const struct ledger_entry *e, bool lines)
{
	for (uint32_t i = 0; i < e->ntypes; i++)
		buf_printf(b, "%s%s", i ? ", " : "", e->type[i]);
	for (uint32_t i = 0; i < e->nplaces; i++) {
		if (!lines && i && !compare_names(&e->place[i - 1], &e->place[i]))
			continue;
		buf_puts(b, i ? e->chain ? " by " : " and " : e->ntypes ? " at " : "");
		ledger_put_place(b, &e->place[i], lines);
		if (i == 3 && e->nplaces > 4) {
			buf_puts(b, " ...");
			break;
		}
	}
	if (!e->nplaces && !e->ntypes)
		buf_puts(b, "at a place that is not known");
}

static const char *const per_name[PERS] = { [PER_ANY] = "any", [PER_RUN] = "run",
	[PER_ALLOCATION] = "allocation", [PER_SECOND] = "second" };

const char *ledger_per_name(enum ledger_per per)
{
	return per_name[per];
}

bool ledger_per_of(const char *name, enum ledger_per *ret)
{
	for (unsigned i = 0; i < PERS; i++)
		if (!strcmp(name, per_name[i])) {
			*ret = i;
			return true;
		}
	return false;
}

#include "tally.h"

#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int tally_init(struct tally *t, const struct heap *h)
{
	*t = (struct tally){ .h = h };
	t->by_type = mem_array(h->ntypes, sizeof(*t->by_type));
	t->by_site = mem_array(h->nsites, sizeof(*t->by_site));
	t->type = mem_array(h->ntypes, sizeof(*t->type));
	t->site = mem_array(h->nsites, sizeof(*t->site));
	if (t->by_type && t->by_site && t->type && t->site)
		return 0;
	tally_fini(t);
	return -ENOMEM;
}

void tally_fini(struct tally *t)
{
	mem_free(t->by_type);
	mem_free(t->by_site);
	mem_free(t->type);
	mem_free(t->site);
	*t = (struct tally){0};
}

void tally_add(struct tally *t, node_id v)
{
	const struct heap_node *n = &t->h->node[v];

	if (!t->by_type[n->type]++)
		t->type[t->ntypes++] = n->type;
	if (!t->by_site[n->site]++)
		t->site[t->nsites++] = n->site;
}

struct finding_site tally_site(const struct heap *h, uint32_t site)
{
	const struct heap_frame *f = heap_place(h, site);

	if (!f)
		return (struct finding_site){ .function = "", .file = "", .variable = "" };
	return (struct finding_site){
		.function = heap_text(h, f->function), .file = heap_text(h, f->file),
		.line = f->line, .variable = heap_text(h, h->site[site].name),
	};
}

static int most_first(const void *a, const void *b)
{
	const struct finding_count *x = a, *y = b;

	if (x->objects != y->objects)
		return x->objects > y->objects ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int compare_place(const struct finding_site *x, const struct finding_site *y)
{
	int r = strcmp(x->file, y->file);

	if (!r && x->line != y->line)
		r = x->line < y->line ? -1 : 1;
	return r ? r : strcmp(x->function, y->function);
}

static int by_place(const void *a, const void *b)
{
	return compare_place(a, b);
}

static int busiest_first(const void *a, const void *b)
{
	const struct finding_site *x = a, *y = b;

	if (x->objects != y->objects)
		return x->objects > y->objects ? -1 : 1;
	return compare_place(x, y);
}

/* Sites differ by their whole stack; what is told is the place. */
static uint32_t merge_places(struct finding_site *s, uint32_t n)
{
	uint32_t i, kept = 0;

	qsort(s, n, sizeof(*s), by_place);
	for (i = 0; i < n; i++) {
		if (kept && !compare_place(&s[kept - 1], &s[i]))
			s[kept - 1].objects += s[i].objects;
		else
			s[kept++] = s[i];
	}
	qsort(s, kept, sizeof(*s), busiest_first);
	return kept;
}

int tally_take(struct tally *t, struct finding *f)
{
	struct finding_count *type = mem_array(t->ntypes, sizeof(*type));
	struct finding_site *site = mem_array(t->nsites, sizeof(*site));
	uint32_t i, nsites = 0;

	if (!type || !site) {
		mem_free(type);
		mem_free(site);
		return -ENOMEM;
	}
	for (i = 0; i < t->ntypes; i++) {
		uint32_t row = t->type[i];

		type[i] = (struct finding_count){ heap_text(t->h, t->h->type[row].name),
			t->by_type[row] };
		t->by_type[row] = 0;
	}
	for (i = 0; i < t->nsites; i++) {
		uint32_t row = t->site[i];

		if (heap_place(t->h, row)) {
			site[nsites] = tally_site(t->h, row);
			site[nsites++].objects = t->by_site[row];
		}
		t->by_site[row] = 0;
	}
	qsort(type, t->ntypes, sizeof(*type), most_first);
	f->type = type;
	f->ntypes = t->ntypes;
	f->site = site;
	f->nsites = nsites ? merge_places(site, nsites) : 0;
	t->ntypes = t->nsites = 0;
	return 0;
}

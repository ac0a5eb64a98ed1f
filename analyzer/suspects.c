#include "suspects.h"

#include "mem.h"
#include "place.h"

#include <errno.h>
#include <string.h>

enum { SUSPECTS_MAX = 4 };

/* ctypes makes its calls through these. */
static bool is_bridge(const char *module)
{
	const char *slash = strrchr(module, '/'), *name = slash ? slash + 1 : module;

	return !strncmp(name, "libffi.so", 9) || !strncmp(name, "_ctypes.", 8);
}

/* The innermost frame that is no part of what serves the program. */
static struct finding_site place_of(struct suspects *s, uint32_t site)
{
	struct heap *h = s->loader->h;
	const struct heap_frame *at = NULL;

	heap_load_symbols(h, s->loader->symbols, site);
	for (uint32_t c = h->site[site].calls; c && !at; c = h->call[c].outer) {
		const struct heap_frame *x = heap_frame(h, c);

		if (x->interpreted ||
		    (!place_serves(heap_text(h, x->function), heap_text(h, x->module)) &&
		     !is_bridge(heap_text(h, x->module))))
			at = x;
	}
	if (!at)
		return (struct finding_site){ "", "", "", 0, 0 };
	return (struct finding_site){ heap_text(h, at->function),
		heap_text(h, at->file ? at->file : at->module), "", at->line, 0 };
}

static int add(struct suspects *s, struct finding *f, const struct ref_row *row)
{
	int64_t site = heap_load_site(s->loader, row->site);
	uint32_t i = 0;

	if (site <= 0)
		return (int)site;
	while (i < f->npaths && f->path[i].site != (uint32_t)site)
		i++;
	if (i == SUSPECTS_MAX)
		return 0;
	if (!f->path) {
		f->path = mem_array(SUSPECTS_MAX, sizeof(*f->path));
		if (!f->path)
			return -ENOMEM;
	}
	if (i == f->npaths)
		f->path[f->npaths++] = (struct finding_path){ FINDING_KEEPS,
			place_of(s, (uint32_t)site), (uint32_t)site, 0, false };
	f->path[i].references += (uint64_t)row->n;
	f->path[i].place.objects++;
	return 0;
}

int suspects_of(void *suspects, struct finding *f, node_id v)
{
	struct suspects *s = suspects;
	struct live *live = &s->refs->r->live;
	uint32_t row = live_object(live, s->loader->h->node[v].address);
	struct book *book = row ? refs_of(s->refs, &live->object[row]) : NULL;
	int r = book ? refs_settle(s->refs, book) : 0;

	for (uint32_t i = 0; book && i < book->n && !r; i++)
		if (book->row[i].n > 0)
			r = add(s, f, &book->row[i]);
	return r;
}

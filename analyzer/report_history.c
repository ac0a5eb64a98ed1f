#include "report_history.h"

#include "buf.h"
#include "report_json.h"
#include "report_text.h"
#include "words.h"

#include <string.h>

#define FRAMES_TOLD 6
#define EVENTS_TOLD 40			/* without a partner, of one object          */
#define DEEP 60				/* levels of the tree that are indented      */

static double seconds(const struct history *h, uint64_t ticks)
{
	return (double)trace_elapsed(h->replay.trace, ticks) / 1e9;
}

static const char *type_name(const struct history *h, uint32_t type, char *room, size_t size)
{
	const struct def_type *t = def_type(h->replay.defs, type);

	snprintf(room, size, "%.*s", t ? (int)t->name.length : 6, t ? t->name.s : "object");
	return room;
}

static stack_id stack_of(const struct history *h, site_id site)
{
	return site && site < h->replay.sites ? h->replay.site[site].stack : 0;
}

/* --- one frame ---------------------------------------------------------------------------- */

static void put_frame(struct buf *b, const struct term *t, const struct frame *f)
{
	words_function(b, f->function);
	if (f->file)
		buf_printf(b, " %s", t ? term_path(t, f->file) : f->file);
	else if (f->module)
		buf_printf(b, " %s", f->module);
	if (f->file && f->line)
		buf_printf(b, ":%u", f->line);
}

/* Innermost first.  What a library does inside is left out where the program comes in later. */
static void put_stack(const struct term *t, struct report *r, struct history *h, site_id site,
	bool all)
{
	struct caller path[CALLERS_DEPTH];
	uint32_t n = callers_path(&h->refs.callers, stack_of(h, site), path), told = 0;
	const struct caller *blame = callers_blame(path, n);
	struct buf b = { 0 };

	for (uint32_t i = n; i-- > 0; ) {
		uint32_t frames;
		const struct frame *f = symbols_frames(r->symbols, path[i].location, &frames);
		bool inside = blame && blame->program && &path[i] > blame;

		if (!all && (told >= FRAMES_TOLD || (inside && i + 1 < n && told)))
			continue;
		for (uint32_t k = frames; k-- > 0; ) {
			buf_puts(&b, told++ ? "by " : "at ");
			put_frame(&b, t, &f[k]);
			text_line(t, &path[i] == blame ? TERM_CYAN : TERM_DIM, 26, buf_text(&b));
			buf_reset(&b);
		}
	}
	buf_fini(&b);
}

/* --- one object --------------------------------------------------------------------------- */

static void put_event(const struct term *t, struct report *r, struct history *h,
	const struct history_object *x, uint32_t i, bool all)
{
	const struct history_event *e = &x->event[i];
	bool alone = e->counts && !e->partner;
	struct buf b = { 0 };

	buf_printf(&b, "%6u %10.6f s  ", i + 1, seconds(h, e->e.ticks));
	if (e->counts)
		buf_printf(&b, "%4llu  ", (unsigned long long)e->e.count);
	else
		buf_puts(&b, "      ");
	fputs(buf_text(&b), t->out);
	buf_reset(&b);
	buf_puts(&b, history_words(e));
	if (e->partner && e->e.kind == OURO_BIRTH && x->event[e->partner - 1].up)
		buf_printf(&b, ", taken over by %u", e->partner);
	else if (e->partner)
		buf_printf(&b, e->up ? ", given back by %u" : ", gives back %u", e->partner);
	else if (alone && !x->death)
		buf_puts(&b, e->up ? ": nobody gave it back" : ": nobody had taken it");
	if (alone)
		term_style(t, e->up && !x->death ? TERM_RED : TERM_YELLOW);
	term_wrap(t, 26, 26, buf_text(&b));
	term_style(t, TERM_PLAIN);
	buf_fini(&b);
	if (e->e.site)
		put_stack(t, r, h, e->e.site, all);
}

static void put_folded(const struct term *t, uint32_t folded)
{
	struct buf b = { 0 };

	if (!folded)
		return;
	buf_puts(&b, "... ");
	buf_number(&b, folded);
	buf_puts(&b, folded == 1 ? " that is matched" : " that are matched");
	text_line(t, TERM_DIM, 26, buf_text(&b));
	buf_fini(&b);
}

static void put_head(const struct term *t, struct history *h, const struct history_object *x)
{
	struct buf b = { 0 };
	char name[128];
	uint64_t left = x->retains - x->releases;

	buf_printf(&b, "%s at 0x%llx: taken ", type_name(h, x->type, name, sizeof(name)),
		(unsigned long long)x->addr);
	buf_number(&b, x->retains);
	buf_puts(&b, x->retains == 1 ? " time, given back " : " times, given back ");
	buf_number(&b, x->releases);
	if (x->death)
		buf_printf(&b, "; freed at %.6f s", seconds(h, x->death));
	else if (x->retains >= x->releases)
		buf_printf(&b, "; %llu left%s", (unsigned long long)left,
			x->stays ? ", and nothing can be found that has a right to it" : "");
	putc('\n', t->out);
	text_line(t, TERM_BOLD, 0, buf_text(&b));
	buf_fini(&b);
}

static void put_object(const struct term *t, struct report *r, struct history *h,
	const struct history_object *x, bool all)
{
	uint32_t folded = 0, told = 0;
	struct buf b = { 0 };

	put_head(t, h, x);
	for (uint32_t i = 0; i < x->n; i++) {
		const struct history_event *e = &x->event[i];

		if (!all && (e->partner || (!e->counts && e->e.what >= OURO_REFERENCE_WEAK_ADD))) {
			folded++;
			continue;
		}
		if (!all && told++ >= EVENTS_TOLD) {
			folded++;
			continue;
		}
		put_folded(t, folded);
		folded = 0;
		put_event(t, r, h, x, i, all);
	}
	put_folded(t, folded);
	if (x->matched && !all) {
		buf_number(&b, x->matched);
		buf_puts(&b, " of ");
		buf_number(&b, x->n);
		buf_puts(&b, " are matched, a retain and its release each; --all shows them.");
		text_line(t, TERM_DIM, 2, buf_text(&b));
	}
	buf_fini(&b);
}

/* --- the tree ----------------------------------------------------------------------------- */

/* Calls under which every object comes out even are no part of it. */
static uint32_t only_child(const struct calltree *t, uint32_t at)
{
	const struct calltree_node *n = &t->node[at];
	uint32_t only = 0;

	for (uint32_t c = n->child; c; c = t->node[c].sibling) {
		if (!t->node[c].objects)
			continue;
		if (only)
			return 0;
		only = c;
	}
	return only && calltree_balance(&t->node[only]) == calltree_balance(n) &&
		t->node[only].objects == n->objects ? only : 0;
}

static void put_node(const struct term *t, struct report *r, const struct calltree *tree,
	uint32_t at, uint32_t depth, bool leaf)
{
	const struct calltree_node *n = &tree->node[at];
	const struct frame *f = symbols_frame(r->symbols, n->caller.location);
	int64_t balance = calltree_balance(n);
	struct buf b = { 0 };

	fprintf(t->out, "%+8lld ", (long long)balance);
	term_style(t, TERM_DIM);
	fprintf(t->out, "%7llu-%-7llu", (unsigned long long)n->retains,
		(unsigned long long)n->releases);
	term_style(t, TERM_PLAIN);
	fprintf(t->out, " %*s", (int)(depth < DEEP ? depth : DEEP), "");
	put_frame(&b, t, f);
	if (leaf || !n->caller.program)
		term_style(t, leaf && n->caller.program ? TERM_RED : TERM_DIM);
	term_wrap(t, 26 + depth, 28 + depth, buf_text(&b));
	term_style(t, TERM_PLAIN);
	buf_fini(&b);
}

/* The next row to show after `at`, in the order of the page; 0: that was the last. */
static uint32_t next_of(const struct calltree *t, uint32_t at, uint32_t *depth)
{
	uint32_t c = t->node[at].child;

	while (c && !t->node[c].objects)
		c = t->node[c].sibling;
	if (c) {
		++*depth;
		return c;
	}
	for (; at; at = t->node[at].parent, --*depth) {
		for (c = t->node[at].sibling; c && !t->node[c].objects; c = t->node[c].sibling)
			;
		if (c)
			return c;
	}
	return 0;
}

static bool is_leaf(const struct calltree *t, uint32_t at)
{
	for (uint32_t c = t->node[at].child; c; c = t->node[c].sibling)
		if (t->node[c].objects)
			return false;
	return true;
}

static void put_tree(const struct term *t, struct report *r, struct history *h, bool all)
{
	const struct calltree *tree = &h->tree;
	uint32_t depth = 0;

	if (!tree->n || !tree->node[0].objects) {
		text_line(t, TERM_GREEN, 0, "Every object comes out even.");
		return;
	}
	text_line(t, TERM_DIM, 0, all ? " balance retains-releases  call; those under which every "
		"object comes out even are folded away" : " balance retains-releases  call; what is "
		"matched is left out (--all has it)");
	for (uint32_t at = next_of(tree, 0, &depth); at; at = next_of(tree, at, &depth)) {
		/* Of a chain of calls the last two are shown: where it leads to, and who calls. */
		uint32_t only = only_child(tree, at);

		if (only && only_child(tree, only))
			continue;
		put_node(t, r, tree, at, depth, is_leaf(tree, at));
	}
}

/* --- all of it ----------------------------------------------------------------------------- */

void history_text(const struct term *t, struct report *r, struct history *h,
	const struct history_options *o)
{
	struct buf b = { 0 };

	text_begin(t, r);
	buf_number(&b, h->matches);
	buf_printf(&b, " %s %s, by %s `%s`", h->matches == 1 ? "object" : "objects",
		h->dead ? "that all died" : h->matches == 1 ? "that lives" : "that live",
		history_by_words(h->by), o->query);
	if (h->staying) {
		buf_puts(&b, "; ");
		buf_number(&b, h->staying);
		buf_puts(&b, h->staying == 1 ? " of them stays without reason" :
			 " of them stay without reason");
	}
	if (h->by == HISTORY_BY_ADDRESS && h->at_address > 1)
		buf_printf(&b, " (the last of %llu at this address)",
			(unsigned long long)h->at_address);
	text_line(t, TERM_BOLD, 0, buf_text(&b));
	buf_reset(&b);
	if (o->tree)
		put_tree(t, r, h, o->all);
	for (uint32_t i = 0; i < h->n && !o->tree; i++)
		put_object(t, r, h, &h->object[i], o->all);
	if (h->cut)
		text_line(t, TERM_YELLOW, 0, "There is more than can be shown: ask for fewer objects "
			"(--limit N, an address).");
	if ((h->staying ? h->staying : h->matches) > h->n) {
		buf_number(&b, (h->staying ? h->staying : h->matches) - h->n);
		buf_puts(&b, " more; --limit N shows them, an address picks one.");
		text_line(t, TERM_DIM, 0, buf_text(&b));
	} else if (!o->tree && h->n > 1) {
		buf_printf(&b, "`ouro history --tree %s '%s'` adds them up.", o->path, o->query);
		text_line(t, TERM_DIM, 0, buf_text(&b));
	}
	buf_fini(&b);
}

static void json_place(struct json *j, const struct frame *f)
{
	json_text(j, "function", f->function);
	json_text(j, "file", f->file);
	if (f->line)
		json_uint(j, "line", f->line);
	else
		json_null(j, "line");
	json_text(j, "module", f->module);
}

static void json_stack(struct json *j, struct report *r, struct history *h, site_id site)
{
	struct caller path[CALLERS_DEPTH];
	uint32_t n = callers_path(&h->refs.callers, stack_of(h, site), path);

	json_open(j, "stack", '[');
	for (uint32_t i = n; i-- > 0; ) {
		uint32_t frames;
		const struct frame *f = symbols_frames(r->symbols, path[i].location, &frames);

		for (uint32_t k = frames; k-- > 0; ) {
			json_open(j, NULL, '{');
			json_place(j, &f[k]);
			json_bool(j, "program", path[i].program);
			json_close(j, '}');
		}
	}
	json_close(j, ']');
}

static void json_event(struct json *j, struct report *r, struct history *h,
	const struct history_object *x, uint32_t i)
{
	const struct history_event *e = &x->event[i];

	json_open(j, NULL, '{');
	json_uint(j, "number", i + 1);
	json_text(j, "what", history_words(e));
	json_int(j, "change", !e->counts || e->e.kind == OURO_EXT ? 0 : e->up ? 1 : -1);
	json_uint(j, "count", e->e.count);
	json_real(j, "seconds", seconds(h, e->e.ticks));
	json_uint(j, "thread", e->e.thread);
	if (e->partner)
		json_uint(j, "partner", e->partner);
	else
		json_null(j, "partner");
	json_stack(j, r, h, e->e.site);
	json_close(j, '}');
}

static void json_object(struct json *j, struct report *r, struct history *h,
	const struct history_object *x, bool all)
{
	char name[128], id[24];

	snprintf(id, sizeof(id), "0x%llx", (unsigned long long)x->addr);
	json_open(j, NULL, '{');
	json_text(j, "id", id);
	json_text(j, "type", type_name(h, x->type, name, sizeof(name)));
	json_bool(j, "stays", x->stays);
	json_real(j, "born", seconds(h, x->birth));
	if (x->death)
		json_real(j, "died", seconds(h, x->death));
	else
		json_null(j, "died");
	json_uint(j, "retains", x->retains);
	json_uint(j, "releases", x->releases);
	json_uint(j, "matched", x->matched);
	json_open(j, "events", '[');
	for (uint32_t i = 0; i < x->n; i++)
		if (all || !x->event[i].partner)
			json_event(j, r, h, x, i);
	json_close(j, ']');
	json_close(j, '}');
}

static void json_tree(struct json *j, struct report *r, struct history *h)
{
	const struct calltree *t = &h->tree;
	uint32_t depth = 0;

	json_open(j, "tree", '[');
	for (uint32_t at = t->n ? next_of(t, 0, &depth) : 0; at; at = next_of(t, at, &depth)) {
		const struct calltree_node *n = &t->node[at];

		json_open(j, NULL, '{');
		json_uint(j, "depth", depth);
		json_place(j, symbols_frame(r->symbols, n->caller.location));
		json_bool(j, "program", n->caller.program);
		json_uint(j, "retains", n->retains);
		json_uint(j, "releases", n->releases);
		json_int(j, "balance", calltree_balance(n));
		json_uint(j, "objects", n->objects);
		json_close(j, '}');
	}
	json_close(j, ']');
}

void history_json(FILE *out, struct report *r, struct history *h, const struct history_options *o)
{
	struct json j = { .out = out, .lines = true };

	report_json_begin(&j, r);
	json_text(&j, "query", o->query);
	json_text(&j, "matched", history_by_words(h->by));
	json_uint(&j, "matches", h->matches);
	json_uint(&j, "staying", h->staying);
	json_bool(&j, "dead", h->dead);
	json_bool(&j, "cut", h->cut);
	json_open(&j, "objects", '[');
	for (uint32_t i = 0; i < h->n; i++)
		json_object(&j, r, h, &h->object[i], o->all);
	json_close(&j, ']');
	if (o->tree)
		json_tree(&j, r, h);
	json_close(&j, '}');
}

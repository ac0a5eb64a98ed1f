#include "ledger_take.h"

#include "buf.h"
#include "mem.h"
#include "shorten.h"
#include "usage.h"
#include "words.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define CHAIN_MAX 24			/* calls of a stack; what is further out says little */

struct taker {
	struct ledger *l;
	struct report *r;
	struct shorten names;
	char *directory, *program;
};

static char *copy(struct text t)
{
	struct buf b = {0};

	buf_add(&b, t.s, t.length);
	return buf_take(&b);
}

static void taker_init(struct taker *t, struct ledger *l, struct report *r, const char *project)
{
	*t = (struct taker){ .l = l, .r = r, .directory = copy(r->defs.directory),
		.program = copy(r->defs.executable) };
	l->failed |= !t->directory || !t->program;
	t->names = (struct shorten){ .root = { project, t->directory },
		.program = t->program ? t->program : "" };
}

static void taker_fini(struct taker *t)
{
	mem_free(t->directory);
	mem_free(t->program);
}

/* --- places ------------------------------------------------------------------------ */

/* What asks malloc on behalf of somebody: that somebody is further out. */
static bool is_allocator(const char *function)
{
	static const char *const begins[] = { "operator new", "_Zn", "std::", "_ZNSt", "_ZSt",
		"_ZNKSt", "__gnu_cxx::", "_ZN9__gnu_cxx", "_start", "__libc_start" };

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (!strncmp(function, begins[i], strlen(begins[i])))
			return true;
	return false;
}

/* The language's own libraries: another version of them calls otherwise. */
static bool is_system(const char *module)
{
	static const char *const begins[] = { "libc.so", "libc-", "libstdc++", "ld-linux",
		"libpthread", "libgcc_s" };
	const char *name = words_file(module);

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (!strncmp(name, begins[i], strlen(begins[i])))
			return true;
	return false;
}

static void put_place(struct taker *t, struct ledger_entry *e, const char *function,
		      const char *file, const char *module, uint32_t line)
{
	struct buf f = {0}, p = {0};

	shorten_function(function, &f);
	if (*file)
		shorten_file(&t->names, file, &p);
	else
		shorten_module(&t->names, module, &p);
	t->l->failed |= f.failed || p.failed;
	ledger_place(t->l, e, buf_text(&f), buf_text(&p), line);
	buf_fini(&f);
	buf_fini(&p);
}

/* Recursion is as deep as its data: a function stands in a chain once, where it is innermost. */
static bool chain_has(const struct ledger_entry *e, const char *function, const char *file)
{
	for (uint32_t i = 0; i < e->nplaces; i++)
		if (strcmp(function, "?") && !strcmp(e->place[i].function, function) &&
		    !strcmp(e->place[i].file, file))
			return true;
	return false;
}

static void put_call(struct taker *t, struct ledger_entry *e, const char *function,
		     const char *file, const char *module, uint32_t line)
{
	uint32_t n = e->nplaces;

	if (n == CHAIN_MAX)
		return;
	put_place(t, e, function, file, module, line);
	if (e->nplaces == n)
		return;
	e->nplaces = n;
	if (chain_has(e, e->place[n].function, e->place[n].file))
		e->recursive = true;
	else
		e->nplaces = n + 1;
}

/* One location is several calls where the compiler inlined; any: also those of the system. */
static void put_location(struct taker *t, struct ledger_entry *e, uint32_t location, bool any)
{
	const struct def_location *l = def_location(&t->r->defs, location);
	const struct frame *s;
	uint32_t n = 0;

	if (l->kind == LOCATION_MARK || l->flags & LOCATION_GUEST)
		return;
	s = symbols_frames(t->r->symbols, location, &n);
	while (n-- > 0) {
		const char *module = s[n].module ? s[n].module : "";

		if (any || (!is_system(module) && !is_allocator(s[n].function)))
			put_call(t, e, s[n].function, s[n].file ? s[n].file : "", module,
				 s[n].line);
	}
}

static void put_frame(struct taker *t, struct ledger_entry *e, const struct heap_frame *f,
		      bool any)
{
	const struct heap *h = &t->r->heap;

	const char *function = heap_text(h, f->function), *module = heap_text(h, f->module);

	if (!f->interpreted && !f->function)
		put_location(t, e, f->location, any);
	else if (any || f->interpreted || (!is_system(module) && !is_allocator(function)))
		put_call(t, e, function, heap_text(h, f->file), module, f->line);
}

static void put_chain(struct taker *t, struct ledger_entry *e, uint32_t site, uint32_t most)
{
	const struct heap *h = &t->r->heap;
	uint32_t innermost = h->site[site].calls;

	e->chain = true;
	for (uint32_t c = innermost; c && e->nplaces < most; c = h->call[c].outer)
		put_frame(t, e, heap_frame(h, c), false);
	/* A library's own affair: then that is what there is to say. */
	if (!e->nplaces && innermost)
		put_frame(t, e, heap_frame(h, innermost), true);
}

void ledger_take_chain(struct ledger *l, struct ledger_entry *e, struct report *r,
		       uint32_t site, const char *project)
{
	struct taker t;

	taker_init(&t, l, r, project);
	put_chain(&t, e, site, CHAIN_MAX);
	taker_fini(&t);
}

/* --- edges ------------------------------------------------------------------------- */

static void put_digitless(struct buf *b, const char *name)
{
	for (; *name; name++) {
		if (!isdigit((unsigned char)*name))
			buf_putc(b, *name);
		else if (!b->n || b->s[b->n - 1] != '#')
			buf_putc(b, '#');
	}
}

/* As shape.h tells edges apart: names count, positions and data do not. */
static void put_edge_name(struct buf *b, const struct heap *h, const struct heap_edge *e,
			  bool attribute)
{
	const char *name = heap_text(h, e->operand);

	switch ((enum ouro_edge_name)e->name) {
	case OURO_EDGE_KEY:
		if (!attribute) {
			buf_puts(b, "['");
			put_digitless(b, name);
			buf_puts(b, "']");
			break;
		}
		__attribute__((fallthrough));
	case OURO_EDGE_ATTR:
	case OURO_EDGE_SLOT:
	case OURO_EDGE_FIELD:
		buf_putc(b, '.');
		put_digitless(b, name);
		break;
	case OURO_EDGE_CELL:
		buf_puts(b, " cell ");
		put_digitless(b, name);
		break;
	case OURO_EDGE_LOCAL:
		buf_puts(b, " local ");
		put_digitless(b, name);
		break;
	case OURO_EDGE_ARGUMENT:
		buf_printf(b, " argument %u", e->operand);
		break;
	case OURO_EDGE_OFFSET:
		buf_puts(b, " word");
		break;
	case OURO_EDGE_INDEX:
	case OURO_EDGE_KEYREPR:
		buf_puts(b, "[]");
		break;
	case OURO_EDGE_DICTKEY:
		buf_puts(b, " key");
		break;
	case OURO_EDGE_CONTENT:
		buf_puts(b, " content");
		break;
	case OURO_EDGE_MEMBER:
		buf_puts(b, "{}");
		break;
	case OURO_EDGE_CLASS:
		buf_puts(b, ".__class__");
		break;
	case OURO_EDGE_DICT:
		buf_puts(b, ".__dict__");
		break;
	default:
		buf_puts(b, " reference");
		break;
	}
}

static uint32_t member_of(const struct finding *f, node_id v)
{
	uint32_t i = 0;

	while (i < f->nmembers && f->member[i].node != v)
		i++;
	return i;
}

/*
 * An instance's dict is there or not as the runtime's version has it, and may be
 * told as the instance itself: its owner among the members.  `i` when it is no such.
 */
static uint32_t owner_of(const struct heap *h, const struct finding *f, uint32_t i)
{
	node_id owner = f->member[i].inner ? words_dict_owner(h, f->member[i].node) : NODE_NONE;
	uint32_t at = owner == NODE_NONE ? f->nmembers : member_of(f, owner);

	return at < f->nmembers ? at : i;
}

/* f->edge[] has the owned edges among members, in this order: it knows which are drawn. */
static void take_edges(struct taker *t, struct ledger_entry *e, const struct finding *f)
{
	const struct heap *h = &t->r->heap;
	const struct graph *g = &h->graph;
	uint32_t at = 0;

	for (uint32_t i = 0; i < f->nmembers; i++)
		for (edge_id x = g->out[f->member[i].node]; x < g->out[f->member[i].node + 1]; x++) {
			uint32_t to = member_of(f, g->to[x]), from = owner_of(h, f, i), held;
			struct buf b = {0};

			if (to == f->nmembers || !edge_owns(g, x) || at == f->nedges)
				continue;
			held = owner_of(h, f, to);
			if (!f->edge[at++].drawn || held == from)
				continue;
			words_put_type(&b, f->member[from].type);
			put_edge_name(&b, h, &h->edge[g->name[x]], from != i);
			buf_puts(&b, " -> ");
			words_put_type(&b, f->member[held].type);
			t->l->failed |= b.failed;
			ledger_edge(t->l, e, buf_text(&b));
			buf_fini(&b);
		}
}

/* --- findings ---------------------------------------------------------------------- */

static bool is_cycle(const struct finding *f)
{
	return f->kind == FINDING_DEAD_CYCLE || f->kind == FINDING_UNCOLLECTABLE_CYCLE ||
		f->kind == FINDING_LIVE_CYCLE;
}

/* Are its members nodes of the heap, and all there?  Counted objects of C are not. */
static bool has_members(const struct taker *t, const struct finding *f)
{
	return t->r->graph && is_cycle(f) && f->members_all == f->nmembers;
}

/* Functions of their own until CPython 3.11, part of the one around them from 3.12 on. */
static bool is_comprehension(const char *function)
{
	return !strcmp(function, "<listcomp>") || !strcmp(function, "<setcomp>") ||
		!strcmp(function, "<dictcomp>");
}

static void put_birth(struct taker *t, struct ledger_entry *e, uint32_t site)
{
	const struct heap *h = &t->r->heap;

	for (uint32_t c = h->site[site].here; c; c = h->call[c].outer) {
		const struct heap_frame *f = heap_frame(h, c);

		if (!f->interpreted || is_comprehension(heap_text(h, f->function)))
			continue;
		put_place(t, e, heap_text(h, f->function), heap_text(h, f->file), "", f->line);
		return;
	}
}

static void take_sites(struct taker *t, struct ledger_entry *e, const struct finding *f)
{
	for (uint32_t i = 0; i < f->nsites; i++)
		put_place(t, e, f->site[i].function, f->site[i].file, "", f->site[i].line);
}

/* One of many is shown: what all have is what the shown one has, when it is whole. */
static void take_members(struct taker *t, struct ledger_entry *e, const struct finding *f)
{
	for (uint32_t i = 0; i < f->nmembers; i++) {
		if (owner_of(&t->r->heap, f, i) != i)
			continue;
		ledger_type(t->l, e, f->member[i].type);
		put_birth(t, e, f->member[i].site);
	}
	take_edges(t, e, f);
	if (!e->nplaces)		/* made by machine code */
		take_sites(t, e, f);
}

static void take_summary(struct taker *t, struct ledger_entry *e, const struct finding *f)
{
	for (uint32_t i = 0; i < f->ntypes; i++)
		ledger_type(t->l, e, f->type[i].name);
	take_sites(t, e, f);
	for (uint32_t i = 0; is_cycle(f) && f->members_all == f->nmembers && i < f->nedges; i++) {
		struct buf b = {0};

		buf_printf(&b, "%s -> %s", f->member[f->edge[i].from].type,
			   f->member[f->edge[i].to].type);
		t->l->failed |= b.failed;
		ledger_edge(t->l, e, buf_text(&b));
		buf_fini(&b);
	}
}

static void take_finding(struct taker *t, const struct finding *f, uint32_t process)
{
	struct ledger_entry *e = ledger_add(t->l, finding_kind_name(f->kind));

	if (!e)
		return;
	e->severity = f->severity;
	e->count = f->count;
	e->objects = f->objects;
	e->bytes = f->bytes;
	e->headline = ledger_text(t->l, f->headline);
	e->advice = ledger_text(t->l, f->advice);
	e->finding = f;
	e->work = t->r->allocations;
	e->seconds = t->r->warm_seconds;
	e->process = process;
	if (f->kind == FINDING_LOST) {
		put_chain(t, e, f->stack, CHAIN_MAX);
		if (f->cyclic)
			ledger_edge(t->l, e, "block -> block");
	} else if (has_members(t, f)) {
		take_members(t, e, f);
	} else {
		take_summary(t, e, f);
	}
}

void ledger_take_findings(struct ledger *l, struct report *r, const char *project,
			  uint32_t process)
{
	struct taker t;

	taker_init(&t, l, r, project);
	for (uint32_t i = 0; i < r->analysis.findings.n; i++)
		take_finding(&t, &r->analysis.findings.f[i], process);
	taker_fini(&t);
}

void ledger_forget_findings(struct ledger *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		l->entry[i].finding = NULL;
}

/* --- what lives, what was made ----------------------------------------------------- */

/* The place alone, not who called it: the innermost of the program's own calls. */
static void put_innermost(struct taker *t, struct ledger_entry *e, uint32_t site)
{
	const struct heap_frame *at = heap_place(&t->r->heap, site);

	if (at) {
		put_place(t, e, heap_text(&t->r->heap, at->function),
			  heap_text(&t->r->heap, at->file), "", at->line);
		return;
	}
	put_chain(t, e, site, 1);
	e->chain = false;
	e->nplaces = e->nplaces ? 1 : 0;
}

void ledger_take_alive(struct ledger *l, struct report *r, const char *project)
{
	const struct overview *o = &r->overview;
	struct taker t;

	taker_init(&t, l, r, project);
	for (uint32_t i = 0; i < o->n; i++) {
		struct ledger_entry *e = ledger_add(l, "alive");

		if (!e)
			break;
		e->count = e->objects = o->row[i].objects;
		e->bytes = o->row[i].bytes;
		ledger_type(l, e, o->row[i].type);
		put_innermost(&t, e, o->row[i].at);
	}
	taker_fini(&t);
}

static void take_row(struct taker *t, const struct usage_row *row)
{
	struct ledger_entry *e = ledger_add(t->l, "made");

	if (!e)
		return;
	e->count = weighed_whole(row->u.blocks);
	e->objects = weighed_whole(row->u.brief);
	e->bytes = weighed_whole(row->u.bytes);
	put_place(t, e, row->function, row->file, row->module, row->line);
}

void ledger_take_made(struct ledger *l, struct report *r, const char *project)
{
	struct usage_table table = {0};
	struct places places;
	struct taker t;

	taker_init(&t, l, r, project);
	if (places_init(&places, &r->defs, r->symbols)) {
		l->failed = true;
		taker_fini(&t);
		return;
	}
	l->failed |= usage_table_init(&table, &r->replay, &places,
				      &(struct usage_query){ .by = USAGE_BY_SITE });
	for (uint32_t i = 0; i < table.n && !l->failed; i++)
		if (table.row[i].u.blocks > 0)
			take_row(&t, &table.row[i]);
	usage_table_fini(&table);
	places_fini(&places);
	taker_fini(&t);
}

#include "words.h"

#include "demangle.h"

#include <ctype.h>
#include <string.h>

void spoken_fini(struct spoken *s)
{
	buf_fini(&s->text);
}

void spoken_label(const struct spoken *s, struct buf *out)
{
	const char *suffix = s->as == SPOKEN_DICT ? ".__dict__" :
		s->as == SPOKEN_CLOSURE ? ".__closure__" :
		s->as == SPOKEN_CALL ? "'s frame" : "";
	bool wrap = *suffix && s->compound;

	buf_printf(out, "%s%s%s%s", wrap ? "(" : "", buf_text(&s->text), wrap ? ")" : "", suffix);
}

/* What comes before a suffix. */
static void put_base(struct buf *out, const struct spoken *s)
{
	bool wrap = s->compound && s->as == SPOKEN_SELF;

	if (s->as == SPOKEN_CELL)
		wrap = true;
	if (wrap)
		buf_putc(out, '(');
	spoken_label(s, out);
	if (wrap)
		buf_putc(out, ')');
}

static bool is_identifier(const char *s)
{
	if (!*s || (*s >= '0' && *s <= '9'))
		return false;
	for (; *s; s++)
		if (!(*s == '_' || (*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'z') ||
		      (*s >= 'A' && *s <= 'Z') || (*s & 0x80)))
			return false;
	return true;
}

static void put_key(struct buf *out, const char *key)
{
	const char *quote = strchr(key, '\'') && !strchr(key, '"') ? "\"" : "'";

	buf_printf(out, "[%s%s%s]", quote, key, quote);
}

const char *words_last(const char *qualname)
{
	const char *dot = strrchr(qualname, '.');

	return dot && dot[1] ? dot + 1 : qualname;
}

static bool is_frame(const struct heap *h, node_id v)
{
	return heap_is(h, v, "frame");
}

/* A function's name for its n-th free variable, by the edge that tells it. */
static text_id free_variable(const struct heap *h, node_id function, node_id cell)
{
	edge_id e;

	for (e = h->graph.out[function]; e < h->graph.out[function + 1]; e++) {
		const struct heap_edge *x = &h->edge[h->graph.name[e]];

		if (x->name == OURO_EDGE_CELL && x->to == cell)
			return x->operand;
	}
	return 0;
}

static void put_cell(struct buf *out, const char *function, const char *variable)
{
	buf_printf(out, "cell of %s", function);
	if (*variable)
		buf_printf(out, " (%s)", variable);
}

/* "gen()" for a generator, by the name of its function. */
static void put_running(struct buf *out, const struct heap *h, const struct spoken *s, node_id v)
{
	if (h->node[v].label)
		buf_printf(out, "%s()", words_last(heap_text(h, h->node[v].label)));
	else
		spoken_label(s, out);
}

static void step_key(const struct heap *h, const struct spoken *holder, const char *key,
		     struct spoken *to)
{
	if (holder->as == SPOKEN_DICT && is_identifier(key)) {
		buf_printf(&to->text, holder->compound ? "(%s).%s" : "%s.%s",
			   buf_text(&holder->text), key);
		return;
	}
	put_base(&to->text, holder);
	put_key(&to->text, key);
}

static void step_local(const struct heap *h, const struct spoken *holder, node_id v,
		       const char *what, struct spoken *to)
{
	to->compound = true;
	if (holder->as == SPOKEN_CALL) {
		const struct spoken self = { .text = holder->text, .of = NODE_NONE };

		buf_printf(&to->text, "%s of ", what);
		put_running(&to->text, h, &self, holder->of);
		return;
	}
	if (is_frame(h, v)) {
		spoken_label(holder, &to->text);
		buf_printf(&to->text, " %s", what);
		return;
	}
	buf_printf(&to->text, "%s of ", what);
	put_running(&to->text, h, holder, v);
}

/* The object that is meant is a part of what has a name: speak of it as that. */
static bool step_part(const struct heap *h, const struct spoken *holder,
		      const struct heap_edge *e, struct spoken *to)
{
	const char *s = heap_text(h, e->operand);

	if (e->name == OURO_EDGE_DICT || (e->name == OURO_EDGE_FIELD && !strcmp(s, "__dict__")))
		to->as = SPOKEN_DICT;
	else if (e->name == OURO_EDGE_FIELD && !strcmp(s, "__closure__"))
		to->as = SPOKEN_CLOSURE;
	else if (e->name == OURO_EDGE_FIELD && is_frame(h, e->to) && strlen(s) == 8 &&
		 !strcmp(s + 2, "_frame") && *s != 't')	/* gi_, cr_ or ag_, not tb_ */
		to->as = SPOKEN_CALL;
	else
		return false;
	to->of = e->from;
	to->compound = holder->compound || holder->as != SPOKEN_SELF;
	spoken_label(holder, &to->text);
	return true;
}

static void step_cell(const struct heap *h, const struct spoken *holder,
		      const struct heap_edge *e, struct spoken *to)
{
	text_id variable = e->name == OURO_EDGE_CELL ? e->operand :
		free_variable(h, holder->of, e->to);

	to->as = SPOKEN_CELL;
	to->compound = true;
	put_cell(&to->text, buf_text(&holder->text), heap_text(h, variable));
}

static void step_plain(const struct heap *h, const struct spoken *holder,
		       const struct heap_edge *e, struct spoken *to)
{
	struct buf *out = &to->text;
	const char *s = heap_text(h, e->operand);
	struct buf what = {0};

	switch ((enum ouro_edge_name)e->name) {
	case OURO_EDGE_INDEX:
		put_base(out, holder);
		buf_printf(out, "[%u]", e->operand);
		return;
	case OURO_EDGE_KEYREPR:
		put_base(out, holder);
		buf_printf(out, "[%s]", s);
		return;
	case OURO_EDGE_KEY:
		step_key(h, holder, s, to);
		return;
	case OURO_EDGE_ATTR:
	case OURO_EDGE_SLOT:
	case OURO_EDGE_FIELD:
		put_base(out, holder);
		buf_printf(out, ".%s", s);
		return;
	case OURO_EDGE_CLASS:
		put_base(out, holder);
		buf_puts(out, ".__class__");
		return;
	case OURO_EDGE_REFERENT:
		put_base(out, holder);
		buf_puts(out, "()");
		return;
	case OURO_EDGE_LOCAL:
		buf_printf(&what, "local %s", s);
		step_local(h, holder, e->from, buf_text(&what), to);
		buf_fini(&what);
		return;
	case OURO_EDGE_STACK:
		step_local(h, holder, e->from, "evaluation stack", to);
		return;
	case OURO_EDGE_CONTENT:
		if (holder->as == SPOKEN_CELL) {
			buf_puts(out, buf_text(&holder->text));
			to->compound = true;
			return;
		}
		put_base(out, holder);
		buf_puts(out, ".cell_contents");
		return;
	case OURO_EDGE_CELL:
		to->as = SPOKEN_CELL;
		to->compound = true;
		put_cell(out, buf_text(&holder->text), s);
		return;
	case OURO_EDGE_DICTKEY:
		buf_printf(out, "key %s of ", s);
		break;
	case OURO_EDGE_MEMBER:
		buf_puts(out, "element of ");
		break;
	case OURO_EDGE_CONST:
		buf_printf(out, "constant %u of ", e->operand);
		break;
	case OURO_EDGE_ARGUMENT:
		buf_printf(out, "argument %u of ", e->operand);
		break;
	case OURO_EDGE_OFFSET:
		buf_printf(out, "byte %u of ", e->operand);
		break;
	case OURO_EDGE_DICT:
	case OURO_EDGE_OTHER:
		buf_puts(out, "inside ");
		break;
	}
	to->compound = true;
	spoken_label(holder, out);
}

void words_step(const struct heap *h, const struct spoken *holder, const struct heap_edge *e,
		struct spoken *to)
{
	*to = (struct spoken){ .of = NODE_NONE };
	if (step_part(h, holder, e, to))
		return;
	if (holder->as == SPOKEN_CLOSURE &&
	    (e->name == OURO_EDGE_INDEX || e->name == OURO_EDGE_CELL))
		step_cell(h, holder, e, to);
	else
		step_plain(h, holder, e, to);
}

/* ------------------------------------------------------------------------- single words */

const char *words_type(const char *name)
{
	const char *local = strstr(name, ".<locals>."), *more;

	while (local && (more = strstr(local + 10, ".<locals>.")))
		local = more;
	if (local)
		return local + 10;
	if (!strncmp(name, "__main__.", 9) && name[9])
		return name + 9;
	return strcmp(name, "weakref.ReferenceType") ? name : "weakref.ref";
}

/* Longer names, as of classes that a program makes up, are cut: where the first odd letter is, or here. */
enum { TYPE_WIDTH = 60 };

void words_put_type(struct buf *out, const char *type)
{
	const char *name = words_type(type);
	size_t n = strlen(name), plain = 0;

	if (n <= TYPE_WIDTH) {
		buf_puts(out, name);
		return;
	}
	n = TYPE_WIDTH - 3;
	while (plain < n && (isalnum((unsigned char)name[plain]) || strchr("._", name[plain])))
		plain++;
	if (plain > n / 4)
		n = plain;
	while ((name[n] & 0xc0) == 0x80)	/* not inside a letter of UTF-8 */
		n--;
	buf_add(out, name, n);
	buf_puts(out, "...");
}

/* Built-in types with a plain lower-case name have a plural. */
static bool has_plural(const char *type)
{
	size_t n = strlen(type);

	return n > 1 && strspn(type, "abcdefghijklmnopqrstuvwxyz") == n && type[n - 1] != 's';
}

void words_objects(struct buf *out, const char *type, uint64_t n)
{
	bool built_in = !strchr(type, '.');
	const char *name = words_type(type);

	if (!strcmp(type, "type"))
		name = n == 1 ? "class" : "classe";
	buf_number(out, n);
	buf_putc(out, ' ');
	words_put_type(out, name);
	if (n == 1)
		return;
	buf_puts(out, (built_in && has_plural(name)) || !strcmp(name, "classe") ? "s" : " objects");
}

void words_function(struct buf *out, const char *function)
{
	size_t n = strlen(function);

	if (n)
		demangle_short(out, function);
	else
		buf_putc(out, '?');
	/* "<module>", "libc.so.6+0x12", and C++'s "f(int)" are whole. */
	if (n && function[n - 1] != '>' && !strstr(function, "+0x") && !strchr(function, '('))
		buf_puts(out, "()");
}

const char *words_file(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash || !slash[1])
		return path;
	/* Every package has these: they say nothing without its name. */
	if (!strcmp(slash, "/__init__.py") || !strcmp(slash, "/__main__.py"))
		while (slash > path && slash[-1] != '/')
			slash--;
	else
		slash++;
	return *slash == '/' ? slash + 1 : slash;
}

void words_place(struct buf *out, const char *function, const char *file, uint32_t line)
{
	words_function(out, function);
	if (!*file)
		return;
	buf_printf(out, " (%s", words_file(file));
	if (line)
		buf_printf(out, ":%u", line);
	buf_putc(out, ')');
}

void words_root(struct buf *out, const struct heap *h, const struct heap_root *r)
{
	const char *what = heap_text(h, r->what), *function = heap_text(h, r->function);
	const char *file = heap_text(h, r->file);

	switch ((enum ouro_root)r->kind) {
	case OURO_ROOT_LOCAL:
		buf_printf(out, "local variable `%s` of ", what);
		words_place(out, function, file, r->line);
		return;
	case OURO_ROOT_STACK:
		buf_puts(out, "evaluation stack of ");
		words_function(out, function);
		if (r->line)
			buf_printf(out, " line %u", r->line);
		return;
	case OURO_ROOT_FRAME:
		buf_puts(out, "the running frame of ");
		words_place(out, function, file, r->line);
		return;
	case OURO_ROOT_THREAD:
		buf_printf(out, "`%s` of thread %u", what, r->thread);
		return;
	case OURO_ROOT_INTERP:
		buf_printf(out, "`%s` of the interpreter", what);
		return;
	case OURO_ROOT_STATIC:
		buf_printf(out, "C variable `%s`", what);
		return;
	case OURO_ROOT_PENDING:
		buf_puts(out, "the runtime's own C code");
		return;
	}
	buf_puts(out, "a root of unknown kind");
}

const char *words_module(const struct heap *h, node_id space)
{
	const struct graph *g = &h->graph;
	uint32_t i;

	if (h->node[space].label)
		return heap_text(h, h->node[space].label);
	for (i = g->in[space]; i < g->in[space + 1]; i++)
		if (heap_is(h, g->holder[i], "module"))
			return heap_text(h, h->node[g->holder[i]].label);
	return "";
}

const char *words_variable(const struct heap *h, node_id v)
{
	const char *name = heap_text(h, h->site[h->node[v].site].name);

	return is_identifier(name) ? name : "";
}

/* The instance whose dict this is, NODE_NONE when it is nobody's alone. */
node_id words_dict_owner(const struct heap *h, node_id v)
{
	const struct graph *g = &h->graph;
	uint32_t i;
	edge_id e;

	if (g->in[v + 1] - g->in[v] > 8)
		return NODE_NONE;
	for (i = g->in[v]; i < g->in[v + 1]; i++)
		for (e = g->out[g->holder[i]]; e < g->out[g->holder[i] + 1]; e++)
			if (g->to[e] == v && h->edge[g->name[e]].name == OURO_EDGE_DICT)
				return g->holder[i];
	return NODE_NONE;
}

/* What an object is called for itself, without others around it. */
bool words_own_name(const struct heap *h, node_id v, struct spoken *s)
{
	const struct heap_node *n = &h->node[v];
	node_id owner;

	*s = (struct spoken){ .of = NODE_NONE };
	if (n->flags & OURO_NODE_NAMESPACE && *words_module(h, v)) {
		buf_puts(&s->text, words_module(h, v));
		s->as = SPOKEN_DICT;
		return true;
	}
	if (n->label)
		buf_puts(&s->text, heap_is(h, v, "module") ? heap_text(h, n->label) :
			 words_last(heap_text(h, n->label)));
	else if (heap_is(h, v, "dict") && (owner = words_dict_owner(h, v)) != NODE_NONE &&
		 words_own_name(h, owner, s))
		s->as = SPOKEN_DICT;
	else
		buf_puts(&s->text, words_variable(h, v));
	return s->text.n > 0;
}

static const char *article(const char *type)
{
	return *type && strchr("aeiouAEIOU", *type) ? "an" : "a";
}

void words_holder(struct buf *out, const struct heap *h, const struct heap_edge *e)
{
	const struct heap_frame *place = heap_place(h, h->node[e->from].site);
	const char *type = heap_type_name(h, e->from);
	struct spoken holder, held;

	if (h->node[e->from].flags & OURO_NODE_NAMESPACE && e->name == OURO_EDGE_KEY) {
		buf_printf(out, "module global `%s` of %s", heap_text(h, e->operand),
			   words_module(h, e->from));
		return;
	}
	if (words_own_name(h, e->from, &holder)) {
		words_step(h, &holder, e, &held);
		spoken_label(&held, out);
		buf_puts(out, " (");
		words_put_type(out, type);
		buf_putc(out, ')');
	} else {
		struct spoken nothing = { .of = NODE_NONE };

		words_step(h, &nothing, e, &held);
		spoken_label(&held, out);
		if (!held.text.n || buf_text(&held.text)[held.text.n - 1] != ' ')
			buf_puts(out, " of ");
		buf_printf(out, "%s ", article(words_type(type)));
		words_put_type(out, type);
	}
	if (place && !h->node[e->from].label) {
		buf_puts(out, " made in ");
		words_place(out, heap_text(h, place->function), heap_text(h, place->file),
			  place->line);
	}
	spoken_fini(&holder);
	spoken_fini(&held);
}

/* Where a path begins to be worth telling: at the last module on it. */
static uint32_t path_start(const struct heap *h, const uint32_t *edges, uint32_t n)
{
	uint32_t i;

	for (i = n; i > 0; i--)
		if (h->node[h->edge[edges[i - 1]].from].flags & OURO_NODE_NAMESPACE)
			return i - 1;
	return 0;
}

void words_path(struct buf *out, const struct heap *h, const struct heap_root *r,
		const uint32_t *edges, uint32_t n)
{
	uint32_t i = path_start(h, edges, n);
	struct spoken at = { .of = NODE_NONE }, next;
	const struct heap_edge *first = n ? &h->edge[edges[i]] : NULL;
	bool global = first && h->node[first->from].flags & OURO_NODE_NAMESPACE;

	if (global)
		words_own_name(h, first->from, &at);
	else if (r->kind == OURO_ROOT_LOCAL)
		buf_puts(&at.text, heap_text(h, r->what));
	else {
		words_root(&at.text, h, r);
		at.compound = true;
	}
	if (r->node < h->nnodes && !global && h->node[r->node].flags & OURO_NODE_NAMESPACE &&
	    !n) {
		spoken_fini(&at);
		words_own_name(h, r->node, &at);
	}
	for (; i < n; i++) {
		words_step(h, &at, &h->edge[edges[i]], &next);
		spoken_fini(&at);
		at = next;
	}
	spoken_label(&at, out);
	spoken_fini(&at);
	if (!global && r->kind == OURO_ROOT_LOCAL) {
		buf_puts(out, ", ");
		words_root(out, h, r);
	}
}

/*
 * report_tree.c - stacks as a tree, for people and for programs
 */
#include "mem.h"
#include "report_json.h"
#include "report_sites.h"
#include "report_text.h"
#include "words.h"

#include <string.h>

#define INDENT_MAX	24

static void put_key(struct buf *b, enum usage_sort sort, double v)
{
	if (sort == USAGE_SORT_COUNT || sort == USAGE_SORT_TEMPORARY)
		short_number(b, v);
	else
		short_bytes(b, v);
}

/* A child that is all there is of its parent stands on its line: only forks take new ones. */
static bool is_chain(const struct tree *t, const struct tree_node *x)
{
	return x->children == 1 && t->node[x->first].key >= x->key * 0.9995;
}

/* The node and those that follow it in a chain; gives the last of them. */
static uint32_t put_chain(const struct term *t, const struct tree *tree, uint32_t node,
	unsigned indent, const struct sites_options *o)
{
	const struct tree_node *x = &tree->node[node];
	unsigned in = indent < INDENT_MAX ? indent : INDENT_MAX;
	text_id file = 0;
	struct buf b = { 0 };

	put_key(&b, o->sort, x->key);
	fprintf(t->out, "%5.1f %% %7s  %*s", 100 * x->key / tree->node[0].key, buf_text(&b),
		(int)(2 * in), "");
	buf_reset(&b);
	for (;; x = &tree->node[node = x->first]) {
		words_place(&b, places_text(tree->places, x->function),
			x->file == file ? "" : places_text(tree->places, x->file), 0);
		file = x->file;
		if (!is_chain(tree, x))
			break;
		buf_puts(&b, o->top_down ? " > " : " < ");
	}
	term_wrap(t, 17 + 2 * in, 19 + 2 * in, buf_text(&b));
	buf_fini(&b);
	return node;
}

/* What of a node is in no child that was told. */
static void put_rest(const struct term *t, const struct tree *tree, const struct tree_node *x,
	unsigned indent, enum usage_sort sort)
{
	unsigned in = indent < INDENT_MAX ? indent : INDENT_MAX;
	struct buf b = { 0 };

	put_key(&b, sort, x->folded_key);
	fprintf(t->out, "%5.1f %% %7s  %*s", 100 * x->folded_key / tree->node[0].key, buf_text(&b),
		(int)(2 * in), "");
	term_style(t, TERM_DIM);
	fprintf(t->out, "%u smaller\n", x->folded);
	term_style(t, TERM_PLAIN);
	buf_fini(&b);
}

struct open_node {
	uint32_t node;
	unsigned indent;
	bool rest;
};

static void put_nodes(const struct term *t, const struct tree *tree, struct open_node *todo,
	const struct sites_options *o)
{
	size_t n = 0;

	todo[n++] = (struct open_node){ 0, 0, false };
	while (n) {
		struct open_node now = todo[--n];
		unsigned indent = now.indent + (now.node != 0);
		const struct tree_node *x;

		if (now.rest) {
			put_rest(t, tree, &tree->node[now.node], now.indent, o->sort);
			continue;
		}
		if (now.node)
			now.node = put_chain(t, tree, now.node, now.indent, o);
		x = &tree->node[now.node];
		if (x->folded && x->folded_key > 0)
			todo[n++] = (struct open_node){ now.node, indent, true };
		for (uint32_t i = x->children; i-- > 0; )
			todo[n++] = (struct open_node){ x->first + i, indent, false };
	}
}

void tree_text(const struct term *t, const struct report *r, const struct tree *tree,
	const struct sites_options *o)
{
	struct open_node *todo = mem_array(2 * (size_t)tree->n + 2, sizeof(*todo));
	struct buf b = { 0 };

	text_begin(t, r);
	buf_printf(&b, "%s, by %s: ", o->top_down ? "From the outermost function in" :
		   "From what allocates out to its callers", o->sort == USAGE_SORT_LIVE ?
		   "bytes left at the end" : o->sort == USAGE_SORT_BYTES ? "bytes made" :
		   o->sort == USAGE_SORT_COUNT ? "blocks and objects made" :
		   o->sort == USAGE_SORT_PEAK ? "bytes at the peak" : "temporary blocks");
	put_key(&b, o->sort, tree->node[0].key);
	buf_puts(&b, o->sort == USAGE_SORT_COUNT || o->sort == USAGE_SORT_TEMPORARY ? "" : "B");
	text_line(t, TERM_BOLD, 0, buf_text(&b));
	buf_fini(&b);
	putc('\n', t->out);
	if (todo && tree->node[0].key > 0)
		put_nodes(t, tree, todo, o);
	mem_free(todo);
}

void tree_json(FILE *out, const struct report *r, const struct tree *tree,
	const struct sites_options *o)
{
	struct json j = { .out = out, .lines = true };

	report_json_begin(&j, r);
	json_open(&j, "tree", '{');
	json_text(&j, "direction", o->top_down ? "top-down" : "bottom-up");
	json_text(&j, "sort", sites_sort_name(o->sort));
	json_real(&j, "threshold", o->least);
	json_open(&j, "nodes", '[');
	for (uint32_t i = 0; i < tree->n; i++) {
		const struct tree_node *x = &tree->node[i];

		json_open(&j, NULL, '{');
		json_uint(&j, "id", i);
		if (i)
			json_uint(&j, "parent", x->parent);
		else
			json_null(&j, "parent");
		json_uint(&j, "depth", x->depth);
		json_text(&j, "function", places_text(tree->places, x->function));
		json_text(&j, "file", x->file ? places_text(tree->places, x->file) : NULL);
		usage_json(&j, &x->u, r->trace.head.sample_bytes);
		json_uint(&j, "folded", x->folded);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	json_close(&j, '}');
}

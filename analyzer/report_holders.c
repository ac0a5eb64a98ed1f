#include "report_holders.h"

#include "buf.h"
#include "report_json.h"
#include "report_text.h"
#include "words.h"

#include <errno.h>

static void put_buf(const struct term *t, enum term_style style, unsigned indent, struct buf *b)
{
	text_line(t, style, indent, buf_text(b));
	buf_reset(b);
}

static void put_list(const struct term *t, const char *head, char *const *line, uint32_t n)
{
	if (n)
		text_line(t, TERM_PLAIN, 2, head);
	for (uint32_t i = 0; i < n; i++)
		text_line(t, TERM_PLAIN, 6, line[i]);
}

static void put_matches(const struct term *t, const struct report *r, uint32_t n, uint64_t bytes,
			const char *what, const char *by, const char *query)
{
	struct buf b = {0};

	text_begin(t, r);
	buf_number(&b, n);
	buf_printf(&b, " %s%s, ", what, n == 1 ? "" : "s");
	buf_bytes(&b, bytes);
	buf_printf(&b, ", by %s `%s`, %s", by, query, r->reason);
	put_buf(t, TERM_BOLD, 0, &b);
	buf_fini(&b);
}

static void put_rest(const struct term *t, uint32_t n, uint32_t limit)
{
	struct buf b = {0};

	if (n <= limit)
		return;
	buf_number(&b, n - limit);
	buf_puts(&b, " more; --limit N shows them, an address picks one.");
	putc('\n', t->out);
	put_buf(t, TERM_DIM, 0, &b);
	buf_fini(&b);
}

/* `n` and `bytes` count the one itself, too. */
static void put_retained(struct buf *b, uint64_t n, uint64_t bytes, const char *what)
{
	buf_puts(b, "with it would go ");
	buf_number(b, n - 1);
	buf_printf(b, " other %s%s, ", what, n == 2 ? "" : "s");
	buf_bytes(b, bytes);
	buf_puts(b, " in all");
}

/* ---------------------------------------------------------------------------- objects */

static void put_object(const struct term *t, const struct heap *h, const struct held *x)
{
	const struct heap_node *n = &h->node[x->node];
	const char *name = n->label ? heap_text(h, n->label) : words_variable(h, x->node);
	struct buf b = {0};

	words_put_type(&b, heap_type_name(h, x->node));
	if (*name)
		buf_printf(&b, " `%s`", name);
	buf_printf(&b, " at 0x%llx, ", (unsigned long long)n->address);
	buf_bytes(&b, n->bytes);
	if (n->born == HEAP_BORN_BEFORE)
		buf_puts(&b, ", made by the start-up");
	else if (n->born == HEAP_BORN_PARENT)
		buf_puts(&b, ", made before the fork");
	else if (n->born == HEAP_BORN_UNKNOWN && h->sampled)
		buf_puts(&b, ", birth not sampled");
	putc('\n', t->out);
	put_buf(t, TERM_BOLD, 0, &b);
	buf_fini(&b);
	text_stack(t, h, n->site, false, false);
}

static void put_held(const struct term *t, const struct heap *h, const struct held *x)
{
	struct buf b = {0};
	uint32_t i;

	put_object(t, h, x);
	text_line(t, x->account.unknown ? TERM_RED : TERM_GREEN, 2, x->sum);
	for (i = 0; i < x->nholders; i++) {
		const struct holder *y = &x->holder[i];

		if (y->owned && !y->address)
			continue;	/* the sum says all there is */
		buf_printf(&b, "%s", y->words);
		if (y->address)
			buf_printf(&b, ", 0x%llx", (unsigned long long)y->address);
		if (!y->owned)
			buf_puts(&b, y->maybe ? " (possibly left over; not counted)" :
				 " (weak; not counted)");
		put_buf(t, TERM_DIM, 6, &b);
	}
	put_list(t, "possibly held by C code:", x->word, x->nwords);
	put_list(t, "reached by:", x->path, x->npaths);
	if (!x->npaths)
		text_line(t, TERM_PLAIN, 2, x->account.unknown > 0 ?
		    "no known root leads to it: only unknown holders keep it" :
		    "no root leads to it");
	if (x->retained_objects)
		put_retained(&b, x->retained_objects, x->retained_bytes, "object");
	else
		buf_puts(&b, "it is dead: it waits for the collector");
	put_buf(t, TERM_PLAIN, 2, &b);
	buf_fini(&b);
}

int holders_text(const struct term *t, const struct report *r, const struct holders *s,
		 const char *query, uint32_t limit, uint32_t paths)
{
	struct held x;
	uint32_t i;
	int e = 0;

	put_matches(t, r, s->n, s->bytes, "object", holders_by_words(s->by), query);
	for (i = 0; i < s->n && i < limit && !e; i++) {
		e = held_init(&x, s, s->match[i], paths);
		if (!e)
			put_held(t, &r->heap, &x);
		if (!e)
			held_fini(&x);
	}
	put_rest(t, s->n, limit);
	return e;
}

/* ----------------------------------------------------------------------------- blocks */

static void put_block(const struct term *t, const struct block_holders *s,
		      const struct block_held *x)
{
	const struct blocks_row *row = &s->r->blocks.row[x->node];
	struct buf b = {0};

	putc('\n', t->out);
	buf_printf(&b, "0x%llx, ", (unsigned long long)row->addr);
	block_words(&b, s, x->node);
	buf_printf(&b, ", %.2f s into the run",
		   (double)trace_elapsed(&s->r->trace, row->born) / 1e9);
	put_buf(t, TERM_BOLD, 0, &b);
	put_list(t, "held by:", x->holder, x->nholders);
	if (x->more) {
		buf_printf(&b, "%u more", x->more);
		put_buf(t, TERM_DIM, 6, &b);
	}
	put_list(t, "reached by:", x->path, x->npaths);
	if (row->object) {
		buf_puts(&b, "an object of the runtime lies in it: that holds it");
	} else if (x->retained_blocks) {
		put_retained(&b, x->retained_blocks, x->retained_bytes, "block");
	} else {
		buf_puts(&b, "no root leads to it: it is lost");
	}
	put_buf(t, TERM_PLAIN, 2, &b);
	buf_fini(&b);
}

int block_holders_text(const struct term *t, const struct block_holders *s, const char *query,
		       uint32_t limit, uint32_t paths)
{
	int e = 0;

	put_matches(t, s->r, s->n, s->bytes, "block", s->by, query);
	for (uint32_t i = 0; i < s->n && i < limit && !e; i++) {
		struct block_held x;

		e = block_held_init(&x, s, s->match[i], paths);
		if (!e)
			put_block(t, s, &x);
		block_held_fini(&x);
	}
	put_rest(t, s->n, limit);
	return e;
}

/* ------------------------------------------------------------------------------- JSON */

static void put_id(struct json *j, const char *key, uint64_t address)
{
	char id[24];

	snprintf(id, sizeof(id), "0x%llx", (unsigned long long)address);
	if (address)
		json_text(j, key, id);
	else
		json_null(j, key);
}

static void put_json(struct json *j, const struct block_holders *s, const struct block_held *x)
{
	const struct blocks_row *row = &s->r->blocks.row[x->node];
	int64_t site = heap_load_site(&s->r->loader, row->site);

	json_open(j, NULL, '{');
	put_id(j, "id", row->addr);
	json_uint(j, "bytes", row->size);
	json_real(j, "seconds", (double)trace_elapsed(&s->r->trace, row->born) / 1e9);
	if (block_types_name(&s->types, x->node))
		json_text(j, "type", block_types_name(&s->types, x->node));
	else
		json_null(j, "type");
	json_bool(j, "has_object", row->object);
	json_bool(j, "reached", x->retained_blocks);
	json_open(j, "holders", '[');
	for (uint32_t i = 0; i < x->nholders; i++) {
		json_open(j, NULL, '{');
		json_text(j, "name", x->holder[i]);
		json_bool(j, "root", !x->address[i]);
		put_id(j, "id", x->address[i]);
		if (x->member[i])
			json_text(j, "member", x->member[i]);
		else
			json_null(j, "member");
		json_close(j, '}');
	}
	json_close(j, ']');
	json_uint(j, "more_holders", x->more);
	json_open(j, "paths", '[');
	for (uint32_t i = 0; i < x->npaths; i++)
		json_text(j, NULL, x->path[i]);
	json_close(j, ']');
	json_uint(j, "retained_blocks", x->retained_blocks);
	json_uint(j, "retained_bytes", x->retained_bytes);
	report_json_stack(j, s->r, site > 0 ? (uint32_t)site : 0);
	json_close(j, '}');
}

int block_holders_json(FILE *out, const struct block_holders *s, const char *query, uint32_t limit,
		       uint32_t paths)
{
	struct json j = { .out = out, .lines = true };
	int e = 0;

	report_json_begin(&j, s->r);
	json_text(&j, "query", query);
	json_text(&j, "matched", s->by);
	json_uint(&j, "matches", s->n);
	json_uint(&j, "bytes", s->bytes);
	json_open(&j, "blocks", '[');
	for (uint32_t i = 0; i < s->n && i < limit && !e; i++) {
		struct block_held x;

		e = block_held_init(&x, s, s->match[i], paths);
		if (!e)
			put_json(&j, s, &x);
		block_held_fini(&x);
	}
	json_close(&j, ']');
	json_close(&j, '}');
	return e;
}

#include "baseline.h"

#include "buf.h"
#include "lines.h"
#include "mem.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_LINE "# ouro baseline 1"
#define FILE_MAX (64u << 20)

static const char default_head[] =
	FIRST_LINE "\n"
	"#\n"
	"# What is known and accepted: `ouro audit --baseline THIS` fails on what is new, or has\n"
	"# grown.  Comments stay with the stanza below them, and with the file.  Remove a stanza to\n"
	"# have its finding fail again.  docs/baseline.md explains the lines.\n";

/* --- reading ------------------------------------------------------------------------ */

struct reader {
	struct lines in;
	struct baseline *b;
	struct ledger_entry *e;		/* the stanza being read; NULL: none yet     */
	struct buf comment;		/* since the last stanza's end               */
};

/* "leak_one (src/leak.c:12)", "leak_one (?)" */
static int read_place(struct reader *r, char *s)
{
	char *open = strrchr(s, '('), *close = s + strlen(s), *colon, *end;
	unsigned long line = 0;

	if (!open || open == s || close[-1] != ')')
		return lines_wrong(&r->in, "a place is FUNCTION (FILE:LINE)", s);
	close[-1] = 0;
	*open++ = 0;
	colon = strrchr(open, ':');
	if (colon && isdigit((unsigned char)colon[1])) {
		line = strtoul(colon + 1, &end, 10);
		if (!*end && line <= UINT32_MAX)
			*colon = 0;
		else
			line = 0;
	}
	ledger_place(&r->b->ledger, r->e, lines_trim(s), strcmp(open, "?") ? open : "",
		     (uint32_t)line);
	return 0;
}

/* "3 times, 5 objects, 120 bytes": numbers, each with what it counts. */
static int read_amounts(struct reader *r, char *s)
{
	struct ledger_entry *e = r->e;
	char *rest = s, *part;

	while ((part = strsep(&rest, ","))) {
		char *word, *end;
		double v;

		part = lines_trim(part);
		v = strtod(part, &end);
		word = lines_trim(end);
		if (end == part || !isfinite(v) || v < 0 || v > 1e18)
			return lines_wrong(&r->in, "a number is missing", part);
		if (!strncmp(word, "time", 4))
			e->count = (uint64_t)v;
		else if (!strncmp(word, "object", 6))
			e->objects = (uint64_t)v;
		else if (!strncmp(word, "byte", 4))
			e->bytes = (uint64_t)v;
		else if (!strncmp(word, "allocation", 10))
			e->work = v;
		else if (!strncmp(word, "second", 6))
			e->seconds = v;
		else
			return lines_wrong(&r->in, "times, objects, bytes, allocations or seconds", word);
	}
	return 0;
}

static int read_field(struct reader *r, char *s)
{
	char *value = s + strcspn(s, " \t");

	if (*value)
		*value++ = 0;
	value = lines_trim(value);
	if (!*value)
		return lines_wrong(&r->in, "nothing stands after the word", s);
	if (!strcmp(s, "of"))
		ledger_type(&r->b->ledger, r->e, value);
	else if (!strcmp(s, "ref"))
		ledger_edge(&r->b->ledger, r->e, value);
	else if (!strcmp(s, "at"))
		return read_place(r, value);
	else if (!strcmp(s, "by")) {
		r->e->chain = true;
		return read_place(r, value);
	} else if (!strcmp(s, "found") || !strcmp(s, "run"))
		return read_amounts(r, value);
	else if (!strcmp(s, "per")) {
		if (!ledger_per_of(value, &r->e->per))
			return lines_wrong(&r->in, "per is any, run, allocation or second", value);
	} else
		return lines_wrong(&r->in, "no such line in a stanza", s);
	return 0;
}

/* The file's own comments end at the first empty line. */
static void end_head(struct reader *r)
{
	if (r->b->head || r->e)
		return;
	r->b->head = buf_take(&r->comment);
	r->b->ledger.failed |= !r->b->head;
}

static int begin_stanza(struct reader *r, const char *kind)
{
	end_head(r);
	if (strspn(kind, "abcdefghijklmnopqrstuvwxyz-") != strlen(kind))
		return lines_wrong(&r->in, "a stanza begins with a kind of finding", kind);
	r->e = ledger_add(&r->b->ledger, kind);
	if (!r->e)
		return -ENOMEM;
	r->e->chain = !strcmp(kind, "lost");
	r->e->count = 1;
	r->e->comment = texts_get(&r->b->ledger.texts,
		texts_add0(&r->b->ledger.texts, buf_text(&r->comment)));
	buf_reset(&r->comment);
	return 0;
}

static int read_line(struct reader *r, char *line)
{
	bool inside = isspace((unsigned char)*line);
	char *s = lines_trim(line);

	if (!*s) {
		if (!r->e && r->comment.n)
			end_head(r);
		return 0;
	}
	if (*s == '#') {
		buf_printf(&r->comment, "%s\n", s);
		return 0;
	}
	if (!inside)
		return begin_stanza(r, s);
	return r->e ? read_field(r, s) : lines_wrong(&r->in, "a stanza begins with a kind of finding", s);
}

static int check_first(struct reader *r, const char *text)
{
	text += strspn(text, " \t\r\n");
	if (!*text)
		return 0;
	r->in.line = 1;
	if (strncmp(text, "# ouro baseline ", 16))
		return lines_wrong(&r->in, "this is no baseline: it begins with `" FIRST_LINE "`", "");
	if (strncmp(text, FIRST_LINE, sizeof(FIRST_LINE) - 1) ||
	    isdigit((unsigned char)text[sizeof(FIRST_LINE) - 1]))
		return lines_wrong(&r->in, "a format that this ouro does not know; it knows 1", "");
	return 0;
}

int baseline_parse(struct baseline *b, char *text, const char *path, char error[300])
{
	struct reader r = { .in = { text, path, 0, error }, .b = b };
	char *line;
	int e;

	*b = (struct baseline){0};
	*error = 0;
	e = check_first(&r, text);
	r.in.line = 0;
	while (!e && (line = lines_next(&r.in)))
		e = read_line(&r, line);
	if (!e) {
		end_head(&r);
		if (r.comment.n)
			b->foot = buf_take(&r.comment);
		e = ledger_settle(&b->ledger);
	}
	buf_fini(&r.comment);
	if (e) {
		if (!*error)
			snprintf(error, LINES_ERROR, "%s: %s", path, strerror(-e));
		baseline_fini(b);
	}
	return e;
}

/* The whole file with a terminator; zeroes in it end the text. */
static int slurp(const char *path, char **ret)
{
	FILE *in = fopen(path, "re");
	struct buf b = {0};
	char part[4096];
	size_t n;
	int e = 0;

	if (!in)
		return -errno;
	while ((n = fread(part, 1, sizeof(part), in)) && b.n < FILE_MAX)
		buf_add(&b, part, n);
	if (ferror(in))
		e = errno ? -errno : -EIO;
	fclose(in);
	if (!e && b.n >= FILE_MAX)
		e = -EFBIG;
	if (!e && !(*ret = buf_take(&b)))
		e = -ENOMEM;
	buf_fini(&b);
	return e;
}

int baseline_read(struct baseline *b, const char *path, char error[300])
{
	char *text = NULL;
	int e = slurp(path, &text);

	*b = (struct baseline){0};
	if (e)
		snprintf(error, LINES_ERROR, "%s: %s", path, strerror(-e));
	else
		e = baseline_parse(b, text, path, error);
	mem_free(text);
	return e;
}

void baseline_fini(struct baseline *b)
{
	ledger_fini(&b->ledger);
	mem_free(b->head);
	mem_free(b->foot);
	*b = (struct baseline){0};
}

/* --- writing ------------------------------------------------------------------------ */

static void put_place(FILE *out, const char *word, const struct ledger_place *p)
{
	fprintf(out, "    %-5s %s (%s", word, p->function, *p->file ? p->file : "?");
	if (p->line)
		fprintf(out, ":%u", p->line);
	fputs(")\n", out);
}

static void put_entry(FILE *out, const struct ledger_entry *e)
{
	fprintf(out, "\n%s%s\n", e->comment, e->kind);
	for (uint32_t i = 0; i < e->ntypes; i++)
		fprintf(out, "    of    %s\n", e->type[i]);
	for (uint32_t i = 0; i < e->nplaces; i++)
		put_place(out, e->chain && i ? "by" : "at", &e->place[i]);
	for (uint32_t i = 0; i < e->nedges; i++)
		fprintf(out, "    ref   %s\n", e->edge[i]);
	fprintf(out, "    found %llu times, %llu objects, %llu bytes\n",
		(unsigned long long)e->count, (unsigned long long)e->objects,
		(unsigned long long)e->bytes);
	if (e->work > 0 || e->seconds > 0)
		fprintf(out, "    run   %.0f allocations, %.3f seconds\n", e->work, e->seconds);
	if (e->per != PER_ANY)
		fprintf(out, "    per   %s\n", ledger_per_name(e->per));
}

static int write_all(FILE *out, const struct baseline *b)
{
	fputs(b->head && *b->head ? b->head : default_head, out);
	for (uint32_t i = 0; i < b->ledger.n; i++)
		put_entry(out, &b->ledger.entry[i]);
	if (b->foot)
		fprintf(out, "\n%s", b->foot);
	return ferror(out) ? -EIO : 0;
}

int baseline_write(const struct baseline *b, const char *path)
{
	char *text = NULL, *aside = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int e = out ? write_all(out, b) : -ENOMEM;

	if (out && fclose(out) && !e)
		e = -ENOMEM;
	if (!e && asprintf(&aside, "%s.new", path) < 0)
		e = -ENOMEM;
	out = e ? NULL : fopen(aside, "we");
	if (!e && !out)
		e = -errno;
	if (out) {
		if (fwrite(text, 1, size, out) != size)
			e = -errno;
		if (fclose(out) && !e)
			e = -errno;
		if (!e && rename(aside, path) < 0)
			e = -errno;
		if (e)
			unlink(aside);
	}
	free(aside);
	free(text);
	return e;
}

/* --- taking over what is new ---------------------------------------------------------- */

/* A stanza of old that what was found takes the place of, or that is gone. */
static bool replaced(const struct pairs *p, const struct ledger_entry *old, bool keep)
{
	for (uint32_t i = 0; i < p->n; i++) {
		const struct pair *x = &p->pair[i];

		if (x->old && x->verdict != PAIR_SAME && !(keep && x->verdict == PAIR_GONE) &&
		    (x->old == old || (x->whole && x->old->key == old->key)))
			return true;
	}
	return false;
}

static char *keep(const char *s)
{
	return s ? strdup(s) : NULL;
}

int baseline_update(struct baseline *ret, const struct baseline *old, const struct pairs *p,
		    bool keep_gone)
{
	struct ledger *l = &ret->ledger;

	*ret = (struct baseline){ .head = keep(old->head), .foot = keep(old->foot) };
	for (uint32_t i = 0; i < old->ledger.n; i++)
		if (!replaced(p, &old->ledger.entry[i], keep_gone))
			ledger_copy(l, &old->ledger.entry[i]);
	for (uint32_t i = 0; i < p->n; i++) {
		const struct pair *x = &p->pair[i];

		if (!x->now || x->verdict == PAIR_SAME)
			continue;
		ledger_copy(l, x->now);
		if (!x->old || l->failed)
			continue;
		l->entry[l->n - 1].per = x->old->per;
		l->entry[l->n - 1].comment = texts_get(&l->texts,
			texts_add0(&l->texts, x->old->comment));
	}
	return ledger_settle(l);
}

#include "suppress.h"

#include "lines.h"
#include "mem.h"
#include "wild.h"
#include "words.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 4096

/* --- reading ------------------------------------------------------------------------- */

struct reader {
	struct lines in;		/* its path is kept in s->files              */
	struct suppressions *s;
};

static struct suppression *add(struct reader *r, int form, const char *name)
{
	struct suppressions *s = r->s;
	char *copy = strdup(name);

	if (!copy || mem_room(&s->s, s->n, &s->cap, sizeof(*s->s))) {
		free(copy);
		return NULL;
	}
	s->s[s->n] = (struct suppression){ .form = form, .name = copy, .file = r->in.path,
		.line = r->in.line };
	return &s->s[s->n++];
}

static int add_rule(struct suppression *s, enum suppress_what what, const char *pattern)
{
	char *copy = strdup(pattern);

	if (!copy || mem_room(&s->rule, s->nrules, &s->rules_cap, sizeof(*s->rule))) {
		free(copy);
		return -ENOMEM;
	}
	s->rule[s->nrules++] = (struct suppress_rule){ what, copy };
	return 0;
}

static void suppression_fini(struct suppression *s)
{
	for (uint32_t i = 0; i < s->nrules; i++)
		free(s->rule[i].pattern);
	mem_free(s->rule);
	free(s->name);
	free(s->kind);
}

static void forget_last(struct reader *r)
{
	suppression_fini(&r->s->s[--r->s->n]);
}

/* "leak:PATTERN"; LeakSanitizer's other types are other sanitizers'. */
static int read_lsan(struct reader *r, const char *line)
{
	struct suppression *s = add(r, SUPPRESS_LSAN, line);

	return s ? add_rule(s, SUPPRESS_FUN, line + 5) : -ENOMEM;
}

/* Memcheck:Leak, Memcheck,Other:Leak */
static bool is_leak(const char *kind)
{
	const char *colon = strchr(kind, ':');

	return colon && !strcmp(colon, ":Leak") && strstr(kind, "Memcheck") &&
		strstr(kind, "Memcheck") < colon;
}

/*
 * Lost blocks are definitely lost to valgrind; entries for other leaks are not ours.
 * An entry that does not say is for all.
 */
static bool takes_lost(const char *kinds)
{
	return strstr(kinds, "definite") || strstr(kinds, "all");
}

static int read_valgrind_line(struct reader *r, char *line)
{
	struct suppression *s = &r->s->s[r->s->n - 1];

	if (!strncmp(line, "fun:", 4))
		return add_rule(s, SUPPRESS_FUN, line + 4);
	if (!strncmp(line, "obj:", 4))
		return add_rule(s, SUPPRESS_OBJ, line + 4);
	if (!strncmp(line, "src:", 4))
		return add_rule(s, SUPPRESS_SRC, line + 4);
	if (!strcmp(line, "..."))
		return add_rule(s, SUPPRESS_ANY_CALLS, "");
	return lines_wrong(&r->in, "a line of a suppression is fun:, obj:, src: or ...", line);
}

static int read_valgrind(struct reader *r)
{
	uint32_t began = r->in.line;
	char *line = lines_next_told(&r->in);
	bool ours = true;
	int e = 0;

	if (!line || *line == '}')
		return lines_wrong(&r->in, "a suppression has no name", "");
	if (!add(r, SUPPRESS_VALGRIND, line))
		return -ENOMEM;
	r->s->s[r->s->n - 1].line = began;
	line = lines_next_told(&r->in);
	if (line && strchr(line, ':'))
		ours = is_leak(line);
	else
		return lines_wrong(&r->in, "the line after the name is TOOL:KIND", line ? line : "");
	while (!e && (line = lines_next_told(&r->in)) && *line != '}') {
		if (!strncmp(line, "match-leak-kinds:", 17)) {
			ours = ours && takes_lost(line + 17);
		} else if (ours) {
			e = read_valgrind_line(r, line);
		}
	}
	if (!e && !line)
		return lines_wrong(&r->in, "the file ends within a suppression", "");
	if (!e && !ours)
		forget_last(r);
	return e;
}

static int field_of(const char *word, enum suppress_what *ret)
{
	static const struct { const char *word; enum suppress_what what; } known[] = {
		{ "function", SUPPRESS_FUN }, { "file", SUPPRESS_SRC },
		{ "module", SUPPRESS_OBJ }, { "type", SUPPRESS_TYPE }, { "edge", SUPPRESS_EDGE },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(word, known[i].word)) {
			*ret = known[i].what;
			return 0;
		}
	return -EINVAL;
}

/* "dead-cycle: type=app.Node function=handle*" */
static int read_own(struct reader *r, char *line)
{
	struct suppression *s = add(r, SUPPRESS_OURO, line);
	char *colon = strchr(line, ':'), *rest, *word;
	int e = 0;

	if (!s)
		return -ENOMEM;
	*colon = 0;
	s->kind = strdup(line);
	if (!s->kind)
		return -ENOMEM;
	for (rest = colon + 1; !e && (word = strsep(&rest, " \t"));) {
		char *pattern = strchr(word, '=');
		enum suppress_what what;

		if (!*word)
			continue;
		if (!pattern)
			return lines_wrong(&r->in, "FIELD=PATTERN is needed", word);
		*pattern++ = 0;
		if (field_of(word, &what))
			return lines_wrong(&r->in, "the fields are function, file, module, type and edge", word);
		e = add_rule(s, what, pattern);
	}
	if (!e && !s->nrules)
		return lines_wrong(&r->in, "no FIELD=PATTERN: it would take all findings away", "");
	return e;
}

static bool is_own(const char *line)
{
	const char *colon = strchr(line, ':');

	if (!colon || colon == line || (colon[1] && colon[1] != ' ' && colon[1] != '\t'))
		return false;
	return strspn(line, "abcdefghijklmnopqrstuvwxyz-") == (size_t)(colon - line);
}

/* Of another sanitizer: "race:x", "vptr:y". */
static bool is_other(const char *line)
{
	const char *colon = strchr(line, ':');

	return colon && colon > line && colon[1] && !isspace((unsigned char)colon[1]) &&
		strspn(line, "abcdefghijklmnopqrstuvwxyz_-") == (size_t)(colon - line);
}

static int read_one(struct reader *r, char *line)
{
	if (*line == '{' && !line[1])
		return read_valgrind(r);
	if (!strncmp(line, "leak:", 5) && line[5])
		return read_lsan(r, line);
	if (is_own(line))
		return read_own(r, line);
	if (is_other(line))
		return 0;
	return lines_wrong(&r->in, "neither `leak:PATTERN`, nor `{` of valgrind, nor `KIND: FIELD=PATTERN`",
		     line);
}

int suppressions_parse(struct suppressions *s, char *text, const char *path, char error[300])
{
	struct reader r = { .in = { text, path, 0, error }, .s = s };
	char *line, *copy = strdup(path);
	int e = 0;

	*error = 0;
	if (!copy || mem_room(&s->files, s->nfiles, &s->files_cap, sizeof(*s->files))) {
		free(copy);
		return -ENOMEM;
	}
	r.in.path = s->files[s->nfiles++] = copy;
	while (!e && (line = lines_next_told(&r.in)))
		e = read_one(&r, line);
	if (e && !*error)
		snprintf(error, 300, "%s: %s", path, strerror(-e));
	return e;
}

int suppressions_read(struct suppressions *s, const char *path, char error[300])
{
	FILE *in = fopen(path, "re");
	char *text = NULL;
	size_t room = 0;
	int e = 0;

	if (!in) {
		e = -errno;
		snprintf(error, 300, "%s: %s", path, strerror(-e));
		return e;
	}
	/* No zero byte is in a text: this reads all of it. */
	if (getdelim(&text, &room, 0, in) < 0 && ferror(in)) {
		e = -errno;
		snprintf(error, 300, "%s: %s", path, strerror(-e));
	}
	fclose(in);
	if (!e && text)
		e = suppressions_parse(s, text, path, error);
	free(text);
	return e;
}

void suppressions_fini(struct suppressions *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		suppression_fini(&s->s[i]);
	for (uint32_t i = 0; i < s->nfiles; i++)
		free(s->files[i]);
	mem_free(s->s);
	mem_free(s->files);
	*s = (struct suppressions){0};
}

/* --- matching ------------------------------------------------------------------------ */

static bool like(const char *pattern, const char *text, unsigned how)
{
	return text && *text && wild_match(pattern, text, how);
}

/* LeakSanitizer asks for the module, the function and the source file of each call. */
static bool matches_lsan(const struct suppression *s, const struct suppress_call *call, uint32_t n)
{
	const char *pattern = s->rule[0].pattern;

	for (uint32_t i = 0; i < n; i++)
		if (like(pattern, call[i].function, WILD_PART) ||
		    like(pattern, call[i].linker_name, WILD_PART) ||
		    like(pattern, call[i].file, WILD_PART) ||
		    like(pattern, call[i].module, WILD_PART))
			return true;
	return false;
}

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* Which function of the family it was is not known: any that valgrind would name. */
static const char *const family[] = { "malloc", "calloc", "realloc", "reallocarray", "memalign",
	"posix_memalign", "aligned_alloc", "valloc", "pvalloc" };
static const char *const news[] = { "operator new(unsigned long)", "operator new[](unsigned long)",
	"_Znwm", "_Znam", "_ZnwmRKSt9nothrow_t", "_ZnamRKSt9nothrow_t", "_ZnwmSt11align_val_t",
	"_ZnamSt11align_val_t" };

static bool one_of(const char *pattern, const char *const *name, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (wild_match(pattern, name[i], WILD_ONE))
			return true;
	return false;
}

static bool allocator_is(const struct suppress_rule *r, const struct suppress_call *c)
{
	if (r->what == SUPPRESS_OBJ)
		return wild_match(r->pattern, "/usr/libexec/valgrind/vgpreload_memcheck-amd64-linux.so",
				  WILD_ONE);
	if (r->what != SUPPRESS_FUN)
		return false;
	return c->is_new ? one_of(r->pattern, news, COUNT(news)) :
		one_of(r->pattern, family, COUNT(family));
}

/*
 * "fun:calloc" and no more is for what calloc made, which is not known: better one
 * suppression too few than all of malloc's blocks taken away.
 */
static bool is_allocator_alone(const struct suppression *s)
{
	const char *pattern = s->rule[0].pattern;

	if (s->nrules != 1 || s->rule[0].what != SUPPRESS_FUN || !one_of(pattern, family, COUNT(family)))
		return false;
	return !wild_match(pattern, "malloc", WILD_ONE) || !wild_match(pattern, "calloc", WILD_ONE);
}

/* "file.c" or "file.c:12", of the file's own name; what is no number is any line. */
static bool source_is(const char *pattern, const struct suppress_call *c)
{
	const char *colon = strrchr(pattern, ':');
	char name[LINE_MAX_BYTES];
	int line = colon ? atoi(colon + 1) : 0;

	if (!c->file || !*c->file || (line && (uint32_t)line != c->line))
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)(colon ? colon - pattern : (int)strlen(pattern)),
		 pattern);
	return wild_match(name, words_file(c->file), WILD_ONE);
}

static bool call_is(const struct suppress_rule *r, const struct suppress_call *c)
{
	if (c->allocator)
		return allocator_is(r, c);
	switch (r->what) {
	case SUPPRESS_FUN:
		return like(r->pattern, c->function, WILD_ONE) ||
			like(r->pattern, c->linker_name, WILD_ONE);
	case SUPPRESS_OBJ:
		return like(r->pattern, c->module, WILD_ONE);
	case SUPPRESS_SRC:
		return source_is(r->pattern, c);
	default:
		return false;
	}
}

/* Calls inside the last rule may be followed by any; `...` are any number of calls. */
static bool matches_valgrind(const struct suppression *s, const struct suppress_call *call,
			     uint32_t n)
{
	uint32_t i = 0, k = 0, star = UINT32_MAX, from = 0;

	if (!s->nrules || is_allocator_alone(s))
		return false;
	while (i < s->nrules) {
		if (s->rule[i].what == SUPPRESS_ANY_CALLS) {
			star = ++i;
			from = k;
		} else if (k < n && call_is(&s->rule[i], &call[k])) {
			i++, k++;
		} else if (star != UINT32_MAX && from < n) {
			i = star;
			k = ++from;
		} else {
			return false;
		}
	}
	return true;
}

static bool any_type(const char *pattern, const struct ledger_entry *e)
{
	for (uint32_t i = 0; i < e->ntypes; i++) {
		const char *dot = strrchr(e->type[i], '.');

		if (like(pattern, e->type[i], WILD_ONE) || (dot && like(pattern, dot + 1, WILD_ONE)))
			return true;
	}
	return false;
}

static bool any_edge(const char *pattern, const struct ledger_entry *e)
{
	for (uint32_t i = 0; i < e->nedges; i++)
		if (like(pattern, e->edge[i], WILD_ONE))
			return true;
	return false;
}

static bool any_place(const struct suppress_rule *r, const struct ledger_entry *e)
{
	for (uint32_t i = 0; i < e->nplaces; i++) {
		const struct ledger_place *p = &e->place[i];

		if (r->what == SUPPRESS_FUN && like(r->pattern, p->function, WILD_ONE))
			return true;
		if (r->what == SUPPRESS_SRC && (like(r->pattern, p->file, WILD_ONE) ||
						like(r->pattern, words_file(p->file), WILD_ONE)))
			return true;
	}
	return false;
}

static bool any_call(const struct suppress_rule *r, const struct suppress_call *call, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!call[i].allocator && call_is(r, &call[i]))
			return true;
	return false;
}

static bool matches_own(const struct suppression *s, const struct ledger_entry *e,
			const struct suppress_call *call, uint32_t n)
{
	if (strcmp(s->kind, "any") && strcmp(s->kind, e->kind))
		return false;
	for (uint32_t i = 0; i < s->nrules; i++) {
		const struct suppress_rule *r = &s->rule[i];
		bool there = r->what == SUPPRESS_TYPE ? any_type(r->pattern, e) :
			r->what == SUPPRESS_EDGE ? any_edge(r->pattern, e) :
			any_place(r, e) || any_call(r, call, n);

		if (!there)
			return false;
	}
	return true;
}

static bool is_leak_kind(const char *kind)
{
	return !strcmp(kind, "lost") || !strcmp(kind, "over-retained") ||
		!strcmp(kind, "uncollectable-cycle");
}

static bool matches(const struct suppression *s, const struct ledger_entry *e,
		    const struct suppress_call *call, uint32_t n)
{
	switch (s->form) {
	case SUPPRESS_LSAN:
		return is_leak_kind(e->kind) && matches_lsan(s, call, n);
	case SUPPRESS_VALGRIND:
		return !strcmp(e->kind, "lost") && matches_valgrind(s, call, n);
	default:
		return matches_own(s, e, call, n);
	}
}

struct suppression *suppressions_find(struct suppressions *s, const struct ledger_entry *e,
				      const struct suppress_call *call, uint32_t n)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (matches(&s->s[i], e, call, n)) {
			s->s[i].used++;
			return &s->s[i];
		}
	return NULL;
}

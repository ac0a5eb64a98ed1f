/*
 * doctor_runtimes.c - what the description files would find in a program
 *
 * Those that were asked for are looked at function by function; of the others that came
 * with ouro it is only said that they are about a library of this program.
 */
#include "binary.h"
#include "doctor.h"
#include "mem.h"
#include "runtimes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of one description in one program. */
struct coverage {
	const struct binary *where;	/* the first file it is about; NULL: none    */
	uint32_t there, missing;	/* functions named exactly                   */
	uint32_t patterns;
	char names[200];		/* of the missing ones, the first few        */
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const struct binary *file_for(const struct ouro_description *d, const struct binaries *b)
{
	for (uint32_t i = 0; i < b->n; i++)
		if (!b->all[i].missing &&
		    runtime_file_is_about(d, base_name(b->all[i].path), i == 0))
			return &b->all[i];
	return NULL;
}

static void note_missing(struct coverage *c, const char *name)
{
	size_t n = strlen(c->names);

	c->missing++;
	if (c->missing <= 4)
		snprintf(c->names + n, sizeof(c->names) - n, "%s%s", n ? ", " : "", name);
}

static void cover(struct coverage *c, const struct ouro_description *d, const struct binaries *b)
{
	*c = (struct coverage){ .where = file_for(d, b) };
	for (uint32_t i = 0; c->where && i < d->rules; i++) {
		struct ouro_word w = d->rule[i].function;
		char name[300];

		if (ouro_word_stars(w)) {
			c->patterns++;
			continue;
		}
		snprintf(name, sizeof(name), "%.*s", (int)w.n, w.s);
		if (binary_has(c->where, name, false) || binary_has(c->where, name, true))
			c->there++;
		else
			note_missing(c, name);
	}
}

static void say_asked(struct doctor *d, const struct ouro_description *r, const struct coverage *c)
{
	const char *more = c->missing > 4 ? ", ..." : "";

	if (!c->where)
		doctor_say(d, "runtime", VERDICT_INFO, NULL, "%.*s: none of its libraries is loaded at "
			"the start; if one comes later, it is recorded", (int)r->name.n, r->name.s);
	else if (!c->there && !c->patterns)
		doctor_say(d, "runtime", VERDICT_LIMITED, "is it another version, or stripped?",
			"%.*s: %s has none of the functions that the description names",
			(int)r->name.n, r->name.s, c->where->path);
	else if (c->missing)
		doctor_say(d, "runtime", VERDICT_YES, NULL, "%.*s in %s: %u functions are there, and "
			"%u pattern%s; not there, or inlined everywhere: %s%s", (int)r->name.n,
			r->name.s, c->where->path, c->there, c->patterns,
			c->patterns == 1 ? "" : "s", c->names, more);
	else
		doctor_say(d, "runtime", VERDICT_YES, NULL, "%.*s in %s: all functions that the "
			"description names are there", (int)r->name.n, r->name.s, c->where->path);
	for (uint32_t i = 0; c->where && i < r->notes; i++)
		doctor_say(d, "runtime", VERDICT_INFO, NULL, "%.*s: %.*s", (int)r->name.n, r->name.s,
			(int)r->note[i].n, r->note[i].s);
	if (c->where && !r->counted)
		doctor_say(d, "runtime", VERDICT_LIMITED, NULL, "%.*s: what is made and what ends is "
			"recorded, references are not", (int)r->name.n, r->name.s);
}

/* Each path of the list that `ouro run --runtime` would hand over. */
static void say_list(struct doctor *d, const char *list, const struct binaries *b)
{
	char *copy = strdup(list), *rest = copy, *path;

	while (rest && (path = strsep(&rest, ":"))) {
		struct runtime_file f;
		struct coverage c;
		char *what;

		if (runtime_file_open(&f, path, &what)) {
			free(what);
			continue;
		}
		cover(&c, f.d, b);
		say_asked(d, f.d, &c);
		runtime_file_fini(&f);
	}
	free(copy);
}

static bool is_asked(const char *list, const char *path)
{
	size_t n = strlen(path);

	for (const char *at = list; at && (at = strstr(at, path)); at += n)
		if ((at == list || at[-1] == ':') && (!at[n] || at[n] == ':'))
			return true;
	return false;
}

/* "--runtime cairo --runtime fontconfig" */
static void say_others(struct doctor *d, const char *asked, const struct binaries *b)
{
	char **names, *text = NULL;
	uint32_t n = runtimes_shipped(&names), found = 0;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (uint32_t i = 0; out && i < n; i++) {
		struct runtime_file f;
		char *what;

		if (runtime_file_open(&f, names[i], &what)) {
			free(what);
			continue;
		}
		if (!is_asked(asked, f.path) && file_for(f.d, b))
			fprintf(out, "%s%s", found++ ? ", " : "", names[i]);
		runtime_file_fini(&f);
	}
	if (out && !fclose(out) && found)
		doctor_say(d, "runtime", VERDICT_INFO, "add --runtime NAME to `ouro run` for each that "
			"matters", "it uses libraries whose objects can be followed, too: %s", text);
	free(text);
	runtimes_shipped_free(names, n);
}

void doctor_runtimes(struct doctor *d, const char *asked, const struct binaries *b)
{
	if (asked)
		say_list(d, asked, b);
	say_others(d, asked, b);
}

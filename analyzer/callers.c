#include "callers.h"

#include "buf.h"
#include "mem.h"
#include "place.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DISTANCE_MAX (CALLERS_DEPTH * 2 * PROGRAM_FRAME)

static bool begins(struct text t, const char *with)
{
	size_t n = strlen(with);

	return t.length >= n && !memcmp(t.s, with, n);
}

static bool same_text(struct text a, struct text b)
{
	return a.length == b.length && !memcmp(a.s, b.s, a.length);
}

/* The executable is the program wherever it lies, unless that is an interpreter. */
static bool is_library(const struct defs *d, const struct def_module *m)
{
	char path[4096];

	snprintf(path, sizeof(path), "%.*s", TEXT_ARG(m->path));
	return m->guest || place_is_runtime(path) || ((begins(m->path, "/usr/lib") || begins(m->path, "/lib")) &&
		!same_text(m->path, d->executable));
}

/* "/usr/lib/python3.11/copy.py", "<frozen importlib._bootstrap>": the language's own. */
static bool is_library_file(struct text file)
{
	return begins(file, "<frozen ") || memmem(file.s, file.length, "/lib/python", 11);
}

int callers_init(struct callers *c, const struct stacks *s, struct symbols *symbols)
{
	const struct defs *d = s->defs;

	*c = (struct callers){ .stacks = s, .symbols = symbols,
		.by_location = mem_array(d->locations, sizeof(*c->by_location)),
		.library = mem_array(d->modules, sizeof(*c->library)) };
	if (!c->by_location || !c->library || functions_init(&c->functions, d)) {
		callers_fini(c);
		return -ENOMEM;
	}
	for (uint32_t i = 1; i < d->modules; i++)
		c->library[i] = is_library(d, &d->module[i]);
	return 0;
}

void callers_fini(struct callers *c)
{
	functions_fini(&c->functions);
	texts_fini(&c->names);
	mem_free(c->by_location);
	mem_free(c->library);
	*c = (struct callers){ 0 };
}

/* The function as the linker has it: what was inlined into it has no call of its own. */
static struct caller native_caller(struct callers *c, uint32_t location,
	const struct def_location *l)
{
	uint32_t n;
	const struct frame *f = c->symbols ? symbols_frames(c->symbols, location, &n) : NULL;
	uint32_t module = l->native.module < c->stacks->defs->modules ? l->native.module : 0;
	struct caller x = { .location = location, .module = module,
		.program = module && !c->library[module] };
	struct buf b = { 0 };
	uint64_t start = f && !f->known ?
		functions_start(&c->functions, l->native.module, l->native.address - 1) : 0;

	if (f && f->known)
		buf_printf(&b, "%u\n%s", l->native.module, f->function);
	else
		buf_printf(&b, "%u\n%#llx", l->native.module,
			(unsigned long long)(start ? start : l->native.address));
	x.function = texts_add0(&c->names, buf_text(&b));
	buf_fini(&b);
	return x;
}

static struct caller line_caller(struct callers *c, uint32_t location,
	const struct def_location *l)
{
	const struct def_code *code = def_code(c->stacks->defs, l->line.code);
	struct caller x = { .location = location, .program = true };
	struct buf b = { 0 };

	if (code) {
		x.program = !is_library_file(code->file);
		buf_add(&b, code->file.s, code->file.length);
		buf_printf(&b, ":%u\n", code->line);
		buf_add(&b, code->qualname.s, code->qualname.length);
	}
	x.function = texts_add(&c->names, buf_text(&b), b.n);
	buf_fini(&b);
	return x;
}

/* function 0: it is no call. */
static struct caller caller_at(struct callers *c, uint32_t location)
{
	const struct def_location *l = def_location(c->stacks->defs, location);
	struct caller x = { 0 };

	if (location < c->stacks->defs->locations && c->by_location[location].function)
		return c->by_location[location];
	if (l->kind == LOCATION_NATIVE && !(l->flags & LOCATION_GUEST))
		x = native_caller(c, location, l);
	else if (l->kind == LOCATION_LINE)
		x = line_caller(c, location, l);
	if (location < c->stacks->defs->locations)
		c->by_location[location] = x;
	return x;
}

uint32_t callers_path(struct callers *c, stack_id id, struct caller ret[CALLERS_DEPTH])
{
	uint32_t n = 0;

	for (; id && n < CALLERS_DEPTH; id = stack_parent(c->stacks, id)) {
		struct caller x = caller_at(c, c->stacks->node[id].location);

		if (x.function)
			ret[n++] = x;
	}
	for (uint32_t i = 0; i < n / 2; i++) {
		struct caller x = ret[i];

		ret[i] = ret[n - 1 - i];
		ret[n - 1 - i] = x;
	}
	return n;
}

const struct caller *callers_blame(const struct caller *path, uint32_t n)
{
	for (uint32_t i = n; i-- > 0; )
		if (path[i].program)
			return &path[i];
	return n ? &path[n - 1] : NULL;
}

bool callers_constructs(const char *function)
{
	static const char *const words[] = { "new", "create", "alloc", "construct", "dup" };

	for (const char *at = function; *at; ) {
		size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789");

		for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
			if (n == strlen(words[i]) && !strncmp(at, words[i], n))
				return true;
		at += n;
		at += *at != 0;
	}
	return false;
}

bool callers_counts(const char *function)
{
	static const char *const words[] = { "ref", "unref", "retain", "release", "incref", "decref",
		"addref", "acquire" };
	const char *last = function + strlen(function);
	size_t n;

	while (last > function && isalpha((unsigned char)last[-1]))
		last--;
	n = strlen(last);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (n == strlen(words[i]) && !strncasecmp(last, words[i], n))
			return true;
	return false;
}

const struct caller *callers_keeper(const struct callers *c, const struct caller *path, uint32_t n)
{
	const struct caller *first = callers_blame(path, n);

	for (uint32_t i = n; i-- > 0; )
		if (path[i].program && !callers_counts(callers_name(c, &path[i])))
			return &path[i];
	return first;
}

bool callers_is_of(const char *function, const char *type)
{
	const char *at = type;

	if (!*type)
		return false;
	for (; *type; type++, function++) {
		if (isupper((unsigned char)*type) && type > at && *function == '_')
			function++;
		if (*function != *type && *function != tolower((unsigned char)*type))
			return false;
	}
	return !isalnum((unsigned char)*function);
}

const struct caller *callers_maker(const struct callers *c, const struct caller *path, uint32_t n)
{
	const struct caller *first = callers_blame(path, n);

	for (uint32_t i = n; i-- > 0; )
		if (path[i].program && !callers_constructs(callers_name(c, &path[i])))
			return &path[i];
	return first;
}

const char *callers_name(const struct callers *c, const struct caller *x)
{
	const char *s = texts_get(&c->names, x->function), *name = strchr(s, '\n');

	return name && name[1] ? name + 1 : "?";
}

static uint32_t weight(const struct caller *path, uint32_t from, uint32_t n)
{
	uint32_t sum = 0;

	for (uint32_t i = from; i < n; i++)
		sum += path[i].program ? PROGRAM_FRAME : LIBRARY_FRAME;
	return sum;
}

uint32_t callers_distance(const struct caller *a, uint32_t na, const struct caller *b, uint32_t nb)
{
	uint32_t i = 0, n = na < nb ? na : nb;

	while (i < n && a[i].location == b[i].location)
		i++;
	if (i < n && a[i].function == b[i].function)
		i++;			/* two places in one call of it */
	return i ? weight(a, i, na) + weight(b, i, nb) : DISTANCE_MAX;
}

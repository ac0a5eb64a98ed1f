#include "described.h"

#include "counted.h"
#include "defs.h"
#include "detour.h"
#include "keep.h"
#include "loader.h"
#include "options.h"
#include "strbuf.h"
#include "symtab.h"
#include "type_names.h"
#include "sys.h"

enum { FILES = 32 };			/* description files, at most */

struct described_hook described_hook[TRAMPOLINES];
static unsigned hooks;
static unsigned pass;			/* libraries looked through so far */

static struct described described[FILES];
static unsigned files;

uint32_t described_type(const struct described *of, const char *name, size_t length)
{
	return type_named(of->number, name, length);
}

/* --- the files ------------------------------------------------------------------------- */

static void note_error(const char *path, const struct ouro_description *d)
{
	char text[400];
	struct strbuf t = strbuf_in(text, sizeof text);

	strbuf_add(&t, path);
	if (d->error_line) {
		strbuf_add(&t, ":");
		strbuf_add_number(&t, d->error_line, 10);
	}
	strbuf_add(&t, ": ");
	if (d->error_word.n) {
		strbuf_add_n(&t, d->error_word.s, d->error_word.n);
		strbuf_add(&t, " ");
	}
	strbuf_add(&t, d->error);
	strbuf_add(&t, ": not recorded");
	define_note(OURO_NOTE_WARNING, text);
}

static void note_unreadable(const char *path)
{
	char text[400];
	struct strbuf t = strbuf_in(text, sizeof text);

	strbuf_add(&t, path);
	strbuf_add(&t, ": cannot be read: what it describes is not recorded");
	define_note(OURO_NOTE_WARNING, text);
}

/* Mapped for good: the description consists of parts of the text. */
static const char *map_text(const char *path, size_t *ret_size)
{
	int fd = sys_open(path, O_RDONLY, 0);
	struct stat st;
	long r = -1;

	if (fd < 0)
		return NULL;
	if (!sys_fstat(fd, &st) && st.st_size > 0 && st.st_size <= OURO_DESCRIBE_FILE) {
		r = SYS(SYS_mmap, 0, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		*ret_size = (size_t)st.st_size;
	}
	sys_close(fd);
	return r < 0 && r > -4096 ? NULL : (const char *)r;
}

static void read_file(const char *path)
{
	struct described *of = &described[files];
	size_t size = 0;
	const char *text;

	if (files == FILES || !*path)
		return;
	text = map_text(path, &size);
	of->d = text ? sys_memory(sizeof *of->d) : NULL;
	if (!of->d) {
		note_unreadable(path);
		return;
	}
	if (!ouro_describe(text, size, of->d)) {
		note_error(path, of->d);
		sys_unmap(of->d, sizeof *of->d);
		return;
	}
	files++;
}

static int start(void)
{
	char *at = options.runtimes;

	while (*at) {
		char *end = strchrnul(at, ':'), was = *end;

		*end = 0;
		read_file(at);
		*end = was;
		at = end + (was == ':');
	}
	return files ? 0 : -ENOENT;
}

/* --- a function that is named -------------------------------------------------------------- */

static bool same_place(const struct ouro_place *a, const struct ouro_place *b)
{
	return !memcmp(a, b, sizeof *a);
}

/* Found by another name, or by a pattern that says the same. */
static bool has_action(const struct described_hook *h, const struct ouro_rule *r)
{
	for (unsigned i = 0; i < h->actions; i++) {
		const struct ouro_rule *o = h->action[i].rule;

		if (o == r || (o->role == r->role && same_place(&o->object, &r->object)
			       && same_place(&o->held, &r->held)))
			return true;
	}
	return false;
}

static bool has_rule(const struct described_hook *h, const struct ouro_rule *r)
{
	for (unsigned i = 0; i < h->actions; i++)
		if (h->action[i].rule == r)
			return true;
	return false;
}

/*
 * The function's hook: of this look through the library, or of one before when the library
 * came back to where it was.  What else stood there is no longer.
 */
static struct described_hook *find_hook(uintptr_t target, const struct ouro_rule *r)
{
	for (unsigned i = 0; i < hooks; i++) {
		struct described_hook *h = &described_hook[i];

		if (h->target != target)
			continue;
		if (h->pass == pass || has_rule(h, r))
			return h;
		h->target = 0;
	}
	return NULL;
}

static const char *keep_name(const char *name, size_t length)
{
	char *copy = length < KEEP_MAX ? keep(length + 1) : NULL;

	if (copy)
		memcpy(copy, name, length);
	return copy ? copy : "described function";
}

static struct described_hook *new_hook(uintptr_t target, const char *name, size_t length)
{
	struct described_hook *h;

	if (hooks == TRAMPOLINES)
		return NULL;
	h = &described_hook[hooks++];
	*h = (struct described_hook){ .target = target, .name = keep_name(name, length) };
	return h;
}

/* A `*` in the type's name is what that of the pattern stands for. */
static uint32_t type_for(struct described *of, const struct ouro_rule *r,
			 const char *name, size_t length)
{
	struct ouro_word type = of->d->type[r->type].name, star;
	const char *at = memchr(type.s, '*', type.n);
	char whole[200];
	struct strbuf t = strbuf_in(whole, sizeof whole);

	if (!at) {
		if (!of->type[r->type])
			of->type[r->type] = described_type(of, type.s, type.n);
		return of->type[r->type];
	}
	star = ouro_word_star(r->function, name, length);
	strbuf_add_n(&t, type.s, (size_t)(at - type.s));
	strbuf_add_n(&t, star.s, star.n);
	strbuf_add_n(&t, at + 1, (size_t)(type.s + type.n - at) - 1);
	return described_type(of, whole, t.length);
}

static void add_action(struct described_hook *h, struct described *of,
		       const struct ouro_rule *r, const char *name, size_t length)
{
	struct described_action *a = &h->action[h->actions];

	if (h->actions == DESCRIBED_ACTIONS || has_action(h, r))
		return;
	*a = (struct described_action){ .rule = r, .of = of };
	if (r->role == OURO_ROLE_CREATE)
		a->type = type_for(of, r, name, length);
	if (r->role == OURO_ROLE_HOLD)
		a->as = r->as.n ? define_string(r->as.s, r->as.n) : define_string(name, length);
	h->follow |= r->object.after;
	h->actions++;
}

static void place(struct described *of, struct described_hook *h)
{
	void *entry = trampoline_entry((unsigned)(h - described_hook));
	int r;

	/* At start-up the library has not run either, but other threads may have come first. */
	if (!__atomic_load_n(&recording, __ATOMIC_RELAXED))
		r = detour_place(h->name, (void *)h->target, entry, &h->original);
	else
		r = detour_place_unrun(h->name, (void *)h->target, entry, &h->original);
	if (!r || (r == -DETOUR_TWICE && h->original)) {
		of->watched++;
		return;
	}
	if (!of->refused++)
		of->first_refused = h->name;
	h->refusal = r;
	h->target = 0;
}

/* --- a library that came --------------------------------------------------------------- */

static bool is_exact(struct ouro_word function)
{
	return !memchr(function.s, '*', function.n);
}

static bool is_named(const struct ouro_description *d, const char *name, size_t length)
{
	for (uint32_t i = 0; i < d->rules; i++)
		if (is_exact(d->rule[i].function) &&
		    ouro_word_matches(d->rule[i].function, name, length))
			return true;
	return false;
}

static bool is_excepted(const struct ouro_description *d, const char *name, size_t length)
{
	for (uint32_t i = 0; i < d->excepts; i++)
		if (ouro_word_matches(d->except[i], name, length))
			return true;
	return false;
}

static void note_count_by(struct described *of, const char *name, size_t length, uintptr_t at)
{
	for (uint32_t i = 0; i < of->d->types; i++) {
		struct ouro_word by = of->d->type[i].count_by;

		if (by.n && by.n == length && !memcmp(by.s, name, length))
			memcpy(&of->count_by[i], &at, sizeof at);
	}
}

static void found(void *arg, const char *name, size_t length, uintptr_t address)
{
	struct described *of = arg;
	const struct ouro_description *d = of->d;
	bool named = is_named(d, name, length);

	note_count_by(of, name, length, address);
	for (uint32_t i = 0; i < d->rules; i++) {
		const struct ouro_rule *r = &d->rule[i];
		struct described_hook *h;

		if (is_exact(r->function) != named ||
		    !ouro_word_matches(r->function, name, length))
			continue;
		if (!named && is_excepted(d, name, length))
			continue;
		h = find_hook(address, r);
		if (!h)
			h = new_hook(address, name, length);
		if (!h)
			return;
		h->pass = pass;
		add_action(h, of, r, name, length);
	}
}

/* Values of .symtab are not where the file is. */
struct local {
	struct described *of;
	uintptr_t bias;
};

static void found_local(void *arg, const char *name, size_t length, uintptr_t value)
{
	struct local *l = arg;

	found(l->of, name, length, l->bias + value);
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_meant(const struct ouro_word *list, uint32_t n, const char *name)
{
	for (uint32_t i = 0; i < n; i++)
		if (ouro_word_matches(list[i], name, strlen(name)))
			return true;
	return false;
}

static void say(struct described *of)
{
	char name[100], reason[300];
	struct strbuf n = strbuf_in(name, sizeof name), t = strbuf_in(reason, sizeof reason);
	unsigned state = OURO_RUNTIME_ACTIVE;

	strbuf_add_n(&n, of->d->name.s, of->d->name.n);
	if (!of->watched && !of->refused) {
		strbuf_add(&t, "none of its functions was found");
		state = OURO_RUNTIME_DORMANT;
	} else if (of->refused) {
		strbuf_add(&t, of->first_refused);
		if (of->refused > 1) {
			strbuf_add(&t, " and ");
			strbuf_add_number(&t, of->refused - 1, 10);
			strbuf_add(&t, of->refused > 2 ? " other functions" : " other function");
		}
		strbuf_add(&t, " cannot be watched");
		state = of->watched ? OURO_RUNTIME_PARTIAL : OURO_RUNTIME_DORMANT;
	} else if (!of->d->counted) {
		strbuf_add(&t, "what is made and what ends is recorded, references are not");
		state = OURO_RUNTIME_PARTIAL;
	}
	define_runtime(of->number, name, "", state, t.length ? reason : NULL);
}

/* One for each library, so that nobody has to guess what is missing. */
static void note_refused(const struct described *of, const char *file)
{
	char text[1000];
	struct strbuf t = strbuf_in(text, sizeof text);
	bool any = false;

	strbuf_add_n(&t, of->d->name.s, of->d->name.n);
	strbuf_add(&t, ": of ");
	strbuf_add(&t, base_of(file));
	strbuf_add(&t, " these cannot be watched: ");
	for (unsigned i = 0; i < hooks; i++) {
		const struct described_hook *h = &described_hook[i];

		if (h->pass != pass || h->action[0].of != of || !h->refusal)
			continue;
		strbuf_add(&t, any ? ", " : "");
		strbuf_add(&t, h->name);
		strbuf_add(&t, " (");
		strbuf_add(&t, detour_refusal_name(h->refusal));
		strbuf_add(&t, ")");
		any = true;
	}
	if (any)
		define_note(OURO_NOTE_INFO, text);
}

static void note_limits(const struct described *of)
{
	for (uint32_t i = 0; i < of->d->notes; i++) {
		char text[400];
		struct strbuf t = strbuf_in(text, sizeof text);

		strbuf_add_n(&t, of->d->name.s, of->d->name.n);
		strbuf_add(&t, ": ");
		strbuf_add_n(&t, of->d->note[i].s, of->d->note[i].n);
		define_note(OURO_NOTE_INFO, text);
	}
}

static void look_through(struct described *of, const struct link_map *map, const char *file)
{
	struct local local = { of, map->l_addr };

	if (!of->number) {
		of->number = runtime_number();
		note_limits(of);
	}
	loader_each(map, found, of);
	symtab_each(file, found_local, &local);
	for (unsigned i = 0; i < hooks; i++) {
		struct described_hook *h = &described_hook[i];

		if (h->target && h->pass == pass && h->action[0].of == of)
			place(of, h);
	}
	note_refused(of, file);
	say(of);
}

static void library(struct link_map *map)
{
	static char program[512];
	const char *file = map->l_name;
	bool is_program = map == loader_first();
	long n;

	if (!files)
		return;
	if (is_program) {
		n = sys_readlink("/proc/self/exe", program, sizeof program - 1);
		program[n > 0 ? n : 0] = 0;
		file = program;
	}
	pass++;
	for (unsigned i = 0; i < files; i++) {
		const struct ouro_description *d = described[i].d;

		if (is_program ? is_meant(d->program, d->programs, base_of(file))
		    : is_meant(d->library, d->libraries, base_of(file)))
			look_through(&described[i], map, is_program ? "/proc/self/exe" : file);
	}
}

const struct runtime described_runtime = {
	.name = "described",
	.start = start,
	.library = library,
};

#include "options.h"

#include "strbuf.h"

struct options options;

/* A stretch of the text: a key or a value. */
struct word {
	const char *p;
	size_t n;
};

static bool is(struct word w, const char *name)
{
	return w.n == strlen(name) && !memcmp(w.p, name, w.n);
}

/* What comes before `end`, or all; moves *rest behind it. */
static struct word take(struct word *rest, char end)
{
	const char *to = memchr(rest->p, end, rest->n);
	struct word w = { rest->p, to ? (size_t)(to - rest->p) : rest->n };
	size_t skip = w.n + !!to;

	rest->p += skip;
	rest->n -= skip;
	return w;
}

static bool number(struct word w, unsigned base, uint64_t *ret)
{
	uint64_t n = 0;

	if (!w.n || w.n > 20)
		return false;
	for (size_t i = 0; i < w.n; i++) {
		unsigned c = (unsigned char)w.p[i];
		unsigned digit = c - '0' < 10u ? c - '0'
			: (c | 32) - 'a' < 6u ? (c | 32) - 'a' + 10 : 99;

		if (digit >= base || __builtin_mul_overflow(n, base, &n)
		    || __builtin_add_overflow(n, digit, &n))
			return false;
	}
	*ret = n;
	return true;
}

static bool copy(struct word w, char *to, size_t room)
{
	if (w.n >= room)
		return false;
	memcpy(to, w.p, w.n);
	to[w.n] = 0;
	return true;
}

static bool flag(struct word w, bool *ret)
{
	if (!is(w, "0") && !is(w, "1"))
		return false;
	*ret = *w.p == '1';
	return true;
}

static bool parse_snapshot(struct options *o, struct word list)
{
	o->snapshot_exit = false;
	o->snapshot_collection = COLLECTIONS_NEVER;
	while (list.n) {
		struct word value = take(&list, '+'), name = take(&value, ':');
		uint64_t n;

		if (is(name, "exit"))
			o->snapshot_exit = true;
		else if (is(name, "collection"))
			o->snapshot_collection = COLLECTIONS_ANY;
		else if (is(name, "signal") && number(value, 10, &n) && n && n < 65)
			o->snapshot_signal = (int)n;
		else if (is(name, "every") && number(value, 10, &n) && n && n <= UINT32_MAX)
			o->snapshot_every = (uint32_t)n;
		else if (is(name, "call") && value.n) {
			if (!copy(value, o->snapshot_call, sizeof o->snapshot_call))
				return false;
		} else if (!is(name, "never"))
			return false;
	}
	return true;
}

static bool parse_one(struct options *o, struct word key, struct word value)
{
	uint64_t n;
	bool b;

	if (is(key, "mode")) {
		o->mode = is(value, "ring") ? MODE_RING : MODE_STREAM;
		return is(value, "ring") || is(value, "stream");
	}
	if (is(key, "ring"))
		return number(value, 10, &o->ring);
	if (is(key, "sample"))
		return number(value, 10, &o->sample);
	if (is(key, "snapshot"))
		return parse_snapshot(o, value);
	if (is(key, "follow"))
		return flag(value, &o->follow);
	if (is(key, "preload")) {
		if (!flag(value, &b))
			return false;
		o->preload = b;
		return true;
	}
	if (is(key, "first")) {
		if (!number(value, 10, &n) || n > UINT32_MAX)
			return false;
		o->first = (uint32_t)n;
		return true;
	}
	if (is(key, "parent"))
		return number(value, 16, &o->parent);
	if (is(key, "watch"))
		return copy(value, o->watch, sizeof o->watch);
	if (is(key, "runtimes"))
		return copy(value, o->runtimes, sizeof o->runtimes);
	if (is(key, "debug"))
		return copy(value, o->debug, sizeof o->debug);
	return false;
}

void options_parse(struct options *o, const char *text)
{
	struct word rest = { text ? text : "", text ? strlen(text) : 0 };

	*o = (struct options){ .ring = 64 << 20, .snapshot_exit = true, .follow = true,
		.snapshot_collection = COLLECTIONS_WHEN_SMALL, .preload = -1, .file = "./ouro-%e-%p.trace" };
	while (rest.n) {
		struct word one = rest, key = take(&one, '=');

		if (is(key, "file")) {
			if (!copy(one, o->file, sizeof o->file))
				o->file[0] = 0;
			return;
		}
		one = take(&rest, ',');
		key = take(&one, '=');
		if (key.n && !parse_one(o, key, one) && !o->unknown[0])
			copy(key, o->unknown, sizeof o->unknown);
	}
}

/* Expands the pattern; *ret_has_pid: the name tells processes apart by itself. */
static struct strbuf expand(const struct options *o, uint32_t pid, const char *program,
	char *to, size_t room, bool *ret_has_pid)
{
	struct strbuf t = strbuf_in(to, room);

	*ret_has_pid = false;
	for (const char *p = o->file; *p; p++) {
		if (p[0] == '%' && p[1] == 'p') {
			strbuf_add_number(&t, pid, 10);
			*ret_has_pid = true;
			p++;
		} else if (p[0] == '%' && p[1] == 'e') {
			strbuf_add(&t, program);
			p++;
		} else {
			strbuf_add_n(&t, p, 1);
		}
	}
	return t;
}

static void add_folder(struct strbuf *t, uint32_t pid)
{
	strbuf_add(t, ".d/");
	strbuf_add_number(t, pid, 10);
}

bool options_path(const struct options *o, uint32_t pid, const char *program, char *ret,
	size_t room)
{
	bool has_pid;
	struct strbuf t = expand(o, pid, program, ret, room, &has_pid);

	if (!has_pid && o->first && o->first != pid)
		add_folder(&t, pid);
	return o->file[0] && !t.cut;
}

bool options_aside_path(const struct options *o, uint32_t pid, const char *program, char *ret,
	size_t room)
{
	bool has_pid;
	struct strbuf t = expand(o, pid, program, ret, room, &has_pid);

	if (!has_pid)
		add_folder(&t, pid);
	return o->file[0] && !t.cut;
}

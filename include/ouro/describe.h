/*
 * describe.h - a runtime told by a text: which functions make, retain and release its objects
 *
 * docs/runtime-files.md is the language.  The text is read twice, by this one reader: by the
 * command, which tells people what is wrong with it, and by the library in the program, which
 * takes no memory from its heap.  So it needs none: everything is in struct ouro_description,
 * and all texts are parts of the given one, which must stay.
 */
#ifndef OURO_DESCRIBE_H
#define OURO_DESCRIBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define OURO_DESCRIBE_SUFFIX ".runtime"

enum {
	OURO_DESCRIBE_FILE  = 65536,	/* bytes of a file, at most                   */
	OURO_DESCRIBE_LIST  = 2048,	/* bytes of the paths handed to the library   */
	OURO_DESCRIBE_FILES = 8,	/* libraries, programs                        */
	OURO_DESCRIBE_TYPES = 64,
	OURO_DESCRIBE_RULES = 512,
	OURO_DESCRIBE_NAMES = 256,
	OURO_DESCRIBE_NOTES = 8,
	OURO_DESCRIBE_EXCEPT = 32,
	OURO_DESCRIBE_STEPS = 4,
	OURO_DESCRIBE_IMMORTAL = 4,
	OURO_DESCRIBE_ARGUMENTS = 6,
};

/* Part of the text; not terminated. */
struct ouro_word {
	const char *s;
	uint32_t n;
};

enum ouro_role {
	OURO_ROLE_CREATE = 1,	/* an object begins; its first reference is the caller's        */
	OURO_ROLE_RETAIN = 2,
	OURO_ROLE_RELEASE = 3,
	OURO_ROLE_DESTROY = 4,	/* the object ends, whatever its count                          */
	OURO_ROLE_HOLD = 5,	/* from now on `object` holds `held`                            */
	OURO_ROLE_UNHOLD = 6,
	OURO_ROLE_WEAK = 7,	/* somebody wants to be told, and does not count                */
	OURO_ROLE_UNWEAK = 8,
};

/* From a call to a value: an argument or the result, then pointers to follow. */
struct ouro_place {
	uint8_t from;		/* 1..6: argument; OURO_FROM_*; 0: not said      */
	uint8_t steps;
	bool after;		/* followed when the function has returned       */
	uint8_t reserved;	/* 0: no gap, so that places can be compared     */
	int16_t offset[OURO_DESCRIBE_STEPS];	/* where in what is pointed to the next pointer is */
};
enum { OURO_FROM_RESULT = 7, OURO_FROM_OBJECT = 8 };

enum ouro_when {
	OURO_WHEN_ALWAYS = 0, OURO_WHEN_EQUAL, OURO_WHEN_NOT, OURO_WHEN_LEAST, OURO_WHEN_MOST,
	OURO_WHEN_ABOVE, OURO_WHEN_BELOW,
};

/* One function, or all that a pattern stands for, in one role. */
struct ouro_rule {
	struct ouro_word function;
	struct ouro_word as;		/* HOLD: what the reference is called; may be empty */
	struct ouro_place object, held;
	struct ouro_place times;	/* of a retain or release; from 0: `count` times    */
	uint32_t count;
	uint32_t line;
	int32_t when_than;
	uint8_t role, when, type;	/* enum ouro_role, enum ouro_when; index            */
	bool shared;			/* CREATE: or one more reference to what is there   */
};

/* An integer in memory. */
struct ouro_field {
	struct ouro_place at;		/* the last step is where it stands; from 0: none   */
	uint8_t size;			/* 1, 2, 4, 8                                       */
	int32_t plus;			/* what is counted less than there is               */
};

/* What is alike for the functions of a type. */
struct ouro_type {
	struct ouro_word name;		/* a `*` is what the function's pattern stands for  */
	struct ouro_place string;	/* the object says its type's name; from 0: no      */
	struct ouro_field number;	/* ... or its number                                */
	uint32_t name_first, names;	/* what the numbers are called                      */
	struct ouro_field count;
	struct ouro_word count_by;	/* a function that tells the count; may be empty    */
	int32_t immortal[OURO_DESCRIBE_IMMORTAL];	/* such counts are no counts         */
	uint8_t immortals;
	bool destroyed;			/* there is a DESTROY among its rules               */
	bool shared;			/* ... a CREATE that may return one that is there   */
};

struct ouro_type_name {
	int64_t number;
	struct ouro_word name;
};

struct ouro_description {
	struct ouro_word name;
	struct ouro_word library[OURO_DESCRIBE_FILES], program[OURO_DESCRIBE_FILES];
	struct ouro_word note[OURO_DESCRIBE_NOTES], except[OURO_DESCRIBE_EXCEPT];
	struct ouro_type type[OURO_DESCRIBE_TYPES];
	struct ouro_type_name type_name[OURO_DESCRIBE_NAMES];
	struct ouro_rule rule[OURO_DESCRIBE_RULES];
	uint32_t libraries, programs, notes, excepts, types, names, rules;

	bool counted;			/* there is a RETAIN or RELEASE                     */
	uint32_t error_line;		/* 0: none                                          */
	struct ouro_word error_word;	/* what the words are about; may be empty           */
	const char *error;
};

static inline bool ouro_word_is(struct ouro_word w, const char *name)
{
	return w.n == strlen(name) && !memcmp(w.s, name, w.n);
}

/* Does the pattern stand for the name?  `*` stands for any characters, also none. */
static inline bool ouro_word_matches(struct ouro_word pattern, const char *name, size_t length)
{
	size_t p = 0, n = 0, star = SIZE_MAX, mark = 0;

	while (n < length) {
		if (p < pattern.n && pattern.s[p] == '*') {
			star = p++;
			mark = n;
		} else if (p < pattern.n && pattern.s[p] == name[n]) {
			p++;
			n++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			n = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.s[p] == '*')
		p++;
	return p == pattern.n;
}

static inline unsigned ouro_word_stars(struct ouro_word w)
{
	unsigned stars = 0;

	for (uint32_t i = 0; i < w.n; i++)
		stars += w.s[i] == '*';
	return stars;
}

/* What the one star of the pattern stands for in a name that it matches. */
static inline struct ouro_word ouro_word_star(struct ouro_word pattern, const char *name,
					      size_t length)
{
	const char *at = memchr(pattern.s, '*', pattern.n);
	size_t before = at ? (size_t)(at - pattern.s) : 0;

	if (!at)
		return (struct ouro_word){ name, 0 };
	return (struct ouro_word){ name + before, (uint32_t)(length - (pattern.n - 1)) };
}

/* --- the parser ----------------------------------------------------------------------- */

struct ouro_describe {			/* where it is */
	struct ouro_description *d;
	struct ouro_word line;		/* what is left of it */
	uint32_t number;
	struct ouro_type *type;		/* NULL: none yet */
};

static inline bool ouro_describe_error(struct ouro_describe *p, struct ouro_word w,
				       const char *what)
{
	if (!p->d->error) {
		p->d->error = what;
		p->d->error_word = w;
		p->d->error_line = p->number;
	}
	return false;
}

static inline bool ouro_describe_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line; n 0: there is none. */
static inline struct ouro_word ouro_describe_next(struct ouro_describe *p)
{
	struct ouro_word w;

	while (p->line.n && ouro_describe_blank(*p->line.s)) {
		p->line.s++;
		p->line.n--;
	}
	w = (struct ouro_word){ p->line.s, 0 };
	while (w.n < p->line.n && !ouro_describe_blank(p->line.s[w.n]))
		w.n++;
	p->line.s += w.n;
	p->line.n -= w.n;
	return w;
}

static inline struct ouro_word ouro_describe_peek(const struct ouro_describe *p)
{
	struct ouro_describe look = *p;

	return ouro_describe_next(&look);
}

/* All that is left of the line. */
static inline struct ouro_word ouro_describe_rest(struct ouro_describe *p)
{
	struct ouro_word first = ouro_describe_next(p), all;

	all = (struct ouro_word){ first.s, first.n + p->line.n };
	while (all.n && ouro_describe_blank(all.s[all.n - 1]))
		all.n--;
	p->line.n = 0;
	return all;
}

/* Decimal or 0x, with a sign; false: it is no number of 32 bits. */
static inline bool ouro_describe_number(struct ouro_word w, int64_t *ret)
{
	bool minus = w.n && *w.s == '-';
	int64_t v = 0;
	uint32_t i = minus, base = 10;

	if (w.n - i > 2 && w.s[i] == '0' && w.s[i + 1] == 'x') {
		base = 16;
		i += 2;
	}
	if (i >= w.n)
		return false;
	for (; i < w.n; i++) {
		unsigned c = (unsigned char)w.s[i], letter = (c | 32) - 'a';
		unsigned digit = c - '0' < 10u ? c - '0' : letter < 6u ? letter + 10 : 99;

		if (digit >= base)
			return false;
		v = v * base + digit;
		if (v > INT64_C(0xffffffff))
			return false;
	}
	*ret = minus ? -v : v;
	return true;
}

/* "[16][0]": pointers to follow. */
static inline bool ouro_describe_steps(struct ouro_describe *p, struct ouro_word w,
				       struct ouro_place *ret)
{
	while (w.n) {
		const char *end = *w.s == '[' ? memchr(w.s, ']', w.n) : NULL;
		struct ouro_word inner = { w.s + 1, end ? (uint32_t)(end - w.s) - 1 : 0 };
		int64_t v;

		if (!end || !ouro_describe_number(inner, &v) || v != (int16_t)v)
			return ouro_describe_error(p, w,
				"is no way to follow: write [BYTES], once for each pointer");
		if (ret->steps == OURO_DESCRIBE_STEPS)
			return ouro_describe_error(p, w, "follows too many pointers: at most 4");
		ret->offset[ret->steps++] = (int16_t)v;
		w.n -= (uint32_t)(end + 1 - w.s);
		w.s = end + 1;
	}
	return true;
}

/* "arg2[8]", "result", of a call; of an object "[8][0]" alone. */
static inline bool ouro_describe_place(struct ouro_describe *p, struct ouro_place *ret)
{
	struct ouro_word w = ouro_describe_next(p);
	uint32_t head;

	*ret = (struct ouro_place){ 0 };
	if (w.n > 3 && !memcmp(w.s, "arg", 3) && w.s[3] >= '1' && w.s[3] <= '6' &&
	    (w.n == 4 || w.s[4] == '[')) {
		ret->from = (uint8_t)(w.s[3] - '0');
		head = 4;
	} else if (w.n >= 6 && !memcmp(w.s, "result", 6) && (w.n == 6 || w.s[6] == '[')) {
		ret->from = OURO_FROM_RESULT;
		head = 6;
	} else {
		return ouro_describe_error(p, w,
			"is no part of a call: write arg1 to arg6 or result, like arg1[8]");
	}
	w.s += head;
	w.n -= head;
	return ouro_describe_steps(p, w, ret);
}

static inline bool ouro_describe_inside(struct ouro_describe *p, struct ouro_place *ret)
{
	struct ouro_word w = ouro_describe_next(p);

	*ret = (struct ouro_place){ .from = OURO_FROM_OBJECT };
	if (!w.n)
		return ouro_describe_error(p, w, "where in the object?  Write [BYTES]");
	return ouro_describe_steps(p, w, ret);
}

/* "[16] size 4 plus 1" */
static inline bool ouro_describe_field(struct ouro_describe *p, struct ouro_field *ret)
{
	struct ouro_word w;
	int64_t v;

	*ret = (struct ouro_field){ .size = 4 };
	if (!ouro_describe_inside(p, &ret->at))
		return false;
	while ((w = ouro_describe_next(p)).n) {
		struct ouro_word number = ouro_describe_next(p);

		if (ouro_word_is(w, "size")) {
			if (!ouro_describe_number(number, &v) ||
			    (v != 1 && v != 2 && v != 4 && v != 8))
				return ouro_describe_error(p, number, "is no size: 1, 2, 4 or 8 bytes");
			ret->size = (uint8_t)v;
		} else if (ouro_word_is(w, "plus")) {
			if (!ouro_describe_number(number, &v) || v != (int32_t)v)
				return ouro_describe_error(p, number, "is no number");
			ret->plus = (int32_t)v;
		} else {
			return ouro_describe_error(p, w, "is not known here: size BYTES, plus NUMBER");
		}
	}
	return true;
}

static inline bool ouro_describe_when(struct ouro_describe *p, struct ouro_rule *r)
{
	static const struct { const char *sign; uint8_t when; } signs[] = {
		{ "==", OURO_WHEN_EQUAL }, { "!=", OURO_WHEN_NOT }, { ">=", OURO_WHEN_LEAST },
		{ "<=", OURO_WHEN_MOST }, { ">", OURO_WHEN_ABOVE }, { "<", OURO_WHEN_BELOW },
	};
	struct ouro_word of = ouro_describe_next(p), sign = ouro_describe_next(p),
		than = ouro_describe_next(p);
	int64_t v;

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (ouro_word_is(sign, signs[i].sign))
			r->when = signs[i].when;
	if (!ouro_word_is(of, "result") || !r->when || !ouro_describe_number(than, &v) ||
	    v != (int32_t)v)
		return ouro_describe_error(p, of, "is no condition: write when result >= 0");
	r->when_than = (int32_t)v;
	return true;
}

static inline bool ouro_describe_times(struct ouro_describe *p, struct ouro_rule *r)
{
	struct ouro_word w = ouro_describe_peek(p);
	int64_t v;

	if (!ouro_describe_number(w, &v))
		return ouro_describe_place(p, &r->times);
	ouro_describe_next(p);
	if (v < 1 || v > 1000)
		return ouro_describe_error(p, w, "is no number of references: 1 to 1000, or arg2");
	r->count = (uint32_t)v;
	return true;
}

/* The words that say how; true with *ret_known false: a function's name comes instead. */
static inline bool ouro_describe_option(struct ouro_describe *p, struct ouro_rule *r,
					bool *ret_after, bool *ret_known)
{
	struct ouro_word w = ouro_describe_peek(p);

	*ret_known = true;
	if (ouro_word_is(w, "object"))
		return ouro_describe_next(p), ouro_describe_place(p, &r->object);
	if (ouro_word_is(w, "held"))
		return ouro_describe_next(p), ouro_describe_place(p, &r->held);
	if (ouro_word_is(w, "times"))
		return ouro_describe_next(p), ouro_describe_times(p, r);
	if (ouro_word_is(w, "when"))
		return ouro_describe_next(p), ouro_describe_when(p, r);
	if (ouro_word_is(w, "after"))
		return ouro_describe_next(p), *ret_after = true;
	if (ouro_word_is(w, "shared"))
		return ouro_describe_next(p), r->shared = true;
	if (ouro_word_is(w, "as"))
		return ouro_describe_next(p), (r->as = ouro_describe_rest(p)).n ||
			ouro_describe_error(p, w, "what is the reference called?");
	*ret_known = false;
	return true;
}

static inline bool ouro_describe_rule(struct ouro_describe *p, struct ouro_word word,
				      enum ouro_role role)
{
	struct ouro_description *d = p->d;
	struct ouro_rule r = { .role = (uint8_t)role, .count = 1, .line = p->number };
	uint32_t first = d->rules;
	bool after = false, known;
	struct ouro_word w;

	if (!p->type)
		return ouro_describe_error(p, word, "belongs to a type: write type NAME above it");
	r.type = (uint8_t)(p->type - d->type);
	while (ouro_describe_peek(p).n) {
		if (!ouro_describe_option(p, &r, &after, &known))
			return false;
		if (known)
			continue;
		w = ouro_describe_next(p);
		if (d->rules == OURO_DESCRIBE_RULES)
			return ouro_describe_error(p, w, "is one function too many: at most 512");
		d->rule[d->rules++].function = w;
	}
	if (first == d->rules)
		return ouro_describe_error(p, word, "needs the name of a function");
	if (!r.object.from)
		r.object.from = role == OURO_ROLE_CREATE ? OURO_FROM_RESULT : 1;
	if ((role == OURO_ROLE_HOLD || role == OURO_ROLE_UNHOLD) && !r.held.from)
		return ouro_describe_error(p, word, "needs who is held: write held arg2");
	r.object.after = after || r.object.from == OURO_FROM_RESULT || r.when;
	r.held.after = after || r.held.from == OURO_FROM_RESULT || r.when;
	r.times.after = r.times.from == OURO_FROM_RESULT;
	p->type->destroyed |= role == OURO_ROLE_DESTROY;
	p->type->shared |= r.shared;
	d->counted |= role == OURO_ROLE_RETAIN || role == OURO_ROLE_RELEASE;
	for (uint32_t i = first; i < d->rules; i++) {
		w = d->rule[i].function;
		if (role == OURO_ROLE_CREATE && ouro_word_stars(p->type->name) &&
		    ouro_word_stars(w) != 1)
			return ouro_describe_error(p, w,
				"needs one `*`, which the type's name takes up");
		d->rule[i] = r;
		d->rule[i].function = w;
	}
	return true;
}

static inline bool ouro_describe_named(struct ouro_describe *p, struct ouro_word word)
{
	struct ouro_word how = ouro_describe_next(p);

	if (!p->type)
		return ouro_describe_error(p, word, "belongs to a type: write type NAME above it");
	if (ouro_word_is(how, "string"))
		return ouro_describe_inside(p, &p->type->string);
	if (ouro_word_is(how, "number"))
		return ouro_describe_field(p, &p->type->number);
	return ouro_describe_error(p, how, "is neither string nor number: named string [8][0]");
}

static inline bool ouro_describe_name(struct ouro_describe *p, struct ouro_word word)
{
	struct ouro_description *d = p->d;
	struct ouro_word w = ouro_describe_next(p);
	int64_t v;

	if (!p->type || !p->type->number.at.from)
		return ouro_describe_error(p, word, "comes after `named number`");
	if (!ouro_describe_number(w, &v))
		return ouro_describe_error(p, w, "is no number: write name 3 array");
	if (d->names == OURO_DESCRIBE_NAMES)
		return ouro_describe_error(p, w, "is one name too many: at most 256");
	if (!p->type->names)
		p->type->name_first = d->names;
	p->type->names++;
	d->type_name[d->names++] = (struct ouro_type_name){ v, ouro_describe_rest(p) };
	return d->type_name[d->names - 1].name.n ||
		ouro_describe_error(p, w, "has no name: write name 3 array");
}

static inline bool ouro_describe_count(struct ouro_describe *p, struct ouro_word word)
{
	if (!p->type)
		return ouro_describe_error(p, word, "belongs to a type: write type NAME above it");
	if (!ouro_word_is(ouro_describe_peek(p), "by"))
		return ouro_describe_field(p, &p->type->count);
	ouro_describe_next(p);
	p->type->count_by = ouro_describe_next(p);
	return p->type->count_by.n ||
		ouro_describe_error(p, word, "by which function?  It gets the object");
}

static inline bool ouro_describe_immortal(struct ouro_describe *p, struct ouro_word word)
{
	struct ouro_word w;
	int64_t v;

	if (!p->type)
		return ouro_describe_error(p, word, "belongs to a type: write type NAME above it");
	while ((w = ouro_describe_next(p)).n) {
		if (!ouro_describe_number(w, &v) || v != (int32_t)v)
			return ouro_describe_error(p, w, "is no count");
		if (p->type->immortals == OURO_DESCRIBE_IMMORTAL)
			return ouro_describe_error(p, w, "is one count too many: at most 4");
		p->type->immortal[p->type->immortals++] = (int32_t)v;
	}
	return true;
}

/* All the words of the line into a list. */
static inline bool ouro_describe_list(struct ouro_describe *p, struct ouro_word word,
				      struct ouro_word *list, uint32_t *n, uint32_t room)
{
	struct ouro_word w;

	if (!ouro_describe_peek(p).n)
		return ouro_describe_error(p, word, "needs a name behind it");
	while ((w = ouro_describe_next(p)).n) {
		if (*n == room)
			return ouro_describe_error(p, w, "is one too many in this file");
		list[(*n)++] = w;
	}
	return true;
}

static inline bool ouro_describe_type(struct ouro_describe *p, struct ouro_word word)
{
	struct ouro_description *d = p->d;
	struct ouro_word name = ouro_describe_next(p);

	if (!name.n)
		return ouro_describe_error(p, word, "needs a name behind it");
	if (d->types == OURO_DESCRIBE_TYPES)
		return ouro_describe_error(p, name, "is one type too many: at most 64");
	p->type = &d->type[d->types++];
	*p->type = (struct ouro_type){ .name = name };
	return true;
}

static inline bool ouro_describe_line(struct ouro_describe *p)
{
	static const struct { const char *word; enum ouro_role role; } roles[] = {
		{ "create", OURO_ROLE_CREATE }, { "retain", OURO_ROLE_RETAIN },
		{ "release", OURO_ROLE_RELEASE }, { "destroy", OURO_ROLE_DESTROY },
		{ "hold", OURO_ROLE_HOLD }, { "unhold", OURO_ROLE_UNHOLD },
		{ "weak", OURO_ROLE_WEAK }, { "unweak", OURO_ROLE_UNWEAK },
	};
	struct ouro_description *d = p->d;
	struct ouro_word w = ouro_describe_next(p);

	if (!w.n)
		return true;
	for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++)
		if (ouro_word_is(w, roles[i].word))
			return ouro_describe_rule(p, w, roles[i].role);
	if (ouro_word_is(w, "type"))
		return ouro_describe_type(p, w);
	if (ouro_word_is(w, "named"))
		return ouro_describe_named(p, w);
	if (ouro_word_is(w, "name"))
		return ouro_describe_name(p, w);
	if (ouro_word_is(w, "count"))
		return ouro_describe_count(p, w);
	if (ouro_word_is(w, "immortal"))
		return ouro_describe_immortal(p, w);
	if (ouro_word_is(w, "runtime")) {
		if (d->name.n)
			return ouro_describe_error(p, w, "stands twice: a file tells of one runtime");
		d->name = ouro_describe_next(p);
		return d->name.n || ouro_describe_error(p, w, "needs a name behind it");
	}
	if (ouro_word_is(w, "library"))
		return ouro_describe_list(p, w, d->library, &d->libraries, OURO_DESCRIBE_FILES);
	if (ouro_word_is(w, "program"))
		return ouro_describe_list(p, w, d->program, &d->programs, OURO_DESCRIBE_FILES);
	if (ouro_word_is(w, "except"))
		return ouro_describe_list(p, w, d->except, &d->excepts, OURO_DESCRIBE_EXCEPT);
	if (ouro_word_is(w, "note")) {
		if (d->notes == OURO_DESCRIBE_NOTES)
			return ouro_describe_error(p, w, "is one note too many: at most 8");
		d->note[d->notes++] = ouro_describe_rest(p);
		return true;
	}
	return ouro_describe_error(p, w, "is not known: runtime, library, program, note, except, "
		"type, named, name, count, immortal, create, retain, release, destroy, hold, "
		"unhold, weak or unweak");
}

/* What must be there in the end. */
static inline bool ouro_describe_whole(struct ouro_describe *p)
{
	const struct ouro_description *d = p->d;
	struct ouro_word none = { "", 0 };

	p->number = 0;			/* it is nowhere */
	if (!d->name.n)
		return ouro_describe_error(p, none, "the file names no runtime: write runtime NAME");
	if (!d->libraries && !d->programs)
		return ouro_describe_error(p, none, "the file names no library: write library "
			"libNAME.so.*, or program NAME");
	if (!d->rules)
		return ouro_describe_error(p, none, "the file names no function: write create, "
			"retain, release below a type");
	return true;
}

/* The whole text into *ret; false: error, error_line and error_word say what is wrong. */
static inline bool ouro_describe(const char *text, size_t size, struct ouro_description *ret)
{
	struct ouro_describe p = { .d = ret };
	const char *end = text + size;

	memset(ret, 0, sizeof(*ret));
	if (size > OURO_DESCRIBE_FILE)
		return ouro_describe_error(&p, (struct ouro_word){ "", 0 },
			"the file is larger than 64 KiB");
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline ? newline : end, *hash = text;

		p.number++;
		while (hash < stop && !(*hash == '#' &&
					(hash == text || ouro_describe_blank(hash[-1]))))
			hash++;
		p.line = (struct ouro_word){ text, (uint32_t)(hash - text) };
		if (!ouro_describe_line(&p))
			return false;
		if ((p.line = ouro_describe_rest(&p)).n)
			return ouro_describe_error(&p, p.line, "is too much on this line");
		text = newline ? newline + 1 : end;
	}
	return ouro_describe_whole(&p);
}

#endif

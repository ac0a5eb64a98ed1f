#include "freelists.h"

enum {
	TUPLE_HEAD = 24,		/* bytes of a tuple without its items        */
	TUPLES_KEPT = 2000,		/* of each size                              */
};

static const struct list {
	const char *type;
	uint8_t kind, from, to;		/* versions 3.x                              */
	uint16_t room;
	bool cleared;
} list[] = {
	{ "list", 1, 8, 13, 80, true },
	{ "dict", KIND_DICT, 8, 13, 80, true },
	{ "slice", 3, 8, 13, 1, false },
	/* To 3.9 a function keeps one of its own, too: see KIND_FRAME. */
	{ "frame", KIND_FRAME, 8, 10, 65535, false },
	{ "method", 5, 8, 8, 256, true },
	{ "builtin_function_or_method", 6, 8, 8, 256, true },
	{ "Context", 7, 8, 13, 255, true },
	{ "_contextvars.Context", 7, 8, 13, 255, true },
	{ "async_generator_asend", 8, 8, 13, 80, true },
	{ "async_generator_wrapped_value", 9, 8, 13, 80, true },
	{ "_asyncio.FutureIter", 10, 8, 13, 255, false },
	{ "MemoryError", 11, 8, 13, 16, false },
};

enum { LISTS = sizeof(list) / sizeof(list[0]) };

/* To 3.10 there is a list for the empty tuple, which is one object for good, and none for 20. */
static unsigned longest_tuple(unsigned minor)
{
	return minor <= 10 ? KIND_TUPLE_MAX - 1 : KIND_TUPLE_MAX;
}

bool freelists_init(struct freelists *f, unsigned minor)
{
	*f = (struct freelists){ .minor = minor };
	if (minor < 8 || minor > 13)
		return false;
	for (unsigned i = 0; i < LISTS; i++)
		if (minor >= list[i].from && minor <= list[i].to) {
			f->room[list[i].kind] = list[i].room;
			f->cleared[list[i].kind] = list[i].cleared;
		}
	for (unsigned n = 1; n <= longest_tuple(minor); n++) {
		f->room[KIND_TUPLE + n - 1] = TUPLES_KEPT;
		f->cleared[KIND_TUPLE + n - 1] = true;
	}
	return true;
}

/* A class of the program may have the name of a builtin type; it has not its list. */
uint8_t freelists_kind(const struct freelists *f, const struct def_type *type)
{
	bool dotted = false;

	for (uint32_t i = 0; i < type->name.length; i++)
		dotted |= type->name.s[i] == '.';
	if (!(type->flags & OURO_TYPE_STATIC) && !dotted)
		return KIND_NONE;
	if (text_is(type->name, "tuple"))
		return KIND_TUPLE;
	for (unsigned i = 0; i < LISTS; i++)
		if (f->room[list[i].kind] && text_is(type->name, list[i].type))
			return list[i].kind;
	return KIND_NONE;
}

uint8_t freelists_tuple(const struct freelists *f, uint64_t size, uint64_t before)
{
	uint64_t items = size < before + TUPLE_HEAD ? 0 : (size - before - TUPLE_HEAD) / 8;

	return items && items <= longest_tuple(f->minor) ? (uint8_t)(KIND_TUPLE + items - 1) : KIND_NONE;
}

/*
 * Numbers for code objects, and for the lines of each.
 *
 * Two tables, both found into without a lock by any thread and holding only
 * what can be made again: a thing that lost its slot is defined once more,
 * which is legal.  A location's key is its code's number, which is never given
 * twice; so only the table by address has to learn that an address was reused.
 */
#include "live.h"

#include "../defs.h"
#include "names.h"

#include <sys/mman.h>

enum {
	CODES = 1 << 14, LOCATIONS = 1 << 16, PROBES = 8,
};

/* Whoever writes a slot clears `code` first and sets it last. */
static struct code_slot {
	uintptr_t code;
	uint32_t number, print;
} *codes;

/* The upper half of `value` is a check over key: torn pairs are not believed. */
static struct location_slot {
	uint64_t key, value;
} *locations;

uint32_t codes_epoch;

static uintptr_t code_type;

static void *table(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

void codes_start(void)
{
	code_type = (uintptr_t)cpython_find("PyCode_Type");
	codes = table(CODES * sizeof *codes);
	locations = table(LOCATIONS * sizeof *locations);
}

static uint64_t mix(uint64_t v)
{
	v *= 0x9e3779b97f4a7c15u;
	return v ^ v >> 29;
}

/*
 * While samples are taken not every birth is told, so a reused address may go unnoticed: what
 * a code is called and where it stands says whether it is still the same.  Names are
 * interned, so their hashes are there.
 */
static uint32_t print_of(uintptr_t code)
{
	const uintptr_t name = py_ptr(code, py.code_name), file = py_ptr(code, py.code_filename);
	uint64_t print = (uint32_t)py_int(code, py.code_firstlineno);

	if (!sampling)
		return 0;
	print = mix(print ^ mix(name) ^ (name ? py_ptr(name, STR_HASH) : 0));
	return (uint32_t)mix(print ^ mix(file) ^ (file ? py_ptr(file, STR_HASH) : 0));
}

static uint32_t define_text(uintptr_t str)
{
	struct text text;

	if (!str || !text_is_str(str))
		return 0;
	text_init(&text);
	text_add_str(&text, str);
	return define_string(text.s, text.n);
}

static uint32_t define(uintptr_t code)
{
	uint32_t name = define_text(py_ptr(code, py.code_name));
	uint32_t qualname = py.code_qualname < 0 ? name
						 : define_text(py_ptr(code, py.code_qualname));

	return define_code(name, qualname, define_text(py_ptr(code, py.code_filename)),
			   (uint32_t)py_int(code, py.code_firstlineno));
}

/* The slot with this code, or else the one to use for it. */
static struct code_slot *code_slot(uintptr_t code)
{
	size_t at = (size_t)mix(code >> 4) % CODES;
	struct code_slot *room = &codes[at];

	for (unsigned n = 0; n < PROBES; n++, at = (at + 1) % CODES) {
		uintptr_t is = __atomic_load_n(&codes[at].code, __ATOMIC_ACQUIRE);

		if (is == code)
			return &codes[at];
		if (!is && __atomic_load_n(&room->code, __ATOMIC_RELAXED))
			room = &codes[at];
	}
	return room;
}

uint32_t codes_number(uintptr_t code)
{
	struct code_slot *s;
	uint32_t number, print;

	if (!codes || !code || py_ptr(code, OB_TYPE) != code_type)
		return 0;
	s = code_slot(code);
	print = print_of(code);
	if (__atomic_load_n(&s->code, __ATOMIC_ACQUIRE) == code &&
	    __atomic_load_n(&s->print, __ATOMIC_RELAXED) == print) {
		number = __atomic_load_n(&s->number, __ATOMIC_RELAXED);
		if (__atomic_load_n(&s->code, __ATOMIC_ACQUIRE) == code)
			return number;
	}
	number = define(code);
	/* What loses its slot would not be known when its address is reused. */
	if (__atomic_exchange_n(&s->code, 0, __ATOMIC_ACQ_REL))
		__atomic_add_fetch(&codes_epoch, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&s->number, number, __ATOMIC_RELAXED);
	__atomic_store_n(&s->print, print, __ATOMIC_RELAXED);
	__atomic_store_n(&s->code, code, __ATOMIC_RELEASE);
	return number;
}

void codes_retire(uintptr_t code)
{
	struct code_slot *s = codes ? code_slot(code) : NULL;

	if (!s || __atomic_load_n(&s->code, __ATOMIC_ACQUIRE) != code)
		return;
	__atomic_store_n(&s->code, 0, __ATOMIC_RELEASE);
	__atomic_add_fetch(&codes_epoch, 1, __ATOMIC_RELEASE);
}

/* Addresses of instructions count bytes; so did f_lasti, until 3.10 made it count units. */
static uint32_t define_place(uint32_t number, uintptr_t code, int unit, bool entry)
{
	int line = unit < 0 ? py_int(code, py.code_firstlineno)
			    : api.code_line((void *)code, 2 * unit);
	struct text text;
	uint32_t name = 0, location;

	text_init(&text);
	if (unit >= 0 && names_text(code, (size_t)unit, &text))
		name = define_string(text.s, text.n);
	location = define_line(number, line < 0 ? 0 : (uint32_t)line, name, entry ? OURO_LINE_ENTRY : 0);
	if (__builtin_expect(watch_wanted, 0))
		watch_location(location, code, line);
	return location;
}

uint32_t codes_location(uint32_t number, uintptr_t code, int unit, bool entry)
{
	uint64_t key = (uint64_t)number << 32 | ((uint32_t)(unit + 1) << 1 | entry);
	uint64_t check = mix(key) & ~(uint64_t)0xffffffff;
	size_t home = (size_t)(mix(number) + (uint32_t)key) % LOCATIONS;	/* lines side by side */
	struct location_slot *s, *room;
	uint32_t location;

	if (!number || !locations)
		return 0;
	room = &locations[home];
	for (unsigned n = 0; n < PROBES; n++) {
		uint64_t value;

		s = &locations[(home + n) % LOCATIONS];
		value = __atomic_load_n(&s->value, __ATOMIC_RELAXED);
		if (__atomic_load_n(&s->key, __ATOMIC_RELAXED) == key &&
		    (value & ~(uint64_t)0xffffffff) == check)
			return (uint32_t)value;
		if (!value && __atomic_load_n(&room->value, __ATOMIC_RELAXED))
			room = s;
	}
	location = define_place(number, code, unit, entry);
	__atomic_store_n(&room->key, key, __ATOMIC_RELAXED);
	__atomic_store_n(&room->value, check | location, __ATOMIC_RELAXED);
	return location;
}

void codes_forget(void)
{
	if (codes)
		madvise(codes, CODES * sizeof *codes, MADV_DONTNEED);
	if (locations)
		madvise(locations, LOCATIONS * sizeof *locations, MADV_DONTNEED);
	codes_epoch++;
}

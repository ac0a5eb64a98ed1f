#include "type_names.h"

#include "defs.h"

#include <stdbool.h>

/*
 * Rows are found by the number of the name, which is one for each text.  A row is taken by
 * its key and then filled in; who finds it empty, or finds no row, defines the type once
 * more, which the format allows.
 */
enum { ROWS = 4096, TRIED = 16 };
static struct {
	uint64_t key;
	uint32_t type;
} rows[ROWS];

uint32_t type_named(unsigned runtime, const char *name, size_t length)
{
	uint32_t text = define_string(name, length), type, at;
	uint64_t key = (uint64_t)runtime << 32 | text, none = 0;

	if (!text)
		return 0;
	at = (uint32_t)(key * 0x9e3779b97f4a7c15u >> 40);
	for (uint32_t i = at; i < at + TRIED; i++) {
		uint64_t have = __atomic_load_n(&rows[i % ROWS].key, __ATOMIC_ACQUIRE);

		if (have == key) {
			type = __atomic_load_n(&rows[i % ROWS].type, __ATOMIC_ACQUIRE);
			return type ? type : define_type(runtime, text, 0);
		}
		if (have || !__atomic_compare_exchange_n(&rows[i % ROWS].key, &none, key, false,
				__ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
			none = 0;
			continue;
		}
		type = define_type(runtime, text, 0);
		__atomic_store_n(&rows[i % ROWS].type, type, __ATOMIC_RELEASE);
		return type;
	}
	return define_type(runtime, text, 0);
}

#include "mark.h"

#include "defs.h"
#include "events.h"

#include <string.h>

#define NAME_MAX_BYTES 200		/* of a mark; the rest is left out             */

__attribute__((visibility("default"), noinline))
void ouro_mark(const char *name)
{
	struct guard g;
	uint64_t string;

	if (!name || !GUARD_ENTER(&g))
		return;
	string = define_string(name, strnlen(name, NAME_MAX_BYTES));
	if (string)
		event_ext(&g, OURO_EXT_MARK, &string, 1);
	guard_leave(&g);
}

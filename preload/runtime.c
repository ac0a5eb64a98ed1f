#include "runtime.h"

#include "library.h"

#include <errno.h>

const struct runtime *interpreter;
bool interpreter_present;

extern const struct runtime cpython_runtime __attribute__((weak));
extern const struct runtime gobject_runtime __attribute__((weak));
extern const struct runtime described_runtime __attribute__((weak));

static const struct runtime *const known[] = { &cpython_runtime, &gobject_runtime, &described_runtime };
enum { KNOWN = sizeof known / sizeof *known };

static unsigned last_number;

unsigned runtime_number(void)
{
	return __atomic_add_fetch(&last_number, 1, __ATOMIC_RELAXED);
}

/* Of interpreters the first that is present, whether it could be hooked or is dormant, is the one. */
static void start(const struct runtime *r)
{
	int e;

	if (!r || !r->start || (r->interpreter && interpreter_present))
		return;
	e = r->start();
	if (e == -ENOENT || !r->interpreter)
		return;
	interpreter_present = true;
	if (!e)
		interpreter = r;
}

static void library_came(struct link_map *map)
{
	for (unsigned i = 0; i < KNOWN; i++)
		if (known[i] && known[i]->library)
			known[i]->library(map);
}

void runtimes_start(void)
{
	for (unsigned i = 0; i < KNOWN; i++)
		start(known[i]);
	library_watch(library_came);
}

void runtimes_forked(void)
{
	for (unsigned i = 0; i < KNOWN; i++) {
		const struct runtime *r = known[i];

		if (r && r->forked && (!r->interpreter || r == interpreter))
			r->forked();
	}
}

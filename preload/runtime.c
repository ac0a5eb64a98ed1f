#include "runtime.h"

#include <errno.h>

const struct runtime *runtime;
bool runtime_present;

extern const struct runtime cpython_runtime __attribute__((weak));

static const struct runtime *const known[] = { &cpython_runtime };

/* The first that is present, whether it could be hooked or is dormant, is the one. */
void runtime_start(void)
{
	for (unsigned i = 0; i < sizeof known / sizeof *known; i++) {
		int r;

		if (!known[i])
			continue;
		r = known[i]->start();
		if (r == -ENOENT)
			continue;
		runtime_present = true;
		if (!r)
			runtime = known[i];
		return;
	}
}

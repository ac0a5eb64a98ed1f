#include "reference.h"

#include <dlfcn.h>
#include <errno.h>

enum { OWN_MAX = REFERENCE_IPS - UNWIND_DEPTH };	/* frames of ours between libunwind and the hook    */

static int (*backtrace)(void **ips, int n);

int reference_setup(void)
{
	void *lib = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);

	if (!lib)
		return -ENOENT;
	*(void **)&backtrace = dlsym(lib, "unw_backtrace");
	return backtrace ? 0 : -ENOENT;
}

/* ips: innermost first. */
static bool same(const struct unwind_frame *frames, uint32_t n, void **ips, uint32_t m)
{
	uint32_t i;

	if (m < n)
		return false;
	for (i = 0; i < n; i++)
		if ((uintptr_t)ips[i] != frames[n - 1 - i].ip)
			return false;
	return true;
}

enum reference_verdict unwind_compare(const struct unwind_frame *frames, uint32_t n,
	enum unwind_cut cut, void **ips)
{
	int m, skip;

	if (!backtrace)
		return REFERENCE_ABSENT;
	m = backtrace(ips, REFERENCE_IPS);
	for (skip = 0; skip < m && skip < OWN_MAX; skip++) {
		if (!same(frames, n, ips + skip, m - skip))
			continue;
		if (cut != UNWIND_WHOLE || (uint32_t)(m - skip) == n)
			return REFERENCE_AGREES;
	}
	return REFERENCE_DIFFERS;
}

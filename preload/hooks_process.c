#include "hooks_process.h"

#include "loader.h"
#include "modules.h"
#include "process.h"

#include <errno.h>
#include <string.h>

#define HOOK __attribute__((visibility("default"), noinline))

static struct {
	pid_t (*fork)(void);
	int (*dlclose)(void *);
} next;

static void find(void *ret, const char *name)
{
	struct link_map *self = loader_self();
	void *p = self ? loader_lookup(self->l_next, name, NULL) : NULL;

	memcpy(ret, &p, sizeof p);
}

void hooks_process_setup(void)
{
	find(&next.fork, "fork");
	find(&next.dlclose, "dlclose");
}

/*
 * Only to write down the child's number.  That a process is a child is
 * noticed without this, whatever call made it: process_epoch.
 */
HOOK pid_t fork(void)
{
	struct guard g;
	pid_t pid;

	if (!next.fork)
		hooks_process_setup();
	if (!next.fork) {
		errno = ENOSYS;
		return -1;
	}
	pid = next.fork();
	if (pid > 0 && GUARD_ENTER(&g)) {
		process_forked_child(&g, (uint32_t)pid);
		guard_leave(&g);
	}
	return pid;
}

/* Code addresses are only valid while their file is loaded. */
HOOK int dlclose(void *handle)
{
	struct guard g;
	int r;

	if (!next.dlclose)
		hooks_process_setup();
	if (!next.dlclose)
		return -1;
	r = next.dlclose(handle);
	if (GUARD_ENTER(&g)) {
		modules_closed();
		guard_leave(&g);
	}
	return r;
}

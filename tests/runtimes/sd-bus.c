/*
 * A source of events keeps its loop: the loop is referenced once more, by attach, and the
 * error path forgets it.
 *
 * type sd_event, objects 2, function attach
 */
#include <errno.h>
#include <stdlib.h>
#include <systemd/sd-event.h>

#define APART __attribute__((noinline))

struct worker {
	sd_event *loop;
};

APART static int attach(struct worker *w, sd_event *loop, int fd)
{
	w->loop = sd_event_ref(loop);
	return fd < 0 ? -EBADF : 0;
}

APART static void run(int fd)
{
	struct worker *w = calloc(1, sizeof(*w));
	sd_event *loop = NULL;

	if (sd_event_new(&loop) < 0)
		exit(1);
	if (attach(w, loop, fd) == 0)
		sd_event_unref(w->loop);
	free(w);
	sd_event_unref(loop);
}

int main(void)
{
	run(0);
	run(-1);
	run(1);
	run(-1);
	return 0;
}

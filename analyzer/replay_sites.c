/*
 * replay_sites.c - sites by stack
 */
#include "replay_private.h"

#include "mem.h"

#include <errno.h>
#include <string.h>

static int new_site(struct replay *r, stack_id stack, site_id *ret)
{
	struct replay_private *p = r->private;

	if (stack >= p->site_of_room) {
		uint32_t room = p->site_of_room * 2 > r->stacks.count ? p->site_of_room * 2
			: r->stacks.count;
		site_id *q = mem_array(room, sizeof(*q));

		if (!q)
			return -ENOMEM;
		memcpy(q, p->site_of, p->site_of_room * sizeof(*q));
		mem_free(p->site_of);
		p->site_of = q;
		p->site_of_room = room;
	}
	if (p->site_of[stack]) {
		*ret = p->site_of[stack];
		return 0;
	}
	if (mem_room(&r->site, r->sites, &r->sites_room, sizeof(*r->site)))
		return -ENOMEM;
	r->site[r->sites] = (struct site){ .stack = stack, .segment = r->trend.now };
	*ret = p->site_of[stack] = r->sites++;
	return 0;
}

int replay_site_of(struct replay *r, const struct event *e, site_id *ret)
{
	const struct replay_private *p = r->private;

	*ret = e->stack && e->stack < p->site_of_room ? p->site_of[e->stack] : 0;
	return *ret || !e->stack ? 0 : new_site(r, e->stack, ret);
}

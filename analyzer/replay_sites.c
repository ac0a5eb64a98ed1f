/*
 * replay_sites.c - sites by stack
 */
#include "replay_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int new_site(struct replay *r, stack_id stack, site_id *ret)
{
	struct replay_private *p = r->private;

	if (stack >= p->site_of_room) {
		uint32_t room = r->stacks.room;
		site_id *q = realloc(p->site_of, room * sizeof(*q));

		if (!q)
			return -ENOMEM;
		memset(q + p->site_of_room, 0, (room - p->site_of_room) * sizeof(*q));
		p->site_of = q;
		p->site_of_room = room;
	}
	if (p->site_of[stack]) {
		*ret = p->site_of[stack];
		return 0;
	}
	if (r->sites == r->sites_room) {
		struct site *q = realloc(r->site, (size_t)r->sites_room * 2 * sizeof(*q));

		if (!q)
			return -ENOMEM;
		r->site = q;
		r->sites_room *= 2;
	}
	r->site[r->sites] = (struct site){ .stack = stack, .segment = r->trend.now };
	*ret = p->site_of[stack] = r->sites++;
	return 0;
}

int replay_site_of(struct replay *r, const struct event *e, site_id *ret)
{
	struct replay_private *p = r->private;
	struct stream_state *s = &p->stream[e->stream];
	stack_id merged;
	int result;

	*ret = 0;
	if (e->form == OURO_STACK_NONE)
		return 0;
	if (s->cached && s->native == e->native && s->interp == e->interp) {
		*ret = s->site;
		return 0;
	}
	errno = 0;
	merged = stacks_merge(&r->stacks, e->native, e->interp);
	if (!merged)
		return errno == ENOMEM ? -ENOMEM : 0;
	if (merged < p->site_of_room && p->site_of[merged]) {
		*ret = p->site_of[merged];
	} else {
		result = new_site(r, merged, ret);
		if (result)
			return result;
	}
	s->native = e->native;
	s->interp = e->interp;
	s->site = *ret;
	s->cached = true;
	return 0;
}

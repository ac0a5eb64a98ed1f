#include "ties.h"

#include "mem.h"

#include <errno.h>
#include <string.h>

#define ROOM_MIN 256

void ties_fini(struct ties *t)
{
	mem_free(t->edge);
	*t = (struct ties){ 0 };
}

static struct tie *slot(const struct ties *t, uint64_t holder, uint64_t held)
{
	uint64_t h = (holder >> 3 ^ (held >> 3) * 0x9e3779b97f4a7c15u) * 0xd6e8feb86659fd93u;
	uint32_t at = (uint32_t)(h >> 32) & t->mask;

	while (t->edge[at].holder &&
	       (t->edge[at].holder != holder || t->edge[at].held != held))
		at = (at + 1) & t->mask;
	return &t->edge[at];
}

bool tie_stands(const struct tie *e, const struct replay *r)
{
	const struct object *o = replay_object(r, e->holder);
	const struct block *b = o ? NULL : replay_block(r, e->holder);

	return e->holder && ((o && o->born <= e->ticks) || (b && b->born <= e->ticks));
}

bool tie_is_attached(const struct replay *r, uint32_t name)
{
	static const char attached[] = "data \"";
	struct text t = def_string(r->defs, name);

	return t.length >= sizeof(attached) && !memcmp(t.s, attached, sizeof(attached) - 1);
}

/* What no longer stands is left behind: so the room is as much as the living need. */
static int grow(struct ties *t, const struct replay *r)
{
	struct ties old = *t;
	uint32_t n = 0, room = ROOM_MIN;

	for (uint32_t i = 0; old.edge && i <= old.mask; i++)
		n += tie_stands(&old.edge[i], r);
	while (room < 4 * n)
		room *= 2;
	t->edge = mem_array(room, sizeof(*t->edge));
	if (!t->edge) {
		*t = old;
		return -ENOMEM;
	}
	t->mask = room - 1;
	t->n = 0;
	for (uint32_t i = 0; old.edge && i <= old.mask; i++)
		if (tie_stands(&old.edge[i], r)) {
			*slot(t, old.edge[i].holder, old.edge[i].held) = old.edge[i];
			t->n++;
		}
	mem_free(old.edge);
	return 0;
}

struct tie *ties_find(const struct ties *t, uint64_t holder, uint64_t held)
{
	struct tie *e = t->edge ? slot(t, holder, held) : NULL;

	return e && e->holder && e->ticks ? e : NULL;
}

/* Taken back: the name of nobody, so that probing goes on behind it. */
static void take_back(struct ties *t, uint64_t holder, uint64_t held)
{
	struct tie *e = ties_find(t, holder, held);

	if (e)
		e->ticks = 0;
}

int ties_event(struct ties *t, const struct replay *r, const struct event *e, site_id site)
{
	uint64_t held = e->ext_arg[0] * 8;
	struct tie *x;

	if (!e->addr || !held)
		return 0;
	if (e->ext == OURO_EXT_UNEDGE) {
		take_back(t, e->addr, held);
		return 0;
	}
	if ((!t->edge || t->n >= t->mask / 2) && grow(t, r))
		return -ENOMEM;
	x = slot(t, e->addr, held);
	t->n += !x->holder;
	*x = (struct tie){ .holder = e->addr, .held = held, .ticks = e->ticks,
		.name = (uint32_t)e->ext_arg[1], .hold = (uint8_t)e->ext_arg[2], .site = site };
	return 0;
}

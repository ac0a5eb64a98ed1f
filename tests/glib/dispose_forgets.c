/*
 * mistake: a holder's dispose does not let go of what its setter took
 * kind: unbalanced
 * type: Lamp
 * objects: 3
 * blame: room_set_lamp
 */
#include "thing.h"

FORGETFUL(Room, room, G_TYPE_OBJECT)
THING(Lamp, lamp, G_TYPE_OBJECT)

static NOINLINE void room_set_lamp(Room *r, Lamp *l)
{
	r->held = G_OBJECT(g_object_ref(l));
}

static NOINLINE void live(void)
{
	Room *r = room_new();
	Lamp *l = lamp_new();

	room_set_lamp(r, l);
	g_object_unref(l);
	g_object_unref(r);
}

int main(void)
{
	for (int i = 0; i < 3; i++)
		live();
	return sweep();
}

/*
 * mistake: an object's own signal handler holds it as its data
 * kind: dead-cycle
 * type: Door
 * objects: 4
 * blame: watch_door
 */
#include "thing.h"

THING(Door, door, G_TYPE_OBJECT)

static void on_ping(Door *d, Door *self)
{
	(void)d, (void)self;
}

static NOINLINE void watch_door(Door *d)
{
	g_signal_connect_data(d, "ping", G_CALLBACK(on_ping), g_object_ref(d),
		(GClosureNotify)(void (*)(void))g_object_unref, 0);
}

static NOINLINE void use_door(void)
{
	Door *d = door_new();

	watch_door(d);
	g_signal_emit_by_name(d, "ping");
	g_object_unref(d);
}

int main(void)
{
	for (int i = 0; i < 4; i++)
		use_door();
	return sweep();
}

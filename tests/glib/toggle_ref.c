/*
 * mistake: a toggle reference is added and never removed
 * kind: unbalanced
 * type: Engine
 * objects: 2
 * blame: watch_engine
 */
#include "thing.h"

THING(Engine, engine, G_TYPE_OBJECT)

static void on_toggle(gpointer data, GObject *o, gboolean last)
{
	(void)data, (void)o, (void)last;
}

static NOINLINE void watch_engine(Engine *e)
{
	g_object_add_toggle_ref(G_OBJECT(e), on_toggle, NULL);
}

static NOINLINE void drive(void)
{
	Engine *e = engine_new();

	watch_engine(e);
	g_object_unref(e);
}

int main(void)
{
	drive();
	drive();
	return sweep();
}

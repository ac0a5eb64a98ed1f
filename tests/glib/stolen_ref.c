/*
 * mistake: who only looks gives back what the drawer holds; the drawer finds out
 * kind: over-released
 * type: Spoon
 * objects: 1
 * blame: look_at
 */
#include "thing.h"

THING(Drawer, drawer, G_TYPE_OBJECT)
THING(Spoon, spoon, G_TYPE_OBJECT)

static NOINLINE void drawer_add(Drawer *d, Spoon *s)
{
	d->held = G_OBJECT(g_object_ref(s));
}

static NOINLINE void look_at(Drawer *d)
{
	g_object_unref(d->held);
}

int main(void)
{
	Drawer *d = drawer_new();
	Spoon *s = spoon_new();

	drawer_add(d, s);
	g_object_unref(s);
	look_at(d);
	g_object_unref(d);
	return sweep();
}

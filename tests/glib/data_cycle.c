/*
 * mistake: what is attached to an object, with a function to let go of it, holds the object
 * kind: dead-cycle
 * type: Window
 * objects: 3
 * blame: show
 */
#include "thing.h"

THING(Window, window, G_TYPE_OBJECT)
THING(Builder, builder, G_TYPE_OBJECT)

static NOINLINE void keep_builder(Window *w, Builder *b)
{
	g_object_set_data_full(G_OBJECT(w), "builder", b, g_object_unref);
}

static NOINLINE void builder_make(Builder *b, Window *w)
{
	b->held = G_OBJECT(g_object_ref(w));
}

static NOINLINE void show(void)
{
	Builder *b = builder_new();
	Window *w = window_new();

	builder_make(b, w);
	keep_builder(w, b);
	g_object_unref(w);
}

int main(void)
{
	for (int i = 0; i < 3; i++)
		show();
	return sweep();
}

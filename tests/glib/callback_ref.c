/*
 * mistake: a signal's handler takes a reference and never gives it back
 * kind: unbalanced
 * type: Bell
 * objects: 3
 * blame: on_ping
 * reached: by GLib's table of handlers, which holds nothing
 */
#include "thing.h"

THING(Bell, bell, G_TYPE_OBJECT)

static NOINLINE void on_ping(Bell *b)
{
	g_object_ref(b);
}

static NOINLINE void ring(void)
{
	Bell *b = bell_new();

	g_signal_connect(b, "ping", G_CALLBACK(on_ping), NULL);
	g_signal_emit_by_name(b, "ping");
	g_object_unref(b);
}

int main(void)
{
	for (int i = 0; i < 3; i++)
		ring();
	return sweep();
}

/*
 * mistake: an object is forgotten after its handler was disconnected
 * kind: unbalanced
 * type: Bell
 * objects: 3
 * blame: listen_once
 * reached: by GLib's table of handlers, which keeps the entry of an instance to its end
 */
#include "thing.h"

THING(Bell, bell, G_TYPE_OBJECT)

static void on_ping(Bell *b)
{
	(void)b;
}

static NOINLINE void listen_once(void)
{
	Bell *b = bell_new();
	gulong id = g_signal_connect(b, "ping", G_CALLBACK(on_ping), NULL);

	g_signal_emit_by_name(b, "ping");
	g_signal_handler_disconnect(b, id);
}

int main(void)
{
	for (int i = 0; i < 3; i++)
		listen_once();
	return sweep();
}

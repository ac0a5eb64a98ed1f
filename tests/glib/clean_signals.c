/*
 * kind: clean
 */
#include "thing.h"

THING(Bell, bell, G_TYPE_OBJECT)

static Bell *alive;

static void on_ping(Bell *b, Bell *other)
{
	(void)b, (void)other;
}

int main(void)
{
	Bell *b = bell_new(), *c = bell_new();
	GMainLoop *loop = g_main_loop_new(NULL, FALSE);
	GVariant *v = g_variant_ref_sink(g_variant_new("(is)", 1, "text"));

	alive = bell_new();
	g_signal_connect_object(b, "ping", G_CALLBACK(on_ping), c, 0);
	g_signal_connect_data(b, "ping", G_CALLBACK(on_ping), g_object_ref(c),
		(GClosureNotify)(void (*)(void))g_object_unref, 0);
	g_signal_connect(alive, "ping", G_CALLBACK(on_ping), NULL);
	g_signal_emit_by_name(b, "ping");
	g_signal_emit_by_name(alive, "ping");
	g_idle_add((GSourceFunc)(void (*)(void))g_main_loop_quit, loop);
	g_main_loop_run(loop);
	g_main_loop_unref(loop);
	g_variant_unref(v);
	g_object_unref(c);
	g_object_unref(b);
	return sweep();
}

/* What GLib complains about, and goes on: the same with ouro and without. */
#include "held.h"

int main(void)
{
	GObject *o = g_object_new(G_TYPE_OBJECT, NULL), *kept = g_object_new(G_TYPE_OBJECT, NULL);

	g_log_set_always_fatal(0);
	g_object_unref(NULL);
	g_object_ref(NULL);
	g_variant_unref(NULL);
	g_bytes_unref(NULL);
	g_closure_unref(NULL);
	g_param_spec_unref(NULL);
	g_signal_connect(kept, "no-such-signal", G_CALLBACK(g_object_ref), NULL);
	g_signal_handler_disconnect(kept, 12345);
	g_object_unref(o);
	held_object(kept);
	return 0;
}

/*
 * mistake: gst_bus_peek gives a message of one's own, and it is taken for borrowed
 * kind: unbalanced
 * type: GstMessage
 * objects: 5
 * blame: look
 * needs: gstreamer-1.0
 */
#include <gst/gst.h>

#include "sweep.h"

static __attribute__((noinline)) void post(GstBus *bus)
{
	gst_bus_post(bus, gst_message_new_application(NULL, gst_structure_new_empty("news")));
}

static __attribute__((noinline)) gboolean look(GstBus *bus)
{
	return gst_bus_peek(bus) != NULL;
}

static __attribute__((noinline)) void take_one(GstBus *bus)
{
	gst_message_unref(gst_bus_pop(bus));
}

int main(int argc, char **argv)
{
	GstBus *bus;

	gst_init(&argc, &argv);
	bus = gst_bus_new();
	for (int i = 0; i < 5; i++)
		post(bus);
	while (look(bus))
		take_one(bus);
	gst_object_unref(bus);
	gst_deinit();
	return sweep();
}

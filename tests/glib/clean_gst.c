/*
 * kind: clean
 * needs: gstreamer-1.0
 */
#include <gst/gst.h>

#include "sweep.h"

int main(int argc, char **argv)
{
	GstElement *p;
	GstMessage *m;
	GstBus *bus;

	gst_init(&argc, &argv);
	p = gst_parse_launch("audiotestsrc num-buffers=20 ! audioconvert ! fakesink", NULL);
	gst_element_set_state(p, GST_STATE_PLAYING);
	bus = gst_element_get_bus(p);
	m = gst_bus_timed_pop_filtered(bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS);
	gst_message_unref(m);
	gst_object_unref(bus);
	gst_element_set_state(p, GST_STATE_NULL);
	gst_object_unref(p);
	gst_deinit();
	return sweep();
}

/*
 * mistake: gst_element_get_static_pad gives a reference, and nobody gives it back
 * kind: unbalanced
 * type: GstPad
 * objects: 2
 * blame: look_at_pad
 * needs: gstreamer-1.0
 */
#include <gst/gst.h>

#include "sweep.h"

static __attribute__((noinline)) void look_at_pad(GstElement *e)
{
	GstPad *p = gst_element_get_static_pad(e, "sink");

	gst_pad_is_linked(p);
}

int main(int argc, char **argv)
{
	gst_init(&argc, &argv);
	for (int i = 0; i < 2; i++) {
		GstElement *e = gst_object_ref_sink(gst_element_factory_make("fakesink", NULL));

		look_at_pad(e);
		gst_object_unref(e);
	}
	gst_deinit();
	return sweep();
}

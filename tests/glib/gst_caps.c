/*
 * mistake: gst_pad_query_caps gives caps of one's own, and they are taken for borrowed
 * kind: unbalanced
 * type: GstCaps
 * objects: 3
 * blame: ask
 * needs: gstreamer-1.0
 */
#include <gst/gst.h>

#include "sweep.h"

static __attribute__((noinline)) void ask(int width)
{
	GstCaps *c = gst_caps_new_simple("video/x-raw", "width", G_TYPE_INT, width, NULL);
	GstCaps *d = gst_caps_ref(c);

	gst_caps_get_size(d);
	gst_caps_unref(c);
}

int main(int argc, char **argv)
{
	gst_init(&argc, &argv);
	for (int i = 0; i < 3; i++)
		ask(i + 1);
	gst_deinit();
	return sweep();
}

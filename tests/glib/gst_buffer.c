/*
 * mistake: a buffer is filled, looked at, and forgotten
 * kind: unbalanced
 * type: GstBuffer
 * objects: 3
 * blame: fill
 * needs: gstreamer-1.0
 */
#include <gst/gst.h>

#include "sweep.h"

static __attribute__((noinline)) void fill(void)
{
	GstBuffer *b = gst_buffer_new_allocate(NULL, 1000, NULL);

	gst_buffer_memset(b, 0, 7, 1000);
}

int main(int argc, char **argv)
{
	gst_init(&argc, &argv);
	for (int i = 0; i < 3; i++)
		fill();
	gst_deinit();
	return sweep();
}

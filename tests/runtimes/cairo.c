/*
 * One surface of three is referenced once more than it is destroyed, by keep_thumbnail.
 *
 * type cairo_surface_t, objects 1, function keep_thumbnail; library cairo
 */
#include <cairo.h>

#define APART __attribute__((noinline))

static cairo_surface_t *thumbnail;

APART static void keep_thumbnail(cairo_surface_t *s)
{
	thumbnail = cairo_surface_reference(s);
}

APART static void draw(int i)
{
	cairo_surface_t *s = cairo_image_surface_create(CAIRO_FORMAT_ARGB32, 20 + i, 20);
	cairo_t *cr = cairo_create(s);

	cairo_reference(cr);
	cairo_set_source_rgb(cr, 1, 0, 0);
	cairo_paint(cr);
	if (i == 1)
		keep_thumbnail(s);
	cairo_destroy(cr);
	cairo_destroy(cr);
	cairo_surface_destroy(s);
}

int main(void)
{
	for (int i = 0; i < 3; i++)
		draw(i);
	thumbnail = 0;
	return 0;
}

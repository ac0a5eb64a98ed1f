/*
 * mistake: a variant is sunk and kept
 * kind: unbalanced
 * type: GVariant
 * objects: 4
 * blame: describe
 */
#include <glib.h>

#include "sweep.h"

static __attribute__((noinline)) void describe(int i)
{
	GVariant *v = g_variant_ref_sink(g_variant_new("(is)", i, "some text"));

	g_variant_get_size(v);
	if (i >= 4)
		g_variant_unref(v);
}

int main(void)
{
	for (int i = 0; i < 8; i++)
		describe(i);
	return sweep();
}

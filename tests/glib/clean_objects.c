/*
 * kind: clean
 */
#include "thing.h"

THING(Parcel, parcel, G_TYPE_OBJECT)
THING(Label, label, G_TYPE_INITIALLY_UNOWNED)

GObject *kept;

static void on_toggle(gpointer data, GObject *o, gboolean last)
{
	(void)data, (void)o, (void)last;
}

int main(void)
{
	GPtrArray *a = g_ptr_array_new_with_free_func(g_object_unref);
	Parcel *p = parcel_new();
	gpointer weak = p;
	GWeakRef ref;

	kept = G_OBJECT(g_object_ref_sink(label_new()));	/* alive at exit, and in reach */
	for (int i = 0; i < 100; i++)
		g_ptr_array_add(a, parcel_new());
	p->held = G_OBJECT(g_object_ref(g_ptr_array_index(a, 3)));
	g_object_add_weak_pointer(G_OBJECT(p), &weak);
	g_weak_ref_init(&ref, p);
	g_object_add_toggle_ref(G_OBJECT(p), on_toggle, NULL);
	g_object_unref(p);
	g_object_remove_toggle_ref(G_OBJECT(p), on_toggle, NULL);
	g_weak_ref_clear(&ref);
	g_ptr_array_unref(a);
	return weak != NULL;
}

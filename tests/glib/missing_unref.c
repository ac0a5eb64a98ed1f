/*
 * mistake: every parcel is made and forgotten
 * kind: unbalanced
 * type: Parcel
 * objects: 3
 * blame: send_parcel
 */
#include "thing.h"

THING(Parcel, parcel, G_TYPE_OBJECT)

static NOINLINE void send_parcel(void)
{
	Parcel *p = parcel_new();

	g_object_ref(p);
	g_signal_emit_by_name(p, "ping");
	g_object_unref(p);
}

int main(void)
{
	for (int i = 0; i < 3; i++)
		send_parcel();
	return sweep();
}

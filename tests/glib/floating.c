/*
 * mistake: a floating reference that nobody sinks
 * kind: unbalanced
 * type: Label
 * objects: 2
 * blame: describe
 */
#include "thing.h"

THING(Label, label, G_TYPE_INITIALLY_UNOWNED)

static NOINLINE void describe(void)
{
	Label *l = label_new();

	g_signal_emit_by_name(l, "ping");
}

int main(void)
{
	Label *used = g_object_ref_sink(label_new());

	describe();
	describe();
	g_object_unref(used);
	return sweep();
}

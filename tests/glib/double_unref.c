/*
 * mistake: released once more after its end
 * kind: over-released
 * type: Ticket
 * objects: 1
 * blame: finish
 */
#include "thing.h"

THING(Ticket, ticket, G_TYPE_OBJECT)

static NOINLINE void finish(Ticket *t)
{
	g_object_unref(t);
}

int main(void)
{
	Ticket *t = ticket_new();

	g_object_unref(t);
	finish(t);
	return sweep();
}

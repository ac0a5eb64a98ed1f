/*
 * mistake: none; what is attached is replaced, cleared, stolen, handed over and ended with its object
 * kind: clean
 */
#include "thing.h"

THING(Board, board, G_TYPE_OBJECT)
THING(Note, note, G_TYPE_OBJECT)

static NOINLINE void pin(Board *b, const char *key)
{
	g_object_set_data_full(G_OBJECT(b), key, note_new(), g_object_unref);
}

static NOINLINE void use(Board *b)
{
	GQuark q = g_quark_from_static_string("q");
	GDestroyNotify destroy;
	Note *n;

	pin(b, "a");
	pin(b, "a");
	g_object_set_data(G_OBJECT(b), "a", NULL);
	pin(b, "b");
	n = g_object_steal_data(G_OBJECT(b), "b");
	g_object_set_qdata_full(G_OBJECT(b), q, n, g_object_unref);
	g_object_replace_qdata(G_OBJECT(b), q, n, note_new(), g_object_unref, &destroy);
	destroy(n);
	pin(b, "c");
	g_object_set_data_full(G_OBJECT(b), "text", g_strdup("text"), g_free);
}

Board *kept;

int main(void)
{
	for (int i = 0; i < 5; i++) {
		Board *b = board_new();

		use(b);
		if (i == 4)
			kept = b;
		else
			g_object_unref(b);
	}
	return sweep();
}

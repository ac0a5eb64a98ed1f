/*
 * mistake: what is attached to an object is given away with it, and one reference is kept
 * kind: unbalanced
 * type: Note
 * objects: 4
 * blame: pin
 */
#include "thing.h"

THING(Board, board, G_TYPE_OBJECT)
THING(Note, note, G_TYPE_OBJECT)

static NOINLINE void pin(Board *b, Note *n)
{
	g_object_set_qdata_full(G_OBJECT(b), g_quark_from_string("note"), g_object_ref(n),
		g_object_unref);
	g_object_ref(n);
}

static NOINLINE Board *make(void)
{
	Board *b = board_new();
	Note *n = note_new();

	pin(b, n);
	g_object_unref(n);
	return b;
}

static Board *board[4];		/* alive at the end, as are the notes: one holder, two references */

int main(void)
{
	for (int i = 0; i < 4; i++)
		board[i] = make();
	for (int i = 0; i < 4; i++)
		g_object_set_data(G_OBJECT(board[i]), "number", GINT_TO_POINTER(i + 1));
	return sweep();
}

/*
 * mistake: one way out of a function, taken once in a hundred, does not release
 * kind: unbalanced
 * type: Parser
 * objects: 10
 * blame: parse
 */
#include "thing.h"

THING(Parser, parser, G_TYPE_OBJECT)

static NOINLINE gboolean parse(int i)
{
	Parser *p = parser_new();

	g_signal_emit_by_name(p, "ping");
	if (i % 100 == 99)
		return FALSE;
	g_object_unref(p);
	return TRUE;
}

int main(void)
{
	for (int i = 0; i < 1000; i++)
		parse(i);
	return sweep();
}

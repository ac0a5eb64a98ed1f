/*
 * mistake: g_list_free where the list owns its objects
 * kind: unbalanced
 * type: Page
 * objects: 5
 * blame: fill
 */
#include "thing.h"

THING(Page, page, G_TYPE_OBJECT)

static NOINLINE GList *fill(void)
{
	GList *l = NULL;

	for (int i = 0; i < 5; i++)
		l = g_list_prepend(l, page_new());
	return l;
}

static NOINLINE void empty(GList *l)
{
	for (GList *x = l; x; x = x->next)
		g_signal_emit_by_name(x->data, "ping");
	g_list_free(l);
}

int main(void)
{
	empty(fill());
	return sweep();
}

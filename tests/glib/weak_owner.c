/*
 * mistake: a weak pointer is taken for an owner
 * kind: unbalanced
 * type: Entry
 * objects: 1
 * blame: cache_fill
 * reached: by the weak pointer, which holds nothing
 */
#include "thing.h"

THING(Entry, entry, G_TYPE_OBJECT)

static Entry *cache;

static NOINLINE void cache_fill(void)
{
	cache = entry_new();
	g_object_add_weak_pointer(G_OBJECT(cache), (gpointer *)&cache);
}

int main(void)
{
	cache_fill();
	return sweep();
}

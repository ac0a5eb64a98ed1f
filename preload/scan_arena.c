#include "scan_arena.h"

#include "loader.h"
#include "sys.h"

#include <malloc.h>
#include <ouro/core.h>
#include <string.h>

bool arena_in_data(uintptr_t start, uintptr_t end, struct part *ret)
{
	size_t from, to;

	if (!ouro_arena_in((const void *)start, start, end - start, &from, &to))
		return false;
	*ret = (struct part){ start + from, start + to };
	return true;
}

bool arena_is_heap(uintptr_t start, uintptr_t end)
{
	return ouro_arena_heap((const void *)start, start, end - start);
}

/* mallinfo allocates nothing; it may set malloc up, as the next call would anyway. */
uintptr_t arena_top(void)
{
	struct mallinfo2 (*info2)(void) = NULL;
	uintptr_t brk = (uintptr_t)SYS(SYS_brk, 0, 0, 0, 0, 0, 0);
	struct link_map *libc = NULL;
	struct mallinfo2 m;
	void *p = NULL;

	/* Another allocator may have one of that name, and not be ready for it. */
	if (loader_lookup(loader_first(), "gnu_get_libc_version", &libc))
		p = loader_symbol(libc, "mallinfo2", NULL);
	if (!p)
		return brk;
	memcpy(&info2, &p, sizeof p);
	m = info2();
	return m.arena ? brk - m.keepcost : 0;
}

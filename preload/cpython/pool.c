#include "pool.h"

#include "layout.h"

#include <ouro/core.h>

bool pool_is(uintptr_t address, uintptr_t start)
{
	uintptr_t size = ouro_pool_size((unsigned)py.minor), at = address & ~(size - 1);

	return at >= start && ouro_is_pool((const void *)at, size);
}

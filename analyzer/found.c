#include "found.h"

#include <ouro/record.h>
#include <stddef.h>

#define TOP (UINT64_MAX >> 3)		/* addresses / 8 */

const uint8_t *found_read(const uint8_t *p, const uint8_t *end, struct found *ret)
{
	uint64_t n, at, gap, delta, held = 0;

	p = ouro_get_varint(p, end, &n);
	if (!p || !n || n > OURO_SNAP_WORDS_MAX || p == end)
		return NULL;
	ret->n = (uint32_t)n;
	ret->region = *p++;
	if (ret->region < OURO_REGION_DATA || ret->region > OURO_REGION_REGISTER)
		return NULL;
	p = ouro_get_varint(p, end, &at);
	if (!p || at > TOP)
		return NULL;
	for (uint32_t i = 0; i < ret->n; i++) {
		p = ouro_get_varint(p, end, &gap);
		if (!p || gap > TOP - at)
			return NULL;
		p = ouro_get_varint(p, end, &delta);
		if (!p)
			return NULL;
		at += gap;
		held = (held + (uint64_t)ouro_unzigzag(delta)) & TOP;
		ret->where[i] = at << 3;
		ret->held[i] = held << 3;
	}
	return p;
}

/*
 * move.h - instructions made to do elsewhere what they do where they are
 */
#ifndef OURO_MOVE_H
#define OURO_MOVE_H

#include <stddef.h>
#include <stdint.h>

enum {
	MOVE_MAX = 20,		/* bytes moved: one instruction and 5 at most */
	MOVE_ROOM = 96,		/* bytes they become, all short loops at worst */
};

/* Where each moved instruction went: offsets from the first, before and after. */
struct move_map {
	uint8_t n;		/* entries; the last is the jump back */
	uint8_t from[MOVE_MAX + 1], to[MOVE_MAX + 1];
};

/*
 * Writes to out[MOVE_ROOM] what does at `home` what the `size` bytes at `from` do in
 * their place and then jumps to from + size.  Distances are mended, short branches
 * widened. Returns the bytes written; -ERANGE when something they refer to can't be
 * reached from home, -EINVAL when an instruction can't be moved: calls (the address they
 * push would be one that no unwinder knows), and what code_decode doesn't know.
 */
int move_code(const uint8_t *from, size_t size, const uint8_t *home, uint8_t *out,
	      struct move_map *ret_map);

#endif

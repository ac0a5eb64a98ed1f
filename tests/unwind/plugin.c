/* Built twice by unwind_test.c: the same instructions at the same addresses, other frames. */
#include <stdint.h>

#ifndef ROOM
#define ROOM 200
#endif

__attribute__((noinline)) static uint64_t inner(void (*event)(void), uint64_t a)
{
	volatile char room[ROOM];

	room[a & 15] = a;
	event();
	return room[0] + a;
}

uint64_t plugin_run(void (*event)(void), uint64_t a)
{
	volatile char room[ROOM * 2];

	room[a & 15] = a;
	return inner(event, a) + room[1];
}

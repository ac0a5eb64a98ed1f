/* Built twice by unwind_test.c, with different frames at the same addresses. */
#include <stdint.h>

#ifndef ROOM
#define ROOM 16
#endif

__attribute__((noinline)) static uint64_t inner(void (*event)(void), uint64_t a)
{
	volatile char room[ROOM];

	room[a % ROOM] = a;
	event();
	return room[0] + a;
}

uint64_t plugin_run(void (*event)(void), uint64_t a)
{
	volatile char room[ROOM * 2];

	room[a % ROOM] = a;
	return inner(event, a) + room[1];
}

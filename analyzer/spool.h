/*
 * spool.h - bytes that are written once, from front to back, and read many times
 *
 * What grows with the length of a run must not take memory with it.  So after SPOOL_MEMORY
 * bytes they stand in a file without a name, in $TMPDIR or /var/tmp, mapped: the kernel
 * writes out what it needs the memory of.  Where there is no room for such a file they stay
 * in memory.
 */
#ifndef OURO_SPOOL_H
#define OURO_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

enum { SPOOL_MEMORY = 8 << 20 };

struct spool {
	uint8_t *p;			/* moves when it grows                       */
	uint64_t size, room;		/* bytes written (by the user of it), and room for */
	bool is_file;
	int fd;				/* of the file, when it is one               */
};

/* Room for n bytes more behind size.  -ENOMEM leaves all as it was. */
int spool_room(struct spool *s, uint64_t n);
void spool_fini(struct spool *s);	/* zeroes are fine */

#endif

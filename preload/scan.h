/*
 * scan.h - who holds what, without knowing what it is: every word that looks like an address
 *
 * For memory that no runtime explains: all of it, or what C code keeps beside a
 * runtime's objects.  The forked child writes all words of writable memory
 * that have an address in memory where blocks of malloc may be; which blocks
 * there are the events know, so the analyzer draws the edges.  Words are told
 * apart by where they stand (enum ouro_region), for a word of free memory
 * holds nothing.
 */
#ifndef SCAN_H
#define SCAN_H

struct snapshot;

/*
 * Before anything is recorded: blocks made until now are known to nobody, and what
 * they hold must count as held.
 */
void scan_setup(void);

/* In the child: words that hold an object which the runtime has told of are left out.  0 or -errno. */
int scan_write(struct snapshot *s);

#endif

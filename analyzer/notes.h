/*
 * notes.h - what limits a report, said in it
 *
 * A trace can be cut off, lossy, of a program that still runs, without a
 * snapshot or without the runtime's part.  Each of these is one line, so
 * that nobody takes silence for a verdict.
 */
#ifndef OURO_NOTES_H
#define OURO_NOTES_H

#include "report.h"

/* -ENOMEM. */
__attribute__((format(printf, 3, 4)))
int note_add(struct report *r, bool warning, const char *format, ...);

/* All that the trace gives reason for; sets r->state. */
int notes_take(struct report *r);

#endif

/*
 * intern.h - which number a text has in the trace
 *
 * Texts are told apart by a 64-bit hash of what they say; no text is kept.
 *
 *            written by             read by   ordered by
 *   hash     one thread, once (CAS) any       acquire / release
 *   id       the thread that set    any       acquire / release; 0: not yet
 *            the hash
 *
 * A thread that meets a hash whose number is not there yet gets 0, and a slot
 * that takes nothing: the text is then defined twice, which the format allows.
 */
#ifndef INTERN_H
#define INTERN_H

#include <stddef.h>
#include <stdint.h>

struct intern_slot {
	uint64_t hash;			/* 0: free                                  */
	uint32_t id;
};

/* The number, or 0 and the slot to publish it in (NULL: there is none, nothing is lost). */
uint32_t intern_find(const char *text, size_t length, struct intern_slot **ret_slot);
void intern_publish(struct intern_slot *slot, uint32_t id);

#endif

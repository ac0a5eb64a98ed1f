/*
 * advice.h - what one can do about a finding
 *
 * By the shape of what is held: which of the ways in which Python programs tie
 * such knots this one is, and how it is usually untied.
 */
#ifndef OURO_ADVICE_H
#define OURO_ADVICE_H

#include "finding.h"
#include "naming.h"

/* Members and edges are set.  The caller's to free with mem_free; NULL: no memory. */
char *advice_for(const struct finding *f, const struct naming *w);

#endif

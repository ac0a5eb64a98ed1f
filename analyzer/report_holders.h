/*
 * report_holders.h - who holds objects, and blocks of malloc: as text, blocks as JSON, too
 */
#ifndef OURO_REPORT_HOLDERS_H
#define OURO_REPORT_HOLDERS_H

#include "block_holders.h"
#include "holders.h"
#include "term.h"

/* Each: of `s->n` matches the first `limit` in full; -ENOMEM. */
int holders_text(const struct term *t, const struct report *r, const struct holders *s,
		 const char *query, uint32_t limit, uint32_t paths);
int block_holders_text(const struct term *t, const struct block_holders *s, const char *query,
		       uint32_t limit, uint32_t paths);
int block_holders_json(FILE *out, const struct block_holders *s, const char *query, uint32_t limit,
		       uint32_t paths);

#endif

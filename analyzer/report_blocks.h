/*
 * report_blocks.h - who holds blocks of malloc, as text and JSON
 */
#ifndef OURO_REPORT_BLOCKS_H
#define OURO_REPORT_BLOCKS_H

#include "block_holders.h"
#include "term.h"

/* The first `limit` matches in full. -ENOMEM. */
int block_holders_text(const struct term *t, const struct block_holders *s, const char *query,
		       uint32_t limit, uint32_t paths);
int block_holders_json(FILE *out, const struct block_holders *s, const char *query, uint32_t limit,
		       uint32_t paths);

#endif

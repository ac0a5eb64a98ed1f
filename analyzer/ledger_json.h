/*
 * ledger_json.h - entries of ledgers and pairs of them, for programs; docs/json.md
 *
 * Fields alone: the object around them is the caller's.
 */
#ifndef OURO_LEDGER_JSON_H
#define OURO_LEDGER_JSON_H

#include "json.h"
#include "pairs.h"

void ledger_entry_json(struct json *j, const struct ledger_entry *e);
void ledger_pair_json(struct json *j, const struct pair *p);
void ledger_names_json(struct json *j, const char *key, const char *const *name, uint32_t n);

#endif

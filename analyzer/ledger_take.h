/*
 * ledger_take.h - from a report to a ledger
 *
 * A finding is told apart from others by what its analysis folded it by: blocks
 * that are lost by the calls that made them (inlined ones too, so that an
 * optimiser changes nothing), cycles and objects by the places and types of their
 * members and the references among these.
 */
#ifndef OURO_LEDGER_TAKE_H
#define OURO_LEDGER_TAKE_H

#include "ledger.h"
#include "report.h"

/*
 * Entries for the findings of one report; they point to it until ledger_forget_findings.
 * `process` is the caller's number for it.
 */
void ledger_take_findings(struct ledger *l, struct report *r, const char *project,
			  uint32_t process);
void ledger_forget_findings(struct ledger *l);

/*
 * What lives at the end, one entry for each type and place: "alive"; and what was
 * allocated, one for each place: "made" (count: blocks), "brief" (of these, freed
 * before their thread made another).
 */
void ledger_take_alive(struct ledger *l, struct report *r, const char *project);
void ledger_take_made(struct ledger *l, struct report *r, const char *project);

/* A stack as a chain of calls of the program, innermost first: `site` is the heap's. */
void ledger_take_chain(struct ledger *l, struct ledger_entry *e, struct report *r,
		       uint32_t site, const char *project);

#endif

/*
 * report_survival.h - how long objects live, for people and programs
 */
#ifndef OURO_REPORT_SURVIVAL_H
#define OURO_REPORT_SURVIVAL_H

#include "report_text.h"

/* Both: -ENOMEM. */
int survival_text(const struct term *t, struct report *r, const struct text_options *o);
int survival_json(FILE *out, struct report *r);

#endif

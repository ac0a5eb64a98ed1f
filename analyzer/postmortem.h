/*
 * postmortem.h - how a program ended that did not end well, and what led there
 */
#ifndef OURO_POSTMORTEM_H
#define OURO_POSTMORTEM_H

#include "report.h"

/* "was killed by SIGKILL"; NULL: it ended otherwise.  In room. */
const char *postmortem_state(const struct report *r, char room[160]);

/* Adds notes: the core's threads, limits, what it took last, what grew.  -ENOMEM. */
int postmortem_take(struct report *r);

#endif

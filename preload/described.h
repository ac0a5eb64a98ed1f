/*
 * described.h - runtimes that description files tell of (ouro/describe.h)
 *
 *   described.c        the files; which functions of a library they name; the detours
 *   described_call.c   what one call of such a function means
 *
 *              written by                 read by         ordered by
 *   hooks      who loads the library,     whoever calls   written before the detour's jump is
 *              with the loader's lock     the function
 *   type ids   whoever is first           any thread      atomic; found twice does no harm
 */
#ifndef DESCRIBED_H
#define DESCRIBED_H

#include "trampoline.h"

#include <ouro/describe.h>
#include <stdbool.h>

/* A rule as it applies to one function. */
struct described_action {
	const struct ouro_rule *rule;
	const struct described *of;
	uint32_t type;			/* number in the trace, for objects made here    */
	uint32_t as;			/* HOLD: string number                           */
};

enum { DESCRIBED_ACTIONS = 4 };		/* rules for one function, at most               */

struct described_hook {
	void *original;
	uintptr_t target;
	const char *name;
	unsigned pass;			/* of looking through libraries: it was last found in */
	int refusal;			/* detour.h's; 0: it is entered                  */
	bool follow;			/* something is done after the call              */
	uint8_t actions;
	struct described_action action[DESCRIBED_ACTIONS];
};

/* A file. */
struct described {
	struct ouro_description *d;
	unsigned number;		/* of the runtime, in the trace                  */
	uint64_t (*count_by[OURO_DESCRIBE_TYPES])(uintptr_t object);
	uint32_t type[OURO_DESCRIBE_TYPES];	/* their numbers in the trace            */
	uint32_t name_type[OURO_DESCRIBE_NAMES];	/* types by number; 0: not asked for yet */
	unsigned watched, refused;	/* functions                                     */
	const char *first_refused;
};

extern struct described_hook described_hook[TRAMPOLINES];

/* The number of a type of that name in this runtime. */
uint32_t described_type(const struct described *of, const char *name, size_t length);

#endif

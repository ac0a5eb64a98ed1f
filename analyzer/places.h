/*
 * places.h - what locations are called, and which frame of a stack is the one to blame
 *
 * Names are asked for once for each location.  A location of machine code is several
 * frames when functions were inlined.
 */
#ifndef OURO_PLACES_H
#define OURO_PLACES_H

#include "stacks.h"
#include "symbols.h"
#include "texts.h"

struct place {
	text_id function, file;		/* file: 0: not known                        */
	text_id module;			/* file name; 0: a line of an interpreter    */
	uint32_t line;			/* 0: not known                              */
	bool interp;
	bool library;			/* the allocator's side: malloc, operator new, std:: */
	bool serves;			/* ... and so is its module as a whole       */
};

struct places {
	const struct defs *defs;
	struct symbols *symbols;
	struct texts texts;
	struct place *place;		/* [0]: not known                            */
	uint32_t n, cap;
	uint32_t *first, *count;	/* by location; count 0: not asked for yet   */
	bool failed;			/* there was no memory for some of them      */
};

int places_init(struct places *p, const struct defs *d, struct symbols *s);	/* -ENOMEM */
void places_fini(struct places *p);

/* The frames of a location, innermost first; at least one.  Good until the next call. */
const struct place *places_at(struct places *p, uint32_t location, uint32_t *ret_count);

/*
 * Where what was made with this stack was made: the innermost line of an interpreter,
 * else the innermost function of machine code that is not just a way to malloc.
 */
struct place places_own(struct places *p, const struct stacks *s, stack_id stack);

/* The loaded file that asked for the memory, the C library aside; 0: none is known. */
text_id places_module(struct places *p, const struct stacks *s, stack_id stack);

static inline const char *places_text(const struct places *p, text_id id)
{
	return texts_get(&p->texts, id);
}



#endif

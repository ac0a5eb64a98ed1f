/*
 * callers.h - stacks as ways of calls: who called whom, and which of it is the program
 *
 * Two places in one function are two locations and one caller.  Of a stack it
 * is asked in which function two of them part, and which frame a reader would
 * blame: the innermost that is no library's.
 */
#ifndef CALLERS_H
#define CALLERS_H

#include "functions.h"
#include "stacks.h"
#include "symbols.h"
#include "texts.h"

#define CALLERS_DEPTH 256		/* frames looked at: the innermost ones      */

struct caller {
	uint32_t location;		/* as by location_same()                     */
	uint32_t function;		/* equal for all places in one function; never 0 */
	uint32_t module;		/* native: number; 0: none                   */
	bool program;			/* of the program, not of a library of the system */
};

struct callers {
	const struct stacks *stacks;
	struct symbols *symbols;	/* NULL: every native place is a function    */
	struct functions functions;	/* for code without symbols                  */
	struct texts names;		/* "module\nfunction"                        */
	struct caller *by_location;	/* function 0: not asked for yet             */
	bool *library;			/* by module                                 */
};

/* 0 or -ENOMEM.  The stacks may grow on. */
int callers_init(struct callers *c, const struct stacks *s, struct symbols *symbols);
void callers_fini(struct callers *c);

/* Outermost first; how many.  Marks and undefined places are left out. */
uint32_t callers_path(struct callers *c, stack_id id, struct caller ret[CALLERS_DEPTH]);

/* The frame to blame: the innermost of the program, else the innermost.  NULL: there is none. */
const struct caller *callers_blame(const struct caller *path, uint32_t n);

/*
 * ... for having made something: the innermost of the program that is no constructor,
 * as what foo_new() returns is its caller's.
 */
const struct caller *callers_maker(const struct callers *c, const struct caller *path, uint32_t n);

/*
 * ... for a retain or a release: as callers_blame, but the program's own obj_ref() or retain()
 * does for its caller what it is called for.
 */
const struct caller *callers_keeper(const struct callers *c, const struct caller *path, uint32_t n);

/* "ref", "node_unref", "retain", "Obj::addRef" */
bool callers_counts(const char *function);

/* "parcel_new", "new_with_label", "Session::create" */
bool callers_constructs(const char *function);

/* Is it named after the type?  "apple_set_basket" is Apple's, "gtk_box_new" GtkBox's, "Box::add" Box's. */
bool callers_is_of(const char *function, const char *type);

/* "function" of a caller, "?" when it has none. */
const char *callers_name(const struct callers *c, const struct caller *x);

/*
 * How far two ways are from each other: frames behind the function in which
 * they part.  Those of the program count PROGRAM_FRAME each, those of libraries LIBRARY_FRAME,
 * as what a library does inside is its own affair.
 */
#define PROGRAM_FRAME 16
#define LIBRARY_FRAME 1
uint32_t callers_distance(const struct caller *a, uint32_t na, const struct caller *b, uint32_t nb);

#endif

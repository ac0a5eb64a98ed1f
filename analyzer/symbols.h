/*
 * symbols.h - what code is called: function, file, line
 *
 * Native locations out of the names a trace was packed with, else by elfutils out of the
 * modules' own files and their separate debug files, as far as build-ids agree
 * with the trace; interpreter lines from the definitions.  Only what is asked for is
 * looked up, and answers are kept: asking twice is cheap.
 */
#ifndef SYMBOLS_H
#define SYMBOLS_H

#include "defs.h"

struct frame {
	const char *function;		/* never NULL: "module+0x1234", "?" at worst */
	const char *file;		/* NULL: not known                           */
	const char *module;		/* file name; NULL: an interpreter line       */
	uint32_t line;			/* 0: not known                              */
	uint32_t first_line;		/* interpreter: where the function starts    */
	const char *name;		/* interpreter: what gets the result; or NULL */
	bool inlined;			/* into the frame before this one            */
	bool interp;			/* an interpreter line                       */
	bool known;			/* function is a name, not an offset         */
};

struct symbols_options {
	const char *sysroot;		/* put before the modules' paths; NULL: none */
	bool mangled;			/* names of C++ and Rust as the linker has them */
	bool debuginfod;		/* ask the servers of DEBUGINFOD_URLS, and wait */
};

struct symbols;

/* NULL for no options; they and the definitions must outlive it.  NULL when out of memory. */
struct symbols *symbols_new(const struct defs *d, const struct symbols_options *o);
void symbols_free(struct symbols *s);

/*
 * The frames of one location, outermost first: more than one when functions
 * were inlined.  At least one, also for a number that was never defined.
 * Good until symbols_free.
 */
const struct frame *symbols_frames(struct symbols *s, uint32_t location,
	uint32_t *ret_count);

/* The innermost of them. */
const struct frame *symbols_frame(struct symbols *s, uint32_t location);

/* What the linker calls the function a native location is in; NULL: not known. */
const char *symbols_linker_name(struct symbols *s, uint32_t location);

/* Name of data at an address: "libfoo.so: cache+0x8"; NULL: in no module. */
const char *symbols_data(struct symbols *s, uint64_t address);

/* Where that variable is declared; false: not known. */
bool symbols_declared(struct symbols *s, uint64_t address, const char **ret_file, uint32_t *ret_line);

/* The type of that variable, by DWARF, and where in it the address lies; false: not known. */
struct native_type;
bool symbols_type(struct symbols *s, uint64_t address, struct native_type *ret, uint64_t *ret_offset);

/* Modules that were asked for and had nothing to say, and why; row < count. */
const char *symbols_complaint(const struct symbols *s, uint32_t row);
uint32_t symbols_complaints(const struct symbols *s);

/*
 * One line for whom that keeps from reading a report: whose symbols are missing, and how to
 * get them.  NULL: nobody's.  Good until symbols_free.
 */
const char *symbols_advice(struct symbols *s);
/* The same in few words, where symbols are not installed and that is all; else NULL. */
const char *symbols_advice_brief(struct symbols *s);

/* What a packed trace has as PACK_NAMES: all that is known here of its code.  -ENOMEM. */
struct buf;
int symbols_pack(struct symbols *s, struct buf *ret);

#endif

/*
 * packnames.h - names of code and data that travel with a packed trace
 *
 * One block of bytes, in the section PACK_NAMES: what was known where the trace was
 * packed of each of its locations, and the variables of its modules.  Numbers of
 * modules and locations are those of the trace, which has the modules' build-ids.
 *
 *	struct packnames_head
 *	modules   { u32 module, u32 enum native_state }
 *	locations { u32 location, u32 first frame, u32 frames }       ascending
 *	frames    { u32 function, u32 file, u32 line, u32 inlined }   innermost first
 *	data      { u32 module, u32 name, u64 address, u64 size }     ascending
 *	texts     bytes, each text with a zero at its end; where a text begins is its number
 *
 * Functions have the linker's name: who reads decides what to make of it.
 */
#ifndef OURO_PACKNAMES_H
#define OURO_PACKNAMES_H

#include "buf.h"
#include "native.h"
#include "texts.h"

#define PACKNAMES_FORMAT 1

struct packnames_head {
	uint32_t format;		/* PACKNAMES_FORMAT                              */
	uint32_t modules, locations, frames, data;	/* how many of each              */
	uint32_t texts;			/* bytes of them                                 */
};

struct packnames;

/* Takes the bytes, which come from malloc.  0, -ENOMEM, -ENODATA (damaged; they are freed). */
int packnames_read(struct packnames **ret, uint8_t *bytes, size_t size);
void packnames_free(struct packnames *p);	/* NULL is fine */

/* Innermost first; 0: it has none for this location.  Texts are good until packnames_free. */
uint32_t packnames_frames(const struct packnames *p, uint32_t location,
	struct native_frame ret[NATIVE_FRAMES]);

/* The variable an address of a module's file is in; NULL: none. */
const char *packnames_datum(const struct packnames *p, uint32_t module, uint64_t address,
	uint64_t *ret_offset);

/* How the module's file was when the trace was packed; false: nobody looked. */
bool packnames_module(const struct packnames *p, uint32_t module, enum native_state *ret);

/* --- writing ------------------------------------------------------------------------- */

/* Rows come in ascending order; a zeroed draft is empty. */
struct packnames_draft {
	struct packnames_head n;
	struct buf modules, locations, frames, data;
	struct texts texts;
	uint32_t module;		/* whose data are being added                    */
};

void packnames_add_module(struct packnames_draft *d, uint32_t module, enum native_state s);
void packnames_add_location(struct packnames_draft *d, uint32_t location,
	const struct native_frame *frame, uint32_t frames);
void packnames_add_datum(struct packnames_draft *d, const char *name, uint64_t address,
	uint64_t size);

/* -ENOMEM when anything was left out; the draft is empty after. */
int packnames_write(struct packnames_draft *d, struct buf *ret);

#endif

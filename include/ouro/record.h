/*
 * record.h - what happened, as the events of one stream
 *
 * A record is a 16-bit head and the fields the head announces:
 *
 *   bit  0..4    kind (enum ouro_kind)
 *        5..7    length code of dt    ticks since the previous record of the chunk
 *        8..10   length code of addr  zigzag((addr - previous addr of the chunk) / 8)
 *        11..13  length code of arg   see enum ouro_kind
 *        14..15  stack form (enum ouro_stack_form)
 *
 * Length codes 0..7 stand for 0, 1, 2, 3, 4, 5, 6, 8 bytes, little-endian; a
 * field of no bytes is 0.  Order: head, dt, addr, arg, [stack], [tail].
 * At the start of a chunk the previous time is ouro_chunk.ticks, the previous
 * address is 0 and both stacks are empty, so each chunk can be read alone.
 * Within a stream, the order of records is the order of events; time may
 * stand still but never goes back.
 *
 * A stack is two lists of locations (define.h), outermost first: native
 * frames and interpreter frames.  A delta is: one byte, pop in its high
 * nibble and push in its low one; a nibble of 15 is followed by a LEB128
 * varint of what exceeds 15 (pop's first); then `push` locations, from the
 * outside in.  Location numbers are given in define.h.
 *
 * Of the locations written out in a chunk, one for each value of the low seven
 * bits is remembered, the last.  A single byte below 128 stands for the one
 * remembered under it; a location that is not remembered is written as LEB128
 * of two bytes at least (below 128: as its number | 128, then 0).
 */
#ifndef OURO_RECORD_H
#define OURO_RECORD_H

#include <assert.h>
#include <stdint.h>

/*
 * "Block" is memory of an allocator, "object" something a runtime counts.  An
 * object dies at the latest when the block it lies in is freed, and moves
 * with its block: from a RELEASE to the PLACE that follows it in the stream.
 * POOL kinds are the runtime's own allocator (CPython's object and memory
 * domains); what it takes from malloc to serve them is not recorded again.
 */
enum ouro_kind {
	OURO_ALLOC        = 1,	/* arg: size in bytes                               stack */
	OURO_FREE         = 2,	/* arg: unused; written before the block is free          */
	OURO_RELEASE      = 3,	/* a block was handed to realloc                          */
	OURO_PLACE        = 4,	/* ... and what came back; arg: size                stack */
				/* failed realloc: addr is the old one, arg the old size  */
				/* or 0 when that is not known                            */
	OURO_POOL_ALLOC   = 5,
	OURO_POOL_FREE    = 6,
	OURO_POOL_RELEASE = 7,
	OURO_POOL_PLACE   = 8,
	OURO_POOL_BIRTH   = 9,	/* POOL_ALLOC of a block for one object; tail: varint     */
				/* (object - block) / 8, varint type.  A reader that finds*/
				/* no room for the tail takes it for a POOL_ALLOC         */
	OURO_BIRTH        = 10,	/* an object in memory known before (free list) or       */
				/* foreign; addr: object, arg: type                 stack */
	OURO_DEATH        = 11,	/* an object died, its block stays; addr: object          */
	OURO_INCREF       = 12,	/* arg: the count after the change                  stack */
	OURO_DECREF       = 13,	/* arg: the count after the change                  stack */
	OURO_EDGE         = 14,	/* addr holds the object arg from now on            stack */
	OURO_UNEDGE       = 15,	/* ... and no longer                                      */
	OURO_COLLECT      = 16,	/* a collection starts; arg: generation (255: told at the */
				/* end) | enum ouro_cause << 8                      stack */
	OURO_COLLECTED    = 17,	/* ... ends; arg: objects it freed, where known           */
	OURO_REPEAT       = 18,	/* the last two INCREFs or DECREFs of the chunk, in turn, */
				/* with their stacks, arg events more (3: older, newer,   */
				/* older); when exactly, before the next record, is not   */
				/* told.  The writer raises arg in place: it has one byte */
	OURO_EXT          = 31,	/* arg: bytes of the tail; tail: varint enum ouro_ext,    */
				/* then varints.  Unknown ones are skipped                */
};

enum ouro_ext {
	OURO_EXT_THREAD   = 1,	/* from here on: thread number (DEF_THREAD)               */
	OURO_EXT_SNAPSHOT = 2,	/* at this moment: snapshot number                        */
	OURO_EXT_FORK     = 3,	/* this thread forked: child's pid                        */
	OURO_EXT_READY    = 4,	/* the runtime has started up; what follows is the program*/
	OURO_EXT_EXITING  = 5,	/* the runtime begins to tear itself down                 */
	OURO_EXT_GAP      = 6,	/* records lost just before this one, by reason, count    */
	OURO_EXT_MARK     = 7,	/* the program set a mark: string number                  */
	OURO_EXT_COLLECTED = 8,	/* just before COLLECTED: enum ouro_collected; the time of*/
				/* this one is the end of the collection                  */
	OURO_EXT_COLLECTOR = 9,	/* the runtime's own statistics since its start, for each */
				/* generation: collections, freed, uncollectable          */
	OURO_EXT_REFERENCE = 10, /* addr: object; enum ouro_reference, operand       stack */
	OURO_EXT_EDGE     = 11,	/* addr: holder, from now on holds: held address / 8,     */
				/* string number of the name, enum ouro_hold        stack */
	OURO_EXT_UNEDGE   = 12,	/* ... and no longer: held address / 8              stack */
	OURO_EXT_SETTINGS = 13,	/* the collector's settings, as they are from here on:    */
				/* enum ouro_settings                                     */
	OURO_EXT_RESIDENT = 24,	/* memory of the process, as the kernel counts it: resident */
				/* bytes, those of them that are shared (files, too)      */
	OURO_EXT_STACK    = 16,	/* debug: the hash of the next stack of the stream        */
};

#define OURO_GENERATION_UNKNOWN 255

#define OURO_REPEATS_MAX 255		/* arg of a REPEAT                           */

/* An INCREF or DECREF of a runtime whose counts cannot be read: count yourself. */
#define OURO_COUNT_UNKNOWN 0x80000000u

/*
 * What happened to an object's references beside INCREF and DECREF; operand 0
 * unless it is said.  A BIRTH leaves a count of 1, which is its maker's.
 */
enum ouro_reference {
	OURO_REFERENCE_FLOATING      = 1,	/* the first count is nobody's, from now on       */
	OURO_REFERENCE_SUNK          = 2,	/* ... and is owned                               */
	OURO_REFERENCE_TOGGLE_ADD    = 3,	/* who was counted just before holds it by a toggle reference;  */
						/* operand: its data                              */
	OURO_REFERENCE_TOGGLE_REMOVE = 4,	/* ... it is about to be uncounted; operand: data */
	OURO_REFERENCE_WEAK_ADD      = 5,	/* held and not counted; operand: address of the  */
						/* weak pointer, or the data that is notified     */
	OURO_REFERENCE_WEAK_REMOVE   = 6,	/* ... no longer                                  */
	OURO_REFERENCE_DISPOSED      = 7,	/* told to let go of all that it holds            */
	OURO_REFERENCE_REVIVED       = 8,	/* its last count went, and it lives: somebody    */
						/* took a reference while it was disposed         */
	OURO_REFERENCE_COUNT         = 9,	/* operand: the count as it is now; after a BIRTH:*/
						/* it was born with another than 1.  0: this      */
						/* object's references are not told               */
	OURO_REFERENCE_STATIC        = 10,	/* meant to live as long as the process           */
	OURO_REFERENCE_WATCHED       = 11,	/* every change of its count is told from here on; operand: the count */
	OURO_REFERENCE_UNWATCHED     = 12,	/* ... and no longer                              */
};

/* How a holder holds; of one that is not OWNED no count is to be explained. */
enum ouro_hold {
	OURO_HOLD_OWNED    = 0,		/* by a count of the object                  */
	OURO_HOLD_BORROWED = 1,		/* an address that is not counted            */
	OURO_HOLD_WEAK     = 2,		/* ... and forgotten when the object dies    */
};

/* Why a collection starts. */
enum ouro_cause {
	OURO_CAUSE_UNKNOWN      = 0,
	OURO_CAUSE_THRESHOLD    = 1,	/* automatic: a count went above its threshold    */
	OURO_CAUSE_CALL         = 2,	/* the program called: gc.collect()               */
	OURO_CAUSE_NATIVE_CALL  = 3,	/* C code called: PyGC_Collect()                  */
	OURO_CAUSE_FINALISATION = 4,	/* the runtime takes itself apart                 */
};

/* Indices of the numbers in EXT_COLLECTED; there may be more one day. */
enum ouro_collected {
	OURO_COLLECTED_GENERATION    = 0,
	OURO_COLLECTED_CAUSE         = 1,	/* enum ouro_cause                        */
	OURO_COLLECTED_FREED         = 2,	/* objects, as the runtime counts them    */
	OURO_COLLECTED_UNCOLLECTABLE = 3,
	OURO_COLLECTED_EXAMINED      = 4,	/* objects + 1; 0: not known              */
	OURO_COLLECTED_KEPT          = 5,	/* ... + 1: they are in an older generation now */
	OURO_COLLECTED_COUNT         = 6,	/* three: each generation's, before       */
	OURO_COLLECTED_THRESHOLD     = 9,	/* three                                  */
	OURO_COLLECTED_RUNS          = 12,	/* collections so far, by the runtime's statistics */
	OURO_COLLECTED_TOOK          = 13,	/* ticks the recorder took just before it */
	OURO_COLLECTED_CPU           = 14,	/* ns of its thread's processor time + 1; 0: not measured */
	OURO_COLLECTED_FIELDS        = 15,
};

/* Indices of the numbers in EXT_SETTINGS; there may be more one day. */
enum ouro_settings {
	OURO_SETTINGS_CHANGE    = 0,	/* enum ouro_change: what the program did */
	OURO_SETTINGS_ENABLED   = 1,
	OURO_SETTINGS_THRESHOLD = 2,	/* three                                  */
	OURO_SETTINGS_COUNT     = 5,	/* three: each generation's, after it     */
	OURO_SETTINGS_FROZEN    = 8,	/* objects + 1 that no collection looks at; 0: not counted */
	OURO_SETTINGS_FIELDS    = 9,
};

enum ouro_change {
	OURO_CHANGE_NONE      = 0,	/* told because the runtime is ready      */
	OURO_CHANGE_THRESHOLD = 1,	/* gc.set_threshold()                     */
	OURO_CHANGE_ENABLE    = 2,
	OURO_CHANGE_DISABLE   = 3,
	OURO_CHANGE_FREEZE    = 4,
	OURO_CHANGE_UNFREEZE  = 5,
};

enum ouro_stack_form {
	OURO_STACK_NONE   = 0,	/* not taken for this record                        */
	OURO_STACK_SAME   = 1,	/* both lists as in the last record that has a stack */
	OURO_STACK_NATIVE = 2,	/* delta of the native list; interpreter list as before */
	OURO_STACK_BOTH   = 3,	/* delta of the native list, delta of the interpreter list */
};

#define OURO_HEAD(kind, dt, addr, arg, form) \
	((uint16_t)((kind) | (dt) << 5 | (addr) << 8 | (arg) << 11 | (form) << 14))

static inline unsigned ouro_code_bytes(unsigned code)
{
	return code < 7 ? code : 8;
}

/* The shortest length code that holds v; 7 bytes are written as 8. */
static inline unsigned ouro_code_for(uint64_t v)
{
	unsigned bytes = v ? (71 - (unsigned)__builtin_clzll(v)) / 8 : 0;

	return bytes < 7 ? bytes : 7;
}

static inline uint64_t ouro_zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static inline int64_t ouro_unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

#define OURO_VARINT_MAX 10

/* LEB128; returns the byte after the last one written. */
static inline uint8_t *ouro_put_varint(uint8_t *p, uint64_t v)
{
	for (; v >= 128; v >>= 7)
		*p++ = (uint8_t)(v | 128);
	*p++ = (uint8_t)v;
	return p;
}

/* NULL when the number does not end before `end` or does not fit 64 bits. */
static inline const uint8_t *ouro_get_varint(const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; p < end && shift < 64; shift += 7) {
		uint8_t b = *p++;

		if (shift == 63 && b > 1)
			return 0;
		v |= (uint64_t)(b & 127) << shift;
		if (b < 128) {
			*ret = v;
			return p;
		}
	}
	return 0;
}

/*
 * The hash of a stack: of its native list, each frame by its address (a mark
 * by its number, an undefined location by 0), of the number of native frames
 * that are no mark, of the interpreter list's locations.
 */
static inline uint64_t ouro_hash(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 32;
}

#define OURO_RECENT 128

/* The locations remembered in a chunk; all 0 at its start. */
struct ouro_recent {
	uint32_t loc[OURO_RECENT];
};

/* Returns the byte after the last one written, of at most 5. */
static inline uint8_t *ouro_put_location(uint8_t *p, struct ouro_recent *r, uint32_t loc)
{
	uint32_t *last = &r->loc[loc % OURO_RECENT];

	*p++ = (uint8_t)(loc % OURO_RECENT);
	if (*last == loc)
		return p;
	*last = loc;
	p[-1] |= 128;
	return ouro_put_varint(p, loc / OURO_RECENT);
}

/* NULL: as ouro_get_varint, or it does not fit 32 bits. */
static inline const uint8_t *ouro_get_location(const uint8_t *p, const uint8_t *end,
	struct ouro_recent *r, uint32_t *ret)
{
	uint64_t high;
	uint8_t b;

	if (p == end)
		return 0;
	b = *p++;
	if (b < 128) {
		*ret = r->loc[b];
		return p;
	}
	p = ouro_get_varint(p, end, &high);
	if (!p || high > UINT32_MAX / OURO_RECENT)
		return 0;
	*ret = r->loc[b % OURO_RECENT] = (uint32_t)high * OURO_RECENT + b % OURO_RECENT;
	return p;
}

#endif

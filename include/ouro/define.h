/*
 * define.h - what the numbers in records stand for
 *
 * Definitions fill the chunks of stream 0, which any thread appends to.  A
 * writer reserves its place by putting size | OURO_DEF_OPEN into the next
 * word, which is 0, with one compare-and-swap, fills in the rest and stores
 * the size again without the bit.  So a reader can step over a definition
 * whose writer died, and a definition is complete before any record uses it.
 * The first word that is 0 ends the chunk, as does its end.
 *
 * Numbers are per kind, given once and never again; 0 is "none".  The same
 * thing may be defined twice under two numbers (two threads met it first).
 */
#ifndef OURO_DEFINE_H
#define OURO_DEFINE_H

#include <assert.h>
#include <stdint.h>

#define OURO_DEF_OPEN 0x80000000u
#define OURO_DEF_MAX  32768		/* bytes; longer strings are cut          */

enum ouro_def_kind {
	OURO_DEF_STRING  = 1,
	OURO_DEF_MODULE  = 2,
	OURO_DEF_UNLOAD  = 3,
	OURO_DEF_NATIVE  = 4,
	OURO_DEF_CODE    = 5,
	OURO_DEF_LINE    = 6,
	OURO_DEF_TYPE    = 7,
	OURO_DEF_THREAD  = 8,
	OURO_DEF_PROCESS = 9,
	OURO_DEF_RUNTIME = 10,
	OURO_DEF_EVAL    = 11,
	OURO_DEF_NOTE    = 12,
	OURO_DEF_SNAPSHOT = 13,
};

/* Every definition starts so; size counts this head and is a multiple of 8. */
struct ouro_def {
	uint32_t size;
	uint16_t kind;
	uint16_t flags;
};

struct ouro_def_string {		/* UTF-8, not terminated, may be cut */
	struct ouro_def def;
	uint32_t id, length;
	char text[];
};

/* A file mapped as code: [start, end) in memory; bias: address less ELF virtual address. */
struct ouro_def_module {
	struct ouro_def def;
	uint32_t id, path;		/* path: string                             */
	uint64_t start, end, bias;
	uint32_t build_id_length;	/* 0: it has none                           */
	uint8_t  build_id[20];
};

struct ouro_def_unload {
	struct ouro_def def;
	uint32_t module, reserved;
	uint64_t ticks;
};

/*
 * Locations: native code and interpreter lines share one space of numbers.
 * The first few have a meaning of their own.
 */
enum ouro_location {
	OURO_LOC_CUT     = 1,	/* outermost frame: deeper ones were left out        */
	OURO_LOC_LOST    = 2,	/* outermost frame: no way on from the next one      */
	OURO_LOC_FIRST   = 16,
};

struct ouro_def_native {
	struct ouro_def def;
	uint32_t id, module;		/* module 0: code that is in no file         */
	uint64_t address;		/* where execution goes on: a return address */
};

/* A function, as the runtime has it. */
struct ouro_def_code {
	struct ouro_def def;
	uint32_t id, name, qualname, file;	/* strings                           */
	uint32_t line;				/* where it starts                   */
	uint32_t reserved;
};

enum ouro_line_flags {
	OURO_LINE_ENTRY = 1 << 0,	/* the outermost frame of its native evaluator call   */
};

/* An instruction of an interpreted function. */
struct ouro_def_line {
	struct ouro_def def;		/* flags: enum ouro_line_flags               */
	uint32_t id, code;
	uint32_t line;			/* 0: not known                              */
	uint32_t name;			/* string: the variable that gets the result */
					/* (`first`, `self.rows`), 0 when not known  */
};

enum ouro_type_flags {
	OURO_TYPE_RUNTIME   = 0x3fff,	/* these bits: the number of its runtime     */
	OURO_TYPE_COLLECTED = 1 << 14,	/* the collector counts what is made of it   */
	OURO_TYPE_STATIC    = 1 << 15,	/* written in C: no class of the program's   */
};

struct ouro_def_type {
	struct ouro_def def;		/* flags: the number of its runtime, enum ouro_type_flags */
	uint32_t id, name;
	uint64_t address;
};

struct ouro_def_thread {
	struct ouro_def def;
	uint32_t id, tid, name, reserved;
	uint64_t ticks;			/* of its first event                        */
};

struct ouro_def_process {
	struct ouro_def def;
	uint32_t executable, directory;	/* strings                                   */
	uint32_t argc, reserved;
	uint32_t argv[];		/* strings                                   */
};

enum ouro_runtime_state {
	OURO_RUNTIME_ACTIVE  = 1,
	OURO_RUNTIME_DORMANT = 2,	/* present, not recorded: see reason         */
	OURO_RUNTIME_PARTIAL = 3,	/* recorded with a limit: see reason         */
};

/*
 * A later one for the same name replaces an earlier one.  Runtimes have
 * numbers, as there can be several: 0 is CPython, others as they come.
 */
struct ouro_def_runtime {
	struct ouro_def def;		/* flags: its number                         */
	uint32_t name, version;		/* "cpython", "3.11.2"                       */
	uint32_t state, reason;		/* enum ouro_runtime_state; string or 0      */
};

/* Native code of an interpreter's evaluator: its frames stand for interpreter frames. */
struct ouro_def_eval {
	struct ouro_def def;
	uint64_t start, end;
};

enum ouro_note {
	OURO_NOTE_INFO = 1, OURO_NOTE_WARNING = 2,
};

/* Something the report has to say. */
struct ouro_def_note {
	struct ouro_def def;
	uint32_t severity, text;
	uint64_t ticks;
};

enum ouro_snapshot_reason {
	OURO_SNAPSHOT_EXIT = 1, OURO_SNAPSHOT_QUICK_EXIT = 2, OURO_SNAPSHOT_ABORT = 3,
	OURO_SNAPSHOT_SIGNAL = 4, OURO_SNAPSHOT_INTERVAL = 5, OURO_SNAPSHOT_CALL = 6,
	OURO_SNAPSHOT_COLLECTION = 7, OURO_SNAPSHOT_GROWTH = 8, OURO_SNAPSHOT_EXEC = 9,
};

struct ouro_def_snapshot {
	struct ouro_def def;
	uint32_t id, reason;
	uint64_t ticks;			/* of the fork                               */
	uint64_t reserved;		/* who writes the newest: ouro_file.snapshot_pid */
};

static_assert(sizeof(struct ouro_def_native) == 24, "three words each");
static_assert(sizeof(struct ouro_def_line) == 24, "three words each");

#endif

/*
 * defs.h - the definition tables of a trace
 *
 * Every lookup takes any number whatsoever and answers "none" (NULL, or an
 * empty text) for one that was not defined.  Texts are ranges of the trace's
 * own bytes and live as long as it does; they are not terminated, and their
 * bytes are a stranger's.  What the writer defined twice under two numbers is one
 * thing here: *_same() gives the number that stands for both.
 */
#ifndef DEFS_H
#define DEFS_H

#include "trace.h"

#include <ouro/define.h>

struct text {
	const char *s;			/* "" when there is none                     */
	uint32_t length;
};
#define TEXT_ARG(t) (int)(t).length, (t).s	/* for %.*s                          */

struct def_module {
	struct text path;
	uint64_t start, end, bias;
	const uint8_t *build_id;
	uint32_t build_id_length;
	uint32_t id;
	bool guest;			/* libouro.so itself                         */
};

enum def_location_kind {
	LOCATION_NONE = 0,		/* never defined                             */
	LOCATION_MARK,			/* OURO_LOC_CUT, OURO_LOC_LOST               */
	LOCATION_NATIVE,
	LOCATION_LINE,
};

enum def_location_flags {
	LOCATION_ENTRY = 1 << 0,	/* LINE: outermost frame of its evaluator call */
	LOCATION_EVAL  = 1 << 1,	/* NATIVE: inside an evaluator               */
	LOCATION_GUEST = 1 << 2,	/* NATIVE: inside libouro.so                 */
};

struct def_location {
	uint8_t kind;			/* enum def_location_kind                    */
	uint8_t flags;			/* enum def_location_flags                   */
	uint32_t same;			/* number that stands for all equal ones     */
	union {
		struct {
			uint32_t module;	/* 0: code that is in no file        */
			uint64_t address;	/* a return address                  */
		} native;
		struct {
			uint32_t code;
			uint32_t line;		/* 0: not known                      */
			uint32_t name;		/* string: what gets the result */
		} line;
	};
};

struct def_code {
	struct text name, qualname, file;
	uint32_t line;			/* where it starts                           */
};

struct def_type {
	struct text name;
	uint64_t address;
	uint32_t same;			/* number that stands for all equal ones     */
	uint32_t runtime;		/* number of the runtime it belongs to       */
	uint16_t flags;			/* enum ouro_type_flags                      */
};

struct def_thread {
	uint32_t id, tid;
	struct text name;
	uint64_t ticks;
};

struct def_runtime {
	struct text name, version, reason;
	uint32_t state;			/* enum ouro_runtime_state                   */
	uint32_t number;		/* what types say; 0: CPython                */
};

struct def_note {
	struct text text;
	uint32_t severity;		/* enum ouro_note                            */
	uint64_t ticks;
};

struct def_snapshot {
	uint32_t id, reason;
	uint64_t ticks;
};

struct def_unload {
	uint32_t module;
	uint64_t ticks;
};

/* Tables by number have a row for every number up to the highest; row 0 is "none". */
struct defs {
	struct text *string;
	struct def_module *module;
	struct def_location *location;
	struct def_code *code;
	struct def_type *type;
	uint32_t strings, modules, locations, codes, types;	/* highest number + 1 */

	struct def_thread *thread;	/* lists, as they came                       */
	struct def_runtime *runtime;	/* one for each name, the latest             */
	struct def_note *note;
	struct def_snapshot *snapshot;
	struct def_unload *unload;
	uint32_t threads, runtimes, notes, snapshots, unloads;

	struct text executable, directory;
	struct text *argv;
	uint32_t argc;

	struct trace *trace;		/* what it was read from; NULL: nothing      */
	struct defs_private *private;	/* defs.c's                                  */
};

/* Reads stream 0; what is damaged is noted in the trace.  0 or -ENOMEM. */
int defs_load(struct defs *d, struct trace *t);
void defs_free(struct defs *d);

/*
 * Adds what another trace defines, which must outlive this one, behind what is here; modules at the
 * same place are one, and *_same() says what else is.  -ENOMEM.
 */
struct defs_added {
	uint32_t location, type;	/* its number n is this + n here             */
};
int defs_add(struct defs *d, const struct defs *from, struct defs_added *ret);

struct text def_string(const struct defs *d, uint32_t id);
const struct def_module *def_module(const struct defs *d, uint32_t id);
const struct def_location *def_location(const struct defs *d, uint32_t id); /* not NULL */
const struct def_code *def_code(const struct defs *d, uint32_t id);
const struct def_type *def_type(const struct defs *d, uint32_t id);
const struct def_thread *def_thread(const struct defs *d, uint32_t id);
const struct def_snapshot *def_snapshot(const struct defs *d, uint32_t id);
const struct def_runtime *def_runtime(const struct defs *d, const char *name);

static inline uint32_t location_same(const struct defs *d, uint32_t id)
{
	return id < d->locations ? d->location[id].same : id;
}

static inline uint32_t type_same(const struct defs *d, uint32_t id)
{
	return id < d->types ? d->type[id].same : id;
}

bool text_is(struct text t, const char *s);

#endif

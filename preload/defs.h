/*
 * defs.h - write definitions (ouro/define.h), from any thread, without a lock
 *
 * Each returns the number it gave, or 0 when there was no room (the trace then
 * shows "?").  define_string gives one number per text.
 */
#ifndef DEFS_H
#define DEFS_H

#include <ouro/define.h>
#include <stdbool.h>
#include <stddef.h>

uint32_t define_string(const char *text, size_t length);
uint32_t define_cstring(const char *text);

/* The location of a native return address; module looked up; one call per address (callers cache). */
uint32_t define_native(uintptr_t address);

uint32_t define_code(uint32_t name, uint32_t qualname, uint32_t file, uint32_t line);
uint32_t define_line(uint32_t code, uint32_t line, uint32_t name, unsigned flags);
uint32_t define_type(unsigned runtime, uint32_t name, uintptr_t address);
/* Of a runtime other than the interpreter: then several objects can lie in one block. */
bool define_is_counted(uint32_t type);

void define_runtime(unsigned number, const char *name, const char *version, unsigned state,
	const char *reason);
void define_eval(uintptr_t start, uintptr_t end);
void define_note(unsigned severity, const char *text);

/* For those who know the contents: a whole definition, its head but for size filled in. */
void define_whole(const struct ouro_def *def, size_t size);
uint32_t define_module(const struct ouro_def_module *m);	/* id is filled in  */
uint32_t define_thread(uint32_t tid, uint32_t name, uint64_t ticks);
void define_snapshot(uint32_t number, unsigned reason, uint64_t ticks);
void define_process(uint32_t executable, uint32_t directory, int argc, char *const *argv);

/*
 * A forked child goes on under the numbers that its memory is full of: what
 * the parent had defined until then is written to the child's own trace.
 * defs_forked before the child's file_create, defs_copy after it.
 */
void defs_forked(void);
void defs_copy(void);

#endif

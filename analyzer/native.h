/*
 * native.h - what the file of a module knows about an address in it, by elfutils
 *
 * Files and their separate debug files are found as libdw finds them: by build-id and
 * .gnu_debuglink below /usr/lib/debug, with what dwz moved elsewhere, and the
 * few names of .gnu_debugdata.  Below a sysroot when there is one.  A server is asked
 * only when debuginfod is true; otherwise nothing here ever waits for a network.
 */
#ifndef OURO_NATIVE_H
#define OURO_NATIVE_H

#include "defs.h"

#define NATIVE_FRAMES 33		/* of one address, at most                       */

enum native_state {
	NATIVE_READ = 0,
	NATIVE_ABSENT,			/* there is no such file here                    */
	NATIVE_OTHER,			/* there is, of another build                    */
	NATIVE_DAMAGED,			/* it is no ELF file, or a broken one            */
	NATIVE_DELETED,			/* it was deleted or replaced while it was in use */
	NATIVE_KERNEL,			/* the vdso: no file at all                      */
	NATIVE_NAMELESS,		/* memory without a file: code made at run time  */
};

struct native_options {
	const char *sysroot;		/* before the modules' paths; "" or NULL: none   */
	bool debuginfod;
};

struct native_frame {
	const char *function;		/* NULL: not known; mangled where it is          */
	const char *file;		/* NULL: not known                               */
	uint32_t line;			/* 0: not known                                  */
	bool inlined;			/* into the one after it                         */
};

struct native;

/* NULL when out of memory; what it could not read is said by native_state(). */
struct native *native_open(const struct def_module *m, const struct native_options *o);
void native_close(struct native *n);	/* NULL is fine */
enum native_state native_state(const struct native *n);

/*
 * The frames at an address of the file, innermost first; 0 when nothing is known.  Texts are
 * good until native_close.
 */
uint32_t native_frames(struct native *n, uint64_t address,
	struct native_frame ret[NATIVE_FRAMES]);

/* The symbol an address of the file lies in; NULL: none. */
const char *native_symbol(struct native *n, uint64_t address, uint64_t *ret_offset);

/* Where the variable that an address lies in is declared; false: not known.  Good until native_close. */
bool native_variable(struct native *n, uint64_t address, const char **ret_file, uint32_t *ret_line);

/* Calls back for every variable that has a name. */
void native_each_datum(struct native *n,
	void (*each)(void *arg, const char *name, uint64_t address, uint64_t size), void *arg);

#endif

/*
 * reference.h - libunwind, to check our own stacks against
 *
 * Never on the way of an event: on a new address libunwind 1.6 allocates, blocks signals,
 * takes locks of its own and the loader's (through dl_iterate_phdr, which can't be
 * replaced in it).  It is loaded by name, so that its _Unwind_* functions do not come
 * before libgcc's in the program's C++ exceptions, and only by who asks for a comparison.
 */
#ifndef REFERENCE_H
#define REFERENCE_H

#include "unwind.h"

/* May be called before unwind_compare, outside any hook; -ENOENT: there is no libunwind. */
int reference_setup(void);

enum reference_verdict {
	REFERENCE_AGREES,		/* every frame; of a cut stack, those it has        */
	REFERENCE_DIFFERS,
	REFERENCE_ABSENT,
};

/*
 * Does libunwind, called from the function that took the stack, see these frames
 * (outermost first)?  Not in signal handlers, nor inside malloc or the loader.
 * ips is room to work in, of REFERENCE_IPS pointers.  It is wrong itself where other
 * code was loaded at an address it has seen: its cache knows nothing of dlclose.
 */
#define REFERENCE_IPS (UNWIND_DEPTH + 16)
enum reference_verdict unwind_compare(const struct unwind_frame *frames, uint32_t n,
	enum unwind_cut cut, void **ips);

#endif

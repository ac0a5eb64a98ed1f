/*
 * modules.h - which loaded file a code address lies in
 *
 * Asked once per new address.  The loader answers through _dl_find_object
 * (glibc 2.35 and later), which takes no lock; without it addresses have no
 * module.  A file is known to be gone when the program called dlclose, or
 * when another one shows up in its place.
 */
#ifndef MODULES_H
#define MODULES_H

#include <stdint.h>

void modules_setup(void);
uint32_t modules_find(uintptr_t address);	/* its number in the trace; 0: in no file */
void modules_closed(void);			/* dlclose returned                       */

#endif

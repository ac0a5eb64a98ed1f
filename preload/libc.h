/*
 * libc.h - detours in libc itself, for the calls it makes without a symbol
 */
#ifndef OURO_LIBC_H
#define OURO_LIBC_H

#include <stdbool.h>

/*
 * False: libc has no such function, or it could not be detoured, which a note
 * in the trace says.  ret_original NULL: replaced for good.
 */
bool libc_detour(const char *name, void *replacement, void **ret_original);

#endif

/*
 * hooks_own.h - programs that bring an allocator of their own
 *
 * Interposing malloc shows what goes through the name `malloc` and binds to
 * us.  Not so: an executable, or a library before ours, that defines malloc
 * itself; an executable whose malloc is hidden; and an operator new that does
 * not end in malloc (jemalloc, mimalloc, tcmalloc; a pool of the program's).
 * Those functions are entered by detour.
 */
#ifndef HOOKS_OWN_H
#define HOOKS_OWN_H

#include <link.h>

/*
 * After real_find, in the constructor.  NULL: the program's blocks are seen,
 * all of them.  Else what keeps us from that, in words that stay.
 */
const char *hooks_own_setup(void);

/*
 * For every library that comes (library.h): GLib's slice allocator.  Up to GLib 2.74
 * objects, list nodes and the like come out of slabs that g_slice takes from malloc,
 * shares out itself and keeps for the next one.  Who sees slabs alone sees nothing leak, and one
 * object in a slab keeps all of its neighbours.  Later ones pass on to malloc: that call is
 * then the inner one, and not recorded twice.
 */
void hooks_own_slices(struct link_map *map);

#endif

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

#include <stddef.h>
#include <stdint.h>

/*
 * After real_find, in the constructor.  NULL: the program's blocks are seen,
 * all of them.  Else what keeps us from that, in words that stay.
 */
const char *hooks_own_setup(void);

/*
 * For hooks of other files on allocators beside malloc (GLib's slices): around a call of
 * such a one, which asks malloc for memory to share out, that is not recorded.  Then the block
 * is, made by the caller of the hook (COUNTED_CALLER); its end goes before the call that
 * ends it.
 */
struct thr;
struct thr *hooks_own_enter(uintptr_t frame);
void hooks_own_leave(struct thr *t);
void hooks_own_taken(struct thr *t, void *p, size_t size, uintptr_t ip, uintptr_t sp, uintptr_t bp);
void hooks_own_ended(void *p, uintptr_t frame);

#endif

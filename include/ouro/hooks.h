/*
 * hooks.h - a reference-counted runtime tells ouro what it does
 *
 *	static unsigned ouro;				once:
 *	ouro = ouro_runtime("mylang", "1.0");
 *
 *	o = malloc(size); o->count = 1;
 *	ouro_birth(ouro, o, "list", o->count);		after it was made
 *	ouro_incref(o, ++o->count);			with the count after the change
 *	ouro_decref(o, --o->count);			before what a count of 0 sets off
 *	ouro_death(o); free(o);				before the memory is given back
 *
 * Without ouro nothing happens: each call is a load, a test and a branch that is never
 * taken.  Nothing needs to be linked, and nothing is defined here: the functions are those
 * of libouro.so, if it is preloaded (`ouro run`).  C and C++, static or not, PIE or not,
 * programs and shared libraries; gcc and clang.
 *
 * All of them may be called from any thread, but not from a signal handler.  Texts are
 * copied.  An object is known by its address; where it lies in a block of malloc, its
 * size and what it points to are known without being told.
 */
#ifndef OURO_HOOKS_H
#define OURO_HOOKS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The address of a function that may not be there.  Always through the linker's table: a
 * program at a fixed address would otherwise be told once and for all that there is none.
 */
#if defined(__x86_64__) && !defined(__ILP32__)
#define OURO_HOOKS_FIND(type, name) \
	__asm__(".weak ouro_hooks_" #name "\n\tmovq ouro_hooks_" #name "@GOTPCREL(%%rip), %0" \
		: "=r"(find))
#define OURO_HOOKS_DECLARE(result, name, params)
#else
#define OURO_HOOKS_FIND(type, name)	find = ouro_hooks_##name
#define OURO_HOOKS_DECLARE(result, name, params) \
	extern result ouro_hooks_##name params __attribute__((weak, visibility("default")));
#endif

#define OURO_HOOKS(name, params, args) \
	OURO_HOOKS_DECLARE(void, name, params) \
	static __inline__ __attribute__((always_inline, unused)) void ouro_##name params \
	{ \
		void (*find) params; \
		\
		OURO_HOOKS_FIND(void, name); \
		if (__builtin_expect(find != 0, 0)) \
			find args; \
	}

/* The number to give to the calls below; 0 without ouro.  One for each name. */
OURO_HOOKS_DECLARE(unsigned, runtime, (const char *name, const char *version))
static __inline__ __attribute__((unused)) unsigned ouro_runtime(const char *name,
								 const char *version)
{
	unsigned (*find)(const char *, const char *);

	OURO_HOOKS_FIND(unsigned, runtime);
	return find ? find(name, version) : 0;
}

/* An object begins; count: what it begins with, usually 1, held by who called. */
OURO_HOOKS(birth, (unsigned runtime, const void *object, const char *type, uint64_t count),
	(runtime, object, type, count))

/* It ends, whatever its count. */
OURO_HOOKS(death, (const void *object), (object))

/* Its count was or is about to be changed; count: after the change. */
OURO_HOOKS(incref, (const void *object, uint64_t count), (object, count))
OURO_HOOKS(decref, (const void *object, uint64_t count), (object, count))

/*
 * holder has a counted reference to held from now on, called name (may be NULL); and no
 * longer.  Not needed where holder's memory shows it; worth it for the name.
 */
OURO_HOOKS(edge, (const void *holder, const void *held, const char *name),
	(holder, held, name))
OURO_HOOKS(unedge, (const void *holder, const void *held), (holder, held))

/* A cycle collector runs, in this thread; generation: 0 where there is only one. */
OURO_HOOKS(collect_start, (unsigned runtime, unsigned generation), (runtime, generation))
OURO_HOOKS(collect_end, (unsigned runtime, uint64_t freed), (runtime, freed))

/* A moment worth finding again in the report: "warm", "request 17 done". */
OURO_HOOKS(mark, (const char *text), (text))

#undef OURO_HOOKS
#undef OURO_HOOKS_FIND
#undef OURO_HOOKS_DECLARE

#ifdef __cplusplus
}
#endif

#endif

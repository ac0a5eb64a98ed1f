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
#define OURO_HOOKS_FIND(ret, name) \
	__asm__(".weak " #name "\n\tmovq " #name "@GOTPCREL(%%rip), %0" : "=r"(ret))
#else
#define OURO_HOOKS_FIND(ret, name) \
	do { \
		extern char name[] __attribute__((weak)); \
		\
		*(void **)&(ret) = (void *)name; \
	} while (0)
#endif

/* Macros, so that a stack begins with the runtime's own function.  Arguments are evaluated once, always. */
#define OURO_HOOKS_CALL(name, params, args) \
	do { \
		void (*ouro_call_) params; \
		\
		OURO_HOOKS_FIND(ouro_call_, ouro_hooks_##name); \
		if (__builtin_expect(ouro_call_ != 0, 0)) \
			ouro_call_ args; \
	} while (0)
#define OURO_HOOKS_OBJECT(name, object) \
	do { \
		const void *ouro_a_ = (object); \
		\
		OURO_HOOKS_CALL(name, (const void *), (ouro_a_)); \
	} while (0)
#define OURO_HOOKS_COUNT(name, object, count) \
	do { \
		const void *ouro_a_ = (object); \
		uint64_t ouro_b_ = (uint64_t)(count); \
		\
		OURO_HOOKS_CALL(name, (const void *, uint64_t), (ouro_a_, ouro_b_)); \
	} while (0)
#define OURO_HOOKS_RUNTIME(name, runtime, type, value) \
	do { \
		unsigned ouro_a_ = (runtime); \
		type ouro_b_ = (type)(value); \
		\
		OURO_HOOKS_CALL(name, (unsigned, type), (ouro_a_, ouro_b_)); \
	} while (0)

/* The number to give to the calls below; 0 without ouro.  One for each name. */
static __inline__ __attribute__((unused)) unsigned ouro_runtime(const char *name,
								 const char *version)
{
	unsigned (*find)(const char *, const char *);

	OURO_HOOKS_FIND(find, ouro_hooks_runtime);
	return find ? find(name, version) : 0;
}

/* An object begins; count: what it begins with, usually 1, held by who called. */
#define ouro_birth(runtime, object, type, count) \
	do { \
		unsigned ouro_a_ = (runtime); \
		const void *ouro_b_ = (object); \
		const char *ouro_c_ = (type); \
		uint64_t ouro_d_ = (uint64_t)(count); \
		\
		OURO_HOOKS_CALL(birth, (unsigned, const void *, const char *, uint64_t), \
			(ouro_a_, ouro_b_, ouro_c_, ouro_d_)); \
	} while (0)

/* It ends, whatever its count. */
#define ouro_death(object) OURO_HOOKS_OBJECT(death, object)

/* Its count was or is about to be changed; count: after the change. */
#define ouro_incref(object, count) OURO_HOOKS_COUNT(incref, object, count)
#define ouro_decref(object, count) OURO_HOOKS_COUNT(decref, object, count)

/*
 * holder has a counted reference to held from now on, called name (may be NULL); and no
 * longer.  Not needed where holder's memory shows it; worth it for the name.
 */
#define ouro_edge(holder, held, name) \
	do { \
		const void *ouro_a_ = (holder), *ouro_b_ = (held); \
		const char *ouro_c_ = (name); \
		\
		OURO_HOOKS_CALL(edge, (const void *, const void *, const char *), \
			(ouro_a_, ouro_b_, ouro_c_)); \
	} while (0)
#define ouro_unedge(holder, held) \
	do { \
		const void *ouro_a_ = (holder), *ouro_b_ = (held); \
		\
		OURO_HOOKS_CALL(unedge, (const void *, const void *), (ouro_a_, ouro_b_)); \
	} while (0)

/* A cycle collector runs, in this thread; generation: 0 where there is only one. */
#define ouro_collect_start(runtime, generation) \
	OURO_HOOKS_RUNTIME(collect_start, runtime, unsigned, generation)
#define ouro_collect_end(runtime, freed) OURO_HOOKS_RUNTIME(collect_end, runtime, uint64_t, freed)

/* A moment worth finding again in the report: "warm", "request 17 done". */
#define ouro_mark(text) \
	do { \
		const char *ouro_a_ = (text); \
		\
		OURO_HOOKS_CALL(mark, (const char *), (ouro_a_)); \
	} while (0)

#ifdef __cplusplus
}
#endif

#endif

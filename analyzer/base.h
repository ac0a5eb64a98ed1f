/*
 * base.h - what every file of the analyzer may rely on
 *
 * Three tiers of belief: static_assert for layouts, assert for what costs a
 * comparison, assert_deep for what walks a whole structure.  A deep one runs
 * in builds with DEBUG=2 only; otherwise it is compiled and never evaluated, so
 * that it cannot rot.
 */
#ifndef OURO_BASE_H
#define OURO_BASE_H

#include <assert.h>

#ifndef OURO_DEBUG
#define OURO_DEBUG 0
#endif

#if OURO_DEBUG >= 2
#define assert_deep(e) assert(e)
#else
#define assert_deep(e) ((void)sizeof(!(e)))
#endif

#endif

/*
 * hooks_program.c - what programs call that include ouro/hooks.h
 *
 * These names and arguments are in other people's binaries: only ever add to them.
 */
#include "counted.h"
#include "defs.h"
#include "mark.h"
#include "type_names.h"

#include <string.h>

#define EXPORT __attribute__((visibility("default"), noinline))

EXPORT unsigned ouro_hooks_runtime(const char *name, const char *version);
EXPORT void ouro_hooks_birth(unsigned runtime, const void *object, const char *type,
			     uint64_t count);
EXPORT void ouro_hooks_death(const void *object);
EXPORT void ouro_hooks_incref(const void *object, uint64_t count);
EXPORT void ouro_hooks_decref(const void *object, uint64_t count);
EXPORT void ouro_hooks_edge(const void *holder, const void *held, const char *name);
EXPORT void ouro_hooks_unedge(const void *holder, const void *held);
EXPORT void ouro_hooks_collect_start(unsigned runtime, unsigned generation);
EXPORT void ouro_hooks_collect_end(unsigned runtime, uint64_t freed);
EXPORT void ouro_hooks_mark(const char *text);

/* Runtimes that came by name: a library may ask for the one of its program. */
enum { RUNTIMES = 32 };
static struct {
	uint32_t name;			/* string; 0: free                           */
	unsigned number;
} runtimes[RUNTIMES];

static bool is_recording(void)
{
	return __atomic_load_n(&recording, __ATOMIC_RELAXED);
}

static unsigned number_of(uint32_t text)
{
	for (unsigned i = 0; i < RUNTIMES; i++) {
		uint32_t none = 0;

		if (__atomic_compare_exchange_n(&runtimes[i].name, &none, text, false,
				__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			unsigned number = runtime_number();

			__atomic_store_n(&runtimes[i].number, number, __ATOMIC_RELEASE);
			return number;
		}
		if (none != text)
			continue;
		for (;;) {		/* another thread has just taken the row */
			unsigned number = __atomic_load_n(&runtimes[i].number, __ATOMIC_ACQUIRE);

			if (number)
				return number;
		}
	}
	return 0;
}

unsigned ouro_hooks_runtime(const char *name, const char *version)
{
	unsigned number;

	if (!is_recording() || !name)
		return 0;
	number = number_of(define_cstring(name));
	if (number)
		define_runtime(number, name, version ? version : "", OURO_RUNTIME_ACTIVE, NULL);
	return number;
}

void ouro_hooks_birth(unsigned runtime, const void *object, const char *type, uint64_t count)
{
	if (!runtime || !object || !is_recording())
		return;
	if (!type)
		type = "object";
	counted_birth((uintptr_t)object, type_named(runtime, type, strlen(type)), count,
		      COUNTED_CALLER);
}

void ouro_hooks_death(const void *object)
{
	counted_death((uintptr_t)object, COUNTED_CALLER);
}

void ouro_hooks_incref(const void *object, uint64_t count)
{
	counted_incref((uintptr_t)object, count, COUNTED_CALLER);
}

void ouro_hooks_decref(const void *object, uint64_t count)
{
	counted_decref((uintptr_t)object, count, COUNTED_CALLER);
}

void ouro_hooks_edge(const void *holder, const void *held, const char *name)
{
	if (!holder || !held || !is_recording())
		return;
	counted_edge((uintptr_t)holder, (uintptr_t)held, name ? define_cstring(name) : 0,
		     OURO_HOLD_OWNED, COUNTED_CALLER);
}

void ouro_hooks_unedge(const void *holder, const void *held)
{
	if (holder && held)
		counted_unedge((uintptr_t)holder, (uintptr_t)held, COUNTED_CALLER);
}

/* --- collections ----------------------------------------------------------------------- */

/* Of the collection that runs: a runtime runs one at a time. */
static uint8_t generation_now[256];

static void collect_started(unsigned runtime, unsigned generation, COUNTED_PARAMS)
{
	struct guard g;

	if (!guard_enter(&g, sp - 16))
		return;
	generation_now[runtime & 255] = (uint8_t)generation;
	event_from(&g, OURO_COLLECT, g.t->out.addr,
		   (generation & 255) | (uint64_t)OURO_CAUSE_UNKNOWN << 8, ip, sp, bp);
	guard_leave(&g);
}

void ouro_hooks_collect_start(unsigned runtime, unsigned generation)
{
	if (runtime)
		collect_started(runtime, generation, COUNTED_CALLER);
}

static void collect_ended(unsigned runtime, uint64_t freed, uintptr_t frame)
{
	uint64_t field[OURO_COLLECTED_FIELDS] = {
		[OURO_COLLECTED_GENERATION] = generation_now[runtime & 255],
		[OURO_COLLECTED_FREED] = freed,
	};
	struct guard g;

	if (!guard_enter(&g, frame))
		return;
	event_ext(&g, OURO_EXT_COLLECTED, field, OURO_COLLECTED_FIELDS);
	event(&g, OURO_COLLECTED, g.t->out.addr, freed);
	guard_leave(&g);
}

void ouro_hooks_collect_end(unsigned runtime, uint64_t freed)
{
	if (runtime)
		collect_ended(runtime, freed, (uintptr_t)__builtin_frame_address(0));
}

void ouro_hooks_mark(const char *text)
{
	ouro_mark(text);
}

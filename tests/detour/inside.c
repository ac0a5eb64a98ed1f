/*
 * inside.c - detour_test's other half, preloaded into a real interpreter
 *
 * OURO_INSIDE=sweep     asks about every function the executable exports, and looks for
 *                       jumps from elsewhere into those that it would detour
 * OURO_INSIDE=deallocs  detours the deallocators of six types, says the counts at exit
 * OURO_INSIDE=all       detours all that is not refused, each to a thunk that goes back
 */
#include <dlfcn.h>

#include "sweep.h"

static const char *const types[] = {
	"PyFloat_Type", "PyList_Type", "PyTuple_Type", "PyDict_Type", "PySlice_Type",
	"PyUnicode_Type",
};
enum { TYPES = sizeof(types) / sizeof(types[0]), TP_DEALLOC = 48 };

static void *original[TYPES];
static long deallocs[TYPES];

#define DEALLOC(n) \
	static void dealloc_##n(void *o) \
	{ \
		deallocs[n]++; \
		((void (*)(void *))original[n])(o); \
	}
DEALLOC(0) DEALLOC(1) DEALLOC(2) DEALLOC(3) DEALLOC(4) DEALLOC(5)

static void (*const hook[TYPES])(void *) = {
	dealloc_0, dealloc_1, dealloc_2, dealloc_3, dealloc_4, dealloc_5,
};

static void detour_deallocs(void)
{
	for (int i = 0; i < TYPES; i++) {
		char *type = dlsym(RTLD_DEFAULT, types[i]);
		int err;

		if (!type)
			continue;
		err = detour_place(types[i], *(void **)(type + TP_DEALLOC), hook[i],
				   &original[i]);
		if (err)
			printf("%s: %s\n", types[i], detour_refusal_name(err));
	}
}

/* Function i of the module is detoured to thunk i, which jumps to behind[i]. */
#define THUNKS 16384
void *inside_behind[THUNKS];
extern const uint8_t inside_thunks[THUNKS][16];
asm(".text\n.p2align 4\ninside_thunks:\n.hidden inside_behind\n.set i, 0\n"
    ".rept 16384\n"
    "endbr64\n"
    "jmp *inside_behind+8*i(%rip)\n"
    ".p2align 4\n"
    ".set i, i+1\n"
    ".endr\n"
    ".hidden inside_thunks\n");

static void detour_all(struct sweep *s)
{
	for (size_t i = 0; i < s->n && i < THUNKS; i++) {
		int refusal = -detour_place("any", s->fn[i], (void *)inside_thunks[i],
					    &inside_behind[i]);

		s->answers[refusal]++;
	}
}

__attribute__((constructor)) static void begin(void)
{
	const char *what = getenv("OURO_INSIDE");
	struct sweep s = { 0 };
	Dl_info info;

	if (!what || !dlsym(RTLD_DEFAULT, "PyList_Type"))
		return;
	/* not into the processes that this one starts */
	unsetenv("LD_PRELOAD");
	if (!strcmp(what, "deallocs")) {
		detour_deallocs();
		return;
	}
	/* the module that has the interpreter: the executable or its libpython */
	dladdr(dlsym(RTLD_DEFAULT, "PyList_Type"), &info);
	if (!strstr(info.dli_fname, "libpython"))
		info.dli_fname = "/proc/self/exe";
	/* an executable at a fixed address has its symbols where they say */
	if (!sweep_list(&s, info.dli_fname,
			((const ElfW(Ehdr) *)info.dli_fbase)->e_type == ET_EXEC
				? 0 : (uintptr_t)info.dli_fbase))
		return;
	if (!strcmp(what, "all")) {
		detour_all(&s);
	} else {
		sweep_check(&s);
		printf("intruded: %zu\n", sweep_intruded(&s));
	}
	sweep_print(&s, info.dli_fname);
	fflush(stdout);
	free(s.fn);
}

__attribute__((destructor)) static void end(void)
{
	if (!original[0])
		return;
	for (int i = 0; i < TYPES; i++)
		printf("%s %ld\n", types[i], deallocs[i]);
}

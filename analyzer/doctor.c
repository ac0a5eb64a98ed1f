/*
 * doctor.c - the program: what it is, its runtime, its allocator
 */
#include "doctor.h"

#include "binary.h"
#include "mem.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void doctor_say(struct doctor *d, const char *what, enum verdict verdict, const char *advice,
		const char *format, ...)
{
	struct check c = { .what = what, .verdict = verdict, .advice = advice };
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&c.text, format, args);
	va_end(args);
	if (n < 0 || mem_room(&d->checks, d->n, &d->cap, sizeof(*d->checks))) {
		if (n >= 0)
			free(c.text);
		d->no_memory = true;
		return;
	}
	d->checks[d->n++] = c;
}

enum verdict doctor_verdict(const struct doctor *d)
{
	enum verdict worst = VERDICT_INFO;

	for (uint32_t i = 0; i < d->n; i++)
		if (d->checks[i].verdict > worst)
			worst = d->checks[i].verdict;
	return worst;
}

void doctor_fini(struct doctor *d)
{
	for (uint32_t i = 0; i < d->n; i++)
		free(d->checks[i].text);
	free(d->checks);
	*d = (struct doctor){ 0 };
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* --- what it is ----------------------------------------------------------------------- */

static const char *advice_for(enum ouro_target target)
{
	switch (target) {
	case OURO_TARGET_STATIC:
		return "link it dynamically: a library can only be preloaded by a dynamic loader";
	case OURO_TARGET_MUSL:
		return "record a build for glibc";
	case OURO_TARGET_SETUID:
		return "run a copy of it without these rights, as the user it belongs to";
	case OURO_TARGET_SANITIZER:
		return "record a build without -fsanitize, which brings an allocator and a leak "
			"check of its own";
	case OURO_TARGET_MACHINE:
		return "ouro records programs for 64-bit x86";
	default:
		return NULL;
	}
}

/* `env` goes on with what its argument names. */
static bool follow_env(struct doctor *d, const struct script *s)
{
	struct launch next = { 0 };
	char *what = NULL;
	bool found;

	if (strcmp(base_name(s->interpreter), "env") || !*s->argument || *s->argument == '-')
		return false;
	launch_prepare(&next, s->argument, &what);
	found = next.program;
	if (found)
		snprintf(d->program, sizeof(d->program), "%s", next.program);
	else
		doctor_say(d, "program", VERDICT_NO, NULL, "env does not find %s", s->argument);
	free(what);
	launch_fini(&next);
	return found;
}

/* Follows `#!` lines to the program that the kernel will run. */
static enum ouro_target examine_chain(struct doctor *d, const struct launch *l)
{
	enum ouro_target target = l->target;
	struct script s;

	snprintf(d->program, sizeof(d->program), "%s", l->program);
	for (int hop = 0; hop < 6 && script_read(&s, d->program); hop++) {
		doctor_say(d, "program", VERDICT_INFO, NULL, "%s is a script for %s%s%s", d->program,
			s.interpreter, *s.argument ? " " : "", s.argument);
		if (!follow_env(d, &s))
			snprintf(d->program, sizeof(d->program), "%s", s.interpreter);
		target = ouro_target_check(AT_FDCWD, d->program);
	}
	if (target == OURO_TARGET_NO_PROGRAM) {
		doctor_say(d, "program", VERDICT_INFO, NULL, "%s is neither a program nor begins with "
			"#!: /bin/sh would read it", d->program);
		snprintf(d->program, sizeof(d->program), "/bin/sh");
		target = ouro_target_check(AT_FDCWD, d->program);
		/* That is what execvp does; whether we record was decided by the file itself. */
		return l->target;
	}
	return target;
}

/* What only starts others is not what the user is after. */
static bool is_shell(const char *name)
{
	static const char *const shells[] = { "sh", "bash", "dash", "zsh", "ksh", "env", "xargs",
		"sudo", "su", "timeout", "nice", "nohup", "time", "setsid", "pyenv" };

	for (size_t i = 0; i < sizeof(shells) / sizeof(*shells); i++)
		if (!strcmp(name, shells[i]))
			return true;
	return false;
}

/* --- its runtime ---------------------------------------------------------------------- */

static void find_version(struct doctor *d, const struct binary *b)
{
	char begin[16] = "3.";
	unsigned minor;
	uint64_t v;

	/* From 3.11 on: 0x030b02f0 is 3.11.2, final. */
	if (binary_constant(b, "Py_Version", &v) && v >> 24 == 3) {
		snprintf(d->version, sizeof(d->version), "%u.%u.%u", (unsigned)(v >> 24) & 255,
			(unsigned)(v >> 16) & 255, (unsigned)(v >> 8) & 255);
		return;
	}
	if (sscanf(base_name(b->path), "libpython3.%u", &minor) == 1 ||
	    sscanf(base_name(b->path), "python3.%u", &minor) == 1)
		snprintf(begin, sizeof(begin), "3.%u.", minor % 100);
	binary_version(b, begin, d->version, sizeof(d->version));
}

static void examine_runtime(struct doctor *d, const struct binaries *b)
{
	/* Without one of these nothing of the runtime is recorded. */
	static const char *const needed[] = { "_PyRuntime", "PyType_Type", "PyMem_SetAllocator",
		"PyMem_GetAllocator", "PyGILState_GetThisThreadState", "Py_AddPendingCall" };
	const struct binary *py = binaries_with(b, "Py_GetVersion");
	unsigned minor = 0;
	bool own;

	if (!py || !binary_has(py, "PyMem_SetAllocator", false)) {
		doctor_say(d, "runtime", VERDICT_INFO, NULL, "no interpreter that ouro knows is loaded "
			"at the start: blocks of memory are recorded, with native stacks; one that is "
			"loaded later is not noticed");
		return;
	}
	snprintf(d->runtime, sizeof(d->runtime), "cpython");
	snprintf(d->runtime_file, sizeof(d->runtime_file), "%s", py->path);
	find_version(d, py);
	own = py == b->all;
	if (sscanf(d->version, "3.%u", &minor) != 1) {
		doctor_say(d, "runtime", VERDICT_LIMITED, NULL, "CPython in %s, of a version that "
			"could not be read from the file", py->path);
		return;
	}
	if (minor < 8 || minor > 13) {
		doctor_say(d, "runtime", VERDICT_LIMITED, "use a CPython from 3.8 to 3.13",
			"CPython %s in %s is not one of 3.8 to 3.13: its blocks are recorded, "
			"objects are not", d->version, py->path);
		return;
	}
	if (binary_has(py, "_Py_RefTotal", false) || binary_has(py, "_Py_NegativeRefcount", false)) {
		doctor_say(d, "runtime", VERDICT_LIMITED, "use a build without --with-pydebug",
			"CPython %s in %s is a debug build: its blocks are recorded, objects are "
			"not", d->version, py->path);
		return;
	}
	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		if (!binary_has(py, needed[i], false)) {
			doctor_say(d, "runtime", VERDICT_LIMITED, NULL, "CPython %s in %s does not "
				"export %s: objects are not recorded", d->version, py->path, needed[i]);
			return;
		}
	if (minor < 13 && !binary_has(py, "_Py_NewReference", false) &&
	    !binary_has(py, "_PyTraceMalloc_NewReference", false)) {
		doctor_say(d, "runtime", VERDICT_LIMITED, NULL, "CPython %s in %s does not export "
			"_Py_NewReference: births of objects are not recorded", d->version, py->path);
		return;
	}
	doctor_say(d, "runtime", VERDICT_YES, NULL, "CPython %s, %s%s: its objects, references, "
		"collections and frames are recorded", d->version, own ? "in the program itself" :
		"in ", own ? "" : py->path);
	if (getenv("PYTHONMALLOC"))
		doctor_say(d, "runtime", VERDICT_INFO, NULL, "PYTHONMALLOC=%s is set",
			getenv("PYTHONMALLOC"));
}

/* Libraries whose references are recorded by the name they are loaded under, now or later. */
static void examine_counted(struct doctor *d, const struct binaries *b)
{
	static const struct {
		const char *name, *library, *symbol, *what;
	} known[] = {
		{ "GObject", "libgobject-2.0.so", "g_type_create_instance",
			"objects, parameters, closures and signal handlers" },
		{ "GStreamer", "libgstreamer-1.0.so", "gst_mini_object_init",
			"buffers, caps, events, messages and the like" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		const struct binary *lib = binaries_with(b, known[i].symbol);

		if (!lib)
			continue;
		if (!strncmp(base_name(lib->path), known[i].library, strlen(known[i].library)))
			doctor_say(d, "references", VERDICT_YES, NULL, "%s in %s: %s are recorded, "
				"with every reference", known[i].name, lib->path, known[i].what);
		else
			doctor_say(d, "references", VERDICT_LIMITED, NULL, "%s is in %s and not in "
				"%s: its references are not recorded", known[i].name, lib->path,
				known[i].library);
	}
}

/* --- its allocator -------------------------------------------------------------------- */

static bool has_family(const struct binary *b, bool hidden, const char **ret_missing)
{
	static const char *const least[] = { "malloc", "free", "calloc", "realloc" };

	for (size_t i = 0; i < sizeof(least) / sizeof(*least); i++)
		if (!binary_has(b, least[i], hidden)) {
			*ret_missing = least[i];
			return false;
		}
	return true;
}

/* An operator new that is neither libstdc++'s nor needs malloc. */
static void examine_operators(struct doctor *d, const struct binaries *b)
{
	const struct binary *maker = binaries_with(b, "_Znwm");

	if (!maker || (binary_has(maker, "__cxa_throw", false) && maker != b->all))
		return;
	doctor_say(d, "allocator", VERDICT_YES, NULL, "operator new is that of %s: it is entered by "
		"detour, where its code allows it, and seen in any case where it calls malloc",
		maker == b->all ? "the program" : maker->path);
}

static void examine_allocator(struct doctor *d, const struct binaries *b)
{
	const struct binary *home = binaries_with(b, "malloc"), *program = b->all;
	const char *missing = NULL;

	if (!home) {
		doctor_say(d, "allocator", VERDICT_LIMITED, NULL, "no file that is loaded at the start "
			"has malloc");
		return;
	}
	if (home != program && has_family(program, true, &missing)) {
		snprintf(d->allocator, sizeof(d->allocator), "%s", program->path);
		doctor_say(d, "allocator", VERDICT_YES, NULL, "the program has one that only it knows: "
			"it is entered by detour, as well as that of %s", home->path);
	} else if (!has_family(home, false, &missing)) {
		snprintf(d->allocator, sizeof(d->allocator), "%s", home->path);
		doctor_say(d, "allocator", VERDICT_LIMITED, "have one file define all of the family",
			"%s defines malloc but not %s: blocks of malloc are not recorded",
			home->path, missing);
	} else {
		snprintf(d->allocator, sizeof(d->allocator), "%s", home->path);
		if (home == program)
			doctor_say(d, "allocator", VERDICT_YES, NULL, "the program has its own: it is "
				"entered by detour");
		else
			doctor_say(d, "allocator", VERDICT_YES, NULL, "that of %s", home->path);
	}
	examine_operators(d, b);
}

/* --- all of it ------------------------------------------------------------------------ */

static void examine_loaded(struct doctor *d, const struct binaries *b)
{
	const struct binary *libc = binaries_with(b, "gnu_get_libc_version");

	for (uint32_t i = 0; i < b->n; i++)
		if (b->all[i].missing)
			doctor_say(d, "libraries", VERDICT_NO, "install it, or set LD_LIBRARY_PATH",
				"%s is not found: the program cannot start, with or without ouro",
				b->all[i].name);
	if (libc && !binaries_with(b, "_dl_find_object"))
		doctor_say(d, "stacks", VERDICT_LIMITED, "run it on glibc 2.35 or later",
			"the C library is older than 2.35: native frames have addresses and no "
			"names");
	if (getenv("LD_PRELOAD") && *getenv("LD_PRELOAD"))
		doctor_say(d, "libraries", VERDICT_INFO, NULL, "LD_PRELOAD has %s: it is kept, "
			"behind ouro's library", getenv("LD_PRELOAD"));
	if (getenv("LD_AUDIT") && *getenv("LD_AUDIT"))
		doctor_say(d, "libraries", VERDICT_INFO, NULL, "LD_AUDIT has %s: it and what it "
			"loads are not recorded", getenv("LD_AUDIT"));
}

static void examine_program(struct doctor *d, const struct launch *l)
{
	enum ouro_target target = examine_chain(d, l);
	struct binaries b;
	int err;

	if (target != OURO_TARGET_OK) {
		doctor_say(d, "program", VERDICT_NO, advice_for(target), "%s %s", d->program,
			ouro_target_words(target));
		return;
	}
	doctor_say(d, "program", VERDICT_YES, NULL, "%s can be recorded: 64-bit x86, glibc's loader",
		d->program);
	if (is_shell(base_name(d->program)))
		doctor_say(d, "program", VERDICT_INFO, "ask about that program for the details",
			"what %s starts is recorded as well, where it can be",
			base_name(d->program));
	err = binaries_of(&b, d->program, NULL);
	if (err) {
		doctor_say(d, "libraries", VERDICT_LIMITED, NULL, "the loader did not say what it would "
			"load: %s", strerror(-err));
		return;
	}
	examine_loaded(d, &b);
	examine_runtime(d, &b);
	doctor_runtimes(d, l->runtimes, &b);
	examine_counted(d, &b);
	examine_allocator(d, &b);
	binaries_fini(&b);
}

void doctor_examine(struct doctor *d, struct launch *l, char *const argv[])
{
	char *what = NULL;
	int err = launch_prepare(l, argv[0], &what);

	*d = (struct doctor){ 0 };
	if (!l->program) {
		doctor_say(d, "program", VERDICT_NO, NULL, "%s", what ? what : strerror(-err));
		free(what);
		return;
	}
	examine_program(d, l);
	if (err)
		doctor_say(d, l->pattern ? "trace" : "library", VERDICT_NO, l->pattern ?
			"name another place with -o" : "build or install ouro as a whole", "%s",
			what ? what : strerror(-err));
	free(what);
	doctor_system(d, l);
}

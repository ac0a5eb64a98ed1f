/*
 * ouro watch: record a command once more, and every change of the reference counts of
 * some of its objects with it.  It is `ouro run` with one more word for the library.
 */
#include "buf.h"
#include "command.h"
#include "mem.h"
#include "view.h"

#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char help[] =
"usage: ouro watch WHAT [OPTIONS OF ouro run] -- COMMAND [ARGUMENT...]\n"
"\n"
"Records COMMAND, and of some of its Python objects every change of the reference count\n"
"with its stack: who took references, who gave them back.  For counts that C code changes\n"
"without a call, which nothing else sees.  WHAT is one or more of\n"
"\n"
"  --type NAME            objects of this type: Node, app.Node, list\n"
"  --function NAME        made in this Python function\n"
"  --place FILE:LINE      made on this line of Python\n"
"  --finding TRACE[:N]    like those of the first (the Nth) over-retained finding of an\n"
"                         earlier trace\n"
"\n"
"Four objects are watched at a time, in turn, all through the run.  Each change costs about\n"
"15 microseconds: the first 100,000 add some 2 seconds, later ones a third of the time.\n"
"Then ask `ouro history FILE TYPE`, or `ouro report FILE`.\n";

enum { SPEC_MAX = 500 };

struct wish {
	char *type, *function, *place;
};

static void wish_fini(struct wish *w)
{
	free(w->type);
	free(w->function);
	free(w->place);
}

static int put(char **to, const char *text)
{
	free(*to);
	*to = strdup(text);
	return *to ? -1 : complain(STATUS_TRACE, "%s", strerror(ENOMEM));
}

/* The line of Python that asked for the object, whatever made it. */
static int take_place(struct wish *w, const struct report *r, uint32_t site)
{
	for (uint32_t c = r->heap.site[site].calls; c; c = r->heap.call[c].outer) {
		const struct heap_frame *f = heap_frame(&r->heap, c);
		char text[SPEC_MAX];

		if (!f->interpreted)
			continue;
		snprintf(text, sizeof(text), "%s:%u", heap_text(&r->heap, f->file), f->line);
		return put(&w->place, text);
	}
	return -1;
}

static int take_finding(struct wish *w, const char *given)
{
	const char *colon = strrchr(given, ':');
	unsigned long number = colon ? strtoul(colon + 1, NULL, 10) : 0, n = 0;
	char *path = strndup(given, number ? (size_t)(colon - given) : strlen(given));
	struct view v = { .path = path };
	struct report r;
	int status = path ? view_open(&v, &r) : STATUS_TRACE;

	if (status >= 0) {
		free(path);
		return status;
	}
	for (uint32_t i = 0; i < r.analysis.findings.n && status < 0; i++) {
		const struct finding *f = &r.analysis.findings.f[i];

		if (f->kind != FINDING_OVER_RETAINED || ++n < number || !f->ntypes)
			continue;
		status = put(&w->type, f->type[0].name);
		if (status < 0)
			status = take_place(w, &r, f->stack);
		number = 0;
		break;
	}
	report_close(&r);
	if (status < 0 && !w->type)
		status = complain(STATUS_USAGE, n ? "%s has %lu over-retained findings, no %lu" :
			"%s has no over-retained finding: say --type or --place", path, n, number);
	free(path);
	return status;
}

/* The library would say it in the trace; better before the command has run. */
static int permitted(void)
{
	static uint64_t word;
	struct perf_event_attr a = {
		.type = PERF_TYPE_BREAKPOINT, .size = sizeof(a), .bp_type = HW_BREAKPOINT_W,
		.bp_addr = (uintptr_t)&word, .bp_len = 8, .sample_period = 1, .disabled = 1,
		.exclude_kernel = 1, .exclude_hv = 1, .remove_on_exec = 1, .sigtrap = 1,
	};
	long fd = syscall(SYS_perf_event_open, &a, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd >= 0) {
		close((int)fd);
		return -1;
	}
	if (errno == EPERM || errno == EACCES)
		return complain(STATUS_USAGE, "watch: the kernel does not permit watchpoints here: `sysctl "
			"kernel.perf_event_paranoid=2` (or less) allows them, in a container --cap-add "
			"PERFMON or a seccomp profile with perf_event_open");
	return complain(STATUS_USAGE, "watch: no watchpoints here (%s): Linux 5.13 and a processor that "
		"has them are needed", strerror(errno));
}

static int spec_of(const struct wish *w, char spec[SPEC_MAX])
{
	const struct { const char *key, *value; } part[] = {
		{ "type", w->type }, { "function", w->function }, { "place", w->place },
	};
	struct buf b = { 0 };
	int status = -1;

	for (size_t i = 0; i < sizeof(part) / sizeof(*part); i++) {
		if (!part[i].value)
			continue;
		if (strpbrk(part[i].value, "+,"))
			status = complain(STATUS_USAGE, "watch: %s has a `+` or a comma", part[i].value);
		if (*buf_text(&b))
			buf_putc(&b, '+');
		buf_printf(&b, "%s:%s", part[i].key, part[i].value);
	}
	if (status < 0 && !*buf_text(&b))
		status = complain(STATUS_USAGE, "watch: what? --type, --function, --place or --finding "
			"says whose counts; `ouro watch --help`");
	if (status < 0 && strlen(buf_text(&b)) >= SPEC_MAX)
		status = complain(STATUS_USAGE, "watch: these names are too long");
	if (status < 0)
		snprintf(spec, SPEC_MAX, "%s", buf_text(&b));
	buf_fini(&b);
	return status;
}

/* Takes our own options out of the arguments; what is left is for `ouro run`. */
static int take_options(struct wish *w, int *argc, char **argv)
{
	int n = 1, status = -1;

	for (int i = 1; i < *argc && status < 0; i++) {
		const char *value = i + 1 < *argc ? argv[i + 1] : NULL;
		char **to = !strcmp(argv[i], "--type") ? &w->type :
			!strcmp(argv[i], "--function") ? &w->function :
			!strcmp(argv[i], "--place") ? &w->place : NULL;
		bool finding = !strcmp(argv[i], "--finding");

		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(help, stdout);
			return STATUS_DONE;
		}
		if (!strcmp(argv[i], "--")) {
			while (i < *argc)
				argv[n++] = argv[i++];
			break;
		}
		if (!to && !finding) {
			argv[n++] = argv[i];
			continue;
		}
		if (!value)
			return complain(STATUS_USAGE, "watch: %s needs a word", argv[i]);
		status = finding ? take_finding(w, value) : put(to, value);
		i++;
	}
	*argc = n;
	return status;
}

int cmd_watch(int argc, char **argv)
{
	struct wish w = { 0 };
	char spec[SPEC_MAX], **run;
	int status = take_options(&w, &argc, argv);

	if (status < 0)
		status = spec_of(&w, spec);
	wish_fini(&w);
	if (status < 0)
		status = permitted();
	if (status >= 0)
		return status;
	run = mem_array((size_t)argc + 3, sizeof(*run));
	if (!run)
		return complain(STATUS_TRACE, "%s", strerror(ENOMEM));
	run[0] = argv[0];
	run[1] = (char *)"--watch";
	run[2] = spec;
	memcpy(run + 3, argv + 1, (size_t)(argc - 1) * sizeof(*run));
	status = cmd_run(argc + 2, run);
	mem_free(run);
	return status;
}

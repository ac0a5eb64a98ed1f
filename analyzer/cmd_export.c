#include "command.h"
#include "export.h"
#include "view.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct export *const formats[] = {
	&export_pprof, &export_folded, &export_speedscope, &export_dot, &export_sqlite, &export_csv,
};
#define FORMATS (sizeof(formats) / sizeof(*formats))

static const char help[] =
"usage: ouro export FORMAT [OPTIONS] FILE\n"
"\n"
"A trace for other tools.  FORMAT is one of\n"
"\n";

static const char options_help[] =
"\n"
"  -o, --output FILE    where to                            (stdout)\n"
"  --value VALUE        folded, speedscope: alloc_objects, alloc_space,\n"
"                       inuse_objects, inuse_space, peak_objects, peak_space\n"
"                       (inuse_space, or peak_space when nothing is left at the end)\n"
"  --table TABLE        csv: sites, timeline, collections, findings (sites)\n"
"  --holders QUERY      dot: who holds that, see `ouro holders` (cycles and leaks)\n"
"  --snapshot N         dot, sqlite, csv: which snapshot    (the last complete one)\n"
"  --core FILE          ... a core file of the process stands in for a snapshot\n"
VIEW_SYMBOLS_HELP
"\n"
"alloc is all that was made, inuse what is left when the program begins to end (or\n"
"is killed), peak what there was when the program had most bytes.\n";

enum { OPTION_VALUE = 256, OPTION_TABLE, OPTION_HOLDERS, OPTION_SNAPSHOT, OPTION_CORE };

struct order {
	const struct export *format;
	struct export_job job;
	struct view v;
};

static const struct export *format_named(const char *name)
{
	for (size_t i = 0; i < FORMATS; i++)
		if (!strcmp(formats[i]->name, name))
			return formats[i];
	return NULL;
}

static void put_help(void)
{
	fputs(help, stdout);
	for (size_t i = 0; i < FORMATS; i++)
		printf("  %-20s %s\n", formats[i]->name, formats[i]->help);
	fputs(options_help, stdout);
}

static int one_option(struct order *o, int option)
{
	char *end;
	unsigned long n;

	switch (option) {
	case 'h':
		put_help();
		return STATUS_DONE;
	case 'o':
		o->job.path = optarg;
		return -1;
	case OPTION_VALUE:
		o->job.asked = true;
		o->job.value = export_value_named(optarg);
		return o->job.value < EXPORT_VALUES ? -1 : complain(STATUS_USAGE,
			"--value %s: it is one of those that `ouro export --help` lists", optarg);
	case OPTION_TABLE:
		o->job.table = optarg;
		return -1;
	case VIEW_SYSROOT:
	case VIEW_NO_DEMANGLE:
	case VIEW_DEBUGINFOD:
		return view_symbols(&o->v.symbols, option);
	case OPTION_HOLDERS:
		o->job.query = optarg;
		return -1;
	case OPTION_CORE:
		o->v.core = optarg;
		return -1;
	case OPTION_SNAPSHOT:
		n = strtoul(optarg, &end, 10);
		if (end == optarg || *end || n > UINT32_MAX)
			return complain(STATUS_USAGE, "--snapshot %s: a number is needed", optarg);
		o->v.snapshot = (uint32_t)n;
		return -1;
	}
	return STATUS_USAGE;		/* getopt has said what is wrong */
}

static int parse(struct order *o, int argc, char **argv)
{
	static const struct option option[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "value", required_argument, NULL, OPTION_VALUE },
		{ "table", required_argument, NULL, OPTION_TABLE },
		{ "holders", required_argument, NULL, OPTION_HOLDERS },
		{ "snapshot", required_argument, NULL, OPTION_SNAPSHOT },
		{ "core", required_argument, NULL, OPTION_CORE },
		VIEW_SYMBOLS_OPTIONS,
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c, status = -1;

	optind = 0;
	while (status < 0 && (c = getopt_long(argc, argv, "ho:", option, NULL)) != -1)
		status = one_option(o, c);
	if (status >= 0)
		return status;
	if (argc - optind != 2)
		return complain(STATUS_USAGE, "export takes a format and a trace; see `ouro export --help`");
	o->format = format_named(argv[optind]);
	o->v.path = argv[optind + 1];
	if (!o->format)
		return complain(STATUS_USAGE, "%s is no format; `ouro export --help` lists them",
				argv[optind]);
	if (o->format->own_file && !o->job.path)
		return complain(STATUS_USAGE, "export %s needs a file to write: -o FILE", o->format->name);
	if (!o->format->own_file && !o->job.path && isatty(STDOUT_FILENO) && o->format == &export_pprof)
		return complain(STATUS_USAGE, "export pprof is not for a terminal: -o FILE");
	return -1;
}

static int finish(FILE *out, const char *path)
{
	bool bad = fflush(out) || ferror(out);

	if (out != stdout)
		bad |= fclose(out) != 0;
	return bad ? complain(STATUS_TRACE, "%s: could not be written: %s",
			      path ? path : "the output", strerror(errno)) : STATUS_DONE;
}

static int write_all(struct order *o)
{
	struct export_job *job = &o->job;
	int e, status;

	if (!o->format->own_file) {
		job->out = job->path ? fopen(job->path, "w") : stdout;
		if (!job->out)
			return complain(STATUS_TRACE, "%s: %s", job->path, strerror(errno));
	}
	e = o->format->write(job);
	status = job->out ? finish(job->out, job->path) : STATUS_DONE;
	if (e > 0)
		return complain(STATUS_USAGE, "%s: %s", o->v.path, job->error);
	return e ? complain(STATUS_TRACE, "%s: %s", o->v.path, strerror(-e)) : status;
}

int cmd_export(int argc, char **argv)
{
	char error[200] = "";
	struct order o = { .job.error = error };
	struct report r;
	int status = parse(&o, argc, argv);

	if (status >= 0)
		return status;
	o.v.events = !o.format->whole && !o.job.table;
	status = view_open(&o.v, &r);
	if (status >= 0)
		return status;
	o.job.r = &r;
	if (!o.job.asked)
		o.job.value = export_leaves(&r.replay) ? EXPORT_INUSE_SPACE : EXPORT_PEAK_SPACE;
	status = write_all(&o);
	report_close(&r);
	return status;
}

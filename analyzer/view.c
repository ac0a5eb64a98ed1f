#include "view.h"

#include "command.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_FORMAT = 256, OPTION_SNAPSHOT, OPTION_ALL, OPTION_EACH, OPTION_LIMIT, OPTION_PATHS,
       OPTION_TREE };

static bool number(const char *s, uint32_t *ret)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(s, &end, 10);
	if (errno || *end || end == s || *s == '-' || n > UINT32_MAX)
		return false;
	*ret = (uint32_t)n;
	return true;
}

int view_symbols_option(struct symbols_options *o, int option)
{
	switch (option) {
	case VIEW_SYSROOT:
		o->sysroot = optarg;
		return -1;
	case VIEW_NO_DEMANGLE:
		o->mangled = true;
		return -1;
	case VIEW_DEBUGINFOD:
		o->debuginfod = true;
		return getenv("DEBUGINFOD_URLS") ? -1 :
			complain(STATUS_USAGE, "--debuginfod: DEBUGINFOD_URLS names no server");
	}
	return STATUS_USAGE;		/* getopt has said what is wrong */
}

static int one_option(struct view *v, int option)
{
	switch (option) {
	case 'h':
		return STATUS_DONE;
	case OPTION_FORMAT:
		v->json = !strcmp(optarg, "json");
		v->csv = v->may_csv && !strcmp(optarg, "csv");
		if (!v->json && !v->csv && strcmp(optarg, "text"))
			return complain(STATUS_USAGE, "--format %s: it is text or json", optarg);
		return -1;
	case OPTION_ALL:
		v->all = true;
		return -1;
	case OPTION_TREE:
		v->tree = true;
		return v->may_tree ? -1 :
			complain(STATUS_USAGE, "--tree is for `ouro history`");
	case OPTION_EACH:
		v->each = true;
		return -1;
	case OPTION_SNAPSHOT:
		return number(optarg, &v->snapshot) ? -1 :
			complain(STATUS_USAGE, "--snapshot %s: a number is needed", optarg);
	case OPTION_LIMIT:
		return number(optarg, &v->limit) ? -1 :
			complain(STATUS_USAGE, "--limit %s: a number is needed", optarg);
	case OPTION_PATHS:
		return number(optarg, &v->paths) && v->paths <= PATHS_WIDTH ? -1 :
			complain(STATUS_USAGE, "--paths %s: a number up to %u is needed", optarg,
				 PATHS_WIDTH);
	}
	return view_symbols_option(&v->symbols, option);
}

int view_parse(struct view *v, int argc, char **argv, unsigned takes, const char *help)
{
	static const struct option option[] = {
		{ "format", required_argument, NULL, OPTION_FORMAT },
		{ "snapshot", required_argument, NULL, OPTION_SNAPSHOT },
		{ "all", no_argument, NULL, OPTION_ALL },
		{ "each", no_argument, NULL, OPTION_EACH },
		{ "limit", required_argument, NULL, OPTION_LIMIT },
		{ "paths", required_argument, NULL, OPTION_PATHS },
		VIEW_SYMBOLS_OPTIONS,
		{ "tree", no_argument, NULL, OPTION_TREE },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c, status = -1;

	*v = (struct view){ .limit = takes & VIEW_TREE ? 0 : 3, .paths = 3,
		.may_csv = takes & VIEW_CSV, .may_tree = takes & VIEW_TREE };
	optind = 0;			/* another parser may have been here before */
	while (status < 0 && (c = getopt_long(argc, argv, "h", option, NULL)) != -1)
		status = one_option(v, c);
	if (status == STATUS_DONE) {
		fputs(help, stdout);
		return status;
	}
	if (status < 0 && argc - optind != (takes & VIEW_QUERY ? 2 : 1))
		status = complain(STATUS_USAGE, "%s takes %s; see `ouro %s --help`", argv[0],
				  takes & VIEW_QUERY ? "a trace and a query" : "one trace", argv[0]);
	if (status < 0) {
		v->path = argv[optind];
		v->query = argv[optind + 1];
	}
	return status;
}

int view_open(const struct view *v, struct report *r)
{
	char error[200];
	struct progress p;
	int e;

	progress_start(&p, v->path);
	e = report_open(r, v->path, &(struct report_options){ .snapshot = v->snapshot,
			.each = v->each, .events = v->events, .progress = &p, .symbols = v->symbols }, error);
	progress_stop(&p);
	return e ? complain(STATUS_TRACE, "%s: %s", v->path, error) : -1;
}

struct term view_term(FILE *out)
{
	static char here[4096];
	struct term t = term_of(out);

	t.directory = getcwd(here, sizeof(here)) ? here : NULL;
	return t;
}

int view_close(struct report *r)
{
	report_close(r);
	if (fflush(stdout) || ferror(stdout))
		return complain(STATUS_TRACE, "the output could not be written: %s", strerror(errno));
	return STATUS_DONE;
}

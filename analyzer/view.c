#include "view.h"

#include "command.h"
#include "paths.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_FORMAT = 256, OPTION_SNAPSHOT, OPTION_ALL, OPTION_EACH, OPTION_LIMIT, OPTION_PATHS,
       OPTION_CORE, OPTION_TREE, OPTION_SKIP, OPTION_WHAT_IF, OPTION_FREEZE_AT, OPTION_MEMORY,
       OPTION_PAUSE };

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

static bool real_of(const char *s, const char *unit, double *ret)
{
	char *end;

	errno = 0;
	*ret = strtod(s, &end);
	return !errno && end != s && (!*end || !strcmp(end, unit)) && *ret >= 0 && *ret < 1e15;
}

bool view_real(const char *s, double *ret)
{
	return real_of(s, "", ret);
}

int view_symbols(struct symbols_options *o, int option)
{
	switch (option) {
	case VIEW_SYSROOT:
		o->sysroot = optarg;
		return -1;
	case VIEW_NO_DEMANGLE:
		o->mangled = true;
		return -1;
	default:
		o->debuginfod = true;
		return getenv("DEBUGINFOD_URLS") ? -1 :
			complain(STATUS_USAGE, "--debuginfod: DEBUGINFOD_URLS names no server");
	}
}

/* 10000,1000,1000 or off */
static int what_if(struct whatif_options *o, const char *s)
{
	uint32_t v[GENERATIONS];
	int n = 0;

	if (o->nasked == WHATIF_ASKED)
		return complain(STATUS_USAGE, "--what-if: no more than %d", WHATIF_ASKED);
	if (!strcmp(s, "off")) {
		o->asked[o->nasked++].off = true;
		return -1;
	}
	if (sscanf(s, "%9" SCNu32 ",%9" SCNu32 ",%9" SCNu32 "%n", &v[0], &v[1], &v[2], &n) != 3 ||
	    s[n] || strchr(s, '-'))
		return complain(STATUS_USAGE, "--what-if %s: three thresholds are needed, as in "
				"10000,10,10; or off", s);
	memcpy(o->asked[o->nasked++].threshold, v, sizeof(v));
	return -1;
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
	case OPTION_CORE:
		v->core = optarg;
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
	case VIEW_SYSROOT:
	case VIEW_NO_DEMANGLE:
	case VIEW_DEBUGINFOD:
		return view_symbols(&v->symbols, option);
	case OPTION_WHAT_IF:
		return what_if(&v->whatif, optarg);
	case OPTION_FREEZE_AT:
		return real_of(optarg, "s", &v->whatif.freeze) ? -1 :
			complain(STATUS_USAGE, "--freeze-at %s: seconds into the run are needed",
				 optarg);
	case OPTION_MEMORY:
		return view_real(optarg, &v->whatif.memory_percent) ? -1 :
			complain(STATUS_USAGE, "--memory %s: a percentage is needed", optarg);
	case OPTION_PAUSE:
		if (!view_real(optarg, &v->whatif.pause))
			return complain(STATUS_USAGE, "--pause %s: milliseconds are needed", optarg);
		v->whatif.pause /= 1000;
		return -1;
	case OPTION_SNAPSHOT:
		return number(optarg, &v->snapshot) ? -1 :
			complain(STATUS_USAGE, "--snapshot %s: a number is needed", optarg);
	case OPTION_LIMIT:
		return number(optarg, &v->limit) ? -1 :
			complain(STATUS_USAGE, "--limit %s: a number is needed", optarg);
	case OPTION_SKIP:
		return view_real(optarg, &v->skip) ? -1 :
			complain(STATUS_USAGE, "--skip-seconds %s: a number is needed", optarg);
	case OPTION_PATHS:
		return number(optarg, &v->paths) && v->paths <= PATHS_WIDTH ? -1 :
			complain(STATUS_USAGE, "--paths %s: a number up to %u is needed", optarg,
				 PATHS_WIDTH);
	}
	return STATUS_USAGE;		/* getopt has said what is wrong */
}

int view_parse(struct view *v, int argc, char **argv, unsigned takes, const char *help)
{
	static const struct option option[] = {
		{ "format", required_argument, NULL, OPTION_FORMAT },
		{ "snapshot", required_argument, NULL, OPTION_SNAPSHOT },
		{ "core", required_argument, NULL, OPTION_CORE },
		{ "all", no_argument, NULL, OPTION_ALL },
		{ "each", no_argument, NULL, OPTION_EACH },
		{ "limit", required_argument, NULL, OPTION_LIMIT },
		{ "paths", required_argument, NULL, OPTION_PATHS },
		{ "tree", no_argument, NULL, OPTION_TREE },
		{ "skip-seconds", required_argument, NULL, OPTION_SKIP },
		VIEW_SYMBOLS_OPTIONS,
		{ "what-if", required_argument, NULL, OPTION_WHAT_IF },
		{ "freeze-at", required_argument, NULL, OPTION_FREEZE_AT },
		{ "memory", required_argument, NULL, OPTION_MEMORY },
		{ "pause", required_argument, NULL, OPTION_PAUSE },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c, status = -1;

	*v = (struct view){ .limit = takes & VIEW_TREE ? 0 : 3, .paths = 3,
		.may_csv = takes & VIEW_CSV, .may_tree = takes & VIEW_TREE,
		.whatif = WHATIF_DEFAULT };
	v->whatif.wanted = takes & VIEW_WHATIF;
	v->lives = takes & VIEW_LIVES;
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
			.each = v->each, .core = v->core, .events = v->events,
			.lives = v->lives, .skip_seconds = v->skip,
			.progress = &p, .symbols = v->symbols, .whatif = v->whatif }, error);
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

int view_run(int argc, char **argv, unsigned takes, const char *help,
	     int (*answer)(const struct view *v, struct report *r))
{
	struct view v;
	struct report r;
	int e, status = view_parse(&v, argc, argv, takes, help);

	if (status < 0)
		status = view_open(&v, &r);
	if (status >= 0)
		return status;
	e = answer(&v, &r);
	status = view_close(&r);
	if (e < 0)
		return complain(STATUS_TRACE, "%s: %s", v.path, strerror(-e));
	return e ? e : status;
}

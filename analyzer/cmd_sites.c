/*
 * cmd_sites.c - `ouro sites`, `ouro tree`, `ouro timeline`: what the events alone say
 */
#include "command.h"
#include "report_sites.h"
#include "view.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define FILTERS \
"  --function NAME      made in this function                   (pattern or last part)\n" \
"  --under NAME         made in it or in what it called\n" \
"  --module NAME        by this loaded file, or Python file     (pattern or part of the path)\n" \
"  --type NAME          objects of this type; \"memory block\" is what is none\n" \
"  --thread N           made by this thread\n" \
"  --from S, --to S     made between these seconds of the run; left is what of it lives then\n"

static const char sites_help[] =
"usage: ouro sites [OPTIONS] FILE\n"
"\n"
"Who made how much: what is left at the end, what there was at the peak, what was\n"
"made, how much of it was temporary (freed by what its thread did next), and how\n"
"long half of it lived.\n"
"\n"
"  --by WHAT            site, stack, function, file, module, type, thread       (site)\n"
"  --sort WHAT          live, bytes, count, peak, temporary, lifetime           (live)\n"
FILTERS
"  --limit N            so many rows; 0: all                                    (30)\n"
"  --format text|json|csv   json is a contract: docs/json.md                    (text)\n"
VIEW_SYMBOLS_HELP
"\n"
"A site is the innermost line of Python, or of C and C++ the innermost function\n"
"that is not the C or C++ library's.\n";

static const char tree_help[] =
"usage: ouro tree [OPTIONS] FILE\n"
"\n"
"The same as `ouro sites` as a tree of stacks.\n"
"\n"
"  --bottom-up          from what allocates out to its callers         (default)\n"
"  --top-down           from main in\n"
"  --native             the machine code between lines of Python, too  (json: always)\n"
"  --sort WHAT          live, bytes, count, peak, temporary            (live)\n"
"  --threshold PERCENT  fold what is less of the whole                 (1; json: 0)\n"
FILTERS
"  --format text|json   json is a contract: docs/json.md               (text)\n"
VIEW_SYMBOLS_HELP;

static const char timeline_help[] =
"usage: ouro timeline [OPTIONS] FILE\n"
"\n"
"Memory over time, and what it was made of at its highest.\n"
"\n"
"  --format text|json|csv   json is a contract: docs/json.md           (text)\n"
VIEW_SYMBOLS_HELP;

enum option_code {
	OPTION_BY = 256, OPTION_SORT, OPTION_FUNCTION, OPTION_UNDER, OPTION_MODULE, OPTION_TYPE,
	OPTION_THREAD, OPTION_FROM, OPTION_TO, OPTION_LIMIT, OPTION_FORMAT, OPTION_UP,
	OPTION_DOWN, OPTION_THRESHOLD, OPTION_NATIVE,
};

enum verb { SITES, TREE, TIMELINE };

struct request {
	enum verb verb;
	struct sites_options o;
	const char *path;
	struct symbols_options symbols;
	bool json, csv, least_given;
};

static bool whole(const char *s, uint32_t *ret)
{
	double v;

	if (!view_real(s, &v) || v > UINT32_MAX || v != (double)(uint32_t)v)
		return false;
	*ret = (uint32_t)v;
	return true;
}

static int choose(const char *option, const char *all, int value, int *ret)
{
	if (value < 0)
		return complain(STATUS_USAGE, "--%s %s: it is one of %s", option, optarg, all);
	*ret = value;
	return -1;
}

static int take_number(const char *option, bool good)
{
	return good ? -1 :
		complain(STATUS_USAGE, "--%s %s: a number is needed", option, optarg);
}

static int take_format(struct request *q)
{
	q->json = !strcmp(optarg, "json");
	q->csv = !strcmp(optarg, "csv") && q->verb != TREE;
	if (q->json || q->csv || !strcmp(optarg, "text"))
		return -1;
	return complain(STATUS_USAGE, "--format %s: it is text, json%s", optarg,
			q->verb == TREE ? "" : " or csv");
}

static int one_option(struct request *q, int option)
{
	struct usage_query *u = &q->o.query;
	int v = 0, status;

	switch (option) {
	case OPTION_BY:
		status = choose("by", "site, stack, function, file, module, type, thread",
				sites_by(optarg), &v);
		u->by = (enum usage_by)v;
		return status;
	case OPTION_SORT:
		status = choose("sort", "live, bytes, count, peak, temporary, lifetime",
				sites_sort(optarg), &v);
		q->o.sort = (enum usage_sort)v;
		if (status < 0 && q->verb == TREE && q->o.sort == USAGE_SORT_LIFETIME)
			return complain(STATUS_USAGE, "--sort lifetime: times cannot be added up "
					"in a tree; `ouro sites` has them");
		return status;
	case OPTION_FUNCTION:
		u->function = optarg;
		return -1;
	case OPTION_UNDER:
		u->under = optarg;
		return -1;
	case OPTION_MODULE:
		u->module = optarg;
		return -1;
	case OPTION_TYPE:
		u->type = optarg;
		return -1;
	case OPTION_THREAD:
		return take_number("thread", whole(optarg, &u->thread) && u->thread);
	case OPTION_FROM:
		return take_number("from", view_real(optarg, &q->o.from));
	case OPTION_TO:
		return take_number("to", view_real(optarg, &q->o.to));
	case OPTION_LIMIT:
		return take_number("limit", whole(optarg, &q->o.limit));
	case OPTION_THRESHOLD:
		q->least_given = true;
		return take_number("threshold", view_real(optarg, &q->o.least) && q->o.least <= 100);
	case OPTION_FORMAT:
		return take_format(q);
	case VIEW_SYSROOT:
	case VIEW_NO_DEMANGLE:
	case VIEW_DEBUGINFOD:
		return view_symbols(&q->symbols, option);
	case OPTION_NATIVE:
		q->o.native = true;
		return -1;
	case OPTION_UP:
	case OPTION_DOWN:
		q->o.top_down = option == OPTION_DOWN;
		return -1;
	case 'h':
		return STATUS_DONE;
	default:
		return STATUS_USAGE;	/* getopt has said what is wrong */
	}
}

static int parse(struct request *q, int argc, char **argv, const char *help)
{
	static const struct option all[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "format", required_argument, NULL, OPTION_FORMAT },
		{ "by", required_argument, NULL, OPTION_BY },
		{ "sort", required_argument, NULL, OPTION_SORT },
		{ "function", required_argument, NULL, OPTION_FUNCTION },
		{ "under", required_argument, NULL, OPTION_UNDER },
		{ "module", required_argument, NULL, OPTION_MODULE },
		{ "type", required_argument, NULL, OPTION_TYPE },
		{ "thread", required_argument, NULL, OPTION_THREAD },
		{ "from", required_argument, NULL, OPTION_FROM },
		{ "to", required_argument, NULL, OPTION_TO },
		{ "limit", required_argument, NULL, OPTION_LIMIT },
		{ "bottom-up", no_argument, NULL, OPTION_UP },
		{ "top-down", no_argument, NULL, OPTION_DOWN },
		{ "native", no_argument, NULL, OPTION_NATIVE },
		{ "threshold", required_argument, NULL, OPTION_THRESHOLD },
		VIEW_SYMBOLS_OPTIONS,
		{ NULL, 0, NULL, 0 },
	};
	static const struct option few[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "format", required_argument, NULL, OPTION_FORMAT },
		VIEW_SYMBOLS_OPTIONS,
		{ NULL, 0, NULL, 0 },
	};
	const struct option *option = q->verb == TIMELINE ? few : all;
	int c, status = -1;

	optind = 0;
	while (status < 0 && (c = getopt_long(argc, argv, "h", option, NULL)) != -1)
		status = one_option(q, c);
	if (status == STATUS_DONE)
		fputs(help, stdout);
	if (status < 0 && argc - optind != 1)
		status = complain(STATUS_USAGE, "%s takes one trace; see `ouro %s --help`", argv[0],
				  argv[0]);
	if (status < 0 && q->o.to > 0 && q->o.to <= q->o.from)
		status = complain(STATUS_USAGE, "--to must be later than --from");
	q->path = argv[optind];
	q->o.least = q->least_given ? q->o.least / 100 : q->json ? 0 : 0.01;
	return status;
}

static int open_events(const struct request *q, struct report *r)
{
	char error[200];
	struct progress p;
	int e;

	progress_start(&p, q->path);
	e = report_open(r, q->path, &(struct report_options){ .events = true, .from = q->o.from,
			.to = q->o.to, .symbols = q->symbols, .progress = &p }, error);
	progress_stop(&p);
	return e ? complain(STATUS_TRACE, "%s: %s", q->path, error) : -1;
}

static int show_sites(const struct request *q, struct report *r, struct places *p)
{
	struct term t = view_term(stdout);
	struct usage_table s;
	int e = usage_table_init(&s, &r->replay, p, &q->o.query);

	if (e)
		return e;
	usage_sort(&s, q->o.sort);
	if (q->json)
		sites_json(stdout, r, &s, &q->o);
	else if (q->csv)
		sites_csv(stdout, &s);
	else
		sites_text(&t, r, &s, &q->o);
	usage_table_fini(&s);
	return 0;
}

static int show_tree(const struct request *q, struct report *r, struct places *p)
{
	struct term t = view_term(stdout);
	struct tree tree;
	int e = tree_init(&tree, &r->replay, p, &(struct tree_query){ .usage = q->o.query,
			.sort = q->o.sort, .top_down = q->o.top_down, .least = q->o.least,
			.lines = !q->o.native && !q->json });

	if (e)
		return e;
	if (q->json)
		tree_json(stdout, r, &tree, &q->o);
	else
		tree_text(&t, r, &tree, &q->o);
	tree_fini(&tree);
	return 0;
}

static int show_timeline(const struct request *q, struct report *r, struct places *p)
{
	struct term t = view_term(stdout);

	if (q->json)
		timeline_json(stdout, r);
	else if (q->csv)
		timeline_csv(stdout, r);
	else
		timeline_text(&t, r);
	return 0;
}

static int run(struct request *q, int argc, char **argv, const char *help,
	int (*show)(const struct request *q, struct report *r, struct places *p))
{
	struct places p;
	struct report r;
	int e, status = parse(q, argc, argv, help);

	if (status < 0)
		status = open_events(q, &r);
	if (status >= 0)
		return status;
	e = places_init(&p, &r.defs, r.symbols);
	if (!e) {
		e = show(q, &r, &p);
		places_fini(&p);
	}
	status = view_close(&r);
	return e ? complain(STATUS_TRACE, "%s: %s", q->path, strerror(-e)) : status;
}

int cmd_sites(int argc, char **argv)
{
	struct request q = { .verb = SITES, .o.limit = 30 };

	return run(&q, argc, argv, sites_help, show_sites);
}

int cmd_tree(int argc, char **argv)
{
	struct request q = { .verb = TREE };

	return run(&q, argc, argv, tree_help, show_tree);
}

int cmd_timeline(int argc, char **argv)
{
	struct request q = { .verb = TIMELINE };

	return run(&q, argc, argv, timeline_help, show_timeline);
}

/*
 * cmd_diff.c - ouro diff: what is new, gone, grown between two traces
 */
#include "command.h"
#include "diff_report.h"
#include "percent.h"
#include "view.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
"usage: ouro diff [OPTIONS] A B\n"
"\n"
"What B has that A has not, and the reverse: findings, what was alive at the end, what\n"
"was allocated; by type and place.  Places are paired by names, so that the two may be\n"
"runs of different builds.\n"
"\n"
"  --per WORD             how B may be larger: allocation (in proportion to the allocations\n"
"                         made), second, run (not at all)              (allocation)\n"
"  --tolerance PERCENT    so much more is no growth                    (10%)\n"
"  --project DIR          paths below it are told from there   (the current directory)\n"
"  --all                  leave nothing out of lists\n"
"  --format text|json     json is a contract: docs/json.md             (text)\n"
"  -h, --help             this text\n";

enum { OPT_PER = 256, OPT_TOLERANCE, OPT_PROJECT, OPT_ALL, OPT_FORMAT };

static const struct option options[] = {
	{ "per", required_argument, NULL, OPT_PER },
	{ "tolerance", required_argument, NULL, OPT_TOLERANCE },
	{ "project", required_argument, NULL, OPT_PROJECT },
	{ "all", no_argument, NULL, OPT_ALL },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct job {
	struct diff d;
	char *project;
	bool all, json;
};

static int one_option(struct job *j, int c)
{
	switch (c) {
	case 'h':
		fputs(usage, stdout);
		return STATUS_DONE;
	case OPT_PER:
		return ledger_per_of(optarg, &j->d.tolerance.per) && j->d.tolerance.per ? -1 :
			complain(STATUS_USAGE, "--per %s: it is run, allocation or second", optarg);
	case OPT_TOLERANCE:
		return percent_of(optarg, &j->d.tolerance.share) ? -1 :
			complain(STATUS_USAGE, "--tolerance %s: a percentage is needed: 10%%", optarg);
	case OPT_PROJECT:
		free(j->project);
		j->project = realpath(optarg, NULL);
		return j->project ? -1 :
			complain(STATUS_USAGE, "--project %s: %s", optarg, strerror(errno));
	case OPT_ALL:
		j->all = true;
		return -1;
	case OPT_FORMAT:
		j->json = !strcmp(optarg, "json");
		return j->json || !strcmp(optarg, "text") ? -1 :
			complain(STATUS_USAGE, "--format %s: it is text or json", optarg);
	default:
		fputs("`ouro diff --help` lists the options\n", stderr);
		return STATUS_USAGE;
	}
}

static int take(struct job *j, unsigned i, const char *path)
{
	struct view v = { .path = path };
	struct report r;
	int status = view_open(&v, &r), e;

	if (status >= 0)
		return status;
	e = diff_take(&j->d.side[i], &r, path, j->project);
	report_close(&r);
	return e ? complain(STATUS_TRACE, "%s: %s", path, strerror(-e)) : -1;
}

static int run(struct job *j, char **path)
{
	struct term t = view_term(stdout);
	int status = take(j, 0, path[0]);

	if (status < 0)
		status = take(j, 1, path[1]);
	if (status < 0 && diff_settle(&j->d))
		status = complain(STATUS_TRACE, "no memory");
	if (status >= 0)
		return status;
	if (j->json)
		diff_json(stdout, &j->d);
	else
		diff_text(&t, &j->d, j->all);
	if (fflush(stdout) || ferror(stdout))
		return complain(STATUS_TRACE, "the output could not be written: %s", strerror(errno));
	return STATUS_DONE;
}

int cmd_diff(int argc, char **argv)
{
	struct job j = { .d.tolerance = { .share = 0.1, .weight = 2, .slack = 1024, .per = PER_ALLOCATION },
		.project = getcwd(NULL, 0) };
	int c, status = -1;

	optind = 0;
	while (status < 0 && (c = getopt_long(argc, argv, "h", options, NULL)) != -1)
		status = one_option(&j, c);
	if (status < 0 && argc - optind != 2)
		status = complain(STATUS_USAGE, "diff takes two traces; see `ouro diff --help`");
	if (status < 0)
		status = run(&j, argv + optind);
	diff_fini(&j.d);
	free(j.project);
	return status;
}

/*
 * cmd_audit.c - ouro audit: the gate before a release
 *
 * Runs a command, or reads traces, and says whether what was found is known.  The
 * exit status is the verdict, not the command's.
 */
#include "audit_report.h"
#include "buf.h"
#include "command.h"
#include "launch.h"
#include "mem.h"
#include "percent.h"
#include "recorded.h"
#include "term.h"
#include "view.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static const char usage[] =
"usage: ouro audit [OPTIONS] -- COMMAND [ARGUMENT...]\n"
"       ouro audit [OPTIONS] TRACE...\n"
"\n"
"Fails (exit status 1) when the command, or what was recorded of it, leaks more than is\n"
"known: a finding that is not in the baseline, or that has grown.\n"
"\n"
"  --baseline FILE        what is known; text for review, see docs/baseline.md\n"
"  --update               write the baseline instead of failing\n"
"  --suppressions FILE    of LeakSanitizer, valgrind, or ouro; may be repeated\n"
"  --tolerance PERCENT    so much more is no growth                    (10%)\n"
"  --per WORD             counts may grow with: run (not at all), allocation, second\n"
"                                                                      (allocation)\n"
"  --severity LEVEL       what is less is passed over: error, warning, info (warning)\n"
"  --fail-on KINDS        any finding of these kinds fails, known or not: lost,dead-cycle\n"
"  --only PATTERN         judge only processes whose program is called so: python*\n"
"  --skip-seconds N       what was allocated in the first N seconds is no finding\n"
"  --skip-until MARK      ... before the program called ouro_mark(\"MARK\")\n"
"  --any-status           a command that ends with another status than 0 does not fail\n"
"  --project DIR          paths below it are told from there   (the current directory)\n"
"  -o, --output FILE      keep the trace\n"
"  --format text|json     json is a contract: docs/json.md; the command's output then\n"
"                         goes to stderr                               (text)\n"
"  --junit FILE           write the verdict as JUnit XML, too\n"
"  -h, --help             this text\n"
"\n"
"Exit status: 0 nothing new, 1 failed, 2 wrong use, 3 a trace cannot be read.\n";

enum { OPT_BASELINE = 256, OPT_UPDATE, OPT_SUPPRESSIONS, OPT_TOLERANCE, OPT_PER, OPT_SEVERITY,
	OPT_FAIL_ON, OPT_SECONDS, OPT_UNTIL, OPT_STATUS, OPT_ONLY, OPT_PROJECT, OPT_FORMAT, OPT_JUNIT };

static const struct option options[] = {
	{ "baseline", required_argument, NULL, OPT_BASELINE },
	{ "update", no_argument, NULL, OPT_UPDATE },
	{ "suppressions", required_argument, NULL, OPT_SUPPRESSIONS },
	{ "tolerance", required_argument, NULL, OPT_TOLERANCE },
	{ "per", required_argument, NULL, OPT_PER },
	{ "severity", required_argument, NULL, OPT_SEVERITY },
	{ "fail-on", required_argument, NULL, OPT_FAIL_ON },
	{ "skip-seconds", required_argument, NULL, OPT_SECONDS },
	{ "skip-until", required_argument, NULL, OPT_UNTIL },
	{ "only", required_argument, NULL, OPT_ONLY },
	{ "any-status", no_argument, NULL, OPT_STATUS },
	{ "project", required_argument, NULL, OPT_PROJECT },
	{ "output", required_argument, NULL, 'o' },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "junit", required_argument, NULL, OPT_JUNIT },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

struct job {
	struct audit_options o;
	const char *baseline, *junit, *output;
	bool update, any_status, json;
	char *project;			/* absolute, to be freed                     */
	const char **file;		/* of suppressions                           */
	uint32_t files, files_cap;
	char *const *word;		/* the command, or the traces; ends with NULL */
	bool command;
	struct buf words;		/* ... for people                            */
};

/* --- options --------------------------------------------------------------------------- */

static bool seconds(const char *s, double *ret)
{
	char *end;

	*ret = strtod(s, &end);
	return end != s && !*end && *ret > 0 && *ret < 1e9;
}

static bool severity(const char *s, enum finding_severity *ret)
{
	for (unsigned i = FINDING_ERROR; i <= FINDING_INFO; i++)
		if (!strcmp(s, finding_severity_name(i))) {
			*ret = i;
			return true;
		}
	return false;
}

/* A kind that is misspelt would never fail: say so now. */
static int check_kinds(const char *list)
{
	for (const char *s = list; *s;) {
		size_t n = strcspn(s, ",");
		unsigned k = 0;

		while (k < FINDING_KINDS && (strlen(finding_kind_name(k)) != n ||
					     strncmp(s, finding_kind_name(k), n)))
			k++;
		if (k == FINDING_KINDS)
			return complain(STATUS_USAGE, "--fail-on %.*s: no such kind of finding; "
					"docs/json.md lists them", (int)n, s);
		s += n + (s[n] == ',');
	}
	return -1;
}

static int one_option(struct job *j, int c)
{
	switch (c) {
	case 'h':
		fputs(usage, stdout);
		return STATUS_DONE;
	case OPT_BASELINE:
		j->baseline = optarg;
		return -1;
	case OPT_UPDATE:
		j->update = true;
		return -1;
	case OPT_SUPPRESSIONS:
		if (mem_room(&j->file, j->files, &j->files_cap, sizeof(*j->file)))
			return complain(STATUS_TRACE, "no memory");
		j->file[j->files++] = optarg;
		return -1;
	case OPT_TOLERANCE:
		return percent_of(optarg, &j->o.tolerance.share) ? -1 :
			complain(STATUS_USAGE, "--tolerance %s: a percentage is needed: 10%%", optarg);
	case OPT_PER:
		return ledger_per_of(optarg, &j->o.tolerance.per) && j->o.tolerance.per ? -1 :
			complain(STATUS_USAGE, "--per %s: it is run, allocation or second", optarg);
	case OPT_SEVERITY:
		return severity(optarg, &j->o.severity) ? -1 :
			complain(STATUS_USAGE, "--severity %s: it is error, warning or info", optarg);
	case OPT_FAIL_ON:
		j->o.fail_on = optarg;
		return check_kinds(optarg);
	case OPT_SECONDS:
		return seconds(optarg, &j->o.warm.seconds) ? -1 :
			complain(STATUS_USAGE, "--skip-seconds %s: a number above 0 is needed", optarg);
	case OPT_UNTIL:
		j->o.warm.mark = optarg;
		return -1;
	case OPT_ONLY:
		j->o.only = optarg;
		return -1;
	case OPT_STATUS:
		j->any_status = true;
		return -1;
	case OPT_PROJECT:
		free(j->project);
		j->project = realpath(optarg, NULL);
		return j->project ? -1 :
			complain(STATUS_USAGE, "--project %s: %s", optarg, strerror(errno));
	case 'o':
		j->output = optarg;
		return -1;
	case OPT_FORMAT:
		j->json = !strcmp(optarg, "json");
		return j->json || !strcmp(optarg, "text") ? -1 :
			complain(STATUS_USAGE, "--format %s: it is text or json", optarg);
	case OPT_JUNIT:
		j->junit = optarg;
		return -1;
	default:
		fputs("`ouro audit --help` lists the options\n", stderr);
		return STATUS_USAGE;
	}
}

/* Behind `--` stands a command; without one, traces. */
static int take_words(struct job *j, int argc, char **argv)
{
	if (optind == argc)
		return complain(STATUS_USAGE, "audit: what? `ouro audit [OPTIONS] -- COMMAND...`, or "
				"traces");
	j->word = argv + optind;
	j->command = optind > 1 && !strcmp(argv[optind - 1], "--");
	for (int i = optind; i < argc; i++)
		buf_printf(&j->words, "%s%s", i > optind ? " " : "", argv[i]);
	if (j->update && !j->baseline)
		return complain(STATUS_USAGE, "--update: --baseline FILE says which file to write");
	if (j->o.warm.seconds > 0 && j->o.warm.mark)
		return complain(STATUS_USAGE, "--skip-seconds and --skip-until: choose one");
	if (!j->command && j->output)
		return complain(STATUS_USAGE, "--output: the traces are there already");
	return -1;
}

static int parse(struct job *j, int argc, char **argv)
{
	int c, status = -1;

	*j = (struct job){ .o = { .tolerance = { .share = 0.1, .weight = 2, .slack = 1024, .per = PER_ALLOCATION },
		.severity = FINDING_WARNING }, .project = getcwd(NULL, 0) };
	optind = 0;
	while (status < 0 && (c = getopt_long(argc, argv, "+o:h", options, NULL)) != -1)
		status = one_option(j, c);
	return status < 0 ? take_words(j, argc, argv) : status;
}

/* --- the command ------------------------------------------------------------------------- */

static void tell_end(struct audit *a, const struct job *j, const char *program, int status)
{
	if (WIFSIGNALED(status)) {
		/* What the trace says of it adds nothing. */
		while (a->nfailures)
			free(a->failure[--a->nfailures].text);
		audit_fail(a, "crash", "%s was killed by signal %d (SIG%s%s)", program,
			   WTERMSIG(status), sigabbrev_np(WTERMSIG(status)),
			   WCOREDUMP(status) ? ", core dumped" : "");
	} else if (WEXITSTATUS(status) && !j->any_status && !a->nfailures) {
		audit_fail(a, "status", "%s ended with status %d (--any-status lets that pass)",
			   program, WEXITSTATUS(status));
	}
}

/* The verdict on stdout has it for itself when a program will read it. */
static pid_t start(const struct job *j, struct launch *l)
{
	int keep = -1;
	pid_t pid;

	fflush(stdout);
	if (j->json) {
		keep = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		dup2(STDERR_FILENO, STDOUT_FILENO);
	}
	pid = launch_start(l, j->word);
	if (keep >= 0) {
		dup2(keep, STDOUT_FILENO);
		close(keep);
	}
	return pid;
}

static int add_run(struct audit *a, const char *path)
{
	char error[400];
	int e = audit_add_run(a, path, error);

	return e ? complain(STATUS_TRACE, "%s", error) : -1;
}

static int record(struct audit *a, const struct job *j, struct launch *l)
{
	int status, result;
	char *path;
	pid_t pid = start(j, l);

	if (pid < 0)
		return complain(STATUS_USAGE, "%s: %s", l->program, strerror(-pid));
	status = launch_wait(pid);
	path = launch_trace_path(l, pid);
	if (!path)
		return complain(STATUS_TRACE, "no memory");
	recorded_await(path);
	if (access(path, R_OK) < 0) {
		tell_end(a, j, l->program, status);
		result = complain(STATUS_TRACE, "%s left no trace: nothing was recorded", l->program);
		if (a->nfailures)
			complain(0, "%s", a->failure[0].text);
	} else {
		result = add_run(a, path);
		tell_end(a, j, l->program, status);
	}
	free(path);
	return result;
}

static void remove_traces(const char *folder, const char *trace)
{
	char *others = NULL;

	recorded_forget_others(trace);
	unlink(trace);
	if (asprintf(&others, "%s.d", trace) >= 0)
		rmdir(others);
	free(others);
	rmdir(folder);
}

static int audit_command(struct audit *a, const struct job *j)
{
	struct launch l = { .output = j->output, .follow = true };
	const char *tmp = getenv("TMPDIR");
	char *folder = NULL, *trace = NULL, *what = NULL;
	int status, e;

	if (!j->output) {
		if (asprintf(&folder, "%s/ouro-audit-XXXXXX", tmp && *tmp ? tmp : "/tmp") < 0)
			return complain(STATUS_TRACE, "no memory");
		if (!mkdtemp(folder)) {
			status = complain(STATUS_TRACE, "%s: %s", folder, strerror(errno));
			free(folder);
			return status;
		}
		if (asprintf(&trace, "%s/trace", folder) < 0)
			trace = NULL;
		l.output = trace;
	}
	e = j->output || trace ? launch_prepare(&l, j->word[0], &what) : -ENOMEM;
	if (e)
		status = complain(STATUS_USAGE, "%s", what ? what : strerror(-e));
	else if (l.target != OURO_TARGET_OK)
		status = complain(STATUS_TRACE, "%s %s: it cannot be audited", l.program,
				  ouro_target_words(l.target));
	else {
		recorded_forget_others(l.pattern);
		status = record(a, j, &l);
	}
	if (folder && trace)
		remove_traces(folder, trace);
	free(what);
	free(folder);
	free(trace);
	launch_fini(&l);
	return status;
}

/* --- the verdict ---------------------------------------------------------------------------- */

static int read_inputs(struct audit *a, const struct job *j)
{
	char error[300];

	for (uint32_t i = 0; i < j->files; i++)
		if (suppressions_read(&a->suppressions, j->file[i], error))
			return complain(STATUS_USAGE, "%s", error);
	if (!j->baseline || (j->update && access(j->baseline, F_OK) < 0))
		return -1;
	if (baseline_read(&a->baseline, j->baseline, error))
		return complain(STATUS_USAGE, "%s%s", error, access(j->baseline, F_OK) ?
				"; --update writes it" : "");
	return -1;
}

static int update(struct audit *a, const struct job *j)
{
	const uint32_t *n = a->pairs.count;
	struct baseline next;
	int e;

	if (a->nfailures) {
		complain(0, "%s is left as it is", j->baseline);
		return complain(STATUS_FINDINGS, "%s: %s", a->failure[0].kind, a->failure[0].text);
	}
	e = baseline_update(&next, &a->baseline, &a->pairs);
	if (!e)
		e = baseline_write(&next, j->baseline);
	baseline_fini(&next);
	if (e)
		return complain(STATUS_USAGE, "%s: %s", j->baseline, strerror(-e));
	fprintf(stderr, "%s: %u added, %u changed, %u as before, %u removed\n", j->baseline,
		n[PAIR_NEW], n[PAIR_GROWN] + n[PAIR_SHRUNK], n[PAIR_SAME], n[PAIR_GONE]);
	return STATUS_DONE;
}

static int write_junit(const struct audit *a, const struct job *j, const struct audit_words *w)
{
	FILE *out = fopen(j->junit, "we");
	bool bad;

	if (!out)
		return complain(STATUS_USAGE, "%s: %s", j->junit, strerror(errno));
	audit_junit(out, a, w);
	bad = ferror(out);
	return fclose(out) || bad ? complain(STATUS_USAGE, "%s: %s", j->junit, strerror(errno)) : -1;
}

static int tell(const struct audit *a, const struct job *j)
{
	struct audit_words w = { .command = buf_text(&j->words), .baseline = j->baseline,
		.kept = !j->command || j->output };
	struct term t = view_term(stdout);
	int status = j->junit ? write_junit(a, j, &w) : -1;

	if (j->json)
		audit_json(stdout, a, &w);
	else
		audit_text(&t, a, &w);
	if (fflush(stdout) || ferror(stdout))
		return complain(STATUS_TRACE, "the output could not be written: %s", strerror(errno));
	if (status >= 0)
		return status;
	return audit_failed(a) ? STATUS_FINDINGS : STATUS_DONE;
}

static int run(struct audit *a, struct job *j)
{
	int status;

	a->o.project = j->project;
	status = read_inputs(a, j);
	if (status < 0 && j->command)
		status = audit_command(a, j);
	for (uint32_t i = 0; status < 0 && !j->command && j->word[i]; i++)
		status = add_run(a, j->word[i]);
	if (status >= 0)
		return status;
	if (audit_settle(a))
		return complain(STATUS_TRACE, "no memory");
	return j->update ? update(a, j) : tell(a, j);
}

int cmd_audit(int argc, char **argv)
{
	struct audit a;
	struct job j;
	int status = parse(&j, argc, argv);

	audit_init(&a, &j.o);
	if (status < 0)
		status = run(&a, &j);
	audit_fini(&a);
	free(j.project);
	mem_free(j.file);
	buf_fini(&j.words);
	return status;
}

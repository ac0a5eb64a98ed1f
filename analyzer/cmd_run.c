/*
 * cmd_run.c - ouro run: record a program, then say what was found
 *
 * While the program runs nothing is written to its output; the summary comes
 * after, on stderr, and the exit status (or the signal) is the program's own.
 */
#include "command.h"
#include "launch.h"
#include "witness.h"
#include "runtimes.h"
#include "recorded.h"
#include "summary.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] =
"usage: ouro run [OPTIONS] [--] COMMAND [ARGUMENT...]\n"
"\n"
"Records COMMAND and whatever it starts, then prints a summary on stderr.\n"
"\n"
"  -o, --output FILE      the trace; %p stands for the process id, %e for the program's\n"
"                         name (default ./ouro-%e-%p.trace; child processes: FILE.d/PID)\n"
"      --mode MODE        stream: lose nothing, the file grows (default)\n"
"                         ring: keep the newest events in a file of fixed size\n"
"      --ring-size SIZE   bytes of that file, K M G allowed (default 64M)\n"
"      --sample SIZE      record about one allocation in every SIZE bytes\n"
"      --snapshot WHEN    exit (default), never, SIGNAL (USR1, ...), every=SECONDS,\n"
"                         call=MODULE.FUNCTION, collection (before some that free much;\n"
"                         of itself, with `exit`, while a program is small); several\n"
"                         parted by `+`\n"
"      --runtime NAME     follow the objects of a runtime that a description tells of:\n"
"                         one that came with ouro (cairo, ...), a FILE, or all; repeated\n"
"      --no-follow        do not record programs that COMMAND executes\n"
"      --format FORMAT    text (default) or json, for the summary\n"
"  -q, --quiet            no summary\n"
"  -h, --help             this text\n";

enum { OPT_MODE = 256, OPT_RING, OPT_SAMPLE, OPT_SNAPSHOT, OPT_NO_FOLLOW, OPT_FORMAT, OPT_DEBUG, OPT_WATCH,
	OPT_RUNTIME };

static const struct option options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "mode", required_argument, NULL, OPT_MODE },
	{ "ring-size", required_argument, NULL, OPT_RING },
	{ "sample", required_argument, NULL, OPT_SAMPLE },
	{ "snapshot", required_argument, NULL, OPT_SNAPSHOT },
	{ "runtime", required_argument, NULL, OPT_RUNTIME },
	{ "no-follow", no_argument, NULL, OPT_NO_FOLLOW },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "debug", required_argument, NULL, OPT_DEBUG },
	{ "watch", required_argument, NULL, OPT_WATCH },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

struct run {
	struct launch launch;
	char ring[24], sample[24], snapshot[256];
	char *runtimes;
	bool quiet, json;
};

/* "64M" as decimal bytes; false when it is no size. */
static bool size_text(const char *given, char *to, size_t room)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(given, &end, 10);
	if (errno || end == given || *given == '-')
		return false;
	if (*end) {
		static const char units[] = "KMGT";
		const char *unit = strchr(units, *end & ~0x20);
		unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;

		if (!unit || v >> (63 - shift) || (end[1] && strcasecmp(end + 1, "B") &&
		    strcasecmp(end + 1, "iB")))
			return false;
		v <<= shift;
	}
	snprintf(to, room, "%llu", v);
	return true;
}

static int signal_number(const char *name)
{
	char *end;
	long n = strtol(name, &end, 10);

	if (end != name && !*end)
		return n > 0 && n < NSIG ? (int)n : 0;
	if (!strncasecmp(name, "SIG", 3))
		name += 3;
	for (int sig = 1; sig < NSIG; sig++) {
		const char *abbrev = sigabbrev_np(sig);

		if (abbrev && !strcasecmp(abbrev, name))
			return sig;
	}
	return 0;
}

/* The user's words into the library's; false names nothing it knows. */
static bool snapshot_text(const char *given, char *to, size_t room)
{
	char *copy = strdup(given), *rest = copy, *word;
	size_t n = 0;
	bool good = copy != NULL;

	to[0] = 0;
	while (good && (word = strsep(&rest, "+"))) {
		const char *comma = n ? "+" : "";
		int sig;

		if (!strcmp(word, "exit") || !strcmp(word, "never") || !strcmp(word, "collection"))
			n += (size_t)snprintf(to + n, room - n, "%s%s", comma, word);
		else if (!strncmp(word, "every=", 6) && strtod(word + 6, NULL) > 0)
			n += (size_t)snprintf(to + n, room - n, "%severy:%s", comma, word + 6);
		else if (!strncmp(word, "call=", 5) && strchr(word + 5, '.') && !strchr(word, ','))
			n += (size_t)snprintf(to + n, room - n, "%scall:%s", comma, word + 5);
		else if ((sig = signal_number(word)))
			n += (size_t)snprintf(to + n, room - n, "%ssignal:%d", comma, sig);
		else
			good = false;
		good = good && n < room;
	}
	free(copy);
	return good;
}

static int add_runtime(struct run *r, const char *given)
{
	char *what;
	int err = runtimes_add(&r->runtimes, given, &what);

	if (err)
		complain(0, "%s", what ? what : strerror(-err));
	free(what);
	r->launch.runtimes = r->runtimes;
	return err;
}

static int parse(struct run *r, int argc, char **argv)
{
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "+o:qh", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			r->launch.output = optarg;
			break;
		case OPT_MODE:
			if (strcmp(optarg, "stream") && strcmp(optarg, "ring"))
				return complain(STATUS_USAGE, "--mode is stream or ring, not %s", optarg);
			r->launch.mode = optarg;
			break;
		case OPT_RING:
			if (!size_text(optarg, r->ring, sizeof(r->ring)))
				return complain(STATUS_USAGE, "--ring-size %s is no size", optarg);
			r->launch.ring = r->ring;
			break;
		case OPT_SAMPLE:
			if (!size_text(optarg, r->sample, sizeof(r->sample)))
				return complain(STATUS_USAGE, "--sample %s is no size", optarg);
			r->launch.sample = r->sample;
			break;
		case OPT_SNAPSHOT:
			if (!snapshot_text(optarg, r->snapshot, sizeof(r->snapshot)))
				return complain(STATUS_USAGE, "--snapshot %s: exit, never, a signal, "
					"collection, every=SECONDS or call=MODULE.FUNCTION", optarg);
			r->launch.snapshot = r->snapshot;
			break;
		case OPT_RUNTIME:
			if (add_runtime(r, optarg))
				return STATUS_USAGE;
			break;
		case OPT_NO_FOLLOW:
			r->launch.follow = false;
			break;
		case OPT_FORMAT:
			if (strcmp(optarg, "text") && strcmp(optarg, "json"))
				return complain(STATUS_USAGE, "--format is text or json, not %s", optarg);
			r->json = !strcmp(optarg, "json");
			break;
		case OPT_DEBUG:
			r->launch.debug = optarg;
			break;
		case OPT_WATCH:			/* of `ouro watch`                    */
			r->launch.watch = optarg;
			break;
		case 'q':
			r->quiet = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return -1;
		default:
			fputs("`ouro run --help` lists the options\n", stderr);
			return STATUS_USAGE;
		}
	}
	if (optind == argc)
		return complain(STATUS_USAGE, "run: what command? `ouro run [OPTIONS] COMMAND...`");
	return 0;
}

/* --- after the program ---------------------------------------------------------------- */

/* A trace that is asked for by name replaces an earlier one, and what belongs to that. */
static void forget_earlier(const struct launch *l)
{
	if (l->output && !strstr(l->output, "%p"))
		recorded_forget_others(l->pattern);
}

static void note_end(const struct launch *l, const struct witness *before, pid_t pid, int status)
{
	char *path = launch_trace_path(l, pid);
	struct rusage used = { 0 };
	struct witness after;

	if (!path || !WIFSIGNALED(status)) {
		free(path);
		return;
	}
	getrusage(RUSAGE_CHILDREN, &used);
	witness_look(&after, "/proc", "/sys");
	witness_write(before, &after, path, pid, status, (uint64_t)used.ru_maxrss << 10);
	free(path);
}

/*
 * By a process of its own: where memory has just run out for the program, it may for us, and
 * then the program's status would be lost.
 */
static void summarise_apart(const char *path, bool json)
{
	FILE *score;
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		score = fopen("/proc/self/oom_score_adj", "we");
		if (score) {
			fputs("1000", score);
			fclose(score);
		}
		report_summary(stderr, path, json);
		fflush(NULL);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || WIFSIGNALED(status))
		complain(0, "there is not enough memory here to read the trace; where there is, "
			 "`ouro report %s` tells all", path);
}

static void summarise(const struct run *r, pid_t pid)
{
	char *path = launch_trace_path(&r->launch, pid);

	if (!path)
		return;
	recorded_await(path);
	if (r->quiet) {
		free(path);
		return;
	}
	if (access(path, R_OK) < 0)
		complain(0, "no trace at %s: the library was not loaded, or could not write there",
			path);
	else
		summarise_apart(path, r->json);
	free(path);
}

/* End as the program ended. */
static int leave(int status)
{
	if (WIFSIGNALED(status)) {
		struct rlimit none = { 0, 0 };

		fflush(NULL);
		setrlimit(RLIMIT_CORE, &none);	/* the program has left its core already */
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
		return 128 + WTERMSIG(status);
	}
	return WEXITSTATUS(status);
}

int cmd_run(int argc, char **argv)
{
	struct run r = { .launch = { .follow = true } };
	struct witness before;
	char *what = NULL;
	int status = parse(&r, argc, argv), err;
	pid_t pid;

	if (status) {
		free(r.runtimes);
		return status < 0 ? STATUS_DONE : status;
	}
	err = launch_prepare(&r.launch, argv[optind], &what);
	if (err) {
		complain(0, "%s", what ? what : strerror(-err));
		free(what);
		status = r.launch.program ? STATUS_USAGE : err == -EACCES ? 126 : 127;
		launch_fini(&r.launch);
		free(r.runtimes);
		return status;
	}
	if (r.launch.target != OURO_TARGET_OK)
		complain(0, "%s %s: it runs without being recorded", r.launch.program,
			ouro_target_words(r.launch.target));
	if (r.launch.target == OURO_TARGET_OK)
		forget_earlier(&r.launch);
	witness_look(&before, "/proc", "/sys");
	pid = launch_start(&r.launch, argv + optind);
	if (pid < 0) {
		complain(0, "%s: %s", r.launch.program, strerror(-pid));
		launch_fini(&r.launch);
		free(r.runtimes);
		return pid == -EACCES ? 126 : 127;
	}
	status = launch_wait(pid);
	if (r.launch.target == OURO_TARGET_OK)
		note_end(&r.launch, &before, pid, status);
	if (r.launch.target == OURO_TARGET_OK)
		summarise(&r, pid);
	launch_fini(&r.launch);
	free(r.runtimes);
	return leave(status);
}

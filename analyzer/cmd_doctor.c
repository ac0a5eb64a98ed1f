/*
 * cmd_doctor.c - ouro doctor: what will be recorded of a program, before it runs
 */
#include "buf.h"
#include "command.h"
#include "doctor.h"
#include "json.h"
#include "runtimes.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
"usage: ouro doctor [OPTIONS] [--] COMMAND [ARGUMENT...]\n"
"\n"
"Says what `ouro run COMMAND` would record, and what not, and why.  COMMAND is not started.\n"
"\n"
"  -o, --output FILE      where the trace would go, as for `ouro run`\n"
"      --runtime NAME     a description of a runtime, as for `ouro run`; repeated\n"
"      --format FORMAT    text (default) or json\n"
"  -h, --help             this text\n";

enum { OPT_FORMAT = 256, OPT_RUNTIME };

static const struct option options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "runtime", required_argument, NULL, OPT_RUNTIME },
	{ "format", required_argument, NULL, OPT_FORMAT },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static const char *const summary[] = {
	[VERDICT_INFO] = "nothing is known against it",
	[VERDICT_YES] = "will be recorded",
	[VERDICT_LIMITED] = "will be recorded, with limits",
	[VERDICT_NO] = "will not be recorded",
};

static void print_text(const struct doctor *d, char *const *argv)
{
	static const char mark[] = { [VERDICT_INFO] = ' ', [VERDICT_YES] = '+',
		[VERDICT_LIMITED] = '!', [VERDICT_NO] = 'x' };

	for (char *const *word = argv; *word; word++)
		printf("%s%s", word == argv ? "" : " ", *word);
	printf(": %s\n\n", summary[doctor_verdict(d)]);
	for (uint32_t i = 0; i < d->n; i++) {
		const struct check *c = &d->checks[i];
		bool again = i && !strcmp(c->what, d->checks[i - 1].what);

		printf("%c %-10s %s\n", mark[c->verdict], again ? "" : c->what, c->text);
		if (c->advice)
			printf("  %-10s -> %s\n", "", c->advice);
	}
}

static void print_json(const struct doctor *d, char *const *argv)
{
	static const char *const words[] = { [VERDICT_INFO] = "info", [VERDICT_YES] = "yes",
		[VERDICT_LIMITED] = "limited", [VERDICT_NO] = "no" };
	struct json j = { .out = stdout, .lines = true };

	json_open(&j, NULL, '{');
	json_text(&j, "ouro", OURO_VERSION);
	json_open(&j, "command", '[');
	for (char *const *word = argv; *word; word++)
		json_text(&j, NULL, *word);
	json_close(&j, ']');
	json_text(&j, "program", d->program);
	json_text(&j, "verdict", words[doctor_verdict(d)]);
	json_bool(&j, "recorded", doctor_verdict(d) != VERDICT_NO);
	if (*d->runtime) {
		json_open(&j, "runtime", '{');
		json_text(&j, "name", d->runtime);
		json_text(&j, "version", d->version);
		json_text(&j, "file", d->runtime_file);
		json_close(&j, '}');
	} else {
		json_null(&j, "runtime");
	}
	json_text(&j, "allocator", *d->allocator ? d->allocator : NULL);
	json_open(&j, "checks", '[');
	for (uint32_t i = 0; i < d->n; i++) {
		json_open(&j, NULL, '{');
		json_text(&j, "what", d->checks[i].what);
		json_text(&j, "verdict", words[d->checks[i].verdict]);
		json_text(&j, "text", d->checks[i].text);
		json_text(&j, "advice", d->checks[i].advice);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
	putchar('\n');
}

int cmd_doctor(int argc, char **argv)
{
	struct launch l = { .follow = true };
	struct doctor d = { 0 };
	char *runtimes = NULL, *what;
	bool json = false;
	int c, status;

	optind = 1;
	while ((c = getopt_long(argc, argv, "+o:h", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			l.output = optarg;
			break;
		case OPT_FORMAT:
			if (strcmp(optarg, "text") && strcmp(optarg, "json"))
				return complain(STATUS_USAGE, "--format is text or json, not %s", optarg);
			json = !strcmp(optarg, "json");
			break;
		case OPT_RUNTIME:
			if (runtimes_add(&runtimes, optarg, &what)) {
				complain(0, "%s", what ? what : "not enough memory");
				free(what);
				free(runtimes);
				return STATUS_USAGE;
			}
			l.runtimes = runtimes;
			break;
		case 'h':
			fputs(usage, stdout);
			return STATUS_DONE;
		default:
			fputs("`ouro doctor --help` lists the options\n", stderr);
			return STATUS_USAGE;
		}
	}
	if (optind == argc)
		return complain(STATUS_USAGE, "doctor: what command? `ouro doctor [OPTIONS] COMMAND...`");
	doctor_examine(&d, &l, argv + optind);
	status = l.program ? STATUS_DONE : STATUS_USAGE;
	if (json)
		print_json(&d, argv + optind);
	else
		print_text(&d, argv + optind);
	if (d.no_memory)
		complain(0, "there was not enough memory for all checks");
	doctor_fini(&d);
	launch_fini(&l);
	free(runtimes);
	return status;
}

#include "command.h"
#include "report_json.h"
#include "summary.h"
#include "view.h"

static const char help[] =
"usage: ouro report [OPTIONS] FILE\n"
"\n"
"What the recorded program keeps alive and why: dead cycles, objects with a\n"
"reference too many, live cycles, and what is alive by type and place.\n"
"\n"
"  --format text|json   json is a contract: docs/json.md        (text)\n"
"  --snapshot N         which snapshot                          (the last complete one)\n"
"  --core FILE          a core file of the process stands in for a snapshot\n"
"  --skip-seconds N     what the first N seconds made is no finding; growth is\n"
"                       looked for after them                   (a quarter of the run)\n"
"  --all                leave nothing out of lists\n"
"  --each               one finding for each cycle or object, alike or not\n"
VIEW_SYMBOLS_HELP;

static int answer(const struct view *v, struct report *r)
{
	struct term t = view_term(stdout);

	if (v->json)
		report_json(stdout, r, REPORT_ALL);
	else
		report_text(&t, r, &(struct text_options){ .all = v->all, .path = v->path });
	return STATUS_DONE;
}

int cmd_report(int argc, char **argv)
{
	return view_run(argc, argv, 0, help, answer);
}

int report_summary(FILE *out, const char *path, bool json)
{
	struct view v = { .path = path };
	struct report r;
	struct term t = view_term(out);
	int status = view_open(&v, &r);

	if (status >= 0)
		return status;
	if (json)
		report_json(out, &r, REPORT_ALL);
	else
		summary_text(&t, &r, &(struct text_options){ .path = path });
	report_close(&r);
	return STATUS_DONE;
}

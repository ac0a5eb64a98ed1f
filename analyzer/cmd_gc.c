#include "command.h"
#include "report_gc.h"
#include "view.h"

static const char help[] =
"usage: ouro gc [OPTIONS] FILE\n"
"\n"
"Every collection of the recorded program: how many of which generation and why,\n"
"how long they took, what they freed, who called them, what was garbage.\n"
"\n"
"  --format text|json|csv   json is a contract: docs/json.md; csv has one line\n"
"                           for each collection                 (text)\n"
"  --all                    leave nothing out of lists\n"
"  --what-if A,B,C|off      predict the run under these thresholds, or with the\n"
"                           collector off; may be given several times\n"
"  --freeze-at SECONDS      ... with gc.freeze() so far into the recording\n"
"  --memory PERCENT         recommend what needs so much more memory at most (10)\n"
"  --pause MILLISECONDS     ... and has no longer pause (the longest now)\n"
VIEW_SYMBOLS_HELP;

static int answer(const struct view *v, struct report *r)
{
	struct term t = view_term(stdout);

	if (v->json)
		return gc_json(stdout, r);
	if (v->csv)
		return gc_csv(stdout, r);
	return gc_text(&t, r, &(struct text_options){ .all = v->all, .path = v->path });
}

int cmd_gc(int argc, char **argv)
{
	return view_run(argc, argv, VIEW_CSV | VIEW_WHATIF, help, answer);
}

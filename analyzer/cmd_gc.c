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

int cmd_gc(int argc, char **argv)
{
	struct view v;
	struct report r;
	struct term t = view_term(stdout);
	int e, status = view_parse(&v, argc, argv, VIEW_CSV, help);

	v.whatif.wanted = true;
	if (status < 0)
		status = view_open(&v, &r);
	if (status >= 0)
		return status;
	if (v.json)
		e = gc_json(stdout, &r);
	else if (v.csv)
		e = gc_csv(stdout, &r);
	else
		e = gc_text(&t, &r, &(struct text_options){ .all = v.all, .path = v.path });
	status = view_close(&r);
	return e ? complain(STATUS_TRACE, "%s: there is not enough memory", v.path) : status;
}

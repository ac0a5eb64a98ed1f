#include "command.h"
#include "report_survival.h"
#include "view.h"

static const char help[] =
"usage: ouro survival [OPTIONS] FILE\n"
"\n"
"For each type and place: how many objects were made, how many of them died\n"
"before any collection, in which generation, by the collector, or live on.\n"
"Without a collector, generations are simulated: one collection every 700\n"
"births, each tenth of an older generation.\n"
"\n"
"  --format text|json   json is a contract: docs/json.md        (text)\n"
"  --all                leave nothing out of lists\n"
VIEW_SYMBOLS_HELP;

int cmd_survival(int argc, char **argv)
{
	struct view v;
	struct report r;
	struct term t = view_term(stdout);
	int e, status = view_parse(&v, argc, argv, 0, help);

	if (status < 0)
		status = view_open(&v, &r);
	if (status >= 0)
		return status;
	if (v.json)
		e = survival_json(stdout, &r);
	else
		e = survival_text(&t, &r, &(struct text_options){ .all = v.all, .path = v.path });
	status = view_close(&r);
	return e ? complain(STATUS_TRACE, "%s: there is not enough memory", v.path) : status;
}

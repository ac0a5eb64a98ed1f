#include "command.h"
#include "report_json.h"
#include "view.h"

static const char help[] =
"usage: ouro cycles [OPTIONS] FILE\n"
"\n"
"Objects that hold each other: dead cycles, which only a collector frees, and\n"
"live ones, which only a collector will free once they are let go.\n"
"\n"
"  --format text|json   json is a contract: docs/json.md        (text)\n"
"  --snapshot N         which snapshot                          (the last complete one)\n"
"  --core FILE          a core file of the process stands in for a snapshot\n"
"  --all                leave nothing out of lists\n"
"  --each               one finding for each cycle, and the ids of all its objects\n"
VIEW_SYMBOLS_HELP;

static int answer(const struct view *v, struct report *r)
{
	struct term t = view_term(stdout);

	if (v->json)
		report_json(stdout, r, REPORT_CYCLES);
	else
		cycles_text(&t, r, &(struct text_options){ .all = v->all, .path = v->path });
	return STATUS_DONE;
}

int cmd_cycles(int argc, char **argv)
{
	return view_run(argc, argv, 0, help, answer);
}

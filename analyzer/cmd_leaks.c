#include "command.h"
#include "report_json.h"
#include "view.h"

static const char help[] =
"usage: ouro leaks [OPTIONS] FILE\n"
"\n"
"Memory that nobody will ever free: blocks of malloc that nothing reaches, for\n"
"programs in C and C++; objects with a reference too many and cycles that no\n"
"collector frees, for those of a runtime.\n"
"\n"
"  --format text|json   json is a contract: docs/json.md        (text)\n"
"  --snapshot N         which snapshot                          (the last complete one)\n"
"  --core FILE          a core file of the process stands in for a snapshot\n"
"  --all                leave nothing out of lists\n"
"  --each               one finding for each block or object, alike or not\n"
VIEW_SYMBOLS_HELP;

static int answer(const struct view *v, struct report *r)
{
	struct term t = view_term(stdout);

	if (v->json)
		report_json(stdout, r, REPORT_LEAKS);
	else
		leaks_text(&t, r, &(struct text_options){ .all = v->all, .path = v->path });
	return STATUS_DONE;
}

int cmd_leaks(int argc, char **argv)
{
	return view_run(argc, argv, 0, help, answer);
}

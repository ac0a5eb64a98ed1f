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

static int answer(const struct view *v, struct report *r)
{
	struct term t = view_term(stdout);

	if (v->json)
		return survival_json(stdout, r);
	return survival_text(&t, r, &(struct text_options){ .all = v->all, .path = v->path });
}

int cmd_survival(int argc, char **argv)
{
	return view_run(argc, argv, VIEW_LIVES, help, answer);
}

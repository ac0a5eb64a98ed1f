#include "command.h"
#include "mem.h"
#include "report_history.h"
#include "view.h"

#include <errno.h>
#include <string.h>

static const char help[] =
"usage: ouro history [OPTIONS] FILE QUERY\n"
"\n"
"Who took references to an object and who gave them back, one after the other, for\n"
"objects whose references are recorded. A retain and the release that gives it back are\n"
"folded away: what is left is the suspect.  QUERY is one of\n"
"\n"
"  0x55e0...  an object      FILE:LINE  made there      TYPE      FUNCTION  made in it\n"
"\n"
"or begins with address:, place:, type:, function:.  Of several objects those are shown that\n"
"stay without reason, if there are such.\n"
"\n"
"  --all                the matched pairs too, and whole stacks\n"
"  --tree               all objects added up, by calls from the outside in\n"
"  --format text|json   json is a contract: docs/json.md        (text)\n"
VIEW_SYMBOLS_HELP
"  --snapshot N         objects that lived at this one          (the last complete one)\n"
"  --limit N            so many objects                         (3; --tree: 1000)\n";

/* Addresses of objects that findings tell of, in order; NULL: no memory. */
static uint64_t *staying(const struct report *r, uint32_t *ret_n)
{
	uint64_t *list = mem_array(r->blocks.counted, sizeof(*list));

	*ret_n = 0;
	for (uint32_t i = 0; list && i < r->blocks.n; i++) {
		uint64_t told = blocks_counted(&r->blocks, i)->told;

		if (told)
			list[(*ret_n)++] = told;
	}
	return list;
}

static int answer(const struct view *v, struct report *r)
{
	struct history_options o = { .query = v->query, .path = v->path, .all = v->all,
		.tree = v->tree };
	struct history_query q = { .text = v->query, .snapshot = r->snapshot,
		.limit = v->limit ? v->limit : v->tree ? 1000 : 3 };
	uint64_t *stays = staying(r, &q.nstays);
	struct term t = view_term(stdout);
	struct history h;
	int e;

	q.stays = stays;
	q.all = v->all;
	e = stays ? history_init(&h, &r->trace, &r->defs, r->symbols, &q) : -ENOMEM;
	mem_free(stays);
	if (e)
		return e;
	if (!h.n)
		e = complain(STATUS_USAGE, r->replay.total.increfs + r->replay.total.decrefs ?
			"%s: no object with recorded references has the address, place, type or "
			"function `%s`" : "%s: no references are recorded in it, so `%s` has no "
			"history", v->path, v->query);
	else if (v->json)
		history_json(stdout, r, &h, &o);
	else
		history_text(&t, r, &h, &o);
	history_fini(&h);
	return e;
}

int cmd_history(int argc, char **argv)
{
	return view_run(argc, argv, VIEW_QUERY | VIEW_TREE, help, answer);
}

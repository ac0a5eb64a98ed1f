#include "command.h"
#include "report_json.h"
#include "view.h"

#include <string.h>

static const char help[] =
"usage: ouro holders [OPTIONS] FILE QUERY\n"
"\n"
"Who holds an object, how its count is made up, and how the program reaches it.\n"
"QUERY is the first of these that matches, or the one its prefix says:\n"
"\n"
"  address:0x7f3a...     place:FILE:LINE      global:NAME or MODULE.NAME\n"
"  var:NAME              name:CLASS           type:NAME      function:NAME\n"
"\n"
"  --format text|json   json is a contract: docs/json.md        (text)\n"
"  --snapshot N         which snapshot                          (the last complete one)\n"
"  --core FILE          a core file of the process stands in for a snapshot\n"
"  --limit N            so many objects in full                 (3)\n"
"  --paths N            so many ways from the roots             (3)\n"
VIEW_SYMBOLS_HELP;

static int answer(const struct view *v, struct report *r)
{
	struct term t = view_term(stdout);
	struct holders s;
	int e;

	if (!r->graph)
		return complain(STATUS_TRACE, "%s: no snapshot is complete, so holders are not known",
				v->path);
	e = holders_init(&s, &r->heap, v->query);
	if (e)
		return complain(STATUS_TRACE, "%s: %s", v->path, strerror(-e));
	if (!s.n)
		e = 1;
	else if (v->json)
		e = holders_json(stdout, r, &s, v->query, v->limit, v->paths);
	else
		e = holders_text(&t, r, &s, v->query, v->limit, v->paths);
	holders_fini(&s);
	if (e > 0)
		return complain(STATUS_USAGE, "%s: the snapshot has no object by an address, place, "
				"variable, name, type or function `%s`", v->path, v->query);
	return e ? complain(STATUS_TRACE, "%s: %s", v->path, strerror(-e)) : STATUS_DONE;
}

int cmd_holders(int argc, char **argv)
{
	struct view v;
	struct report r;
	int status = view_parse(&v, argc, argv, VIEW_QUERY, help);

	if (status < 0)
		status = view_open(&v, &r);
	if (status >= 0)
		return status;
	status = answer(&v, &r);
	if (status) {
		report_close(&r);
		return status;
	}
	return view_close(&r);
}

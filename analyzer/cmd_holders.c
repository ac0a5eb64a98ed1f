#include "command.h"
#include "report_holders.h"
#include "report_json.h"
#include "view.h"


static const char help[] =
"usage: ouro holders [OPTIONS] FILE QUERY\n"
"\n"
"Who holds an object, how its count is made up, and how the program reaches it;\n"
"or a block of malloc: which globals, stacks, blocks have its address.\n"
"QUERY is the first of these that matches, or the one its prefix says:\n"
"\n"
"  address:0x7f3a...     place:FILE:LINE      global:NAME or MODULE.NAME\n"
"  var:NAME              name:CLASS           type:NAME      function:NAME\n"
"\n"
"Blocks are found by address:, place:, function: or type:, when no object is; types are\n"
"known from globals on, by debug information.\n"
"\n"
"  --format text|json   json is a contract: docs/json.md        (text)\n"
"  --snapshot N         which snapshot                          (the last complete one)\n"
"  --core FILE          a core file of the process stands in for a snapshot\n"
"  --limit N            so many objects in full                 (3)\n"
"  --paths N            so many ways from the roots             (3)\n"
VIEW_SYMBOLS_HELP;

static int nothing(const struct view *v)
{
	return complain(STATUS_USAGE, "%s: the snapshot has no object or block by an address, place, "
			"variable, name, type or function `%s`", v->path, v->query);
}

/* 1: nothing matches. */
static int answer_objects(const struct view *v, struct report *r)
{
	struct term t = view_term(stdout);
	struct holders s;
	int e = holders_init(&s, &r->heap, v->query);

	if (e)
		return e;
	if (!s.n)
		e = 1;
	else if (v->json)
		e = holders_json(stdout, r, &s, v->query, v->limit, v->paths);
	else
		e = holders_text(&t, r, &s, v->query, v->limit, v->paths);
	holders_fini(&s);
	return e;
}

static int answer_blocks(const struct view *v, struct report *r)
{
	struct term t = view_term(stdout);
	struct block_holders s;
	int e = block_holders_init(&s, r, v->query, v->limit);

	if (e)
		return e;
	if (!s.n)
		e = 1;
	else if (v->json)
		e = block_holders_json(stdout, &s, v->query, v->limit, v->paths);
	else
		e = block_holders_text(&t, &s, v->query, v->limit, v->paths);
	block_holders_fini(&s);
	return e;
}

static int answer(const struct view *v, struct report *r)
{
	int e = 1;

	if (!r->graph && !r->scanned)
		return complain(STATUS_TRACE, "%s: no snapshot is complete, so holders are not known",
				v->path);
	if (r->graph)
		e = answer_objects(v, r);
	if (e > 0 && r->scanned)
		e = answer_blocks(v, r);
	if (e > 0)
		return nothing(v);
	return e;
}

int cmd_holders(int argc, char **argv)
{
	return view_run(argc, argv, VIEW_QUERY, help, answer);
}

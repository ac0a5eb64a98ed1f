/*
 * cmd_pack.c - ouro pack, ouro unpack
 */
#include "buf.h"
#include "command.h"
#include "mem.h"
#include "pack_write.h"
#include "view.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char pack_help[] =
"usage: ouro pack [OPTIONS] FILE\n"
"\n"
"Writes the trace anew, compressed, as FILE.packed.  Every command reads that\n"
"as it reads FILE, and unpacks only what it looks at.  A program that still\n"
"runs is no hindrance: what its trace has now is packed.\n"
"\n"
"  -o, --output OUT     where to                                (FILE.packed)\n"
"  --level N            of compression, 1 to 19                 (6)\n"
"  --symbols            pack the names of its code, too: the trace can then be\n"
"                       read anywhere as it can be read here\n"
"  --sysroot DIR        where the files of the recorded machine are\n"
"  --debuginfod         ask the servers of DEBUGINFOD_URLS for symbols\n";

static const char unpack_help[] =
"usage: ouro unpack [-o OUT] FILE.packed\n"
"\n"
"Writes the trace as it was before it was packed, byte by byte.\n"
"\n"
"  -o, --output OUT     where to                                (FILE)\n";

struct pack_words {
	const char *path, *output;
	int level;
	bool symbols;
	struct symbols_options how;
};

enum { WORD_LEVEL = 256, WORD_SYMBOLS };

static int one_word(struct pack_words *w, int word)
{
	switch (word) {
	case 'o':
		w->output = optarg;
		return -1;
	case WORD_LEVEL:
		w->level = atoi(optarg);
		return w->level >= 1 && w->level <= 19 ? -1 : complain(STATUS_USAGE,
			"--level %s: a number from 1 to 19 is needed", optarg);
	case WORD_SYMBOLS:
		w->symbols = true;
		return -1;
	case VIEW_SYSROOT:
	case VIEW_DEBUGINFOD:
		return view_symbols(&w->how, word);
	}
	return STATUS_USAGE;		/* getopt has said what is wrong */
}

static int parse(struct pack_words *w, int argc, char **argv, const struct option *option,
	const char *help)
{
	int c, status = -1;

	*w = (struct pack_words){ 0 };
	optind = 0;
	while (status < 0 && (c = getopt_long(argc, argv, "ho:", option, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return STATUS_DONE;
		}
		status = one_word(w, c);
	}
	if (status < 0 && argc - optind != 1)
		status = complain(STATUS_USAGE, "%s takes one trace; see `ouro %s --help`",
			argv[0], argv[0]);
	if (status < 0)
		w->path = argv[optind];
	return status;
}

static bool is_same_file(const char *a, const char *b)
{
	struct stat x, y;

	return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void say_result(const struct trace *t, const char *path, uint64_t size)
{
	struct buf b = { 0 };

	buf_printf(&b, "%s: ", path);
	buf_bytes(&b, size);
	if (size < t->size)
		buf_printf(&b, ", %.1f times smaller than the trace", (double)t->size / (double)size);
	if (t->running)
		buf_puts(&b, t->packed ? "; the program still ran when it was packed first"
			: "; the program still runs: this is what the trace had when it was read");
	else if (t->snapping)
		buf_puts(&b, "; a snapshot was still being written, and is not complete in it");
	else if (t->killed)
		buf_puts(&b, "; the program was killed: this is all that it recorded");
	puts(buf_text(&b));
	buf_fini(&b);
}

/* All names that are known here. */
static int add_names(struct trace *t, const struct pack_words *w, struct buf *names)
{
	struct symbols *s = NULL;
	struct defs d;
	int r = defs_load(&d, t);

	if (r)
		return r;
	s = symbols_new(&d, &w->how);
	r = s ? symbols_pack(s, names) : -ENOMEM;
	symbols_free(s);
	defs_free(&d);
	return r;
}

static int pack(const struct pack_words *w, const char *output)
{
	struct pack_options o = { .level = w->level };
	struct buf names = { 0 };
	struct trace t;
	uint64_t size;
	char error[200];
	int r;

	if (is_same_file(w->path, output))
		return complain(STATUS_USAGE, "%s: is the trace itself; -o names another file",
			output);
	if (trace_open(&t, w->path, error))
		return complain(STATUS_TRACE, "%s: %s", w->path, error);
	r = w->symbols ? add_names(&t, w, &names) : 0;
	if (r)
		snprintf(error, sizeof(error), "%s", strerror(-r));
	o.names = names.s;
	o.names_size = names.n;
	if (!r)
		r = pack_write(&t, output, &o, &size, error);
	if (!r)
		say_result(&t, output, size);
	trace_close(&t);
	buf_fini(&names);
	return r ? complain(STATUS_TRACE, "%s: %s", output, error) : STATUS_DONE;
}

int cmd_pack(int argc, char **argv)
{
	static const struct option option[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "level", required_argument, NULL, WORD_LEVEL },
		{ "symbols", no_argument, NULL, WORD_SYMBOLS },
		{ "sysroot", required_argument, NULL, VIEW_SYSROOT },
		{ "debuginfod", no_argument, NULL, VIEW_DEBUGINFOD },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct pack_words w;
	struct buf name = { 0 };
	int status = parse(&w, argc, argv, option, pack_help);

	if (status >= 0)
		return status;
	buf_printf(&name, "%s.packed", w.path);
	status = pack(&w, w.output ? w.output : buf_text(&name));
	buf_fini(&name);
	return status;
}

/* --- and back ---------------------------------------------------------------------- */

static int unpack(const struct pack_words *w, const char *output)
{
	struct trace t;
	char error[200];
	int status = STATUS_DONE;

	if (is_same_file(w->path, output))
		return complain(STATUS_USAGE, "%s: is the packed trace itself; -o names another file",
			output);
	if (trace_open(&t, w->path, error))
		return complain(STATUS_TRACE, "%s: %s", w->path, error);
	if (!t.packed)
		status = complain(STATUS_USAGE, "%s: is not packed", w->path);
	else if (pack_restore(&t, output, error))
		status = complain(STATUS_TRACE, "%s: %s", output, error);
	trace_close(&t);
	return status;
}

int cmd_unpack(int argc, char **argv)
{
	static const char ending[] = ".packed";
	static const struct option option[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct pack_words w;
	int status = parse(&w, argc, argv, option, unpack_help);
	size_t n;
	char *name;

	if (status >= 0)
		return status;
	if (w.output)
		return unpack(&w, w.output);
	n = strlen(w.path);
	if (n < sizeof(ending) || strcmp(w.path + n - (sizeof(ending) - 1), ending))
		return complain(STATUS_USAGE, "%s: does not end in .packed, so -o OUT is needed",
			w.path);
	name = strndup(w.path, n - (sizeof(ending) - 1));
	status = name ? unpack(&w, name) : complain(STATUS_TRACE, "out of memory");
	free(name);
	return status;
}

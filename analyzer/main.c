/*
 * main.c - finds the command's entry
 */
#include "command.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct command {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "run", cmd_run, "record a program, then print what was found" },
	{ "watch", cmd_watch, "record, with every change of some objects' reference counts" },
	{ "doctor", cmd_doctor, "what would be recorded of a program, and what not" },
	{ "dump", cmd_dump, "print a trace as it stands, for people who debug ouro" },
	{ "report", cmd_report, "what the program keeps alive, and why" },
	{ "cycles", cmd_cycles, "objects that hold each other, dead and alive" },
	{ "leaks", cmd_leaks, "memory that nobody will ever free" },
	{ "holders", cmd_holders, "who holds an object, and whether that is all" },
	{ "history", cmd_history, "who took references to an object, and who gave them back" },
	{ "gc", cmd_gc, "what the collector did, what it cost, and who called it" },
	{ "survival", cmd_survival, "how long objects live, by type and place" },
	{ "diff", cmd_diff, "what is new, gone or grown between two traces" },
	{ "sites", cmd_sites, "who made how much, what of it is left, how long it lived" },
	{ "tree", cmd_tree, "the same as a tree of stacks" },
	{ "timeline", cmd_timeline, "memory over time, and what it was at its highest" },
	{ "export", cmd_export, "the trace for pprof, speedscope, Graphviz, SQLite, ..." },
	{ "audit", cmd_audit, "the gate before a release: fails on what is new or has grown" },
	{ "pack", cmd_pack, "make a trace smaller; every command reads it as it is" },
	{ "unpack", cmd_unpack, "the trace as it was before it was packed" },
	{ NULL, NULL, NULL },
};

int complain(int status, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fputs("ouro: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

static void help(FILE *out)
{
	fputs("usage: ouro COMMAND [OPTIONS] ...\n\n", out);
	for (size_t i = 0; commands[i].name; i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
	fputs("\n`ouro COMMAND --help` lists the options; `man ouro` has the rest.\n", out);
}

int main(int argc, char **argv)
{
	/*
	 * Arrays of megabytes grow by moving their pages, not their bytes, and go back to the
	 * system when they are freed: glibc would stop that after the first of them.
	 */
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	if (argc < 2) {
		help(stderr);
		return STATUS_USAGE;
	}
	for (size_t i = 0; commands[i].name; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].main(argc - 1, argv + 1);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		help(stdout);
		return STATUS_DONE;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("ouro " OURO_VERSION);
		return STATUS_DONE;
	}
	return complain(STATUS_USAGE, "%s is no command; `ouro help` lists them", argv[1]);
}

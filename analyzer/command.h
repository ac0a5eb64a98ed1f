/*
 * command.h - the words after `ouro`
 *
 * Each cmd_*.c has one entry here; it parses its own arguments, speaks to
 * the user, and returns the exit status below.
 */
#ifndef COMMAND_H
#define COMMAND_H

enum status {
	STATUS_DONE     = 0,
	STATUS_FINDINGS = 1,	/* audit: findings above the threshold */
	STATUS_USAGE    = 2,
	STATUS_TRACE    = 3,	/* a trace that cannot be read         */
};

int cmd_dump(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_cycles(int argc, char **argv);
int cmd_leaks(int argc, char **argv);
int cmd_holders(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_history(int argc, char **argv);
int cmd_gc(int argc, char **argv);
int cmd_survival(int argc, char **argv);
int cmd_sites(int argc, char **argv);
int cmd_tree(int argc, char **argv);
int cmd_timeline(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_watch(int argc, char **argv);
int cmd_pack(int argc, char **argv);
int cmd_unpack(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_audit(int argc, char **argv);

/* "ouro: " and a line on stderr; returns status. */
int complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif

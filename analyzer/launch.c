/*
 * launch.c - see launch.h
 */
#include "launch.h"

#include <errno.h>
#include <limits.h>
#include <ouro/options.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

static char *words(const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	return text;
}

/* --- where things are ---------------------------------------------------------------- */

/* Beside the command as in the build folder, or where `make install` puts it. */
char *launch_find(const char *name)
{
	static const char *const places[] = { "", "../lib/", "../lib/ouro/" };
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		return NULL;
	self[n] = 0;
	*(strrchr(self, '/') + 1) = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char *path = words("%s%s%s", self, places[i], name);
		char *real = path ? realpath(path, NULL) : NULL;

		free(path);
		if (real)
			return real;
	}
	return NULL;
}

/* As execvp finds it; *ret_found: a file of that name that may not be run. */
static char *find_program(const char *command, bool *ret_found)
{
	const char *path = getenv("PATH");
	char *list, *rest, *dir;

	*ret_found = false;
	if (strchr(command, '/')) {
		*ret_found = access(command, F_OK) == 0;
		return access(command, X_OK) == 0 ? strdup(command) : NULL;
	}
	rest = list = strdup(path ? path : "/bin:/usr/bin");
	while (rest && (dir = strsep(&rest, ":"))) {
		char *file = words("%s/%s", *dir ? dir : ".", command);
		struct stat st;

		if (file && stat(file, &st) == 0 && S_ISREG(st.st_mode)) {
			*ret_found = true;
			if (access(file, X_OK) == 0) {
				free(list);
				return file;
			}
		}
		free(file);
	}
	free(list);
	return NULL;
}

static char *absolute(const char *path)
{
	char *cwd, *result;

	if (*path == '/')
		return strdup(path);
	cwd = getcwd(NULL, 0);
	result = cwd ? words("%s/%s", cwd, path) : NULL;
	free(cwd);
	return result;
}

/* The folder must take a new file: said now, not by a program that ran for nothing. */
static int check_folder(const char *pattern, char **ret_what)
{
	char *folder = strdup(pattern);
	struct stat st;
	int err = 0;

	if (!folder)
		return -ENOMEM;
	*strrchr(folder, '/') = 0;
	if (stat(*folder ? folder : "/", &st) < 0)
		err = -errno;
	else if (!S_ISDIR(st.st_mode))
		err = -ENOTDIR;
	else if (access(*folder ? folder : "/", W_OK | X_OK) < 0)
		err = -errno;
	if (err)
		*ret_what = words("cannot write a trace in %s: %s", *folder ? folder : "/",
			strerror(-err));
	free(folder);
	return err;
}

int launch_prepare(struct launch *l, const char *command, char **ret_what)
{
	bool found;

	*ret_what = NULL;
	l->program = find_program(command, &found);
	if (!l->program) {
		*ret_what = words("%s: %s", command,
			found ? "may not be executed" : "no such command");
		return found ? -EACCES : -ENOENT;
	}
	l->target = ouro_target_check(AT_FDCWD, l->program);
	l->library = launch_find(OURO_LIBRARY_NAME);
	if (!l->library) {
		*ret_what = words("%s is neither beside the command nor where it is installed",
			OURO_LIBRARY_NAME);
		return -ELIBACC;
	}
	if (strpbrk(l->library, " :")) {
		*ret_what = words("the loader cannot preload %s: its path has a blank or colon",
			l->library);
		return -EINVAL;
	}
	l->pattern = absolute(l->output ? l->output : "ouro-%e-%p.trace");
	return l->pattern ? check_folder(l->pattern, ret_what) : -ENOMEM;
}

void launch_fini(struct launch *l)
{
	free(l->library);
	free(l->program);
	free(l->pattern);
	l->library = l->program = l->pattern = NULL;
}

char *launch_trace_path(const struct launch *l, pid_t pid)
{
	const char *name = strrchr(l->program, '/');
	char *path = NULL;
	size_t size;
	FILE *out = open_memstream(&path, &size);

	if (!out)
		return NULL;
	for (const char *p = l->pattern; *p; p++) {
		if (p[0] == '%' && p[1] == 'p')
			fprintf(out, "%d", (int)pid), p++;
		else if (p[0] == '%' && p[1] == 'e')
			fputs(name ? name + 1 : l->program, out), p++;
		else
			fputc(*p, out);
	}
	return fclose(out) ? NULL : path;
}

/* --- start --------------------------------------------------------------------------- */

static void option(FILE *out, const char *key, const char *value)
{
	if (value)
		fprintf(out, "%s=%s,", key, value);
}

static char *options_text(const struct launch *l)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	char *name;

	if (!out)
		return NULL;
	option(out, "mode", l->mode);
	option(out, "ring", l->ring);
	option(out, "sample", l->sample);
	option(out, "snapshot", l->snapshot);
	option(out, "runtimes", l->runtimes);
	option(out, "watch", l->watch);
	option(out, "debug", l->debug);
	option(out, "follow", l->follow ? "1" : "0");
	option(out, "preload", getenv("LD_PRELOAD") ? "1" : "0");
	/* By default one name, and the other processes' in a folder beside it. */
	name = l->output ? NULL : launch_trace_path(l, getpid());
	fprintf(out, "file=%s", name ? name : l->pattern);
	free(name);
	return fclose(out) ? NULL : text;
}

static int put_environment(const struct launch *l)
{
	const char *before = getenv("LD_PRELOAD");
	char *preload = words("%s%s%s", l->library, before && *before ? ":" : "",
		before ? before : "");
	char *options = options_text(l);
	int err = preload && options && setenv("LD_PRELOAD", preload, 1) == 0 &&
		setenv(OURO_OPTIONS_VARIABLE, options, 1) == 0 ? 0 : -ENOMEM;

	free(preload);
	free(options);
	return err;
}

pid_t launch_start(const struct launch *l, char *const argv[])
{
	int report[2], err = 0;
	pid_t pid;

	if (pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		err = -errno;
		close(report[0]);
		close(report[1]);
		return err;
	}
	if (pid == 0) {
		if (l->target == OURO_TARGET_OK)
			err = put_environment(l);
		if (!err) {
			execve(l->program, argv, environ);
			err = -errno;
			if (err == -ENOEXEC) {	/* a script without `#!`, as execvp does it */
				size_t n = 0;
				char **shell;

				while (argv[n])
					n++;
				shell = calloc(n + 2, sizeof(*shell));
				if (shell) {
					shell[0] = (char *)"/bin/sh";
					shell[1] = l->program;
					memcpy(shell + 2, argv + 1, n * sizeof(*shell));
					execve(shell[0], shell, environ);
				}
			}
		}
		if (write(report[1], &err, sizeof(err)) < 0)
			_exit(126);
		_exit(127);
	}
	close(report[1]);
	if (read(report[0], &err, sizeof(err)) == sizeof(err)) {
		waitpid(pid, NULL, 0);
		pid = err;
	}
	close(report[0]);
	return pid;
}

/* --- wait ---------------------------------------------------------------------------- */

static volatile sig_atomic_t passed_to;

static void pass_on(int sig)
{
	if (passed_to > 0)
		kill((pid_t)passed_to, sig);
}

int launch_wait(pid_t pid)
{
	/* A terminal sends these two to the program itself; the others come to us alone. */
	static const int both[] = { SIGINT, SIGQUIT };
	static const int ours[] = { SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction pass = { .sa_handler = pass_on, .sa_flags = SA_RESTART };
	int status;

	passed_to = pid;
	for (size_t i = 0; i < sizeof(both) / sizeof(*both); i++)
		sigaction(both[i], &ignore, NULL);
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		sigaction(ours[i], &pass, NULL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 0;
	passed_to = 0;
	for (size_t i = 0; i < sizeof(both) / sizeof(*both); i++)
		signal(both[i], SIG_DFL);
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		signal(ours[i], SIG_DFL);
	return status;
}

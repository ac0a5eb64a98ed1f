/*
 * doctor_system.c - the machine: where the trace goes, the kernel, the limits
 */
#include "doctor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#define ROOM_LITTLE (256ull << 20)	/* a trace grows by 10 to 100 MB a minute */
#define MEMORY_LITTLE (256ull << 20)

/* --- the trace ------------------------------------------------------------------------ */

/* A file without a name in that folder; -1 and errno. */
static int nameless(const char *folder)
{
	char name[4096];
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	if (snprintf(name, sizeof(name), "%s/.ouro-doctor-XXXXXX", folder) >= (int)sizeof(name))
		return -1;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	return fd;
}

static void examine_file(struct doctor *d, const char *folder)
{
	const size_t n = 65536;
	int fd = nameless(folder);
	void *p;

	if (fd < 0) {
		doctor_say(d, "trace", VERDICT_NO, "name another place with -o",
			"no file can be made in %s: %s", folder, strerror(errno));
		return;
	}
	if (fallocate(fd, 0, 0, (off_t)n) < 0) {
		if (errno == ENOSPC || errno == EDQUOT)
			doctor_say(d, "trace", VERDICT_NO, "name another place with -o",
				"%s has no room: %s", folder, strerror(errno));
		else
			doctor_say(d, "trace", VERDICT_INFO, NULL, "the file system of %s does not "
				"reserve space: it is written with zeros first", folder);
		if (ftruncate(fd, (off_t)n) < 0) {
			close(fd);
			return;
		}
	}
	p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		doctor_say(d, "trace", VERDICT_NO, "name another place with -o",
			"the file system of %s does not map files to be written: %s", folder,
			strerror(errno));
	else
		munmap(p, n);
	close(fd);
}

static void examine_trace(struct doctor *d, const char *pattern)
{
	char *folder = strdup(pattern);
	struct statvfs v;
	struct rlimit limit;

	if (!folder) {
		d->no_memory = true;
		return;
	}
	*strrchr(folder, '/') = 0;
	if (statvfs(*folder ? folder : "/", &v) == 0 && access(*folder ? folder : "/", W_OK) == 0) {
		unsigned long long left = (unsigned long long)v.f_bavail * v.f_frsize;

		examine_file(d, *folder ? folder : "/");
		doctor_say(d, "trace", left < ROOM_LITTLE ? VERDICT_LIMITED : VERDICT_YES,
			left < ROOM_LITTLE ? "name another place with -o" : NULL,
			"%s has %llu MiB left%s", *folder ? folder : "/", left >> 20,
			left < ROOM_LITTLE ? ": when that is used up, recording ends" : "");
	}
	free(folder);
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		doctor_say(d, "limits", VERDICT_LIMITED, "ulimit -f unlimited",
			"files may have %llu KiB (ulimit -f): recording ends there, the program "
			"does not", (unsigned long long)limit.rlim_cur >> 10);
}

/* --- the kernel ----------------------------------------------------------------------- */

/* May memory that was written become code?  Policies against it are inherited. */
static void examine_code(struct doctor *d)
{
	size_t n = 4096;
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return;
	if (mprotect(p, n, PROT_READ | PROT_EXEC) < 0)
		doctor_say(d, "kernel", VERDICT_LIMITED, "run it where code may be changed",
			"the system does not let written memory become code (%s): functions are not "
			"entered by detour, so no births and deaths of objects, and no "
			"allocator but a shared one", strerror(errno));
	munmap(p, n);
}

static void examine_wipe(struct doctor *d)
{
	size_t n = 4096;
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return;
	if (madvise(p, n, MADV_WIPEONFORK) < 0)
		doctor_say(d, "kernel", VERDICT_NO, "Linux 4.14 or later is needed",
			"the kernel does not wipe memory at fork (%s): a forked child could not be "
			"told from its parent", strerror(errno));
	munmap(p, n);
}

static bool read_line(const char *path, const char *prefix, char *to, size_t room)
{
	FILE *in = fopen(path, "re");
	bool found = false;

	if (!in)
		return false;
	while (!found && fgets(to, (int)room, in))
		found = !strncmp(to, prefix, strlen(prefix));
	fclose(in);
	to[strcspn(to, "\n")] = 0;
	return found;
}

static void examine_kernel(struct doctor *d)
{
	char line[128];
	int tsc = 0;

	examine_wipe(d);
	examine_code(d);
	if (access("/proc/self/maps", R_OK) < 0)
		doctor_say(d, "kernel", VERDICT_LIMITED, "mount /proc",
			"/proc is not there: functions are not entered by detour, and the program "
			"is not known by its name");
	if (prctl(PR_GET_TSC, &tsc) == 0 && tsc == PR_TSC_SIGSEGV)
		doctor_say(d, "clock", VERDICT_NO, NULL, "the processor's counter may not be read here");
	else if (!read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource", "",
			line, sizeof(line)))
		doctor_say(d, "clock", VERDICT_INFO, NULL, "/sys does not tell the kernel's clock: "
			"the kernel is asked for the time of each event, which costs 20 ns more");
	else if (strncmp(line, "tsc", 3))
		doctor_say(d, "clock", VERDICT_INFO, NULL, "the kernel does not trust the processor's "
			"counter (its clock is %s): asking it for the time of each event costs 20 ns "
			"and more", line);
	else
		doctor_say(d, "clock", VERDICT_YES, NULL, "the processor's counter, as the kernel "
			"trusts it");
	if (read_line("/proc/self/status", "Seccomp:", line, sizeof(line)) && strchr(line, '2'))
		doctor_say(d, "kernel", VERDICT_INFO, NULL, "a seccomp filter is in force here (a "
			"container's): ouro needs openat, fallocate, mmap, munmap, madvise and, for "
			"snapshots, clone");
}

/* --- limits --------------------------------------------------------------------------- */

static void examine_limit(struct doctor *d, int which, const char *name, const char *advice)
{
	struct rlimit limit;
	bool little;

	if (getrlimit(which, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return;
	little = limit.rlim_cur < MEMORY_LITTLE;
	doctor_say(d, "limits", little ? VERDICT_LIMITED : VERDICT_INFO,
		little ? advice : NULL, "the program may have %llu MiB (ulimit %s), of which "
		"ouro takes 3 MiB and 1.2 for each thread", (unsigned long long)limit.rlim_cur >> 20, name);
}

static void examine_overcommit(struct doctor *d)
{
	char line[32];

	if (read_line("/proc/sys/vm/overcommit_memory", "", line, sizeof(line)) && line[0] == '2')
		doctor_say(d, "snapshot", VERDICT_LIMITED, "sysctl vm.overcommit_memory=0",
			"memory is not overcommitted here: the fork for a snapshot fails when the "
			"program uses half of it");
}

void doctor_system(struct doctor *d, const struct launch *l)
{
	if (l->pattern)
		examine_trace(d, l->pattern);
	examine_kernel(d);
	examine_limit(d, RLIMIT_AS, "-v", "ulimit -v unlimited");
	examine_limit(d, RLIMIT_DATA, "-d", "ulimit -d unlimited");
	examine_overcommit(d);
}

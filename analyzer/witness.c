#include "witness.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_BYTES 4096

/* The number behind `key` and a blank, in any line; or in the first line, without a key. */
static bool number_in(const char *folder, const char *name, const char *key, uint64_t *ret)
{
	char path[PATH_BYTES], line[256];
	size_t length = strlen(key);
	bool found = false;
	FILE *in;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	in = fopen(path, "re");
	while (in && !found && fgets(line, sizeof(line), in))
		found = !strncmp(line, key, length) && (!length || line[length] == ' ') &&
			sscanf(line + length, "%" SCNu64, ret) == 1;
	if (in)
		fclose(in);
	return found;
}

static void lower(struct witness *w, uint64_t limit, enum ouro_limit kind)
{
	/* "no limit" is a number near the highest in version 1 */
	if (!limit || limit >= UINT64_C(1) << 60 || (w->limit && w->limit <= limit))
		return;
	w->limit = limit;
	w->kind = kind;
}

/* Those of the groups around it hold for it, too; the outermost is at `root` in folder. */
static void look_at_limits(struct witness *w, char *folder, size_t root, const char *name)
{
	char *last;
	uint64_t v;

	do {
		if (number_in(folder, name, "", &v))
			lower(w, v, OURO_LIMIT_GROUP);
		last = strrchr(folder + root, '/');
		if (last)
			*last = 0;
	} while (last);
}

/* One line of /proc/self/cgroup: "4:memory:/path", or "0::/path" of version 2. */
static void look_at_group(struct witness *w, const char *sys, char *line)
{
	char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
	char folder[PATH_BYTES];
	uint64_t v;
	bool second;

	if (!path)
		return;
	*path++ = 0;
	path[strcspn(path, "\n")] = 0;
	second = names[1] == 0;
	if (!second && strcmp(names + 1, "memory"))
		return;
	if (snprintf(folder, sizeof(folder), "%s/fs/cgroup%s%s", sys, second ? "" : "/memory", path) >=
	    (int)sizeof(folder))
		return;
	if (number_in(folder, second ? "memory.events" : "memory.oom_control", "oom_kill", &v))
		w->kills_group += v;
	look_at_limits(w, folder, strlen(folder) - strlen(path),
		second ? "memory.max" : "memory.limit_in_bytes");
}

void witness_look(struct witness *w, const char *proc, const char *sys)
{
	char path[PATH_BYTES], line[PATH_BYTES];
	struct rlimit limit;
	FILE *in;

	*w = (struct witness){ 0 };
	number_in(proc, "vmstat", "oom_kill", &w->kills_system);
	if (!getrlimit(RLIMIT_AS, &limit) && limit.rlim_cur != RLIM_INFINITY)
		lower(w, limit.rlim_cur, OURO_LIMIT_ADDRESSES);
	if (!getrlimit(RLIMIT_DATA, &limit) && limit.rlim_cur != RLIM_INFINITY)
		lower(w, limit.rlim_cur, OURO_LIMIT_DATA);
	snprintf(path, sizeof(path), "%s/self/cgroup", proc);
	in = fopen(path, "re");
	while (in && fgets(line, sizeof(line), in))
		look_at_group(w, sys, line);
	if (in)
		fclose(in);
}

static uint32_t kib(uint64_t bytes)
{
	return bytes >> 10 < UINT32_MAX ? (uint32_t)(bytes >> 10) : UINT32_MAX;
}

void witness_write(const struct witness *before, const struct witness *after, const char *trace,
	pid_t pid, int status, uint64_t most_bytes)
{
	struct ouro_ended ended = {
		.flags = (uint16_t)(after->kind << OURO_ENDED_LIMIT_SHIFT),
		.most_kib = kib(most_bytes),
		.limit_kib = kib(after->limit),
	};
	struct ouro_file head;
	ssize_t n = 0;
	int fd;

	if (!WIFSIGNALED(status))
		return;
	ended.signal = (uint16_t)WTERMSIG(status);
	if (WTERMSIG(status) == 9 && after->kills_group > before->kills_group)
		ended.flags |= OURO_ENDED_OOM_GROUP;
	else if (WTERMSIG(status) == 9 && after->kills_system > before->kills_system)
		ended.flags |= OURO_ENDED_OOM_SYSTEM;
	fd = open(trace, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	/* Another program may have taken over, or the trace be of something else. */
	if (pread(fd, &head, sizeof(head), 0) == sizeof(head) && head.pid == (uint32_t)pid &&
	    !memcmp(head.magic, OURO_MAGIC, sizeof(head.magic)))
		n = pwrite(fd, &ended, sizeof(ended), offsetof(struct ouro_file, ended));
	(void)n;			/* not written, it is not known */
	close(fd);
}

#include "perfmap.h"

#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_BACK 64			/* entries before an address that may contain it */

struct perfmap {
	struct code {
		uint64_t start, size;
		uint32_t line;		/* of two for one address the later counts   */
		char *name;
	} *code;			/* by address, then by line                  */
	uint32_t n, cap;
};

static bool take(struct perfmap *m, const char *line)
{
	unsigned long long start, size;
	int at = 0;

	if (sscanf(line, "%llx %llx %n", &start, &size, &at) != 2 || !at || !line[at] || !size)
		return true;
	if (mem_room(&m->code, m->n, &m->cap, sizeof(*m->code)))
		return false;
	m->code[m->n] = (struct code){ start, size, m->n, strndup(line + at, strcspn(line + at, "\n")) };
	return m->code[m->n].name && ++m->n;
}

static int by_start(const void *a, const void *b)
{
	const struct code *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static FILE *open_believed(const char *path, uint64_t since)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	struct stat st;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && (!st.st_uid || st.st_uid == geteuid()) &&
	    (uint64_t)st.st_mtim.tv_sec >= since / 1000000000)
		return fdopen(fd, "r");
	close(fd);
	return NULL;
}

struct perfmap *perfmap_open(const char *sysroot, uint32_t pid, uint64_t since)
{
	struct perfmap *m;
	char path[4096], *line = NULL;
	size_t room = 0;
	FILE *in;

	if (snprintf(path, sizeof(path), "%s/tmp/perf-%u.map", sysroot, pid) >= (int)sizeof(path))
		return NULL;
	in = open_believed(path, since);
	m = in ? calloc(1, sizeof(*m)) : NULL;
	while (m && getline(&line, &room, in) > 0 && take(m, line))
		;
	free(line);
	if (in)
		fclose(in);
	if (m && m->n)
		qsort(m->code, m->n, sizeof(*m->code), by_start);
	return m;
}

void perfmap_close(struct perfmap *m)
{
	for (uint32_t i = 0; m && i < m->n; i++)
		free(m->code[i].name);
	if (m)
		mem_free(m->code);
	free(m);
}

const char *perfmap_find(const struct perfmap *m, uint64_t address)
{
	const struct code *best = NULL;
	uint32_t lo = 0, hi = m ? m->n : 0;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (m->code[mid].start <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (uint32_t i = 0; i < LOOK_BACK && i < lo; i++) {
		const struct code *x = &m->code[lo - 1 - i];

		if (address - x->start < x->size && (!best || x->line > best->line))
			best = x;
	}
	return best ? best->name : NULL;
}

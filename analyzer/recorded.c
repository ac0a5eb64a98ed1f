#include "recorded.h"

#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <ouro/trace.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The header of a trace, mapped; NULL when there is none. */
static const volatile struct ouro_file *map_header(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *page = MAP_FAILED;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size >= OURO_HEADER_SIZE)
		page = mmap(NULL, OURO_HEADER_SIZE, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (page == MAP_FAILED)
		return NULL;
	if (memcmp(page, OURO_MAGIC, 8)) {
		munmap(page, OURO_HEADER_SIZE);
		return NULL;
	}
	return page;
}

/* Gone, or a zombie that nobody has waited for. */
static bool process_over(pid_t pid)
{
	char path[40], stat[256], *after;
	FILE *in;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	in = fopen(path, "r");
	if (!in)
		return true;
	n = fread(stat, 1, sizeof(stat) - 1, in);
	fclose(in);
	stat[n] = 0;
	after = strrchr(stat, ')');
	return !after || after[1] != ' ' || after[2] == 'Z' || after[2] == 'X';
}

void recorded_await(const char *path)
{
	const volatile struct ouro_file *head = map_header(path);
	bool said = false;

	if (!head)
		return;
	for (unsigned ms = 0; head->snapshots_done < head->snapshots_begun; ms += 10) {
		if (ms % 100 == 0 && process_over((pid_t)head->snapshot_pid))
			break;
		if (ms == 1000 && isatty(STDERR_FILENO))
			said = fputs("ouro: writing the snapshot ...", stderr) >= 0;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	if (said)
		fputs("\r\033[K", stderr);
	munmap((void *)head, OURO_HEADER_SIZE);
}

static bool is_trace(const char *path)
{
	const volatile struct ouro_file *head = map_header(path);

	if (!head)
		return false;
	munmap((void *)head, OURO_HEADER_SIZE);
	return true;
}

static int add(struct recorded *r, uint32_t *cap, const char *path)
{
	char *copy;

	if (mem_room(&r->path, r->n, cap, sizeof(*r->path)))
		return -ENOMEM;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	r->path[r->n++] = copy;
	return 0;
}

int recorded_list(struct recorded *r, const char *path)
{
	char *pattern = NULL;
	glob_t names = { 0 };
	uint32_t cap = 0;
	int e = 0;

	*r = (struct recorded){ 0 };
	if (asprintf(&pattern, "%s.d/*", path) < 0)
		return -ENOMEM;
	if (access(path, F_OK) == 0)
		e = add(r, &cap, path);
	if (!e && !glob(pattern, 0, NULL, &names))
		for (size_t i = 0; i < names.gl_pathc && !e; i++)
			if (is_trace(names.gl_pathv[i]))
				e = add(r, &cap, names.gl_pathv[i]);
	globfree(&names);
	free(pattern);
	if (e)
		recorded_fini(r);
	return e;
}

void recorded_fini(struct recorded *r)
{
	for (uint32_t i = 0; i < r->n; i++)
		free(r->path[i]);
	mem_free(r->path);
	*r = (struct recorded){ 0 };
}

/* FILE, when `path` is that of FILE.d/NAME; else NULL.  The caller's to free. */
static char *first_of(const char *path)
{
	char *whole = realpath(path, NULL), *slash = whole ? strrchr(whole, '/') : NULL;

	if (slash && slash - whole > 2 && !memcmp(slash - 2, ".d", 2)) {
		slash[-2] = '\0';
		return whole;
	}
	free(whole);
	return NULL;
}

static bool has_id(const char *path, uint64_t id)
{
	const volatile struct ouro_file *head = map_header(path);
	bool has = head && head->id == id;

	if (head)
		munmap((void *)head, OURO_HEADER_SIZE);
	return has;
}

char *recorded_with_id(const char *path, uint64_t id)
{
	char *file = first_of(path), *found = NULL;
	struct recorded r = { 0 };

	if (file && !recorded_list(&r, file))
		for (uint32_t i = 0; i < r.n && !found; i++)
			if (has_id(r.path[i], id)) {
				found = r.path[i];
				r.path[i] = NULL;
			}
	recorded_fini(&r);
	free(file);
	return found;
}

void recorded_forget_others(const char *path)
{
	struct recorded r;

	if (recorded_list(&r, path))
		return;
	for (uint32_t i = 0; i < r.n; i++)
		if (strcmp(r.path[i], path))
			unlink(r.path[i]);
	recorded_fini(&r);
}

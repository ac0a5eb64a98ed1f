#include "debug_packages.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char debian_page[] = "https://wiki.debian.org/HowToGetABacktrace";
static const char ubuntu_page[] = "https://ubuntu.com/server/docs/debug-symbol-packages";

/* A file as a list has it: in a line of its own, above or below /usr. */
struct wanted {
	char line[2][4096];
	size_t length[2];
};

static const char *const moved[] = { "/lib", "/bin/", "/sbin/" };

static bool starts(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static void want(struct wanted *w, const char *path)
{
	const char *other = NULL, *before = "";

	for (size_t i = 0; i < sizeof(moved) / sizeof(*moved); i++) {
		if (starts(path, moved[i])) {
			other = path;
			before = "/usr";
		} else if (starts(path, "/usr") && starts(path + 4, moved[i])) {
			other = path + 4;
		}
	}
	snprintf(w->line[0], sizeof(w->line[0]), "\n%s\n", path);
	w->length[0] = strlen(w->line[0]);
	snprintf(w->line[1], sizeof(w->line[1]), "\n%s%s\n", before, other ? other : path);
	w->length[1] = strlen(w->line[1]);
}

/* "libc6:amd64.list" is of package libc6. */
static char *package_of(const char *list)
{
	return strndup(list, strcspn(list, ":") < strlen(list) ? strcspn(list, ":")
		: strlen(list) - strlen(".list"));
}

/* 0 or -ENOMEM; a list that cannot be read has nothing. */
static int look_into(int directory, const char *list, struct debug_packages *d,
	const struct wanted *w, unsigned n)
{
	int fd = openat(directory, list, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	void *p = MAP_FAILED;
	int r = 0;

	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (fd >= 0)
		close(fd);
	if (p == MAP_FAILED)
		return 0;
	for (unsigned i = 0; i < n && !r; i++) {
		if (d->name[i] ||
		    (!memmem(p, (size_t)st.st_size, w[i].line[0], w[i].length[0]) &&
		     !memmem(p, (size_t)st.st_size, w[i].line[1], w[i].length[1])))
			continue;
		d->name[i] = package_of(list);
		r = d->name[i] ? 0 : -ENOMEM;
	}
	munmap(p, (size_t)st.st_size);
	return r;
}

static bool is_ubuntu(const char *sysroot)
{
	char name[4096], line[256];
	bool found = false;
	FILE *f;

	snprintf(name, sizeof(name), "%s/etc/os-release", sysroot);
	f = fopen(name, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = !strcmp(line, "ID=ubuntu\n");
	if (f)
		fclose(f);
	return found;
}

int debug_packages_of(struct debug_packages *d, const char *sysroot, const char *const *path,
	unsigned n)
{
	struct wanted *w = calloc(n + 1, sizeof(*w));
	struct dirent *e;
	char name[4096];
	DIR *lists;
	int r = 0;

	*d = (struct debug_packages){ .where = is_ubuntu(sysroot) ? ubuntu_page : debian_page };
	if (!w)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++)
		want(&w[i], path[i]);
	snprintf(name, sizeof(name), "%s/var/lib/dpkg/info", sysroot);
	lists = opendir(name);
	d->dpkg = lists;
	while (lists && !r && (e = readdir(lists))) {
		size_t length = strlen(e->d_name);

		if (length > 5 && !strcmp(e->d_name + length - 5, ".list"))
			r = look_into(dirfd(lists), e->d_name, d, w, n);
	}
	if (lists)
		closedir(lists);
	free(w);
	if (r)
		debug_packages_fini(d);
	return r;
}

void debug_packages_fini(struct debug_packages *d)
{
	for (unsigned i = 0; i < DEBUG_PACKAGES_MAX; i++)
		free(d->name[i]);
	*d = (struct debug_packages){ 0 };
}

/* The C library's symbols are needed so often that they have a package in the main archive. */
void debug_packages_symbols(struct buf *out, const char *package)
{
	buf_printf(out, "%s%s", package, !strcmp(package, "libc6") ? "-dbg" : "-dbgsym");
}

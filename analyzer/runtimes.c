/*
 * runtimes.c - see runtimes.h
 */
#include "runtimes.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folder of those that came with ouro: of the build's source, or of the installation. */
static char *shipped_folder(void)
{
	static const char *const places[] = { "../share/ouro/runtimes", "../samples",
		"../../samples" };
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *folder = NULL;

	if (n <= 0)
		return NULL;
	self[n] = 0;
	*(strrchr(self, '/') + 1) = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places) && !folder; i++) {
		char *path = NULL;

		if (asprintf(&path, "%s%s/cairo" OURO_DESCRIBE_SUFFIX, self, places[i]) < 0)
			return NULL;
		folder = realpath(path, NULL);
		free(path);
	}
	if (folder)
		*strrchr(folder, '/') = 0;
	return folder;
}

static bool has_suffix(const char *name)
{
	size_t n = strlen(name), suffix = strlen(OURO_DESCRIBE_SUFFIX);

	return n > suffix && !strcmp(name + n - suffix, OURO_DESCRIBE_SUFFIX);
}

static int is_description(const struct dirent *e)
{
	return has_suffix(e->d_name);
}

uint32_t runtimes_shipped(char ***ret_names)
{
	char *folder = shipped_folder(), **names;
	struct dirent **found = NULL;
	int n = folder ? scandir(folder, &found, is_description, alphasort) : 0;
	uint32_t kept = 0;

	free(folder);
	names = calloc(n > 0 ? (size_t)n : 1, sizeof(*names));
	for (int i = 0; i < n; i++) {
		char *name = found[i]->d_name;

		name[strlen(name) - strlen(OURO_DESCRIBE_SUFFIX)] = 0;
		if (names && (names[kept] = strdup(name)))
			kept++;
		free(found[i]);
	}
	free(found);
	*ret_names = names;
	return kept;
}

void runtimes_shipped_free(char **names, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

/* "cairo, dbus, ...", to be freed. */
static char *list_shipped(void)
{
	char **names, *text = NULL;
	uint32_t n = runtimes_shipped(&names);
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (uint32_t i = 0; out && i < n; i++)
		fprintf(out, "%s%s", i ? ", " : "", names[i]);
	runtimes_shipped_free(names, n);
	return out && !fclose(out) ? text : NULL;
}

static int not_known(const char *given, char **ret_what)
{
	char *names = list_shipped();

	if (asprintf(ret_what, "no description of a runtime is called %s; there are: %s (or give "
			"the path of a file)", given, names && *names ? names : "none") < 0)
		*ret_what = NULL;
	free(names);
	return -ENOENT;
}

static int find(const char *given, char **ret_path, char **ret_what)
{
	char *folder = NULL, *path = NULL;

	if (strchr(given, '/') || has_suffix(given)) {
		*ret_path = realpath(given, NULL);
	} else {
		folder = shipped_folder();
		if (folder && asprintf(&path, "%s/%s" OURO_DESCRIBE_SUFFIX, folder, given) >= 0)
			*ret_path = realpath(path, NULL);
		free(folder);
		free(path);
		if (!*ret_path)
			return not_known(given, ret_what);
	}
	if (*ret_path)
		return 0;
	if (asprintf(ret_what, "%s: %s", given, strerror(errno)) < 0)
		*ret_what = NULL;
	return -errno;
}

static int read_text(struct runtime_file *f, size_t *ret_size, char **ret_what)
{
	FILE *in = fopen(f->path, "re");
	int err = 0;

	f->text = malloc(OURO_DESCRIBE_FILE + 1);
	if (!in || !f->text) {
		err = in ? -ENOMEM : -errno;
	} else {
		*ret_size = fread(f->text, 1, OURO_DESCRIBE_FILE + 1, in);
		if (ferror(in))
			err = errno ? -errno : -EIO;
	}
	if (in)
		fclose(in);
	if (err && asprintf(ret_what, "%s: %s", f->path, strerror(-err)) < 0)
		*ret_what = NULL;
	return err;
}

static int wrong(const struct runtime_file *f, const char *given, char **ret_what)
{
	const struct ouro_description *d = f->d;
	char where[24] = "";

	if (d->error_line)
		snprintf(where, sizeof(where), ":%u", d->error_line);
	if (asprintf(ret_what, "%s%s: %.*s%s%s", has_suffix(given) ? given : f->path, where,
			(int)d->error_word.n, d->error_word.n ? d->error_word.s : "",
			d->error_word.n ? " " : "", d->error) < 0)
		*ret_what = NULL;
	return -EINVAL;
}

int runtime_file_open(struct runtime_file *f, const char *given, char **ret_what)
{
	size_t size = 0;
	int err;

	*f = (struct runtime_file){ 0 };
	*ret_what = NULL;
	err = find(given, &f->path, ret_what);
	if (!err && strpbrk(f->path, ",:")) {
		err = -EINVAL;
		if (asprintf(ret_what, "%s: a path with a comma or colon cannot be handed to the "
				"library: rename it", f->path) < 0)
			*ret_what = NULL;
	}
	if (!err)
		err = read_text(f, &size, ret_what);
	if (!err) {
		f->d = malloc(sizeof(*f->d));
		err = f->d ? 0 : -ENOMEM;
	}
	if (!err && !ouro_describe(f->text, size, f->d))
		err = wrong(f, given, ret_what);
	if (err)
		runtime_file_fini(f);
	return err;
}

void runtime_file_fini(struct runtime_file *f)
{
	free(f->path);
	free(f->text);
	free(f->d);
	*f = (struct runtime_file){ 0 };
}

static int add_one(char **list, const char *given, char **ret_what)
{
	struct runtime_file f;
	char *longer = NULL;
	int err = runtime_file_open(&f, given, ret_what);

	if (err)
		return err;
	if (asprintf(&longer, "%s%s%s", *list ? *list : "", *list ? ":" : "", f.path) < 0) {
		err = -ENOMEM;
	} else if (strlen(longer) >= OURO_DESCRIBE_LIST) {
		free(longer);
		err = -E2BIG;
		if (asprintf(ret_what, "%s: too many files, or too long paths", given) < 0)
			*ret_what = NULL;
	} else {
		free(*list);
		*list = longer;
	}
	runtime_file_fini(&f);
	return err;
}

int runtimes_add(char **list, const char *given, char **ret_what)
{
	char **names;
	uint32_t n;
	int err = 0;

	*ret_what = NULL;
	if (strcmp(given, "all"))
		return add_one(list, given, ret_what);
	n = runtimes_shipped(&names);
	for (uint32_t i = 0; i < n && !err; i++)
		err = add_one(list, names[i], ret_what);
	runtimes_shipped_free(names, n);
	return n || err ? err : not_known(given, ret_what);
}

bool runtime_file_is_about(const struct ouro_description *d, const char *name, bool program)
{
	const struct ouro_word *list = program ? d->program : d->library;
	uint32_t n = program ? d->programs : d->libraries;

	for (uint32_t i = 0; i < n; i++)
		if (ouro_word_matches(list[i], name, strlen(name)))
			return true;
	return false;
}

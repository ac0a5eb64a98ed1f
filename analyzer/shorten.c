#include "shorten.h"

#include "words.h"

#include <ctype.h>
#include <string.h>

#define PROGRAM "<program>"

/* The part of path below a folder; NULL: it does not lie there. */
static const char *below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	while (n && folder[n - 1] == '/')
		n--;
	if (!n || strncmp(path, folder, n) || path[n] != '/')
		return NULL;
	for (path += n; *path == '/'; path++)
		;
	return path;
}

/* Behind ".../lib/python3.11/"; NULL: it is no such path. */
static const char *in_python(const char *path)
{
	const char *p = strstr(path, "/lib/python");

	if (!p)
		return NULL;
	p += strlen("/lib/python");
	while (isdigit((unsigned char)*p) || *p == '.' || *p == 't')
		p++;
	return *p == '/' ? p + 1 : NULL;
}

static const char *last_two(const char *path)
{
	const char *p = path + strlen(path);

	for (unsigned slashes = 0; p > path; p--)
		if (p[-1] == '/' && ++slashes == 2)
			break;
	return p;
}

/* Without "./", "x/../" and doubled slashes. */
static void put_plain(struct buf *out, const char *path)
{
	struct buf b = {0};

	while (*path) {
		size_t n = strcspn(path, "/");
		const char *before = buf_text(&b);
		const char *last = strrchr(before, '/');

		last = last ? last + 1 : before;
		if (n == 2 && !strncmp(path, "..", 2) && *before && strcmp(last, "..")) {
			b.n = (size_t)(last > before ? last - 1 - before : 0);
			b.s[b.n] = 0;
		} else if (n && !(n == 1 && *path == '.')) {
			if (b.n)
				buf_putc(&b, '/');
			buf_add(&b, path, n);
		}
		path += n;
		while (*path == '/')
			path++;
	}
	out->failed |= b.failed;
	buf_puts(out, buf_text(&b));
	buf_fini(&b);
}

void shorten_file(const struct shorten *s, const char *path, struct buf *out)
{
	const char *rest = NULL;

	if (*path != '/') {
		if (*path == '<')
			buf_puts(out, path);	/* "<string>", "<frozen os>" */
		else
			put_plain(out, path);
		return;
	}
	for (unsigned i = 0; i < sizeof(s->root) / sizeof(s->root[0]) && !rest; i++)
		if (s->root[i])
			rest = below(path, s->root[i]);
	if (!rest || in_python(path)) {
		const char *library = in_python(path);

		if (library && strncmp(library, "site-packages/", 14) &&
		    strncmp(library, "dist-packages/", 14))
			buf_puts(out, "python/");
		rest = library ? library : last_two(path);
	}
	put_plain(out, rest);
}

void shorten_module(const struct shorten *s, const char *path, struct buf *out)
{
	const char *name = words_file(path), *version = strstr(name, ".so.");

	if (*s->program && !strcmp(name, words_file(s->program)))
		buf_puts(out, PROGRAM);
	else if (version)
		buf_add(out, name, (size_t)(version - name) + 3);
	else
		buf_puts(out, name);
}

/* What a compiler appends to the name of a part or a variant of a function. */
static bool is_variant(const char *suffix)
{
	static const char *const known[] = { ".constprop.", ".isra.", ".part.", ".cold",
		".lto_priv.", ".localalias", ".llvm.", ".clone." };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strncmp(suffix, known[i], strlen(known[i])))
			return true;
	return false;
}

void shorten_function(const char *function, struct buf *out)
{
	const char *dot = function, *offset = strstr(function, "+0x");

	if (!*function || !strncmp(function, "0x", 2) ||
	    (offset && offset[3] && strspn(offset + 3, "0123456789abcdef") == strlen(offset + 3))) {
		buf_putc(out, '?');
		return;
	}
	while ((dot = strchr(dot, '.')) && !is_variant(dot))
		dot++;
	buf_add(out, function, dot ? (size_t)(dot - function) : strlen(function));
}

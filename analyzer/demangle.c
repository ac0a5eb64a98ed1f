#include "demangle.h"

#include <libiberty/demangle.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_SHOWN 60		/* columns, before anything is left out          */
#define MANGLED_MAX    (64u << 10)	/* a name in a stranger's file may be anything   */

/*
 * Rust's old names pass for C++ ones that end in a hash: libiberty tells them apart by it,
 * and leaves the hash out.  _D and the like are other languages', and C's own names.
 */
static int is_mangled(const char *name)
{
	return !strncmp(name, "_Z", 2) || !strncmp(name, "_R", 2) || !strncmp(name, "___Z", 4);
}

char *demangle(const char *name)
{
	if (!is_mangled(name) || strlen(name) > MANGLED_MAX)
		return NULL;
	return cplus_demangle(name, DMGL_PARAMS | DMGL_ANSI | DMGL_RET_DROP | DMGL_AUTO);
}

/* Is this < or > part of "operator<", "operator->" and their like? */
static int is_operator(const char *name, size_t at)
{
	static const char word[] = "operator";
	const size_t n = sizeof(word) - 1;
	size_t from = at;

	while (from && strchr("<>-=", name[from - 1]))
		from--;
	return from >= n && !memcmp(name + from - n, word, n);
}

/* What stands in brackets of the outermost level becomes "..."; "()" stays as it is. */
static void leave_out(struct buf *out, const char *name, char open, char close)
{
	unsigned depth = 0;

	for (size_t i = 0; name[i]; i++) {
		char c = name[i];
		int bracket = (c == open || c == close) && !(open == '<' && is_operator(name, i));

		if (bracket && c == close && depth)
			depth--;
		if (!depth)
			buf_putc(out, c);
		if (bracket && c == open && !depth++ && name[i + 1] != close)
			buf_puts(out, "...");
	}
}

/* "(anonymous namespace)::" is a name, however it looks. */
static const char anonymous[] = "(anonymous namespace)";

static void leave_out_arguments(struct buf *out, const char *name)
{
	const char *p;

	while ((p = strstr(name, anonymous))) {
		buf_add(out, name, (size_t)(p - name) + sizeof(anonymous) - 1);
		name = p + sizeof(anonymous) - 1;
	}
	leave_out(out, name, '(', ')');
}

void demangle_short(struct buf *out, const char *name)
{
	struct buf some = { 0 };

	if (strlen(name) <= NAME_MAX_SHOWN || !strpbrk(name, "<(")) {
		buf_puts(out, name);
		return;
	}
	leave_out(&some, name, '<', '>');
	if (some.n <= NAME_MAX_SHOWN)
		buf_puts(out, buf_text(&some));
	else
		leave_out_arguments(out, buf_text(&some));
	buf_fini(&some);
}

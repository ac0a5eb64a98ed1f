/*
 * symbols_advice.c - what keeps names from being known, in words for the user
 */
#include "symbols.h"

#include "buf.h"
#include "debug_packages.h"
#include "symbols_private.h"

#include <string.h>

const char *symbols_complaint(const struct symbols *s, uint32_t row)
{
	return s->complaint[row];
}

uint32_t symbols_complaints(const struct symbols *s)
{
	return s->complaints;
}

struct lacking {
	const char *name[DEBUG_PACKAGES_MAX], *path[DEBUG_PACKAGES_MAX];
	unsigned n, more;
};

/* Modules that lacked a name for this reason. */
static struct lacking lacking(struct symbols *s, enum native_state state)
{
	struct lacking l = { .n = 0 };
	struct text path;

	for (uint32_t i = 1; i < s->defs->modules; i++) {
		const struct source *x = &s->source[i];

		if (!x->lacking || symbols_state(s, i) != state)
			continue;
		if (l.n == DEBUG_PACKAGES_MAX) {
			l.more++;
			continue;
		}
		l.name[l.n] = x->name;
		path = def_module(s->defs, i)->path;
		l.path[l.n] = symbols_keep(s, path.s, path.length);
		l.n += l.path[l.n] != NULL;
	}
	return l;
}

static void put_names(struct buf *b, const char *const *name, unsigned n, unsigned more)
{
	for (unsigned i = 0; i < n; i++)
		buf_printf(b, "%s%s", !i ? "" : i + 1 < n || more ? ", " : " and ", name[i]);
	if (more)
		buf_printf(b, " and %u more", more);
}

/* "libfoo1-dbgsym libbar2-dbgsym", each once. */
static bool put_packages(struct buf *b, const struct debug_packages *d, unsigned n)
{
	bool any = false;

	for (unsigned i = 0; i < n; i++) {
		bool told = !d->name[i];

		for (unsigned k = 0; k < i && !told; k++)
			told = d->name[k] && !strcmp(d->name[k], d->name[i]);
		if (told)
			continue;
		if (any)
			buf_putc(b, ' ');
		debug_packages_symbols(b, d->name[i]);
		any = true;
	}
	return any;
}

static void advise_symbols(struct symbols *s, struct buf *b)
{
	struct lacking l = lacking(s, NATIVE_READ);
	struct debug_packages d = { 0 };
	struct buf packages = { 0 };

	if (!l.n || debug_packages_of(&d, s->native.sysroot, l.path, l.n))
		return;
	buf_puts(b, "No symbols for ");
	put_names(b, l.name, l.n, l.more);
	buf_puts(b, ": functions in there are shown as offsets. ");
	if (put_packages(&packages, &d, l.n))
		buf_printf(b, "Install %s (%s)%s.", buf_text(&packages), d.where,
			s->packed ? " where the trace was packed, and pack it again" : "");
	else if (d.dpkg)
		buf_puts(b, "No package has these files: build them with -g, and do not strip them.");
	else
		buf_puts(b, "Install their debug symbols, or try --debuginfod.");
	buf_fini(&packages);
	debug_packages_fini(&d);
}

static void advise_of(
	struct symbols *s, struct buf *b, enum native_state state, const char *words)
{
	struct lacking l = lacking(s, state);

	if (!l.n)
		return;
	if (b->n)
		buf_putc(b, ' ');
	put_names(b, l.name, l.n, l.more);
	buf_printf(b, " %s", words);
}

const char *symbols_advice(struct symbols *s)
{
	struct buf b = { 0 };
	const char *kept;

	advise_symbols(s, &b);
	advise_of(s, &b, NATIVE_OTHER,
		"changed since the recording: what was recorded there is shown as offsets.");
	advise_of(s, &b, NATIVE_DELETED, "was deleted or replaced while the program used it: "
		"what was recorded there is shown as offsets.");
	advise_of(s, &b, NATIVE_ABSENT, "cannot be read here: --sysroot DIR says where else, or "
		"pack the trace with --symbols where it was recorded.");
	advise_of(s, &b, NATIVE_DAMAGED, "cannot be read as an ELF file.");
	kept = b.n && !b.failed ? symbols_keep(s, b.s, b.n) : NULL;
	buf_fini(&b);
	return kept;
}

const char *symbols_advice_brief(struct symbols *s)
{
	static const enum native_state other[] = { NATIVE_OTHER, NATIVE_DELETED, NATIVE_ABSENT,
		NATIVE_DAMAGED };
	struct lacking l = lacking(s, NATIVE_READ);
	struct buf b = { 0 };
	const char *kept;

	for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
		if (lacking(s, other[i]).n)
			return NULL;
	if (!l.n)
		return NULL;
	buf_printf(&b, "No symbols for %s", l.name[0]);
	if (l.n + l.more > 1)
		buf_printf(&b, " and %u more", l.n - 1 + l.more);
	buf_puts(&b, ": C functions in there are shown as offsets; `ouro report --all` says what to install.");
	kept = b.failed ? NULL : symbols_keep(s, b.s, b.n);
	buf_fini(&b);
	return kept;
}

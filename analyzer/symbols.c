/*
 * symbols.c - names of code: asked for once, from where they are known
 */
#include "symbols.h"

#include "buf.h"
#include "demangle.h"
#include "native_types.h"
#include "pack.h"
#include "perfmap.h"
#include "symbols_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct frame nothing = { .function = "?" };

/* --- strings ----------------------------------------------------------------------- */

const char *symbols_keep(struct symbols *s, const char *text, size_t length)
{
	struct kept *k = malloc(sizeof(*k) + length + 1);

	if (!k)
		return NULL;
	memcpy(k->text, text, length);
	k->text[length] = 0;
	k->next = s->kept;
	s->kept = k;
	return k->text;
}

/* NULL for an empty text. */
static const char *keep_text(struct symbols *s, struct text t)
{
	return t.length ? symbols_keep(s, t.s, t.length) : NULL;
}

static const char *keep_name(struct symbols *s, const char *name)
{
	return name ? symbols_keep(s, name, strlen(name)) : NULL;
}

__attribute__((format(printf, 2, 3)))
static const char *keep_print(struct symbols *s, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return symbols_keep(s, text, strlen(text));
}

/* As people write it, unless the linker's way was asked for. */
static const char *keep_function(struct symbols *s, const char *name)
{
	char *plain = name && !s->options.mangled ? demangle(name) : NULL;
	const char *kept = keep_name(s, plain ? plain : name);

	free(plain);
	return kept;
}

/* --- modules ----------------------------------------------------------------------- */

static struct source *find_source(struct symbols *s, uint32_t id)
{
	const struct def_module *m = def_module(s->defs, id);
	struct source *source;
	const char *slash;

	if (!m)
		return NULL;
	source = &s->source[id];
	if (source->named)
		return source;
	source->named = true;
	slash = m->path.length ? memrchr(m->path.s, '/', m->path.length) : NULL;
	source->name = slash
		? symbols_keep(s, slash + 1, m->path.length - (size_t)(slash + 1 - m->path.s))
		: keep_text(s, m->path);
	if (!source->name)
		source->name = "?";
	return source;
}

static void complain_about(struct symbols *s, struct source *source, const char *text)
{
	const char **list;

	if (source->complained || !text)
		return;
	source->complained = true;
	list = realloc(s->complaint, (s->complaints + 1) * sizeof(*list));
	if (!list)
		return;
	s->complaint = list;
	s->complaint[s->complaints++] = text;
}

static const char *state_words(enum native_state state)
{
	switch (state) {
	case NATIVE_ABSENT:
		return "cannot be read here";
	case NATIVE_OTHER:
		return "is not the file that was recorded (build-id differs)";
	case NATIVE_DAMAGED:
		return "is no ELF file, or a damaged one";
	case NATIVE_DELETED:
		return "was deleted or replaced while the program used it";
	case NATIVE_KERNEL:
		return "is the kernel's, and no file";
	case NATIVE_NAMELESS:
		return "is code that was made at run time, in no file";
	case NATIVE_READ:
		break;
	}
	return "has no symbols, and no debug file is installed";
}

/* NULL: out of memory. */
static struct native *open_source(struct symbols *s, struct source *source, uint32_t id)
{
	const struct def_module *m = def_module(s->defs, id);

	if (!source->native)
		source->native = native_open(m, &s->native);
	if (source->native && native_state(source->native) != NATIVE_READ)
		complain_about(s, source, keep_print(s, "%.*s: %s", TEXT_ARG(m->path),
			state_words(symbols_state(s, id))));
	return source->native;
}

enum native_state symbols_state(const struct symbols *s, uint32_t module)
{
	const struct native *n = s->source[module].native;
	enum native_state state = n ? native_state(n) : NATIVE_READ;

	if (state != NATIVE_READ && s->packed)
		packnames_module(s->packed, module, &state);
	return state;
}

/* --- native code ------------------------------------------------------------------- */

/* Innermost first; at least one, and maybe nothing is in it. */
static uint32_t look_up(struct symbols *s, struct source *source, uint32_t id,
	uint32_t location, uint64_t at, struct native_frame *found)
{
	const struct def_module *m = def_module(s->defs, id);
	uint32_t n = s->packed ? packnames_frames(s->packed, location, found) : 0;
	struct native *native;

	if (n)
		return n;
	native = open_source(s, source, id);
	n = native ? native_frames(native, at, found) : 0;
	/* What a signal handler returns to was not called: nothing needs to be before it. */
	if (native && (!n || !found[n - 1].function))
		n = native_frames(native, at + 1, found);
	if (!n || !found[n - 1].function) {
		source->lacking = true;
		complain_about(s, source,
			keep_print(s, "%.*s: %s", TEXT_ARG(m->path), state_words(NATIVE_READ)));
	}
	if (!n)
		found[0] = (struct native_frame){ 0 };
	return n + !n;
}

/* Of code in no file. */
static const char *made_name(struct symbols *s, uint64_t address)
{
	const struct trace *t = s->defs->trace;
	const char *name;

	if (!s->made_asked && t)
		s->made = perfmap_open(s->native.sysroot, t->head.pid, t->head.start_real_ns);
	s->made_asked = true;
	name = perfmap_find(s->made, address);
	return name ? symbols_keep(s, name, strlen(name)) : NULL;
}

static uint32_t native_places(struct symbols *s, uint32_t location,
	const struct def_location *l, struct frame *frame)
{
	struct source *source = find_source(s, l->native.module);
	struct native_frame found[NATIVE_FRAMES];
	uint64_t at;
	uint32_t n;

	if (!source) {
		frame[0].function = made_name(s, l->native.address - 1);
		frame[0].known = frame[0].function;
		if (!frame[0].known)
			frame[0].function = keep_print(s, "%#" PRIx64, l->native.address);
		return 1;
	}
	/* The call ends at the return address: one less lies within it. */
	at = l->native.address - def_module(s->defs, l->native.module)->bias;
	n = look_up(s, source, l->native.module, location, at - 1, found);
	for (uint32_t i = 0; i < n; i++) {
		frame[i] = (struct frame){ .function = keep_function(s, found[i].function),
			.file = keep_name(s, found[i].file), .line = found[i].line,
			.inlined = found[i].inlined, .module = source->name };
		frame[i].known = frame[i].function;
		if (!frame[i].known)
			frame[i].function =
				keep_print(s, "%s+%#" PRIx64, source->name, at);
	}
	return n;
}

/* --- interpreter lines and the rest ------------------------------------------------ */

static uint32_t line_frames(
	struct symbols *s, const struct def_location *l, struct frame *frame)
{
	const struct def_code *c = def_code(s->defs, l->line.code);

	frame->interp = true;
	frame->line = l->line.line;
	frame->name = keep_text(s, def_string(s->defs, l->line.name));
	if (!c)
		return 1;
	frame->function = keep_text(s, c->qualname.length ? c->qualname : c->name);
	frame->known = frame->function;
	frame->file = keep_text(s, c->file);
	frame->first_line = c->line;
	return 1;
}

static uint32_t find_frames(struct symbols *s, uint32_t location, struct frame *frame)
{
	const struct def_location *l = def_location(s->defs, location);

	switch (l->kind) {
	case LOCATION_NATIVE:
		return native_places(s, location, l, frame);
	case LOCATION_LINE:
		return line_frames(s, l, frame);
	case LOCATION_MARK:
		frame->function = location == OURO_LOC_CUT ? "[frames left out]" :
			"[no way on from here]";
		return 1;
	default:
		return 1;
	}
}

/* Innermost first as they were found, outermost first as they are kept. */
static bool fill(struct answer *a, const struct frame *found, uint32_t count)
{
	a->frame = calloc(count, sizeof(*a->frame));
	if (!a->frame)
		return false;
	a->count = count;
	for (uint32_t i = 0; i < count; i++) {
		a->frame[i] = found[count - 1 - i];
		if (!a->frame[i].function)
			a->frame[i].function = "?";
	}
	return true;
}

const struct frame *symbols_frames(
	struct symbols *s, uint32_t location, uint32_t *ret_count)
{
	struct frame found[NATIVE_FRAMES] = { { 0 } };
	struct answer *a;

	*ret_count = 1;
	if (location >= s->defs->locations)
		return &nothing;
	location = location_same(s->defs, location);
	a = &s->answer[location];
	if (!a->frame && !fill(a, found, find_frames(s, location, found)))
		return &nothing;
	*ret_count = a->count;
	return a->frame;
}

const struct frame *symbols_frame(struct symbols *s, uint32_t location)
{
	uint32_t n;
	const struct frame *f = symbols_frames(s, location, &n);

	return &f[n - 1];
}

const char *symbols_linker_name(struct symbols *s, uint32_t location)
{
	const struct def_location *l = def_location(s->defs, location);
	const struct def_module *m;
	struct native_frame frame[NATIVE_FRAMES];
	struct source *source;
	struct native *native;
	uint64_t offset;
	uint32_t n;

	if (l->kind != LOCATION_NATIVE)
		return NULL;
	n = s->packed ? packnames_frames(s->packed, location, frame) : 0;
	if (n)
		return frame[n - 1].function;
	m = def_module(s->defs, l->native.module);
	source = find_source(s, l->native.module);
	native = m && source ? open_source(s, source, l->native.module) : NULL;
	return native ? native_symbol(native, l->native.address - m->bias - 1, &offset) : NULL;
}

/* --- data -------------------------------------------------------------------------- */

static const char *data_name(struct symbols *s, struct source *source, uint32_t id,
	uint64_t at)
{
	uint64_t offset = 0;
	const char *name = s->packed ? packnames_datum(s->packed, id, at, &offset) : NULL;
	struct native *native = name ? NULL : open_source(s, source, id);

	if (native)
		name = native_symbol(native, at, &offset);
	if (!name)
		return keep_print(s, "%s+%#" PRIx64, source->name, at);
	name = keep_function(s, name);
	return offset ? keep_print(s, "%s: %s+%#" PRIx64, source->name, name, offset)
		: keep_print(s, "%s: %s", source->name, name);
}

const char *symbols_data(struct symbols *s, uint64_t address)
{
	for (uint32_t i = s->defs->modules; i-- > 1; ) {
		const struct def_module *m = def_module(s->defs, i);

		if (m && address >= m->start && address < m->end)
			return data_name(s, find_source(s, i), i, address - m->bias);
	}
	return NULL;
}

/* The file that an address lies in, and where there; NULL: none that is known. */
static struct native *native_around(struct symbols *s, uint64_t address, uint64_t *ret_at)
{
	for (uint32_t i = s->defs->modules; i-- > 1; ) {
		const struct def_module *m = def_module(s->defs, i);

		if (!m || address < m->start || address >= m->end)
			continue;
		*ret_at = address - m->bias;
		return open_source(s, find_source(s, i), i);
	}
	return NULL;
}

bool symbols_declared(struct symbols *s, uint64_t address, const char **ret_file, uint32_t *ret_line)
{
	uint64_t at;
	struct native *native = native_around(s, address, &at);

	return native && native_variable(native, at, ret_file, ret_line);
}

bool symbols_type(struct symbols *s, uint64_t address, struct native_type *ret, uint64_t *ret_offset)
{
	uint64_t at;
	struct native *native = native_around(s, address, &at);

	return native && native_variable_type(native, at, ret, ret_offset);
}

/* --- packing ----------------------------------------------------------------------- */

static void add_datum(void *draft, const char *name, uint64_t address, uint64_t size)
{
	packnames_add_datum(draft, name, address, size);
}

static int pack_modules(struct symbols *s, struct packnames_draft *d)
{
	for (uint32_t i = 1; i < s->defs->modules; i++) {
		struct source *source = find_source(s, i);
		struct native *native;

		if (!source || def_module(s->defs, i)->guest)
			continue;
		native = open_source(s, source, i);
		if (!native)
			return -ENOMEM;
		packnames_add_module(d, i, native_state(native));
		native_each_datum(native, add_datum, d);
	}
	return 0;
}

int symbols_pack(struct symbols *s, struct buf *ret)
{
	struct packnames_draft d = { 0 };
	struct native_frame found[NATIVE_FRAMES];
	int r = pack_modules(s, &d), w;

	for (uint32_t i = 0; i < s->defs->locations && !r; i++) {
		const struct def_location *l = def_location(s->defs, i);
		struct source *source;
		uint32_t n;

		if (l->kind != LOCATION_NATIVE || l->same != i || l->flags & LOCATION_GUEST)
			continue;
		source = find_source(s, l->native.module);
		if (!source)
			continue;
		n = look_up(s, source, l->native.module, i, l->native.address -
			def_module(s->defs, l->native.module)->bias - 1, found);
		if (n > 1 || found[0].function || found[0].file)
			packnames_add_location(&d, i, found, n);
	}
	w = packnames_write(&d, ret);
	return r ? r : w;
}

/* --- the door ---------------------------------------------------------------------- */

/* Damaged names are as good as none: the files may be here. */
static int read_packed_names(struct symbols *s)
{
	uint8_t *bytes;
	size_t size;
	int r = s->defs->trace ? trace_section(s->defs->trace, PACK_NAMES, &bytes, &size)
		: -ENOENT;

	if (!r)
		r = packnames_read(&s->packed, bytes, size);
	return r == -ENOMEM ? r : 0;
}

struct symbols *symbols_new(const struct defs *d, const struct symbols_options *o)
{
	struct symbols *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->defs = d;
	if (o)
		s->options = *o;
	s->native.sysroot = s->options.sysroot ? s->options.sysroot : "";
	s->native.debuginfod = s->options.debuginfod;
	s->source = calloc(d->modules + 1, sizeof(*s->source));
	s->answer = calloc(d->locations + 1, sizeof(*s->answer));
	if (s->source && s->answer && !read_packed_names(s))
		return s;
	symbols_free(s);
	return NULL;
}

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; s->source && i < s->defs->modules; i++)
		native_close(s->source[i].native);
	for (uint32_t i = 0; s->answer && i < s->defs->locations; i++)
		free(s->answer[i].frame);
	while (s->kept) {
		struct kept *next = s->kept->next;

		free(s->kept);
		s->kept = next;
	}
	perfmap_close(s->made);
	packnames_free(s->packed);
	free(s->complaint);
	free(s->source);
	free(s->answer);
	free(s);
}

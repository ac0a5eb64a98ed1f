/*
 * symbols.c - names of code, by elfutils
 *
 * Each module is opened by itself and without a load address, so that
 * files which were mapped to one place one after the other do not meet: what is
 * looked up is the address in the file, the one in memory less the bias.
 */
#include "symbols.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INLINED_MAX 32
#define ALL_FRAMES  (INLINED_MAX + 1)

/* A module's file; opened when it is first asked for. */
struct source {
	Dwfl *dwfl;
	Dwfl_Module *module;		/* NULL: nothing is to be had                */
	const char *name;		/* last part of the path                     */
	bool tried, complained;
};

struct answer {
	struct frame *frame;
	uint32_t count;
};

struct kept {
	struct kept *next;
	char text[];
};

struct symbols {
	const struct defs *defs;
	char *sysroot;
	struct source *source;		/* by module                                 */
	struct answer *answer;		/* by location                               */
	struct kept *kept;		/* every string that was handed out          */
	const char **complaint;
	uint32_t complaints;
};

static const struct frame nothing = { .function = "?" };

/* --- strings ----------------------------------------------------------------------- */

static const char *keep(struct symbols *s, const char *text, size_t length)
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
	return t.length ? keep(s, t.s, t.length) : NULL;
}

static const char *keep_name(struct symbols *s, const char *name)
{
	return name ? keep(s, name, strlen(name)) : NULL;
}

__attribute__((format(printf, 2, 3)))
static const char *keep_print(struct symbols *s, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return keep(s, text, strlen(text));
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

/* --- modules ----------------------------------------------------------------------- */

static bool right_build(const struct def_module *m, Dwfl_Module *module)
{
	const unsigned char *bits;
	GElf_Addr at;
	int n = dwfl_module_build_id(module, &bits, &at);

	if (!m->build_id_length)
		return true;
	return n == (int)m->build_id_length && !memcmp(bits, m->build_id, (size_t)n);
}

/* A plain file, whatever the trace says it is: never a device or a pipe. */
static int open_file(struct symbols *s, struct text path)
{
	struct stat st;
	char name[4096];
	int fd, n;

	if (!path.length || path.s[0] != '/')
		return -1;
	n = snprintf(name, sizeof(name), "%s%.*s", s->sysroot, TEXT_ARG(path));
	if (n < 0 || (size_t)n >= sizeof(name))
		return -1;
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static const Dwfl_Callbacks *callbacks(void)
{
	static char *debug_path;	/* NULL: where the system keeps debug files */
	static const Dwfl_Callbacks c = {
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.section_address = dwfl_offline_section_address,
		.debuginfo_path = &debug_path,
	};

	return &c;
}

static void open_source(
	struct symbols *s, struct source *source, const struct def_module *m)
{
	int fd = open_file(s, m->path);
	const char *path = keep_text(s, m->path);
	GElf_Addr bias;

	if (fd < 0) {
		complain_about(s, source, keep_print(s, "%.*s: cannot be read here",
			TEXT_ARG(m->path)));
		return;
	}
	source->dwfl = path ? dwfl_begin(callbacks()) : NULL;
	if (!source->dwfl) {
		close(fd);
		return;
	}
	source->module = dwfl_report_elf(source->dwfl, path, path, fd, 0, true);
	dwfl_report_end(source->dwfl, NULL, NULL);
	if (!source->module) {
		close(fd);
		complain_about(s, source, keep_print(s, "%s: %s", path, dwfl_errmsg(-1)));
		return;
	}
	if (!dwfl_module_getelf(source->module, &bias) ||
	    !right_build(m, source->module)) {
		source->module = NULL;
		complain_about(s, source,
			keep_print(s,
				"%s: is not the file that was recorded (build-id differs)",
				path));
	}
}

static struct source *find_source(struct symbols *s, uint32_t id)
{
	const struct def_module *m = def_module(s->defs, id);
	struct source *source;
	const char *slash;

	if (!m)
		return NULL;
	source = &s->source[id];
	if (source->tried)
		return source;
	source->tried = true;
	slash = m->path.length ? memrchr(m->path.s, '/', m->path.length) : NULL;
	source->name = slash
		? keep(s, slash + 1, m->path.length - (size_t)(slash + 1 - m->path.s))
		: keep_text(s, m->path);
	if (!source->name)
		source->name = "?";
	open_source(s, source, m);
	return source;
}

/* --- native code ------------------------------------------------------------------- */

static const char *die_name(Dwarf_Die *die)
{
	Dwarf_Attribute a;
	const char *name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &a));

	return name ? name
		    : dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &a));
}

static uint32_t call_line(Dwarf_Die *inlined)
{
	Dwarf_Attribute a;
	Dwarf_Word v;

	return dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &a), &v)
		? 0
		: (uint32_t)v;
}

static const char *call_file(Dwarf_Die *cu, Dwarf_Die *inlined)
{
	Dwarf_Attribute a;
	Dwarf_Files *files;
	Dwarf_Word v;
	size_t n;

	if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &a), &v) ||
	    dwarf_getsrcfiles(cu, &files, &n) || v >= n)
		return NULL;
	return dwarf_filesrc(files, v, NULL, NULL);
}

/* The functions around a place, innermost first, as nested in the code itself. */
static int find_scopes(Dwarf_Die *cu, Dwarf_Addr pc, Dwarf_Die **ret)
{
	Dwarf_Die *first, innermost;
	int n = dwarf_getscopes(cu, pc, &first);

	if (n <= 0)
		return 0;
	innermost = first[0];
	free(first);
	n = dwarf_getscopes_die(&innermost, ret);
	return n > 0 ? n : 0;
}

/* Fills frames from the innermost on; how many. */
static uint32_t inlined_frames(struct symbols *s, struct source *source, uint64_t pc,
	struct frame *frame)
{
	Dwarf_Addr bias;
	Dwarf_Die *cu = dwfl_module_addrdie(source->module, pc, &bias), *scope = NULL;
	int n = cu ? find_scopes(cu, pc - bias, &scope) : 0;
	uint32_t count = 0;

	for (int i = 0; i < n && count < INLINED_MAX; i++) {
		int tag = dwarf_tag(&scope[i]);
		struct frame *f = &frame[count];

		if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram &&
		    tag != DW_TAG_entry_point)
			continue;
		f->function = keep_name(s, die_name(&scope[i]));
		f->known = f->function;
		count++;
		if (tag != DW_TAG_inlined_subroutine)
			break;
		f->inlined = true; /* and so the next one is where it was inlined to */
		frame[count].line = call_line(&scope[i]);
		frame[count].file = keep_name(s, call_file(cu, &scope[i]));
	}
	free(scope);
	return count;
}

static void source_line(
	struct symbols *s, struct source *source, uint64_t pc, struct frame *f)
{
	Dwfl_Line *line = dwfl_module_getsrc(source->module, pc);
	int number = 0;
	const char *file =
		line ? dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL) : NULL;

	if (!file)
		return;
	f->file = keep_name(s, file);
	f->line = number > 0 ? (uint32_t)number : 0;
}

/* The symbol is the better name of the outermost frame: the one a linker knows. */
static void symbol_name(
	struct symbols *s, struct source *source, uint64_t pc, struct frame *f)
{
	GElf_Off offset;
	GElf_Sym sym;
	const char *name;

	if (f->known)
		return;
	name = dwfl_module_addrinfo(source->module, pc, &offset, &sym, NULL, NULL, NULL);
	f->function = keep_name(s, name);
	f->known = f->function;
}

static uint32_t native_frames(
	struct symbols *s, const struct def_location *l, struct frame *frame)
{
	struct source *source = find_source(s, l->native.module);
	const struct def_module *m = def_module(s->defs, l->native.module);
	uint64_t at = m ? l->native.address - m->bias : 0;
	uint32_t count = 0;

	if (!source) {
		frame[0].function = keep_print(s, "%#" PRIx64, l->native.address);
		return 1;
	}
	if (source->module) {
		/* The call ends at the return address: one less lies within it. */
		count = inlined_frames(s, source, at - 1, frame);
		source_line(s, source, at - 1, &frame[0]);
		count += !count;
		symbol_name(s, source, at - 1, &frame[count - 1]);
		if (!frame[count - 1].known)
			complain_about(s, source,
				keep_print(s,
					"%.*s: has no symbols, and no debug file is installed",
					TEXT_ARG(m->path)));
	}
	count += !count;
	for (uint32_t i = 0; i < count; i++) {
		frame[i].module = source->name;
		if (!frame[i].function)
			frame[i].function =
				keep_print(s, "%s+%#" PRIx64, source->name, at);
	}
	return count;
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
		return native_frames(s, l, frame);
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

/* --- the door ---------------------------------------------------------------------- */

struct symbols *symbols_new(const struct defs *d, const char *sysroot)
{
	struct symbols *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->defs = d;
	s->sysroot = strdup(sysroot ? sysroot : "");
	s->source = calloc(d->modules + 1, sizeof(*s->source));
	s->answer = calloc(d->locations + 1, sizeof(*s->answer));
	if (s->sysroot && s->source && s->answer)
		return s;
	symbols_free(s);
	return NULL;
}

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; s->source && i < s->defs->modules; i++)
		if (s->source[i].dwfl)
			dwfl_end(s->source[i].dwfl);
	for (uint32_t i = 0; s->answer && i < s->defs->locations; i++)
		free(s->answer[i].frame);
	while (s->kept) {
		struct kept *next = s->kept->next;

		free(s->kept);
		s->kept = next;
	}
	free(s->complaint);
	free(s->source);
	free(s->answer);
	free(s->sysroot);
	free(s);
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
	struct frame found[ALL_FRAMES] = { { 0 } };
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
	struct source *source;
	GElf_Off offset;
	GElf_Sym sym;

	if (l->kind != LOCATION_NATIVE)
		return NULL;
	m = def_module(s->defs, l->native.module);
	source = find_source(s, l->native.module);
	if (!m || !source || !source->module)
		return NULL;
	return dwfl_module_addrinfo(source->module, l->native.address - m->bias - 1, &offset, &sym,
		NULL, NULL, NULL);
}

const char *symbols_data(struct symbols *s, uint64_t address)
{
	for (uint32_t i = s->defs->modules; i-- > 1; ) {
		const struct def_module *m = def_module(s->defs, i);
		struct source *source;
		const char *name = NULL;
		GElf_Off offset = 0;
		GElf_Sym sym;

		if (!m || address < m->start || address >= m->end)
			continue;
		source = find_source(s, i);
		if (source->module)
			name = dwfl_module_addrinfo(source->module, address - m->bias,
				&offset, &sym, NULL, NULL, NULL);
		if (!name)
			return keep_print(
				s, "%s+%#" PRIx64, source->name, address - m->bias);
		if (!offset)
			return keep_print(s, "%s: %s", source->name, name);
		return keep_print(
			s, "%s: %s+%#" PRIx64, source->name, name, (uint64_t)offset);
	}
	return NULL;
}

const char *symbols_complaint(const struct symbols *s, uint32_t row)
{
	return row < s->complaints ? s->complaint[row] : NULL;
}

uint32_t symbols_complaints(const struct symbols *s)
{
	return s->complaints;
}

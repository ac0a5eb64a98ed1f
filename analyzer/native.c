/*
 * native.c - one module's file, by elfutils
 *
 * Each is opened by itself and without a load address, so that files
 * which were mapped to one place one after the other do not meet.
 */
#include "native.h"

#include "buf.h"
#include "mem.h"
#include "native_private.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- finding files ----------------------------------------------------------------- */

/*
 * libdw asks a server whenever DEBUGINFOD_URLS names one, which many systems set for
 * everybody: only who asked for it shall wait for that.  So all that libdw searches for, it
 * searches for here, at once, and the variable is hidden meanwhile.
 */
static void search(Dwfl_Module *module, bool server)
{
	static const char variable[] = "DEBUGINFOD_URLS";
	const char *urls = getenv(variable);
	char *saved = server || !urls ? NULL : strdup(urls);
	GElf_Addr bias;

	if (!server)
		unsetenv(variable);
	dwfl_module_getdwarf(module, &bias);
	dwfl_module_getsymtab(module);
	if (saved)
		setenv(variable, saved, 1);
	free(saved);
}

/*
 * libdw's own search, and once more with the paths as they are on the machine the sysroot is
 * of: there the debug file of /usr/lib/x.so is below SYSROOT/usr/lib/debug/usr/lib.
 */
static int find_debuginfo(Dwfl_Module *module, void **userdata, const char *name,
	Dwarf_Addr base, const char *file, const char *link, GElf_Word crc, char **ret)
{
	const struct native *n = *userdata;
	char below[4096];
	int fd = dwfl_standard_find_debuginfo(module, userdata, name, base, file, link, crc, ret);
	int size;

	if (fd >= 0 || !n->sysroot_length || !link)
		return fd;
	if (*link != '/')
		return dwfl_standard_find_debuginfo(
			module, userdata, name, base, n->target, link, crc, ret);
	size = snprintf(below, sizeof(below), "%.*s%s", (int)n->sysroot_length, n->file, link);
	if (size < 0 || (size_t)size >= sizeof(below))
		return -1;
	return dwfl_standard_find_debuginfo(module, userdata, name, base, file, below, crc, ret);
}

/* libdw takes a relative path of debug files for one beside the module. */
static int place(struct native *n, const struct def_module *m, const char *sysroot)
{
	char *whole = *sysroot ? realpath(sysroot, NULL) : NULL;
	const char *root = whole ? whole : sysroot;
	int r = 0;

	n->sysroot_length = strlen(root);
	n->target = strndup(m->path.s, m->path.length);
	if (asprintf(&n->file, "%s%.*s", root, TEXT_ARG(m->path)) < 0) {
		n->file = NULL;
		r = -ENOMEM;
	}
	if (*root && asprintf(&n->debug_path, ":.debug:%s/usr/lib/debug", root) < 0) {
		n->debug_path = NULL;
		r = -ENOMEM;
	}
	free(whole);
	return n->target ? r : -ENOMEM;
}

static int prepare(struct native *n, const struct def_module *m,
	const struct native_options *o)
{
	n->callbacks = (Dwfl_Callbacks){
		.find_elf = dwfl_build_id_find_elf,
		.find_debuginfo = find_debuginfo,
		.section_address = dwfl_offline_section_address,
		.debuginfo_path = &n->debug_path,
	};
	return place(n, m, o->sysroot ? o->sysroot : "");
}

static bool ends_in(struct text t, const char *end)
{
	size_t n = strlen(end);

	return t.length >= n && !memcmp(t.s + t.length - n, end, n);
}

/* What a path says before any file is looked for. */
static enum native_state state_of(struct text path)
{
	if (ends_in(path, " (deleted)"))
		return NATIVE_DELETED;
	if (text_is(path, "linux-vdso.so.1") || text_is(path, "[vdso]"))
		return NATIVE_KERNEL;
	if (!path.length || path.s[0] == '[')
		return NATIVE_NAMELESS;
	return path.s[0] == '/' ? NATIVE_READ : NATIVE_ABSENT;
}

/* A plain file, whatever the trace says it is: never a device or a pipe. */
static int open_file(const char *name)
{
	struct stat st;
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0 && (fstat(fd, &st) || !S_ISREG(st.st_mode))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool right_build(const struct def_module *m, Dwfl_Module *module)
{
	const unsigned char *bits;
	GElf_Addr at;
	int n = dwfl_module_build_id(module, &bits, &at);

	if (!m->build_id_length)
		return true;
	return n == (int)m->build_id_length && !memcmp(bits, m->build_id, (size_t)n);
}

static enum native_state load(
	struct native *n, const struct def_module *m, bool server)
{
	enum native_state state = state_of(m->path);
	Dwfl_Module *module;
	GElf_Addr bias;
	void **userdata;
	int fd;

	if (state != NATIVE_READ)
		return state;
	fd = open_file(n->file);
	if (fd < 0)
		return NATIVE_ABSENT;
	n->dwfl = dwfl_begin(&n->callbacks);
	module = n->dwfl ? dwfl_report_elf(n->dwfl, n->file, n->file, fd, 0, true) : NULL;
	if (!module) {
		close(fd);
		return NATIVE_DAMAGED;
	}
	dwfl_report_end(n->dwfl, NULL, NULL);
	dwfl_module_info(module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
	*userdata = n;
	if (!dwfl_module_getelf(module, &bias))
		return NATIVE_DAMAGED;
	if (!right_build(m, module))
		return NATIVE_OTHER;
	search(module, server);
	n->module = module;
	return NATIVE_READ;
}

struct native *native_open(const struct def_module *m, const struct native_options *o)
{
	struct native *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	if (prepare(n, m, o)) {
		native_close(n);
		return NULL;
	}
	n->state = load(n, m, o->debuginfod);
	return n;
}

void native_close(struct native *n)
{
	if (!n)
		return;
	if (n->dwfl)
		dwfl_end(n->dwfl);
	while (n->names)
		mem_free(n->name[--n->names]);
	mem_free(n->name);
	free(n->symbol);
	native_scopes_free(n->scopes);
	native_data_free(n->data);
	free(n->debug_path);
	free(n->target);
	free(n->file);
	free(n);
}

enum native_state native_state(const struct native *n)
{
	return n->state;
}

/* --- functions --------------------------------------------------------------------- */

/* Where a function is defined rather than where a copy of it stands. */
static Dwarf_Die origin_of(Dwarf_Die *die)
{
	static const unsigned ways[] = { DW_AT_abstract_origin, DW_AT_specification };
	Dwarf_Die origin = *die, next;
	Dwarf_Attribute a;

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		if (dwarf_attr(&origin, ways[i], &a) && dwarf_formref_die(&a, &next))
			origin = next;
	return origin;
}

static bool is_named_scope(Dwarf_Die *die)
{
	switch (dwarf_tag(die)) {
	case DW_TAG_namespace:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
		return true;
	default:
		return false;
	}
}

static const char *keep_name(struct native *n, struct buf *b)
{
	char *name = buf_take(b);

	if (!name || mem_room(&n->name, n->names, &n->names_room, sizeof(*n->name))) {
		mem_free(name);
		return NULL;
	}
	return n->name[n->names++] = name;
}

static bool is_cxx(Dwarf_Die *unit)
{
	switch (dwarf_srclang(unit)) {
	case DW_LANG_C_plus_plus:
	case DW_LANG_C_plus_plus_03:
	case DW_LANG_C_plus_plus_11:
	case DW_LANG_C_plus_plus_14:
	case 0x2a:			/* C++17 and C++20: newer than this elfutils    */
	case 0x2b:
		return true;
	default:
		return false;
	}
}

static const char *find_scopes(struct native *n, Dwarf_Die *origin, const char *name)
{
	Dwarf_Die *scope = NULL;
	int scopes = dwarf_getscopes_die(origin, &scope);
	struct buf b = { 0 };
	const char *kept = NULL;

	for (int i = scopes; i-- > 1; )
		if (is_named_scope(&scope[i])) {
			const char *outer = dwarf_diename(&scope[i]);

			buf_printf(&b, "%s::", outer ? outer : "(anonymous namespace)");
		}
	free(scope);
	if (b.n) {
		buf_puts(&b, name);
		kept = keep_name(n, &b);
	}
	buf_fini(&b);
	return kept ? kept : name;
}

/*
 * "shop::order" of what is so local that the linker has no name for it.  To find out
 * libdw goes through the unit, so the latest answers are kept.
 */
static const char *scoped_name(
	struct native *n, Dwarf_Die *unit, Dwarf_Die *die, const char *name)
{
	Dwarf_Die origin = origin_of(die);
	struct native_scoped *known = &n->scoped[dwarf_dieoffset(&origin) % NATIVE_SCOPED];

	if (!is_cxx(unit))
		return name;
	if (known->die != origin.addr)
		*known = (struct native_scoped){ origin.addr, find_scopes(n, &origin, name) };
	return known->name;
}

/* The linker's name has namespaces and arguments in it; C has none such. */
static const char *die_name(struct native *n, Dwarf_Die *unit, Dwarf_Die *die)
{
	Dwarf_Attribute a;
	const char *name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &a));

	if (!name)
		name = dwarf_formstring(
			dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &a));
	if (name)
		return name;
	name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &a));
	return name ? scoped_name(n, unit, die, name) : NULL;
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

static uint32_t inlined_frames(
	struct native *n, uint64_t address, struct native_frame *frame)
{
	Dwarf_Die unit, scope[NATIVE_FRAMES];
	uint32_t count = native_scopes(n, address, &unit, scope);

	for (uint32_t i = 0; i < count; i++) {
		frame[i].function = die_name(n, &unit, &scope[i]);
		if (i + 1 == count)
			break;
		frame[i].inlined = true;
		frame[i + 1].line = call_line(&scope[i]);
		frame[i + 1].file = call_file(&unit, &scope[i]);
	}
	return count;
}

uint32_t native_frames(struct native *n, uint64_t address,
	struct native_frame ret[NATIVE_FRAMES])
{
	uint64_t offset;
	uint32_t count;
	bool line;

	if (!n->module)
		return 0;
	memset(ret, 0, NATIVE_FRAMES * sizeof(*ret));
	count = inlined_frames(n, address, ret);
	line = native_line(n, address, &ret[0].file, &ret[0].line);
	if (!count || !ret[count - 1].function) {
		count += !count;
		ret[count - 1].function = native_symbol(n, address, &offset);
	}
	return count > 1 || line || ret[0].function ? count : 0;
}

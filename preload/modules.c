#include "modules.h"

#include "clock.h"
#include "defs.h"
#include "loader.h"
#include "keep.h"
#include "stack.h"
#include "sys.h"

#include <dlfcn.h>
#include <elf.h>
#include <stdbool.h>
#include <string.h>

/* Numbered files, newest first; never unlinked.  All but `gone` is written once. */
struct module {
	struct module *next;
	struct link_map *map;
	uintptr_t start, end;
	uint32_t id;
	bool gone;
};
static struct module *modules;

static int (*find_object)(void *, struct dl_find_object *);

/* The loader does not know the program's name.  Read at the start: a hook has no stack for it. */
static char program[512];
static size_t program_length;

void modules_setup(void)
{
	void *p = loader_lookup(loader_first(), "_dl_find_object", NULL);
	long n = sys_readlink("/proc/self/exe", program, sizeof program);

	memcpy(&find_object, &p, sizeof p);
	program_length = n > 0 ? (size_t)n : 0;
}

static bool object_at(uintptr_t address, struct dl_find_object *ret)
{
	return find_object && !find_object((void *)address, ret);
}

static bool is_at(const struct module *m, const struct dl_find_object *o)
{
	return m->map == o->dlfo_link_map && m->start == (uintptr_t)o->dlfo_map_start
		&& m->end == (uintptr_t)o->dlfo_map_end;
}

/* Several threads may find out at once: one of them says so. */
static void is_gone(struct module *m)
{
	struct ouro_def_unload d = { .def.kind = OURO_DEF_UNLOAD, .module = m->id,
		.ticks = clock_now() };

	if (__atomic_exchange_n(&m->gone, true, __ATOMIC_RELAXED))
		return;
	define_whole(&d.def, sizeof d);
	stack_modules_changed();
}

static void note_build_id(const char *p, size_t n, struct ouro_def_module *d)
{
	while (n > sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *h = (const ElfW(Nhdr) *)p;
		size_t name = (h->n_namesz + 3) & ~(size_t)3;
		size_t all = sizeof *h + name + ((h->n_descsz + 3) & ~(size_t)3);

		if (all > n)
			return;
		if (h->n_type == NT_GNU_BUILD_ID && h->n_namesz == 4
		    && !memcmp(h + 1, "GNU", 4)) {
			d->build_id_length = h->n_descsz < sizeof d->build_id
				? h->n_descsz : sizeof d->build_id;
			memcpy(d->build_id, (const char *)(h + 1) + name, d->build_id_length);
			return;
		}
		p += all;
		n -= all;
	}
}

/* Reads what is mapped, never the file: that may be another one by now. */
static void find_build_id(struct ouro_def_module *d)
{
	const ElfW(Ehdr) *e = (const ElfW(Ehdr) *)d->start;
	const ElfW(Phdr) *p;

	if (d->end - d->start < 4096 || memcmp(e->e_ident, ELFMAG, SELFMAG)
	    || e->e_phentsize != sizeof *p || e->e_phoff > 4096
	    || e->e_phoff + e->e_phnum * sizeof *p > 4096)
		return;
	p = (const ElfW(Phdr) *)(d->start + e->e_phoff);
	for (unsigned i = 0; i < e->e_phnum && !d->build_id_length; i++) {
		uintptr_t at = d->bias + p[i].p_vaddr;

		if (p[i].p_type == PT_NOTE && at >= d->start && at < d->end
		    && p[i].p_memsz <= d->end - at)
			note_build_id((const char *)at, p[i].p_memsz, d);
	}
}

static uint32_t path_of(const struct link_map *map)
{
	if (*map->l_name)
		return define_cstring(map->l_name);
	return program_length ? define_string(program, program_length) : 0;
}

static uint32_t add(const struct dl_find_object *o)
{
	struct module *m = keep(sizeof *m);
	struct ouro_def_module d = {
		.path = path_of(o->dlfo_link_map),
		.start = (uintptr_t)o->dlfo_map_start,
		.end = (uintptr_t)o->dlfo_map_end,
		.bias = o->dlfo_link_map->l_addr,
	};

	find_build_id(&d);
	if (!m)
		return define_module(&d);
	*m = (struct module){ .map = o->dlfo_link_map, .start = d.start, .end = d.end,
		.id = define_module(&d) };
	m->next = __atomic_load_n(&modules, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&modules, &m->next, m, false, __ATOMIC_RELEASE,
			__ATOMIC_RELAXED))
		;
	return m->id;
}

uint32_t modules_find(uintptr_t address)
{
	struct dl_find_object o;

	if (!object_at(address, &o))
		return 0;
	for (struct module *m = __atomic_load_n(&modules, __ATOMIC_ACQUIRE); m; m = m->next) {
		if (m->gone)
			continue;
		if (is_at(m, &o))
			return m->id;
		if (m->start < (uintptr_t)o.dlfo_map_end
		    && (uintptr_t)o.dlfo_map_start < m->end)
			is_gone(m);
	}
	return add(&o);
}

void modules_closed(void)
{
	struct dl_find_object o;

	for (struct module *m = __atomic_load_n(&modules, __ATOMIC_ACQUIRE); m; m = m->next)
		if (!m->gone && !(object_at(m->start, &o) && is_at(m, &o)))
			is_gone(m);
}

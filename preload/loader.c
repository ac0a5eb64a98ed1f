#include "loader.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>

/* What symbol lookup reads of a loaded file. */
struct tables {
	uintptr_t bias;
	const ElfW(Sym) *symbols;
	const char *strings;
	const uint16_t *versions;
	const uint32_t *gnu_hash;
	const uint32_t *hash;
};

/* The loader has relocated most of these in place, but not those of the vDSO. */
static const void *table(uintptr_t bias, uintptr_t value)
{
	return (const void *)(value < bias ? value + bias : value);
}

static bool tables_read(struct tables *t, uintptr_t bias, const ElfW(Dyn) *dyn)
{
	*t = (struct tables){ .bias = bias };
	if (!dyn)
		return false;
	for (; dyn->d_tag != DT_NULL; dyn++) {
		const void *p = table(bias, dyn->d_un.d_ptr);

		switch (dyn->d_tag) {
		case DT_SYMTAB:		t->symbols = p; break;
		case DT_STRTAB:		t->strings = p; break;
		case DT_VERSYM:		t->versions = p; break;
		case DT_GNU_HASH:	t->gnu_hash = p; break;
		case DT_HASH:		t->hash = p; break;
		}
	}
	return t->symbols && t->strings && (t->gnu_hash || t->hash);
}

static bool is_it(const struct tables *t, uint32_t i, const char *name)
{
	const ElfW(Sym) *s = &t->symbols[i];
	const uint16_t hidden_version = 0x8000;
	unsigned type = ELF64_ST_TYPE(s->st_info);

	if (s->st_shndx == SHN_UNDEF || (t->versions && t->versions[i] & hidden_version))
		return false;
	if (type != STT_FUNC && type != STT_OBJECT && type != STT_NOTYPE)
		return false;
	return !strcmp(t->strings + s->st_name, name);
}

static const ElfW(Sym) *find_gnu(const struct tables *t, const char *name)
{
	uint32_t buckets = t->gnu_hash[0], first = t->gnu_hash[1], words = t->gnu_hash[2];
	const ElfW(Addr) *bloom = (const ElfW(Addr) *)(t->gnu_hash + 4);
	const uint32_t *bucket = (const uint32_t *)(bloom + words);
	const uint32_t *chain = bucket + buckets;
	uint32_t h = 5381, i;

	for (const char *p = name; *p; p++)
		h = h * 33 + (unsigned char)*p;
	if (!buckets || (i = bucket[h % buckets]) < first)
		return NULL;
	for (;; i++) {
		uint32_t c = chain[i - first];

		if ((c | 1) == (h | 1) && is_it(t, i, name))
			return &t->symbols[i];
		if (c & 1)
			return NULL;
	}
}

static const ElfW(Sym) *find_sysv(const struct tables *t, const char *name)
{
	uint32_t buckets = t->hash[0], h = 0;
	const uint32_t *bucket = t->hash + 2, *chain = bucket + buckets;

	for (const char *p = name; *p; p++) {
		h = (h << 4) + (unsigned char)*p;
		h ^= h >> 24 & 0xf0;
		h &= 0x0fffffff;
	}
	for (uint32_t i = buckets ? bucket[h % buckets] : 0; i; i = chain[i])
		if (is_it(t, i, name))
			return &t->symbols[i];
	return NULL;
}

static void *find(const struct tables *t, const char *name, size_t *ret_size)
{
	const ElfW(Sym) *s = t->gnu_hash ? find_gnu(t, name) : find_sysv(t, name);

	if (!s)
		return NULL;
	if (ret_size)
		*ret_size = s->st_size;
	return (void *)(t->bias + s->st_value);
}

struct link_map *loader_first(void)
{
	return _r_debug.r_map;
}

struct link_map *loader_self(void)
{
	for (struct link_map *m = loader_first(); m; m = m->l_next)
		if (m->l_ld == _DYNAMIC)
			return m;
	return NULL;
}

void *loader_symbol(const struct link_map *map, const char *name, size_t *ret_size)
{
	struct tables t;

	if (!tables_read(&t, map->l_addr, map->l_ld))
		return NULL;
	return find(&t, name, ret_size);
}

void *loader_lookup(struct link_map *map, const char *name, struct link_map **ret_map)
{
	for (; map; map = map->l_next) {
		void *p = loader_symbol(map, name, NULL);

		if (p) {
			if (ret_map)
				*ret_map = map;
			return p;
		}
	}
	return NULL;
}

static bool defined_at(const struct tables *t, uint32_t i, const void *address)
{
	const ElfW(Sym) *s = &t->symbols[i];

	return s->st_shndx != SHN_UNDEF && t->bias + s->st_value == (uintptr_t)address;
}

static bool exports_gnu(const struct tables *t, const void *address)
{
	uint32_t buckets = t->gnu_hash[0], first = t->gnu_hash[1], words = t->gnu_hash[2];
	const uint32_t *bucket = t->gnu_hash + 4 + words * (sizeof(ElfW(Addr)) / 4);
	const uint32_t *chain = bucket + buckets;

	for (uint32_t b = 0; b < buckets; b++) {
		uint32_t i = bucket[b];

		if (i < first)
			continue;
		do
			if (defined_at(t, i, address))
				return true;
		while (!(chain[i++ - first] & 1));
	}
	return false;
}

bool loader_exports(const char *name, const void *address)
{
	struct link_map *map;
	struct tables t;

	if (!loader_lookup(loader_first(), name, &map) ||
	    !tables_read(&t, map->l_addr, map->l_ld))
		return false;
	if (t.gnu_hash)
		return exports_gnu(&t, address);
	for (uint32_t i = 0; i < t.hash[1]; i++)
		if (defined_at(&t, i, address))
			return true;
	return false;
}

/* One more than the highest index that the hash table knows. */
static uint32_t symbols_end(const struct tables *t)
{
	uint32_t buckets, first, last = 0;
	const uint32_t *bucket, *chain;

	if (!t->gnu_hash)
		return t->hash[1];
	buckets = t->gnu_hash[0];
	first = t->gnu_hash[1];
	bucket = t->gnu_hash + 4 + t->gnu_hash[2] * (sizeof(ElfW(Addr)) / 4);
	chain = bucket + buckets;
	for (uint32_t b = 0; b < buckets; b++)
		if (bucket[b] > last)
			last = bucket[b];
	if (last < first)
		return first;
	while (!(chain[last - first] & 1))
		last++;
	return last + 1;
}

void loader_each(const struct link_map *map,
		 void (*each)(void *arg, const char *name, size_t length, uintptr_t address),
		 void *arg)
{
	struct tables t;
	uint32_t end;

	if (!tables_read(&t, map->l_addr, map->l_ld))
		return;
	end = symbols_end(&t);
	for (uint32_t i = 1; i < end; i++) {
		const ElfW(Sym) *s = &t.symbols[i];
		const char *name = t.strings + s->st_name;

		if (ELF64_ST_TYPE(s->st_info) == STT_FUNC && s->st_shndx != SHN_UNDEF)
			each(arg, name, strlen(name), t.bias + s->st_value);
	}
}

void *loader_vdso_symbol(const char *name)
{
	const ElfW(Ehdr) *e = (const ElfW(Ehdr) *)getauxval(AT_SYSINFO_EHDR);
	const ElfW(Dyn) *dyn = NULL;
	const ElfW(Phdr) *p;
	uintptr_t bias = 0;
	struct tables t;

	if (!e)
		return NULL;
	p = (const ElfW(Phdr) *)((uintptr_t)e + e->e_phoff);
	for (unsigned i = 0; i < e->e_phnum; i++) {
		if (p[i].p_type == PT_LOAD && !bias)
			bias = (uintptr_t)e + p[i].p_offset - p[i].p_vaddr;
		else if (p[i].p_type == PT_DYNAMIC)
			dyn = (const ElfW(Dyn) *)((uintptr_t)e + p[i].p_offset);
	}
	return tables_read(&t, bias, dyn) ? find(&t, name, NULL) : NULL;
}

#include "library.h"

#include "code.h"
#include "defs.h"
#include "detour.h"
#include "extent.h"
#include "loader.h"
#include "strbuf.h"

#include <string.h>

bool library_watched;

static void (*told)(struct link_map *map);
static bool late;			/* the program runs: what comes has not, yet     */

/*
 * The loader's list as it was last seen; written with the loader's lock.  It appends to its
 * list and removes from it anywhere, and says so each time.  So what stands in both lists
 * stands in the same order, and what comes behind that is new.
 */
static struct link_map *known[4096];
static unsigned nknown;

static void look(void)
{
	const unsigned most = sizeof known / sizeof *known;
	struct link_map *m = loader_first();
	unsigned kept = 0;

	for (unsigned i = 0; i < nknown && m; i++) {
		if (known[i] != m)
			continue;
		known[kept++] = m;
		m = m->l_next;
	}
	nknown = kept;
	for (; m && nknown < most; m = m->l_next) {
		known[nknown++] = m;
		told(m);
	}
}

/* Instead of _dl_debug_state, which is empty. */
DETOUR_HOOK static void on_debug_state(void)
{
	if (_r_debug.r_state == RT_CONSISTENT)
		look();
}

/* It is a single instruction: the jump takes the padding behind it as well. */
static size_t with_padding(const uint8_t *fn)
{
	const uintptr_t unit = 16;		/* what functions are aligned to         */
	struct code_insn i;
	struct extent x;

	if (extent_of(fn, &x))
		return 0;
	while ((uintptr_t)x.end % unit && !code_decode(x.end, CODE_INSN_MAX, &i) && i.idle)
		x.end += i.size;
	return (size_t)(x.end - fn);
}

static void note(int refusal)
{
	char text[200];
	struct strbuf t = strbuf_in(text, sizeof text);

	strbuf_add(&t, "libraries that are loaded later are not seen before they run: ");
	strbuf_add(&t, detour_refusal_name(refusal));
	define_note(OURO_NOTE_WARNING, text);
}

void library_watch(void (*came)(struct link_map *map))
{
	void *fn = (void *)_r_debug.r_brk;
	int r = -DETOUR_UNBOUNDED;

	told = came;
	look();
	if (fn)
		r = detour_place_sized("_dl_debug_state", fn, with_padding(fn),
			(void *)on_debug_state, NULL);
	library_watched = late = !r;
	if (r)
		note(r);
}

int library_detour(const char *name, void *target, void *replacement, void **ret_original)
{
	return late ? detour_place_unrun(name, target, replacement, ret_original)
		: detour_place(name, target, replacement, ret_original);
}

bool library_is(const struct link_map *map, const char *name)
{
	const char *file = strrchr(map->l_name, '/');
	size_t n = strlen(name);

	file = file ? file + 1 : map->l_name;
	return !strncmp(file, name, n) && (!file[n] || file[n] == '.');
}

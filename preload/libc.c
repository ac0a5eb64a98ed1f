#include "libc.h"

#include "defs.h"
#include "detour.h"
#include "loader.h"
#include "strbuf.h"

bool libc_detour(const char *name, void *replacement, void **ret_original)
{
	struct link_map *self = loader_self();
	void *target = self ? loader_lookup(self->l_next, name, NULL) : NULL;
	char text[160];
	struct strbuf t = strbuf_in(text, sizeof text);
	int r;

	if (!target)
		return false;
	r = detour_place(name, target, replacement, ret_original);
	if (!r)
		return true;
	strbuf_add(&t, "libc's ");
	strbuf_add(&t, name);
	strbuf_add(&t, " is not watched: ");
	strbuf_add(&t, detour_refusal_name(r));
	define_note(OURO_NOTE_INFO, text);
	return false;
}

#include "texts.h"

#include "mem.h"

#include <string.h>

/* The table falls back to linear search rather than leave the process when memory ends. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct interned {
	UT_hash_handle hh;
	text_id id;
	char s[];		/* terminated */
};

text_id texts_add(struct texts *t, const char *s, size_t length)
{
	struct interned *x;

	if (!length)
		return 0;
	HASH_FIND(hh, t->table, s, length, x);
	if (x)
		return x->id;
	if (t->n >= UINT32_MAX - 2)
		return 0;
	if (mem_room(&t->by_id, t->n + 1, &t->cap, sizeof(*t->by_id)))
		return 0;
	x = mem_array(1, sizeof(*x) + length + 1);
	if (!x)
		return 0;
	memcpy(x->s, s, length);
	x->id = t->n + 1;
	HASH_ADD_KEYPTR(hh, t->table, x->s, length, x);
	if (!x->hh.tbl) {
		mem_free(x);
		return 0;
	}
	t->by_id[++t->n] = x;
	return x->id;
}

text_id texts_add0(struct texts *t, const char *s)
{
	return s ? texts_add(t, s, strlen(s)) : 0;
}

text_id texts_find(const struct texts *t, const char *s)
{
	struct interned *x;

	HASH_FIND(hh, t->table, s, strlen(s), x);
	return x ? x->id : 0;
}

const char *texts_get(const struct texts *t, text_id id)
{
	return id && id <= t->n ? t->by_id[id]->s : "";
}

void texts_fini(struct texts *t)
{
	uint32_t i;

	HASH_CLEAR(hh, t->table);
	for (i = 1; i <= t->n; i++)
		mem_free(t->by_id[i]);
	mem_free(t->by_id);
	*t = (struct texts){0};
}

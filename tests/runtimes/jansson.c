/*
 * json_object_set takes a reference of its own, json_object_set_new takes over ours: one of
 * the two is mistaken for the other, by add_tags.
 *
 * type json array, objects 3, function add_tags
 */
#include <jansson.h>

#define APART __attribute__((noinline))

APART static void add_tags(json_t *entry)
{
	json_t *tags = json_array();

	json_array_append_new(tags, json_string("red"));
	json_object_set(entry, "tags", tags);
}

APART static void make_entry(int i)
{
	json_t *entry = json_object();

	json_object_set_new(entry, "n", json_integer(i));
	add_tags(entry);
	json_decref(entry);
}

int main(void)
{
	for (int i = 0; i < 3; i++)
		make_entry(i);
	return 0;
}

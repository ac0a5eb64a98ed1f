/*
 * Of each reply one value is taken out with a reference of its own, by pick: it is not put.
 *
 * type json string, objects 4, function pick
 */
#include <json-c/json.h>

#define APART __attribute__((noinline))

static const char *last;

APART static struct json_object *pick(struct json_object *reply)
{
	struct json_object *name = NULL;

	json_object_object_get_ex(reply, "name", &name);
	return json_object_get(name);
}

APART static void answer(void)
{
	struct json_object *reply = json_tokener_parse("{\"name\": \"ouro\", \"n\": [1, 2.5, null]}");
	struct json_object *name = pick(reply);

	last = json_object_get_string(name);
	json_object_put(reply);
}

int main(void)
{
	for (int i = 0; i < 4; i++)
		answer();
	last = NULL;
	return 0;
}

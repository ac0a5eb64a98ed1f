/*
 * verdict: 1 direct 2 indirect
 *
 * A list of three of which nobody has the head.
 */
#include <stdlib.h>

struct item { struct item *next; int value; };

static struct item *push(struct item *next)
{
	struct item *item = malloc(sizeof *item);

	item->next = next;
	return item;
}

static struct item *volatile list;

int main(void)
{
	list = push(push(push(NULL)));
	list = NULL;
	return 0;
}

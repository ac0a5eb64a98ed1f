/*
 * verdict: 1 direct
 *
 * The holder was freed first; its bytes still have the address.
 */
#include <stdlib.h>

struct node { void *more[20]; void *held; };

static struct node *volatile node;

int main(void)
{
	node = malloc(sizeof *node);
	node->held = malloc(100);
	free(node);
	node = NULL;
	return 0;
}

/*
 * verdict: 1 direct 1 indirect cyclic
 *
 * Two blocks hold each other, and nobody else does.
 */
#include <stdlib.h>

struct node { long value; struct node *other; };

static struct node *volatile first;

int main(void)
{
	struct node *second = malloc(sizeof *second);

	first = malloc(sizeof *first);
	first->other = second;
	second->other = first;
	first = second = NULL;
	return second != NULL;
}

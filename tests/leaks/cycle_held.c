/*
 * verdict: clean
 *
 * A circle that a global holds.
 */
#include <stdlib.h>

struct node { struct node *next; };

static struct node *start;

int main(void)
{
	start = malloc(sizeof *start);
	start->next = malloc(sizeof *start);
	start->next->next = start;
	return 0;
}

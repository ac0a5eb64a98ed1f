/*
 * verdict: 1 direct 3 indirect cyclic
 *
 * A circle of three, one of which holds a fourth.
 */
#include <stdlib.h>

struct node { struct node *next; void *data; };

static struct node *volatile start;

int main(void)
{
	start = calloc(1, sizeof *start);
	start->next = calloc(1, sizeof *start);
	start->next->next = calloc(1, sizeof *start);
	start->next->next->next = start;
	start->next->data = malloc(100);
	start = NULL;
	return 0;
}

/*
 * verdict: 1 direct 2 indirect
 *
 * A lost block holds a circle of two: the circle is lost by it.
 */
#include <stdlib.h>

struct node { struct node *next; };

static struct node *volatile head;

int main(void)
{
	head = calloc(1, sizeof *head);
	head->next = calloc(1, sizeof *head);
	head->next->next = calloc(1, sizeof *head);
	head->next->next->next = head->next;
	head = NULL;
	return 0;
}

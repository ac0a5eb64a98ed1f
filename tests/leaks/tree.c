/*
 * verdict: 1 direct 14 indirect
 *
 * A tree whose root is forgotten.
 */
#include <stdlib.h>

struct tree { struct tree *left, *right; };

static struct tree *grow(int depth)
{
	struct tree *t = calloc(1, sizeof *t);

	if (depth > 1) {
		t->left = grow(depth - 1);
		t->right = grow(depth - 1);
	}
	return t;
}

static struct tree *volatile root;

int main(void)
{
	root = grow(4);
	root = NULL;
	return 0;
}

/*
 * typed.c - blocks whose types follow from globals, and blocks whose types only seem to
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct link {
	struct link *next, *back;
};

struct entry {
	struct link link;		/* the block's first byte is this one's, too */
	char *text;
	struct {
		int kind;
		struct entry *first, *last;
	} children;
	union {
		struct entry *parent;
		char *other;
	} either;
	void *owner;
	struct entry *more[];
};

typedef struct {
	struct entry *table[8];
	struct entry **index;
	unsigned n;
	struct opaque *hidden;
} cache_t;

/* Defined nowhere here: what it points to has no type. */
struct opaque;

cache_t cache;
static struct link *base;
void *untyped;

/* The same address is called two things. */
struct one { long a, b; void *p; };
struct two { void *q; long c, d; };
struct one *as_one;
struct two *as_two;

static struct entry *make(const char *text, int more)
{
	struct entry *e = calloc(1, sizeof *e + (size_t)more * sizeof *e->more);

	e->text = strdup(text);
	return e;
}

int main(int argc, char **argv)
{
	struct entry *root = make("root", 2);

	cache.table[3] = root;
	root->children.first = make("child", 0);
	root->children.first->link.next = &make("sibling", 0)->link;
	root->either.parent = make("parent", 0);
	root->owner = make("owner", 0);
	root->more[1] = make("more", 0);
	cache.index = calloc(40, sizeof *cache.index);
	cache.index[17] = make("indexed", 0);
	cache.hidden = malloc(100);
	base = &make("derived", 0)->link;
	untyped = malloc(120);
	as_one = malloc(sizeof *as_one);
	as_two = (struct two *)as_one;
	as_one->p = malloc(130);
	return 0;
}

/*
 * mistake: a child holds the container that holds it
 * kind: dead-cycle
 * type: Basket
 * objects: 3
 * blame: apple_set_basket
 */
#include "thing.h"

THING(Basket, basket, G_TYPE_OBJECT)
THING(Apple, apple, G_TYPE_OBJECT)

static NOINLINE void apple_set_basket(Apple *a, Basket *b)
{
	a->held = G_OBJECT(g_object_ref(b));
}

static NOINLINE void basket_add(Basket *b, Apple *a)
{
	b->held = G_OBJECT(g_object_ref(a));
	apple_set_basket(a, b);
}

static NOINLINE void shop(void)
{
	Basket *b = basket_new();
	Apple *a = apple_new();

	basket_add(b, a);
	g_object_unref(a);
	g_object_unref(b);
}

int main(void)
{
	for (int i = 0; i < 3; i++)
		shop();
	return sweep();
}

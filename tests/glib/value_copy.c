/*
 * mistake: what g_value_dup_object returns is taken for borrowed
 * kind: unbalanced
 * type: Coin
 * objects: 2
 * blame: peek
 */
#include "thing.h"

THING(Coin, coin, G_TYPE_OBJECT)

static NOINLINE void peek(const GValue *v)
{
	Coin *c = g_value_dup_object(v);

	g_signal_emit_by_name(c, "ping");
}

static NOINLINE void pay(void)
{
	GValue v = G_VALUE_INIT;

	g_value_init(&v, coin_get_type());
	g_value_take_object(&v, coin_new());
	peek(&v);
	g_value_unset(&v);
}

int main(void)
{
	pay();
	pay();
	return sweep();
}

/*
 * The pattern that was asked for is remembered with a reference, by remember: who asks
 * again overwrites it.
 *
 * type FcPattern, objects 2, function remember
 */
#include <fontconfig/fontconfig.h>

#define APART __attribute__((noinline))

static FcPattern *asked;

APART static void remember(FcPattern *p)
{
	FcPatternReference(p);
	asked = p;
}

APART static void ask(int size)
{
	FcPattern *p = FcPatternCreate();

	FcPatternAddString(p, FC_FAMILY, (const FcChar8 *)"sans");
	FcPatternAddInteger(p, FC_WEIGHT, size);
	remember(p);
	FcPatternDestroy(p);
}

int main(void)
{
	for (int i = 1; i <= 3; i++)
		ask(i);
	FcPatternDestroy(asked);
	asked = 0;
	return 0;
}

/*
 * mistake: the local time zone is asked for again and again, and not given back
 * kind: unbalanced
 * type: GTimeZone
 * objects: 1
 * blame: stamp
 */
#include "thing.h"

static NOINLINE void stamp(void)
{
	GTimeZone *here = g_time_zone_new_local();
	GDateTime *now = g_date_time_new_now(here);

	g_date_time_unref(now);
}

static NOINLINE void elsewhere(const char *name)
{
	GTimeZone *zone = g_time_zone_new_identifier(name);
	GTimeZone *again = g_time_zone_new_identifier(name);

	g_time_zone_unref(g_time_zone_ref(zone));
	g_time_zone_unref(again);
	g_time_zone_unref(zone);
}

int main(void)
{
	for (int i = 0; i < 5; i++)
		stamp();
	elsewhere("+02:00");
	elsewhere("UTC");
	elsewhere("UTC");
	return sweep();
}

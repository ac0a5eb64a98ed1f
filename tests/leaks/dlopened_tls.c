/*
 * verdict: clean
 * flags: -ldl
 * plugin: yes
 *
 * A thread-local variable of a library that was opened late: its place is a block
 * itself.
 */
#include <dlfcn.h>
#include <stdlib.h>

#ifdef PLUGIN
static __thread void *kept;
static __thread char room[4000];

void take(void)
{
	kept = malloc(100);
	room[0] = 1;
}
#else
int main(void)
{
	void *plugin = dlopen(PLUGIN_FILE, RTLD_NOW);
	void (*take)(void) = (void (*)(void))dlsym(plugin, "take");

	take();
	return 0;
}
#endif

/*
 * verdict: clean
 * flags: -ldl
 * plugin: yes
 *
 * A library that is still open has the address in its data.
 */
#include <dlfcn.h>
#include <stdlib.h>

#ifdef PLUGIN
void *kept;

void take(void)
{
	kept = malloc(100);
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

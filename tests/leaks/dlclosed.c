/*
 * verdict: 1 direct
 * flags: -ldl
 * plugin: yes
 *
 * A library had the address in its data, and was closed.
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
	dlclose(plugin);
	return 0;
}
#endif

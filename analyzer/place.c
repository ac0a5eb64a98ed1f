#include "place.h"

#include "words.h"

#include <string.h>

static bool begins(const char *s, const char *const *with)
{
	for (; *with; with++)
		if (!strncmp(s, *with, strlen(*with)))
			return true;
	return false;
}

bool place_is_runtime(const char *module)
{
	static const char *const runtimes[] = { "libpython", "python", NULL };

	return module && begins(words_file(module), runtimes);
}

bool place_serves(const char *function, const char *module)
{
	static const char *const libraries[] = { "libc.so", "libc-", "libstdc++", "ld-linux", NULL };
	static const char *const functions[] = { "operator new", "__gnu_cxx::", "std::", "_Zn",
		"_IO_", "__GI_", "g_malloc", "g_realloc", "g_slice_", "g_strdup", NULL };

	return (module && begins(words_file(module), libraries)) || place_is_runtime(module) ||
		(module && function && begins(function, functions));
}

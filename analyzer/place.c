#include "place.h"

#include "words.h"

#include <string.h>
#include <strings.h>

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

/* xmalloc, Perl_safesysmalloc, av_strdup: who calls such a function made the block. */
static bool is_wrapper(const char *function)
{
	static const char *const ends[] = { "malloc", "calloc", "realloc", "zalloc", "strdup",
		"strndup", "memdup", NULL };
	size_t n = strcspn(function, "(.@<"), k;	/* f(unsigned long), f.part.0, f@VERSION */

	for (const char *const *end = ends; *end; end++) {
		k = strlen(*end);
		if (n >= k && !strncasecmp(function + n - k, *end, k))
			return true;
	}
	return false;
}

bool place_serves(const char *function, const char *module)
{
	static const char *const libraries[] = { "libc.so", "libc-", "libstdc++", "ld-linux", NULL };
	static const char *const functions[] = { "operator new", "__gnu_cxx::", "std::", "_Zn",
		"_IO_", "__GI_", "g_malloc", "g_realloc", "g_slice_", "g_strdup", NULL };

	return (module && begins(words_file(module), libraries)) || place_is_runtime(module) ||
		(module && function && (begins(function, functions) || is_wrapper(function)));
}

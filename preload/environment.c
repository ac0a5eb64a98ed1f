#include "environment.h"

#include "strbuf.h"

#include <elf.h>
#include <ouro/options.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

static char library[4096];

const char *environment_library(void)
{
	return library;
}

bool environment_is(const char *entry, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(entry, name, n) && entry[n] == '=';
}

const char *environment_get(char *const *envp, const char *name)
{
	for (; envp && *envp; envp++)
		if (environment_is(*envp, name))
			return strchr(*envp, '=') + 1;
	return NULL;
}

/* The loader parts the list at spaces and colons. */
size_t environment_find_us(const char *list, const char **ret_start)
{
	const size_t ours = strlen(OURO_LIBRARY_NAME);

	while (*list) {
		size_t n = strcspn(list, ": ");

		if (n >= ours && !memcmp(list + n - ours, OURO_LIBRARY_NAME, ours)
		    && (n == ours || list[n - ours - 1] == '/')) {
			*ret_start = list;
			return n;
		}
		list += n + (list[n] != 0);
	}
	return 0;
}

/* Takes our part, and the separator behind it, else the one before it, out of the list. */
static void cut_out(char *list, char *us, size_t n)
{
	if (us[n])
		n++;
	else if (us > list) {
		us--;
		n++;
	}
	memmove(us, us + n, strlen(us + n) + 1);
}

/* Removes what `gone` says; returns how many entries that were. */
static size_t remove_entries(char **envp, const char *const gone[2])
{
	char **to = envp, **from = envp;

	for (; *from; from++)
		if (*from != gone[0] && *from != gone[1])
			*to++ = *from;
	*to = NULL;
	return (size_t)(from - to);
}

/*
 * Behind the kernel's array, and the NULL that ends it, comes the auxiliary
 * vector, which some programs find by walking there.  Two entries less leave
 * room for one pair of the vector: one to be ignored.
 */
static void close_gap(char **envp, size_t gap)
{
	Elf64_auxv_t ignore = { .a_type = AT_IGNORE };

	while (*envp)
		envp++;
	if (gap == 2)
		memcpy(envp + 1, &ignore, sizeof ignore);
}

void environment_restore(char **envp, int preload)
{
	const char *gone[2] = { NULL, NULL }, *us;
	struct strbuf keep = strbuf_in(library, sizeof library);

	for (char **e = envp; *e; e++) {
		if (environment_is(*e, OURO_OPTIONS_VARIABLE)) {
			gone[0] = *e;
		} else if (environment_is(*e, "LD_PRELOAD")) {
			char *list = *e + strlen("LD_PRELOAD=");
			size_t n = environment_find_us(list, &us);

			if (!n)
				continue;
			strbuf_add_n(&keep, us, n);
			cut_out(list, list + (us - list), n);
			if (preload == 0 || (preload < 0 && !*list))
				gone[1] = *e;
		}
	}
	close_gap(envp, remove_entries(envp, gone));
	/* Somebody called setenv before us: libc has an array of its own by now. */
	if (environ && environ != envp)
		remove_entries(environ, gone);
}

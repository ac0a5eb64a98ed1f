/*
 * words.c - counts words, and leaks as programs of a certain age do
 *
 * Two leaks are known and accepted, in baseline.txt; -DNEW_LEAK adds the one that
 * somebody makes the day before the release.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
	char *text;
	unsigned long count;
	struct word *next;
};

static struct word *words;

static char *copy(const char *s)
{
	char *p = malloc(strlen(s) + 1);

	return p ? strcpy(p, s) : NULL;
}

/* Known: nobody frees the answer. */
static const char *language(void)
{
	const char *lang = getenv("LANG");

	return copy(lang ? lang : "C");
}

static void count(const char *text)
{
	struct word *w;
	char *key = copy(text);

	for (w = words; w; w = w->next)
		if (!strcmp(w->text, key))
			break;
	if (!w) {
		w = calloc(1, sizeof(*w));
		w->text = copy(key);
		w->next = words;
		words = w;
	}
	w->count++;
	/* Known: the key of a word that was there already should go, too. */
	if (w->count == 1)
		free(key);
}

#ifdef NEW_LEAK
static void log_word(const char *text)
{
	char *line = malloc(80);

	snprintf(line, 80, "word %s", text);
	if (*line == '#')
		puts(line);
}
#endif

int main(int argc, char **argv)
{
	const char *lang = language();
	unsigned long different = 0, all = 0;

	for (int i = 1; i < argc; i++) {
		count(argv[i]);
#ifdef NEW_LEAK
		log_word(argv[i]);
#endif
	}
	for (struct word *w = words; w; w = w->next) {
		different++;
		all += w->count;
	}
	printf("%lu words, %lu different, in %s\n", all, different, lang);
	return 0;
}

/*
 * A server that leaks: once at its start, and one block for each request.
 *
 *   server REQUESTS
 *
 * -DTHIRD adds a third leak, -DGROWN lets each request leak four times as much as before,
 * -DCACHE a cache that fills up before ouro_mark("warm") and is then forgotten.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ouro_mark(const char *name) __attribute__((weak));

struct request {
	char *line;
	int number;
};

static void *xmalloc(size_t n)
{
	void *p = malloc(n);

	if (!p)
		abort();
	return p;
}

static char *xstrdup(const char *s)
{
	return strcpy(xmalloc(strlen(s) + 1), s);
}

static void read_options(void)
{
	char *name = xstrdup("server.conf");	/* the first: nobody frees it */

	if (name[0] == '#')
		puts(name);
}

static struct request *parse(int number)
{
	struct request *r = xmalloc(sizeof(*r));
	char line[40];

	snprintf(line, sizeof(line), "GET /%08d", number % 1000);
	r->line = xstrdup(line);
	r->number = number;
	return r;
}

#ifdef THIRD
static void log_request(const struct request *r)
{
	char *entry = xmalloc(64);	/* the third */

	snprintf(entry, 64, "%d %s", r->number, r->line);
	if (entry[0] == '#')
		puts(entry);
}
#endif

static int answer(const struct request *r)
{
	char *body = malloc(200);
	int n = snprintf(body, 200, "<p>%s</p>", r->line);

	free(body);
	return n;
}

static void finish(struct request *r)
{
#ifdef GROWN
	for (int i = 0; i < 3; i++)
		r->line = xstrdup(r->line);
#endif
	free(r);			/* the second: and r->line? */
}

int main(int argc, char **argv)
{
	long sum = 0;

	read_options();
#ifdef CACHE
	for (int i = 0; i < 50; i++)
		sum += *xstrdup("cached");
	if (ouro_mark)
		ouro_mark("warm");
#endif
	for (int i = 0; i < (argc > 1 ? atoi(argv[1]) : 100); i++) {
		struct request *r = parse(i);

		sum += answer(r);
#ifdef THIRD
		log_request(r);
#endif
		finish(r);
	}
	printf("%ld bytes\n", sum);
	return 0;
}

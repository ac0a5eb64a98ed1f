#include "term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define NARROWEST 40
#define NO_TERMINAL 100

static unsigned width_of(FILE *out)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	long n = columns ? strtol(columns, NULL, 10) : 0;

	if (n <= 0 && isatty(fileno(out)) && !ioctl(fileno(out), TIOCGWINSZ, &size))
		n = size.ws_col;
	if (n <= 0 || n > 100000)
		n = NO_TERMINAL;
	return n < NARROWEST ? NARROWEST : (unsigned)n;
}

static bool colour_on(FILE *out)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(out)) && !(no && *no) && term && strcmp(term, "dumb");
}

struct term term_of(FILE *out)
{
	return (struct term){ .out = out, .width = width_of(out), .colour = colour_on(out) };
}

void term_style(const struct term *t, enum term_style style)
{
	static const char *const code[] = {
		[TERM_PLAIN] = "0", [TERM_BOLD] = "1", [TERM_DIM] = "2", [TERM_RED] = "31;1",
		[TERM_YELLOW] = "33;1", [TERM_GREEN] = "32;1", [TERM_CYAN] = "36",
	};

	if (t->colour)
		fprintf(t->out, "\033[%sm", code[style]);
}

unsigned term_columns(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

static unsigned columns_of(const char *s, size_t bytes)
{
	unsigned n = 0;

	while (bytes--)
		n += (*s++ & 0xc0) != 0x80;
	return n;
}

/* A traced program's text may hold anything: nothing of it may steer the terminal. */
static void put_word(FILE *out, const char *s, size_t n)
{
	for (; n--; s++)
		putc((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s, out);
}

void term_wrap(const struct term *t, unsigned column, unsigned indent, const char *text)
{
	unsigned at = column;
	bool fresh = true;

	for (text += strspn(text, " \n"); *text; text += strspn(text, " \n")) {
		size_t n = strcspn(text, " \n");
		unsigned wide = columns_of(text, n);

		if (!fresh && at + 1 + wide > t->width) {
			fprintf(t->out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!fresh) {
			putc(' ', t->out);
			at++;
		}
		put_word(t->out, text, n);
		at += wide;
		fresh = false;
		text += n;
	}
	putc('\n', t->out);
}

const char *term_path(const struct term *t, const char *path)
{
	size_t n = t->directory ? strlen(t->directory) : 0;

	if (n > 1 && !strncmp(path, t->directory, n) && path[n] == '/' && path[n + 1])
		return path + n + 1;
	return path;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void progress_start(struct progress *p, const char *what)
{
	*p = (struct progress){ .what = what, .started_ns = now_ns() };
}

void progress_step(struct progress *p, uint64_t done, uint64_t total)
{
	uint64_t now = now_ns();

	if (now - p->started_ns < 1000000000 || now - p->shown_ns < 200000000 || !isatty(2))
		return;
	p->shown_ns = now;
	p->shown = true;
	if (total)
		fprintf(stderr, "\r%s: %3u%%\033[K", p->what,
			(unsigned)(100.0 * (double)done / (double)total));
	else
		fprintf(stderr, "\r%s: %llu\033[K", p->what, (unsigned long long)done);
}

void progress_stop(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}

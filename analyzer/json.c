#include "json.h"

#include <math.h>

unsigned json_utf8_length(const unsigned char *s)
{
	unsigned n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 :
		s[0] < 0xf5 ? 4 : 0;
	unsigned i;

	for (i = 1; i < n; i++)		/* the terminator is no continuation byte */
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

static void put_string(FILE *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned n;

	putc('"', out);
	for (; *s; s += n ? n : 1) {
		n = json_utf8_length(s);
		if (!n)
			fputs("\xef\xbf\xbd", out);
		else if (*s == '"' || *s == '\\')
			fprintf(out, "\\%c", *s);
		else if (*s == '\n')
			fputs("\\n", out);
		else if (*s == '\t')
			fputs("\\t", out);
		else if (*s < 0x20 || *s == 0x7f)
			fprintf(out, "\\u%04x", *s);
		else
			fwrite(s, 1, n, out);
	}
	putc('"', out);
}

static void new_line(struct json *j)
{
	unsigned i;

	if (!j->lines || j->depth > 2)
		return;
	putc('\n', j->out);
	for (i = 0; i < j->depth; i++)
		putc(' ', j->out);
}

static void begin(struct json *j, const char *key)
{
	if (j->started)
		fputs(j->lines && j->depth <= 2 ? "," : ", ", j->out);
	if (j->depth)
		new_line(j);
	if (key) {
		put_string(j->out, key);
		fputs(": ", j->out);
	}
	j->started = true;
}

void json_open(struct json *j, const char *key, char bracket)
{
	begin(j, key);
	putc(bracket, j->out);
	j->depth++;
	j->started = false;
}

void json_close(struct json *j, char bracket)
{
	j->depth--;
	if (j->started && j->depth < 2)
		new_line(j);
	putc(bracket, j->out);
	j->started = true;
	if (!j->depth)
		putc('\n', j->out);
}

void json_text(struct json *j, const char *key, const char *s)
{
	if (!s) {
		json_null(j, key);
		return;
	}
	begin(j, key);
	put_string(j->out, s);
}

void json_uint(struct json *j, const char *key, uint64_t v)
{
	begin(j, key);
	fprintf(j->out, "%llu", (unsigned long long)v);
}

void json_int(struct json *j, const char *key, int64_t v)
{
	begin(j, key);
	fprintf(j->out, "%lld", (long long)v);
}

void json_real(struct json *j, const char *key, double v)
{
	if (!isfinite(v)) {		/* JSON has no word for it */
		json_null(j, key);
		return;
	}
	begin(j, key);
	fprintf(j->out, "%.9g", v);
}

void json_bool(struct json *j, const char *key, bool v)
{
	begin(j, key);
	fputs(v ? "true" : "false", j->out);
}

void json_null(struct json *j, const char *key)
{
	begin(j, key);
	fputs("null", j->out);
}

#include "audit_report.h"

#include "buf.h"
#include "json.h"

#include <string.h>
#include <time.h>

/* What XML has no way to say becomes U+FFFD. */
static void put_xml(FILE *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned n;

	for (; *s; s += n ? n : 1) {
		n = json_utf8_length(s);
		if (!n || (*s < 0x20 && *s != '\t' && *s != '\n') ||
		    (n == 3 && s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe))
			fputs("\xef\xbf\xbd", out);
		else if (*s == '<')
			fputs("&lt;", out);
		else if (*s == '>')
			fputs("&gt;", out);
		else if (*s == '&')
			fputs("&amp;", out);
		else if (*s == '"')
			fputs("&quot;", out);
		else
			fwrite(s, 1, n, out);
	}
}

static void put_attribute(FILE *out, const char *name, const char *value)
{
	fprintf(out, " %s=\"", name);
	put_xml(out, value);
	putc('"', out);
}

static void begin_case(FILE *out, const char *class, const char *name)
{
	fputs("    <testcase", out);
	put_attribute(out, "classname", class);
	put_attribute(out, "name", name);
	fputs(" time=\"0\"", out);
}

/* A case that went well. */
static void put_case(FILE *out, const char *class, const char *name)
{
	begin_case(out, class, name);
	fputs("/>\n", out);
}

static void put_wrong(FILE *out, const char *element, const char *type, const char *message,
		      const char *text)
{
	fprintf(out, ">\n      <%s", element);
	put_attribute(out, "type", type);
	put_attribute(out, "message", message);
	putc('>', out);
	put_xml(out, text);
	fprintf(out, "</%s>\n    </testcase>\n", element);
}

static void put_skipped(FILE *out, const char *message)
{
	fputs(">\n      <skipped", out);
	put_attribute(out, "message", message);
	fputs("/>\n    </testcase>\n", out);
}

static void put_finding(FILE *out, const struct audit *a, uint32_t i)
{
	const struct ledger_entry *e = a->pairs.pair[i].now;
	struct buf title = {0}, change = {0}, text = {0};

	ledger_put_title(&title, e, false);	/* CI systems know a case by its name */
	if (a->why[i] == AUDIT_FINE) {
		put_case(out, e->kind, buf_text(&title));
		buf_fini(&title);
		return;
	}
	audit_put_change(&change, a, i);
	for (uint32_t k = 0; k < e->nplaces; k++) {
		buf_puts(&text, k && e->chain ? "\nby " : "\nat ");
		ledger_put_place(&text, &e->place[k], true);
	}
	for (uint32_t k = 0; k < e->nedges; k++)
		buf_printf(&text, "\n%s", e->edge[k]);
	buf_printf(&text, "\n%s\n%s\n", e->headline, e->advice);
	begin_case(out, e->kind, buf_text(&title));
	put_wrong(out, "failure", audit_why_name(a->why[i]), buf_text(&change), buf_text(&text));
	buf_fini(&title);
	buf_fini(&change);
	buf_fini(&text);
}

static void put_command(FILE *out, const struct audit *a, const struct audit_words *w)
{
	if (!a->nfailures)
		put_case(out, "command", w->command);
	for (uint32_t i = 0; i < a->nfailures; i++) {
		begin_case(out, "command", w->command);
		put_wrong(out, "error", a->failure[i].kind, a->failure[i].text, "");
	}
}

static uint32_t used_suppressions(const struct audit *a)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < a->suppressions.n; i++)
		n += a->suppressions.s[i].used > 0;
	return n;
}

static void put_suppressions(FILE *out, const struct audit *a)
{
	for (uint32_t i = 0; i < a->suppressions.n; i++) {
		const struct suppression *s = &a->suppressions.s[i];
		struct buf b = {0};

		if (!s->used)
			continue;
		buf_printf(&b, "%llu suppressed by %s:%u", (unsigned long long)s->used, s->file, s->line);
		begin_case(out, "suppressed", s->name);
		put_skipped(out, buf_text(&b));
		buf_fini(&b);
	}
}

static void put_counts(FILE *out, const struct audit *a)
{
	uint32_t found = a->now.n, skipped = used_suppressions(a);

	fprintf(out, " tests=\"%u\" failures=\"%u\" errors=\"%u\"",
		found + skipped + (a->nfailures ? a->nfailures : 1), a->fails, a->nfailures);
}

static void put_suite(FILE *out, const struct audit *a, const struct audit_words *w)
{
	char when[40] = "1970-01-01T00:00:00";
	time_t now = time(NULL);
	struct tm tm;

	if (gmtime_r(&now, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	fputs("  <testsuite name=\"ouro audit\" package=\"ouro\" id=\"0\" hostname=\"localhost\"", out);
	put_counts(out, a);
	fprintf(out, " skipped=\"%u\" time=\"%.3f\" timestamp=\"%s\">\n", used_suppressions(a),
		a->seconds, when);
	fputs("    <properties>\n      <property name=\"baseline\"", out);
	put_attribute(out, "value", w->baseline ? w->baseline : "none");
	fprintf(out, "/>\n      <property name=\"tolerance\" value=\"%g\"/>\n    </properties>\n",
		a->o.tolerance.share);
	put_command(out, a, w);
	for (uint32_t i = 0; i < a->pairs.n; i++)
		if (a->pairs.pair[i].now)
			put_finding(out, a, i);
	put_suppressions(out, a);
	fputs("    <system-out></system-out>\n    <system-err>", out);
	for (uint32_t i = 0; i < a->nnotes; i++) {
		put_xml(out, a->note[i]);
		putc('\n', out);
	}
	fputs("</system-err>\n  </testsuite>\n", out);
}

void audit_junit(FILE *out, const struct audit *a, const struct audit_words *w)
{
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ouro audit\"", out);
	put_counts(out, a);
	fprintf(out, " time=\"%.3f\">\n", a->seconds);
	put_suite(out, a, w);
	fputs("</testsuites>\n", out);
}

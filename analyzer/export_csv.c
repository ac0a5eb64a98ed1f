/*
 * export_csv.c - one table at a time (RFC 4180: texts in quotes, these doubled)
 */
#include "export.h"

#include "report_gc.h"

#include <errno.h>
#include <string.h>

static void put_text(FILE *out, const char *s)
{
	putc('"', out);
	for (; s && *s; s++) {
		if (*s == '"')
			putc('"', out);
		putc(*s, out);
	}
	putc('"', out);
}

static void put_place(FILE *out, const char *function, const char *file, uint32_t line)
{
	put_text(out, function);
	putc(',', out);
	put_text(out, file);
	putc(',', out);
	if (line)
		fprintf(out, "%u", line);
}

static int put_sites(const struct export_job *job)
{
	const struct replay *r = &job->r->replay;
	struct export_frames x;
	int e = export_frames_init(&x, job->r);

	fputs("site,function,file,line,module", job->out);
	for (int v = 0; v < EXPORT_VALUES; v++)
		fprintf(job->out, ",%s", export_value_name(v));
	putc('\n', job->out);
	for (site_id i = 0; i < r->sites && !e; i++) {
		const struct frame *f;

		if (!job->sums[i].blocks && !job->sums[i].live)
			continue;
		e = export_frames_of(&x, r->site[i].stack);
		if (e)
			break;
		f = export_place(&x)->f;
		fprintf(job->out, "%u,", i);
		put_place(job->out, f ? f->function : NULL, f ? f->file : NULL, f ? f->line : 0);
		putc(',', job->out);
		put_text(job->out, f ? f->module : NULL);
		for (int v = 0; v < EXPORT_VALUES; v++)
			fprintf(job->out, ",%llu",
				(unsigned long long)export_site_value(&job->sums[i], v));
		putc('\n', job->out);
	}
	export_frames_fini(&x);
	return e;
}

static int put_collections(const struct export_job *job)
{
	return gc_csv(job->out, job->r);
}

static int put_findings(const struct export_job *job)
{
	const struct findings *list[] = { &job->r->analysis.findings, &job->r->analysis.live };

	fputs("kind,severity,count,objects,bytes,retained_objects,retained_bytes,function,file,line,"
	      "headline,story,advice\n", job->out);
	for (int k = 0; k < 2; k++)
		for (uint32_t i = 0; i < list[k]->n; i++) {
			const struct finding *f = &list[k]->f[i];

			fprintf(job->out, "%s,%s,%llu,%llu,%llu,%llu,%llu,",
				finding_kind_name(f->kind), finding_severity_name(f->severity),
				(unsigned long long)f->count, (unsigned long long)f->objects,
				(unsigned long long)f->bytes, (unsigned long long)f->retained_objects,
				(unsigned long long)f->retained_bytes);
			put_place(job->out, f->nsites ? f->site[0].function : NULL,
				  f->nsites ? f->site[0].file : NULL, f->nsites ? f->site[0].line : 0);
			putc(',', job->out);
			put_text(job->out, f->headline);
			putc(',', job->out);
			put_text(job->out, f->story);
			putc(',', job->out);
			put_text(job->out, f->advice);
			putc('\n', job->out);
		}
	return 0;
}

static const struct table {
	const char *name;
	int (*put)(const struct export_job *job);
} tables[] = {
	{ "sites", put_sites },
	{ "collections", put_collections },
	{ "findings", put_findings },
};

static int write_csv(const struct export_job *job)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		if (!strcmp(job->table ? job->table : "sites", tables[i].name))
			return tables[i].put(job);
	snprintf(job->error, 200, "--table %s: it is sites, collections or findings", job->table);
	return 1;
}

const struct export export_csv = {
	.name = "csv",
	.help = "a table; see --table",
	.write = write_csv,
};

/*
 * export_folded.c - one line for each site, "outer;inner 123", as flamegraph.pl reads it
 */
#include "export.h"

#include <errno.h>

/* A semicolon parts frames, the last blank the number: names have neither at their ends. */
static void put_name(struct buf *b, const struct export_frame *f)
{
	size_t from = b->n;

	export_frame_name(f, b);
	for (size_t i = from; i < b->n; i++)
		if (b->s[i] == ';' || b->s[i] == '\n' || b->s[i] == '\r')
			b->s[i] = ':';
}

static int write_folded(const struct export_job *job)
{
	const struct replay *r = &job->r->replay;
	struct export_frames x;
	struct buf b = { 0 };
	int e = export_frames_init(&x, job->r);

	for (site_id i = 0; i < r->sites && !e; i++) {
		uint64_t value = export_site_value(&job->sums[i], job->value);

		if (!value)
			continue;
		e = export_frames_of(&x, r->site[i].stack);
		for (uint32_t k = 0; k < x.depth && !e; k++) {
			if (k)
				buf_putc(&b, ';');
			put_name(&b, &x.frame[x.stack[k]]);
		}
		if (b.failed)
			e = -ENOMEM;
		if (!e)
			fprintf(job->out, "%s %llu\n", buf_text(&b), (unsigned long long)value);
		buf_reset(&b);
	}
	buf_fini(&b);
	export_frames_fini(&x);
	return e;
}

const struct export export_folded = {
	.name = "folded",
	.help = "stacks in one line each, for flamegraph.pl and its like; see --value",
	.write = write_folded,
};

/*
 * export_speedscope.c - the file format of speedscope (https://www.speedscope.app/file-format-schema.json)
 *
 * A site is a sample, its value the weight; one profile for each value in bytes, or for the
 * one that was asked for (a profile of every value can be too large for a browser).
 */
#include "export.h"

#include "json.h"
#include "mem.h"

#include <errno.h>

static void put_frames(struct json *j, const struct export_frames *x)
{
	struct buf name = { 0 };

	json_open(j, "shared", '{');
	json_open(j, "frames", '[');
	for (uint32_t i = 0; i < x->n; i++) {
		const struct frame *f = x->frame[i].f;

		export_frame_name(&x->frame[i], &name);
		json_open(j, NULL, '{');
		json_text(j, "name", buf_text(&name));
		if (f && (f->file || f->module))
			json_text(j, "file", f->file ? f->file : f->module);
		if (f && f->file && f->line)
			json_uint(j, "line", f->line);
		json_close(j, '}');
		buf_reset(&name);
	}
	json_close(j, ']');
	json_close(j, '}');
	buf_fini(&name);
}

static int put_profile(struct json *j, const struct export_job *job, struct export_frames *x,
	enum export_value value)
{
	const struct replay *r = &job->r->replay;
	uint64_t sum = 0;
	int e = 0;

	json_open(j, NULL, '{');
	json_text(j, "type", "sampled");
	json_text(j, "name", export_value_name(value));
	json_text(j, "unit", export_is_bytes(value) ? "bytes" : "none");
	json_open(j, "samples", '[');
	for (site_id i = 0; i < r->sites && !e; i++) {
		if (!export_site_value(&job->sums[i], value))
			continue;
		e = export_frames_of(x, r->site[i].stack);
		json_open(j, NULL, '[');
		for (uint32_t k = 0; k < x->depth && !e; k++)
			json_uint(j, NULL, x->stack[k]);
		json_close(j, ']');
	}
	json_close(j, ']');
	json_open(j, "weights", '[');
	for (site_id i = 0; i < r->sites; i++) {
		uint64_t v = export_site_value(&job->sums[i], value);

		sum += v;
		if (v)
			json_uint(j, NULL, v);
	}
	json_close(j, ']');
	json_uint(j, "startValue", 0);
	json_uint(j, "endValue", sum);
	json_close(j, '}');
	return e;
}

static int write_speedscope(const struct export_job *job)
{
	static const enum export_value values[] = { EXPORT_INUSE_SPACE, EXPORT_PEAK_SPACE,
		EXPORT_ALLOC_SPACE };
	const struct replay *r = &job->r->replay;
	struct json j = { .out = job->out, .lines = true };
	struct export_frames x;
	int e = export_frames_init(&x, job->r);

	if (e)
		return e;
	json_open(&j, NULL, '{');
	json_text(&j, "$schema", "https://www.speedscope.app/file-format-schema.json");
	json_text(&j, "exporter", "ouro " OURO_VERSION);
	json_text(&j, "name", job->r->program);
	json_uint(&j, "activeProfileIndex", job->asked || r->total.live_bytes ? 0 : 1);
	json_open(&j, "profiles", '[');
	if (job->asked)
		e = put_profile(&j, job, &x, job->value);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values) && !e && !job->asked; i++)
		e = put_profile(&j, job, &x, values[i]);
	json_close(&j, ']');
	put_frames(&j, &x);
	json_close(&j, '}');
	export_frames_fini(&x);
	return e;
}

const struct export export_speedscope = {
	.name = "speedscope",
	.help = "JSON for https://www.speedscope.app; all values in bytes, or --value",
	.write = write_speedscope,
};

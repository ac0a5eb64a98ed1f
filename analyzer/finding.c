#include "finding.h"

#include "mem.h"

#include <string.h>

#include <stdlib.h>

struct finding *findings_add(struct findings *s)
{
	if (mem_room(&s->f, s->n, &s->cap, sizeof(*s->f)))
		return NULL;
	s->f[s->n] = (struct finding){0};
	return &s->f[s->n++];
}

static bool is_of_time(const struct finding *f)
{
	return f->kind == FINDING_COLLECTOR_WASTE || f->kind == FINDING_COLLECTOR_TUNING;
}

static int worse_first(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->severity != y->severity)
		return x->severity < y->severity ? -1 : 1;
	/* Time wasted has no bytes to be weighed by. */
	if (is_of_time(x) != is_of_time(y))
		return is_of_time(x) ? -1 : 1;
	if (x->retained_bytes != y->retained_bytes)
		return x->retained_bytes > y->retained_bytes ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->nmembers && y->nmembers && x->member[0].node != y->member[0].node)
		return x->member[0].node < y->member[0].node ? -1 : 1;
	return 0;
}

void findings_rank(struct findings *s)
{
	if (s->n)
		qsort(s->f, s->n, sizeof(*s->f), worse_first);
}

static void finding_fini(struct finding *f)
{
	uint32_t i;

	for (i = 0; i < f->nmembers; i++)
		mem_free(f->member[i].label);
	for (i = 0; i < f->nedges; i++)
		mem_free(f->edge[i].name);
	mem_free(f->type);
	mem_free(f->site);
	mem_free(f->member);
	mem_free(f->edge);
	mem_free(f->all);
	mem_free(f->path);
	mem_free(f->headline);
	mem_free(f->story);
	mem_free(f->holder);
	mem_free(f->advice);
}

void findings_fini(struct findings *s)
{
	uint32_t i;

	for (i = 0; i < s->n; i++)
		finding_fini(&s->f[i]);
	mem_free(s->f);
	*s = (struct findings){0};
}

int finding_nearness(const struct finding *f, const char *function, const char *file,
		    uint32_t line)
{
	int near = 0;

	for (uint32_t i = 0; i < f->nsites; i++) {
		const struct finding_site *s = &f->site[i];

		if (strcmp(s->function, function) || strcmp(s->file, file))
			continue;
		if (s->line == line)
			return 2;
		near = 1;
	}
	return near;
}

bool finding_is_part(const struct finding *f, enum report_part part)
{
	if (part != REPORT_ALL && (f->kind == FINDING_GROWTH || f->kind == FINDING_CHURN))
		return false;
	switch (part) {
	case REPORT_CYCLES:
		return f->kind != FINDING_OVER_RETAINED && f->kind != FINDING_LOST &&
			f->kind != FINDING_UNBALANCED && f->kind != FINDING_OVER_RELEASED &&
			!is_of_time(f);
	case REPORT_LEAKS:
		return f->kind != FINDING_DEAD_CYCLE && f->kind != FINDING_LIVE_CYCLE &&
			f->kind != FINDING_COLLECTED_CYCLE && !is_of_time(f);
	default:
		return true;
	}
}

const char *finding_kind_name(enum finding_kind kind)
{
	static const char *const name[FINDING_KINDS] = {
		[FINDING_DEAD_CYCLE] = "dead-cycle",
		[FINDING_UNCOLLECTABLE_CYCLE] = "uncollectable-cycle",
		[FINDING_OVER_RETAINED] = "over-retained",
		[FINDING_LOST] = "lost",
		[FINDING_LIVE_CYCLE] = "live-cycle",
		[FINDING_COLLECTED_CYCLE] = "collected-cycle",
		[FINDING_UNBALANCED] = "unbalanced",
		[FINDING_OVER_RELEASED] = "over-released",
		[FINDING_COLLECTOR_WASTE] = "collector-waste",
		[FINDING_GROWTH] = "growth",
		[FINDING_CHURN] = "churn",
		[FINDING_COLLECTOR_TUNING] = "collector-tuning",
	};

	return name[kind];
}

const char *finding_severity_name(enum finding_severity severity)
{
	static const char *const name[] = { "error", "warning", "info" };

	return name[severity];
}

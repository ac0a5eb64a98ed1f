#include "pauses.h"

#include "mem.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { ROUNDS = 6, TERMS = 3 };

/* Times that far above the line are the machine's doing, not the collector's. */
#define OUTLIER 2.0

#define FEW 4				/* collections                               */

struct sample {
	double examined, freed, seconds;
};

static double line(const struct pause_cost *p, const struct sample *x)
{
	return p->each + p->object * x->examined + p->freed * x->freed;
}

/* Solves a * x = b of three terms; what can't be told apart is 0. */
static void solve(double a[TERMS][TERMS + 1], double *ret)
{
	for (int i = 0; i < TERMS; i++) {
		if (fabs(a[i][i]) < 1e-12)
			continue;
		for (int k = 0; k < TERMS; k++) {
			double f = k == i ? 0 : a[k][i] / a[i][i];

			for (int j = i; j <= TERMS; j++)
				a[k][j] -= f * a[i][j];
		}
	}
	for (int i = 0; i < TERMS; i++)
		ret[i] = fabs(a[i][i]) < 1e-12 ? 0 : a[i][TERMS] / a[i][i];
}

/*
 * Least squares of relative errors, so that small collections count too; what lies far
 * off counts less in the next round.
 */
static void fit_line(struct pause_cost *p, const struct sample *x, uint32_t n)
{
	for (int round = 0; round < ROUNDS; round++) {
		double a[TERMS][TERMS + 1] = {{0}}, term[TERMS];

		for (uint32_t i = 0; i < n; i++) {
			double v[TERMS] = { 1, x[i].examined, x[i].freed };
			double expected = round ? line(p, &x[i]) : x[i].seconds;
			double w = 1 / (x[i].seconds * x[i].seconds + 1e-12);

			if (round && x[i].seconds > OUTLIER * expected && expected > 0)
				w *= expected / x[i].seconds;
			for (int r = 0; r < TERMS; r++) {
				for (int c = 0; c < TERMS; c++)
					a[r][c] += w * v[r] * v[c];
				a[r][TERMS] += w * v[r] * x[i].seconds;
			}
		}
		solve(a, term);
		p->each = term[0] > 0 ? term[0] : 0;
		p->object = term[1] > 0 ? term[1] : 0;
		p->freed = term[2] > 0 ? term[2] : 0;
	}
}

static unsigned size_class(double examined)
{
	unsigned c = examined >= 1 ? (unsigned)log2(examined) : 0;

	return c < PAUSE_SIZES ? c : PAUSE_SIZES - 1;
}

static int smaller_first(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/*
 * Of one class: measured times to those of the line, what is far off counted as far as OUTLIER.
 * Where it has few collections, each of them a chance, the class before it has its say.
 */
static double factor_of(const struct pause_cost *p, const struct sample *x, uint32_t n, unsigned class,
			double before, double *ratio)
{
	double measured = 0, expected = 0, most;
	uint32_t m = 0;

	for (uint32_t i = 0; i < n; i++)
		if (size_class(x[i].examined) == class && line(p, &x[i]) > 0)
			ratio[m++] = x[i].seconds / line(p, &x[i]);
	if (!m)
		return 0;
	qsort(ratio, m, sizeof(*ratio), smaller_first);
	most = OUTLIER * ratio[m / 2];
	for (uint32_t i = 0; i < n; i++) {
		double is = line(p, &x[i]);

		if (size_class(x[i].examined) != class || is <= 0)
			continue;
		expected += is;
		measured += x[i].seconds < most * is ? x[i].seconds : most * is;
	}
	before = before > 0 ? before : 1;
	return (measured / expected * m + before * FEW) / (m + FEW);
}

/* Gaps are as their neighbours. */
static int fit_factors(struct pause_cost *p, const struct sample *x, uint32_t n)
{
	double *ratio = mem_array(n, sizeof(*ratio)), last = 0;

	if (!ratio)
		return -ENOMEM;
	for (unsigned c = 0; c < PAUSE_SIZES; c++) {
		p->factor[c] = factor_of(p, x, n, c, last, ratio);
		if (p->factor[c] <= 0)
			p->factor[c] = last;
		last = p->factor[c];
	}
	for (unsigned c = PAUSE_SIZES; c-- > 0;) {
		if (p->factor[c] <= 0)
			p->factor[c] = last > 0 ? last : 1;
		last = p->factor[c];
	}
	mem_free(ratio);
	return 0;
}

static bool any_cpu(const struct collections *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (s->c[i].cpu)
			return true;
	return false;
}

double pauses_measured(const struct pauses *p, const struct collections *s, const struct trace *t,
		       const struct collection *c)
{
	double took = p->of_cpu ? collection_cpu_seconds(c) : collection_seconds(s, t, c);
	double ours = (double)c->events * p->record;

	/* Just after a fork each page that is written to is copied first. */
	if (c->forked || took <= 0)
		return 0;
	return took > 2 * ours ? took - ours : took / 2;
}

static int fit(struct pause_cost *p, const struct sample *x, uint32_t n)
{
	p->fitted = n;
	if (!n)
		return 0;
	fit_line(p, x, n);
	return fit_factors(p, x, n);
}

/* A recording that has none of one kind goes by the other. */
static int fit_both(struct pauses *p, const struct sample *young, uint32_t n,
		    const struct sample *full, uint32_t m)
{
	int e = fit(&p->young, young, n);

	if (!e)
		e = fit(&p->full, full, m);
	if (!n)
		p->young = p->full;
	if (!m)
		p->full = p->young;
	return e;
}

int pauses_fit(struct pauses *p, const struct collections *s, const struct trace *t)
{
	struct sample *young = mem_array(s->n, sizeof(*young));
	struct sample *full = mem_array(s->n, sizeof(*full));
	uint32_t n = 0, m = 0;
	int e = -ENOMEM;

	*p = (struct pauses){ .record = collections_record_seconds(s, t), .of_cpu = any_cpu(s) };
	for (uint32_t i = 0; young && full && i < s->n; i++) {
		const struct collection *c = &s->c[i];
		double took = pauses_measured(p, s, t, c);

		if (!c->examined || c->cause == OURO_CAUSE_FINALISATION || took <= 0)
			continue;
		*(c->generation < 2 ? &young[n++] : &full[m++]) = (struct sample){
			(double)c->examined - 1, (double)c->freed, took };
	}
	if (young && full)
		e = fit_both(p, young, n, full, m);
	mem_free(young);
	mem_free(full);
	return e;
}

/* Between the middles of two classes the factor goes over from one to the other. */
double pauses_predict(const struct pauses *p, unsigned generation, uint64_t examined,
		      uint64_t freed)
{
	const struct pause_cost *cost = generation < 2 ? &p->young : &p->full;
	struct sample x = { (double)examined, (double)freed, 0 };
	double at = examined ? log2((double)examined) - 0.5 : 0, part;
	unsigned c;

	if (at < 0)
		at = 0;
	c = (unsigned)at < PAUSE_SIZES - 2 ? (unsigned)at : PAUSE_SIZES - 2;
	part = at - c < 1 ? at - c : 1;
	return line(cost, &x) * (cost->factor[c] * (1 - part) + cost->factor[c + 1] * part);
}

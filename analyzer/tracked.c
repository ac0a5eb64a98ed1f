#include "tracked.h"

enum { ROUNDS = 200 };

/* What no collection tells of is taken to be half; one object is enough to tell. */
#define UNTOLD		0.5
#define TELLS		0.01

static bool always_tracked(unsigned class, unsigned part, bool before)
{
	return class == CLASS_OTHER ||
		(before && part == YOUNG && (class == CLASS_TUPLE || class == CLASS_TUPLE_LATER));
}

void tracked_learn(struct tracked_fit *f, const uint64_t (*objects)[CLASSES], unsigned generation,
		   bool before, double n)
{
	double term[CLASSES] = {0}, sure = 0, weight = n > 1 ? 1 / n : 1;

	for (unsigned p = 0; p <= generation; p++)
		for (unsigned i = 0; i < CLASSES; i++)
			*(always_tracked(i, p, before) ? &sure : &term[i]) += (double)objects[p][i];
	for (unsigned i = 0; i < CLASSES; i++) {
		for (unsigned k = 0; k < CLASSES; k++)
			f->a[i][k] += weight * term[i] * term[k];
		f->b[i] += weight * term[i] * (n - sure);
	}
}

/* One share after the other is set to the best between 0 and 1 while the others stand. */
void tracked_fit(struct tracked *ret, const struct tracked_fit *f)
{
	double *x = ret->share;

	for (unsigned i = 0; i < CLASSES; i++)
		x[i] = i == CLASS_OTHER ? 1 : UNTOLD;
	for (unsigned round = 0; round < ROUNDS; round++)
		for (unsigned i = CLASS_OTHER + 1; i < CLASSES; i++) {
			double rest = f->b[i] + TELLS * UNTOLD;

			for (unsigned k = CLASS_OTHER + 1; k < CLASSES; k++)
				rest -= k == i ? 0 : f->a[i][k] * x[k];
			x[i] = rest / (f->a[i][i] + TELLS);
			x[i] = x[i] < 0 ? 0 : x[i] > 1 ? 1 : x[i];
		}
}

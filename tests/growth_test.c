/*
 * growth_test.c - what keeps growing is told, what does not is not: by simulation
 *
 * GROWTH_PROGRAMS=N simulates N programs of each kind (40) and tells how many were wrong.
 */
#include "growth.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SITES	40		/* places that are asked in each program             */
#define STEPS	200		/* moments of each segment                           */

static uint64_t seed;

static double chance(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (double)(seed >> 11) / (double)(1ull << 53);
}

static unsigned below(unsigned n)
{
	return (unsigned)(chance() * n);
}

/* How many of a rate happen in one step. */
static unsigned poisson(double rate)
{
	double limit = exp(-rate), p = chance();
	unsigned n = 0;

	for (; p > limit; p *= chance())
		n++;
	return n;
}

/* One place's life, one step after another: who lives, by the segment of birth. */
struct place {
	uint64_t low[TREND_SEGMENTS], born[TREND_SEGMENTS];
	uint64_t mass;
	unsigned segment;
};

static void make(struct place *p, uint64_t n)
{
	p->born[p->segment] += n;
	p->mass += n;
}

/* n of those that live, chosen by chance. */
static void drop(struct place *p, uint64_t n)
{
	for (; n && p->mass; n--) {
		uint64_t which = (uint64_t)(chance() * (double)p->mass);
		unsigned k = 0;

		while (which >= p->born[k])
			which -= p->born[k++];
		p->born[k]--;
		p->mass--;
	}
}

static void drop_oldest(struct place *p, uint64_t n)
{
	for (unsigned k = 0; n && k < TREND_SEGMENTS; k++) {
		uint64_t here = p->born[k] < n ? p->born[k] : n;

		p->born[k] -= here;
		p->mass -= here;
		n -= here;
	}
}

enum kind {
	START_UP,		/* all is made early and stays                       */
	COMES_AND_GOES,		/* each lives a while, short against the run         */
	LONG_SESSIONS,		/* ... a fifteenth of it                             */
	POOL,			/* in the steady state: one in, one out by chance    */
	LEAST_RECENT,		/* a bounded cache that drops the oldest             */
	CACHE_FILLS,		/* a key is new or known: it fills up and stops      */
	SAW_TOOTH,		/* batches: fills and is emptied, at odd times       */
	BUSY_AND_IDLE,		/* load that swings, with nothing that stays         */
	STEADY_KINDS,
	LEAK = STEADY_KINDS,	/* one in twenty steps stays for ever                */
	LEAK_IN_TRAFFIC,	/* ... among many that come and go                   */
	LEAK_IN_BURSTS,
	ALL_KINDS,
};

static void step(struct place *p, enum kind kind, unsigned t, double *state)
{
	double run = (double)TREND_SEGMENTS * STEPS;

	switch (kind) {
	case START_UP:
		if (t < STEPS * 2)
			make(p, 5);
		break;
	case COMES_AND_GOES:
		make(p, poisson(0.5));
		drop(p, poisson((double)p->mass / (STEPS / 4)));
		break;
	case LONG_SESSIONS:
		make(p, poisson(0.3));
		drop(p, poisson((double)p->mass / (run / 15)));
		break;
	case POOL:
		if (t < STEPS * 3)
			make(p, 1);
		else if (chance() < 0.3)
			make(p, 1), drop(p, 1);
		break;
	case LEAST_RECENT:
		make(p, 1);
		if (p->mass > 500)
			drop_oldest(p, 1);
		break;
	case CACHE_FILLS:
		/* 400 keys, asked for by chance: one that is not there yet is made. */
		if (chance() < 1 - (double)p->mass / 400)
			make(p, 1);
		break;
	case SAW_TOOTH:
		if (!t)
			*state = 0.6 + chance();
		make(p, poisson(*state));
		if (chance() < 1.5 / STEPS)
			drop_oldest(p, p->mass);
		break;
	case BUSY_AND_IDLE:
		make(p, poisson(1 + sin((double)t / (STEPS * 1.3) + *state)));
		drop(p, poisson((double)p->mass / 30));
		break;
	case LEAK:
		make(p, chance() < 0.05);
		break;
	case LEAK_IN_TRAFFIC:
		make(p, poisson(0.5));
		drop(p, poisson((double)p->mass / (STEPS / 4)));
		break;
	default:
		if (chance() < 0.004)
			make(p, 10 + below(20));
		break;
	}
}

static bool grows(enum kind kind, uint32_t asked)
{
	struct place p = { 0 }, kept = { 0 };
	double state = chance() * 6;
	struct growth g;

	for (unsigned s = 0; s < TREND_SEGMENTS; s++) {
		p.segment = kept.segment = s;
		p.low[s] = p.mass + kept.mass;
		for (unsigned i = 0; i < STEPS; i++) {
			step(&p, kind, s * STEPS + i, &state);
			if (kind == LEAK_IN_TRAFFIC && chance() < 0.05)
				make(&kept, 1);
			if (p.mass + kept.mass < p.low[s])
				p.low[s] = p.mass + kept.mass;
		}
	}
	for (unsigned s = 0; s < TREND_SEGMENTS; s++)
		p.born[s] += kept.born[s];
	return growth_measure(&g, p.low, p.born, TREND_SEGMENTS / 4,
		TREND_SEGMENTS - 1) && growth_is(&g, asked);
}

static unsigned programs(void)
{
	const char *n = getenv("GROWTH_PROGRAMS");

	return n ? (unsigned)atoi(n) : 40;
}

/* Of programs in which every place is of this kind: how many have a finding. */
static unsigned wrong(enum kind kind, unsigned n)
{
	unsigned bad = 0;

	seed = 88172645463325252u + kind;
	for (unsigned i = 0; i < n; i++) {
		bool any = false;

		for (unsigned k = 0; k < SITES; k++)
			any |= grows(kind, SITES);
		bad += any;
	}
	return bad;
}

START_TEST(of_steady_programs_no_more_than_promised_have_a_finding)
{
	unsigned n = programs();
	/* So many more than promised come by chance in one case of thousands. */
	double most = GROWTH_ERROR * n + 4 * sqrt(GROWTH_ERROR * n) + 1;
	unsigned bad = wrong((enum kind)_i, n);

	if (getenv("GROWTH_PROGRAMS"))
		printf("kind %d: %u of %u programs\n", _i, bad, n);
	ck_assert_msg(bad <= most, "kind %d: %u of %u programs", _i, bad, n);
}
END_TEST

START_TEST(nine_of_ten_that_leak_are_found)
{
	unsigned n = 300, found = 0;

	seed = 424242;
	for (unsigned i = 0; i < n; i++)
		found += grows((enum kind)_i, SITES);
	ck_assert_msg(found >= n * 9 / 10, "kind %d: %u of %u", _i, found, n);
}
END_TEST

START_TEST(the_chance_is_that_of_counting_permutations)
{
	/* Of the 6 orders of three numbers one has S = 3, two have 1, two -1, one -3. */
	ck_assert(fabs(growth_kendall_tail(3, 3) - 1 / 6.0) < 1e-12);
	ck_assert(fabs(growth_kendall_tail(3, 1) - 3 / 6.0) < 1e-12);
	ck_assert(fabs(growth_kendall_tail(3, -3) - 1) < 1e-12);
	ck_assert(fabs(growth_kendall_tail(12, 66) - 1 / 479001600.0) < 1e-18);
	ck_assert(growth_kendall_tail(12, 68) == 0);
	/* Kendall's table: n = 10, S = 27: 0.0083 */
	ck_assert(fabs(growth_kendall_tail(10, 27) - 0.0083) < 0.00005);
}
END_TEST

START_TEST(a_rate_is_what_it_gains)
{
	uint64_t low[TREND_SEGMENTS], born[TREND_SEGMENTS];
	struct growth g;

	for (unsigned i = 0; i < TREND_SEGMENTS; i++) {
		low[i] = 1000 + 64 * i;
		born[i] = 64;
	}
	ck_assert(growth_measure(&g, low, born, 12, TREND_SEGMENTS - 1));
	ck_assert(growth_is(&g, 100000));
	ck_assert(fabs(g.per_segment - 64) < 3);
	ck_assert(!growth_is(&g, 1u << 31));
}
END_TEST

START_TEST(a_warm_up_that_leaves_too_little_leaves_no_verdict)
{
	uint64_t low[TREND_SEGMENTS] = { 0 };
	struct growth g;

	ck_assert(growth_measure(&g, low, low, 20, 20 + GROWTH_POINTS));
	ck_assert(!growth_measure(&g, low, low, 20, 19 + GROWTH_POINTS));
	ck_assert(!growth_measure(&g, low, low, 0, TREND_SEGMENTS));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("growth");
	TCase *c = tcase_create("growth");
	SRunner *sr;
	int failed;

	tcase_set_timeout(c, 0);
	tcase_add_loop_test(c, of_steady_programs_no_more_than_promised_have_a_finding, 0,
		STEADY_KINDS);
	tcase_add_loop_test(c, nine_of_ten_that_leak_are_found, LEAK, ALL_KINDS);
	tcase_add_test(c, the_chance_is_that_of_counting_permutations);
	tcase_add_test(c, a_rate_is_what_it_gains);
	tcase_add_test(c, a_warm_up_that_leaves_too_little_leaves_no_verdict);
	suite_add_tcase(s, c);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}

#include "simulate.h"

#include "mem.h"
#include "tracked.h"

#include <errno.h>
#include <string.h>

/* A collection that was seen is not doubted for so few objects. */
enum { SLACK = 4 };

static const uint32_t first_thresholds[2][GENERATIONS] = { { 700, 10, 10 }, { 2000, 10, 10 } };

struct sim {
	const struct setting *setting;
	struct simulation *to;
	bool enabled, due, started, stopped;	/* stopped: by the setting           */
	uint32_t threshold[GENERATIONS];
	uint64_t count[GENERATIONS];
	struct generations heap;
	double long_total, long_pending, was_pending;
	uint32_t list[KINDS];		/* on each free list                         */
	uint32_t next;			/* garbage from here on is still in use      */
	uint64_t freed_bytes;

	/* Of the last collection, before it. */
	uint64_t was[PARTS][CLASSES], was_count[GENERATIONS];
	unsigned last;			/* its generation; GENERATIONS: told already */
};

struct play {
	const struct tape *tape;
	struct sim *sim;
	uint32_t n;
	struct tracked tracked;
	struct tracked_fit *learn;	/* NULL: nothing is to be learned            */
	struct self_check *check;
	uint64_t recorded_freed;	/* bytes, by recorded collections            */
	uint64_t live, told;
	bool failed, busy;
};

/* ----------------------------------------------------------------------------- garbage */

static void dies(struct play *p, struct sim *s, uint8_t list, uint64_t order)
{
	generations_death(&s->heap, list, order);
	if (list && s->list[list] < p->tape->lists.room[list])
		s->list[list]++;
	else
		s->count[0] -= s->count[0] > 0;
}

static void becomes_garbage(struct play *p, struct sim *s, const struct waste *x)
{
	struct garbage_bounds of = { x->born - x->length, x->oldest };
	uint64_t at = x->first;
	bool broken = x->marks & s->setting->broken;

	for (uint32_t i = 0; i < x->objects; i++) {
		struct waste_object o = wastes_object(&p->tape->waste, x, &at);

		if (broken) {
			dies(p, s, o.list, o.order);
			s->freed_bytes += o.bytes;
		} else {
			generations_wait(&s->heap, o.list, o.order, of, o.bytes);
		}
	}
}

static void garbage_until(struct play *p, struct sim *s, uint64_t clock)
{
	const struct wastes *w = &p->tape->waste;

	for (; s->next < w->n; s->next++) {
		const struct waste *x = wastes_at(w, s->next);

		if (waste_clock(x, p->tape->guess) > clock)
			return;
		becomes_garbage(p, s, x);
	}
}

/* What is given back is not counted down: the count is 0 meanwhile. */
static void free_garbage(struct play *p, struct sim *s, unsigned generation)
{
	const struct freelists *lists = &p->tape->lists;

	for (unsigned g = 0; g <= generation; g++) {
		for (unsigned i = 1; i < KINDS; i++) {
			uint64_t n = s->list[i] + s->heap.lists[g][i];

			s->list[i] = (uint32_t)(n < lists->room[i] ? n : lists->room[i]);
		}
		s->freed_bytes += s->heap.bytes[g];
	}
}

/* ------------------------------------------------------------------------- a collection */

static void note_run(struct play *p, struct sim *s, unsigned generation, double examined,
		     double freed, bool asked)
{
	struct simulation *to = s->to;

	(s->started ? to->runs : to->before)[generation]++;
	to->automatic += s->started && !asked;
	if (mem_room(&to->run, to->n, &to->room, sizeof(*to->run))) {
		p->failed = true;
		return;
	}
	to->run[to->n++] = (struct simulated_run){
		.examined = (uint32_t)(examined < UINT32_MAX ? examined : UINT32_MAX),
		.freed = (uint32_t)(freed < UINT32_MAX ? freed : UINT32_MAX),
		.generation = (uint8_t)generation, .asked = asked, .start_up = !s->started,
	};
}

static void collect(struct play *p, struct sim *s, unsigned generation, uint64_t clock, bool asked)
{
	uint64_t garbage[PARTS][CLASSES], hung[PARTS][CLASSES];
	double examined, kept, freed, held;

	s->last = generation;
	memcpy(s->was, s->heap.objects, sizeof(s->was));
	memcpy(s->was_count, s->count, sizeof(s->was_count));
	if (generation < OLD)
		s->count[generation + 1]++;
	for (unsigned g = 0; g <= generation; g++)
		s->count[g] = 0;
	examined = generations_tracked(&p->tracked, s->heap.objects, generation, true);
	generations_garbage(&s->heap, generation, garbage);
	generations_hung(&s->heap, generation, hung);
	freed = generations_tracked(&p->tracked, garbage, generation, true) -
		generations_tracked(&p->tracked, hung, generation, true);
	held = generations_tracked(&p->tracked, hung, generation, false);
	kept = generations_tracked(&p->tracked, s->heap.objects, generation, false) -
		generations_tracked(&p->tracked, garbage, generation, false) + held;
	free_garbage(p, s, generation);
	generations_age(&s->heap, generation, clock);
	s->was_pending = s->long_pending;
	if (generation == MIDDLE)
		s->long_pending += kept > 0 ? kept : 0;
	if (generation == OLD) {
		s->long_pending = 0;
		s->long_total = kept > 0 ? kept : 0;
		for (unsigned i = 0; i < KINDS; i++)
			if (p->tape->lists.cleared[i])
				s->list[i] = 0;
	}
	note_run(p, s, generation, examined, freed, asked);
}

/* The oldest over its threshold. */
static void collect_due(struct play *p, struct sim *s, uint64_t clock, bool seen)
{
	for (unsigned g = GENERATIONS; g-- > 0;) {
		if (s->count[g] + (!g && seen ? SLACK : 0) <= s->threshold[g])
			continue;
		if (g == OLD && s->long_pending < (double)(uint64_t)(s->long_total / 4))
			continue;
		garbage_until(p, s, clock);
		collect(p, s, g, clock, false);
		return;
	}
}

static void freeze(struct sim *s, uint64_t clock)
{
	s->to->frozen += generations_sum(&s->heap, OLD);
	generations_freeze(&s->heap, clock);
	memset(s->count, 0, sizeof(s->count));
}

/* ------------------------------------------------------------------------------- the ops */

static void birth(struct play *p, struct sim *s, const struct tape_op *op, uint64_t clock)
{
	bool from_list = op->list && !op->direct && (s->list[op->list] || op->list == KIND_FRAME);

	if (clock == s->setting->freeze)
		freeze(s, clock);
	if (from_list) {
		s->list[op->list] -= s->list[op->list] > 0;
	} else if (++s->count[0] > s->threshold[0] && s->threshold[0] && s->enabled && !s->stopped &&
		   !p->busy) {
		if (p->tape->lists.minor >= 12)
			s->due = true;
		else
			collect_due(p, s, clock, false);
	}
	generations_birth(&s->heap, op->list, clock);
}

/* The recorded one goes by where it was seen to happen. */
static void check_point(struct play *p, struct sim *s, bool seen, uint64_t clock)
{
	bool nearly = s->count[0] + SLACK > s->threshold[0];

	if (s->setting->recorded ? !seen || !nearly : !s->due)
		return;
	s->due = false;
	if (s->enabled && !s->stopped)
		collect_due(p, s, clock, s->setting->recorded);
}

static void apply(struct sim *s, const struct tape_settings *x, uint64_t clock)
{
	bool own = !s->setting->recorded && !s->setting->keep && s->started;

	s->enabled = x->enabled;
	/* The recorder made an object of its own just before, and did not tell. */
	for (unsigned g = 0; x->change == OURO_CHANGE_NONE && g < GENERATIONS; g++)
		s->count[g] = x->count[g];
	if (x->change == OURO_CHANGE_FREEZE)
		freeze(s, clock);
	if (x->change == OURO_CHANGE_UNFREEZE)
		generations_unfreeze(&s->heap);
	if (!own)
		memcpy(s->threshold, x->threshold, sizeof(s->threshold));
}

static void begin_program(struct sim *s, uint64_t clock)
{
	const struct setting *x = s->setting;

	s->started = true;
	s->heap.start_up = clock;
	if (x->recorded)
		return;
	s->stopped = x->off;
	if (!x->keep)
		memcpy(s->threshold, x->threshold, sizeof(s->threshold));
}

static void measure(struct play *p, struct sim *s, const struct tape_op *op)
{
	uint64_t waiting = 0, most = op->most + p->recorded_freed;

	for (unsigned g = 0; g < PARTS; g++)
		waiting += s->heap.bytes[g];
	most -= s->freed_bytes < most ? s->freed_bytes : most;
	if (most > s->to->peak_bytes)
		s->to->peak_bytes = most;
	if (waiting > s->to->peak_waiting)
		s->to->peak_waiting = waiting;
}

/* ---------------------------------------------------------- against what was recorded */

static void learn(struct play *p, const struct sim *s, const struct collection *c)
{
	if (!p->learn || c->generation > OLD)
		return;
	if (c->examined && c->generation < OLD)
		tracked_learn(p->learn, s->was, c->generation, true, (double)c->examined - 1);
	if (c->kept && c->generation > YOUNG)
		tracked_learn(p->learn, s->was, c->generation, false,
			      (double)(c->kept - 1 + c->freed));
}

static void compare(struct play *p, struct sim *s, const struct collection *c)
{
	struct self_check *k = p->check;
	bool equal = s->last == c->generation;

	for (unsigned g = 0; g < GENERATIONS; g++)
		equal &= s->was_count[g] == c->count[g];
	k->exact += equal;
	if (!equal && k->first_wrong == NEVER)
		k->first_wrong = p->told;
	p->told++;
	if (s->last == c->generation) {
		learn(p, s, c);
		if (c->kept && c->generation == OLD)
			s->long_total = (double)c->kept - 1;
		if (c->kept && c->generation == MIDDLE)
			s->long_pending = s->was_pending + (double)c->kept - 1;
	}
	s->last = GENERATIONS;
}

static void recorded_collection(struct play *p, uint64_t row, uint64_t clock)
{
	const struct collections *s = p->tape->collections;
	const struct collection *c = row < s->n ? &s->c[row] : NULL;

	if (!c || c->generation > OLD)
		return;
	if (c->cause == OURO_CAUSE_THRESHOLD) {
		p->check->recorded[c->generation]++;
	} else {
		for (uint32_t i = 0; i < p->n; i++) {
			garbage_until(p, &p->sim[i], clock);
			collect(p, &p->sim[i], c->generation, clock, true);
		}
	}
	compare(p, &p->sim[0], c);
}

/* ---------------------------------------------------------------------------------- all */

static void step(struct play *p, const struct tape_op *op, uint64_t clock)
{
	if (op->kind == TAPE_COLLECT) {
		recorded_collection(p, op->value, clock - 1);
		return;
	}
	if (op->kind == TAPE_BUSY || op->kind == TAPE_IDLE)
		p->busy = op->kind == TAPE_BUSY;
	if (op->kind == TAPE_FREED)
		p->recorded_freed += op->value;
	for (uint32_t i = 0; i < p->n; i++) {
		struct sim *s = &p->sim[i];

		switch (op->kind) {
		case TAPE_BIRTH:
			/* What waits counts at collections only, what dies at once. */
			if (s->setting->broken)
				garbage_until(p, s, clock - 1);
			birth(p, s, op, clock - 1);
			break;
		case TAPE_DEATH:
			dies(p, s, op->list, op->order);
			break;
		case TAPE_RELEASE:
			s->count[0] -= s->count[0] > 0;
			break;
		case TAPE_CHECK:
		case TAPE_CHECK_SEEN:
			check_point(p, s, op->kind == TAPE_CHECK_SEEN, clock);
			break;
		case TAPE_SETTINGS:
			garbage_until(p, s, clock);
			apply(s, &p->tape->settings[op->value], clock);
			break;
		case TAPE_BYTES:
			garbage_until(p, s, clock);
			measure(p, s, op);
			break;
		case TAPE_READY:
			begin_program(s, clock);
			break;
		default:
			break;
		}
	}
}

static int play(struct play *p, const struct setting *setting, struct simulation *ret)
{
	const struct tape *t = p->tape;
	struct tape_reader r;
	struct tape_op op;

	p->sim = mem_array(p->n, sizeof(*p->sim));
	if (!p->sim)
		return -ENOMEM;
	memset(ret, 0, p->n * sizeof(*ret));
	*p->check = (struct self_check){ .first_wrong = NEVER };
	for (uint32_t i = 0; i < p->n; i++) {
		p->sim[i] = (struct sim){ .setting = &setting[i], .to = &ret[i], .enabled = true,
					  .last = GENERATIONS, .heap.start_up = NEVER };
		memcpy(p->sim[i].threshold, first_thresholds[t->lists.minor >= 13],
		       sizeof(p->sim[i].threshold));
	}
	for (tape_rewind(&r, t); !p->failed && tape_next(&r, &op);)
		step(p, &op, r.clock);
	mem_free(p->sim);
	if (!p->failed)
		return 0;
	simulations_fini(ret, p->n);
	return -ENOMEM;
}

int simulate(const struct tape *t, const struct setting *setting, uint32_t n,
	     struct simulation *ret, struct self_check *ret_check)
{
	struct tracked_fit fit = {0};
	struct play p = { .tape = t, .n = 1, .check = ret_check, .learn = &fit };
	int e;

	tracked_fit(&p.tracked, &fit);
	e = play(&p, setting, ret);
	if (e)
		return e;
	simulations_fini(ret, 1);
	p = (struct play){ .tape = t, .n = n, .check = ret_check };
	tracked_fit(&p.tracked, &fit);
	e = play(&p, setting, ret);
	if (e)
		return e;
	for (uint32_t i = 0; i < ret[0].n; i++)
		if (!ret[0].run[i].asked)
			ret_check->simulated[ret[0].run[i].generation]++;
	return 0;
}

void simulations_fini(struct simulation *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		mem_free(s[i].run);
		s[i] = (struct simulation){0};
	}
}

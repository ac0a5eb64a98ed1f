/*
 * merge.c - streams to batches, by a thread of its own where that is worth it
 */
#include "merge.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* Less than this is read before a thread has begun. */
#define WORTH_IT (4u << 20)

/* Nothing recurses there; where addresses are limited, 8 MB would be missed. */
#define STACK_SIZE (256u << 10)

int merge_ahead;
uint32_t merge_batch_events = MERGE_BATCH;

struct merge_head {
	uint64_t ticks;
	uint32_t cursor;
	bool birth;			/* makes something alive                     */
};

struct merge_stack {
	stack_id native, interp, stack;	/* the stack is never 0 when it is known     */
};

static bool makes(const struct event *e)
{
	switch (e->kind) {
	case OURO_FREE:
	case OURO_RELEASE:
	case OURO_POOL_FREE:
	case OURO_POOL_RELEASE:
	case OURO_DEATH:
		return false;
	default:
		return true;
	}
}

static bool before(const struct merge_head *a, const struct merge_head *b)
{
	if (a->ticks != b->ticks)
		return a->ticks < b->ticks;
	if (a->birth != b->birth)
		return b->birth;
	return a->cursor < b->cursor;
}

/* The first of all stands at the top of a heap. */
static void sift_down(struct merge *m, uint32_t i)
{
	struct merge_head moved = m->head[i];

	for (;;) {
		uint32_t child = 2 * i + 1;

		if (child >= m->heads)
			break;
		if (child + 1 < m->heads && before(&m->head[child + 1], &m->head[child]))
			child++;
		if (!before(&m->head[child], &moved))
			break;
		m->head[i] = m->head[child];
		i = child;
	}
	m->head[i] = moved;
}

static int fetch(struct merge *m, struct merge_head *h)
{
	struct event *e = &m->event[h->cursor];
	int r = cursor_next(&m->cursor[h->cursor], e);

	if (r > 0) {
		h->ticks = e->ticks;
		h->birth = makes(e);
	}
	return r;
}

static int start(struct merge *m)
{
	for (uint32_t i = 0; i < m->cursors; i++) {
		int r;

		m->head[m->heads].cursor = i;
		r = fetch(m, &m->head[m->heads]);
		if (r < 0)
			return r;
		m->heads += (uint32_t)r;
	}
	for (uint32_t i = m->heads / 2; i-- > 0; )
		sift_down(m, i);
	return 0;
}

/* The first event of all into *ret; 1, 0 or -ENOMEM. */
static int next(struct merge *m, struct event *ret)
{
	int r;

	if (m->heads == 1 && m->taken) {	/* the usual case: straight to where it belongs */
		r = cursor_next(&m->cursor[m->head[0].cursor], ret);
		m->heads = r != 0;
		return r;
	}
	if (m->taken) {
		r = fetch(m, &m->head[0]);
		if (r < 0)
			return r;
		if (!r)
			m->head[0] = m->head[--m->heads];
		if (m->heads)
			sift_down(m, 0);
	}
	m->taken = m->heads;
	if (!m->heads)
		return 0;
	*ret = m->event[m->head[0].cursor];
	return 1;
}

/* --- what a batch has besides ------------------------------------------------------- */

static bool wants_stack(const struct merge *m, const struct event *e)
{
	if (e->form == OURO_STACK_NONE)
		return false;
	switch (e->kind) {
	case OURO_ALLOC:
	case OURO_PLACE:
	case OURO_POOL_ALLOC:
	case OURO_POOL_PLACE:
	case OURO_POOL_BIRTH:
	case OURO_BIRTH:
	case OURO_COLLECT:
		return true;
	case OURO_INCREF:
	case OURO_DECREF:
		return m->references;
	case OURO_EXT:
		return m->references && e->ext >= OURO_EXT_REFERENCE &&
			e->ext <= OURO_EXT_UNEDGE;
	default:
		return false;
	}
}

static int merge_stack(struct merge *m, struct event *e)
{
	struct merge_stack *k = &m->known[e->stream];

	if (!k->stack || k->native != e->native || k->interp != e->interp) {
		errno = 0;
		*k = (struct merge_stack){ e->native, e->interp,
			stacks_merge(&m->tree, e->native, e->interp) };
		if (!k->stack && errno == ENOMEM)
			return -ENOMEM;
	}
	e->stack = k->stack;
	return 0;
}

static void keep_args(struct merge_batch *b, struct event *e)
{
	uint64_t *to = b->ext_arg[b->exts++];

	memcpy(to, e->ext_arg, sizeof(b->ext_arg[0]));
	e->ext_arg = to;
}

/* A batch ends early where the trace is damaged: who asks is told in time. */
static void fill(struct merge *m, struct merge_batch *b)
{
	uint32_t damages = m->quiet->damages;

	b->events = b->exts = 0;
	b->damages = damages;
	while (!m->failed && b->events < merge_batch_events && b->exts < MERGE_EXTS) {
		struct event *e = &b->event[b->events];
		int r = next(m, e);

		if (!r)
			break;
		if (r > 0 && wants_stack(m, e))
			r = merge_stack(m, e) ? -ENOMEM : 1;
		if (r < 0) {
			m->failed = r;
			break;
		}
		if (e->kind == OURO_EXT)
			keep_args(b, e);
		b->events++;
		if (m->quiet->damages != damages)
			break;
	}
	b->damages = m->quiet->damages;
	b->more = m->failed ? m->failed : m->heads > 0;
	b->node = m->tree.node;
	b->nodes = m->tree.count;
	b->rooms = m->tree.room;
	b->retired = stacks_retired(&m->tree);
}

/* --- the thread --------------------------------------------------------------------- */

static void *run(void *arg)
{
	struct merge *m = arg;
	bool more = true;

	while (more) {
		struct merge_batch *b;

		pthread_mutex_lock(&m->lock);
		/* Who is well ahead sleeps on until it is worth waking up for. */
		if (m->filled - m->used == m->room)
			while (!m->stop && m->filled - m->used > m->room / 2)
				pthread_cond_wait(&m->changed, &m->lock);
		more = !m->stop;
		pthread_mutex_unlock(&m->lock);
		if (!more)
			break;
		b = &m->batch[m->filled % m->room];
		fill(m, b);
		more = b->more > 0;
		pthread_mutex_lock(&m->lock);
		if (m->filled++ == m->used || !more)
			pthread_cond_signal(&m->changed);
		pthread_mutex_unlock(&m->lock);
	}
	return NULL;
}

static bool is_worth_it(const struct trace *t)
{
	uint64_t bytes = 0;
	cpu_set_t cpus;

	if (merge_ahead)
		return merge_ahead > 0;
	for (uint32_t i = 0; i < t->events && bytes < WORTH_IT; i++)
		for (uint32_t k = 0; k < t->event[i].count; k++)
			bytes += t->event[i].chunk[k].used;
	return bytes >= WORTH_IT &&
		!sched_getaffinity(0, sizeof(cpus), &cpus) && CPU_COUNT(&cpus) > 1;
}

/* Without one all is as it is with one. */
static void start_thread(struct merge *m)
{
	pthread_attr_t small;

	m->tree.shared = true;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK_SIZE);
	if (!pthread_create(&m->thread, &small, run, m))
		m->ahead = true;
	else
		m->tree.shared = false;
	pthread_attr_destroy(&small);
}

static int begin(struct merge *m)
{
	int r;

	m->begun = true;
	m->tree = *m->stacks;
	m->room = is_worth_it(m->trace) ? MERGE_BATCHES : 1;
	m->batch = malloc(m->room * sizeof(*m->batch));
	r = m->batch ? start(m) : -ENOMEM;
	m->failed = r;
	m->last = r;
	if (!r && m->room > 1)
		start_thread(m);
	return r;
}

/* --- who asks ----------------------------------------------------------------------- */

int merge_init(struct merge *m, struct trace *t, struct stacks *s)
{
	int r = 0;

	*m = (struct merge){ .trace = t, .stacks = s };
	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->changed, NULL);
	m->quiet = malloc(sizeof(*m->quiet));
	m->head = calloc(t->events + 1, sizeof(*m->head));
	m->cursor = calloc(t->events + 1, sizeof(*m->cursor));
	m->event = calloc(t->events + 1, sizeof(*m->event));
	m->known = calloc(t->events + 1, sizeof(*m->known));
	if (!m->quiet || !m->head || !m->cursor || !m->event || !m->known)
		r = -ENOMEM;
	if (!r) {
		*m->quiet = *t;
		m->quiet->damages = 0;
	}
	while (!r && m->cursors < t->events) {
		r = cursor_init(&m->cursor[m->cursors], m->quiet, m->cursors, &m->tree);
		m->cursors += !r;
	}
	if (r)
		merge_fini(m);
	return r;
}

static void end_thread(struct merge *m)
{
	pthread_mutex_lock(&m->lock);
	m->stop = true;
	pthread_cond_signal(&m->changed);
	pthread_mutex_unlock(&m->lock);
	pthread_join(m->thread, NULL);
	for (; m->used < m->filled; m->used++)
		stack_retired_free(m->batch[m->used % m->room].retired);
}

void merge_fini(struct merge *m)
{
	if (!m->trace)
		return;
	if (m->ahead)
		end_thread(m);
	if (m->begun) {
		m->tree.shared = false;
		*m->stacks = m->tree;
	}
	for (uint32_t i = 0; i < m->cursors; i++)
		cursor_fini(&m->cursor[i]);
	pthread_cond_destroy(&m->changed);
	pthread_mutex_destroy(&m->lock);
	free(m->quiet);
	free(m->head);
	free(m->cursor);
	free(m->event);
	free(m->known);
	free(m->batch);
	*m = (struct merge){ 0 };
}

/* The batch in use was used up, and may be filled again. */
static struct merge_batch *take(struct merge *m)
{
	if (!m->ahead) {
		fill(m, &m->batch[0]);
		return &m->batch[0];
	}
	pthread_mutex_lock(&m->lock);
	if (m->end) {
		m->used++;
		if (m->filled - m->used == m->room / 2)
			pthread_cond_signal(&m->changed);
	}
	while (m->filled == m->used)
		pthread_cond_wait(&m->changed, &m->lock);
	pthread_mutex_unlock(&m->lock);
	return &m->batch[m->used % m->room];
}

static void tell_damages(struct merge *m, uint32_t until)
{
	for (; m->told < until; m->told++)
		trace_damage_again(m->trace, m->quiet, m->told);
}

int merge_turn(struct merge *m)
{
	struct merge_batch *b;

	if (!m->begun && begin(m))
		return -ENOMEM;
	if (m->last)
		return m->failed;
	b = take(m);
	m->stacks->node = b->node;
	m->stacks->count = b->nodes;
	m->stacks->room = b->rooms;
	stack_retired_free(b->retired);
	b->retired = NULL;
	tell_damages(m, b->damages);
	m->at = b->event;
	m->end = b->event + b->events;
	m->last = b->more <= 0;
	return b->more < 0 && !b->events ? b->more : b->events > 0;
}

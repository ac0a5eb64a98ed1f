#include "sample.h"

#include "confine.h"
#include "file.h"
#include "real.h"
#include "sys.h"
#include "x86_64/counter.h"

#include <string.h>

bool sampling;
__thread uint32_t sample_left, sample_pool_left;
bool sample_window;
uint16_t sample_page[SAMPLE_PAGES];

static uint64_t mean;			/* bytes between two samples                 */
static uint64_t turn;			/* bytes                                     */
static unsigned windows;		/* SAMPLE_WINDOWS; 1: it is always open      */
#define RARE 65536			/* bytes between samples                     */
#define TURN_MAX (1u << 30)

/*
 * Sets of growing size, the next one made when there is no room in the last.
 * An address stands within a few slots of its home in one of them.
 */
#define LEVELS 7
#define FIRST  4096			/* slots; each level has four times as many  */
#define REACH  16			/* slots                                     */
#define GONE   1			/* or 0: free                                */
static uintptr_t *level[LEVELS];

static void follow_early_arena(void);

void sample_setup(uint64_t bytes)
{
	mean = bytes < (uint64_t)1 << 40 ? bytes : (uint64_t)1 << 40;
	if (bytes && !sampling)
		follow_early_arena();
	turn = mean < RARE ? mean : mean / SAMPLE_TURNS;
	if (turn > TURN_MAX)
		turn = TURN_MAX;
	windows = mean < RARE ? 1 : SAMPLE_WINDOWS;
	sample_window = windows == 1;
	sampling = bytes;
}

void sample_listen_always(void)
{
	windows = 1;
	sample_window = true;
}

static size_t slots_of(int i)
{
	return (size_t)FIRST << 2 * i;
}

void sample_forked(void)
{
	if (!sampling)
		return;
	for (int i = 0; i < LEVELS; i++) {
		if (level[i])
			sys_unmap(level[i], slots_of(i) * sizeof *level[i]);
		level[i] = NULL;
	}
	memset(sample_page, 0, sizeof sample_page);
	follow_early_arena();
}

/* --- gaps ---------------------------------------------------------------------- */

static uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;	/* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/*
 * log2 of r > 0 with 32 binary places: squaring a number of [1, 2) doubles its
 * logarithm, whose whole part is the next place.  Integers, because a hook may
 * run where nobody expects the floating point registers to change.
 */
static uint64_t log2_32(uint64_t r)
{
	unsigned shift = (unsigned)__builtin_clzll(r);
	uint64_t x = r << shift, log = 63 - shift;	/* x: 1 stands for 2^63 */

	for (int i = 0; i < 32; i++) {
		unsigned __int128 square = (unsigned __int128)x * x;
		bool two = square >> 127;

		log = log << 1 | two;
		x = (uint64_t)(square >> (two ? 64 : 63));
	}
	return log;
}

/* Exponential with this mean, rounded up: -ln(r / 2^64) * mean. */
static uint64_t gap(uint64_t *state, uint64_t bytes)
{
	const uint64_t ln2_32 = 2977044472;		/* ln 2 * 2^32 */
	uint64_t bits = ((uint64_t)64 << 32) - log2_32(draw(state) | 1);
	unsigned __int128 nats = (unsigned __int128)bits * ln2_32 >> 32;

	return (uint64_t)(nats * bytes >> 32) + 1;
}

static struct thr *first_event(void)
{
	struct guard g;

	if (guard_enter(&g, (uintptr_t)__builtin_frame_address(0)))
		guard_leave(&g);
	return thr_self;
}

static uint64_t seed(const struct thr *t)
{
	uint64_t seed = 0;

	SYS(SYS_getrandom, &seed, sizeof seed, 1 /* NONBLOCK */, 0, 0, 0);
	seed ^= counter_read_ordered() ^ (uintptr_t)t;
	return seed + !seed;
}

/* The state that this thread draws from; NULL: it has none. */
static uint64_t *source(void)
{
	struct thr *t = thr_self ? thr_self : first_event();

	if (t && !t->sample_seed)
		t->sample_seed = seed(t);
	return t ? &t->sample_seed : NULL;
}

/* *left is 0 before the first gap is drawn. */
static bool picks(uint64_t *left, size_t size, uint64_t bytes)
{
	uint64_t *state = source();

	if (!state)
		return false;
	if (!*left)
		*left = gap(state, bytes);
	if (size < *left) {
		*left -= size;
		return false;
	}
	*left = gap(state, bytes);
	return true;
}

/* What is further than 32 bits reach is gone to in steps: gaps have no memory. */
static void go_on(struct thr *t, uint64_t *state)
{
	uint64_t bytes = gap(state, mean);

	t->sample_far = bytes > UINT32_MAX;
	sample_left = t->sample_far ? UINT32_MAX : (uint32_t)bytes;
}

bool sample_due(size_t size)
{
	uint64_t *state = source();
	struct thr *t = thr_self;

	if (!state)
		return false;
	if (size > UINT32_MAX)
		return size >= gap(state, mean);
	if (!sample_left)
		go_on(t, state);
	while (size >= sample_left) {
		bool far = t->sample_far;

		size -= sample_left;
		go_on(t, state);
		if (!far)
			return true;
	}
	sample_left -= (uint32_t)size;
	return false;
}

/*
 * The reader takes 1 - exp(-size / mean) for the odds of each.  Those in an open window
 * are to be `windows` times as much, which is a little more than a mean of a
 * `windows`-th gives: hence the second term.
 */
bool sample_kept_picks(size_t size)
{
	struct thr *t = thr_self;

	if (windows > 1)
		size += size * size * (windows - 1) / (2 * mean);
	return t && picks(&t->sample_kept_left, size, mean / windows);
}

static void stop_within(struct thr *t, uint64_t bytes)
{
	sample_pool_left = (uint32_t)(bytes < turn ? bytes : turn);
	t->sample_behind = bytes - sample_pool_left;
}

/*
 * Turns are equally long: what they are is drawn for each.  Gaps have no memory: what is
 * behind a sample in the block need not be looked at.
 */
bool sample_pool_due(size_t size)
{
	uint64_t *state = source();
	struct thr *t = thr_self;

	if (!state)
		return false;
	if (!sample_pool_left)
		stop_within(t, gap(state, mean));
	while (size >= sample_pool_left) {
		size -= sample_pool_left;
		if (windows > 1)
			sample_window = draw(state) % SAMPLE_WINDOWS == 0;
		if (!t->sample_behind) {
			stop_within(t, gap(state, mean));
			return true;
		}
		stop_within(t, t->sample_behind);
	}
	sample_pool_left -= (uint32_t)size;
	return false;
}

/* --- what is followed ---------------------------------------------------------- */

/* A page that was ever counted to the end of the counter stays so. */
static void count_page(uintptr_t addr, int by)
{
	uint16_t *n = &sample_page[(addr >> 12) % SAMPLE_PAGES];
	uint16_t was = __atomic_load_n(n, __ATOMIC_RELAXED);

	while (was != UINT16_MAX
	    && !__atomic_compare_exchange_n(n, &was, (uint16_t)(was + by), false,
			__ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

/* An object in a block is asked for by its own address, which may be in the next page. */
static void count_block(uintptr_t addr, int by)
{
	uintptr_t object = addr + SAMPLE_OBJECT;

	count_page(addr, by);
	if ((addr ^ object) >> 12)
		count_page(object, by);
}

/* Its blocks are not the allocator's: so free() must not jump there with one. */
static void follow_early_arena(void)
{
	for (size_t at = 0; at < EARLY_ARENA + 4096; at += 4096)
		count_page((uintptr_t)early_arena + at, 1);
}

static size_t home(uintptr_t addr, int i)
{
	return (size_t)((addr >> 3) * 0x9e3779b97f4a7c15u >> 20) & (slots_of(i) - 1)
		& ~(size_t)(REACH - 1);
}

static uintptr_t *level_at(int i)
{
	uintptr_t *there = __atomic_load_n(&level[i], __ATOMIC_ACQUIRE), *fresh;

	if (there || confined)
		return there;
	fresh = sys_memory(slots_of(i) * sizeof *fresh);
	if (!fresh || __atomic_compare_exchange_n(&level[i], &there, fresh, false,
			__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return fresh;
	sys_unmap(fresh, slots_of(i) * sizeof *fresh);
	return there;
}

bool sample_follow(uintptr_t addr)
{
	for (int i = 0; i < LEVELS; i++) {
		uintptr_t *slot = level_at(i);

		slot = slot ? slot + home(addr, i) : NULL;
		for (int k = 0; slot && k < REACH; k++) {
			uintptr_t was = __atomic_load_n(&slot[k], __ATOMIC_RELAXED);

			if (was <= GONE && __atomic_compare_exchange_n(&slot[k], &was, addr,
					false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
				count_block(addr, 1);
				return true;
			}
		}
	}
	file_count(&file->lost[OURO_LOST_MEMORY], 1);
	return false;
}

/* Its slot; NULL: it is not followed. */
static uintptr_t *find(uintptr_t addr)
{
	for (int i = 0; i < LEVELS; i++) {
		uintptr_t *slot = __atomic_load_n(&level[i], __ATOMIC_ACQUIRE);

		if (!slot)
			return NULL;
		slot += home(addr, i);
		for (int k = 0; k < REACH; k++)
			if (__atomic_load_n(&slot[k], __ATOMIC_RELAXED) == addr)
				return slot + k;
	}
	return NULL;
}

bool sample_has_followed(uintptr_t addr)
{
	return find(addr);
}

bool sample_forget_followed(uintptr_t addr)
{
	uintptr_t *slot = find(addr);

	if (!slot)
		return false;
	__atomic_store_n(slot, GONE, __ATOMIC_RELEASE);
	count_block(addr, -1);
	return true;
}

#!/usr/bin/python3
"""Writes the C benchmark: malloc/free at a given call depth, from about 200 call sites.

    calls.py DEPTH steady|hostile > calls.c

steady: the outer frames stay while the inner ones work, as in most programs.
hostile: every allocation is reached from main anew, through all frames.
"""
import sys

depth, shape = int(sys.argv[1]), sys.argv[2]
LEAVES, SITES = 12, 16      # leaf functions, allocation sites in each

# What differs in calls that look alike, or the compiler makes one of them.
def mark(n):
    return f'__asm__ volatile("# {n}");'


print("""#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define SLOTS 16384	/* blocks alive at a time, so that the heap is not just its cache */
struct work { void *slot[SLOTS]; uint64_t rng, pairs, until; };
#define NOINLINE __attribute__((noinline, noclone))
static inline unsigned next(struct work *w)
{
	w->rng = w->rng * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(w->rng >> 33);
}
static inline void keep(struct work *w, void *p, unsigned r)
{
	memset(p, (int)r, 16);
	free(w->slot[r % SLOTS]);
	w->slot[r % SLOTS] = p;
	w->pairs++;
}
""")
for leaf in range(LEAVES):
    print(f"static NOINLINE void leaf{leaf}(struct work *w)\n{{\n\tunsigned r = next(w);\n\tvoid *p = NULL;\n")
    print("\tswitch (r >> 27 & 15) {")
    for site in range(SITES):
        print(f"\tcase {site}: p = malloc(16 + (r & 511)); {mark(leaf * SITES + site)} break;")
    print("\t}\n\tkeep(w, p, r >> 9);\n\t__asm__ volatile(\"\" ::: \"memory\");\n}")
last = depth - 3            # main, run and the leaf are frames too
for level in range(last, -1, -1):
    print(f"static NOINLINE void level{level}(struct work *w)\n{{")
    if shape == "hostile":
        again = None
    else:                   # how often a frame goes on rather than return: 3/4, 1/2, ... 1/8
        again = 192 if level > last - 2 else 128 if level > last - 4 else 32
    if level == last:
        print(f"\tdo switch (next(w) % {LEAVES}) {{")
        for leaf in range(LEAVES):
            print(f"\tcase {leaf}: leaf{leaf}(w); break;")
        print("\t} while (0);" if again is None else f"\t}} while ((next(w) & 255) < {again});")
    elif again is None:
        print(f"\tif (next(w) & 1) {{\n\t\t{mark(1)}\n\t\tlevel{level + 1}(w);\n\t}} else {{\n\t\t"
              f"{mark(2)}\n\t\tlevel{level + 1}(w);\n\t}}")
    else:
        print(f"\tunsigned r;\n\tdo {{\n\t\tr = next(w);\n\t\tif (r >> 8 & 1) {{\n\t\t\t{mark(1)}"
              f"\n\t\t\tlevel{level + 1}(w);\n\t\t}} else {{\n\t\t\t{mark(2)}"
              f"\n\t\t\tlevel{level + 1}(w);\n\t\t}}\n\t}} while ((r & 255) < {again} && w->pairs < w->until);")
    print("\t__asm__ volatile(\"\" ::: \"memory\");\n}")
print("""
static void *run(void *arg)
{
	struct work *w = arg;

	while (w->pairs < w->until)
		level0(w);
	return NULL;
}
static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
int main(int argc, char **argv)
{
	static struct work w[8];
	int threads = argc > 2 ? atoi(argv[2]) : 1;
	double wall, cpu;
	pthread_t t[8];
	uint64_t pairs = 0;

	for (int i = 0; i < threads; i++) {
		w[i].rng = (uint64_t)i + 1;
		w[i].until = strtoull(argv[1], NULL, 10) / (unsigned)threads;
	}
	wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 1; i < threads; i++)
		pthread_create(&t[i], NULL, run, &w[i]);
	run(&w[0]);
	for (int i = 1; i < threads; i++)
		pthread_join(t[i], NULL);
	wall = seconds(CLOCK_MONOTONIC) - wall, cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	for (int i = 0; i < threads; i++)
		pairs += w[i].pairs;
	printf("{\\"pairs\\": %lu, \\"wall\\": %.6f, \\"cpu\\": %.6f}\\n", (unsigned long)pairs, wall, cpu);
	return 0;
}""")

/*
 * graph_bench.c - what the analyses of a large heap cost
 *
 *   graph_bench [NODES [EDGES [shuffled]]]      10,000,000 and 30,000,000
 *
 * Four fifths of the nodes are one live tangle with edges to anywhere in it,
 * the worst there is for caches; the others are dead cycles of 2 to 200 with
 * inner edges and some into the tangle.  "shuffled" drafts the edges in an
 * order that has to be sorted.  Prints processor time by phase and the peak of memory;
 * fails when the promise for the default size is broken: components,
 * dominators and reconciliation in 15 s and 2 GB.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "cycles.h"
#include "dead.h"
#include "dominators.h"
#include "graph.h"
#include "paths.h"
#include "scc.h"

enum { MAX_SECONDS = 15, MAX_MB = 2000, ROOTS = 1000, GROUP = 199 };

static double since(void)
{
	static double before;
	struct timespec t;
	double now, passed;

	/* One thread that never sleeps: so others on the machine do not count. */
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	now = t.tv_sec + t.tv_nsec / 1e9;
	passed = now - before;
	before = now;
	return passed;
}

static double total;

static double phase(const char *what, const char *found, uint64_t n)
{
	double s = since();

	total += s;
	printf("  %-34s %6.2f s   %s%lu\n", what, s, found, n);
	fflush(stdout);
	return s;
}

static void check(int err)
{
	if (!err)
		return;
	fprintf(stderr, "graph_bench: %s\n", strerror(-err));
	exit(1);
}

static uint64_t state = 88172645463325252;

static uint32_t dice(uint32_t sides)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint64_t)(uint32_t)(state >> 16) * sides >> 32;
}

static void edge(struct draft *d, uint32_t *nin, node_id from, node_id to)
{
	check(draft_edge(d, from, to, 0, EDGE_OWNED));
	nin[to]++;
}

static void draft_heap(struct draft *d, uint32_t n, uint32_t m, bool shuffled)
{
	uint32_t live = n / 5 * 4, each = m / n, i, v, group, size = 0;
	uint32_t *nin = calloc(n, sizeof(*nin));

	if (!nin)
		check(-ENOMEM);
	for (v = 0; v < n; v++)
		check(draft_node(d, 0, 16 + dice(500),
				 v % 5 ? NODE_COLLECTABLE : NODE_NOT_GC));
	if (shuffled)
		edge(d, nin, n - 1, n - 1);
	for (v = 0; v < live; v++) {
		node_id from = shuffled ? dice(live) : v;

		for (i = 0; i < each; i++)
			edge(d, nin, from, dice(live));
	}
	for (group = live; group < n; group += size) {
		size = 2 + dice(GROUP);
		if (size > n - group)
			size = n - group;
		for (v = group; v < group + size; v++) {
			edge(d, nin, v, v + 1 < group + size ? v + 1 : group);
			for (i = 1; i < each; i++)
				edge(d, nin, v,
				     dice(4) ? group + dice(size) : dice(live));
		}
	}
	for (i = 0; i < ROOTS; i++) {
		v = dice(live);
		check(draft_root(d, v, 1, i));
		nin[v]++;
	}
	for (v = 0; v < n; v++)	/* who has no holder has one that is not known */
		d->g.count[v] = nin[v] ? nin[v] : 1;
	free(nin);
}

static uint64_t reconcile(const struct graph *g)
{
	uint64_t unknown = 0;
	node_id v;

	for (v = 0; v < g->n; v++)
		unknown += graph_account(g, v).unknown != 0;
	return unknown;
}

int main(int argc, char **argv)
{
	uint32_t n = argc > 1 ? atoi(argv[1]) : 10000000;
	uint32_t m = argc > 2 ? atoi(argv[2]) : 30000000;
	struct draft draft = {0};
	struct graph g;
	struct bits held;
	struct dead dead;
	struct groups groups;
	struct dominators dom;
	struct paths paths;
	struct path_set set;
	struct scc scc;
	struct rusage u;
	uint32_t i, found = 0;
	double promised = 0;
	uint64_t mb;

	since();
	draft_heap(&draft, n, m, argc > 3);
	phase("(drawing the dice)", "edges ", draft.g.m);
	total = 0;
	check(graph_build(&g, &draft));
	promised += phase("build", "nodes ", g.n);
	i = reconcile(&g);
	promised += phase("reconcile every count", "not explained ", i);
	check(graph_reverse(&g));
	promised += phase("reverse", "holders ", g.in[g.n]);
	check(dead_find(&g, &dead));
	phase("dead, and the collector's view", "dead ", dead.nodes);
	check(groups_find(&g, &dead, &groups));
	phase("groups of the dead", "groups ", groups.n);
	groups_fini(&groups);
	check(scc_find(&g, NULL, &scc));
	promised += phase("components of all", "components ", scc.n);
	scc_fini(&scc);
	check(cycles_live(&g, &dead, NULL, &scc));
	phase("live cycles", "cycles ", scc.n);
	scc_fini(&scc);
	check(graph_held(&g, &held));
	check(dominators_find(&g, &held, &dom));
	promised += phase("dominators and retained sizes", "reached ", dom.total);
	dominators_fini(&dom);
	getrusage(RUSAGE_SELF, &u);
	mb = u.ru_maxrss / 1000;
	printf("  %-34s %6.2f s   peak %lu MB\n", "together", total, mb);
	printf("  %-34s %6.2f s\n", "... of which promised in 15", promised);

	check(paths_init(&paths, &g, &held, NULL));
	phase("depths", "nodes ", g.n);
	for (i = 0; i < 1000; i++) {
		check(paths_to(&paths, dice(n), 5, &set));
		found += set.n;
		path_set_fini(&set);
	}
	phase("5 paths to each of 1000", "paths ", found);
	paths_fini(&paths);
	bits_fini(&held);
	dead_fini(&dead);
	graph_fini(&g);
	if (argc == 1 && (promised > MAX_SECONDS || mb > MAX_MB)) {
		puts("  too much: the promise is 15 s and 2000 MB");
		return 1;
	}
	return 0;
}

// The C++ benchmark: maps, strings and vectors as ordinary code uses them.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

static unsigned long allocations;

static std::string name(unsigned n)
{
	allocations++;
	return "a name that does not fit into the object itself, " + std::to_string(n);
}

struct shop {
	std::map<std::string, std::vector<std::string>> shelves;
	std::unordered_map<unsigned, std::string> index;

	void put(unsigned n)
	{
		auto &shelf = shelves[name(n % 997)];
		shelf.push_back(name(n));
		if (shelf.size() > 8)
			shelf.clear();
		index[n % 4096] = name(n);
	}
	size_t find(unsigned n) const
	{
		auto it = shelves.find(name(n % 997));
		return it == shelves.end() ? 0 : it->second.size();
	}
};

static double cpu()
{
	timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec + 1e-9 * t.tv_nsec;
}

int main(int, char **argv)
{
	unsigned long rounds = strtoul(argv[1], nullptr, 10);
	auto wall = std::chrono::steady_clock::now();
	double used = cpu();
	size_t sum = 0;
	{
		shop s;
		for (unsigned n = 0; n < rounds; n++) {
			s.put(n * 2654435761u);
			sum += s.find(n);
		}
	}
	used = cpu() - used;
	std::chrono::duration<double> took = std::chrono::steady_clock::now() - wall;
	printf("{\"pairs\": %lu, \"wall\": %.6f, \"cpu\": %.6f, \"sum\": %zu}\n", allocations,
		took.count(), used, sum);
}

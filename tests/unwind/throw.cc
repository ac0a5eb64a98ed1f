// Built by unwind_test.c: events inside constructors, destructors and catch clauses.
#include <stdexcept>
#include <string>

static void (*event)();

struct Guard {
	int n;
	explicit Guard(int n) : n(n) { event(); }
	~Guard() { event(); }
};

__attribute__((noinline)) static int descend(int depth, unsigned seed)
{
	Guard g(depth);

	if (!depth)
		throw std::runtime_error(std::string(seed % 60, 'x'));
	try {
		return descend(depth - 1, seed * 1103515245 + 12345) + g.n;
	} catch (const std::logic_error &) {
		return 1;
	} catch (...) {
		event();
		if (seed & 4)
			throw;
		return 2;
	}
}

extern "C" void throw_run(void (*e)(), unsigned rounds)
{
	event = e;
	for (unsigned i = 0; i < rounds; i++) {
		try {
			descend(i % 20, i * 2654435761u);
		} catch (...) {
			event();
		}
	}
}

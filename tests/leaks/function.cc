/*
 * verdict: 1 direct 1 indirect
 *
 * A callable on the heap, and what it captured.
 */
#include <array>
#include <functional>

static std::function<int()> *volatile kept;

int main()
{
	std::array<int, 100> big{};

	kept = new std::function<int()>([big] { return big[0]; });
	kept = nullptr;
	return 0;
}

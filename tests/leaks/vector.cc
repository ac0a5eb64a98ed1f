/*
 * verdict: 1 direct 1 indirect
 *
 * A vector on the heap, and its elements.
 */
#include <vector>

static std::vector<int> *volatile kept;

int main()
{
	kept = new std::vector<int>(100);
	kept = nullptr;
	return 0;
}

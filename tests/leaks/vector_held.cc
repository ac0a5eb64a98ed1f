/*
 * verdict: clean
 *
 * A global vector: gone when all destructors have run.
 */
#include <vector>

static std::vector<std::vector<int>> kept;

int main()
{
	for (int i = 0; i < 10; i++)
		kept.push_back(std::vector<int>(100));
	return 0;
}

/*
 * verdict: 10 direct
 *
 * The destructor of a global vector frees the array and not what it points to.
 */
#include <vector>

static std::vector<int *> kept;

int main()
{
	for (int i = 0; i < 10; i++)
		kept.push_back(new int(i));
	return 0;
}

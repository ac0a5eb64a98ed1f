/*
 * verdict: 1 direct 5 indirect cyclic
 *
 * A map of five on the heap: its nodes know their parents, the first one the map itself.
 */
#include <map>

static std::map<int, int> *volatile kept;

int main()
{
	kept = new std::map<int, int>;
	for (int i = 0; i < 5; i++)
		(*kept)[i] = i;
	kept = nullptr;
	return 0;
}

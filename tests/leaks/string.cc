/*
 * verdict: 1 direct 1 indirect
 *
 * A long string on the heap.
 */
#include <string>

static std::string *volatile kept;

int main()
{
	kept = new std::string(100, 'x');
	kept = nullptr;
	return 0;
}

/*
 * verdict: clean
 *
 * exit is called while an exception is handled, which alone has the address.
 */
#include <cstdlib>

struct Trouble {
	int *detail;
};

int main()
{
	try {
		throw Trouble{ new int[10] };
	} catch (const Trouble &) {
		std::exit(0);
	}
}

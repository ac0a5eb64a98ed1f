/*
 * verdict: 1 direct
 *
 * An exception passes a function that has something to free.
 */
#include <stdexcept>

static volatile bool fail = true;

__attribute__((noinline)) static int work()
{
	int *p = new int(1);

	if (fail)
		throw std::runtime_error("no");
	int v = *p;
	delete p;
	return v;
}

int main()
{
	try {
		return work();
	} catch (const std::exception &) {
		return 0;
	}
}

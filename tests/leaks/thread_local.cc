/*
 * verdict: clean
 * flags: -pthread
 *
 * A thread-local object of C++, destroyed with its thread.
 */
#include <thread>
#include <vector>

static thread_local std::vector<int> kept;

int main()
{
	kept.assign(100, 1);
	std::thread([] { kept.assign(200, 2); }).join();
	return 0;
}

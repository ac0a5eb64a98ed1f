/*
 * Four leaks, each by its own way: what suppressions take away is told apart by their sizes,
 * 1001, 1002, 1003 and 1004 bytes.
 */
#include <cstdlib>
#include <cstring>

struct Buffer {
	char bytes[1003];
};

static void *hold;

__attribute__((noinline)) static void *grab(size_t n)
{
	return memset(malloc(n), 1, n);
}

__attribute__((noinline)) static void direct_leak()
{
	hold = grab(1001);
}

__attribute__((noinline)) static void outer()
{
	hold = grab(1002);
}

__attribute__((noinline)) static void with_new()
{
	hold = new Buffer;
}

__attribute__((noinline)) static void cleared()
{
	hold = calloc(1, 1004);
}

/* Nothing of the last one stays on the stack, where a leak detector would find it. */
__attribute__((noinline)) static void scrub()
{
	char room[4096];

	memset(room, 0, sizeof(room));
	asm volatile("" : : "r"(room) : "memory");
}

int main()
{
	direct_leak();
	outer();
	with_new();
	cleared();
	hold = nullptr;
	scrub();
	return 0;
}

// Blocks by operator new, of sizes nobody else asks for.  With -DPOOL the operators are the
// program's own and do not end in malloc; with -DHEADER they put a header before each block
// and do; with neither they are whatever the program is linked or preloaded with.
//
//	1301  new[]    1000 times, 100 kept         1303  aligned new   100 times, none kept
//	1302  nothrow   200 times, none kept        and 1000 times bad_alloc, unless the
//						    program is started with an argument
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>

#ifdef POOL
static char room[8 << 20] __attribute__((aligned(64)));
static size_t used;
static inline __attribute__((always_inline)) void *take(size_t n) noexcept
{
	size_t at = used;
	n = (n + 63) & ~size_t(63);
	if (n > sizeof room - at)
		return nullptr;
	used += n;
	return room + at;
}
static unsigned given;
static inline void give(void *p) noexcept { given += p != nullptr; }
#define OPERATORS
#elif defined HEADER
static inline __attribute__((always_inline)) void *take(size_t n) noexcept
{
	char *p = n > SIZE_MAX / 2 ? nullptr : static_cast<char *>(malloc(n + 16));
	return p ? p + 16 : nullptr;
}
static void give(void *p) noexcept
{
	if (p)
		free(static_cast<char *>(p) - 16);
}
#define OPERATORS
#endif

#ifdef OPERATORS
static inline __attribute__((always_inline)) void *insist(size_t n)
{
	if (void *p = take(n))
		return p;
	throw std::bad_alloc();
}
void *operator new(size_t n) { return insist(n); }
void *operator new[](size_t n) { return insist(n); }
void *operator new(size_t n, const std::nothrow_t &) noexcept { return take(n); }
void *operator new[](size_t n, const std::nothrow_t &) noexcept { return take(n); }
void operator delete(void *p) noexcept { give(p); }
void operator delete[](void *p) noexcept { give(p); }
void operator delete(void *p, size_t) noexcept { give(p); }
void operator delete[](void *p, size_t) noexcept { give(p); }
#ifdef POOL
void *operator new[](size_t n, std::align_val_t) { return insist(n); }
void operator delete[](void *p, std::align_val_t) noexcept { give(p); }
void operator delete[](void *p, size_t, std::align_val_t) noexcept { give(p); }
#endif
#endif

static char *volatile kept[100];
static volatile size_t enormous = PTRDIFF_MAX;

int main(int argc, char **)
{
	int caught = 0;
	for (int i = 0; i < 1000; i++) {
		char *p = new char[1301];
		p[0] = 1;
		if (i % 10)
			delete[] p;
		else
			kept[i / 10] = p;
	}
	for (int i = 0; i < 200; i++) {
		char *volatile p = new (std::nothrow) char[1302];
		delete[] p;
	}
	for (int i = 0; i < 100; i++) {
		char *volatile p = new (std::align_val_t(64)) char[1303];
		::operator delete[](p, std::align_val_t(64));
	}
	for (int i = 0; argc == 1 && i < 1000; i++)
		try {
			char *volatile p = new char[enormous];
			delete[] p;
		} catch (const std::bad_alloc &) {
			caught++;
		}
	std::printf("%d\n", caught);
}

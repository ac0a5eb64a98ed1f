/*
 * verdict: clean
 * lsan: 1 direct: it does not search mapped memory unless told to
 *
 * Held by memory that the program mapped itself.
 */
#include <stdlib.h>
#include <sys/mman.h>

static void **page;

int main(void)
{
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	page[100] = malloc(100);
	return 0;
}

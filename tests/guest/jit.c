/*
 * jit.c - a block made by code that was made at run time, under the name that perf's convention gives it
 *
 *   jit map      with /tmp/perf-PID.map
 *   jit          without
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef void *taker(void *(*take)(size_t), size_t bytes);

/* Calls its first argument with the second, with a frame pointer as all such code has. */
static const unsigned char code[] = {
	0x55, 0x48, 0x89, 0xe5,		/* push %rbp; mov %rsp, %rbp */
	0x48, 0x89, 0xf8,		/* mov %rdi, %rax            */
	0x48, 0x89, 0xf7,		/* mov %rsi, %rdi            */
	0xff, 0xd0,			/* call *%rax                */
	0x5d, 0xc3,			/* pop %rbp; ret             */
};

int main(int argc, char **argv)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char path[64];
	void *volatile lost;
	FILE *map;

	memcpy(page + 64, code, sizeof code);
	if (argc > 1) {
		snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
		map = fopen(path, "w");
		fprintf(map, "%lx 20 jitted_taker at script.js:7\n", (unsigned long)page + 64);
		fclose(map);
	}
	for (int i = 0; i < 50; i++)
		lost = ((taker *)(page + 64))(malloc, 1000);
	lost = NULL;
	return 0;
}

/*
 * verdict: unknown
 * flags: -pthread
 * valgrind: clean, it has the registers
 * lsan: clean, it has the registers
 *
 * Held by nothing but a register of a thread that runs. Registers of other threads are
 * not seen: no error may be made of it.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

static sem_t ready;

static void *run_for_ever(void *arg)
{
	void *p = malloc(100);

	sem_post(&ready);
	__asm__ volatile("mov %0, %%r12\n\t"
		"movq $0, %1\n\t"
		"xor %0, %0\n\t"
		"1: jmp 1b"
		: "+r"(p), "=m"(p) : : "r12");
	return arg;
}

int main(void)
{
	pthread_t t;

	sem_init(&ready, 0, 0);
	pthread_create(&t, NULL, run_for_ever, NULL);
	sem_wait(&ready);
	usleep(20000);
	return 0;
}

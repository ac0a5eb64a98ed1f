/* GObject comes by dlopen, while other threads run; and once more after it could have gone. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

static volatile int stop;

static void *spin(void *arg)
{
	while (!stop)
		;
	return arg;
}

static int use(const char *library)
{
	void *h = dlopen(library, RTLD_NOW);
	void *(*make)(unsigned long, const char *, ...), *(*ref)(void *), *o;
	void (*unref)(void *);

	if (!h)
		return 1;
	make = (void *(*)(unsigned long, const char *, ...))dlsym(h, "g_object_new");
	ref = (void *(*)(void *))dlsym(h, "g_object_ref");
	unref = (void (*)(void *))dlsym(h, "g_object_unref");
	o = make(20 << 2, NULL);
	unref(ref(o));
	printf("held %p 1\n", o);
	o = make(20 << 2, NULL);
	unref(o);
	dlclose(h);
	return 0;
}

int main(void)
{
	pthread_t thread;
	int r;

	if (pthread_create(&thread, NULL, spin, NULL))
		return 1;
	r = use("libgobject-2.0.so.0") || use("libgio-2.0.so.0");
	stop = 1;
	pthread_join(thread, NULL);
	return r;
}

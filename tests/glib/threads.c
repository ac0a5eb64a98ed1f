/* Four threads at the counts of a few objects, and passing others on. */
#include "held.h"

enum { THREADS = 4, ROUNDS = 5000, SHARED = 3 };

static GObject *shared[SHARED];
static GAsyncQueue *queue;

static gpointer run(gpointer data)
{
	for (int i = 0; i < ROUNDS; i++) {
		GObject *o = shared[i % SHARED], *got;

		g_object_ref(o);
		if (i % 10 == 0)
			g_async_queue_push(queue, g_object_new(G_TYPE_OBJECT, NULL));
		got = g_async_queue_try_pop(queue);
		if (got)
			g_object_unref(got);
		g_object_unref(o);
	}
	return g_object_ref(shared[0]);
}

int main(void)
{
	GThread *thread[THREADS];
	GObject *o;

	queue = g_async_queue_new();
	for (int i = 0; i < SHARED; i++)
		shared[i] = g_object_new(G_TYPE_OBJECT, NULL);
	for (int i = 0; i < THREADS; i++)
		thread[i] = g_thread_new("worker", run, NULL);
	for (int i = 0; i < THREADS; i++)
		g_thread_join(thread[i]);
	while ((o = g_async_queue_try_pop(queue)))
		g_object_unref(o);
	for (int i = 0; i < SHARED; i++)
		held_object(shared[i]);
	return 0;
}

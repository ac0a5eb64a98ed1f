/*
 * mistake: a thread is handed a reference and does not give it back
 * kind: unbalanced
 * type: Job
 * objects: 3
 * blame: hand_over
 */
#include "thing.h"

THING(Job, job, G_TYPE_OBJECT)

static gpointer work(gpointer data)
{
	Job *j = g_object_ref(data);

	g_signal_emit_by_name(j, "ping");
	g_object_unref(j);
	return NULL;
}

static NOINLINE GThread *hand_over(Job *j)
{
	return g_thread_new("work", work, g_object_ref(j));
}

static NOINLINE void run(void)
{
	Job *j = job_new();
	GThread *t = hand_over(j);

	g_thread_join(t);
	g_object_unref(j);
}

int main(void)
{
	for (int i = 0; i < 3; i++)
		run();
	return sweep();
}

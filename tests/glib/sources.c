/* Sources of a main loop: some run and go, three are made and forgotten; a context and a loop. */
#include <glib.h>

static gboolean tick(gpointer left)
{
	return --*(int *)left > 0;
}

static __attribute__((noinline)) void forget(void)
{
	g_source_set_callback(g_timeout_source_new(10), tick, NULL, NULL);
}

static __attribute__((noinline)) void run(GMainContext *context)
{
	int left = 3;
	GSource *s = g_idle_source_new();

	g_source_set_callback(s, tick, &left, NULL);
	g_source_attach(s, context);
	g_source_unref(s);
	while (left)
		g_main_context_iteration(context, TRUE);
}

/* Registers and the stack below keep no address of a source. */
static __attribute__((noinline)) int sweep(int n)
{
	volatile char room[16384];

	for (size_t i = 0; i < sizeof room; i++)
		room[i] = (char)n;
	return room[n];
}

int main(void)
{
	GMainContext *context = g_main_context_new();
	GMainLoop *loop = g_main_loop_new(context, FALSE);

	for (int i = 0; i < 3; i++)
		forget();
	for (int i = 0; i < 50; i++)
		run(context);
	g_main_loop_unref(loop);
	g_main_context_unref(context);
	return sweep(0);
}

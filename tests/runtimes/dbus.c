/*
 * A message is queued with a reference, by enqueue, and every second one is never sent.
 *
 * type DBusMessage, objects 3, function enqueue
 */
#include <dbus/dbus.h>
#include <stdlib.h>

#define APART __attribute__((noinline))

struct queue {
	DBusMessage *first;
};

APART static void enqueue(struct queue *q, DBusMessage *m)
{
	q->first = dbus_message_ref(m);
}

APART static void send_all(struct queue *q)
{
	dbus_message_unref(q->first);
	q->first = NULL;
}

APART static void signal_number(int i)
{
	struct queue *q = calloc(1, sizeof(*q));
	DBusMessage *m = dbus_message_new_signal("/a", "org.example.A", "Changed");

	dbus_message_append_args(m, DBUS_TYPE_INT32, &i, DBUS_TYPE_INVALID);
	enqueue(q, m);
	if (i % 2)
		send_all(q);
	dbus_message_unref(m);
	free(q);
}

int main(void)
{
	for (int i = 0; i < 6; i++)
		signal_number(i);
	return 0;
}

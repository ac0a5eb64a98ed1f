/* Each kind of reference once: instances, what floats, toggles, is weak, comes back to life. */
#include "held.h"

/* --- a type that counts in its constructor and can come back to life ---------------- */

typedef struct {
	GObject object;
	GObject *partner;
} Thing;
typedef GObjectClass ThingClass;

static Thing *saved;
static gboolean save_next;

static void thing_init(Thing *t)
{
	t->partner = g_object_ref(G_OBJECT(t));
	g_object_unref(t->partner);
}

G_DEFINE_TYPE(Thing, thing, G_TYPE_OBJECT)

static void thing_dispose(GObject *o)
{
	g_object_ref(o);		/* as many classes do, for the time of it */
	if (save_next)
		saved = (Thing *)g_object_ref(o);
	save_next = FALSE;
	g_object_unref(o);
	G_OBJECT_CLASS(thing_parent_class)->dispose(o);
}

static void thing_class_init(ThingClass *c)
{
	c->dispose = thing_dispose;
	g_signal_new("poked", thing_get_type(), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
		G_TYPE_NONE, 1, G_TYPE_INT);
}

static void toggled(gpointer data, GObject *o, gboolean last)
{
	printf("toggled %d\n", last);
}

static void gone(gpointer data, GObject *was)
{
	printf("gone\n");
}

static void lives_and_dies(void)
{
	Thing *t = g_object_new(thing_get_type(), NULL);

	save_next = TRUE;
	g_object_unref(t);
	printf("saved %d\n", saved == t);
	g_object_ref(saved);
	g_object_unref(saved);
	held_object(saved);
}

static void floats(void)
{
	GObject *kept = g_object_new(G_TYPE_INITIALLY_UNOWNED, NULL);
	GObject *sunk = g_object_ref_sink(g_object_new(G_TYPE_INITIALLY_UNOWNED, NULL));
	GObject *taken = g_object_take_ref(g_object_new(G_TYPE_INITIALLY_UNOWNED, NULL));

	g_object_force_floating(taken);
	g_object_ref_sink(taken);
	g_object_unref(taken);
	held_object(kept);
	held_object(sunk);
}

static void is_weak(void)
{
	GObject *o = g_object_new(thing_get_type(), NULL), *got;
	GWeakRef ref;
	gpointer pointer = o;

	g_object_weak_ref(o, gone, NULL);
	g_object_add_weak_pointer(o, &pointer);
	g_weak_ref_init(&ref, o);
	got = g_weak_ref_get(&ref);
	g_object_unref(got);
	g_object_unref(o);
	printf("weak %d %d\n", pointer == NULL, g_weak_ref_get(&ref) == NULL);
	g_weak_ref_clear(&ref);
}

static void toggles(void)
{
	GObject *o = g_object_new(G_TYPE_OBJECT, NULL);

	g_object_add_toggle_ref(o, toggled, &saved);
	g_object_unref(o);
	g_object_ref(o);
	g_object_remove_toggle_ref(o, toggled, &saved);
	held_object(o);
}

/* --- signals --------------------------------------------------------------------------- */

static void poked(GObject *o, int n, gpointer data)
{
	g_object_ref(o);
	printf("poked %d\n", n);
	g_object_unref(o);
}

static void signals(void)
{
	GObject *o = g_object_new(thing_get_type(), NULL);
	GObject *data = g_object_new(G_TYPE_OBJECT, NULL);
	gulong id = g_signal_connect(o, "poked", G_CALLBACK(poked), data);
	GClosure *c = g_cclosure_new(G_CALLBACK(poked), g_object_ref(data),
		(GClosureNotify)(void (*)(void))g_object_unref);

	g_signal_connect_closure(o, "poked", c, TRUE);
	g_signal_connect_object(o, "poked", G_CALLBACK(poked), data, 0);
	g_signal_emit_by_name(o, "poked", 7);
	g_signal_handler_disconnect(o, id);
	g_signal_emit_by_name(o, "poked", 8);
	held_object(o);
	held_object(data);
}

/* --- boxed ------------------------------------------------------------------------------ */

static void boxed(void)
{
	GVariant *v = g_variant_ref_sink(g_variant_new("(sia{sv})", "text", 5, NULL));
	GVariant *child = g_variant_get_child_value(v, 0), *floating = g_variant_new_int32(7);
	GDateTime *then = g_date_time_new_from_unix_utc(1000000000);
	GDateTime *later = g_date_time_add_days(then, 3);
	GBytes *bytes = g_bytes_new("abcdef", 6), *part = g_bytes_new_from_bytes(bytes, 1, 2);
	GHashTable *table = g_hash_table_new(g_str_hash, g_str_equal);
	GPtrArray *pointers = g_ptr_array_new();
	GArray *numbers = g_array_new(FALSE, FALSE, 4);
	char *string = g_ref_string_new("counted"), *same = g_ref_string_acquire(string);
	int *box = g_rc_box_new(int), *box2 = g_rc_box_acquire(box);

	g_variant_unref(child);
	g_variant_unref(g_variant_take_ref(floating));
	g_date_time_unref(then);
	g_hash_table_unref(g_hash_table_ref(table));
	g_hash_table_destroy(table);
	g_ptr_array_ref(pointers);
	g_ptr_array_free(pointers, TRUE);
	g_array_free(numbers, TRUE);
	g_bytes_unref(bytes);
	g_ref_string_release(same);
	g_rc_box_release(box2);
	held(v, 1);
	held(later, 1);
	held(part, 1);
	held(bytes, 1);			/* by part */
	held(pointers, 1);
	held(string, 1);
	held(box, 1);
}

static void params(void)
{
	GParamSpec *p = g_param_spec_int("a", "b", "c", 0, 9, 1, G_PARAM_READWRITE);

	g_param_spec_ref_sink(p);
	g_param_spec_ref(p);
	held(p, p->ref_count);
	p = g_param_spec_int("d", "e", "f", 0, 9, 1, G_PARAM_READWRITE);
	g_param_spec_sink(g_param_spec_ref(p));
	g_param_spec_unref(p);
}

int main(void)
{
	GObject *disposed = g_object_new(G_TYPE_OBJECT, NULL);

	lives_and_dies();
	floats();
	is_weak();
	toggles();
	signals();
	boxed();
	params();
	g_object_run_dispose(disposed);
	held_object(disposed);
	return 0;
}

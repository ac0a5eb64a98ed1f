/*
 * mistake: a window has the builder that made it for its data, and that has the window
 * kind: dead-cycle
 * type: GtkBuilder
 * objects: 1
 * blame: show
 * needs: gtk+-3.0
 */
#include <gtk/gtk.h>

#include "sweep.h"

static const char *const description =
	"<interface><object class=\"GtkWindow\" id=\"window\">"
	"<child><object class=\"GtkLabel\" id=\"label\"/></child></object></interface>";

static __attribute__((noinline)) void show(void)
{
	GtkBuilder *b = gtk_builder_new_from_string(description, -1);
	GtkWidget *w = GTK_WIDGET(gtk_builder_get_object(b, "window"));

	g_object_set_data_full(G_OBJECT(w), "builder", b, g_object_unref);
	gtk_widget_show_all(w);
	while (gtk_events_pending())
		gtk_main_iteration();
	gtk_widget_destroy(w);
	while (gtk_events_pending())
		gtk_main_iteration();
}

int main(int argc, char **argv)
{
	gtk_init(&argc, &argv);
	show();
	return sweep();
}

/*
 * mistake: a handler of "clicked" keeps the button
 * kind: unbalanced
 * type: GtkButton
 * objects: 1
 * blame: on_clicked
 * needs: gtk+-3.0
 */
#include <gtk/gtk.h>

#include "sweep.h"

static __attribute__((noinline)) void on_clicked(GtkButton *b)
{
	g_object_ref(b);
}

static __attribute__((noinline)) void show(void)
{
	GtkWidget *w = gtk_window_new(GTK_WINDOW_TOPLEVEL), *b = gtk_button_new_with_label("x");

	g_signal_connect(b, "clicked", G_CALLBACK(on_clicked), NULL);
	gtk_container_add(GTK_CONTAINER(w), b);
	gtk_widget_show_all(w);
	while (gtk_events_pending())
		gtk_main_iteration();
	gtk_button_clicked(GTK_BUTTON(b));
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

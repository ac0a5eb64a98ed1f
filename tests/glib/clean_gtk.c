/*
 * kind: clean
 * needs: gtk+-3.0
 */
#include <gtk/gtk.h>

#include "sweep.h"

static void on_clicked(GtkButton *b, GtkEntry *e)
{
	(void)b;
	gtk_entry_set_text(e, "clicked");
}

int main(int argc, char **argv)
{
	GtkWidget *w, *box, *b, *e;

	gtk_init(&argc, &argv);
	w = gtk_window_new(GTK_WINDOW_TOPLEVEL);
	box = gtk_box_new(GTK_ORIENTATION_VERTICAL, 4);
	b = gtk_button_new_with_label("x");
	e = gtk_entry_new();
	gtk_container_add(GTK_CONTAINER(w), box);
	gtk_container_add(GTK_CONTAINER(box), b);
	gtk_container_add(GTK_CONTAINER(box), e);
	g_signal_connect(b, "clicked", G_CALLBACK(on_clicked), e);
	gtk_widget_show_all(w);
	while (gtk_events_pending())
		gtk_main_iteration();
	gtk_button_clicked(GTK_BUTTON(b));
	gtk_widget_destroy(w);
	while (gtk_events_pending())
		gtk_main_iteration();
	return sweep();
}

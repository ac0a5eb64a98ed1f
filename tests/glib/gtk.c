/* A window with what is in most windows, shown, clicked and taken down, three times. */
#include <gtk/gtk.h>

static int clicks;

static void clicked(GtkButton *b, gpointer label)
{
	char text[32];

	g_snprintf(text, sizeof text, "%d", ++clicks);
	gtk_label_set_text(label, text);
}

static gboolean click(gpointer button)
{
	gtk_button_clicked(button);
	if (clicks < 5)
		return TRUE;
	gtk_main_quit();
	return FALSE;
}

static void show(void)
{
	GtkWidget *window = gtk_window_new(GTK_WINDOW_TOPLEVEL), *box = gtk_grid_new();
	GtkWidget *label = gtk_label_new("0"), *button = NULL, *tree;
	GtkListStore *store = gtk_list_store_new(2, G_TYPE_STRING, G_TYPE_INT);

	for (int i = 0; i < 20; i++) {
		GtkTreeIter at;

		button = gtk_button_new_with_label("button");
		g_signal_connect(button, "clicked", G_CALLBACK(clicked), label);
		gtk_grid_attach(GTK_GRID(box), button, i % 5, i / 5, 1, 1);
		gtk_list_store_insert_with_values(store, &at, -1, 0, "row", 1, i, -1);
	}
	tree = gtk_tree_view_new_with_model(GTK_TREE_MODEL(store));
	g_object_unref(store);
	gtk_tree_view_insert_column_with_attributes(GTK_TREE_VIEW(tree), -1, "name",
		gtk_cell_renderer_text_new(), "text", 0, NULL);
	gtk_grid_attach(GTK_GRID(box), tree, 0, 5, 5, 1);
	gtk_grid_attach(GTK_GRID(box), label, 0, 6, 5, 1);
	gtk_container_add(GTK_CONTAINER(window), box);
	gtk_widget_show_all(window);
	clicks = 0;
	g_timeout_add(10, click, button);
	gtk_main();
	gtk_widget_destroy(window);
}

int main(int argc, char **argv)
{
	gtk_init(&argc, &argv);
	for (int i = 0; i < 3; i++)
		show();
	printf("clicked %d\n", clicks);
	return 0;
}

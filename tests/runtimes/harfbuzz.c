/*
 * A buffer is handed to a job that takes a reference, by start_job; cancelled jobs keep it.
 *
 * type hb_buffer_t, objects 1, function start_job
 */
#include <hb.h>
#include <stdlib.h>

#define APART __attribute__((noinline))

struct job {
	hb_buffer_t *text;
};

APART static struct job *start_job(hb_buffer_t *text)
{
	struct job *j = malloc(sizeof(*j));

	j->text = hb_buffer_reference(text);
	return j;
}

APART static void shape(int cancel)
{
	hb_buffer_t *b = hb_buffer_create();
	struct job *j;

	hb_buffer_add_utf8(b, "ouro", -1, 0, -1);
	hb_buffer_guess_segment_properties(b);
	j = start_job(b);
	if (!cancel)
		hb_buffer_destroy(j->text);
	free(j);
	hb_buffer_destroy(b);
}

int main(void)
{
	for (int i = 0; i < 4; i++)
		shape(i == 2);
	hb_blob_destroy(hb_blob_get_empty());
	return 0;
}

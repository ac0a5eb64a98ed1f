/*
 * held.h - at its end a program says what it still holds, and what memory counts for it
 */
#ifndef HELD_H
#define HELD_H

#include <glib-object.h>
#include <stdio.h>

static inline void held(gpointer object, guint count)
{
	printf("held %p %u\n", object, count);
}

static inline void held_object(gpointer object)
{
	held(object, G_OBJECT(object)->ref_count);
}

#endif

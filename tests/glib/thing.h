/*
 * thing.h - a type of objects in one line
 *
 *	THING(Parcel, parcel, G_TYPE_OBJECT)
 *
 * makes struct Parcel with a `held` object, which its dispose lets go of, and parcel_new().
 * FORGETFUL(...) makes one whose dispose forgets.
 */
#ifndef THING_H
#define THING_H

#include <glib-object.h>

#include "sweep.h"

#define NOINLINE __attribute__((noinline))

#define THING_AS(Name, name, PARENT, FORGETS)						\
	typedef struct { GObject parent; GObject *held; } Name;				\
	typedef struct { GObjectClass parent; } Name##Class;				\
	GType name##_get_type(void);							\
	G_DEFINE_TYPE(Name, name, PARENT)						\
	static void name##_dispose(GObject *o)						\
	{										\
		if (!(FORGETS))								\
			g_clear_object(&((Name *)o)->held);				\
		G_OBJECT_CLASS(name##_parent_class)->dispose(o);			\
	}										\
	static void name##_class_init(Name##Class *c)					\
	{										\
		G_OBJECT_CLASS(c)->dispose = name##_dispose;				\
		g_signal_new("ping", name##_get_type(), G_SIGNAL_RUN_LAST, 0, NULL, NULL, \
			NULL, G_TYPE_NONE, 0);						\
	}										\
	static void name##_init(Name *o)						\
	{										\
		o->held = NULL;								\
	}										\
	static __attribute__((unused)) NOINLINE Name *name##_new(void)					\
	{										\
		return g_object_new(name##_get_type(), NULL);				\
	}

#define THING(Name, name, PARENT)     THING_AS(Name, name, PARENT, 0)
#define FORGETFUL(Name, name, PARENT) THING_AS(Name, name, PARENT, 1)

#endif

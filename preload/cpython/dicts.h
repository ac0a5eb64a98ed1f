/*
 * dicts.h - the tables inside dicts, instances and types
 *
 * A key table is combined (keys and values in it, one owner) or split (keys
 * shared by the instances of a class, each with an array of values of its
 * own).  From 3.11 on a combined table of str keys alone has smaller entries,
 * and the collector does not visit its keys.
 */
#ifndef CPYTHON_DICTS_H
#define CPYTHON_DICTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dict_walk {
	uintptr_t keys;			/* the key table                              */
	uintptr_t values;		/* first word of the array of values; 0: combined */
	uintptr_t entry;		/* next one                                   */
	unsigned entry_size, key, value;	/* bytes; offsets in an entry         */
	int64_t i, n;			/* n: entries in use, deleted ones among them */
	bool embedded;			/* the values are part of an instance, which owns them */
};

void dict_start(struct dict_walk *d, uintptr_t dict);
void dict_start_values(struct dict_walk *d, uintptr_t keys, uintptr_t values);
void dict_start_keys(struct dict_walk *d, uintptr_t keys);	/* values come out as 0 */

/* The next key with its value, in order; false: no more. */
bool dict_next(struct dict_walk *d, uintptr_t *ret_key, uintptr_t *ret_value);

uintptr_t dict_get(uintptr_t dict, const char *key);	/* borrowed; 0: has no such key */

uint64_t dict_keys_bytes(uintptr_t keys);	/* size of a key table */
bool dict_keys_shared(uintptr_t keys);		/* more than one holder */

/* Where an instance keeps its attributes; any of the three may be 0. */
struct instance_dict {
	uintptr_t dict;			/* a dict object, held by the instance        */
	uintptr_t values, keys;		/* inline: no dict object, or one that borrows them */
};
struct instance_dict dict_of_instance(uintptr_t op, uintptr_t type);

#endif

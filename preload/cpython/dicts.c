#include "dicts.h"

#include "layout.h"
#include "text.h"

#include <string.h>

/* Bytes of the index in front of the entries. */
static uint64_t index_bytes(uintptr_t keys)
{
	int64_t size;

	if (py.keys_log2_index_bytes >= 0)
		return 1ull << py_byte(keys, py.keys_log2_index_bytes);
	size = py_long(keys, py.keys_size);
	return (uint64_t)size * (size <= 0xff ? 1 : size <= 0xffff ? 2 : size <= 0xffffffff ? 4 : 8);
}

static bool small_entries(uintptr_t keys)
{
	return py.keys_kind >= 0 && py_byte(keys, py.keys_kind) != 0;
}

void dict_start_keys(struct dict_walk *d, uintptr_t keys)
{
	bool small = small_entries(keys);

	*d = (struct dict_walk){
		.keys = keys,
		.entry = keys + (uintptr_t)py.keys_indices + index_bytes(keys),
		.entry_size = small ? 16 : 24,
		.key = small ? 0 : 8,
		.value = small ? 8 : 16,
		.n = py_long(keys, py.keys_nentries),
	};
}

void dict_start_values(struct dict_walk *d, uintptr_t keys, uintptr_t values)
{
	dict_start_keys(d, keys);
	d->values = values + (uintptr_t)(py.values_values < 0 ? 0 : py.values_values);
	if (py.values_capacity >= 0) {
		if (d->n > py_byte(values, py.values_capacity))
			d->n = py_byte(values, py.values_capacity);
		d->embedded = py_byte(values, py.values_embedded);
	}
}

void dict_start(struct dict_walk *d, uintptr_t dict)
{
	uintptr_t keys = py_ptr(dict, py.dict_keys), values = py_ptr(dict, py.dict_values);

	if (values)
		dict_start_values(d, keys, values);
	else
		dict_start_keys(d, keys);
}

bool dict_next(struct dict_walk *d, uintptr_t *ret_key, uintptr_t *ret_value)
{
	while (d->i < d->n) {
		uintptr_t key = py_ptr(d->entry, (int32_t)d->key);
		uintptr_t value = d->values ? py_ptr(d->values, (int32_t)d->i * 8)
					    : py_ptr(d->entry, (int32_t)d->value);

		d->entry += d->entry_size;
		d->i++;
		if (!key || (d->values && !value))
			continue;
		*ret_key = key;
		*ret_value = value;
		return true;
	}
	return false;
}

uintptr_t dict_get(uintptr_t dict, const char *name)
{
	struct dict_walk d;
	uintptr_t key, value;
	struct text t;

	dict_start(&d, dict);
	while (dict_next(&d, &key, &value)) {
		if (!text_is_str(key) || py_long(key, py.str_length) != (int64_t)strlen(name))
			continue;
		text_init(&t);
		text_add_str(&t, key);
		if (strcmp(t.s, name) == 0)
			return value;
	}
	return 0;
}

uint64_t dict_keys_bytes(uintptr_t keys)
{
	uint64_t size = py.keys_log2_size >= 0 ? 1ull << py_byte(keys, py.keys_log2_size)
					       : py_ptr(keys, py.keys_size);
	uint64_t usable = (size << 1) / 3;

	return (uint64_t)py.keys_indices + index_bytes(keys) +
	       usable * (small_entries(keys) ? 16 : 24);
}

bool dict_keys_shared(uintptr_t keys)
{
	return py_long(keys, py.keys_refcnt) != 1;
}

/*
 * 3.11: a word for the dict and one for the values stand before the object,
 * in 3.12 one for both, told apart by the low bit; in 3.13 the values follow
 * the object's own fields, and stay there when a dict is made.
 */
static struct instance_dict managed(uintptr_t op, uintptr_t type)
{
	struct instance_dict in = { 0 };
	uintptr_t keys = py_ptr(type, py.heap_cached_keys);
	uintptr_t word = py_ptr(op, -24);

	if (py.minor == 11) {
		in.dict = word;
		in.values = py_ptr(op, -32);
	} else if (py.minor == 12 && (word & 1)) {
		in.values = word + 1;
	} else {
		in.dict = word;
	}
	if (py.minor >= 13 && (py_ptr(type, TP_FLAGS) & PY_TPFLAGS_INLINE_VALUES)) {
		in.values = op + py_ptr(type, TP_BASICSIZE);
		if (!py_byte(in.values, py.values_valid))
			in.values = 0;
	}
	if (!keys)
		in.values = 0;
	in.keys = keys;
	return in;
}

struct instance_dict dict_of_instance(uintptr_t op, uintptr_t type)
{
	struct instance_dict in = { 0 };
	int64_t offset = py_long(type, TP_DICTOFFSET);

	if (py.minor >= 11 && (py_ptr(type, TP_FLAGS) & PY_TPFLAGS_MANAGED_DICT))
		return managed(op, type);
	if (offset < 0) {		/* counted from the end of an object of any length */
		int64_t n = py_long(op, OB_SIZE);

		if (py.int_tag >= 0 && (py_ptr(type, TP_FLAGS) & PY_TPFLAGS_LONG_SUBCLASS))
			n = (int64_t)(py_ptr(op, py.int_tag) >> 3);
		n = py_long(type, TP_BASICSIZE) + (n < 0 ? -n : n) * py_long(type, TP_ITEMSIZE);
		offset += (n + 7) & ~7ll;
	}
	if (offset > 0)
		in.dict = py_ptr(op, (int32_t)offset);
	return in;
}

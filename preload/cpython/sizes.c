#include "dicts.h"
#include "layout.h"
#include "shapes.h"

/* What stands before an object: the collector's head, the words of a managed dict. */
static uint64_t before(const struct type *t, uintptr_t op)
{
	uintptr_t managed = PY_TPFLAGS_MANAGED_DICT;
	/* 3.11 and 3.12 count it for types in C's static memory, which have none */
	bool gc = py.minor == 11 || py.minor == 12 ? t->gc : type_is_gc(t, op);
	uint64_t bytes = gc ? 16 : 0;

	if (py.minor >= 12)
		managed |= PY_TPFLAGS_MANAGED_WEAKREF;
	if (py.minor >= 11 && (t->flags & managed))
		bytes += 16;
	return bytes;
}

static uint64_t count_of(uintptr_t op)
{
	int64_t n = py_long(op, OB_SIZE);

	return (uint64_t)(n < 0 ? -n : n);
}

static uint64_t size_of_str(uintptr_t op)
{
	uint32_t state = (uint32_t)py_int(op, py.str_state);
	uint64_t kind = state >> 2 & 7, n = (uint64_t)py_long(op, py.str_length) + 1, bytes;
	bool compact = state >> 5 & 1, ascii = state >> 6 & 1;
	uintptr_t data, utf8;

	if (compact && ascii)
		return (uint64_t)py.str_ascii_data + n;
	if (compact) {
		bytes = (uint64_t)py.str_compact_data + n * kind;
		data = op + (uintptr_t)py.str_compact_data;
	} else {
		data = py_ptr(op, py.str_data);
		bytes = (uint64_t)py.str_data + 8 + (data ? n * kind : 0);
	}
	utf8 = py_ptr(op, py.str_utf8);
	if (utf8 && utf8 != data)
		bytes += (uint64_t)py_long(op, py.str_utf8_length) + 1;
	return bytes;
}

static uint64_t size_of_int(const struct type *t, uintptr_t op)
{
	uint64_t digits = py.int_tag >= 0 ? py_ptr(op, py.int_tag) >> 3 : count_of(op);

	if (py.minor >= 11 && digits == 0)
		digits = 1;
	if (py.minor >= 12)
		return (uint64_t)t->basic + digits * 4 - (t->basic > py.int_digits ? 4 : 0);
	return (uint64_t)py.int_digits + digits * 4;
}

static uint64_t size_of_dict(const struct type *t, uintptr_t op)
{
	uintptr_t keys = py_ptr(op, py.dict_keys);
	uint64_t bytes = (uint64_t)t->basic;

	if (py_ptr(op, py.dict_values))
		bytes += (uint64_t)(py_long(keys, py.keys_usable) + py_long(keys, py.keys_nentries)) * 8;
	if (!dict_keys_shared(keys))
		bytes += dict_keys_bytes(keys);
	return bytes;
}

enum { ODICT_FAST_SIZE = 72, ODICT_NODE = 32, DEQUE_LEFT_INDEX = 40, DEQUE_LEN = 64,
       DEQUE_BLOCK_BYTES = 528, BYTEARRAY_ALLOCATED = 24 };

static uint64_t size_of_set(const struct type *t, uintptr_t op)
{
	uint64_t bytes = (uint64_t)t->basic;

	if (py_ptr(op, py.set_table) != op + (uintptr_t)py.set_small)
		bytes += (py_ptr(op, py.set_mask) + 1) * 16;
	return bytes;
}

static uint64_t size_of_deque(const struct type *t, uintptr_t op)
{
	uint64_t used = py_ptr(op, DEQUE_LEFT_INDEX) + count_of(op);

	return (uint64_t)t->basic + (used + DEQUE_LEN - 1) / DEQUE_LEN * DEQUE_BLOCK_BYTES;
}

static uint64_t size_of_type(uintptr_t op)
{
	uintptr_t keys;

	if (!(py_ptr(op, TP_FLAGS) & PY_TPFLAGS_HEAPTYPE))
		return (uint64_t)py.type_size;
	keys = py_ptr(op, py.heap_cached_keys);
	return (uint64_t)py.heap_type_size + (keys ? dict_keys_bytes(keys) : 0);
}

static uint64_t code_slots(uintptr_t code)
{
	return (uint64_t)py_int(code, py.code_stacksize) +
	       (uint64_t)(py.code_nlocalsplus >= 0 ? py_int(code, py.code_nlocalsplus) : 0);
}

/* 3.11 on: the frame is part of it. */
static uint64_t size_of_generator(const struct type *t, uintptr_t op)
{
	uintptr_t code;

	if (py.gen_iframe < 0)
		return (uint64_t)t->basic;
	code = py_ptr(op, py.gen_iframe + py.frame_code);
	if ((int8_t)py_byte(op, py.gen_frame_state) > 0 || !code)
		return (uint64_t)t->basic;
	return (uint64_t)py.gen_iframe + (uint64_t)py.frame_localsplus + code_slots(code) * 8;
}

static uint64_t size_of_frame(const struct type *t, uintptr_t op)
{
	uintptr_t own = op + (uintptr_t)py.frameobj_own;

	if (py.minor < 11)
		return (uint64_t)t->basic + (uint64_t)t->item * count_of(op);
	if (py_ptr(op, py.frameobj_frame) != own || !py_ptr(own, py.frame_code))
		return (uint64_t)t->basic;
	return (uint64_t)py.frameobj_own + (uint64_t)py.frame_localsplus +
	       code_slots(py_ptr(own, py.frame_code)) * 8;
}

static uint64_t size_of_plain(const struct type *t, uintptr_t op)
{
	uint64_t bytes = (uint64_t)t->basic;

	if (t->item)
		bytes += (uint64_t)t->item * count_of(op);
	return bytes;
}

static uint64_t without_head(const struct type *t, uintptr_t op)
{
	if (t->flags & PY_TPFLAGS_UNICODE_SUBCLASS)
		return size_of_str(op);
	if (t->flags & PY_TPFLAGS_LONG_SUBCLASS)
		return size_of_int(t, op);
	switch (t->shape) {
	case SHAPE_LIST:
		return (uint64_t)t->basic + py_ptr(op, py.list_allocated) * 8;
	case SHAPE_DICT:
		return size_of_dict(t, op);
	case SHAPE_ODICT:
		return size_of_dict(t, op) + py_ptr(op, ODICT_FAST_SIZE) * 8 +
		       py_ptr(op, py.dict_used) * ODICT_NODE;
	case SHAPE_SET:
		return size_of_set(t, op);
	case SHAPE_DEQUE:
		return size_of_deque(t, op);
	case SHAPE_TYPE:
		return size_of_type(op);
	case SHAPE_GENERATOR:
		return size_of_generator(t, op);
	case SHAPE_FRAME:
		return size_of_frame(t, op);
	case SHAPE_CODE:
		return (size_of_plain(t, op) + 7) & ~7ull;
	case SHAPE_LEAF:
		if (strcmp(t->base, "bytearray") == 0)
			return (uint64_t)t->basic + py_ptr(op, BYTEARRAY_ALLOCATED);
		return size_of_plain(t, op);
	default:
		return size_of_plain(t, op);
	}
}

uint64_t size_of(const struct walk *w, const struct type *t, uintptr_t op)
{
	return without_head(t, op) + before(t, op);
}

/* sys.getsizeof() leaves them out. */
static uint64_t inline_values_bytes(const struct type *t)
{
	uintptr_t keys = py_ptr(t->address, py.heap_cached_keys);
	uint64_t n;

	if (py.minor < 13 || !(t->flags & PY_TPFLAGS_INLINE_VALUES) || !keys)
		return 0;
	/* values, then the order in which they were set, a byte each behind a length */
	n = (uint64_t)(py_long(keys, py.keys_usable) + py_long(keys, py.keys_nentries));
	return (((uint64_t)py.values_values + n + 7) & ~7ull) + n * 8;
}

/* The block of the object itself, and its tables: memory that belongs to it. */
void extents_of(struct walk *w, const struct type *t, uintptr_t op)
{
	uint64_t head = before(t, op), block = (uint64_t)t->basic;

	switch (t->shape) {
	case SHAPE_LEAF:
		return;			/* what is in there is no address */
	case SHAPE_LIST:
		heap_extent(w, py_ptr(op, py.list_items), py_ptr(op, py.list_allocated) * 8);
		break;
	case SHAPE_SET:
		if (py_ptr(op, py.set_table) != op + (uintptr_t)py.set_small)
			heap_extent(w, py_ptr(op, py.set_table), (py_ptr(op, py.set_mask) + 1) * 16);
		break;
	case SHAPE_TYPE:
		block = (uint64_t)(py_ptr(op, TP_FLAGS) & PY_TPFLAGS_HEAPTYPE ? py.heap_type_size
									     : py.type_size);
		break;
	case SHAPE_GENERATOR:
		block = size_of_generator(t, op);
		break;
	case SHAPE_FRAME:
		block = size_of_frame(t, op);
		break;
	case SHAPE_DICT:
	case SHAPE_ODICT:
	case SHAPE_DEQUE:
		break;			/* their tables are told where they are walked */
	default:
		block = size_of_plain(t, op);
		break;
	}
	heap_extent(w, op - head, block + head + inline_values_bytes(t));
}

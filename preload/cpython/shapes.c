#include "shapes.h"

#include "dicts.h"
#include "layout.h"

#include <string.h>

#define BUCKETS 4096

struct types {
	struct type *bucket[BUCKETS];
	struct type *last;
};

/* Which shape a type of the runtime's has, by its name in C. */
static const struct { const char *name; enum shape shape; } shapes[] = {
	{ "str", SHAPE_LEAF }, { "bytes", SHAPE_LEAF }, { "int", SHAPE_LEAF },
	{ "bool", SHAPE_LEAF }, { "float", SHAPE_LEAF }, { "complex", SHAPE_LEAF },
	{ "bytearray", SHAPE_LEAF }, { "NoneType", SHAPE_LEAF }, { "ellipsis", SHAPE_LEAF },
	{ "NotImplementedType", SHAPE_LEAF }, { "array.array", SHAPE_LEAF },
	{ "decimal.Decimal", SHAPE_LEAF }, { "_thread.lock", SHAPE_LEAF },
	{ "_abc_data", SHAPE_PLAIN }, { "_abc._abc_data", SHAPE_PLAIN },
	{ "datetime.timedelta", SHAPE_LEAF }, { "datetime.date", SHAPE_LEAF },
	{ "list", SHAPE_LIST }, { "tuple", SHAPE_TUPLE }, { "collections.OrderedDict", SHAPE_ODICT },
	{ "dict", SHAPE_DICT }, { "set", SHAPE_SET }, { "frozenset", SHAPE_SET },
	{ "collections.deque", SHAPE_DEQUE }, { "function", SHAPE_FUNCTION },
	{ "code", SHAPE_CODE }, { "frame", SHAPE_FRAME }, { "generator", SHAPE_GENERATOR },
	{ "coroutine", SHAPE_GENERATOR }, { "async_generator", SHAPE_GENERATOR },
	{ "type", SHAPE_TYPE }, { "module", SHAPE_MODULE }, { "cell", SHAPE_CELL },
	{ "weakref", SHAPE_WEAKREF }, { "weakref.ReferenceType", SHAPE_WEAKREF },
	{ "weakproxy", SHAPE_WEAKREF }, { "weakcallableproxy", SHAPE_WEAKREF },
	{ "weakref.ProxyType", SHAPE_WEAKREF }, { "weakref.CallableProxyType", SHAPE_WEAKREF },
	{ "functools.partial", SHAPE_PARTIAL }, { "functools._lru_cache_wrapper", SHAPE_LRU },
	{ "functools._lru_list_elem", SHAPE_LRU_LINK },
	{ "builtin_function_or_method", SHAPE_BUILTIN }, { "builtin_method", SHAPE_BUILTIN },
	{ "method_descriptor", SHAPE_DESCRIPTOR }, { "classmethod_descriptor", SHAPE_DESCRIPTOR },
	{ "member_descriptor", SHAPE_DESCRIPTOR }, { "getset_descriptor", SHAPE_DESCRIPTOR },
	{ "wrapper_descriptor", SHAPE_DESCRIPTOR },
};

/*
 * Fields of the runtime's own structs.  `at` is an offset when no layout has
 * it (structs private to one file of CPython, the same in all versions), else
 * where struct py_layout keeps it.  A wrong offset costs a name, no count: but
 * for those marked `unvisited`, which traverse leaves out.
 */
#define L(member) .layout = offsetof(struct py_layout, member), .at = -1
#define AT(n)	.layout = SIZE_MAX, .at = n
static const struct known_field {
	const char *type;
	size_t layout;
	int32_t at;
	const char *name;
	bool unvisited;
	uint8_t first, last;		/* versions; 0: all */
} known_fields[] = {
	{ "function", L(func_code), "__code__" }, { "function", L(func_globals), "__globals__" },
	{ "function", L(func_builtins), "__builtins__" }, { "function", L(func_name), "__name__" },
	{ "function", L(func_qualname), "__qualname__" },
	{ "function", L(func_module), "__module__" },
	{ "function", L(func_defaults), "__defaults__" },
	{ "function", L(func_kwdefaults), "__kwdefaults__" },
	{ "function", L(func_closure), "__closure__" }, { "function", L(func_doc), "__doc__" },
	{ "function", L(func_annotations), "__annotations__" },
	{ "function", L(func_typeparams), "__type_params__" },
	{ "method", L(method_func), "__func__" }, { "method", L(method_self), "__self__" },
	{ "instancemethod", AT(16), "__func__" },
	{ "builtin_function_or_method", L(cfunc_self), "__self__" },
	{ "builtin_function_or_method", L(cfunc_module), "__module__" },
	{ "builtin_method", L(cfunc_self), "__self__" },
	{ "builtin_method", L(cfunc_module), "__module__" },
	{ "builtin_method", L(cfunc_class), "__objclass__" },
	{ "code", L(code_consts), "co_consts", true }, { "code", L(code_names), "co_names", true },
	{ "code", L(code_exceptiontable), "co_exceptiontable", true },
	{ "code", L(code_filename), "co_filename", true }, { "code", L(code_name), "co_name", true },
	{ "code", L(code_qualname), "co_qualname", true },
	{ "code", L(code_lines), "co_linetable", true },
	{ "code", L(code_varnames), "co_varnames", true },
	{ "code", L(code_freevars), "co_freevars", true },
	{ "code", L(code_cellvars), "co_cellvars", true },
	{ "code", L(code_localsplusnames), "co_localsplusnames", true },
	{ "code", L(code_localspluskinds), "co_localspluskinds", true },
	{ "code", L(code_code), "co_code", true },
	{ "code", L(code_cached), "co_code", true, 11, 11 },
	{ "generator", L(gen_frame), "gi_frame" }, { "generator", L(gen_code), "gi_code", true },
	{ "generator", L(gen_name), "__name__", true },
	{ "generator", L(gen_qualname), "__qualname__", true },
	{ "generator", L(gen_exc_value), "exception" },
	{ "coroutine", L(gen_frame), "cr_frame" }, { "coroutine", L(gen_code), "cr_code", true },
	{ "coroutine", L(gen_name), "__name__", true },
	{ "coroutine", L(gen_qualname), "__qualname__", true },
	{ "coroutine", L(gen_exc_value), "exception" },
	{ "coroutine", L(gen_origin), "cr_origin", true },
	{ "async_generator", L(gen_frame), "ag_frame" },
	{ "async_generator", L(gen_code), "ag_code", true },
	{ "async_generator", L(gen_name), "__name__", true },
	{ "async_generator", L(gen_qualname), "__qualname__", true },
	{ "async_generator", L(gen_exc_value), "exception" },
	{ "async_generator", L(gen_finalizer), "finalizer" },
	{ "frame", L(frameobj_back), "f_back" }, { "frame", L(frame_trace), "f_trace" },
	{ "frame", L(frameobj_extra_locals), "extra_locals" },
	{ "frame", L(frame_back), "f_back", false, 8, 10 },
	{ "frame", L(frame_code), "f_code", false, 8, 10 },
	{ "frame", L(frame_globals), "f_globals", false, 8, 10 },
	{ "frame", L(frame_builtins), "f_builtins", false, 8, 10 },
	{ "frame", L(frame_locals), "f_locals", false, 8, 10 },
	{ "traceback", L(tb_next), "tb_next" }, { "traceback", L(tb_frame), "tb_frame" },
	{ "BaseException", L(exc_args), "args" }, { "BaseException", L(exc_notes), "__notes__" },
	{ "BaseException", L(exc_tb), "__traceback__" },
	{ "BaseException", L(exc_context), "__context__" },
	{ "BaseException", L(exc_cause), "__cause__" },
	{ "module", L(module_name), "__name__", true },
	{ "type", AT(TP_BASE), "__base__" }, { "type", AT(TP_BASES), "__bases__" },
	{ "type", AT(TP_MRO), "__mro__" }, { "type", AT(TP_CACHE), "cache" },
	{ "method_descriptor", AT(24), "__name__", true },
	{ "classmethod_descriptor", AT(24), "__name__", true },
	{ "member_descriptor", AT(24), "__name__", true },
	{ "getset_descriptor", AT(24), "__name__", true },
	{ "wrapper_descriptor", AT(24), "__name__", true },
	{ "method_descriptor", AT(32), "__qualname__", true },
	{ "classmethod_descriptor", AT(32), "__qualname__", true },
	{ "member_descriptor", AT(32), "__qualname__", true },
	{ "getset_descriptor", AT(32), "__qualname__", true },
	{ "wrapper_descriptor", AT(32), "__qualname__", true },
	{ "range", AT(16), "start", true }, { "range", AT(24), "stop", true },
	{ "range", AT(32), "step", true }, { "range", AT(40), "length", true },
	{ "slice", AT(16), "start", true }, { "slice", AT(24), "stop", true },
	{ "slice", AT(32), "step", true },
	{ "property", AT(16), "fget" }, { "property", AT(24), "fset" },
	{ "property", AT(32), "fdel" }, { "property", AT(40), "__doc__" },
	{ "classmethod", AT(16), "__func__" }, { "staticmethod", AT(16), "__func__" },
	{ "weakref", L(weakref_callback), "__callback__" },
	{ "weakref.ReferenceType", L(weakref_callback), "__callback__" },
	{ "weakproxy", L(weakref_callback), "__callback__" },
	{ "weakcallableproxy", L(weakref_callback), "__callback__" },
	{ "weakref.ProxyType", L(weakref_callback), "__callback__" },
	{ "weakref.CallableProxyType", L(weakref_callback), "__callback__" },
	{ "functools.partial", AT(16), "func" }, { "functools.partial", AT(24), "args" },
	{ "functools.partial", AT(32), "keywords" },
	{ "list_iterator", AT(24), "sequence" }, { "tuple_iterator", AT(24), "sequence" },
	{ "dict_keys", AT(16), "dict" }, { "dict_values", AT(16), "dict" },
	{ "dict_items", AT(16), "dict" }, { "dict_keyiterator", AT(16), "dict" },
	{ "dict_valueiterator", AT(16), "dict" }, { "dict_itemiterator", AT(16), "dict" },
	{ "functools._lru_list_elem", AT(40), "key", true },
	{ "functools._lru_list_elem", AT(48), "result", true },
	{ "_abc_data", AT(16), "registry", true }, { "_abc_data", AT(24), "cache", true },
	{ "_abc_data", AT(32), "negative cache", true },
	{ "_abc._abc_data", AT(16), "registry", true }, { "_abc._abc_data", AT(24), "cache", true },
	{ "_abc._abc_data", AT(32), "negative cache", true },
	{ "mappingproxy", AT(16), "mapping" },
};
#undef L
#undef AT

#define NKNOWN	(sizeof known_fields / sizeof *known_fields)

enum { MEMBER_OBJECT = 6, MEMBER_OBJECT_EX = 16, MEMBER_SIZE = 40 };

/* A name of the language: its first field is what it was looked for by. */
static const char *tp_name(uintptr_t type)
{
	const char *name = (const char *)py_ptr(type, TP_NAME);

	return name ? name : "";
}

static bool heap_type(uintptr_t type)
{
	return py_ptr(type, TP_FLAGS) & PY_TPFLAGS_HEAPTYPE;
}

/* Defined in C, by its slots; a class of the program is a heap type whose module is its own. */
static bool native_type(uintptr_t type)
{
	/* subtype_traverse is what each class statement gives; a C type has its own or none */
	return !heap_type(type) || strchr(tp_name(type), '.');
}

static void find_shape(struct type *t)
{
	t->shape = t->gc ? SHAPE_PLAIN : SHAPE_OPAQUE;
	t->base = "";
	for (uintptr_t b = t->address; b; b = py_ptr(b, TP_BASE)) {
		if (!native_type(b))
			continue;
		for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
			if (strcmp(tp_name(b), shapes[i].name) != 0)
				continue;
			t->shape = shapes[i].shape;
			t->base = shapes[i].name;
			t->exact = b == t->address;
			return;
		}
	}
}

/* Not what we know field by field, and not what a class statement makes of object alone. */
static bool hides(const struct type *t)
{
	uintptr_t b = t->address;

	if (t->shape != SHAPE_PLAIN && (t->shape != SHAPE_DICT || t->exact))
		return false;
	while (b && !native_type(b))
		b = py_ptr(b, TP_BASE);
	return b && strcmp(tp_name(b), "object") != 0 && strcmp(tp_name(b), "dict") != 0;
}

static void add_field(struct walk *w, struct type *t, size_t *cap, const struct field *f)
{
	for (unsigned i = 0; i < t->nfield; i++)
		if (t->field[i].offset == f->offset)
			return;		/* known by its first, better name */
	if (t->nfield == *cap) {
		size_t more = *cap ? *cap * 2 : 8;
		struct field *bigger = snapshot_memory(w->s, more * sizeof *bigger);

		if (!bigger)
			return;
		if (t->nfield)
			memcpy(bigger, t->field, t->nfield * sizeof *bigger);
		t->field = bigger;
		*cap = more;
	}
	t->field[t->nfield++] = *f;
}

static void add_known(struct walk *w, struct type *t, size_t *cap, const char *name)
{
	for (size_t i = 0; i < NKNOWN; i++) {
		const struct known_field *k = &known_fields[i];
		struct field f = { .name = OURO_EDGE_FIELD, .unvisited = k->unvisited };

		if (strcmp(k->type, name) != 0)
			continue;
		if (k->first && (py.minor < k->first || py.minor > k->last))
			continue;
		f.offset = k->at;
		if (k->layout != SIZE_MAX)
			memcpy(&f.offset, (const char *)&py + k->layout, sizeof f.offset);
		if (f.offset < 0)
			continue;
		f.operand = heap_cstring(w, k->name);
		add_field(w, t, cap, &f);
	}
}

/* __slots__ of classes, and the members that C types show to the language. */
static void add_members(struct walk *w, struct type *t, size_t *cap, uintptr_t base)
{
	uintptr_t member = py_ptr(base, TP_MEMBERS);

	for (; member && py_ptr(member, 0); member += MEMBER_SIZE) {
		int type = py_int(member, 8);
		struct field f = { .offset = (int32_t)py_long(member, 16), .name = OURO_EDGE_FIELD };

		if (type != MEMBER_OBJECT && type != MEMBER_OBJECT_EX)
			continue;
		if (f.offset < 16 || f.offset + 8 > t->basic || f.offset == t->dict_offset)
			continue;
		if (heap_type(base) && type == MEMBER_OBJECT_EX && !native_type(base))
			f.name = OURO_EDGE_SLOT;
		f.operand = heap_cstring(w, (const char *)py_ptr(member, 0));
		add_field(w, t, cap, &f);
	}
}

static unsigned snapshot_flags(const struct type *t)
{
	unsigned flags = 0;

	if (t->gc)
		flags |= OURO_TYPE_GC;
	if (t->heap)
		flags |= OURO_TYPE_HEAP;
	if (t->shape == SHAPE_LEAF)
		flags |= OURO_TYPE_LEAF;
	if (t->shape == SHAPE_OPAQUE)
		flags |= OURO_TYPE_OPAQUE;
	return flags;
}

/* A class statement with __del__ gets a slot of its own; C types have theirs without one. */
static bool has_del(uintptr_t type)
{
	uintptr_t bases = py_ptr(type, TP_MRO);
	int64_t n = bases ? py_long(bases, OB_SIZE) : 0;

	if (!py_ptr(type, TP_FINALIZE) && !py_ptr(type, TP_DEL))
		return false;
	for (int64_t i = 0; i < n; i++) {
		uintptr_t base = py_ptr(bases, py.tuple_items + (int32_t)i * 8);

		if (heap_type(base) && py_ptr(base, TP_DICT) &&
		    dict_get(py_ptr(base, TP_DICT), "__del__"))
			return true;
	}
	return false;
}

static struct type *learn(struct walk *w, uintptr_t address)
{
	struct type *t = snapshot_memory(w->s, sizeof *t);
	size_t cap = 0;
	struct text name;

	if (!t)
		return 0;
	t->address = address;
	t->flags = py_ptr(address, TP_FLAGS);
	t->heap = t->flags & PY_TPFLAGS_HEAPTYPE;
	t->gc = t->flags & PY_TPFLAGS_HAVE_GC;
	t->basic = py_long(address, TP_BASICSIZE);
	t->item = py_long(address, TP_ITEMSIZE);
	t->traverse = (int (*)(void *, visit_fn *, void *))py_ptr(address, TP_TRAVERSE);
	t->is_gc = (int (*)(void *))py_ptr(address, TP_IS_GC);
	t->has_dict = py_long(address, TP_DICTOFFSET) != 0 ||
		      (py.minor >= 11 && (t->flags & PY_TPFLAGS_MANAGED_DICT));
	t->weak_offset = py_long(address, TP_WEAKLISTOFFSET);
	t->dict_offset = py_long(address, TP_DICTOFFSET);
	find_shape(t);
	t->hides = hides(t);
	for (uintptr_t b = address; b; b = py_ptr(b, TP_BASE)) {
		if (native_type(b))
			add_known(w, t, &cap, tp_name(b));
		add_members(w, t, &cap, b);
	}
	text_init(&name);
	text_add_type(&name, address);
	t->id = snapshot_type(w->s, address, heap_text(w, &name),
		snapshot_flags(t) | (has_del(address) ? OURO_TYPE_DEL : 0),
		(uint64_t)t->basic, (uint64_t)t->item);
	return t;
}

struct type *type_of(struct walk *w, uintptr_t op)
{
	uintptr_t address = py_ptr(op, OB_TYPE);
	struct type **bucket, *t;

	if (!w->types && !(w->types = snapshot_memory(w->s, sizeof *w->types)))
		return 0;
	if (w->types->last && w->types->last->address == address)
		return w->types->last;
	bucket = &w->types->bucket[(address >> 4) * 0x9e3779b97f4a7c15u >> 52];
	for (t = *bucket; t; t = t->next)
		if (t->address == address)
			break;
	if (!t) {
		if (!(t = learn(w, address)))
			return 0;
		t->next = *bucket;
		*bucket = t;
	}
	w->types->last = t;
	return t;
}

bool type_is_gc(const struct type *t, uintptr_t op)
{
	if (!t->gc)
		return false;
	if (t->shape == SHAPE_TYPE)
		return heap_type(op);
	return !t->is_gc || t->is_gc((void *)op);
}

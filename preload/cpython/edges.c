#include "dicts.h"
#include "layout.h"
#include "locals.h"
#include "shapes.h"

static void tuple_items(struct walk *w, uintptr_t op)
{
	int64_t n = py_long(op, OB_SIZE);

	for (int64_t i = 0; i < n; i++)
		heap_own(w, py_ptr(op, py.tuple_items + (int32_t)(i * 8)), OURO_EDGE_INDEX,
			(uint64_t)i);
}

static void list_items(struct walk *w, uintptr_t op)
{
	const uintptr_t *item = (const uintptr_t *)py_ptr(op, py.list_items);
	int64_t n = py_long(op, OB_SIZE);

	for (int64_t i = 0; i < n; i++) {
		if (i + 8 < n)
			heap_expect(w, item[i + 8]);
		heap_own(w, item[i], OURO_EDGE_INDEX, (uint64_t)i);
	}
}

/* --- dicts --------------------------------------------------------------------------- */

struct key {
	enum ouro_edge_name name;
	uint32_t string;
};

/* A str is named by its text, any other key by its repr. */
static struct key key_of(struct walk *w, uintptr_t op)
{
	struct text t;

	if (text_is_str(op))
		return (struct key){ OURO_EDGE_KEY, heap_str(w, op) };
	text_init(&t);
	text_add_repr(&t, op);
	return (struct key){ OURO_EDGE_KEYREPR, heap_text(w, &t) };
}

/* Keys of a shared table have one owner, the table: the first holder that shows it is named. */
static bool first_holder(struct walk *w, uintptr_t keys)
{
	struct heap_node *n = heap_at(w, keys);

	if (!n || n->seen)
		return false;
	n->seen = 1;
	return true;
}

static void shared_keys(struct walk *w, uintptr_t keys)
{
	struct dict_walk d;
	uintptr_t key, value;

	if (!keys || !first_holder(w, keys))
		return;
	heap_extent(w, keys, dict_keys_bytes(keys));
	dict_start_keys(&d, keys);
	while (dict_next(&d, &key, &value))
		heap_edge(w, key, OURO_EDGE_DICTKEY, 0, key_of(w, key).string);
}

static void dict_items(struct walk *w, uintptr_t op)
{
	struct dict_walk d;
	uintptr_t key, value;

	dict_start(&d, op);
	if (d.values)
		shared_keys(w, d.keys);
	if (d.values && !d.embedded)
		heap_extent(w, d.values, (uint64_t)d.n * 8);
	else if (!d.values)
		heap_extent(w, d.keys, dict_keys_bytes(d.keys));
	while (dict_next(&d, &key, &value)) {
		struct key k = key_of(w, key);

		if (!d.values)
			heap_own(w, key, OURO_EDGE_DICTKEY, k.string);
		if (d.embedded)
			heap_edge(w, value, k.name, OURO_EDGE_BORROWED, k.string);
		else
			heap_own(w, value, k.name, k.string);
	}
}

/* An OrderedDict has, beside its table, a list of nodes that hold the keys once more. */
enum { ODICT_FIRST = 48, ODICT_INSTANCE_DICT = 96, ODICT_NODE_NEXT = 16 };

static void odict_items(struct walk *w, uintptr_t op)
{
	uintptr_t node = py_ptr(op, ODICT_FIRST);

	for (; node; node = py_ptr(node, ODICT_NODE_NEXT)) {
		uintptr_t key = py_ptr(node, 0);

		heap_extent(w, node, 32);
		heap_own(w, key, OURO_EDGE_DICTKEY, key_of(w, key).string);
	}
	heap_own(w, py_ptr(op, ODICT_INSTANCE_DICT), OURO_EDGE_DICT, 0);
	dict_items(w, op);
}

/* Attributes, from the instance itself or by way of its dict. */
static void attributes(struct walk *w, const struct type *t, uintptr_t op)
{
	struct instance_dict in = dict_of_instance(op, t->address);
	struct dict_walk d;
	uintptr_t key, value;

	if (in.values) {
		dict_start_values(&d, in.keys, in.values);
		heap_extent(w, d.values, (uint64_t)d.n * 8);
		while (dict_next(&d, &key, &value))
			heap_name(w, value, OURO_EDGE_ATTR, heap_str(w, key));
	}
	/* always owned; 3.13's traverse shows it or the inline values, not both */
	heap_own(w, in.dict, OURO_EDGE_DICT, 0);
}

/* --- other containers ---------------------------------------------------------------- */

static void set_members(struct walk *w, uintptr_t op)
{
	uintptr_t entry = py_ptr(op, py.set_table);
	int64_t n = py_long(op, py.set_mask) + 1;

	for (int64_t i = 0; i < n; i++, entry += 16)
		if (py_ptr(entry, 0) && py_long(entry, 8) != -1)	/* -1: a removed one */
			heap_own(w, py_ptr(entry, 0), OURO_EDGE_MEMBER, 0);
}

/* Blocks of 64 items between two links. */
enum { DEQUE_LEFT = 24, DEQUE_LEFT_INDEX = 40, DEQUE_BLOCK = 64, DEQUE_BLOCK_BYTES = 528 };

static void deque_items(struct walk *w, uintptr_t op)
{
	uintptr_t block = py_ptr(op, DEQUE_LEFT);
	int64_t at = py_long(op, DEQUE_LEFT_INDEX), n = py_long(op, OB_SIZE);

	heap_extent(w, block, DEQUE_BLOCK_BYTES);
	for (int64_t i = 0; i < n && block; i++) {
		heap_name(w, py_ptr(block, 8 + (int32_t)at * 8), OURO_EDGE_INDEX, (uint64_t)i);
		if (++at == DEQUE_BLOCK) {
			at = 0;
			block = py_ptr(block, 8 + DEQUE_BLOCK * 8);
			heap_extent(w, block, DEQUE_BLOCK_BYTES);
		}
	}
}

/* --- what the language is made of ---------------------------------------------------- */

static void code_edges(struct walk *w, uintptr_t op)
{
	static const char *const cached[] = { "co_code", "co_varnames", "co_cellvars", "co_freevars" };
	uintptr_t more = py.minor >= 12 ? py_ptr(op, py.code_cached) : 0;

	for (int i = 0; more && i < 4; i++)
		heap_own(w, py_ptr(more, i * 8), OURO_EDGE_FIELD, heap_cstring(w, cached[i]));
}

/* The tuple holds the cells; the names say which variable each is. */
static void closure_names(struct walk *w, uintptr_t op)
{
	uintptr_t closure = py_ptr(op, py.func_closure), code = py_ptr(op, py.func_code);
	int64_t n = closure ? py_long(closure, OB_SIZE) : 0, first;

	first = code_nlocals(code) - n;		/* free variables come last */
	for (int64_t i = 0; i < n && first >= 0; i++) {
		uintptr_t name = code_local_name(code, first + i);

		heap_edge(w, py_ptr(closure, py.tuple_items + (int32_t)i * 8), OURO_EDGE_CELL,
			OURO_EDGE_BORROWED, name ? heap_str(w, name) : 0);
	}
}

static void partial_arguments(struct walk *w, uintptr_t op)
{
	uintptr_t args = py_ptr(op, 24);
	uintptr_t type = args ? py_ptr(args, OB_TYPE) : 0;
	int64_t n = 0;

	if (type && (py_ptr(type, TP_FLAGS) & PY_TPFLAGS_TUPLE_SUBCLASS))
		n = py_long(args, OB_SIZE);
	for (int64_t i = 0; i < n; i++)
		heap_edge(w, py_ptr(args, py.tuple_items + (int32_t)i * 8), OURO_EDGE_ARGUMENT,
			OURO_EDGE_BORROWED, (uint64_t)i);
}

/*
 * A cache owns the links of its list, and those key and result.  They are not
 * the collector's, so that traverse shows what they hold in their place.
 */
enum { LRU_NEXT = 24, LRU_KEY = 40, LRU_RESULT = 48 };

static void lru_links(struct walk *w, uintptr_t op)
{
	uintptr_t link = py_ptr(op, LRU_NEXT);

	for (uint64_t i = 0; link && link != op; link = py_ptr(link, LRU_NEXT)) {
		bag_take(&w->bag, py_ptr(link, LRU_KEY));
		bag_take(&w->bag, py_ptr(link, LRU_RESULT));
		bag_take(&w->bag, py_ptr(link, OB_TYPE));
		heap_own(w, link, OURO_EDGE_INDEX, i++);
	}
}

static void generator_edges(struct walk *w, uintptr_t op)
{
	if (py.gen_iframe < 0)
		return;			/* a frame object of its own has them */
	/* 3.11 on: negative states have a live frame, positive ones none */
	if ((int8_t)py_byte(op, py.gen_frame_state) < 1)
		frame_edges(w, op + (uintptr_t)py.gen_iframe);
}

static bool frame_is_running(const struct walk *w, uintptr_t frame)
{
	const struct heap_node *n = heap_find(w, frame);

	return n && n->seen;
}

/* The variables of a frame that runs are roots: traverse shows them, they are not told twice. */
static void forget_locals(struct walk *w, uintptr_t frame)
{
	uintptr_t code = frame_code(frame);
	int64_t n = code_nlocals(code);

	for (int64_t i = 0; i < n; i++)
		bag_take(&w->bag, py_ptr(frame, py.frame_localsplus + (int32_t)i * 8));
}

static void frame_object_edges(struct walk *w, uintptr_t op)
{
	if (py.minor >= 11) {
		uintptr_t own = op + (uintptr_t)py.frameobj_own;

		if (py_ptr(op, py.frameobj_frame) == own)
			frame_edges(w, own);
	} else if (frame_is_running(w, op)) {
		forget_locals(w, op);
	} else {
		frame_edges(w, op);
	}
}

/* 3.12 on: some fields of the runtime's own types are kept in the interpreter. */
static uintptr_t static_type_part(uintptr_t type, int32_t part)
{
	struct { int32_t at, n; } table[] = {
		{ py.interp_static_types, py.interp_static_type_max },
		{ py.interp_static_ext_types, py.interp_static_ext_max },
	};
	uintptr_t interp = layout_interp();

	for (int k = 0; k < 2 && table[k].at >= 0; k++) {
		uintptr_t state = interp + (uintptr_t)table[k].at;

		for (int32_t i = 0; i < table[k].n; i++, state += (uintptr_t)py.interp_static_type_size)
			if (py_ptr(state, py.static_type_type) == type)
				return py_ptr(state, part);
	}
	return 0;
}

static void type_edges(struct walk *w, uintptr_t op)
{
	uintptr_t flags = py_ptr(op, TP_FLAGS);
	bool kept = py.minor >= 12 && (flags & PY_TPFLAGS_STATIC_BUILTIN);
	uintptr_t subclasses = kept ? static_type_part(op, py.static_type_subclasses)
				    : py_ptr(op, TP_SUBCLASSES);

	heap_own(w, subclasses, OURO_EDGE_FIELD, heap_cstring(w, "__subclasses__"));
	if (!(flags & PY_TPFLAGS_HEAPTYPE)) {
		if (kept)
			heap_own(w, static_type_part(op, py.static_type_dict), OURO_EDGE_DICT, 0);
		heap_own(w, py_ptr(op, TP_BASES), OURO_EDGE_FIELD, heap_cstring(w, "__bases__"));
		heap_own(w, py_ptr(op, TP_MRO), OURO_EDGE_FIELD, heap_cstring(w, "__mro__"));
		/* PyType_Ready counts it only where it set it itself */
		heap_edge(w, py_ptr(op, TP_BASE), OURO_EDGE_FIELD, OURO_EDGE_MAYBE,
			heap_cstring(w, "__base__"));
		return;
	}
	heap_own(w, py_ptr(op, py.heap_name), OURO_EDGE_FIELD, heap_cstring(w, "__name__"));
	heap_own(w, py_ptr(op, py.heap_qualname), OURO_EDGE_FIELD,
		heap_cstring(w, "__qualname__"));
	heap_own(w, py_ptr(op, py.heap_slots), OURO_EDGE_FIELD, heap_cstring(w, "__slots__"));
	if (py.heap_module >= 0)
		heap_own(w, py_ptr(op, py.heap_module), OURO_EDGE_FIELD, heap_cstring(w, "module"));
	shared_keys(w, py_ptr(op, py.heap_cached_keys));
}

static void shape_edges(struct walk *w, const struct type *t, uintptr_t op)
{
	switch (t->shape) {
	case SHAPE_LIST:
		list_items(w, op);
		break;
	case SHAPE_TUPLE:
		tuple_items(w, op);
		break;
	case SHAPE_DICT:
		dict_items(w, op);
		break;
	case SHAPE_ODICT:
		odict_items(w, op);
		break;
	case SHAPE_SET:
		set_members(w, op);
		break;
	case SHAPE_DEQUE:
		deque_items(w, op);
		break;
	case SHAPE_CELL:
		heap_own(w, py_ptr(op, py.cell_ref), OURO_EDGE_CONTENT, 0);
		break;
	case SHAPE_CODE:
		code_edges(w, op);
		break;
	case SHAPE_FUNCTION:
		closure_names(w, op);
		break;
	case SHAPE_GENERATOR:
		generator_edges(w, op);
		break;
	case SHAPE_FRAME:
		frame_object_edges(w, op);
		break;
	case SHAPE_TYPE:
		type_edges(w, op);
		break;
	case SHAPE_LRU:
		lru_links(w, op);
		break;
	case SHAPE_PARTIAL:
		partial_arguments(w, op);
		break;
	case SHAPE_WEAKREF:
		heap_edge(w, py_ptr(op, py.weakref_object), OURO_EDGE_REFERENT, OURO_EDGE_BORROWED, 0);
		break;
	default:
		break;
	}
}

static void named_fields(struct walk *w, const struct type *t, uintptr_t op)
{
	for (unsigned i = 0; i < t->nfield; i++) {
		const struct field *f = &t->field[i];
		uintptr_t held = py_ptr(op, f->offset);

		if (f->unvisited)
			heap_own(w, held, f->name, f->operand);
		else
			heap_name(w, held, f->name, f->operand);
	}
}

/* --- what no name was found for ------------------------------------------------------ */

#define WORDS_MAX 128		/* of one object, looked through for its unnamed references */

static int64_t words_of(const struct type *t)
{
	int64_t n = t->basic / 8;

	return n < WORDS_MAX ? n : WORDS_MAX;
}

/*
 * A type written in C may hold more than its traverse shows (ctypes does).  A
 * word that is an object's address and was not told as an edge may be such.
 */
static void hidden_words(struct walk *w, const struct type *t, uintptr_t op)
{
	for (int64_t word = 2; word < words_of(t); word++) {
		uintptr_t held = py_ptr(op, (int32_t)word * 8);
		const struct heap_node *n;
		bool named = word * 8 == t->weak_offset || word * 8 == t->dict_offset;

		if (held < 4096 || held % 8 || named)
			continue;
		for (unsigned i = 0; i < t->nfield && !named; i++)
			named = t->field[i].offset == word * 8;
		if (named || held == op)
			continue;
		if (bag_take(&w->bag, held)) {
			heap_edge(w, held, OURO_EDGE_OFFSET, 0, (uint64_t)word * 8);
			continue;
		}
		n = heap_find(w, held);
		if (n && n->queued)
			heap_edge(w, held, OURO_EDGE_OFFSET, OURO_EDGE_MAYBE, (uint64_t)word * 8);
	}
}

static void unnamed(struct walk *w, const struct type *t, uintptr_t op)
{
	uintptr_t held;
	size_t i = 0;

	if (t->hides)
		hidden_words(w, t, op);
	for (int64_t word = 2; w->bag.n && word < words_of(t); word++) {
		held = py_ptr(op, (int32_t)word * 8);
		if (held > 4096 && bag_take(&w->bag, held))
			heap_edge(w, held, OURO_EDGE_OFFSET, 0, (uint64_t)word * 8);
	}
	while (bag_next(&w->bag, &i, &held))
		heap_edge(w, held, OURO_EDGE_OTHER, 0, 0);
}

/* Not the collector's, and unknown: a word that is an object's address may be a reference. */
static void opaque_words(struct walk *w, const struct type *t, uintptr_t op)
{
	int64_t bytes = t->basic;

	if (t->item > 0 && py_long(op, OB_SIZE) > 0 && py_long(op, OB_SIZE) < WORDS_MAX)
		bytes += py_long(op, OB_SIZE) * t->item;
	for (int64_t at = 16; at + 8 <= bytes && at < WORDS_MAX * 8; at += 8) {
		uintptr_t word = py_ptr(op, (int32_t)at);
		const struct heap_node *n = word > 4096 && word % 8 == 0 ? heap_find(w, word) : 0;

		if (n && n->queued)
			heap_edge(w, word, OURO_EDGE_OFFSET, OURO_EDGE_MAYBE, (uint64_t)at);
	}
}

void edges_guessed(struct walk *w, const struct type *t, uintptr_t op)
{
	opaque_words(w, t, op);
}

/* All there is to say about these stands in their shape: traverse is not asked. */
static bool fully_known(const struct type *t)
{
	return t->exact && (t->shape == SHAPE_LIST || t->shape == SHAPE_TUPLE ||
			    t->shape == SHAPE_DICT || t->shape == SHAPE_ODICT ||
			    t->shape == SHAPE_SET || t->shape == SHAPE_CELL ||
			    t->shape == SHAPE_LEAF || t->shape == SHAPE_CODE);
}

void edges_of(struct walk *w, const struct type *t, uintptr_t op)
{
	w->bag.n = w->bag.slots = 0;
	if (!fully_known(t))
		bag_fill(w, t, op);
	if (t->heap)			/* instances of such types own a reference to it */
		heap_own(w, t->address, OURO_EDGE_CLASS, 0);
	else
		heap_object(w, t->address);
	shape_edges(w, t, op);
	named_fields(w, t, op);
	if (t->has_dict)
		attributes(w, t, op);
	if (t->shape == SHAPE_OPAQUE)
		opaque_words(w, t, op);
	unnamed(w, t, op);
}

uint32_t label_of(struct walk *w, const struct type *t, uintptr_t op)
{
	uintptr_t str = 0;
	struct text text;

	switch (t->shape) {
	case SHAPE_FUNCTION:
		str = py_ptr(op, py.func_qualname);
		break;
	case SHAPE_CODE:
		str = py_ptr(op, py.code_qualname < 0 ? py.code_name : py.code_qualname);
		break;
	case SHAPE_GENERATOR:
		str = py_ptr(op, py.gen_qualname);
		break;
	case SHAPE_MODULE:
		str = py_ptr(op, py.module_name);
		break;
	case SHAPE_FRAME:
		str = py.minor >= 11 ? py_ptr(op, py.frameobj_frame) : op;
		str = str ? frame_code(str) : 0;
		str = str ? py_ptr(str, py.code_qualname < 0 ? py.code_name : py.code_qualname) : 0;
		break;
	case SHAPE_TYPE:
		text_init(&text);
		text_add_type(&text, op);
		return heap_text(w, &text);
	case SHAPE_BUILTIN:
		text_init(&text);
		text_add(&text, (const char *)py_ptr(py_ptr(op, 16), 0));
		return heap_text(w, &text);
	default:
		return 0;
	}
	return str && text_is_str(str) ? heap_str(w, str) : 0;
}

/*
 * tiny.c - a small Lisp with reference counts and a cycle collector, which tells ouro what it does
 *
 *	cc -I../../include -o tiny tiny.c && ./tiny counters.tiny
 *	ouro run -- ./tiny counters.tiny
 *
 * Numbers, symbols, pairs, closures; define, lambda, if, quote, let; + - * < = cons car cdr
 * list null? print collect keep.  A closure holds the environment it was made in and a
 * `define` inside a function puts the closure into that environment: there are the cycles.
 * `(collect)` finds them by trial deletion, as CPython does.  One builtin, `keep`, has a
 * mistake: it takes a reference and forgets it.
 *
 * What concerns ouro is in make, ref, unref, end, set and collect.
 */
#include <ctype.h>
#include <ouro/hooks.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { NUMBER, SYMBOL, PAIR, CLOSURE, BUILTIN, SCOPE };
static const char *const kind_name[] = { "number", "symbol", "pair", "closure", "builtin",
	"scope" };

enum { SLOTS = 3 };			/* references that an object can hold */

/*
 *            slot[0]     slot[1]      slot[2]
 * pair       car         cdr
 * closure    parameters  body         scope
 * scope      names       values       outer scope
 */
struct object {
	long count;
	enum kind kind;
	long seen;			/* the collector's: references from within */
	size_t index;			/* in the table of all objects             */
	struct object *slot[SLOTS];
	long number;
	char *name;
	struct object *(*call)(struct object *args);
};

/*
 * All objects, for the collector.  Shifted, so that whoever searches memory for addresses
 * (ouro, valgrind) does not take this table for somebody who needs them.
 */
static uintptr_t *table;
static size_t objects, room;

static struct object *symbols;		/* list of all symbols, each once */
static struct object *global;
static unsigned ouro;

static struct object *nth(size_t i)
{
	return (struct object *)(table[i] << 4);
}

/* --- objects ----------------------------------------------------------------------------- */

static struct object *make(enum kind kind)
{
	struct object *o = calloc(1, sizeof(*o));

	if (objects == room) {
		room = room ? 2 * room : 64;
		table = realloc(table, room * sizeof(*table));
	}
	if (!o || !table)
		abort();
	o->kind = kind;
	o->count = 1;
	o->index = objects;
	table[objects++] = (uintptr_t)o >> 4;
	ouro_birth(ouro, o, kind_name[kind], 1);
	return o;
}

static struct object *ref(struct object *o)
{
	if (o) {
		o->count++;
		ouro_incref(o, (uint64_t)o->count);
	}
	return o;
}

static void unref(struct object *o);

static void end(struct object *o)
{
	table[o->index] = table[--objects];
	nth(o->index)->index = o->index;
	free(o->name);
	ouro_death(o);
	free(o);
}

static void set(struct object *holder, int i, struct object *held)
{
	static const char *const names[][SLOTS] = {
		[PAIR] = { "car", "cdr" },
		[CLOSURE] = { "parameters", "body", "scope" },
		[SCOPE] = { "names", "values", "outer" },
	};
	struct object *before = holder->slot[i];

	holder->slot[i] = held;
	if (held)
		ouro_edge(holder, held, names[holder->kind][i]);
	if (before)
		ouro_unedge(holder, before);
	unref(before);
}

static void unref(struct object *o)
{
	if (!o)
		return;
	ouro_decref(o, (uint64_t)o->count - 1);
	if (--o->count)
		return;
	for (int i = 0; i < SLOTS; i++)
		set(o, i, NULL);
	end(o);
}

/* Takes over both references. */
static struct object *cons(struct object *car, struct object *cdr)
{
	struct object *o = make(PAIR);

	set(o, 0, car);
	set(o, 1, cdr);
	return o;
}

static struct object *number(long n)
{
	struct object *o = make(NUMBER);

	o->number = n;
	return o;
}

static struct object *symbol(const char *name, size_t n)
{
	struct object *o;

	for (o = symbols; o; o = o->slot[1])
		if (strlen(o->slot[0]->name) == n && !memcmp(o->slot[0]->name, name, n))
			return ref(o->slot[0]);
	o = make(SYMBOL);
	o->name = strndup(name, n);
	symbols = cons(ref(o), symbols);
	return o;
}

/* --- the collector ------------------------------------------------------------------------- */

static void rescue(struct object *o)
{
	if (!o || o->seen < 0)
		return;
	o->seen = -1;
	for (int i = 0; i < SLOTS; i++)
		rescue(o->slot[i]);
}

/* Whatever is held by others of its kind alone, and by nobody who is held from outside. */
static long collect(void)
{
	struct object **dead = calloc(objects, sizeof(*dead));
	size_t n = 0;

	ouro_collect_start(ouro, 0);
	for (size_t i = 0; i < objects; i++)
		nth(i)->seen = 0;
	for (size_t i = 0; i < objects; i++)
		for (int k = 0; k < SLOTS; k++)
			if (nth(i)->slot[k])
				nth(i)->slot[k]->seen++;
	for (size_t i = 0; i < objects; i++)
		if (nth(i)->seen >= 0 && nth(i)->count > nth(i)->seen)
			rescue(nth(i));
	for (size_t i = 0; i < objects; i++)
		if (nth(i)->seen >= 0)
			dead[n++] = ref(nth(i));	/* until all of them have let go */
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < SLOTS; k++)
			set(dead[i], k, NULL);
	for (size_t i = 0; i < n; i++)
		unref(dead[i]);
	free(dead);
	ouro_collect_end(ouro, n);
	return (long)n;
}

/* --- reading ------------------------------------------------------------------------------- */

static const char *at;

static void skip(void)
{
	while (isspace((unsigned char)*at) || *at == ';')
		if (*at++ == ';')
			while (*at && *at != '\n')
				at++;
}

static struct object *read_one(void);

static struct object *read_list(void)
{
	struct object *first;

	skip();
	if (*at == ')' || !*at) {
		at += *at == ')';
		return NULL;
	}
	first = read_one();
	return cons(first, read_list());
}

static struct object *read_one(void)
{
	const char *from;

	skip();
	if (*at == '(') {
		at++;
		return read_list();
	}
	if (*at == '\'') {
		at++;
		return cons(symbol("quote", 5), cons(read_one(), NULL));
	}
	from = at;
	while (*at && !isspace((unsigned char)*at) && !strchr("()';", *at))
		at++;
	if (isdigit((unsigned char)*from) || (*from == '-' && at - from > 1))
		return number(atol(from));
	return symbol(from, (size_t)(at - from));
}

/* --- evaluation ---------------------------------------------------------------------------- */

static struct object *eval(struct object *form, struct object *scope);

static struct object *car(const struct object *o)
{
	return o ? o->slot[0] : NULL;
}

static struct object *cdr(const struct object *o)
{
	return o ? o->slot[1] : NULL;
}

static int is(const struct object *o, const char *name)
{
	return o && o->kind == SYMBOL && !strcmp(o->name, name);
}

static void bind(struct object *scope, struct object *name, struct object *value)
{
	set(scope, 0, cons(ref(name), ref(scope->slot[0])));
	set(scope, 1, cons(value, ref(scope->slot[1])));
}

static struct object *look_up(const struct object *name, struct object *scope)
{
	for (; scope; scope = scope->slot[2]) {
		struct object *n = scope->slot[0], *v = scope->slot[1];

		for (; n; n = cdr(n), v = cdr(v))
			if (car(n) == name)
				return ref(car(v));
	}
	fprintf(stderr, "tiny: %s is not defined\n", name->name);
	exit(1);
}

static struct object *eval_list(struct object *forms, struct object *scope)
{
	struct object *first;

	if (!forms)
		return NULL;
	first = eval(car(forms), scope);
	return cons(first, eval_list(cdr(forms), scope));
}

static struct object *eval_body(struct object *body, struct object *scope)
{
	struct object *result = NULL;

	for (; body; body = cdr(body)) {
		unref(result);
		result = eval(car(body), scope);
	}
	return result;
}

static struct object *new_scope(struct object *outer)
{
	struct object *scope = make(SCOPE);

	set(scope, 2, ref(outer));
	return scope;
}

static struct object *new_closure(struct object *parameters, struct object *body,
				  struct object *scope)
{
	struct object *f = make(CLOSURE);

	set(f, 0, ref(parameters));
	set(f, 1, ref(body));
	set(f, 2, ref(scope));
	return f;
}

static struct object *apply(struct object *f, struct object *args)
{
	struct object *scope, *result, *p, *a = args;

	if (f && f->kind == BUILTIN)
		return f->call(args);
	if (!f || f->kind != CLOSURE) {
		fputs("tiny: that is no function\n", stderr);
		exit(1);
	}
	scope = new_scope(f->slot[2]);
	for (p = f->slot[0]; p; p = cdr(p), a = cdr(a))
		bind(scope, car(p), ref(car(a)));
	result = eval_body(f->slot[1], scope);
	unref(scope);
	return result;
}

static struct object *eval_let(struct object *form, struct object *scope)
{
	struct object *inner = new_scope(scope), *result;

	for (struct object *b = car(cdr(form)); b; b = cdr(b))
		bind(inner, car(car(b)), eval(car(cdr(car(b))), scope));
	result = eval_body(cdr(cdr(form)), inner);
	unref(inner);
	return result;
}

static struct object *eval(struct object *form, struct object *scope)
{
	struct object *head = car(form), *f, *args, *result;

	if (form && form->kind == SYMBOL)
		return look_up(form, scope);
	if (!form || form->kind != PAIR)
		return ref(form);
	if (is(head, "quote"))
		return ref(car(cdr(form)));
	if (is(head, "lambda"))
		return new_closure(car(cdr(form)), cdr(cdr(form)), scope);
	if (is(head, "let"))
		return eval_let(form, scope);
	if (is(head, "define")) {
		bind(scope, car(cdr(form)), eval(car(cdr(cdr(form))), scope));
		return NULL;
	}
	if (is(head, "if")) {
		struct object *test = eval(car(cdr(form)), scope);
		struct object *rest = cdr(cdr(form));

		result = eval(test && (test->kind != NUMBER || test->number) ? car(rest)
			: car(cdr(rest)), scope);
		unref(test);
		return result;
	}
	f = eval(head, scope);
	args = eval_list(cdr(form), scope);
	result = apply(f, args);
	unref(args);
	unref(f);
	return result;
}

/* --- builtins ------------------------------------------------------------------------------ */

static long value(const struct object *o)
{
	return o && o->kind == NUMBER ? o->number : 0;
}

static struct object *f_add(struct object *a) { return number(value(car(a)) + value(car(cdr(a)))); }
static struct object *f_sub(struct object *a) { return number(value(car(a)) - value(car(cdr(a)))); }
static struct object *f_mul(struct object *a) { return number(value(car(a)) * value(car(cdr(a)))); }
static struct object *f_less(struct object *a) { return number(value(car(a)) < value(car(cdr(a)))); }
static struct object *f_same(struct object *a) { return number(value(car(a)) == value(car(cdr(a)))); }
static struct object *f_cons(struct object *a) { return cons(ref(car(a)), ref(car(cdr(a)))); }
static struct object *f_car(struct object *a) { return ref(car(car(a))); }
static struct object *f_cdr(struct object *a) { return ref(cdr(car(a))); }
static struct object *f_list(struct object *a) { return ref(a); }
static struct object *f_null(struct object *a) { return number(!car(a)); }
static struct object *f_collect(struct object *a) { return number(collect()); }

/* The mistake: the reference is never given back. */
static struct object *f_keep(struct object *a)
{
	ref(car(a));
	return NULL;
}

static void show(const struct object *o)
{
	if (!o) {
		fputs("()", stdout);
	} else if (o->kind == NUMBER) {
		printf("%ld", o->number);
	} else if (o->kind == SYMBOL) {
		fputs(o->name, stdout);
	} else if (o->kind == PAIR) {
		putchar('(');
		for (; o; o = cdr(o)) {
			show(car(o));
			fputs(cdr(o) ? " " : "", stdout);
		}
		putchar(')');
	} else {
		printf("<%s>", kind_name[o->kind]);
	}
}

static struct object *f_print(struct object *a)
{
	show(car(a));
	putchar('\n');
	return NULL;
}

static void builtin(const char *name, struct object *(*call)(struct object *))
{
	struct object *f = make(BUILTIN), *s = symbol(name, strlen(name));

	f->call = call;
	bind(global, s, f);
	unref(s);
}

/* --- a program ----------------------------------------------------------------------------- */

static char *read_file(const char *path)
{
	FILE *in = fopen(path, "r");
	char *text = calloc(1, 65536);

	if (!in || !text || !fread(text, 1, 65535, in)) {
		fprintf(stderr, "tiny: cannot read %s\n", path);
		exit(1);
	}
	fclose(in);
	return text;
}

int main(int argc, char **argv)
{
	char *text = read_file(argc > 1 ? argv[1] : "counters.tiny");

	ouro = ouro_runtime("tiny", "1.0");
	global = make(SCOPE);
	builtin("+", f_add);
	builtin("-", f_sub);
	builtin("*", f_mul);
	builtin("<", f_less);
	builtin("=", f_same);
	builtin("cons", f_cons);
	builtin("car", f_car);
	builtin("cdr", f_cdr);
	builtin("list", f_list);
	builtin("null?", f_null);
	builtin("print", f_print);
	builtin("collect", f_collect);
	builtin("keep", f_keep);
	ouro_mark("program");
	for (at = text; skip(), *at; ) {
		struct object *form = read_one();

		unref(eval(form, global));
		unref(form);
	}
	free(text);
	return 0;
}

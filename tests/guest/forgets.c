/*
 * blocks.c - memory that an extension takes beside its objects, and how it is kept
 *
 * keep_*: held, each by something else.  lose_*: nothing has the address any more.
 */
#include <Python.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct link {
	struct link *next;
	char room[40];
};

typedef struct {
	PyObject_HEAD
	struct link *first;
} Holder;

static struct link *volatile kept;

/* Not in a register and not on the stack when we return. */
static void __attribute__((noinline)) wipe(void)
{
	volatile char below[4096];

	for (size_t i = 0; i < sizeof below; i++)
		below[i] = 0;
}

static struct link *chain(void *(*take)(size_t), int n)
{
	struct link *first = NULL;

	while (n-- > 0) {
		struct link *x = take(sizeof *x);

		memset(x, 0, sizeof *x);	/* what was there before may be the address of another */
		x->next = first;
		first = x;
	}
	return first;
}

static void holder_dealloc(PyObject *self)
{
	for (struct link *x = ((Holder *)self)->first; x; ) {
		struct link *next = x->next;

		PyMem_Free(x);
		x = next;
	}
	Py_TYPE(self)->tp_free(self);
}

static PyTypeObject holder_type = {
	PyVarObject_HEAD_INIT(NULL, 0)
	.tp_name = "blocks.Holder",
	.tp_basicsize = sizeof(Holder),
	.tp_flags = Py_TPFLAGS_DEFAULT,
	.tp_dealloc = holder_dealloc,
};

static PyObject *keep_in_static(PyObject *self, PyObject *none)
{
	kept = chain(malloc, 3);
	Py_RETURN_NONE;
}

/* Blocks of the pool, held by an object: as lists keep their items. */
static PyObject *keep_in_object(PyObject *self, PyObject *none)
{
	Holder *h = PyObject_New(Holder, &holder_type);

	if (h)
		h->first = chain(PyMem_Malloc, 3);
	return (PyObject *)h;
}

static void *wait_with(void *p)
{
	struct link *volatile held = p;

	for (;;)
		pause();
	return held;
}

static PyObject *keep_in_thread(PyObject *self, PyObject *none)
{
	pthread_t t;

	pthread_create(&t, NULL, wait_with, chain(malloc, 2));
	pthread_detach(t);
	wipe();
	Py_RETURN_NONE;
}

static PyObject *lose_malloc(PyObject *self, PyObject *none)
{
	chain(malloc, 3);
	wipe();
	Py_RETURN_NONE;
}

static PyObject *lose_mem(PyObject *self, PyObject *none)
{
	chain(PyMem_Malloc, 3);
	wipe();
	Py_RETURN_NONE;
}

static PyObject *lose_raw(PyObject *self, PyObject *none)
{
	chain(PyMem_RawMalloc, 2);
	wipe();
	Py_RETURN_NONE;
}

static PyObject *lose_circle(PyObject *self, PyObject *none)
{
	struct link *x = chain(malloc, 2);

	x->next->next = x;
	x = NULL;
	wipe();
	Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
	{ "keep_in_static", keep_in_static, METH_NOARGS, NULL },
	{ "keep_in_object", keep_in_object, METH_NOARGS, NULL },
	{ "keep_in_thread", keep_in_thread, METH_NOARGS, NULL },
	{ "lose_malloc", lose_malloc, METH_NOARGS, NULL },
	{ "lose_mem", lose_mem, METH_NOARGS, NULL },
	{ "lose_raw", lose_raw, METH_NOARGS, NULL },
	{ "lose_circle", lose_circle, METH_NOARGS, NULL },
	{ NULL, NULL, 0, NULL },
};

static struct PyModuleDef module = {
	PyModuleDef_HEAD_INIT, .m_name = "blocks", .m_size = -1, .m_methods = methods,
};

PyMODINIT_FUNC PyInit_blocks(void)
{
	return PyType_Ready(&holder_type) ? NULL : PyModule_Create(&module);
}

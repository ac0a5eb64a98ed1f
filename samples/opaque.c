/*
 * opaque.c - a CPython extension type that holds a reference and hides it
 *
 * Goes wrong once: Box has no tp_traverse and no Py_TPFLAGS_HAVE_GC, so the
 * collector cannot see that a box in a cycle is held by that cycle alone.
 *
 *   cc -shared -fPIC $(python3-config --includes) -o opaque.so opaque.c
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

struct box {
	PyObject_HEAD
	PyObject *content;
};

static int box_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
	PyObject *content;

	if (!PyArg_ParseTuple(args, "O", &content))
		return -1;
	Py_INCREF(content);
	((struct box *)self)->content = content;
	return 0;
}

static void box_dealloc(PyObject *self)
{
	Py_XDECREF(((struct box *)self)->content);
	Py_TYPE(self)->tp_free(self);
}

static PyTypeObject box_type = {
	PyVarObject_HEAD_INIT(NULL, 0)
	.tp_name = "opaque.Box",
	.tp_basicsize = sizeof(struct box),
	.tp_flags = Py_TPFLAGS_DEFAULT,
	.tp_new = PyType_GenericNew,
	.tp_init = box_init,
	.tp_dealloc = box_dealloc,
};

/* forget(obj): on the path for integers below zero the reference is not given back. */
static PyObject *forget(PyObject *module, PyObject *args)
{
	PyObject *object;
	long n;

	if (!PyArg_ParseTuple(args, "Ol", &object, &n))
		return NULL;
	Py_INCREF(object);
	if (n < 0)
		Py_RETURN_NONE;		/* the mistake */
	Py_DECREF(object);
	Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
	{ "forget", forget, METH_VARARGS, "forget(object, n)" },
	{ NULL },
};

static struct PyModuleDef module = {
	PyModuleDef_HEAD_INIT, "opaque", NULL, -1, methods,
};

PyMODINIT_FUNC PyInit_opaque(void)
{
	PyObject *m;

	if (PyType_Ready(&box_type) < 0)
		return NULL;
	m = PyModule_Create(&module);
	if (m && PyModule_AddObject(m, "Box", (PyObject *)&box_type) < 0)
		return NULL;
	Py_INCREF(&box_type);
	return m;
}

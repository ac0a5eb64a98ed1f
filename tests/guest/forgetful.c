/*
 * forgetful.c - an extension that loses references: watch_test.py asks who does
 *
 * use(object, way): way 1 gives back what it takes, way 2 and 3 too, by calls of its own;
 * way 4 keeps a reference that nobody gives back (remember), way 5 loses one where it
 * finds an error (parse).  Counts are changed inline, as any extension does it.
 */
#include <Python.h>

__attribute__((noinline)) static void borrow(PyObject *o)
{
	Py_INCREF(o);
	if (PyObject_IsTrue(o) < 0)
		PyErr_Clear();
	Py_DECREF(o);
}

__attribute__((noinline)) static void remember(PyObject *o)
{
	Py_INCREF(o);
}

__attribute__((noinline)) static int parse(PyObject *o, int wrong)
{
	Py_INCREF(o);
	if (wrong)
		return -1;
	Py_DECREF(o);
	return 0;
}

static PyObject *use(PyObject *self, PyObject *args)
{
	PyObject *o;
	int way;

	(void)self;
	if (!PyArg_ParseTuple(args, "Oi", &o, &way))
		return NULL;
	Py_INCREF(o);
	if (way == 2 || way == 3)
		borrow(o);
	if (way == 4)
		remember(o);
	parse(o, way == 5);
	Py_DECREF(o);
	Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
	{ "use", use, METH_VARARGS, "use(object, way)" },
	{ NULL, NULL, 0, NULL },
};

static struct PyModuleDef module = {
	PyModuleDef_HEAD_INIT, .m_name = "forgetful", .m_size = -1, .m_methods = methods,
};

PyMODINIT_FUNC PyInit_forgetful(void)
{
	return PyModule_Create(&module);
}

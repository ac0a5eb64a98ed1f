#!/usr/bin/env python3
"""Offsets of CPython's structs, measured with each version's own headers.

  generate.py            print preload/cpython/layout_data.h
  generate.py --check    compare preload/cpython/layout_data.h with what is installed

Versions are looked for in ~/.pyenv/versions and in /usr/include; with --check, those that are
absent are skipped, otherwise their tables are kept as they are.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(HERE, "../../../preload/cpython/layout_data.h")
MINORS = range(8, 14)

HEAD = r"""
#define Py_BUILD_CORE 1
#define Py_BUILD_CORE_MODULE 1
#include <Python.h>
#include <frameobject.h>
#include <stddef.h>
#include <stdio.h>
#include "internal/pycore_pystate.h"
#include "internal/pycore_code.h"
#if PY_MINOR_VERSION >= 9
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"
#include "internal/pycore_gc.h"
#endif
#if PY_MINOR_VERSION == 10
#include "internal/pycore_moduleobject.h"
#elif PY_MINOR_VERSION >= 11
#include "internal/pycore_moduleobject.h"
#include "internal/pycore_frame.h"
#include "internal/pycore_dict.h"
#include "internal/pycore_typeobject.h"
#endif
#if PY_MINOR_VERSION == 9
typedef struct { PyObject_HEAD PyObject *md_dict; void *md_def, *md_state;
	PyObject *md_weaklist, *md_name; } PyModuleObject;	/* of Objects/moduleobject.c */
#endif
"""
SPECIAL = {
    "@finalizing": {8: "_PyRuntimeState.finalizing", None: "_PyRuntimeState._finalizing"},
    "@static_type_state": {12: "static_builtin_state",
                           None: "managed_static_type_state"},
}


def fields():
    """[(name, first, last, expression)]"""
    out = []
    for line in open(os.path.join(HERE, "fields.txt")):
        if line.strip() and not line.startswith("#"):
            name, span, expr = line.split(None, 2)
            first, last = map(int, span.split("-"))
            out.append((name, first, last, expr.strip()))
    return out


def c_expression(expr, minor):
    for key, by_version in SPECIAL.items():
        expr = expr.replace(key, by_version.get(minor, by_version[None]))
    if expr.startswith("="):
        return expr[1:]
    member = re.fullmatch(r"((?:struct )?\w+)\.([\w.]+)", expr)
    return f"offsetof({member[1]}, {member[2]})" if member else expr


def headers(minor):
    """Every installed set of headers of 3.minor."""
    found = glob.glob(os.path.expanduser(f"~/.pyenv/versions/3.{minor}.*/include/python3.{minor}"))
    found += glob.glob(f"/usr/include/python3.{minor}")
    return [d for d in found if os.path.isdir(d + "/internal")]


def references(include):
    """(C expression, name) of what an interpreter or a thread holds, read from the headers."""
    text = ""
    for name in ("internal/pycore_interp.h", "internal/pycore_pystate.h", "cpython/pystate.h"):
        if os.path.exists(f"{include}/{name}"):
            text += open(f"{include}/{name}").read()
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)

    def pointers(struct):
        body = re.search(r"struct " + struct + r"\s*\{(.*?)^\}", text, re.S | re.M)
        return re.findall(r"^    PyObject \*(\w+);", body[1], re.M) if body else []

    return pointers("_is"), pointers("_ts")


# Of the structs inside the interpreter's: what holds references, by version.
NESTED = [
    (9, 11, "warnings.filters warnings.once_registry warnings.default_action"),
    (12, 13, "warnings.filters warnings.once_registry warnings.default_action"
     " imports.modules imports.modules_by_index imports.importlib imports.import_func"
     " cached_objects.str_replace_inf cached_objects.objreduce"
     " cached_objects.type_slots_pname"),
    (12, 12, "dict"),
    (13, 13, "codecs.search_path codecs.search_cache codecs.error_registry"),
    (10, 13, "callable_cache.isinstance callable_cache.len callable_cache.list_append"),
    (10, 13, "exc_state.memerrors_freelist"),
]
BORROWED = {"cached_objects.interned_strings", "exc_state.memerrors_freelist",
            "callable_cache.isinstance", "callable_cache.len", "callable_cache.list_append"}


def probe(include, minor):
    """{field: number}, [(offset, name)] of interpreter, of thread"""
    interp, thread = references(include)
    for first, last, names in NESTED:
        if first <= minor <= last:
            interp += [n for n in names.split() if n not in BORROWED]
    interp = sorted(set(interp))
    if minor <= 12:
        thread.append("on_delete_data")     # void *, but a weak reference to the thread's lock
    lines = [HEAD, "int main(void) {"]
    for name, first, last, expr in fields():
        if first <= minor <= last:
            lines.append(f'printf("f {name} %ld\\n", (long)({c_expression(expr, minor)}));')
    for kind, struct, names in (("i", "struct _is", interp), ("t", "PyThreadState", thread)):
        for name in names:
            lines.append(f'printf("{kind} {name} %ld\\n", (long)offsetof({struct}, {name}));')
    lines.append("return 0; }")
    with tempfile.TemporaryDirectory() as tmp:
        source, binary = tmp + "/probe.c", tmp + "/probe"
        open(source, "w").write("\n".join(lines))
        subprocess.run(["gcc", "-w", "-I", include, "-I", include + "/internal", "-o", binary,
                        source], check=True)
        said = subprocess.run([binary], check=True, capture_output=True, text=True).stdout
    found, refs = {}, {"i": [], "t": []}
    for line in said.splitlines():
        kind, name, number = line.split()
        if kind == "f":
            found[name] = int(number)
        else:
            refs[kind].append((int(number), name))
    return found, sorted(refs["i"]), sorted(refs["t"])


def table(include, minor):
    numbers, interp, thread = probe(include, minor)
    names = dict.fromkeys(f[0] for f in fields())
    out = []
    for kind, refs in (("interp", interp), ("thread", thread)):
        out.append(f"static const struct py_reference {kind}_3{minor:02}[] = {{")
        out += [f'\t{{ {offset}, "{name}" }},' for offset, name in refs]
        out.append("\t{ -1, 0 }\n};")
    out.append(f"static const struct py_layout layout_3{minor:02} = {{")
    out.append(f"\t.minor = {minor},")
    out += [f"\t.{name} = {numbers.get(name, -1)}," for name in names]
    out.append(f"\t.interp_references = interp_3{minor:02},")
    out.append(f"\t.thread_references = thread_3{minor:02},")
    out.append("};")
    return "\n".join(out) + "\n"


def check():
    have, bad, seen = open(DATA).read(), 0, 0
    for minor in MINORS:
        for include in headers(minor):
            seen += 1
            block = table(include, minor)
            bad += block not in have
            for line in block.splitlines():
                if line not in have:
                    print(f"{include}: {line.strip()} is not in layout_data.h")
    print(f"layout: {seen} sets of headers, {bad} differ")
    return bad


def main():
    if "--check" in sys.argv:
        sys.exit(1 if check() else 0)
    print("/* Made by tests/cpython/layout/generate.py from CPython's own headers: do not edit. */")
    print('#include "layout.h"\n')
    for minor in MINORS:
        include = headers(minor)
        if not include:
            sys.exit(f"no headers for 3.{minor}: cannot make its table")
        print(table(include[0], minor))


main()

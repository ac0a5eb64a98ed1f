"""A real application's work: the standard library is parsed, walked, compiled and compared."""
import ast
import difflib
import glob
import os
import sys

FILES = int(sys.argv[1])


def names(tree):
    return sorted({n.id for n in ast.walk(tree) if isinstance(n, ast.Name)})


found = sorted(glob.glob(os.path.join(os.path.dirname(os.__file__), "*.py")))
last = []
for i in range(FILES):
    path = found[i % len(found)]
    with open(path, encoding="utf-8", errors="replace") as source:
        text = source.read()
    tree = ast.parse(text)
    now = names(tree)
    list(difflib.unified_diff(last[:200], now[:200]))
    compile(tree, path, "exec")
    last = now

#!/usr/bin/env python3
"""Write tests/cpython/names_corpus.h: functions as each version of CPython compiles them.

    names.py PYTHON...        interpreters, one per version

Each line of `sample` says which name an instruction on it must get: OPCODE:name,
or OPCODE:- for none; OPCODE is the start of the instruction's name, and the first
on the line is meant.
"""
import pathlib
import subprocess
import sys

TARGET = pathlib.Path(__file__).resolve().parent / "names_corpus.h"

COMPILE = r'''
import dis, sys
SAMPLE = """
def sample(self, make, table):
    global shared
    first = []                            # BUILD_LIST:first
    self.rows = {}                        # BUILD_MAP:self.rows
    node = make()                         # CALL:node PRECALL:node
    self.a.b = make(1, k=2)               # CALL:self.a.b
    one = two = (node, first)             # BUILD_TUPLE:one
    shared = [node]                       # BUILD_LIST:shared
    filled = [1, 2, 3, 4]                 # BUILD_LIST:filled
    make([])                              # BUILD_LIST:- CALL:-
    table[0] = []                         # BUILD_LIST:-
    table[make()] = first                 # CALL:-
    pair = (make(), [])                   # CALL:- BUILD_LIST:- BUILD_TUPLE:pair
    many = [[] for _ in table]            # BUILD_LIST:-
    seen = lambda: seen                   # MAKE_FUNCTION:seen
    inner = [node]; inner.append(node)    # BUILD_LIST:inner
    for item in table: make(item)         # FOR_ITER:item
    del first
    make().x = []                         # BUILD_LIST:-
    a, b = make(), []                     # CALL:-
    if make() or []: node = make          # BUILD_LIST:-
    shared.kept = {}                      # BUILD_MAP:shared.kept
    node.deep.deeper.deepest = []         # BUILD_LIST:node.deep.deeper.deepest
    node.a.b.c.d = []                     # BUILD_LIST:-
    return [make()]                       # CALL:- BUILD_LIST:-
"""
# Arguments past 255 need EXTENDED_ARG.
WIDE = "def sample(make):\n" + "".join("    v%d = 0\n" % i for i in range(300)) + \
    "    v290 = make()    # CALL:v290 PRECALL:v290\n    v299 = []  # BUILD_LIST:v299\n"
TOP = """
x = []                                    # BUILD_LIST:x
class C: pass                             # CALL:C PRECALL:C
def f(): pass                             # MAKE_FUNCTION:f
x.y = x = {}                              # BUILD_MAP:x.y
"""

def cstr(words):
    return "{ " + "".join('"%s", ' % w for w in words) + "NULL }"

def rows(source, code):
    wanted = {n + 1: l.split("#")[1].split() for n, l in enumerate(source.split("\n")) if "#" in l}
    line, at = 0, {}
    for i in dis.get_instructions(code):
        starts = getattr(i, "line_number", None) if sys.version_info >= (3, 13) else i.starts_line
        line = starts or line
        at.setdefault(line, []).append((i.opname, i.offset // 2))
    for line, words in sorted(wanted.items()):
        for word in words:
            op, _, name = word.partition(":")
            for opname, unit in at[line]:
                if opname.startswith(op):
                    yield unit, "" if name == "-" else name, "line %d: %s" % (line, word)
                    break

def emit(label, source, code):
    v = sys.version_info[1]
    if v >= 11:
        locs = cells = code._varname_from_oparg
        n = code.co_nlocals + len(code.co_cellvars) + len(code.co_freevars)
        names = []
        for i in range(n):
            try:
                names.append(code._varname_from_oparg(i))
            except IndexError:
                break
        locs = cells = names
    else:
        locs, cells = code.co_varnames, code.co_cellvars + code.co_freevars
    raw = code.co_code
    print("static const uint8_t %s_3%02d[] = {" % (label, v))
    for i in range(0, len(raw), 16):
        print("\t" + "".join("%d, " % b for b in raw[i:i + 16]).rstrip())
    print("};")
    for what, words in (("locals", locs), ("cells", cells), ("names", code.co_names)):
        print("static const char *const %s_%s_3%02d[] = {" % (label, what, v))
        for i in range(0, len(words) + 1, 8):
            print("\t" + "".join('"%s", ' % w for w in words[i:i + 8]) +
                  ("NULL" if i + 8 > len(words) else ""))
        print("};")
    print("static const struct corpus_row %s_rows_3%02d[] = {" % (label, v))
    for unit, name, why in rows(source, code):
        print('\t{ %d, "%s", "%s" },' % (unit, name, why))
    print("};\n")

for label, source in (("body", SAMPLE), ("wide", WIDE)):
    code = [c for c in compile(source, "sample", "exec").co_consts if hasattr(c, "co_code")][0]
    emit(label, source, code)
emit("top", TOP, compile(TOP, "sample", "exec"))
'''


def main():
    out = ["/*", " * names_corpus.h - made by names.py: what each version compiles a few lines to",
           " */", ""]
    table = ["static const struct corpus corpora[] = {"]
    for python in sys.argv[1:]:
        text = subprocess.run([python, "-c", COMPILE], check=True, capture_output=True, text=True)
        minor = subprocess.run([python, "-c", "import sys; print(sys.version_info[1])"],
                               check=True, capture_output=True, text=True).stdout.strip()
        out.append(text.stdout.rstrip() + "\n")
        for label in ("body", "wide", "top"):
            v = f"3{int(minor):02d}"
            table.append(f"\tCORPUS({minor}, {v}, {label}),")
    table.append("};")
    TARGET.write_text("\n".join(out) + "\n" + "\n".join(table) + "\n")


main()

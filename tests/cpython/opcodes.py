#!/usr/bin/env python3
"""Write preload/cpython/opcodes_data.h out of the headers of each version of CPython.

    opcodes.py FOLDER...      include folders (.../include/python3.8), one per version

With --check nothing is written: exit status 1 when the file differs.
"""
import pathlib
import re
import sys

TARGET = pathlib.Path(__file__).resolve().parents[2] / "preload/cpython/opcodes_data.h"

# What naming a result needs to know about an instruction (names.c says how each is used).
EXACT = {
    "EXTENDED_ARG": "EXTEND", "LIST_EXTEND": "EXTEND_LITERAL", "SET_UPDATE": "EXTEND_LITERAL",
    "DICT_UPDATE": "EXTEND_LITERAL", "PRECALL": "MAKE_PRECALL",
    "NOP": "SKIP", "CACHE": "SKIP", "COPY": "DUPLICATE", "DUP_TOP": "DUPLICATE",
    "SET_FUNCTION_ATTRIBUTE": "SKIP",
    "STORE_FAST": "STORE_LOCAL", "STORE_NAME": "STORE_GLOBAL", "STORE_GLOBAL": "STORE_GLOBAL",
    "STORE_DEREF": "STORE_CELL", "STORE_ATTR": "STORE_ATTRIBUTE",
    "STORE_FAST_LOAD_FAST": "STORE_FIRST", "STORE_FAST_STORE_FAST": "STORE_FIRST",
    "LOAD_FAST": "LOAD_LOCAL", "LOAD_FAST_CHECK": "LOAD_LOCAL", "LOAD_NAME": "LOAD_NAME",
    "LOAD_GLOBAL": "LOAD_GLOBAL", "LOAD_DEREF": "LOAD_CELL", "LOAD_CONST": "LOAD_CONST",
    "LOAD_ATTR": "LOAD_ATTRIBUTE", "FOR_ITER": "MAKE_NEXT",
    "BUILD_LIST": "MAKE_LITERAL", "BUILD_SET": "MAKE_LITERAL", "BUILD_MAP": "MAKE_LITERAL",
}
MAKES = re.compile(
    r"^(BUILD_(TUPLE|STRING|SLICE|CONST_KEY_MAP|TUPLE_UNPACK|LIST_UNPACK|MAP_UNPACK|SET_UNPACK)"
    r"(_WITH_CALL)?|CALL|CALL_FUNCTION|CALL_KW|CALL_METHOD|CALL_FUNCTION_KW|CALL_FUNCTION_EX"
    r"|MAKE_FUNCTION|LIST_TO_TUPLE|CALL_INTRINSIC_1|CALL_INTRINSIC_2|BINARY_\w+|INPLACE_\w+"
    r"|UNARY_(NEGATIVE|POSITIVE|INVERT)|GET_ITER|FORMAT_\w+|IMPORT_NAME)$")


def kind(name):
    plain = name.replace("INSTRUMENTED_", "")
    if plain in EXACT:
        return EXACT[plain]
    return "MAKE" if MAKES.match(plain) else "OTHER"


def read(folder):
    folder = pathlib.Path(folder)
    text = (folder / "opcode.h").read_text()
    ids = folder / "opcode_ids.h"
    if ids.exists():
        text = ids.read_text()
    number = {n: int(v) for n, v in re.findall(r"^#define\s+([A-Z][A-Z0-9_]+)\s+(\d+)\b", text, re.M)
              if int(v) < 256 and n not in ("HAVE_ARGUMENT", "PYCMP_LT")
              and not re.match(r"^(PyCmp|NB_|MIN_|MAX_|.*HAVE_ARG)", n)}
    deopt, caches = {}, {}
    for header in ("internal/pycore_opcode.h", "internal/pycore_opcode_metadata.h"):
        path = folder / header
        if not path.exists():
            continue
        text = path.read_text()
        for array, into in (("_PyOpcode_Deopt", deopt), ("_PyOpcode_Caches", caches)):
            m = re.search(r"const uint8_t " + array + r"\[256\] = \{(.*?)\};", text, re.S)
            if m:
                into.update(re.findall(r"\[(\w+)\] = (\w+)", m.group(1)))
    table = {}
    for name, n in number.items():
        base = deopt.get(name, name)
        plain = base.replace("INSTRUMENTED_", "")
        unknown = plain in ("LINE", "INSTRUCTION", "ENTER_EXECUTOR", "RESERVED")
        cells = int(caches.get(base, caches.get(plain, 0)))
        # Two instructions fused by the specializer stand as two in the code: the first one's
        # opcode alone is changed, and Deopt gives it back.
        table[n] = ("UNKNOWN" if unknown else kind(base), cells, name)
    return table


def main():
    check = "--check" in sys.argv
    folders = [a for a in sys.argv[1:] if a != "--check"]
    out = ["/*",
           " * opcodes_data.h - what each instruction of CPython 3.8 to 3.13 is to names.c",
           " *",
           " * Made by tests/cpython/opcodes.py from each version's own headers: kind, then",
           " * inline cache entries that follow.  What is not listed is OTHER without a cache.",
           " */", "#ifndef CPYTHON_OPCODES_DATA_H", "#define CPYTHON_OPCODES_DATA_H", "",
           '#include "opcodes.h"', ""]
    for folder in sorted(folders, key=lambda f: int(f.rsplit(".", 1)[1])):
        minor = int(folder.rsplit(".", 1)[1])
        out.append(f"static const struct py_opcode opcodes_3{minor:02d}[256] = {{")
        for n, (k, cells, name) in sorted(read(folder).items()):
            if (k, cells) != ("OTHER", 0):
                out.append(f"\t[{n}] = {{ OP_{k}, {cells} }},\t/* {name} */")
        out.append("};")
        out.append("")
    out.append("#endif")
    text = "\n".join(out) + "\n"
    if check:
        sys.exit(text != TARGET.read_text())
    TARGET.write_text(text)


main()

#!/bin/bash
# What `make demo` shows: four programs that each go wrong, recorded as they are, and a real one.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
ouro=$top/${O:-build}/ouro
python=/usr/bin/python3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

show() {
	printf '\n\033[1m$ %s\033[0m\n' "$*" | { [ -t 1 ] && [ -z "${NO_COLOR-}" ] && cat ||
		sed 's/\x1b\[[0-9;]*m//g'; }
}
record() {
	show ouro run "$@"
	"$ouro" run -q -o "$folder/demo.trace" -- "$@" || true
}
ask() {
	show ouro "$@"
	"$ouro" "$1" "$folder/demo.trace" "${@:2}"
}

cd "$top"
record "$python" samples/two_lists.py
ask report

record "$python" samples/shapes.py
ask cycles

record "$python" samples/leaked_reference.py
ask report

record "$python" samples/one_name.py
ask holders single

# A real program, as Debian has it: the module compiler over part of the standard library.
record "$python" -m py_compile /usr/lib/python3*/argparse.py /usr/lib/python3*/typing.py
ask report

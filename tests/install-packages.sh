#!/bin/sh
# Installs the Debian packages named as arguments that are not there yet; asks for nothing.
set -eu

missing=
for p in "$@"; do
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q '^install ok installed$' ||
		missing="$missing $p"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "ouro: no apt-get here; install by hand:$missing" >&2
	exit 1
fi
if [ "$(id -u)" = 0 ]; then
	as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
	as_root=sudo
else
	echo "ouro: neither root nor password-less sudo; as root: apt-get install$missing" >&2
	exit 1
fi

echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install() {
	$as_root apt-get install -y -q --no-install-recommends $missing >"$log" 2>&1
}
# shellcheck disable=SC2086
install || { $as_root apt-get update -q >"$log" 2>&1 && install; } || {
	tail -n 20 "$log" >&2
	echo "ouro: apt-get could not install$missing" >&2
	exit 1
}

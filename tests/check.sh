#!/bin/bash
# Runs the test programs named as arguments (Check binaries, or end-to-end tests in Python) and
# ends with one line, "N passed, N failed"; status 1 when any failed or did not say how it went.
set -u
passed=0 failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

for test in "$@"; do
	began=$SECONDS
	case $test in
	*.py) /usr/bin/python3 "$test" >"$log" 2>&1 ;;
	*)    "$test" >"$log" 2>&1 ;;
	esac
	status=$?
	# Check: "100%: Checks: 12, Failures: 0, Errors: 0"; unittest: "Ran 12 tests ..." and
	# "FAILED (failures=1, errors=2)"; a program of ours: "12 passed, 0 failed".
	read -r good bad <<-EOF
	$(awk '
		/Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/ {
			gsub(/[^0-9 ]/, " "); n += $2; bad += $3 + $4 }
		/^Ran [0-9]+ tests? in/ { n += $2 }
		/^FAILED \(/ { s = $0; while (match(s, /(failures|errors)=[0-9]+/)) {
			split(substr(s, RSTART, RLENGTH), kv, "="); bad += kv[2]
			s = substr(s, RSTART + RLENGTH) } }
		/^[0-9]+ passed, [0-9]+ failed$/ { n += $1 + $3; bad += $3 }
		END { if (bad > n) bad = n; print n - bad + 0, bad + 0 }' "$log")
	EOF
	if [ "$status" != 0 ] && [ "$bad" = 0 ] || [ $((good + bad)) = 0 ]; then
		bad=$((bad + 1))	# crashed, or ran nothing
	fi
	passed=$((passed + good)) failed=$((failed + bad))
	printf '  %-44s %4d passed %3d failed  %3d s\n' "${test##*/}" "$good" "$bad" \
		$((SECONDS - began))
	[ "$bad" = 0 ] || tail -n 60 "$log"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

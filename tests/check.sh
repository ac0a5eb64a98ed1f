#!/bin/bash
# Runs the test programs named as arguments (Check binaries, or end-to-end tests in Python), as
# many at a time as there are processors (JOBS says otherwise), and ends with one line,
# "N passed, N failed"; status 1 when any failed or did not say how it went.
set -u
jobs=${JOBS:-$(nproc)}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'kill $(jobs -pr) 2>/dev/null; exit 130' INT TERM

# Leaves "passed failed" in the folder, and prints a line, with the end of what a failure said.
run() {
	local test=$1 log=$folder/$2.log began=$SECONDS status good bad
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
	echo "$good $bad" >"$folder/$2.result"
	{
		flock 9
		printf '  %-44s %4d passed %3d failed  %3d s\n' "${test##*/}" "$good" "$bad" \
			$((SECONDS - began))
		[ "$bad" = 0 ] || tail -n 60 "$log"
	} 9>"$folder/lock"
}

n=0
for test in "$@"; do
	while [ "$(jobs -pr | wc -l)" -ge "$jobs" ]; do
		wait -n
	done
	run "$test" $n &
	n=$((n + 1))
done
wait
if [ $n -gt 0 ]; then
	cat "$folder"/*.result
fi | awk -v tests=$n '{ good += $1; bad += $2 }
	END { bad += tests - NR; print good + 0 " passed, " bad " failed"; exit bad > 0 }'

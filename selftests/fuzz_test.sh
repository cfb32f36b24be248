#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The fuzzers of the kernel, for some seconds each: TAP, with seeds and counts.
# E2EE_FUZZERS: which, of packets, netlink and calls; E2EE_FUZZ_TIME: how many
# seconds.
set -u
export LC_ALL=C
seconds=${E2EE_FUZZ_TIME:-5}
count=0
failed=0
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# end PID: its end is waited for; where it does not come, its threads are shown
end()
{
	local last=$((SECONDS + ${seconds:-5} + 600)) task

	while [[ -e /proc/$1/exe && $SECONDS -lt $last ]]; do
		sleep 0.1
	done
	if [[ -e /proc/$1/exe ]]; then
		for task in "/proc/$1/task/"*; do
			echo "# stuck in system call $(<"$task/syscall")"
			sed 's/^/# /' "$task/stack"
		done
		kill -9 "$1"
	fi
	wait "$1"
}

for name in ${E2EE_FUZZERS:-packets netlink calls}; do
	((++count))
	status=0
	"fuzz_$name" -t "${seconds:-5}" >"$said" &
	end $! || status=$?
	grep '^#' "$said"
	line=$(grep -E '^(not )?ok 1' "$said") ||
		line="not ok 1 - $name: died with status $status"
	echo "${line/ok 1/ok $count}"
	[[ $status -eq 0 ]] || failed=1
done
# The module may be one that tells where it came by
places=/sys/kernel/debug/e2ee_cover/places
[[ ! -e $places ]] || cp "$places" "${E2EE_RESULTS:-.}/places"
echo "1..$count"
exit $failed

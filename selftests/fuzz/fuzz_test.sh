#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Each fuzzer for some seconds, from its corpus; TAP, with how much it tried.
#     fuzz_test.sh FOLDER [SECONDS]	FOLDER: where the fuzzers were built
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
built=$1
seconds=${2:-10}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
count=0
# Memory that is not kept back for long is memory that need not be had anew
export ASAN_OPTIONS=quarantine_size_mb=8

# fuzz NAME: anything found stays in FOLDER
fuzz()
{
	local log=$work/$1.log tried=0 status=0

	mkdir -p "$work/$1"
	"$built/$1_fuzz" -max_total_time="$seconds" -max_len=8192 -timeout=60 \
		-rss_limit_mb=4096 -artifact_prefix="$built/$1-" \
		-print_final_stats=1 "$work/$1" "$here/corpus/$1" \
		>"$log" 2>&1 || status=$?
	tried=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	((++count))
	if [[ $status -eq 0 && ${tried:-0} -gt 100 ]]; then
		echo "ok $count - $1: $tried inputs"
		return
	fi
	echo "not ok $count - $1: ${tried:-0} inputs, status $status"
	tail -n 60 "$log" | sed 's/^/# /'
}

for name in rtp sframe replay message line store; do
	fuzz "$name"
done
echo "1..$count"

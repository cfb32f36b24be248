#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Each fuzzer for some seconds, from its corpus; TAP, with how much it tried, and
# what it reached ("cov:" of libFuzzer, edges of the code under test).
#     fuzz_test.sh FOLDER [SECONDS]	FOLDER: where the fuzzers were built
# Inputs that reached something new stay in FOLDER/corpus/NAME, from which later
# runs start, too.
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
	local log=$work/$1.log kept=$built/corpus/$1 tried=0 places=0 status=0

	mkdir -p "$kept"
	"$built/$1_fuzz" -max_total_time="$seconds" -max_len=8192 -timeout=60 \
		-rss_limit_mb=4096 -artifact_prefix="$built/$1-" \
		-print_final_stats=1 "$kept" "$here/corpus/$1" \
		>"$log" 2>&1 || status=$?
	tried=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	# of the program that it tries, how many come by at the end
	places=$(sed -n 's/^#.*DONE *cov: *\([0-9]*\).*/\1/p' "$log")
	((++count))
	if [[ $status -eq 0 && ${tried:-0} -gt 100 && ${places:-0} -gt 0 ]]; then
		echo "ok $count - $1: $tried inputs in $seconds s, $places places," \
			"$(find "$kept" -type f | wc -l) kept"
		return
	fi
	echo "not ok $count - $1: ${tried:-0} inputs, status $status"
	tail -n 60 "$log" | sed 's/^/# /'
}

for name in rtp sframe replay message line store attr; do
	fuzz "$name"
done
echo "1..$count"

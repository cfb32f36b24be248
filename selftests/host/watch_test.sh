#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A kernel that hangs is stopped from outside, soon and with the name of what it did,
# and what it did has failed. A shell plays the kernel here.
set -euo pipefail
# shellcheck source=../lab/tap.sh
. "@TOP@/selftests/lab/tap.sh"
# shellcheck source=../lab/watch.sh
. "@TOP@/selftests/lab/watch.sh"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

# is WANTED FOUND
is()
{
	[[ $1 == "$2" ]] || { echo "wanted $1"; echo "found  $2"; return 1; }
}

# kernel SECONDS SCRIPT: sets status, took and hung
kernel()
{
	local begin=$SECONDS

	status=0
	guarded doing hung "$1" bash -c "$2" || status=$?
	took=$((SECONDS - begin))
	hung=$(cat hung 2>/dev/null) || true
}

stopped()
{
	kernel 60 'echo 1 a_test test a_test.sh >doing; exec sleep 60'
	[[ $status -ne 0 && $took -lt 30 ]] || return 1
	is 'test a_test.sh' "$hung"
}

# Three seconds in all, of which no step takes more than it may
goes_on()
{
	kernel 60 'for i in 1 2 3 4 5 6; do
		echo 2 a_test test $i >doing; sleep 0.5; done; exit 7'
	is '7 ' "$status $hung"
}

# Nothing is known yet of what it does
silent()
{
	kernel 60 'sleep 2; exit 3'
	is '3 ' "$status $hung"
}

limited()
{
	kernel 2 'echo 50 a_test test a_test.sh >doing; exec sleep 60'
	[[ $took -lt 30 ]] || return 1
	is '124 ' "$status $hung"
}

# So is a kernel that has to be killed
stubborn()
{
	kernel 2 'trap "" TERM; while :; do sleep 1; done'
	[[ $took -lt 30 ]] || return 1
	is '124 ' "$status $hung"
}

# What an earlier kernel left is none of the next one's
no_rest()
{
	echo 1 a_test test a_test.sh >doing
	echo something >hung
	kernel 60 'sleep 3'
	is '0 ' "$status $hung"
}

tap_of()
{
	printf '%b' "$1" >a.tap
	tap_cut_off a.tap 'kernel hung in test a_test.sh'
	cat a.tap
}

kept()
{
	is "TAP version 13
ok 1 - this
not ok 2 - kernel hung in test a_test.sh
1..2" "$(tap_of 'TAP version 13\n1..9\nok 1 - this\n')"
}

cut_line()
{
	is "TAP version 13
ok 1 - this
# and th
not ok 2 - kernel hung in test a_test.sh
1..2" "$(tap_of 'TAP version 13\nok 1 - this\n# and th')"
}

empty()
{
	is "TAP version 13
not ok 1 - kernel hung in test a_test.sh
1..1" "$(tap_of '')"
}

# named STATUS: what becomes of results of which one is cut off
named()
{
	rm -rf results
	mkdir results
	echo '90 a_test test a_test.sh' >results/doing
	printf 'ok 1 - this\n1..1\n' | tee results/b_test.tap >results/a_test.tap
	unfinished results "$1"
	tail -n 2 results/a_test.tap | head -n 1
	grep 'not ok' results/b_test.tap || true
}

tap_begin
try 'a kernel that hangs is stopped, and it is said what it did' stopped
try 'one that goes on is not' goes_on
try 'nor one that does not say what it does' silent
try 'but each is, when its time is over' limited
try 'and so is one that has to be killed' stubborn
try 'an earlier kernel is forgotten' no_rest
try 'results of a test that was cut off are kept, and it has failed' kept
try 'a line that was cut off does not hide that' cut_line
try 'nor does a test that had said nothing' empty
try 'a kernel that hung has failed in the test that ran' \
	is 'not ok 2 - kernel hung in test a_test.sh' "$(named 124)"
try 'and so has one that died' \
	is 'not ok 2 - kernel died in test a_test.sh' "$(named 1)"
tap_end

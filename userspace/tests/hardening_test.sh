#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is installed is built so that a fault is harder to use: position
# independent, read-only relocations, no executable stack, checked buffers. TAP.
set -u
build=${E2EE_BUILD:-$(dirname "$0")/..}
count=0
failed=0

# check WHAT COMMAND...
check()
{
	local what=$1

	shift
	count=$((count + 1))
	if "$@"; then
		echo "ok $count - $what"
	else
		echo "not ok $count - $what"
		failed=1
	fi
}

pie() { readelf -Wh "$1" | grep -q 'Type: *DYN'; }
relro() { readelf -Wl "$1" | grep -q GNU_RELRO; }
now() { readelf -Wd "$1" | grep -qE 'BIND_NOW|Flags:.* NOW'; }
stack() { readelf -Wl "$1" | grep -E 'GNU_STACK.* RW ' | grep -vq 'RWE'; }
no_path() { ! readelf -Wd "$1" | grep -qE 'RPATH|RUNPATH|TEXTREL'; }
canary() { readelf -Ws "$1" | grep -q __stack_chk_fail; }
fortified() { readelf -Ws "$1" | grep -qE '__[a-z]+_chk'; }

for name in e2eectl e2eed libe2ee.so.1; do
	file=$build/$name
	check "$name: position independent" pie "$file"
	check "$name: relocations are read-only" relro "$file"
	check "$name: bound when it starts" now "$file"
	check "$name: the stack is not executable" stack "$file"
	check "$name: no search path, no text relocations" no_path "$file"
	check "$name: stack protector" canary "$file"
	check "$name: fortified" fortified "$file"
done
echo "1..$count"
exit $failed

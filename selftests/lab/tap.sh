# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# TAP for the lab's own findings, and judging that of tests.

tap_count=0

tap_begin()
{
	tap_count=0
	echo 'TAP version 13'
}

# tap STATUS NAME [DETAIL]: detail lines become comments
tap()
{
	((++tap_count))
	if [[ $1 -eq 0 ]]; then
		echo "ok $tap_count - $2"
	else
		echo "not ok $tap_count - $2"
		[[ ! ${3:-} ]] || head -n 200 <<<"$3" | sed 's/^/# /'
	fi
}

tap_end()
{
	echo "1..$tap_count"
}

# tap_judge FILE STATUS: makes visible in FILE what a TAP reader would miss: a
# program that died, a missing plan and, with EXPECT_ALL=1, skipped tests
tap_judge()
{
	local file=$1 status=$2 count

	# The kernel's own log must not cut a line of TAP in two
	if [[ ${EXPECT_ALL:-} ]]; then
		sed -i -E -e 's/^ok ([0-9]+)(.*# *SKIP)/not ok \1\2/I' \
			-e 's/# *SKIP/(skipped)/I' "$file"
		[[ $status -ne 4 ]] || status='4 (skipped)'
	elif [[ $status -eq 4 ]]; then
		status=0
	fi
	count=$(grep -cE '^(not )?ok [0-9]+' "$file" || true)
	if ! grep -Eq '^1\.\.[0-9]+' "$file"; then
		echo "not ok $((count + 1)) - no plan, exit status $status"
		echo "1..$((count + 1))"
	elif [[ $status != 0 ]] && ! grep -q '^not ok' "$file"; then
		sed -i '/^1\.\.[0-9]*/d' "$file"
		echo "not ok $((count + 1)) - exit status $status"
		echo "1..$((count + 1))"
	elif [[ ${EXPECT_ALL:-} ]] && grep -q '^1\.\.0' "$file"; then
		sed -i '/^1\.\.0/d' "$file"
		echo "not ok 1 - all skipped"
		echo "1..1"
	fi >>"$file"
}

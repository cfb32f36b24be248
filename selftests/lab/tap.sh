# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# TAP for the lab's own findings, and judging that of tests.

tap_count=0
each_count=0
each_dir=""

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

# try NAME COMMAND...: TAP from a command's status and output
try()
{
	local name=$1 why status=0

	shift
	why=$("$@" 2>&1) || status=$?
	tap "$status" "$name" "$why"
}

# jobs_below NUMBER: waits until fewer of them run
jobs_below()
{
	while [[ $(jobs -rp | wc -l) -ge $1 ]]; do
		wait -n || true
	done
}

# each NAME COMMAND...: as try does, but beside others; their results come in the
# order of the calls, with each_end
each()
{
	local number=$((each_count++))

	[[ $each_dir ]] || each_dir=$(mktemp -d)
	jobs_below "$(nproc)"
	printf '%s\n' "$1" >"$each_dir/$number.name"
	{
		status=0
		"${@:2}" >"$each_dir/$number.why" 2>&1 || status=$?
		echo "$status" >"$each_dir/$number.status"
	} &
}

each_end()
{
	local number

	wait
	for ((number = 0; number < each_count; number++)); do
		tap "$(<"$each_dir/$number.status")" \
			"$(<"$each_dir/$number.name")" \
			"$(<"$each_dir/$number.why")"
	done
	rm -rf "$each_dir"
	each_dir="" each_count=0
}

tap_end()
{
	echo "1..$tap_count"
}

# tap_judge FILE STATUS: makes visible in FILE what a TAP reader would miss: a
# program that died, a missing plan and, with EXPECT_ALL=1, skipped tests
tap_judge()
{
	local file=$1 status=$2 why

	if [[ ${EXPECT_ALL:-} ]]; then
		sed -i -E -e 's/^ok ([0-9]+)(.*# *SKIP)/not ok \1\2/I' \
			-e 's/# *SKIP/(skipped)/I' "$file"
		[[ $status -ne 4 ]] || status='4 (skipped)'
	elif [[ $status -eq 4 ]]; then
		status=0
	fi
	case $(grep -E '^1\.\.[0-9]+' "$file" || echo none) in
	none) why="no plan, exit status $status" ;;
	1..0*) [[ ${EXPECT_ALL:-} ]] && why='all skipped' || return 0 ;;
	*)
		[[ $status != 0 ]] && ! grep -q '^not ok' "$file" || return 0
		why="exit status $status" ;;
	esac
	tap_cut_off "$file" "$why"
}

# tap_cut_off FILE WHY: ends the TAP of a test that did not end it: it has failed
tap_cut_off()
{
	local count

	[[ -s $1 ]] || echo 'TAP version 13' >"$1"
	# The last line may be cut off, too
	[[ ! $(tail -c 1 "$1") ]] || echo >>"$1"
	sed -i '/^1\.\.[0-9]*/d' "$1"
	count=$(grep -cE '^(not )?ok [0-9]+' "$1" || true)
	printf 'not ok %d - %s\n1..%d\n' "$((count + 1))" "$2" \
		"$((count + 1))" >>"$1"
}

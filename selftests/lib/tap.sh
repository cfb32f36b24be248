# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# TAP of tests that are shell scripts. A test may define looks(), which prints
# what explains that something never came true.

ksft_skip=4
count=0
failed=0

skip()
{
	echo "1..0 # SKIP $*"
	exit $ksft_skip
}

# check STATUS WHAT [WHY]
check()
{
	count=$((count + 1))
	if [[ $1 -eq 0 ]]; then
		echo "ok $count - $2"
		return
	fi
	echo "not ok $count - $2"
	[[ ! ${3-} ]] || echo "# ${3//$'\n'/$'\n'# }"
	failed=1
}

# equal WHAT FOUND WANTED
equal()
{
	[[ $2 == "$3" ]]
	check $? "$1" "found:  $2
wanted: $3"
}

# until_true WHAT COMMAND...: polls, for a minute
until_true()
{
	local what=$1 end=$((SECONDS + 60))

	shift
	while [[ $SECONDS -lt $end ]]; do
		if "$@" >/dev/null 2>&1; then
			check 0 "$what"
			return
		fi
		read -r -t 0.1 <> <(:)
	done
	check 1 "$what" "$* was never true
$(! declare -F looks >/dev/null || looks)"
}

tap_end()
{
	echo "1..$count"
	exit $failed
}

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# How a lab kernel that hangs is noticed from outside, and what it was doing.

# The guest writes what it does to a file: "SECONDS TAP WHAT". It is to do something
# else after so many seconds; if it hangs instead, TAP.tap is where that belongs.

# guarded DOING HUNG SECONDS COMMAND...: runs COMMAND, which is a kernel, for at most
# SECONDS, when the status is 124. A kernel that says in DOING for too long that it does the same thing is
# ended earlier, and HUNG says what it did.
guarded()
{
	local doing=$1 hung=$2 status=0 watcher begin=$SECONDS

	rm -f "$doing" "$hung" "$hung.pid"
	watch "$doing" "$hung" >/dev/null 2>&1 &
	watcher=$!
	(
		echo "$BASHPID" >"$hung.pid"
		exec timeout --foreground -k 5 "${@:3}"
	) || status=$?
	kill "$watcher" 2>/dev/null || true
	wait "$watcher" 2>/dev/null || true
	# timeout has another status where it had to kill the kernel
	[[ $status -ne 137 || $((SECONDS - begin)) -lt $3 ]] || status=124
	return "$status"
}

# watch DOING HUNG: as above; HUNG.pid is what to end
watch()
{
	local now last='' since=$SECONDS

	while sleep 1; do
		# Empty is a file that is just being written
		now=$(cat "$1" 2>/dev/null) || true
		[[ $now ]] || continue
		if [[ $now != "$last" ]]; then
			last=$now since=$SECONDS
		elif [[ $((SECONDS - since)) -gt ${now%% *} ]]; then
			cut -d' ' -f3- <<<"$now" >"$2"
			kill "$(<"$2.pid")"
			return
		fi
	done
}

# unfinished RESULTS STATUS: what the kernel was doing when it died, or was stopped
# because it hung, has failed; the results of what it did before are there
unfinished()
{
	local end=died tap what

	[[ -s $1/doing ]] || return 0
	[[ $2 -ne 124 ]] || end=hung
	read -r _ tap what <"$1/doing"
	tap_cut_off "$1/$tap.tap" "kernel $end in $what"
}

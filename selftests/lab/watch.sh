# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# How a lab kernel that hangs is noticed from outside, and what it was doing.

# The guest writes what it is doing to a file: "SECONDS TAP WHAT". If it still does the
# same after so many seconds, it hangs, and that is reported in TAP.tap.

# guarded DOING HUNG SECONDS COMMAND...: runs COMMAND, which is a kernel, and ends it
# with status 124 after SECONDS. A kernel whose file DOING has named the same thing for
# longer than that may take is ended earlier, and HUNG then says what it was doing.
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
		# The file is empty while it is being written
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

# unfinished RESULTS STATUS: reports as failed what the kernel was doing when it died, or
# was stopped because it hung. The results of what it did before are there already.
unfinished()
{
	local end=died tap what

	[[ -s $1/doing ]] || return 0
	[[ $2 -ne 124 ]] || end=hung
	read -r _ tap what <"$1/doing"
	tap_cut_off "$1/$tap.tap" "kernel $end in $what"
}

# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# How a kernel's words are judged: its log, and what kmemleak says.

splat='BUG:|WARNING:|KASAN|KFENCE|UBSAN|KCSAN|kmemleak:.*new suspected'
splat+='|possible (circular|recursive|irq lock)|inconsistent lock state'
splat+='|suspicious RCU|sleeping function called|refcount_t:|ODEBUG'
splat+='|general protection|Oops|Call Trace|stack segment|hung task'
splat+='|blocked for more than|rcu_.*(stall|detected)|soft lockup|DEBUG_LOCKS'
splat+='|unregister_netdevice: waiting|leaked reference|list_(add|del) corruption'
splat+='|ref_tracker:|scheduling while atomic|Bad page|double fault|Slab corruption'
splat+='|Kernel panic'

# log_between LOG FROM [TO]: the kernel's words between two marks. Fails if one is
# missing, as the first is where the log's buffer was too small for what came after:
# then it is all that is left
log_between()
{
	awk -v from="e2ee-check: $2" -v to="e2ee-check: ${3:-}" \
	    -v ends="${3:+yes}" '
		!began { early[++lines] = $0 }
		began && !ended && ends && index($0, to) { ended = 1 }
		began && !ended
		!began && index($0, from) { began = 1; lines = 0 }
		END {
			for (i = 1; i <= lines; i++)
				print early[i]
			exit !began || (ends && !ended)
		}' "$1"
}

# A data race in which no function of ours has a part is the kernel's own: its
# headline is made to read so. One that is cut off is taken to be ours. Where memory
# is made to fail for a cache, the kernel says so with a trace, which is no splat
own_races()
{
	awk '
		function leave() {
			if (whole && !ours)
				sub(/BUG: KCSAN:/, "of the kernel alone:", line[1])
			for (i = 1; i <= lines; i++)
				print line[i]
			lines = ours = whole = 0
		}
		/kmem_cache_create.*\(e2ee_.*failed with error -(12|22)/ { starved = 1 }
		starved && /Call Trace:/ { sub(/Call Trace/, "trace"); starved = 0 }
		/BUG: KCSAN:/ { leave(); line[++lines] = $0; next }
		!lines { print; next }
		{ line[++lines] = $0 }
		/\[e2ee/ { ours = 1 }
		/========================================/ { whole = 1; leave() }
		END { leave() }'
}

# splats LOG JUDGED FIGURES: shows what there is from loading to unloading; leaves
# what was looked at, and how many lines tell of a splat. A log of which the
# beginning is gone is no good log, whatever is left of it
splats()
{
	log_between "$1" load unloaded >"$2.all" || echo \
		"the kernel's log lacks its beginning (the load) or its end: its buffer was too small"
	own_races <"$2.all" >"$2"
	rm -f "$2.all"
	grep -E -A 40 "$splat" "$2" || true
	printf '{"splats": %s}\n' "$(grep -cE "$splat" "$2")" >"$3"
}

# splats_of_dead CONSOLE JUDGED FIGURES: as above, of a kernel that did not live to
# say how many there were. That is one, whatever the console shows
splats_of_dead()
{
	local found

	log_between "$1" load >"$2.all" 2>/dev/null || true
	own_races <"$2.all" >"$2"
	rm -f "$2.all"
	found=$(grep -cE "$splat" "$2" || true)
	printf '{"splats": %s}\n' "$((found > 0 ? found : 1))" >"$3"
}

# lost_unseen FINDINGS LOST: the sizes of which kmemleak found less than three
# quarters of what e2ee_leak.ko lost on purpose; LOST is the module's table of that.
# Single objects may be hidden by a stale word somewhere in memory. Where more are,
# kmemleak is off, or something hides what it should find, real leaks, too.
lost_unseen()
{
	awk -v table="$2" '
		function leave() {
			if (entry ~ /\[e2ee_leak\]/)
				found[size]++
			entry = ""
		}
		BEGIN {
			while ((getline <table) > 0)
				lost[$1] = $2
		}
		/^unreferenced object/ { leave(); size = $5 + 0 }
		{ entry = entry $0 "\n" }
		END {
			leave()
			for (size in lost) {
				sizes++
				if (4 * found[size] >= 3 * lost[size])
					continue
				printf "kmemleak found %d of %d objects of %d bytes ",
					found[size], lost[size], size
				print "that were lost on purpose"
			}
			if (!sizes)
				print "nothing was lost on purpose"
		}' "$1"
}

# leaks_found FINDINGS FIGURES: what kmemleak found, but for what e2ee_leak.ko lost
# on purpose
leaks_found()
{
	awk -v figures="$2" '
		function leave() {
			if (entry && entry !~ /\[e2ee_leak\]/) {
				printf "%s", entry
				leaks++
			}
			entry = ""
		}
		/^unreferenced object/ { leave() }
		{ entry = entry $0 "\n" }
		END {
			leave()
			printf "{\"leaks\": %d}\n", leaks >figures
		}' "$1"
}

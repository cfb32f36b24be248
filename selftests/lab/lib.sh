# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# What the lab's scripts share: messages, cache, Debian packages of any suite.

lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$lab/../.." && pwd)
kernels=${E2EE_KERNELS:-$lab/kernels}
cache=${E2EE_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/e2ee}
build=$top/build
lab_start=${lab_start:-$SECONDS}
export LC_ALL=C

say()
{
	printf '[%s] %s\n' "$(date +%T)" "$*" >&2
}

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# need PROGRAM...: each must be there
need()
{
	local tool

	for tool; do
		command -v "$tool" >/dev/null ||
			die "$tool is missing; run selftests/lab/packages as root"
	done
}

# quietly LOG COMMAND...: output goes to LOG, shown only if COMMAND fails
quietly()
{
	local log=$1 status

	shift
	set +e
	(set -e; "$@") >"$log" 2>&1
	status=$?
	set -e
	[[ $status -eq 0 ]] || tail -n 60 "$log" >&2
	return $status
}

# userland TARGET...: of userspace/, by one process at a time
userland()
{
	mkdir -p "$build"
	exec 8>"$build/.userland.lock"
	flock 8
	quietly "$build/userspace.log" \
		make -C "$top/userspace" "-j$(nproc)" "$@"
	exec 8>&-
}

# pin NAME: sets pin_package pin_version pin_prefix pin_suites
pin()
{
	read -r _ pin_package pin_version pin_prefix pin_suites \
		< <(grep -E "^${1//./\\.}[[:space:]]" "$kernels") ||
		die "no kernel '$1' in $kernels"
}

# mirror SUITE: the archive that this host is set up to use, for SUITE
mirror()
{
	local label=Debian targets

	[[ $1 != *-security ]] || label=Debian-Security
	targets=$(apt-get indextargets --format "\$(REPO_URI) \$(LABEL)" \
		'Created-By: Packages')
	awk -v l="$label" '{ uri = $1; sub(/^[^ ]+ /, "") }
		$0 == l { print uri; found = 1; exit }
		END { exit !found }' <<<"$targets" ||
		die "apt knows no $label archive; run apt-get update"
}

# suite_sources SUITE...: their sources.list
suite_sources()
{
	local suite uri
	local key=/usr/share/keyrings/debian-archive-keyring.gpg

	for suite; do
		uri=$(mirror "$suite")
		echo "deb [signed-by=$key] $uri $suite main"
	done
}

# suite_open SUITE...: sets suite_apt, apt's options for these suites alone;
# what the host has installed does not count
suite_open()
{
	local dir=$cache/apt/${*// /-}

	dir=${dir// /-}
	mkdir -p "$dir/lists/partial" "$dir/none"
	: >"$dir/status"
	suite_sources "$@" >"$dir/sources.list"
	suite_apt=(-o "Dir::Etc::sourcelist=$dir/sources.list"
		-o "Dir::Etc::sourceparts=$dir/none"
		-o "Dir::Etc::preferencesparts=$dir/none"
		-o "Dir::State::lists=$dir/lists"
		-o "Dir::State::status=$dir/status"
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
		-o Acquire::Languages=none -o Acquire::Retries=3
		-o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=root)
	apt-get "${suite_apt[@]}" -qq update
}

# suite_resolve: pin_package and pin_version, or the newest that there is
suite_resolve()
{
	local found

	if apt-cache "${suite_apt[@]}" madison "$pin_package" |
	   awk '{ print $3 }' | grep -Fqx "$pin_version"; then
		return
	fi
	found=$(apt-cache "${suite_apt[@]}" pkgnames "$pin_prefix" |
		grep -E -- '^linux-(source-[0-9.]+|image-[0-9][-+.0-9a-z]*-amd64)$' |
		grep -Ev -- '-(rt|cloud)-' | sort -V | tail -n 1)
	[[ $found ]] || die "the mirror has no $pin_prefix* in $pin_suites"
	pin_package=$found
	pin_version=$(apt-cache "${suite_apt[@]}" madison "$found" |
		awk '{ print $3 }' | sort -V | tail -n 1)
	say "pinned version is gone from the mirror: taking" \
		"$pin_package $pin_version instead"
}

# stage DIR: sets staged, a scratch folder that becomes DIR by stage_done
stage()
{
	mkdir -p "$(dirname "$1")"
	# What a killed process left; the caller holds the lock
	rm -rf "$1".??????.part
	staged=$(mktemp -d "$1.XXXXXX.part")
	chmod 755 "$staged"
	# shellcheck disable=SC2064
	trap "rm -rf '$staged'" EXIT
}

stage_done()
{
	mv -T "$staged" "$1" 2>/dev/null || [[ -d $1 ]] ||
		die "cannot write $1"
	rm -rf "$staged"
	trap - EXIT
}

# once NAME: only one process at a time goes on, and waits for the other
once()
{
	mkdir -p "$cache/lock"
	exec {once_fd}>"$cache/lock/$1"
	flock "$once_fd"
}

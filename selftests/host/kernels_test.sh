#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Which kernel the lab takes: the pinned one, or, where the mirror has it no
# longer, the newest of its kind. The mirror is a table here.
set -euo pipefail
# shellcheck source=../lab/lib.sh
. "@TOP@/selftests/lab/lib.sh"
# shellcheck source=../lab/tap.sh
. "@TOP@/selftests/lab/tap.sh"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
suite_apt=()
said=$dir/said

# PACKAGE VERSION a line
mirror_has()
{
	cat >"$dir/mirror"
}

apt-cache()
{
	case $1 in
	madison) awk -v p="$2" '$1 == p { print $1 " | " $2 " | http://x" }' \
		"$dir/mirror" ;;
	pkgnames) awk -v p="$2" 'index($1, p) == 1 { print $1 }' \
		"$dir/mirror" | sort -u ;;
	*) return 1 ;;
	esac
}

# chosen NAME: "PACKAGE VERSION", and in $said what was said
chosen()
(
	pin "$1"
	suite_resolve 2>"$said"
	echo "$pin_package $pin_version"
)

# is NAME WANTED: what is chosen; silence where it is the pinned one
is()
{
	local found=$1 silent=''

	found=$(chosen "$1" 2>&1) || found="failed: $found$(<"$said")"
	[[ $2 == "$found" ]] ||
		{ echo "wanted $2"; echo "found  $found"; return 1; }
	pin "$1"
	[[ "$pin_package $pin_version" != "$found" ]] || silent=yes
	if [[ $silent ]]; then
		[[ ! -s $said ]]
	elif [[ $found != failed:* ]]; then
		grep -q "pinned version is gone.*$found" "$said"
	fi
}

kernels=$dir/kernels
cat >"$kernels" <<'EOF'
# a comment
uml    linux-source-7.2                  7.2.13-1          linux-source-7.    sid backports
6.1    linux-image-6.1.0-56-amd64        6.1.192-2         linux-image-6.1.   bookworm
6.12   linux-image-6.12.95+deb12-amd64   6.12.95-1~bpo12+1 linux-image-6.12.  bookworm-backports
newest linux-image-7.2.13+deb14-amd64    7.2.13-1          linux-image-       sid
EOF

tap_begin
mirror_has <<'EOF'
linux-image-6.1.0-56-amd64 6.1.192-2
linux-image-6.1.0-57-amd64 6.1.200-1
linux-image-6.12.95+deb12-amd64 6.12.95-1~bpo12+1
EOF
try 'the pinned one, though there is a newer' \
	is 6.1 'linux-image-6.1.0-56-amd64 6.1.192-2'
try 'the pinned one with a plus and a tilde' \
	is 6.12 'linux-image-6.12.95+deb12-amd64 6.12.95-1~bpo12+1'

mirror_has <<'EOF'
linux-image-6.1.0-56-amd64 6.1.193-1
linux-image-6.1.0-9-amd64 6.1.27-1
EOF
try 'a new version of the pinned package' \
	is 6.1 'linux-image-6.1.0-56-amd64 6.1.193-1'

mirror_has <<'EOF'
linux-image-6.1.0-9-amd64 6.1.27-1
linux-image-6.1.0-100-amd64 6.1.300-1
linux-image-6.1.0-100-amd64 6.1.300-2
linux-image-6.1.0-99-amd64 6.1.299-1
linux-image-6.1.0-101-rt-amd64 6.1.301-1
linux-image-6.1.0-101-cloud-amd64 6.1.301-1
linux-image-6.1.0-101-amd64-unsigned 6.1.301-1
linux-image-6.1.0-101-amd64-dbg 6.1.301-1
linux-image-6.1.0-101-arm64 6.1.301-1
linux-image-6.12.99+deb12-amd64 6.12.99-1
EOF
try 'the newest of its series, by number, no other flavour' \
	is 6.1 'linux-image-6.1.0-100-amd64 6.1.300-2'
try 'another series of the same suite' \
	is 6.12 'linux-image-6.12.99+deb12-amd64 6.12.99-1'

mirror_has <<'EOF'
linux-image-amd64 7.4.2-1
linux-image-7.3.9+deb14-amd64 7.3.9-1
linux-image-7.4.2+deb14-amd64 7.4.2-1
linux-image-7.4.2+deb14-rt-amd64 7.4.2-1
linux-image-cloud-amd64 7.4.2-1
linux-source-7.3 7.3.9-1
linux-source-7.4 7.4.2-1
linux-source 7.4.2-1
EOF
try 'the newest of all, no metapackage' \
	is newest 'linux-image-7.4.2+deb14-amd64 7.4.2-1'
try 'a source of the same major version' is uml 'linux-source-7.4 7.4.2-1'

mirror_has </dev/null
try 'none: said, and no kernel' is 6.1 \
	"failed: kernels_test: the mirror has no linux-image-6.1.* in bookworm"

# refused MEMORY WHY: as memory of the kernel for figures
refused()
{
	local said

	said=$(E2EE_KERNELS=/dev/null E2EE_LAB_MEM=$1 \
		"$lab/run" bench -- true 2>&1) && return 1
	[[ $said == *"$2"* ]] || { echo "$said"; return 1; }
}
try 'the kernel for figures is refused memory that it cannot use' \
	refused 3G 'cannot have 3G'
try 'by one megabyte, too' refused 1537m 'cannot have 1537m'
try 'memory that is no size is refused' refused 3x 'is no size'
tap_end

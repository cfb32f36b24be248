#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Three appliances in a room: e2eed each, a real broker with TLS, media of an
# engine that knows nothing of it, through the module.
#
#     $ns-a 10.66.1.2 ---.                      engine: UDP port 5004, RTP
#     $ns-b 10.66.2.2 ---+--- $ns-hub           e2eed: session "call"
#     $ns-c 10.66.3.2 ---'    10.66.N.1, routes; mosquitto on port 8883
#
# TAP; exit 4: skipped. E2EECTL and E2EED name other programs.
set -u
export LC_ALL=C
. "$(dirname "$(realpath "$0")")/lib/tap.sh"
build=${E2EE_BUILD:-$(realpath ../build)}/userspace
E2EECTL=${E2EECTL:-$(command -v e2eectl || echo "$build/e2eectl")}
E2EED=${E2EED:-$(command -v e2eed || echo "$build/e2eed")}
engine=$(dirname "$(realpath "$0")")/lib/engine.py
ns=room-$$
dir=
pids=()
declare -A number=([a]=1 [b]=2 [c]=3) daemon in out

cleanup()
{
	local pid one

	for pid in "${pids[@]}" "${daemon[@]}"; do
		kill -9 "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	for one in a b c hub; do
		ip netns del "$ns-$one" 2>/dev/null
	done
	[[ ! $dir ]] || rm -rf "$dir"
}
trap cleanup EXIT

looks()
{
	local one

	for one in a b c; do
		room "$one" 2>&1
		tail -n 5 "$dir/$one/log"
	done
}

# ctl ONE WORDS...: e2eectl at an appliance
ctl()
{
	local one=$1

	shift
	RUNTIME_DIRECTORY=$dir/$one ip netns exec "$ns-$one" "$E2EECTL" "$@"
}

# No need to be in its namespace: an emulated CPU takes its time to get there
room()
{
	RUNTIME_DIRECTORY=$dir/$1 "$E2EECTL" room
}

# says ONE PATTERN: the look at its room has a line like it
says()
{
	room "$1" 2>&1 | grep -Eq "$2"
}

# with N ONES...: each of them is encrypted, with N others
with()
{
	local n=$1 one look epochs=

	shift
	for one; do
		look=$(room "$one" 2>&1)
		[[ $look == *": encrypted with $n other"* &&
			$look != *'not yet used to send'* ]] || return 1
		epochs+=$(sed -n 's/.*call \(.*\)/\1/p' <<<"$look")$'\n'
	done
	[[ $(sort -u <<<"${epochs%$'\n'}" | wc -l) -eq 1 ]]
}

# value ONE COUNTER: of its session
value()
{
	ctl "$1" stats call | tr -s ' ' '\n' | grep -A1 -x "$2" | tail -n 1
}

no_tx_keys()
{
	! ctl "$1" list-keys call | grep -q 'key tx'
}

certificates()
{
	local key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)

	openssl req -x509 "${key[@]}" -keyout "$dir/ca.key" -subj /CN=ca \
		-out "$dir/ca.pem" -days 2 &&
	openssl req "${key[@]}" -keyout "$dir/broker.key" -subj /CN=broker \
		-addext 'subjectAltName=IP:10.66.1.1,IP:10.66.2.1,IP:10.66.3.1' \
		-out "$dir/broker.csr" &&
	openssl x509 -req -in "$dir/broker.csr" -CA "$dir/ca.pem" \
		-CAkey "$dir/ca.key" -CAcreateserial -copy_extensions copyall \
		-days 2 -out "$dir/broker.pem"
}

start_broker()
{
	printf '%s\n' 'listener 8883' 'allow_anonymous true' 'user root' \
		"certfile $dir/broker.pem" "keyfile $dir/broker.key" \
		>"$dir/broker.conf"
	ip netns exec "$ns-hub" mosquitto -c "$dir/broker.conf" \
		>"$dir/broker.log" 2>&1 &
	pids+=($!)
}

start_daemon()
{
	local one=$1

	RUNTIME_DIRECTORY=$dir/$one ip netns exec "$ns-$one" "$E2EED" \
		--room "mqtts://10.66.${number[$one]}.1/board" \
		--session call --dev "room-$one" --trust tofu \
		--identity "$dir/$one/identity" --trust-store "$dir/$one/trust" \
		--cafile "$dir/ca.pem" </dev/null >/dev/null 2>>"$dir/$one/log" &
	daemon[$one]=$!
}

add_appliance()
{
	local one=$1 n=${number[$1]} fd_in fd_out

	ip netns add "$ns-$one" 2>/dev/null || skip 'no network namespaces'
	ip -n "$ns-hub" link add "to-$one" type veth peer name eth0 \
		netns "$ns-$one" || skip 'no veth'
	ip -n "$ns-hub" -batch - <<-END
		addr add 10.66.$n.1/24 dev to-$one
		link set to-$one up
	END
	ip -n "$ns-$one" -batch - <<-END
		addr add 10.66.$n.2/24 dev eth0
		link set eth0 up
		link set lo up
		route add default via 10.66.$n.1
	END
	mkdir "$dir/$one"
	touch "$dir/$one/log"
	(umask 077; openssl genpkey -algorithm ed25519 \
		-out "$dir/$one/identity" 2>/dev/null)
	mkfifo "$dir/$one/in" "$dir/$one/out"
	ip netns exec "$ns-$one" /usr/bin/python3 "$engine" \
		<"$dir/$one/in" >"$dir/$one/out" &
	pids+=($!)
	exec {fd_in}>"$dir/$one/in" {fd_out}<"$dir/$one/out"
	in[$one]=$fd_in
	out[$one]=$fd_out
}

# engine ONE WORDS...: its answer
ask()
{
	local one=$1 answer=

	shift
	echo "$*" >&"${in[$one]}"
	read -r -t 120 -u "${out[$one]}" answer
	echo "$answer"
}

# heard ONE: what arrived since the last time, once nothing more is on its way
heard()
{
	read -r -t 0.3 <> <(:)
	ask "$1" got
}

check_join()
{
	local one

	# One of them gets its session as at a boot, when e2eed is still to come
	printf '%s\n' 'version 1' 'add-session call' | ctl c restore -
	check $? 'a session is restored'
	for one in a b c; do
		[[ $one == c ]] || ctl "$one" add-session call
		ctl "$one" attach call local 0.0.0.0:5004 >/dev/null ||
			ctl "$one" add-guard call ports 5004 >/dev/null
		start_daemon "$one"
	done
	until_true 'three are in one call' with 2 a b c
	says a 'policy required, aes-256-gcm'
	check $? 'under the policy required' "$(room a)"
	equal 'a sends' "$(ask a send 10.66.2.2,10.66.3.2 100 50 2)" \
		'sent 100 refused 0'
	equal 'b hears it' "$(heard b)" 'got 100:50'
	equal 'c hears it' "$(heard c)" 'got 100:50'
	equal 'all of it was sealed' "$(value a tx_ok)" 100
	equal 'b opened it' "$(value b rx_ok)" 50
}

check_streams()
{
	equal 'six streams begin at once' \
		"$(ask b send 10.66.1.2 201-206 20 5)" 'sent 120 refused 0'
	equal 'all are heard from the first packet on' "$(heard a)" \
		'got 201:20 202:20 203:20 204:20 205:20 206:20'
}

# wave ONE TO FIRST: 14 new SSRCs for a second; how many of them are heard
wave()
{
	local one=$1 to=$2 first=$3

	ask "$one" send "10.66.${number[$to]}.2" \
		"$first-$((first + 13))" 50 20 >/dev/null
	heard "$to" | wc -w | awk '{ print $1 - 1 }'
}

# An engine that starts again and again has other SSRCs each time
check_waves()
{
	local one=b n counts=

	[[ $(owner) != b ]] || one=c
	for ((n = 1; n <= 5; n++)); do
		counts+=" $(wave "$one" a $((1000 * n)))"
	done
	equal 'of 14 new SSRCs, five times, all are heard within a second' \
		"$counts" ' 14 14 14 14 14'
	equal 'none of them was without a key' "$(value "$one" tx_no_key)" 0
}

# lost_nothing ONE: of 800 packets; where the rest is, its counters tell
lost_nothing()
{
	local got

	got=$(heard "$1")
	equal "$1 lost nothing" "$got" 'got 300:800'
	[[ $got == 'got 300:800' ]] || ctl "$1" stats call | sed 's/^/# /'
}

# c heard nothing of the waves: a second is what a new SSRC may take to be heard
check_new_ssrc()
{
	local got

	equal 'b goes on with another SSRC' \
		"$(ask b send 10.66.1.2,10.66.3.2 300 200 10)" \
		'sent 400 refused 0'
	equal 'a hears all of it' "$(heard a)" 'got 300:200'
	got=$(heard c)
	[[ ${got#got 300:} -ge 100 ]]
	check $? 'and c after a second, which had heard no wave' "$got"
}

check_rekey()
{
	local n

	for ((n = 0; n < 3; n++)); do
		read -r -t 2 <> <(:)
		ctl b rekey
	done &
	equal 'b sends for eight seconds through three rekeys' \
		"$(ask b send 10.66.1.2,10.66.3.2 300 800 10)" \
		'sent 1600 refused 0'
	wait $!
	lost_nothing a
	lost_nothing c
	equal 'no packet was without a key' "$(value b tx_no_key)" 0
}

check_restart()
{
	local keys

	kill -9 "${daemon[b]}"
	wait "${daemon[b]}" 2>/dev/null
	equal 'e2eed killed: media goes on' \
		"$(ask b send 10.66.1.2 400 20 5)" 'sent 20 refused 0'
	equal 'and is heard' "$(heard a)" 'got 400:20'
	keys=$(ctl b list-keys call | grep -c 'key tx')
	start_daemon b
	until_true 'started again, it joins' with 2 a b c
	[[ $keys -gt 0 ]]
	check $? 'it had left its keys in the kernel'
	equal 'media goes on' "$(ask b send 10.66.1.2 401 20 5)" \
		'sent 20 refused 0'
	equal 'and is heard again' "$(heard a)" 'got 401:20'
}

check_session()
{
	ctl b del-session call
	until_true 'session deleted: said' says b 'session "call" does not exist'
	ctl b add-session call
	ctl b attach call local 0.0.0.0:5004 >/dev/null
	until_true 'made anew: it joins' with 2 a b c
	equal 'and sends' "$(ask b send 10.66.1.2 500 20 5)" 'sent 20 refused 0'
	equal 'and is heard' "$(heard a)" 'got 500:20'
}

owner()
{
	local one

	for one in a b c; do
		says "$one" 'this device: .*, owner;' && echo "$one"
	done
}

check_kick()
{
	local first other=c who

	first=$(owner)
	equal 'there is one owner' "${#first}" 1
	[[ $first != c ]] || other=b
	who=$(echo abc | tr -d "$first$other")
	ctl "$first" kick "room-$other"
	until_true 'the kicked one is out' \
		eval "! kill -0 ${daemon[$other]} 2>/dev/null"
	wait "${daemon[$other]}"
	equal 'its e2eed ends with 5' $? 5
	equal 'it has no keys' "$(ctl "$other" list-keys call)" ''
	until_true 'the others go on' with 1 "$first" "$who"
	equal 'it is sent to' "$(ask "$first" send \
		"10.66.${number[$other]}.2,10.66.${number[$who]}.2" 600 20 5)" \
		'sent 40 refused 0'
	equal 'and hears nothing' "$(heard "$other")" 'got'
	equal 'who stayed does' "$(heard "$who")" 'got 600:20'
	stay=("$first" "$who")
}

check_leave()
{
	local one

	for one in "${stay[@]}"; do
		ctl "$one" leave
		wait "${daemon[$one]}"
		equal "$one leaves" $? 0
		until_true 'nothing is left to send with' no_tx_keys "$one"
	done
	ask "${stay[0]}" send "10.66.${number[${stay[1]}]}.2" 700 20 5 >/dev/null
	equal 'nothing is heard after' "$(heard "${stay[1]}")" 'got'
}

[[ $(id -u) -eq 0 ]] || skip 'root is needed'
[[ -x $E2EECTL && -x $E2EED ]] || skip "no e2eectl or e2eed in $build"
[[ -d /sys/module/e2ee ]] || modprobe -q e2ee || skip 'module e2ee is not loaded'
for tool in mosquitto openssl /usr/bin/python3; do
	command -v "$tool" >/dev/null || skip "$tool is not installed"
done
ip netns add "$ns-hub" 2>/dev/null || skip 'no network namespaces'
dir=$(mktemp -d "${TMPDIR:-/tmp}/room.XXXXXX")
ip -n "$ns-hub" link set lo up
ip netns exec "$ns-hub" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
certificates 2>/dev/null || skip 'openssl makes no certificates'
for one in a b c; do
	add_appliance "$one"
done
start_broker
for one in a b c; do
	read -r -t 120 -u "${out[$one]}"
done
check_join
check_streams
check_waves
check_new_ssrc
check_rekey
check_restart
check_session
check_kick
check_leave
! grep -hEi 'sanitizer|assert|abort' "$dir"/*/log >&2
check $? 'e2eed has nothing bad to say'
tap_end

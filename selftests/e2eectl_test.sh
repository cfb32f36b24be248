#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# e2eectl against the module: each command in text and in JSON, keys from every
# source, marks, batches, events, doctor.
#
#   namespace $ns                          namespace $far
#     lo 127.0.0.1                           lo 127.0.0.1
#       5004 <- engine, by pid and fd          empty, for -n
#       5006 <- engine, by address
#       7000-7100: guard
#
# TAP; exit 4: skipped. E2EECTL names another program.
set -u
export LC_ALL=C
. "$(dirname "$(realpath "$0")")/lib/tap.sh"
E2EECTL=${E2EECTL:-$(command -v e2eectl || echo ../build/userspace/e2eectl)}
ns=e2eectl-$$
far=e2eectl-far-$$
dir=
engine=
monitor=

cleanup()
{
	local pid

	for pid in $monitor $engine ${judge_PID-}; do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	ip netns del "$ns" 2>/dev/null
	ip netns del "$far" 2>/dev/null
	[[ ! $dir ]] || rm -rf "$dir"
}
trap cleanup EXIT

ctl()
{
	"$E2EECTL" -n "$ns" "$@"
}

# good WHAT WORDS...: works, and says nothing
good()
{
	local what=$1 out status

	shift
	out=$(ctl "$@" 2>&1)
	status=$?
	[[ $status -eq 0 && ! $out ]]
	check $? "$what" "code $status: $out"
}

# refused WHAT CODE PATTERN WORDS...: one line that matches
refused()
{
	local what=$1 code=$2 pattern=$3 out status

	shift 3
	out=$(ctl "$@" 2>&1)
	status=$?
	[[ $status -eq $code && $out =~ ^Error:\ .*$pattern && $out != *$'\n'* ]]
	check $? "$what" "code $status: $out"
}

# One Python for all questions about JSON: its start takes seconds in QEMU
start_judge()
{
	cat >"$dir/judge.py" <<'PYTHON'
import json, sys

def flat(value, key, words):
    """The words that text would have for it"""
    if isinstance(value, list):
        for one in value:
            flat(one, key, words)
    elif isinstance(value, dict):
        if key == "counters" and value:
            words.append(key)
        for name, inner in value.items():
            flat(inner, name, words)
    else:
        name = "key" if key == "dir" else key
        if name == "tx_errors" or \
           not name.startswith(("tx_", "rx_", "guard_")):
            name = name.replace("_", "-")
        words.append(name)
        if value is not True:
            words.extend(str(value).split())

def same(text, value):
    words = []
    flat(value, "", words)
    for line in (words, text):  # a second may pass between the two
        for at, word in enumerate(line[:-1]):
            if word == "expires":
                line[at + 1] = "left"
    if words and words == text:
        return ""
    return f"text: {' '.join(text)}  JSON: {' '.join(words)}"

folder = sys.argv[1]
for line in sys.stdin:
    try:
        with open(folder + "/json") as stream:
            value = json.load(stream)
        if line == "same\n":
            with open(folder + "/text") as stream:
                print(same(stream.read().split(), value), flush=True)
        else:
            print(eval("value" + line), flush=True)
    except Exception as error:
        print(repr(error).replace("\n", " "), flush=True)
PYTHON
	coproc judge { python3 "$dir/judge.py" "$dir"; }
}

# ask QUESTION: about $dir/json
ask()
{
	local answer

	echo "$1" >&"${judge_in}"
	read -r -u "${judge_out}" answer
	echo "$answer"
}

# json PATH WORDS...: a member of the answer
json()
{
	local path=$1

	shift
	ctl -j "$@" >"$dir/json" 2>&1
	ask "$path"
}

# same WHAT WORDS...: text and JSON hold the same facts
same()
{
	local what=$1 why

	shift
	ctl "$@" >"$dir/text" 2>&1
	ctl -j "$@" >"$dir/json" 2>&1
	why=$(ask same)
	[[ ! $why ]]
	check $? "$what: text and JSON agree" "$why"
}

# UDP sockets, which answer "rtp PORT" and "stop" on a pipe
start_engine()
{
	mkfifo "$dir/pipe"
	ip netns exec "$ns" python3 - "$dir" <<'PYTHON' &
import os, socket, sys

folder = sys.argv[1]
sockets = {}
for port in (5004, 5006, 7002, 7202):
    sockets[port] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sockets[port].bind(("127.0.0.1", port))
# UDP_ENCAP: an encapsulation of its own, so it cannot be attached
sockets[7202].setsockopt(socket.IPPROTO_UDP, 100, 2)
with open(folder + "/fds.new", "w") as out:
    for port, sock in sockets.items():
        print(port, sock.fileno(), os.fstat(sock.fileno()).st_ino, file=out)
os.rename(folder + "/fds.new", folder + "/fds")
sequence = 0
for line in iter(open(folder + "/pipe").readline, None):
    words = line.split()
    if not words:
        continue
    if words[0] == "stop":
        break
    if words[0] == "junk":
        for _ in range(20):
            sockets[int(words[1])].sendto(b"\x05 no media at all",
                                          ("127.0.0.1", 5006))
        continue
    sequence += 1
    packet = bytes([0x80, 0x60]) + sequence.to_bytes(2, "big") + bytes(4)
    sockets[int(words[1])].sendto(
        packet + bytes.fromhex("00abcdef") + b"m" * 100, ("127.0.0.1", 5006))
PYTHON
	engine=$!
	exec {pipe}<>"$dir/pipe"
	until_true 'engine has its sockets' test -e "$dir/fds"
}

# Twenty packets that are nothing that a media engine sends
send_junk()
{
	echo "junk $1" >&"$pipe"
}

# RTP at the pace of a voice, until it is killed
keep_sending()
{
	while send_rtp "$1"; do
		read -r -t 0.02 <> <(:)
	done
}

send_rtp()
{
	echo "rtp $1" >&"$pipe"
}

# counter NAME COUNTER
counter()
{
	json "[0]['counters']['$2']" stats "$1"
}

packets_are()
{
	[[ $(json "[1]['packets']" list-keys room) == "$1" ]]
}

counter_is()
{
	[[ $(counter "$1" "$2") == "$3" ]]
}

sessions()
{
	good 'add-session' add-session room window 128 rtx-pt 97,99
	good 'add-session with all words' add-session other policy optional \
		window 0x40 rtx-pt none crypto auto tx-errors
	refused 'a name twice' 2 'attribute session\.name' add-session room
	equal 'list-sessions' "$(ctl list-sessions)" \
"session room id 1 policy required epoch 0 window 128 rtx-pt 97,99 keys 0 sockets 0
session other id 2 policy optional epoch 0 window 64 tx-errors keys 0 sockets 0"
	same 'list-sessions' list-sessions
	good 'set-session' set-session other policy off tx-errors off window 4096
	equal 'set-session changed it' \
		"$(ctl list-sessions | grep other)" \
		'session other id 2 policy off epoch 0 window 4096 keys 0 sockets 0'
	refused 'set-session of none' 2 'no such session' set-session none window 64
	refused 'unknown driver' 2 'attribute session\.crypto' \
		set-session room crypto no-such-driver
	good 'set-session back' set-session other policy required
	equal 'another namespace has none' \
		"$("$E2EECTL" -n "$far" -j list-sessions)" '[]'
	equal 'by the path of its namespace' "$("$E2EECTL" \
		-n "/run/netns/$ns" list-sessions)" "$(ctl list-sessions)"
	equal "the caller's own namespace has none" \
		"$("$E2EECTL" -j list-sessions)" '[]'
}

keys()
{
	local base=$dir/base file=$dir/file salt=$dir/salt

	head -c 32 /dev/urandom >"$base"
	head -c 32 /dev/urandom >"$file"
	head -c 12 /dev/urandom | od -An -vtx1 | tr -d ' \n' >"$salt"
	good 'add-key tx from a base key' add-key room tx kid 5 ssrc claim \
		base-key "$base" soft-limit 1000 limit 0x10000 expires 3600
	equal 'it is marked as spent' "$(cat "$base.spent")" \
		'tx base-key kid 5 suite aes-256-gcm'
	good 'add-key tx from key and salt' add-key room tx kid 6 ssrc 0xabcdef \
		key "$file" salt "$salt" epoch 1
	equal 'it is marked as spent, too' "$(cat "$file.spent")" \
		'tx key kid 6 suite aes-256-gcm'
	good 'add-key rx from standard input' add-key room rx kid 7 \
		suite aes-128-gcm base-key - < <(head -c 16 /dev/urandom)
	good 'add-key rx bound to an SSRC' add-key room rx kid 7 ssrc 9 \
		base-key - < <(head -c 16 /dev/urandom)
	good 'set-key adds the RTX SSRC' set-key room rx kid 7 ssrc 9 rtx-ssrc 10
	good 'set-key says it again' set-key room rx kid 7 ssrc 9 rtx-ssrc 10
	refused 'it is final' 2 'has another RTX SSRC already' \
		set-key room rx kid 7 ssrc 9 rtx-ssrc 11
	refused 'no unbound key has one' 2 'only a key bound to an SSRC' \
		set-key room rx kid 7 rtx-ssrc 11
	same 'list-keys' list-keys
	same 'list-keys of a session' list-keys room
	equal 'list-keys' "$(ctl list-keys |
		sed -E 's/ (driver|expires) [^ ]+//g')" \
"session room key tx kid 5 ssrc claim suite aes-256-gcm epoch 0 ctr 0 soft-limit 1000 limit 65536 packets 0
session room key tx kid 6 ssrc 11259375 suite aes-256-gcm epoch 1 ctr 0 soft-limit 268435456 limit 4294967296 packets 0
session room key rx kid 7 ssrc any suite aes-128-gcm epoch 0 ctr 0 packets 0
session room key rx kid 7 ssrc 9 rtx-ssrc 10 suite aes-256-gcm epoch 0 ctr 0 packets 0"
	good 'set-key' set-key room tx kid 5 ssrc claim soft-limit 2000 \
		limit 3000 expires 0
	equal 'set-key changed it' \
		"$(ctl list-keys room | sed -n '1s/ driver.*//p')" \
		'session room key tx kid 5 ssrc claim suite aes-256-gcm epoch 0 ctr 0 soft-limit 2000 limit 3000 packets 0'
	equal 'its name in JSON has an underscore' \
		"$(json "[0]['soft_limit']" list-keys room)" 2000
	refused 'set-key of none' 2 'no such key' set-key room tx kid 99 limit 5
	refused 'list-keys of no session' 2 'no such session' list-keys none
	good 'del-key' del-key room rx kid 7 ssrc 9
	refused 'del-key twice' 2 'no such key' del-key room rx kid 7 ssrc 9
	marks "$base" "$file" "$salt"
}

marks()
{
	local base=$1 file=$2 salt=$3

	refused 'a spent base key' 1 'was installed for sending before' \
		add-key other tx kid 5 base-key "$base"
	refused 'a spent key' 1 'was installed for sending before' \
		add-key other tx kid 9 key "$file" salt "$salt"
	good 'a spent base key, another kid' add-key other tx kid 6 \
		base-key "$base"
	equal 'each kid has its line' "$(cat "$base.spent")" \
'tx base-key kid 5 suite aes-256-gcm
tx base-key kid 6 suite aes-256-gcm'
	head -c 32 /dev/urandom >"$dir/fresh"
	refused 'a key that the kernel refuses' 2 'no such session' \
		add-key none tx kid 5 base-key "$dir/fresh"
	test ! -e "$dir/fresh.spent"
	check $? 'leaves no mark'
	refused 'nor a line in one that was there' 2 'no such session' \
		add-key none tx kid 8 base-key "$base"
	equal 'the mark is as before' "$(wc -l <"$base.spent")" 2
	head -c 32 /dev/urandom >"$dir/unmarked"
	mkdir "$dir/unmarked.spent"
	refused 'a key that cannot be marked' 1 'needs this mark' \
		add-key room tx kid 20 ctr 0 base-key "$dir/unmarked"
	equal 'is not installed' "$(ctl list-keys room | grep -c 'kid 20')" 0
	good 'with ctr a spent key goes in' del-key other tx kid 6
	good 'with ctr a spent key goes in' add-key other tx kid 6 ctr 500 \
		base-key "$base"
	equal 'and starts there' \
		"$(json "[0]['ctr']" list-keys other)" 500
	refused 'the kernel refuses a ctr that was there' 2 'attribute key' \
		add-key room tx kid 6 base-key "$base" ctr 3
	good 'del-key' del-key other tx kid 6
	chmod 640 "$dir/fresh"
	refused 'a key file that others can read' 1 'chmod 600' \
		add-key other tx kid 5 base-key "$dir/fresh"
	chmod 600 "$dir/fresh"
}

keyring()
{
	local id

	if ! command -v keyctl >/dev/null || ! keyctl show >/dev/null 2>&1; then
		check "${EXPECT_ALL:-0}" 'keyring # SKIP keyctl or keyring missing'
		return
	fi
	id=$(head -c 32 /dev/urandom | keyctl padd user "e2ee-test-$$" @u)
	good 'add-key from the keyring' add-key other rx kid 20 \
		base-key "keyring:e2ee-test-$$"
	keyctl unlink "$id" @u
	refused 'keyring key that is not there' 1 'of type user' \
		add-key other rx kid 21 base-key "keyring:e2ee-test-$$"
	id=$(head -c 32 /dev/urandom | keyctl padd logon "e2ee:test-$$" @u)
	refused 'logon key' 1 'type logon, which user space cannot read' \
		add-key other rx kid 21 base-key "keyring:e2ee:test-$$"
	keyctl unlink "$id" @u
	good 'del-key' del-key other rx kid 20
}

sockets()
{
	local fd inode id

	read -r _ fd inode < <(grep ^5004 "$dir/fds")
	id=$(ctl attach room pid "$engine" fd "$fd")
	equal 'attach by pid and fd' "${id% *}" socket
	id=${id#* }
	equal 'attach by address' "$(json "['socket'] > $id" attach other \
		local 127.0.0.1:5006)" True
	same 'list-sockets' list-sockets
	equal 'list-sockets' "$(ctl list-sockets | head -n 1)" \
		"session room socket $id local 127.0.0.1:5004 inode $inode uid 0"
	refused 'attach of no socket' 2 '' attach room local 127.0.0.1:9
	refused 'attach of no process' 2 'there is no process' \
		attach room pid 2147483647 fd 0
	refused 'attach of no descriptor' 2 'has no file descriptor' \
		attach room pid "$engine" fd 1000
	refused 'attach of a pipe' 2 '' attach room pid "$engine" fd "$pipe"
	refused 'detach without force' 2 'force' detach "$id"
	good 'detach with force' detach "$id" force
	equal 'a detached one says so' "$(ctl list-sockets |
		grep -c '^detached socket')" 1
	refused 'detach of none' 2 '' detach 4294967295
	ctl attach room pid "$engine" fd "$fd" >"$dir/again"
	equal 'attached again' "$(json "[0]['sockets']" list-sessions)" 1
}

# An SSRC counts as in use for two seconds after it sent
epoch_refused()
{
	send_rtp 5004
	! ctl use-epoch room 2 2>"$dir/err" ||
		{ ctl use-epoch room 1 force; return 1; }
}

media()
{
	local status

	send_rtp 5004
	until_true 'a packet is sealed' counter_is room tx_ok 1
	until_true 'and dropped by who has no key' counter_is other rx_no_key 1
	same 'stats' stats
	same 'stats of one' stats room
	same 'show' show
	same 'show of one' show room
	equal 'show has the counters that are not zero' \
		"$(ctl show room | sed -n 2p)" '  counters tx_ok 1'
	equal 'the claim key is claimed' "$(ctl list-keys room |
		grep -c 'ssrc claim claimed 11259375')" 1
	refused 'show of none' 2 'no such session' show none
	refused 'stats of none' 2 'no such session' stats none
	timeout 60 "$E2EECTL" -n "$ns" -j stats room -w | head -n 2 >"$dir/watch"
	status=${PIPESTATUS[0]}
	equal 'stats -w goes on while somebody reads' \
		"$status, $(wc -l <"$dir/watch")" "1, 2"
	good 'use-epoch' use-epoch room 1
	send_rtp 5004
	until_true 'the other key sends' packets_are 1
	equal 'epoch is shown' "$(json "[0]['epoch']" list-sessions)" 1
	until_true 'use-epoch without a key is refused' epoch_refused
	equal 'and says why' "$(cat "$dir/err")" \
		"Error: an SSRC that sent in the last 2 seconds has no key in that epoch (attribute session.epoch)"
	good 'use-epoch with force' use-epoch room 2 force
	good 'use-epoch back' use-epoch room 1
}

guard_attached()
{
	ctl list-sockets | grep -q ' by-guard 1'
}

guards()
{
	local id

	id=$(ctl add-guard room ports 7000-7100 uid root local 127.0.0.1)
	equal 'add-guard' "$id" 'guard 1'
	equal 'list-guards' "$(ctl list-guards)" \
		'session room guard 1 ports 7000-7100 local 127.0.0.1 uid 0 attached 0'
	same 'list-guards' list-guards
	refused 'add-guard of no cgroup' 2 'cgroup' \
		add-guard room ports 8000 cgroup /no/such/group
	refused 'a session that a guard names' 2 'guard' del-session room
	send_rtp 7002
	until_true 'its socket is attached' guard_attached
	equal 'list-guards counts it' "$(json "[0]['attached']" list-guards)" 1
	good 'del-guard' del-guard 1
	refused 'del-guard twice' 2 '' del-guard 1
}

event_seen()
{
	ctl add-session shown && ctl del-session shown
	grep -q "$1" "$dir/events" && grep -q "$2" "$dir/events"
}

# What is saved is restored, here after all of it was deleted
save_and_restore()
{
	local before

	ctl set-session room rtx-pt 97,99
	ctl add-guard room ports 8000-8010 uid root >/dev/null
	ctl add-guard other ports 8020 local ::1 >/dev/null
	ctl save >"$dir/conf"
	equal 'save: guards' "$(grep add-guard "$dir/conf" | cut -d' ' -f1-6)" \
"add-guard room ports 8000-8010 uid 0
add-guard other ports 8020 local ::1"
	good 'restore: all is there' restore "$dir/conf"
	before=$(ctl list-guards)
	equal 'restore: no guard is there twice' "$(wc -l <<<"$before")" 2
	ctl del-guard "$(json "[1]['guard']" list-guards)"
	good 'restore: one guard was missing' restore - <"$dir/conf"
	equal 'restore: it is there again' \
		"$(ctl list-guards | cut -d' ' -f1-2,5-)" \
		"$(cut -d' ' -f1-2,5- <<<"$before")"
	sed 's/^add-session room policy required/add-session room policy off/' \
		"$dir/conf" >"$dir/loose"
	refused 'restore: no policy is loosened' 2 \
		":[0-9]+: session \"room\" keeps its policy required" \
		restore "$dir/loose"
	"$E2EECTL" -n "$far" restore "$dir/conf" >"$dir/out" 2>&1
	equal 'restore: in an empty namespace' "$?: $(<"$dir/out")" '0: '
	equal 'restore: the namespace is then saved as the same text' \
		"$("$E2EECTL" -n "$far" save)" "$(<"$dir/conf")"
	ctl list-guards | grep -o 'guard [0-9]*' | sed 's/^/del-/' | ctl -b -
}

events()
{
	"$E2EECTL" -n "$ns" -j monitor >"$dir/events" 2>&1 &
	monitor=$!
	until_true 'monitor prints JSON lines' event_seen '"event":"session-new"' \
		'"event":"session-del"'
	kill "$monitor"
	wait "$monitor" 2>/dev/null
	python3 - "$dir/events" >"$dir/why" 2>&1 <<'PYTHON'
import datetime, json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
names = {row["event"] for row in rows}
assert {"session-new", "session-del"} <= names, names
for row in rows:
    datetime.datetime.strptime(row["time"], "%Y-%m-%dT%H:%M:%S.%f%z")
    assert row["session"] == "shown" and row["id"] > 0, row
PYTHON
	check $? 'each with time, session and id' "$(cat "$dir/why")"
	"$E2EECTL" -n "$ns" monitor >"$dir/events" 2>&1 &
	monitor=$!
	until_true 'monitor prints lines' event_seen \
		'^time [^ ]* event session-new session shown id [0-9]*' \
		'^time [^ ]* event session-del session shown id [0-9]*'
	kill "$monitor"
	wait "$monitor" 2>/dev/null
	attach_failed
	monitor=
}

# inode PORT: of an engine's socket
inode()
{
	awk -v p="$1" '$1 == p { print $3 }' "$dir/fds"
}

failure_seen()
{
	send_rtp 7202
	grep -q "$1" "$dir/events"
}

attach_failed()
{
	local guard

	guard=$(ctl add-guard room ports 7202)
	"$E2EECTL" -n "$ns" monitor >"$dir/events" 2>&1 &
	monitor=$!
	until_true 'monitor names a socket that could not be attached' \
		failure_seen "event attach-failed session room .* local 127.0.0.1:7202 inode $(inode 7202)\$"
	kill "$monitor"
	wait "$monitor" 2>/dev/null
	good 'del-guard of a guard that attached nothing' \
		del-guard "${guard#guard }"
}

batch()
{
	cat >"$dir/batch" <<-END
		# sessions by the dozen
		add-session one policy optional
		add-session \\
		    "two"
		list-sessions
		add-key none rx kid 1 base-key $dir/fresh
		del-session one
	END
	ctl -b "$dir/batch" >"$dir/out" 2>"$dir/err"
	equal 'batch: code of the first error' $? 2
	equal 'batch: it has file and line' "$(cut -c -$((16 + ${#dir})) "$dir/err")" \
		"Error: $dir/batch:6:"
	equal 'batch: what was before it worked' \
		"$(grep -cE '^session (one|two) ' "$dir/out")" 2
	printf 'del-session none\ndel-session one\ndel-session two\n' |
		ctl -f -b - 2>"$dir/err"
	equal 'batch: -f goes on' "$?, $(wc -l <"$dir/err")" '2, 1'
	equal 'batch: and did the rest' \
		"$(ctl list-sessions | grep -cE 'session (one|two)')" 0
	for id in {1..300}; do
		echo "add-key other rx kid $id base-key $dir/fresh"
	done >"$dir/batch"
	good 'batch: three hundred keys' -b "$dir/batch"
	equal 'batch: they are there' \
		"$(json "[1]['keys']" list-sessions)" 300
	equal 'list-keys lists them' "$(ctl list-keys other | wc -l)" 300
	sed 's/add-key/del-key/; s/ base-key.*//' "$dir/batch" |
		ctl -b -
	equal 'batch: and can go' "$(json "[1]['keys']" list-sessions)" 0
}

doctor_says()
{
	ctl doctor | grep -qE "$1"
}

# What doctor must say of the driver. User-mode Linux has portable code only, which is
# a fault if the CPU has instructions for AES
right_driver()
{
	if ! grep -qw aes /proc/cpuinfo; then
		echo 'WARN  crypto: AES-GCM by .*gcm_base'
	elif grep -q 'User Mode Linux' /proc/cpuinfo; then
		echo 'FAIL  crypto: AES-GCM by .*gcm_base'
	else
		echo 'OK    crypto: AES-GCM by .*(aesni|vaes|aes-ce)'
	fi
}

doctor()
{
	local status

	ctl doctor >"$dir/out"
	status=$?
	! grep ^FAIL "$dir/out" | grep -qv '^FAIL  crypto: '
	check $? 'doctor: nothing but the driver fails' "$(cat "$dir/out")"
	grep -qE "^$(right_driver)" "$dir/out"
	check $? "doctor: $(right_driver)" "$(cat "$dir/out")"
	! grep -q ^FAIL "$dir/out"
	equal 'doctor: code' $status $?
	ctl -j doctor | python3 -c '
import json, sys
for row in json.load(sys.stdin):
    cure = ". Cure: " + row["cure"] if "cure" in row else ""
    print("%-4s  %s: %s%s" % (row["level"], row["check"], row["text"], cure))
' >"$dir/json"
	equal 'doctor: text and JSON agree' "$(cat "$dir/json")" "$(cat "$dir/out")"
	doctor_says '^OK    module: e2ee [0-9.]+ is loaded'
	check $? 'doctor: module'
	doctor_says '^WARN  keys: session other: it has no usable key'
	check $? 'doctor: session without a key'
	doctor_says '^WARN  no-key: session other: [0-9]+ packets with an unknown KID'
	check $? 'doctor: unknown KID'
	! doctor_says '^WARN  sockets: .*on port (5004|5006)'
	check $? 'doctor: attached sockets are not complained of'
	ctl set-session other policy off
	ctl doctor >"$dir/out"
	equal 'doctor: code under the policy off' $? 1
	grep -q '^FAIL  policy: session other: the policy is off' "$dir/out"
	check $? 'doctor: policy off' "$(cat "$dir/out")"
	ctl set-session other policy optional
	doctor_says '^WARN  policy: session other: the policy is optional'
	check $? 'doctor: policy optional'
	ctl detach "$(ctl list-sockets | grep ':5004 ' |
		sed -E 's/.*socket ([0-9]+) .*/\1/')" force
	doctor_says "^WARN  sockets: process python3 \\($engine\\) has .* 5004"
	check $? 'doctor: socket without protection' "$(ctl doctor)"
	doctor_in_clear
	ctl add-guard other ports 5004 >/dev/null
	! doctor_says '^WARN  sockets: .*5004'
	check $? 'doctor: a guard is protection'
	doctor_says '^WARN  guard: guard [0-9]+: it serves any user'
	check $? 'doctor: a guard for every user' "$(ctl doctor)"
	doctor_says '^OK    unload: .*: guard [0-9]+, socket [0-9]+ on '
	check $? 'doctor: what holds the module' "$(ctl doctor)"
}

# The socket on port 5004 is detached
doctor_in_clear()
{
	local sender

	! doctor_says '^FAIL  clear-media: process'
	check $? 'doctor: a socket that sends nothing is no failure'
	keep_sending 5004 &
	sender=$!
	ctl doctor >"$dir/out"
	equal 'doctor: code while media leaves in clear' $? 1
	grep -q "^FAIL  clear-media: process python3 ($engine) sends RTP .* port 5004\\." \
		"$dir/out"
	check $? 'doctor: media leaves in clear' "$(<"$dir/out")"
	kill "$sender"
	wait "$sender" 2>/dev/null
}

# What would become of guards at the next boot, in a mount namespace of its own: the
# unit and its file are those of the namespace that the host boots with
doctor_at_boot()
{
	local units=/etc/systemd/system/sysinit.target.wants

	"$E2EECTL" add-session boot
	"$E2EECTL" add-guard boot ports 4999 uid 0 >/dev/null
	unshare -m --propagation private bash -c '
		mkdir -p /etc/e2ee /etc/systemd/system
		mount -t tmpfs none /etc/e2ee
		mount -t tmpfs none /etc/systemd/system
		"$0" doctor
		"$0" save >/etc/e2ee/host.conf
		echo "saved: $("$0" doctor | grep "^[A-Z]*  *boot:")"
		mkdir $1
		touch $1/e2ee.service
		echo "enabled: $("$0" doctor | grep "^[A-Z]*  *boot:")"
		"$0" add-guard boot ports 5000 uid 0
		echo "added: $("$0" doctor | grep "^[A-Z]*  *boot:")"' \
		"$E2EECTL" "$units" >"$dir/out" 2>&1
	grep -q '^FAIL  boot: there is no /etc/e2ee/host.conf' "$dir/out"
	check $? 'doctor: guards that no file has' "$(<"$dir/out")"
	grep -q '^saved: FAIL  boot: e2ee.service is not enabled' "$dir/out"
	check $? 'doctor: guards that nothing restores' "$(<"$dir/out")"
	grep -q '^enabled: OK    boot: all 1 guards' "$dir/out"
	check $? 'doctor: guards that are restored' "$(<"$dir/out")"
	grep -q '^added: FAIL  boot: guard [0-9]* is not in ' "$dir/out"
	check $? 'doctor: a guard that was added since' "$(<"$dir/out")"
	"$E2EECTL" list-guards | grep -o 'guard [0-9]*' | sed 's/^/del-/' |
		"$E2EECTL" -b -
	"$E2EECTL" del-session boot
}

# Sent by a socket that a guard attached
doctor_of_no_media()
{
	! doctor_says '^FAIL  no-media: '
	check $? 'doctor: an engine sends media'
	send_junk 7002
	until_true 'doctor: a socket that a guard attached sends no media' \
		doctor_says '^FAIL  no-media: socket [0-9]+ on 127.0.0.1 port 7002'
}

# A session may name a slow driver, which its keys use from then on
slow_driver()
{
	local name status

	[[ $(right_driver) == OK* ]] || return
	name=$(sed -nE 's/^driver *: (gcm_base\(.*)/\1/p' /proc/crypto | head -n 1)
	# The newest kernels make none by themselves
	name=${name:-gcm_base(ctr(aes-lib),ghash-lib)}
	good 'slow driver: a session takes it' set-session other crypto "$name"
	head -c 32 /dev/urandom >"$dir/slow.key"
	chmod 600 "$dir/slow.key"
	good 'slow driver: a key' add-key other rx kid 4242 \
		base-key "$dir/slow.key"
	ctl list-keys other | grep -F "driver $name" >/dev/null
	check $? 'slow driver: list-keys names it' "$(ctl list-keys other)"
	ctl doctor >"$dir/out"
	status=$?
	grep -F "FAIL  crypto: session other: 1 keys use $name" "$dir/out" >/dev/null
	check $? 'slow driver: doctor fails' "$(cat "$dir/out")"
	equal 'slow driver: code' $status 1
	good 'slow driver: the key goes' del-key other rx kid 4242
	good 'slow driver: so does the driver' set-session other crypto auto
	ctl doctor >"$dir/out"
	! grep -q '^FAIL  crypto' "$dir/out"
	check $? 'slow driver: doctor has no more to say' "$(cat "$dir/out")"
}

completion()
{
	if [[ ! -e /usr/share/bash-completion/bash_completion ]]; then
		check "${EXPECT_ALL:-0}" 'completion # SKIP not installed'
		return
	fi
	# shellcheck disable=SC1091
	equal 'completion: names of sessions' "$(bash -c '
		. /usr/share/bash-completion/bash_completion
		. ../userspace/completion/e2eectl
		COMP_WORDS=("$0" -n "$1" show "")
		COMP_CWORD=4
		_e2eectl
		echo "${COMPREPLY[*]}"' "$E2EECTL" "$ns")" 'other room'
}

no_sockets()
{
	[[ $(ctl -j list-sockets) == '[]' ]]
}

ends()
{
	local id

	while read -r id; do
		ctl del-guard "$id"
	done < <(json "[0]['guard']" list-guards)
	good 'del-session' del-session room
	refused 'del-session twice' 2 'no such session' del-session room
	good 'del-session' del-session other
	equal 'sockets of deleted sessions are blocked' "$(ctl list-sockets |
		grep -cE '^deleted-session [12] socket')" 2
	same 'list-sockets' list-sockets
	ctl doctor >"$dir/out"
	equal 'doctor: code where sockets are blocked' "$?, $(grep -cE \
		'^FAIL  blocked: socket [0-9]+ on ' "$dir/out")" '1, 2'
	echo stop >&"$pipe"
	wait "$engine"
	engine=
	until_true 'closed sockets are gone' no_sockets
}

unprivileged()
{
	local out

	if ! command -v setpriv >/dev/null; then
		check "${EXPECT_ALL:-0}" 'no rights # SKIP setpriv is missing'
		return
	fi
	out=$(setpriv --bounding-set=-net_admin --inh-caps=-net_admin \
		"$E2EECTL" list-sessions 2>&1)
	equal 'without CAP_NET_ADMIN' "$?: $out" \
		'2: Error: not permitted: run as root, or with CAP_NET_ADMIN'
	out=$(setpriv --bounding-set=-net_admin --inh-caps=-net_admin \
		"$E2EECTL" monitor 2>&1)
	equal 'nor events' "$?: $out" \
		'2: Error: events: not permitted: run as root, or with CAP_NET_ADMIN'
}

[[ $(id -u) -eq 0 ]] || skip 'root is needed'
[[ -x $E2EECTL ]] || skip "no e2eectl at $E2EECTL"
[[ -d /sys/module/e2ee ]] || modprobe -q e2ee || skip 'module e2ee is not loaded'
ip netns add "$ns" 2>/dev/null || skip 'no network namespaces'
ip netns add "$far"
ip -n "$ns" link set lo up
dir=$(mktemp -d /tmp/e2eectl-test.XXXXXX)
umask 077

echo 'TAP version 13'
start_judge
# A subshell does not inherit a coprocess's descriptors, but these
exec {judge_out}<&"${judge[0]}" {judge_in}>&"${judge[1]}"
start_engine
sessions
keys
keyring
sockets
media
guards
save_and_restore
events
batch
slow_driver
doctor
doctor_of_no_media
doctor_at_boot
completion
ends
unprivileged
tap_end

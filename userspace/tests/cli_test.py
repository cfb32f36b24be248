#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What e2eectl says to command lines, without the module: syntax, ranges, key
files, spent marks, batches, identity and trust store; and that manual,
completion and help know every command. TAP."""

import fcntl
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from tap import Tap

SOURCE = os.path.dirname(os.path.realpath(__file__))
BUILD = os.environ.get("E2EE_BUILD") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..")
PROGRAM = os.path.join(BUILD, "asan", "e2eectl.bin")
MAX32, MAX64 = 2 ** 32 - 1, 2 ** 64 - 1
NO_ROOM = "no e2eed is running: start one with \"e2eectl join ROOM\""
ABSENT = r"e2ee: kernel module is not loaded: modprobe e2ee"

# Command line, exit code, what the one line on stderr is to match. Reaching
# ABSENT says that the words were good.
LINES = [
    ("", 1, None),
    ("-x", 1, 'option "-x" is not known'),
    ("-n", 1, 'option "-n" needs a value'),
    ("-b", 1, 'option "-b" needs a value'),
    ("-b x show", 1, '-b reads its commands from the file: "show" is not'),
    ("-b {dir}/none", 1, "none: No such file or directory"),
    ("-n no/such show", 1, 'network namespace "no/such" does not exist'),
    ("-n e2ee-none show", 1, 'network namespace "e2ee-none" does not exist'),
    ("frobnicate", 1, 'command "frobnicate" is not known'),
    ("add-sess", 1, 'command "add-sess" is not known'),
    ("help frobnicate", 1, 'command "frobnicate" is not known'),

    ("add-session", 1, "add-session: NAME is missing"),
    ("add-session room", 2, ABSENT),
    ("-j add-session room", 2, ABSENT),
    ("--json add-session room", 2, ABSENT),
    ("-netns /proc/self/ns/net show", 2, ABSENT),
    ("add-session a/b", 1, '"a/b" is not a session name'),
    ("add-session " + "x" * 31, 2, ABSENT),
    ("add-session " + "x" * 32, 1, "is not a session name"),
    ("add-session a\x7fb", 1, "is not a session name"),
    ("add-session room policy", 1, "policy is missing"),
    ("add-session room policy blocked", 1,
     'policy has to be required, optional or off, not "blocked"'),
    ("add-session room policy off policy off", 1, '"policy" is given twice'),
    ("add-session room window 63", 1, 'from 64 to 65536, not "63"'),
    ("add-session room window 64", 2, ABSENT),
    ("add-session room window 0x10000", 2, ABSENT),
    ("add-session room window 65537", 1, 'from 64 to 65536, not "65537"'),
    ("add-session room window -1", 1, 'not "-1"'),
    ("add-session room window +64", 1, r'not "\+64"'),
    ("add-session room window 64k", 1, 'not "64k"'),
    ("add-session room window 0x", 1, 'not "0x"'),
    ("add-session room rtx-pt 97,99", 2, ABSENT),
    ("add-session room rtx-pt none", 2, ABSENT),
    ("add-session room rtx-pt 128", 1, 'not "128"'),
    ("add-session room rtx-pt 97,", 1, 'not "97,"'),
    ("add-session room rtx-pt " + ",".join(["97"] * 16), 2, ABSENT),
    ("add-session room rtx-pt " + ",".join(["97"] * 17), 1, "up to 16"),
    ("add-session room crypto auto", 2, ABSENT),
    ("add-session room crypto " + "x" * 128, 1, "name is too long"),
    ("add-session room tx-errors", 2, ABSENT),
    ("add-session room tx-errors off window 64", 2, ABSENT),
    ("add-session room frobnicate", 1, '"frobnicate" is not known'),
    ("set-session room", 1, "nothing to change"),
    ("set-session room tx-errors off", 2, ABSENT),
    ("set-session room policy optional", 2, ABSENT),
    ("del-session", 1, "NAME is missing"),
    ("del-session room now", 1, '"now" is not expected here'),
    ("del-session room", 2, ABSENT),
    ("list-sessions x", 1, '"x" is not expected here'),
    ("show room x", 1, '"x" is not expected here'),
    ("show room", 2, ABSENT),

    ("use-epoch room", 1, "epoch is missing"),
    ("use-epoch room x", 1, f'epoch has to be a number from 0 to {MAX32}'),
    (f"use-epoch room {MAX32}", 2, ABSENT),
    (f"use-epoch room {MAX32 + 1}", 1, "use-epoch: epoch has to be"),
    ("use-epoch room 1 force", 2, ABSENT),
    ("use-epoch room 1 farce", 1, '"farce" is not expected here'),

    ("add-key", 1, "NAME is missing"),
    ("add-key room", 1, "direction .tx or rx. is missing"),
    ("add-key room up kid 1", 1, 'direction has to be tx or rx, not "up"'),
    ("add-key room rx base-key {hex32}", 1, "kid is missing"),
    ("add-key room rx kid", 1, "kid is missing"),
    (f"add-key room rx kid {MAX64} base-key {{hex32}}", 2, ABSENT),
    (f"add-key room rx kid {MAX64 + 1} base-key {{hex32}}", 1,
     f"kid has to be a number from 0 to {MAX64}"),
    ("add-key room rx kid 0xFFFFFFFFFFFFFFFF base-key {hex32}", 2, ABSENT),
    ("add-key room rx kid 0x10000000000000000 base-key {hex32}", 1, "kid has to"),
    ("add-key room rx kid 010 base-key {hex32}", 2, ABSENT),
    ("add-key room rx kid 1", 1, "base-key, or key and salt, is missing"),
    ("add-key room rx kid 1 key {hex32}", 1, "salt is missing"),
    ("add-key room rx kid 1 salt {hex12}", 1, "base-key, or key and salt"),
    ("add-key room rx kid 1 base-key {hex32} key {hex32}", 1,
     "base-key excludes key and salt"),
    ("add-key room rx kid 1 base-key {hex32} salt {hex12}", 1,
     "base-key excludes key and salt"),
    ("add-key room rx kid 1 key - salt -", 1, "both come from standard input"),
    ("add-key room rx kid 1 ssrc all base-key {hex32}", 1,
     'ssrc has to be any, claim or a number'),
    (f"add-key room rx kid 1 ssrc {MAX32} base-key {{hex32}}", 2, ABSENT),
    (f"add-key room rx kid 1 ssrc {MAX32 + 1} base-key {{hex32}}", 1,
     "ssrc has to be"),
    ("add-key room tx kid 1 ssrc claim base-key {absent}", 1,
     "absent: No such file or directory"),
    ("add-key room rx kid 1 suite aes-256 base-key {hex32}", 1,
     'suite has to be aes-128-gcm or aes-256-gcm, not "aes-256"'),
    ("add-key room rx kid 1 epoch -1 base-key {hex32}", 1, "epoch has to be"),
    ("add-key room rx kid 1 soft-limit 0 base-key {hex32}", 1,
     "soft-limit has to be a number from 1"),
    ("add-key room rx kid 1 limit 0 base-key {hex32}", 1,
     "limit has to be a number from 1"),
    (f"add-key room rx kid 1 expires {MAX32} base-key {{hex32}}", 2, ABSENT),
    (f"add-key room rx kid 1 expires {MAX32 + 1} base-key {{hex32}}", 1,
     "expires has to be"),
    (f"add-key room rx kid 1 ctr {MAX64 + 1} base-key {{hex32}}", 1,
     "ctr has to be"),
    ("add-key room rx kid 1 kid 2 base-key {hex32}", 1, '"kid" is given twice'),
    ("add-key room rx kid 1 secret x", 1, '"secret" is not known'),

    # Forms and lengths
    ("add-key room rx kid 1 base-key {raw16}", 2, ABSENT),
    ("add-key room rx kid 1 base-key {raw15}", 1,
     "raw15: 15 bytes; a base key has at least 16"),
    ("add-key room rx kid 1 base-key {hex32}", 2, ABSENT),
    ("add-key room rx kid 1 base-key {odd}", 1,
     "odd has an odd number of hexadecimal digits"),
    ("add-key room rx kid 1 base-key {empty}", 1, "empty is empty"),
    ("add-key room rx kid 1 base-key {newline}", 1, "newline is empty"),
    ("add-key room rx kid 1 base-key {huge}", 1, "huge: more than 4096 bytes"),
    ("add-key room rx kid 1 base-key {full}", 2, ABSENT),
    ("add-key room rx kid 1 base-key {dir}", 1, "Is a directory"),
    ("add-key room rx kid 1 key {raw32} salt {raw12}", 2, ABSENT),
    ("add-key room rx kid 1 key {hex32} salt {hex12}", 2, ABSENT),
    ("add-key room rx kid 1 key {hex32crlf} salt {hex12}", 2, ABSENT),
    ("add-key room rx kid 1 key {hex16} salt {hex12}", 1,
     "hex16: 16 bytes; aes-256-gcm has 32"),
    ("add-key room rx kid 1 suite aes-128-gcm key {hex16} salt {hex12}", 2,
     ABSENT),
    ("add-key room rx kid 1 suite aes-128-gcm key {raw32} salt {hex12}", 1,
     "raw32: 32 bytes; aes-128-gcm has 16"),
    ("add-key room rx kid 1 key {raw32} salt {raw16}", 1,
     "raw16: 16 bytes; a salt has 12"),
    ("add-key room rx kid 1 key {raw32} salt {raw32}", 1,
     "raw32: 32 bytes; a salt has 12"),
    ("add-key room rx kid 1 base-key {group}", 1,
     "group is open to others: chmod 600 .*group"),
    ("add-key room rx kid 1 base-key {world}", 1, "world is open to others"),
    ("add-key room rx kid 1 key {raw32} salt {group}", 1,
     "group is open to others"),
    ("add-key room rx kid 1 base-key keyring:e2ee-test-none", 1,
     'keyring key "e2ee-test-none" of type user: '),

    ("set-key room tx kid 1", 1, "nothing to change"),
    ("set-key room tx kid 1 limit 5", 2, ABSENT),
    ("set-key room tx kid 1 ctr 5", 1, '"ctr" is not known'),
    ("set-key room rx kid 1 ssrc 3 rtx-ssrc 4", 2, ABSENT),
    ("set-key room rx kid 1 ssrc 3 rtx-ssrc any", 1,
     'rtx-ssrc has to be a number from 0 to 4294967295, not "any"'),
    ("set-key room tx kid 1 ssrc 3 soft-limit 9 expires 0", 2, ABSENT),
    ("del-key room tx", 1, "kid is missing"),
    ("del-key room tx kid 1", 2, ABSENT),
    ("del-key room tx kid 1 ssrc claim", 2, ABSENT),
    ("del-key room tx kid 1 limit 3", 1, '"limit" is not known'),
    ("list-keys a b", 1, '"b" is not expected here'),

    ("attach room", 1, 'one of "pid P fd F" and "local ADDRESS:PORT"'),
    ("attach room pid 1", 1, "fd is missing"),
    ("attach room fd 1", 1, "pid is missing"),
    ("attach room pid 0 fd 1", 1, "pid has to be a number from 1"),
    ("attach room pid 1 fd 1 local 127.0.0.1:1", 1, "one of"),
    ("attach room local 127.0.0.1", 1, "local has to be"),
    ("attach room local 127.0.0.1:0", 1, "local has to be"),
    ("attach room local 127.0.0.1:65536", 1, "local has to be"),
    ("attach room local 127.0.0.1:65535", 2, ABSENT),
    ("attach room local [::1]:5004", 2, ABSENT),
    ("attach room local ::1:5004", 1, "local has to be"),
    ("attach room local [127.0.0.1]:5004", 1, "local has to be"),
    ("attach room local [::1:5004", 1, "local has to be"),
    ("attach room local host:5004", 1, "local has to be"),
    ("detach", 1, "ID is missing"),
    ("detach 0", 1, "ID has to be a number from 1"),
    (f"detach {MAX64} force", 2, ABSENT),
    ("detach 1 x", 1, '"x" is not expected here'),
    ("list-sockets x", 1, '"x" is not expected here'),

    ("add-guard room", 1, "ports is missing"),
    ("add-guard room ports 5004", 2, ABSENT),
    ("add-guard room ports 5004-5010 local ::1 uid 0 cgroup /a", 2, ABSENT),
    ("add-guard room ports 5010-5004", 1, "ports has to be"),
    ("add-guard room ports 0-5", 1, "ports has to be"),
    ("add-guard room ports 1-65536", 1, "ports has to be"),
    ("add-guard room ports 1-", 1, "ports has to be"),
    ("add-guard room ports 1-2-3", 1, "ports has to be"),
    ("add-guard room ports 1-00000000000000002", 1, "ports has to be"),
    ("add-guard room ports 5004 local 300.1.1.1", 1, "local has to be"),
    ("add-guard room ports 5004 uid root", 2, ABSENT),
    ("add-guard room ports 5004 uid no-such-user", 1, "uid has to be"),
    (f"add-guard room ports 5004 uid {MAX32}", 1, "uid has to be"),
    ("add-guard room ports 5004 cgroup media", 1, 'cgroup has to begin with "/"'),
    ("add-guard room ports 5004 cgroup /sys/fs/cgroup/media", 2, ABSENT),
    ("add-guard room ports 5004 cgroup /" + "x" * 255, 1, "path is too long"),
    ("del-guard x", 1, "ID has to be a number from 1"),
    (f"del-guard {MAX32}", 2, ABSENT),
    ("list-guards x", 1, '"x" is not expected here'),

    ("save x", 1, '"x" is not expected here'),
    ("-j save", 1, "save: there is no JSON for it"),
    ("save", 2, ABSENT),
    ("restore", 1, "restore: FILE is missing"),
    ("restore {empty} x", 1, '"x" is not expected here'),
    ("restore {absent}", 1, "absent: No such file or directory"),
    ("restore {dir}", 1, "cannot be read"),
    ("restore {empty}", 1, 'empty is empty: "version 1" has to come first'),
    ("restore {hex32}", 1, 'hex32:1: "version 1" has to come first'),
    ("restore {conf}", 2, ABSENT),
    ("restore -", 1, '- is empty: "version 1" has to come first'),

    ("keygen a b", 1, 'keygen: "b" is not expected here'),
    ("pubkey x", 1, '"x" is not known'),
    ("pubkey --identity", 1, "--identity is missing"),
    ("pubkey --identity {absent}", 1,
     'absent does not exist: "e2eectl keygen" makes one'),
    ("pubkey --identity {group}", 1, "group is open to others: chmod 600"),
    ("pubkey --identity {raw32}", 1, "raw32 holds no Ed25519 key"),
    ("fingerprint a+b", 1, r'"a\+b" is not a device name'),
    ("fingerprint " + "x" * 65, 1, "is not a device name"),
    ("fingerprint a --dev b", 1, "--dev names this host"),
    ("fingerprint a 0102", 1, 'KEY has to be 64 hexadecimal digits'),
    ("fingerprint a " + "0" * 65, 1, 'KEY has to be 64'),
    ("fingerprint a " + "0" * 63 + "g", 1, 'KEY has to be 64'),
    ("fingerprint a " + "0" * 64 + " b", 1, '"b" is not known'),
    ("fingerprint --dev a+b", 1, "is not a device name"),
    ("fingerprint a --trust-store {absent}", 1, "a is not in .*absent: give"),
    ("fingerprint --dev a --identity {absent}", 1, "absent does not exist"),
    ("trust", 1, "add, del or list is missing"),
    ("trust show", 1, 'add, del or list, not "show"'),
    ("trust add", 1, "DEV is missing"),
    ("trust add a", 1, "KEY is missing"),
    ("trust add a/b " + "0" * 64, 1, '"a/b" is not a device name'),
    ("trust add a " + "0" * 64 + " --identity x", 1, '"--identity" is not'),
    ("trust add a " + "0" * 64 + " --trust-store /nonexistent/trust", 1,
     "/nonexistent/trust: its folder does not exist"),
    ("trust del", 1, "DEV is missing"),
    ("trust del a b", 1, '"b" is not known'),
    ("trust del a --trust-store {absent}", 1, "absent: device a is not in it"),
    ("trust list a", 1, '"a" is not known'),
    ("trust list --trust-store {hex32}", 1, "hex32:1: no device"),
    ("trust list --trust-store {dir}", 1, "is not a regular file"),

    ("stats -w -w", 1, '"-w" is given twice'),
    ("stats a b", 1, '"b" is not expected here'),
    ("stats room", 2, ABSENT),
    ("monitor x", 1, '"x" is not expected here'),
    ("monitor", 2, ABSENT),
    ("doctor x", 1, '"x" is not expected here'),

    ("-r", 1, 'option "-r" needs a value'),
    ("room x", 1, '"x" is not expected here'),
    ("room", 2, NO_ROOM),
    ("-j room", 2, NO_ROOM),
    ("-r board room", 2, 'no e2eed is running for room board: start it with "e2eectl join board"'),
    ("--room board room", 2, "no e2eed is running for room board"),
    ("-r {dir}/none.sock room", 2, "no e2eed is running for room .*none.sock"),
    ("-r bo:ard room", 1, '"bo:ard" is not a room name: use 1 to 64 of'),
    ("-r " + "x" * 65 + " room", 1, "is not a room name"),
    ("join", 1, "ROOM is missing"),
    ("join a/b", 1, '"a/b" is not a room name'),
    ("leave x", 1, '"x" is not expected here'),
    ("leave", 2, NO_ROOM),
    ("end", 2, NO_ROOM),
    ("verify", 2, NO_ROOM),
    ("verify maybe", 1, '"maybe" is neither yes nor no'),
    ("verify yes", 1, "CODE is missing"),
    ("verify yes room-b", 1, '"room-b" is not a code such as 1234-5678-9012'),
    ("verify yes 1-2", 1, '"1-2" is not a code'),
    ("verify yes 1-2-3-4", 1, '"1-2-3-4" is not a code'),
    ("verify yes 1234-5678-90123", 1, "is not a code"),
    ("verify yes 1234-5678-9012", 1, "DEV is missing"),
    ("verify yes 1234-5678-9012 a/b", 1,
     '"a/b" is not a device name: use 1 to 64 of'),
    ("verify yes 1234-5678-9012 room-b room-c", 2, NO_ROOM),
    ("verify no room-b", 1, '"room-b" is not expected here'),
    ("verify no", 2, NO_ROOM),
    ("kick", 1, "DEV is missing"),
    ("kick a b", 1, '"b" is not expected here'),
    ("kick " + "x" * 65, 1, "is not a device name"),
    ("kick room-b", 2, NO_ROOM),
    ("lock now", 1, '"now" is not expected here'),
    ("lock", 2, NO_ROOM),
    ("unlock", 2, NO_ROOM),
    ("handover a b", 1, '"b" is not expected here'),
    ("handover", 2, NO_ROOM),
    ("handover room-b", 2, NO_ROOM),
    ("policy", 1, "policy is missing"),
    ("policy blocked", 1,
     'policy has to be required, optional or off, not "blocked"'),
    ("policy optional", 2, NO_ROOM),
    ("rekey", 2, NO_ROOM),
]

COMMANDS = [
    "add-session", "set-session", "del-session", "show", "list-sessions",
    "add-key", "set-key", "del-key", "list-keys", "use-epoch", "attach",
    "detach", "list-sockets", "add-guard", "del-guard", "list-guards", "save",
    "restore", "keygen", "pubkey", "fingerprint", "trust", "stats", "monitor", "doctor", "room",
    "join", "leave", "end", "verify", "kick", "lock", "unlock", "handover",
    "policy", "rekey", "help",
]


def run(words, stdin=b"", env=None):
    done = subprocess.run([PROGRAM, *words], input=stdin, capture_output=True,
                          timeout=300, check=False,
                          env=dict(os.environ, RUNTIME_DIRECTORY="/nowhere",
                                   **(env or {})))
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Files:
    """Key files of all kinds in a folder of their own"""

    def __init__(self, folder):
        self.folder = folder
        raw = bytes(range(128, 128 + 33))
        for name, data, mode in [
            ("raw12", raw[:12], 0o600), ("raw15", raw[:15], 0o600),
            ("raw16", raw[:16], 0o600), ("raw32", raw[:32], 0o600),
            ("hex12", raw[:12].hex().encode(), 0o600),
            ("hex16", raw[:16].hex().encode() + b"\n", 0o600),
            ("hex32", raw[:32].hex().encode() + b"\n", 0o400),
            ("hex32crlf", raw[:32].hex().upper().encode() + b"\r\n", 0o600),
            ("odd", b"0" * 65, 0o600), ("empty", b"", 0o600),
            ("newline", b"\n", 0o600), ("huge", b"\xff" * 4097, 0o600),
            ("full", b"\xff" * 4096, 0o600), ("group", raw[:32], 0o640),
            ("world", raw[:32], 0o604),
            ("conf", b"version 1\nadd-session a\nadd-guard a ports 5\n", 0o644),
        ]:
            self.write(name, data, mode)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data, mode=0o600):
        with open(self.path(name), "wb") as stream:
            stream.write(data)
        os.chmod(self.path(name), mode)

    def words(self, line):
        names = {name: self.path(name) for name in os.listdir(self.folder)}
        names["dir"] = self.folder
        names["absent"] = self.path("absent")
        return [word.format(**names) for word in line.split(" ") if word]


def check_lines(tap, files):
    for line, code, pattern in LINES:
        found, out, err = run(files.words(line))
        good = found == code and not out
        if pattern is None:
            good = good and err.startswith("Usage: ")
        else:
            good = good and err.count("\n") == 1 and \
                re.search(f"^Error: .*(?:{pattern})", err)
        tap.ok(good, f"e2eectl {line}"[:120], f"code {found}\n{out}{err}")


def check_secrets_stay(tap, files):
    """No error text holds what was in the file"""
    secret = "c0ffee" * 10
    files.write("shown", secret.encode())
    for line in ("add-key room rx kid 1 key {shown} salt {hex12}",
                 "add-key room tx kid 1 base-key {shown}"):
        _, out, err = run(files.words(line))
        tap.ok(secret not in out + err and "c0ffee" not in out + err,
               f"{line.split()[2]}: error text without the secret", err)
    os.unlink(files.path("shown"))


def check_stdin(tap, files):
    line = ["add-key", "room", "rx", "kid", "1", "base-key", "-"]
    code, _, err = run(line, b"ab" * 32)
    tap.ok(code == 2 and ABSENT in err, "base key from standard input", err)
    code, _, err = run(line, b"ab" * 7)
    tap.ok(code == 1 and "7 bytes; a base key" in err,
           "short base key from standard input", err)
    code, _, err = run(line, b"")
    tap.ok(code == 1 and "standard input is empty" in err,
           "nothing on standard input", err)
    line = files.words("add-key room rx kid 1 key - salt {hex12}")
    code, _, err = run(line, bytes(range(200, 232)))
    tap.ok(code == 2 and ABSENT in err, "raw key from standard input", err)


def check_marks(tap, files):
    line = "add-key room tx kid 7 base-key {spent}"
    files.write("spent", b"ab" * 32)
    mark = files.path("spent.spent")

    code, _, err = run(files.words(line))
    tap.ok(code == 2 and ABSENT in err and not os.path.exists(mark),
           "no mark if the module is not there", err)

    files.write("spent.spent", b"tx base-key kid 7 suite aes-256-gcm\n")
    code, _, err = run(files.words(line))
    tap.ok(code == 1 and "was installed for sending before" in err and
           '"ctr N"' in err, "marked base key is refused", err)
    code, _, err = run(files.words(line + " ctr 5"))
    tap.ok(code == 2 and ABSENT in err, "with ctr it is not", err)
    code, _, err = run(files.words(line.replace("kid 7", "kid 8")))
    tap.ok(code == 2 and ABSENT in err,
           "another kid makes another key of it", err)
    code, _, err = run(files.words(line + " suite aes-128-gcm"))
    tap.ok(code == 2 and ABSENT in err, "so does another suite", err)
    code, _, err = run(files.words(line.replace(" tx ", " rx ")))
    tap.ok(code == 2 and ABSENT in err, "to receive it may be used", err)
    key = "add-key room tx kid 8 key {spent} salt {hex12}"
    code, _, err = run(files.words(key))
    tap.ok(code == 1 and "installed for sending before" in err,
           "as key itself any mark refuses it", err)
    files.write("spent.spent", b"tx key kid 1 suite aes-256-gcm\n")
    code, _, err = run(files.words(line))
    tap.ok(code == 1 and "installed for sending before" in err,
           "a key that was sent with is no base key any more", err)
    files.write("spent.spent", b"")
    code, _, err = run(files.words(line))
    tap.ok(code == 1 and "installed for sending before" in err,
           "an empty mark refuses", err)

    os.symlink(files.path("spent"), files.path("link"))
    code, _, err = run(files.words(line.replace("{spent}", "{link}")))
    tap.ok(code == 1 and "installed for sending before" in err,
           "a symbolic link does not hide the mark", err)

    os.unlink(mark)
    os.symlink(mark, mark)
    code, _, err = run(files.words(line))
    tap.ok(code == 1 and "installed for sending before" in err,
           "a mark that cannot be read refuses", err)
    os.unlink(mark)
    check_two_at_a_time(tap, files, line, mark)
    for name in ("spent", "spent.spent", "link"):
        os.unlink(files.path(name))


def check_two_at_a_time(tap, files, line, mark):
    """Whoever comes second waits for the first one's mark, and finds it."""
    with open(files.path("spent"), "rb") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        second = subprocess.Popen([PROGRAM] + files.words(line),
                                  stderr=subprocess.PIPE, text=True)
        waits = blocked_on_lock(second)
        files.write("spent.spent", b"tx base-key kid 7 suite aes-256-gcm\n")
    _, err = second.communicate()
    tap.ok(waits and second.returncode == 1 and os.path.exists(mark) and
           "installed for sending before" in err,
           "of two at a time the second finds the mark of the first", err)


def blocked_on_lock(process):
    """Whether it comes to wait for a lock of a file; False if it ends before."""
    while process.poll() is None:
        with open("/proc/locks", encoding="ascii") as locks:
            if any(f" {process.pid} " in lock for lock in locks
                   if "-> FLOCK" in lock):
                return True
        time.sleep(0.01)
    return False


def check_core_dumps(tap, files):
    """While e2eectl waits for a key, its core could not be dumped any more."""
    fifo = files.path("fifo")
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [PROGRAM] + files.words("add-key room rx kid 1 base-key {fifo}"),
        stderr=subprocess.DEVNULL, preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2))
    with open(fifo, "wb") as key:       # it has opened the file to read a key
        limit = resource.prlimit(process.pid, resource.RLIMIT_CORE)
        key.write(b"ab" * 32)
    process.wait()
    os.unlink(fifo)
    tap.equal("no core dumps of what has a key", limit, (0, 0))


KEY_A, KEY_B = bytes(range(32)).hex(), "b0" * 32
CODE_A = "69204 96850 38058 18861 30117 63420 87713 16243"


def check_identity(tap, files):
    path = files.path("identity.pem")
    options = ["--identity", path]
    code, out, err = run(["keygen", path])
    key = out.strip().rpartition(" ")[2]
    tap.ok(code == 0 and re.fullmatch("[0-9a-f]{64}", key) and
           out == f"identity {path} key {key}\n", "keygen", out + err)
    tap.equal("keygen: mode 0600", os.stat(path).st_mode & 0o7777, 0o600)
    code, out, err = run(["keygen", path])
    tap.ok(code == 1 and not out and "exists, and is left as it is" in err,
           "keygen: not twice", err)
    tap.equal("pubkey", run(["pubkey", *options]), (0, f"key {key}\n", ""))
    tap.equal("pubkey as JSON", run(["-j", "pubkey", *options]),
              (0, f'{{"key":"{key}"}}\n', ""))
    done = subprocess.run(["openssl", "pkey", "-in", path, "-pubout",
                           "-outform", "DER"], capture_output=True, check=False)
    tap.equal("pubkey: openssl says the same", done.stdout[-32:].hex(), key)
    code, out, err = run(["fingerprint", "--dev", "room-a", *options])
    tap.equal("fingerprint: of this appliance, and of its name and key",
              (code, out, err), run(["fingerprint", "room-a", key]))
    tap.equal("fingerprint: known answer", run(["fingerprint", "room-a", KEY_A]),
              (0, f"dev room-a code {CODE_A}\n", ""))
    code, out, _ = run(["-j", "fingerprint", "room-a", KEY_A.upper()])
    tap.equal("fingerprint as JSON", json.loads(out),
              {"dev": "room-a", "code": CODE_A})
    host = os.uname().nodename
    if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", host):
        tap.equal("fingerprint: by default of this host's name",
                  run(["fingerprint", *options]),
                  run(["fingerprint", host, key]))


def check_trust(tap, files):
    path = files.path("trust")
    options = ["--trust-store", path]

    def trust(*words):
        return run(["trust", *words, *options])

    tap.equal("trust list: nobody", trust("list"), (0, "", ""))
    tap.equal("trust add", trust("add", "room-a", KEY_A), (0, "", ""))
    tap.equal("trust add: the same again", trust("add", "room-a", KEY_A),
              (0, "", ""))
    for dev, key in (("room-a", KEY_B), ("room-b", KEY_A)):
        code, out, err = trust("add", dev, key)
        tap.ok(code == 1 and not out and
               f"{dev} is there with another key, or the key with another device" in err,
               f"trust add: {dev} with what belongs to somebody else", err)
    trust("add", "room-b", KEY_B)
    tap.equal("trust list", trust("list"),
              (0, f"dev room-a trust pinned key {KEY_A}\n"
                  f"dev room-b trust pinned key {KEY_B}\n", ""))
    code, out, _ = run(["-j", "trust", "list", *options])
    tap.equal("trust list as JSON", json.loads(out),
              [{"dev": "room-a", "trust": "pinned", "key": KEY_A},
               {"dev": "room-b", "trust": "pinned", "key": KEY_B}])
    tap.equal("fingerprint of a device of the store",
              run(["fingerprint", "room-a", *options]),
              (0, f"dev room-a code {CODE_A}\n", ""))
    tap.equal("completion: devices of the store",
              complete(["e2eectl", "trust", "del", "", *options], 3),
              ["room-a", "room-b"])
    tap.equal("trust del", trust("del", "room-a"), (0, "", ""))
    code, _, err = trust("del", "room-a")
    tap.ok(code == 1 and "device room-a is not in it" in err, "trust del: not twice", err)
    files.write("trust", f"room-c {KEY_A} tofu\n".encode())
    trust("add", "room-c", KEY_A)
    tap.equal("trust add pins what was seen in a call", trust("list"),
              (0, f"dev room-c trust pinned key {KEY_A}\n", ""))


def check_defaults(tap):
    """Without options, in a mount namespace whose /var/lib is empty"""
    script = f"""mount -t tmpfs none /var/lib || exit 77
        umask 022
        {PROGRAM} keygen && {PROGRAM} trust add room-a {KEY_A} &&
        {PROGRAM} fingerprint room-a && {PROGRAM} pubkey &&
        stat -c '%a %n' /var/lib/e2ee /var/lib/e2ee/*"""
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], check=False,
                          capture_output=True, text=True, timeout=300)
    if done.returncode == 77 or done.stderr.startswith("unshare:"):
        tap.ok(True, "default files # SKIP no namespace to be had")
        return
    lines = done.stdout.splitlines()
    key = lines[0].rpartition(" ")[2] if lines else ""
    tap.equal("default files, in a folder that is made", lines,
              [f"identity /var/lib/e2ee/identity key {key}",
               f"dev room-a code {CODE_A}", f"key {key}",
               "700 /var/lib/e2ee", "600 /var/lib/e2ee/identity",
               "600 /var/lib/e2ee/trust", "600 /var/lib/e2ee/trust.lock"])


BATCH = """\
# a comment, an empty line

show room   # words after it
add-session \\
  room \\
  window 1
show "two words"
show 'open
frobnicate
"""


def check_batch(tap, files):
    files.write("batch", BATCH.encode())
    path = files.path("batch")
    code, _, err = run(["-b", path])
    tap.equal("batch: ends at the first error", (code, err.count("\n")), (2, 1))
    tap.ok(f"Error: {path}:3: {ABSENT}" in err, "batch: file and line", err)
    code, _, err = run(["-f", "-b", path])
    lines = err.splitlines()
    tap.equal("batch: -f goes on, the first code counts", code, 2)
    wanted = [r":3: e2ee: kernel module", r":4: add-session: window has to",
              r':7: show: "two words" is not a session', r":8: a quote is not closed",
              r':9: command "frobnicate" is not known']
    tap.equal("batch: -f reports every error", len(lines), len(wanted))
    for line, pattern in zip(lines, wanted):
        tap.ok(re.search(pattern, line), f"batch: {pattern}", line)
    code, _, err = run(["-force", "-batch", "-"], BATCH.encode())
    tap.equal("batch from standard input", len(err.splitlines()), len(wanted))
    code, _, err = run(["-b", "-"], b"add-key r rx kid 1 base-key -\n")
    tap.ok(code == 1 and "the batch does" in err,
           "batch and key cannot both come from standard input", err)
    code, out, err = run(["-b", "-"], b"# nothing\n\n")
    tap.equal("empty batch", (code, out, err), (0, "", ""))


def check_help(tap):
    code, out, err = run(["help"])
    tap.ok(code == 0 and not err, "help", err)
    listed = re.findall(r"^  ([a-z-]+) ", out.split("Commands:")[1], re.M)
    tap.equal("help lists every command", listed, COMMANDS)
    for word in ("-h", "-help", "--help"):
        tap.equal(f"{word} is help", run([word])[:2], (0, out))
    for word in ("-V", "-Version", "--Version"):
        code, text, _ = run([word])
        tap.ok(code == 0 and re.fullmatch(r"e2eectl \d+\.\d+\.\d+\n", text),
               f"{word} prints the version", text)
    for name in COMMANDS:
        code, text, _ = run(["help", name])
        tap.ok(code == 0 and text.startswith(f"Usage: e2eectl {name} "),
               f"help {name}", text)


def check_doctor(tap):
    code, out, _ = run(["doctor"])
    tap.ok(code == 1 and re.search(r"^FAIL  module: .*Cure: .*modprobe e2ee$",
                                   out, re.M),
           "doctor: module not loaded", out)
    code, out, _ = run(["-j", "doctor"])
    rows = json.loads(out)
    levels = {row["check"]: row["level"] for row in rows}
    tap.equal("doctor: JSON says the same", (code, levels.get("module")),
              (1, "FAIL"))


def keywords():
    """Words of every command, from its usage"""
    for name in COMMANDS:
        usage = run(["help", name])[1].split(name, 1)[1]
        for word in re.findall(r"[a-z][a-z0-9-]+", usage):
            yield name, word


def check_manual(tap):
    path = os.path.join(SOURCE, "../man/e2eectl.8")
    with open(path, encoding="utf-8") as stream:
        text = stream.read().replace("\\-", "-")
    for name in COMMANDS:
        tap.ok(re.search(rf"^\.(Ic|It Ic|Nm e2eectl Ic) {name}\b", text, re.M),
               f"manual: {name}")
    words = {word for _, word in keywords()}
    missing = sorted(w for w in words if not re.search(rf"\b{w}\b", text))
    tap.equal("manual: every keyword", missing, [])
    for brief, full in re.findall(r"^  -(\w), -(\w+)", run(["help"])[1], re.M):
        tap.ok(re.search(rf"Fl {brief}\b", text) and
               re.search(rf"Fl {full}\b", text), f"manual: -{brief}, -{full}")


def check_manual_lint(tap):
    """The pages of other packages that are referred to need not be there"""
    for name in ("e2eectl.8", "e2eed.8", "e2ee.7", "libe2ee.3"):
        if not shutil.which("mandoc"):
            tap.ok(True, f"{name}: lint # SKIP mandoc is not installed")
            continue
        done = subprocess.run(["mandoc", "-T", "lint",
                               os.path.join(SOURCE, "../man", name)],
                              capture_output=True, text=True, check=False)
        lines = [line for line in done.stdout.splitlines()
                 if "referenced manual not found" not in line]
        tap.equal(f"{name}: mandoc has nothing to say", lines, [])


def complete(words, at=None):
    """What bash offers for the last of the words, or for word number at"""
    at = len(words) - 1 if at is None else at
    script = os.path.join(SOURCE, "../completion/e2eectl")
    code = f"""
        . /usr/share/bash-completion/bash_completion
        . {script}
        COMP_WORDS=({' '.join(repr(w) for w in words)})
        COMP_CWORD={at}
        COMP_LINE="{' '.join(words)}"
        COMP_POINT=${{#COMP_LINE}}
        _e2eectl
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", code], capture_output=True, check=False,
                          env=dict(os.environ, PATH=f"{BUILD}:/usr/bin:/bin"))
    return done.stdout.decode().split()


def check_completion(tap):
    if not os.path.exists("/usr/share/bash-completion/bash_completion"):
        tap.ok(True, "completion # SKIP bash-completion is not installed")
        return
    offered = complete(["e2eectl", ""])
    missing = sorted(set(COMMANDS) - set(offered))
    tap.equal("completion: every command", missing, [])
    tap.equal("completion: commands by their beginning",
              sorted(complete(["e2eectl", "list-"])),
              sorted(c for c in COMMANDS if c.startswith("list-")))
    options = complete(["e2eectl", "-"])
    tap.equal("completion: options", sorted(set("-j -n -r -b -f -V -h".split()) -
                                            set(options)), [])
    known = {
        "add-session": "policy window rtx-pt crypto tx-errors",
        "set-session": "policy window rtx-pt crypto tx-errors",
        "add-key": "kid ssrc rtx-ssrc suite epoch base-key key salt ctr "
                   "soft-limit limit expires",
        "set-key": "kid ssrc rtx-ssrc soft-limit limit expires",
        "del-key": "kid ssrc",
        "attach": "pid local",
        "add-guard": "ports local uid cgroup",
    }
    for name, words in known.items():
        line = ["e2eectl", name, "room"]
        if name.endswith("-key"):
            tap.equal(f"completion: {name} direction",
                      sorted(complete(line + [""])), ["rx", "tx"])
            line.append("tx")
        missing = sorted(set(words.split()) - set(complete(line + [""])))
        tap.equal(f"completion: {name} keywords", missing, [])
    tap.equal("completion: policies",
              sorted(complete(["e2eectl", "add-session", "r", "policy", ""])),
              ["off", "optional", "required"])
    tap.equal("completion: suites",
              sorted(complete("e2eectl add-key r tx suite".split() + [""])),
              ["aes-128-gcm", "aes-256-gcm"])
    tap.equal("completion: trust",
              sorted(complete(["e2eectl", "trust", ""])), ["add", "del", "list"])
    tap.equal("completion: trust list",
              complete(["e2eectl", "trust", "list", ""]), ["--trust-store"])
    tap.equal("completion: pubkey",
              complete(["e2eectl", "pubkey", ""]), ["--identity"])
    tap.equal("completion: fingerprint",
              sorted(complete(["e2eectl", "fingerprint", "--"])),
              ["--dev", "--identity", "--trust-store"])
    tap.equal("completion: help", sorted(set(COMMANDS) -
              set(complete(["e2eectl", "help", ""]))), [])


def main():
    tap = Tap()
    if os.path.exists("/sys/module/e2ee"):
        print("1..0 # SKIP the module is loaded: e2eectl_test.sh is for that")
        return 4
    folder = tempfile.mkdtemp(prefix="e2eectl-test.")
    try:
        files = Files(folder)
        check_lines(tap, files)
        check_secrets_stay(tap, files)
        check_stdin(tap, files)
        check_marks(tap, files)
        check_core_dumps(tap, files)
        check_batch(tap, files)
        check_identity(tap, files)
        check_trust(tap, files)
    finally:
        shutil.rmtree(folder)
    check_defaults(tap)
    check_help(tap)
    check_doctor(tap)
    check_manual(tap)
    check_manual_lint(tap)
    check_completion(tap)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())

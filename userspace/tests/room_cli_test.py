#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The room commands of e2eectl against an e2eed that says what it is told to:
what they ask, what they print, their exit codes. TAP."""

import json
import os
import pty
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

from tap import Tap

BUILD = os.environ.get("E2EE_BUILD") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..")
PROGRAM = os.path.join(BUILD, "asan", "e2eectl.bin")
EMOJI = [(13, "\U0001f41f", "Fish"), (0, "\U0001f436", "Dog")] * 3 + \
    [(63, "\U0001f4cc", "Pin")]


class Fake(threading.Thread):
    """Listens as e2eed does; answers are functions of the request"""

    def __init__(self, folder, room):
        super().__init__(daemon=True)
        self.path = os.path.join(folder, f"{room}.sock")
        self.asked = []
        self.answer = lambda ask: {"done": True}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, client.makefile("rw") as stream:
                for line in stream:
                    self.asked.append(json.loads(line))
                    answer = self.answer(self.asked[-1])
                    if answer is None:
                        break
                    stream.write(answer if isinstance(answer, str) else
                                 json.dumps(answer) + "\n")
                    stream.flush()

    def die(self):
        """As if killed: the socket stays in its folder"""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.join()
        self.listener.close()


def member(dev, **more):
    return dict({"dev": dev, "leaf": 0, "self": False, "owner": False,
                 "verified": False, "trust": "tofu", "acked": True,
                 "waiting": "", "fingerprint": "12345 " * 8}, **more)


def outsider(dev, **more):
    return dict({"dev": dev, "key": "0a" * 32, "trust": "unknown",
                 "trusted": False, "changed": False, "here_ms": 20000,
                 "fingerprint": "12345 " * 8}, **more)


def room(**more):
    return dict({
        "room": "board", "dev": "room-a", "session": "call", "state": "owner",
        "waiting": "", "link": True, "encrypted": True,
        "since": int(time.time()) - 300, "stopped": "", "split": "",
        "call": "00112233" * 4, "term": 1, "seq": 4, "t": "ab" * 32,
        "epoch": 7, "epoch_age_ms": 35000, "sending": 7, "switched": True,
        "policy": "required", "suite": "aes-256-gcm", "locked": False,
        "banned": 0, "lost": 0, "sas": {"state": "none", "waiting": ""},
        "members": [member("room-a", self=True, owner=True),
                    member("room-b", trust="pinned"),
                    member("room-c", waiting="no answer for 12 s")],
        "alarms": [],
    }, **more)


# What the status is, what text says of it (regular expressions, all)
LOOKS = [
    ("encrypted", {}, [
        r"^room board: encrypted with 2 others since \d\d:\d\d:\d\d \(5 min\), "
        r"verified except room-c$",
        r"^  this device: room-a, owner; session call$",
        r"^  policy required, aes-256-gcm$",
        r"^  epoch 7 for 35 s; call 00112233, term 1, number 4$",
        r"^  room-b: pinned$",
        r"^  room-c: tofu, not verified; key missing: no answer for 12 s$"]),
    ("all verified", {"members": [
        member("room-a", self=True), member("room-b", verified=True)]},
     [r"encrypted with 1 other since .*, all verified$", r"^  room-b: tofu$"]),
    ("nobody verified", {"members": [
        member("room-a", self=True), member("room-b", owner=True)]},
     [r", nobody verified$", r"^  room-b: owner, tofu, not verified$"]),
    ("alone", {"members": [member("room-a", self=True)], "alone": True},
     [r"^room board: ALONE: no other device is in the call \(its keys have been ready "
      r"since \d\d:\d\d:\d\d, 5 min\)$"]),
    ("a stranger", {"outsiders": [outsider("room-d")]},
     [r"^  room-d is here and is not trusted; to admit it: "
      r"e2eectl trust add room-d (0a){32}$",
      r'^    if its people read out the same "e2eectl fingerprint": 12345 ']),
    ("a stranger, another trust store",
     {"outsiders": [outsider("room-d")], "trust_store": "/srv/trust"},
     [r"trust add room-d (0a){32} --trust-store /srv/trust$"]),
    ("two strangers of one name", {
        "outsiders": [outsider("room-d", key="0b" * 32,
                               fingerprint="11111 " * 8),
                      outsider("room-e"), outsider("room-d")],
        "trust_store": "/srv/trust"},
     [r"^  several devices here call themselves room-d, but at most one of "
      r"them is. Admit none of$", r"^    fingerprint 11111 ",
      r"^      has the key (0b){32}$", r"^    fingerprint 12345 ",
      r"^      has the key (0a){32}$",
      r"^    to admit the right one: e2eectl trust add room-d KEY "
      r"--trust-store /srv/trust$",
      r"^  room-e is here and is not trusted; to admit it: "]),
    ("one that does not come", {"outsiders": [outsider(
        "room-d", trust="pinned", trusted=True)]},
     [r"^  room-d is here and is trusted, but is not in the call: "
      r'does it trust room-a\? "e2eectl room" there says so$']),
    ("another key", {"outsiders": [outsider("room-d", changed=True)]},
     [r"^  room-d is here with a different key or name than before, and is "
      r"refused$"]),
    ("stopped", {"encrypted": False, "stopped": "no heartbeat for 120 s"},
     [r"^room board: NOT encrypted: no heartbeat for 120 s$",
      r"^  stopped: no heartbeat for 120 s$"]),
    ("split", {"split": "room was split: room-b removed here, present there"},
     [r"^  split: room was split: room-b removed here, present there$"]),
    ("joining", {"encrypted": False, "state": "joining", "epoch": 0,
                 "members": []},
     [r"^room board: NOT encrypted: no call yet, joining$"]),
    ("off", {"encrypted": False, "policy": "off"},
     [r"^room board: NOT encrypted: the policy is off$"]),
    ("no keys", {"encrypted": False},
     [r"^room board: NOT encrypted: no keys to send with yet$"]),
    ("module missing", {"encrypted": False, "state": "joining", "epoch": 0,
                        "members": [], "waiting": "e2ee: kernel module is not "
                        "loaded: modprobe e2ee"},
     [r"^room board: NOT encrypted: e2ee: kernel module is not loaded: "
      r"modprobe e2ee$"]),
    ("broker down while keys run", {"waiting": "broker.example: refused"},
     [r"^room board: encrypted with", r"^  waiting: broker.example: refused$"]),
    ("locked, not switched", {"locked": True, "switched": False},
     [r"^  policy required, aes-256-gcm, locked$",
      r"^  epoch 7 for 35 s, not yet used to send;"]),
    ("alarm", {"alarms": ["room-b has another key than before"]},
     [r"^  alarm: room-b has another key than before$"]),
    ("verification runs", {"sas": {"state": "waiting", "waiting": "room-c"}},
     [r"^  verification: waiting for room-c$"]),
    ("verification failed", {"sas": {"state": "failed", "waiting": ""}},
     [r"^  verification: failed, somebody is in the middle"]),
]

# Command line, what e2eed is asked
REQUESTS = [
    ("leave", {"do": "leave"}), ("end", {"do": "end"}),
    ("lock", {"do": "lock"}), ("unlock", {"do": "unlock"}),
    ("rekey", {"do": "rekey"}), ("handover", {"do": "handover"}),
    ("handover room-b", {"do": "handover", "dev": "room-b"}),
    ("kick room-b", {"do": "kick", "dev": "room-b"}),
    ("policy required", {"do": "policy", "policy": "required"}),
    ("policy off", {"do": "policy", "policy": "off"}),
    ("verify no", {"do": "verify-no"}),
    ("verify yes 1234-5678-9012 room-b room-c",
     {"do": "verify-yes", "code": "1234-5678-9012",
      "devs": ["room-b", "room-c"]}),
]


def run(folder, line, stdin=None):
    done = subprocess.run([PROGRAM, *line.split()], capture_output=True,
                          timeout=300, check=False, stdin=stdin or
                          subprocess.DEVNULL,
                          env=dict(os.environ, RUNTIME_DIRECTORY=folder,
                                   TZ="UTC"))
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def check_looks(tap, folder, fake):
    for what, more, patterns in LOOKS:
        status = room(**more)
        fake.answer = lambda ask, status=status: {"room": status}
        code, out, err = run(folder, "room")
        good = code == 0 and not err and \
            all(re.search(p, out, re.M) for p in patterns)
        good = good and "encrypted with 0" not in out and \
            not re.search("trust add room-d 0b", out)
        tap.ok(good, f"room: {what}", f"code {code}\n{out}{err}")
        code, out, err = run(folder, "-j room")
        tap.ok(code == 0 and not err and json.loads(out) == status,
               f"room -j: {what}", out + err)


def check_requests(tap, folder, fake):
    for line, wanted in REQUESTS:
        fake.asked.clear()
        fake.answer = lambda ask: {"done": True}
        found = run(folder, line)
        tap.equal(line, (found, fake.asked), ((0, "", ""), [wanted]))
        fake.answer = lambda ask: {"error": "no, because"}
        tap.equal(f"{line}: refused", run(folder, line),
                  (2, "", "Error: no, because\n"))
    fake.answer = lambda ask: {"done": False, "asked": True}
    code, out, err = run(folder, "kick room-b")
    tap.ok(code == 0 and out.startswith("asked the owner") and not err,
           "kick of one that is no owner says that it asks", out + err)
    code, out, err = run(folder, "-j kick room-b")
    tap.ok(code == 0 and "asked" in json.loads(out), "the same in JSON", out)


def check_answers(tap, folder, fake):
    """Of an e2eed that dies, or is another program"""
    fake.answer = lambda ask: None
    tap.equal("no answer", run(folder, "room"),
              (2, "", "Error: e2eed gave no answer: its log says why\n"))
    fake.answer = lambda ask: "what?\n"
    tap.equal("no JSON", run(folder, "leave"),
              (2, "", "Error: e2eed gave no answer: its log says why\n"))
    fake.answer = lambda ask: {"rooms": []}
    code, _, err = run(folder, "room")
    tap.ok(code == 2 and "another version" in err, "no status", err)
    members = [member("x" * 62 + str(i // 10) + str(i % 10))
               for i in range(100)]
    fake.answer = lambda ask: {"room": room(members=members)}
    code, out, err = run(folder, "room")
    tap.ok(code == 0 and len(out.splitlines()) > 100, "a hundred members", err)


def ready(state="ready"):
    return {"state": state, "waiting": "", "code": "8955-1519-4112",
            "emoji": [{"number": n, "emoji": e, "word": w}
                      for n, e, w in EMOJI]}


def verification(steps):
    """Answers of a verification: each look at the room takes a step"""
    left = list(steps)

    def answer(ask):
        if ask["do"] != "room":
            return {"done": True}
        sas = left.pop(0) if len(left) > 1 else left[0]
        return {"room": room(sas=sas)}
    return answer


def check_verify(tap, folder, fake):
    wait = {"state": "waiting", "waiting": "room-b room-c"}
    fake.answer = verification([wait, wait, ready()])
    fake.asked.clear()
    code, out, err = run(folder, "verify")
    shown = "  ".join(f"{e} {w}" for _, e, w in EMOJI)
    tap.equal("verify shows emoji, words and the code", (code, out),
              (0, f"{shown}\n8955-1519-4112\n"))
    tap.equal("verify says once for whom it waits", err,
              "waiting for room-b room-c\n")
    tap.equal("verify begins a run", fake.asked[0], {"do": "verify"})
    fake.answer = verification([ready()])
    code, out, err = run(folder, "-j verify")
    tap.equal("verify -j", (code, json.loads(out), err), (0, ready(), ""))
    fake.answer = verification([{"state": "failed", "waiting": ""}])
    code, out, err = run(folder, "verify")
    tap.ok(code == 2 and "somebody is in the middle" in err and not out,
           "verify: failed", err)
    fake.answer = verification([{"state": "none", "waiting": ""}])
    code, out, err = run(folder, "verify")
    tap.ok(code == 2 and "ended without a code" in err, "verify: ended", err)


def terminal(folder, line, words):
    """With a terminal: writes a word whenever it is asked something"""
    pid, fd = pty.fork()
    if not pid:
        os.environ["RUNTIME_DIRECTORY"] = folder
        os.execv(PROGRAM, [PROGRAM, *line.split()])
    out = b""
    for word in words:
        while not out.rstrip(b" ").endswith(b")"):
            out += os.read(fd, 4096)
        os.write(fd, word.encode() + b"\n")
        out += b"|"
    try:
        while True:
            out += os.read(fd, 4096)
    except OSError:
        pass
    _, status = os.waitpid(pid, 0)
    os.close(fd)
    return os.waitstatus_to_exitcode(status), out.decode()


def check_people(tap, folder, fake):
    code = ready()["code"]
    for words, wanted in [
            (["yes", "room-b"], {"do": "verify-yes", "devs": ["room-b"],
                                 "code": code}),
            (["yes", "room-b, room-c"],
             {"do": "verify-yes", "devs": ["room-b", "room-c"],
              "code": code}),
            (["yes", "all"],
             {"do": "verify-yes", "devs": ["room-b", "room-c"],
              "code": code}),
            (["maybe", "no"], {"do": "verify-no"})]:
        fake.answer = verification([ready()])
        fake.asked.clear()
        status, out = terminal(folder, "verify", words)
        tap.equal(f"people say {', '.join(words)}",
                  (status, fake.asked[-1]), (0, wanted))
    fake.asked.clear()
    code, out = terminal(folder, "verify", ["yes", ""])
    tap.ok(code == 1 and "nothing is pinned" in out and
           all(ask["do"] != "verify-yes" for ask in fake.asked),
           "people name no device", out)


def check_choice(tap, folder, fake):
    """Which room, if there are several or none"""
    fake.answer = lambda ask: {"room": room()}
    other = Fake(folder, "other")
    code, out, err = run(folder, "room")
    tap.equal("two rooms run", (code, out, err),
              (1, "", "Error: e2eed is running for several rooms (board, other): choose one "
               "with -r\n"))
    other.answer = lambda ask: {"room": room(room="other")}
    code, out, _ = run(folder, "-r other room")
    tap.ok(code == 0 and out.startswith("room other:"), "-r chooses", out)
    code, out, _ = run("/nowhere", f"-r {other.path} room")
    tap.ok(code == 0 and out.startswith("room other:"), "-r PATH", out)
    other.die()
    code, out, err = run(folder, "room")
    tap.ok(code == 0 and out.startswith("room board:"),
           "a socket that nobody listens to is not counted", out + err)


def main():
    tap = Tap()
    folder = tempfile.mkdtemp(prefix="e2eectl-room.")
    try:
        fake = Fake(folder, "board")
        check_looks(tap, folder, fake)
        check_requests(tap, folder, fake)
        check_answers(tap, folder, fake)
        check_verify(tap, folder, fake)
        check_people(tap, folder, fake)
        check_choice(tap, folder, fake)
    finally:
        shutil.rmtree(folder)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())

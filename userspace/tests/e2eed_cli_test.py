#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What e2eed says to bad input: command lines, configuration files, identities,
a kernel without module or session, brokers that are not as they should be, two
devices of one name. One line each, with cause and cure. TAP."""

import os
import re
import shutil
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "lib"))
from appliances import (E2EED, PLAIN, Broker, Hub,  # noqa: E402
                        certificates, play, until)

GOOD = "--room stdio:board --session call --dev room-a --identity {id} " \
       "--trust-store {dir}/trust"

# Command line, exit code, what the one line on stderr is to match
LINES = [
    ("", 2, "session is missing; see e2eed --help"),
    ("--frobnicate", 2, 'option "--frobnicate" is not known'),
    ("--room", 2, "--room needs a value"),
    ("board", 2, '"board" is not an option'),
    ("--session call", 2, "room is missing"),
    ("--room stdio:board", 2, "session is missing"),
    ("--session a/b", 2, 'session: "a/b" is not a session name'),
    ("--room board", 2, '"board" is neither mqtts://BROKER.*nor stdio:ROOM'),
    ("--room mqtts://broker.example", 2, "lacks the room's name"),
    ("--room mqtts://broker.example/", 2, "lacks the room's name"),
    ("--room mqtts://broker.example/a/b", 2,
     'the name "a/b" has a slash, which is not allowed: use 1 to 64 of'),
    ("--room stdio:a/b", 2, 'the name "a/b" has a slash'),
    ("--room stdio:", 2, "lacks the room's name"),
    ("--room stdio:a:b", 2, 'room: "a:b" is not a name: use 1 to 64 of'),
    ("--room stdio:" + "x" * 65, 2, "is not a name"),
    ("--dev room/a", 2, 'dev: "room/a" is not a name'),
    ("--trust everybody", 2, "trust has to be pinned-only, verified or tofu, "
     'not "everybody"'),
    ("--floor none", 2, 'floor has to be required, optional or off, not "none"'),
    ("--policy blocked", 2, "policy has to be required, optional or off"),
    ("--suite 6", 2, "suite has to be aes-256-gcm or aes-128-gcm"),
    ("--admin a:b", 2, 'admin: "a:b" is not a name'),
    (" ".join(["--admin x"] * 65), 2, "admin: there are more than 64"),
    (GOOD + " --policy off", 2, "policy off is weaker than the floor required"),
    (GOOD + " --cafile /dev/null", 2, "are for a broker, but stdio:board has none"),
    (GOOD + " --cert a --password-file b", 2, "exclude each other"),
    ("--config {dir}/none", 1, "none: No such file or directory"),
    (GOOD + " --check-config", 0, None),
    (GOOD + " --policy optional --floor off --rsa --suite aes-128-gcm "
     "--admin room-b --trust tofu --check-config", 0, None),
    (GOOD.replace("{id}", "{dir}/absent"), 1,
     "absent does not exist: .*e2eectl keygen"),
    (GOOD.replace("{id}", "{world}"), 1, r"world.*chmod 600"),
    (GOOD.replace("{id}", "{junk}"), 1, "junk.*Ed25519"),
    (GOOD.replace("stdio:board", "mqtt://broker.example/board"), 1,
     "mqtt:// has no TLS: use mqtts://"),
    (GOOD.replace("stdio:board", "mqtt://broker.example/board") +
     " --insecure --check-config", 0, None),
    (GOOD.replace("stdio:board", "mqtt://localhost.example/board"), 1,
     "mqtt:// has no TLS: use mqtts://, or give --insecure"),
    (GOOD.replace("stdio:board", "mqtt://localhost/board") +
     " --check-config", 0, None),
    (GOOD.replace("stdio:board", "mqtts:///board"), 1,
     "the room's URL lacks the broker's name"),
    (GOOD.replace("stdio:board", "mqtts://x:y@broker.example/board"), 1,
     "everybody can see a password in the room's URL"),
    (GOOD.replace("stdio:board", "mqtts://broker.example:0/board"), 1,
     "the port in the room's URL has to be from 1 to 65535"),
    (GOOD.replace("stdio:board", "mqtts://broker.example/board") +
     " --cafile {dir}/none", 1, "cafile .*none: No such file"),
    (GOOD.replace("stdio:board", "mqtts://broker.example/board") +
     " --cert {world}", 1, "cert and --key are only useful together"),
    ("--stop-sending", 2, "session is missing"),
]

# A file, exit code, what is said of it
FILES = [
    ("", 1, r"conf: session is missing"),
    ("session = call\nroom = stdio:a/b\n", 1, r"conf:2: room: the name \"a/b\""),
    ("session call\n", 1, r'conf:1: "session call" is not an option'),
    ("session =\n", 1, 'conf:1: session: "= VALUE" is missing'),
    ("session\n", 1, 'conf:1: session: "= VALUE" is missing'),
    ("# words\n\n  session = call\n\tfloor=maybe\n", 1, "conf:4: floor has to"),
    ("config = other\n", 1, 'conf:1: "config" is not an option of the configuration file'),
    ("stop-sending\n", 1, 'conf:1: "stop-sending" is not an option of the configuration file'),
    ("rsa = perhaps\n", 1, "conf:1: rsa has to be yes or no"),
    ("x" * 2000, 1, "conf:1: the line is too long"),
    ("session = call\nroom = mqtt://broker.example/board\ndev = room-a\n"
     "identity = {id}\ntrust-store = {dir}/trust\ninsecure = no\n", 1,
     "mqtt:// has no TLS: use mqtts://, or give --insecure"),
    ("session = call\nroom = mqtt://broker.example/board\ndev = room-a\n"
     "identity = {id}\ntrust-store = {dir}/trust\ninsecure = yes\n", 0, None),
    ("session = call\nroom = stdio:board\ndev = room-a\nidentity = {id}\n"
     "trust-store = {dir}/trust\nrsa\ndebug-core = no\nadmin = a\nadmin = b\n",
     0, None),
]


def run(words, folder, kernel=None):
    env = dict(os.environ, RUNTIME_DIRECTORY=folder, STATE_DIRECTORY=folder,
               E2EE_FAKE_KERNEL=kernel or folder)
    done = subprocess.run([E2EED, *words], capture_output=True, timeout=300,
                          check=False, stdin=subprocess.DEVNULL, env=env,
                          text=True)
    return done.returncode, done.stdout, done.stderr


def good_answer(found, code, pattern):
    returned, out, err = found
    if returned != code:
        return False
    if pattern is None:
        return code or "the configuration is good" in out
    return err.count("\n") == 1 and not out and \
        re.search(f"^<3>e2eed: .*(?:{pattern})", err)


def identity(path, mode=0o600):
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out",
                    path], check=True, capture_output=True)
    os.chmod(path, mode)
    return path


def check_lines(tap, stage):
    folder = stage.folder
    names = {"dir": folder, "id": identity(f"{folder}/id"),
             "world": identity(f"{folder}/world", 0o644),
             "junk": f"{folder}/junk"}
    with open(names["junk"], "w", encoding="utf-8") as stream:
        stream.write("junk")
    os.chmod(names["junk"], 0o600)
    for line, code, pattern in LINES:
        found = run([w.format(**names) for w in line.split()], folder)
        tap.ok(good_answer(found, code, pattern), f"e2eed {line}"[:110], found)
    for number, (text, code, pattern) in enumerate(FILES):
        with open(f"{folder}/conf", "w", encoding="utf-8") as stream:
            stream.write(text.format(**names))
        found = run(["--config", f"{folder}/conf", "--check-config"], folder)
        tap.ok(good_answer(found, code, pattern),
               f"file {number}: {pattern or 'good'}", found)
    found = run(["--config", f"{folder}/conf", "--floor", "none"], folder)
    tap.ok(found[0] == 2 and "floor has to be" in found[2],
           "the command line is looked at, too", found)
    code, out, _ = run(["--help"], folder)
    tap.ok(code == 0 and "--password-file" in out, "--help", out)
    code, out, _ = run(["--version"], folder)
    tap.ok(code == 0 and re.fullmatch(r"e2eed \d+\.\d+\.\d+\n", out),
           "--version", out)


def says(one, text, seconds=20):
    return until(lambda: text in one.said(), seconds)


def check_kernel(tap, stage):
    one = stage.appliance("kernel", "stdio:board")
    one.module(False)
    one.session(0)
    one.start()
    line = "e2ee: kernel module is not loaded: modprobe e2ee"
    tap.ok(says(one, line), "module missing: one line", one.said())
    until(lambda: one.status().get("waiting") == line)
    tap.equal("and the status says it", one.status().get("waiting"), line)
    tap.equal("commands say that there is no call", one.ask(do="rekey"),
              {"error": 'this device is not in a call yet: "e2eectl room" says '
               "why"})
    tap.ok(until(lambda: one.read("log").count("no module") > 2),
           "it is tried again", one.read("log"))
    tap.equal("said once, though tried again", one.said().count(line), 1)
    one.module(True)
    line = 'session "call" does not exist: e2eectl add-session call'
    tap.ok(says(one, line), "session missing: one line", one.said())
    one.session(1)
    tap.ok(says(one, "session call is there"), "it comes, and is taken",
           one.said())
    tap.ok(until(lambda: one.status().get("state") == "joining"),
           "the room begins", one.said())
    other = one.path("other.id")
    found = run(["--room", "stdio:board", "--session", "call", "--dev", "x",
                 "--identity", identity(other), "--trust-store",
                 one.path("trust2")], one.folder)
    tap.ok(found[0] == 1 and "another e2eed is running for it" in found[2],
           "a second e2eed for the room is refused", found)
    tap.equal("SIGTERM ends it", one.stop(), 0)


def check_stop_sending(tap, stage):
    one = stage.appliance("stop", "stdio:board")
    one.write("keys", "1 5 2 0 1 720 aa bb\n2 7 3 0 1 900 cc dd\n")
    one.write("session", "call 1 1 1\n")
    code, _, err = run(["--session", "call", "--stop-sending"], one.folder)
    tap.ok(code == 0 and "nothing left to send with" in err, "--stop-sending",
           err)
    tap.equal("the tx keys are gone, the others not",
              [k.dir for k in one.keys()], [2])
    tap.equal("the policy is required first", one.read("log"),
              "policy required\n")
    one.session(0)
    code, _, err = run(["--session", "call", "--stop-sending"], one.folder)
    tap.ok(code == 3 and "no such session" in err, "no session to stop", err)


def check_broker(tap, stage):
    """Wrong, then right: e2eed goes on trying"""
    port = 20000 + os.getpid() % 20000
    certificates(stage.folder)
    one = stage.appliance("broker", f"mqtts://127.0.0.1:{port}/board",
                          "--cafile", f"{stage.folder}/ca.pem")
    one.start()
    line = f"nothing listens on port {port}: is the broker running"
    tap.ok(says(one, line), "broker down: one line", one.said())
    until(lambda: line in one.status().get("waiting", ""))
    tap.ok(line in one.status()["waiting"], "and the status says it",
           one.status())
    for cert, line in (
            ("name", "its certificate is for another name: use that name in "
             "the room's URL"),
            ("late", "its certificate is not valid today: renew it, or set "
             "this machine's clock")):
        broker = Broker(stage.folder, port, cert)
        tap.ok(says(one, line), f"certificate: {line}", one.said())
        broker.stop()
    broker = Broker(stage.folder, port, "good")
    tap.ok(until(lambda: one.status().get("state") == "owner", 30),
           "a good broker is taken", one.said())
    broker.stop()
    tap.ok(until(lambda: one.status()["waiting"]), "it goes down",
           one.status())
    tap.ok(one.status()["encrypted"], "media goes on meanwhile", one.status())
    broker = Broker(stage.folder, port, "good")
    tap.ok(until(lambda: not one.status()["waiting"]), "and comes back",
           one.status())
    lines = one.said().splitlines()
    tap.ok(len(lines) < 20 and all(re.match("<[3-6]>e2eed: ", line)
                                   for line in lines),
           "few lines, each with its priority", one.said())
    tap.equal("left", one.stop(), 0)
    broker.stop()
    check_read_only(tap, stage)


def check_rights(tap, stage):
    """As a user of its own, with one capability, as the unit runs it"""
    one = stage.appliance("user", "stdio:board", hub=Hub())
    program = shutil.copy(PLAIN, one.path("e2eed"))
    one.write("as-user", "#!/bin/sh\nexec setpriv --reuid 65534 --regid 65534 "
              "--clear-groups --inh-caps +net_admin,+sys_admin "
              f"--ambient-caps +net_admin,+sys_admin {program} \"$@\"\n")
    one.program = one.path("as-user")
    os.chmod(one.program, 0o755)
    os.chmod(stage.folder, 0o711)
    for name in [one.folder, *(one.path(n) for n in os.listdir(one.folder))]:
        os.chown(name, 65534, 65534)
    one.start()
    tap.ok(until(lambda: one.status().get("state") == "owner"),
           "it serves its room, and root may ask it", one.said())
    process = f"/proc/{one.process.pid}"
    with open(f"{process}/status", encoding="ascii") as stream:
        found = dict(line.split(":\t", 1) for line in
                     stream.read().splitlines() if ":\t" in line)
    net_admin = f"{1 << 12:016x}"
    tap.equal("it keeps CAP_NET_ADMIN and nothing else",
              {key: found[key] for key in ("CapEff", "CapPrm", "CapInh",
                                           "CapAmb", "NoNewPrivs")},
              {"CapEff": net_admin, "CapPrm": net_admin, "CapInh": "0" * 16,
               "CapAmb": "0" * 16, "NoNewPrivs": "1"})
    tap.equal("its user is the one it was given", found["Uid"].split()[0],
              "65534")
    tap.equal("others of its user cannot read its memory: no core dumps",
              os.stat(f"{process}/maps").st_uid, 0)
    with open(f"{process}/limits", encoding="ascii") as stream:
        limit = re.search(r"^Max core file size +(\d+) +(\d+)", stream.read(),
                          re.M)
    tap.equal("nor by the limit", limit and limit.groups(), ("0", "0"))
    tap.equal("left", one.stop(), 0)


def check_credential(tap, stage):
    """As a user of its own, with an identity that lies where nothing can be
    written; what it keeps is elsewhere"""
    one = stage.appliance("sealed", "stdio:board", hub=Hub())
    program = shutil.copy(PLAIN, one.path("e2eed"))
    given, state = one.path("given"), one.path("state")
    one.write("as-user", "#!/bin/sh\n"
              f"export CREDENTIALS_DIRECTORY={given} STATE_DIRECTORY={state}\n"
              "exec setpriv --reuid 65534 --regid 65534 --clear-groups "
              "--inh-caps +net_admin --ambient-caps +net_admin "
              f"{program} \"$@\"\n")
    one.program = one.path("as-user")
    os.chmod(one.program, 0o755)
    os.chmod(stage.folder, 0o711)
    os.mkdir(given)
    os.rename(one.identity, f"{given}/identity")
    one.identity = f"{given}/identity"
    for name in [one.folder, *(one.path(n) for n in os.listdir(one.folder))]:
        os.chown(name, 65534, 65534)
    os.chown(one.identity, 0, 65534)
    os.chmod(one.identity, 0o440)
    os.chown(given, 0, 65534)
    os.chmod(given, 0o550)
    for number, why in enumerate(("no folder", "a folder of others")):
        one.start()
        tap.equal(f"{why} for its state: useless", one.wait(), 1)
        tap.ok(f"no number can be kept in {state}" in
               one.said().splitlines()[number], f"{why}: one line", one.said())
        if not number:
            os.mkdir(state)
    os.chown(state, 65534, 65534)
    one.start()
    tap.ok(until(lambda: one.status().get("state") == "owner"),
           "a credential serves, and has a folder for its state", one.said())
    tap.equal("left", one.stop(), 0)
    with open(f"{state}/identity.seq", encoding="ascii") as stream:
        before = int(stream.read())
    tap.equal("nothing is beside the identity", os.listdir(given), ["identity"])
    one.start()
    until(lambda: one.status().get("state") == "owner")
    tap.equal("left again", one.stop(), 0)
    with open(f"{state}/identity.seq", encoding="ascii") as stream:
        tap.ok(int(stream.read()) > before, "the number went on")
    one.write("as-user", one.read("as-user").replace(given, "/nowhere"))
    one.start()
    tap.equal("the same file, and not as a credential", one.wait(), 1)
    tap.ok("identity is open to others" in one.said().splitlines()[-1],
           "is refused", one.said())


def check_echo(tap, stage):
    """Lines that do not come back"""
    one = stage.appliance("deaf", "stdio:board")
    one.start()
    line = "this device does not get its own messages back: each line has to " \
        "reach all devices, the sender too"
    tap.ok(says(one, f"<4>e2eed: {line}"), "no echo: one line", one.said())
    tap.equal("and the status says it", one.status().get("waiting"), line)
    tap.equal("left", one.stop(), 0)


def check_read_only(tap, stage):
    """A broker where the device may hear, and not speak"""
    port = 20000 + os.getpid() % 20000 + 2
    acl = f"{stage.folder}/acl"
    with open(acl, "w", encoding="ascii") as stream:
        stream.write("topic read e2ee/1/board/#\n")
    broker = Broker(stage.folder, port, "good", f"acl_file {acl}")
    one = stage.appliance("hushed", f"mqtts://127.0.0.1:{port}/board",
                          "--cafile", f"{stage.folder}/ca.pem")
    one.start()
    line = "published something: let it read and write e2ee/1/board/#"
    tap.ok(says(one, line), "a broker where it may only read: one line",
           one.said())
    tap.ok(until(lambda: line in one.status().get("waiting", "")),
           "and the status says it", one.status())
    tap.equal("said once, however often it is tried", one.said().count(line), 1)
    tap.equal("left", one.stop(), 0)
    broker.stop()


def grown(process):
    """Has it taken the 256 MiB? In KiB, as the kernel counts"""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as stream:
        words = dict(line.split(":", 1) for line in stream)
    return int(words["VmData"].split()[0]) > 200 * 1024


def check_huge(tap, stage):
    """A broker announces a message of 256 MiB: no memory is set aside for it"""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        one = stage.appliance("huge", "mqtt://127.0.0.1:%d/board" %
                              server.getsockname()[1])
        one.program = PLAIN
        one.start()
        for attempt in ("it hangs up", "and again"):
            client, _ = server.accept()
            client.settimeout(0.1)
            client.recv(4096)
            client.sendall(b"\x20\x02\x00\x00" + b"\x30\xff\xff\xff\x7f")
            gone = False
            while not gone and not grown(one.process):
                try:
                    gone = not client.recv(4096)
                except TimeoutError:
                    pass
                except ConnectionError:
                    gone = True
            tap.ok(gone, f"a message of 256 MiB: {attempt}")
            client.close()
    tap.ok(one.process.poll() is None, "a message of 256 MiB: it goes on",
           one.said())
    tap.equal("to its end", one.stop(), 0)


def check_junk(tap, stage):
    """What is no message is counted, and said once"""
    one = stage.appliance("noise", "stdio:board", hub=Hub())
    one.start()
    until(lambda: one.status().get("state") == "owner")
    tap.equal("nothing is dropped", one.status()["counters"]["drop_transport"],
              0)
    for line in (b"words!\n", b"gone \n", b"x" * 800000 + b"\n"):
        one.process.stdin.write(line)
    one.process.stdin.flush()
    tap.ok(until(lambda: one.status()["counters"]["drop_transport"] == 3),
           "lines that are no messages are counted", one.status())
    tap.equal("and said once", one.said().count("is not a message"), 1)
    tap.equal("it goes on", one.status()["state"], "owner")
    tap.equal("to its end", one.stop(), 0)


def check_names(tap, stage):
    """Two devices of one name; one identity twice"""
    hub = Hub()
    rooms = []
    for folder in ("first", "second"):
        one = stage.appliance(folder, "stdio:board", "--trust", "tofu", hub=hub)
        one.name = "twin"
        rooms.append(one)
    hub.join = lambda process, name, join=hub.join: join(process, id(process))
    rooms[0].start()
    until(lambda: rooms[0].status().get("state") == "owner")
    rooms[1].start()
    line = "another device calls itself twin, too: give one of them another " \
           "name"
    tap.ok(until(lambda: line in rooms[0].said() + rooms[1].said()),
           "two devices of one name", rooms[0].said() + rooms[1].said())
    rooms[1].stop()
    shutil.copy(rooms[0].identity, rooms[1].identity)
    rooms[1].write("identity.seq", "")
    os.unlink(rooms[1].path("identity.seq"))
    code = None
    rooms[1].start()
    code = until(lambda: [r.process.poll() for r in rooms if
                          r.process.poll() is not None])
    tap.equal("one identity twice: one of them ends with 6", code, [6])
    tap.ok("in use elsewhere" in rooms[0].said() + rooms[1].said(),
           "and says why", rooms[0].said() + rooms[1].said())


if __name__ == "__main__":
    sys.exit(play(check_lines, check_kernel, check_stop_sending, check_rights,
                  check_credential, check_echo, check_junk, check_huge,
                  check_names, over_broker=check_broker))

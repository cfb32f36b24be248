#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""e2eed by three, with kernels that are folders, over standard input and output
and then over a broker with TLS: join, rekey, verify, kick, take over, restart,
leave. TAP."""

import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "lib"))
from appliances import (PLAIN, RX, TX, Broker, Hub,  # noqa: E402
                        certificates, keys_fit, play, together, until)

URL = "stdio:board"


def trio(stage, *options):
    hub = Hub()
    return [stage.appliance(name, URL, "--trust", "tofu", *options, hub=hub)
            for name in ("room-a", "room-b", "room-c")]


def owner_of(appliances):
    for one in appliances:
        if one.status().get("state") == "owner":
            return one
    return None


def timed(check, *args):
    began = time.monotonic()
    answer = check(*args)
    print(f"# {check.__name__}: {time.monotonic() - began:.1f} s", flush=True)
    return answer


def looks(appliances):
    return "\n".join(f"{one.name}: {one.status()}\n{one.said()}"
                     for one in appliances)


def check_join(tap, rooms):
    began = time.monotonic()
    for one in rooms:
        one.start()
    tap.ok(until(lambda: together(rooms)), "three are together", looks(rooms))
    print(f"# {time.monotonic() - began:.1f} s")
    tap.equal("what each sends with, the others can receive",
              keys_fit(rooms), "")
    tap.equal("one owner", [r.status()["state"] for r in rooms].count("owner"),
              1)
    tap.ok(all(k.expires == 720 for r in rooms for k in r.keys(TX)),
           "sending ends by itself should e2eed die")
    tap.ok(all("policy required" in r.read("log") for r in rooms),
           "the policy is set", rooms[0].read("log"))
    tap.ok(all(m["trust"] == "tofu" for r in rooms for m in r.status()["members"]
               if not m["self"]), "who was unknown is remembered",
           looks(rooms))


def check_rekey(tap, rooms):
    before = rooms[0].status()
    tap.equal("rekey is taken", rooms[0].ask(do="rekey"), {"done": True})
    tap.ok(until(lambda: together(rooms) and rooms[0].status()["t"] !=
                 before["t"]), "rekey makes a new epoch", looks(rooms))
    tap.equal("and the keys fit", keys_fit(rooms), "")
    tap.ok(rooms[0].status()["epoch"] > before["epoch"],
           "the kernel's epochs go up")


def check_events(tap, rooms):
    """A new SSRC without a key"""
    count = len(rooms[0].keys(TX))
    rooms[0].event("key-missing 1 0 4711")
    tap.ok(until(lambda: len(rooms[0].keys(TX)) > count),
           "key-missing where it is sent: another key", rooms[0].keys(TX))
    text = "a stream is not sent: the kernel has no key for it"
    tap.ok(until(lambda: text in rooms[0].status()["alarms"]),
           "and an alarm, as it was not sent", rooms[0].status()["alarms"])
    tap.ok(f"<4>e2eed: room board: {text}" in rooms[0].said(),
           "the log has it", rooms[0].said())
    # one is for all, eight are spare
    far = [k for k in rooms[0].keys(TX) if k.kid >> 14 == 9]
    tap.ok(far, "a stream that sends leaves eight spare keys", rooms[0].keys())
    rooms[1].event(f"key-missing 2 {far[0].kid} 815")
    tap.ok(until(lambda: any(k.kid == far[0].kid and k.secret == far[0].secret
                             for k in rooms[1].keys(RX))),
           "key-missing where it is received: the key comes")
    member = [r for r in rooms[1:] if r.status()["state"] == "member"][0]
    seq = member.status()["seq"]
    member.event("key-expiring 1 %d 0" % member.keys(TX)[0].kid)
    tap.ok(until(lambda: member.status()["seq"] > seq),
           "key-expiring: a new epoch", looks(rooms))
    until(lambda: together(rooms))


def check_verify(tap, rooms):
    tap.equal("verify", rooms[0].ask(do="verify"), {"done": True})
    ready = until(lambda: all(r.status()["sas"]["state"] == "ready"
                              for r in rooms))
    codes = {r.status()["sas"].get("code") for r in rooms}
    tap.ok(ready and len(codes) == 1 and None not in codes,
           "all see the same code", codes)
    _, second, third = (r.name for r in rooms)
    answer = rooms[0].ask(**{"do": "verify-yes", "devs": [second],
                             "code": "1000-1000-1000"})
    tap.ok("1000-1000-1000 is not the code that is shown" in answer.get("error", ""),
           "yes to another code is none", answer)
    answer = rooms[0].ask(**{"do": "verify-yes", "devs": [second]})
    tap.ok("give the code that was compared" in answer.get("error", ""),
           "nor is yes to none", answer)
    answer = rooms[0].ask(**{"do": "verify-yes", "devs": [second],
                             "code": codes.pop()})
    tap.equal("verify yes", answer, {"done": True})
    trust = {m["dev"]: m["trust"] for m in rooms[0].status()["members"]}
    tap.equal("only the device named is verified",
              (trust[second], trust[third]), ("verified", "tofu"))
    tap.ok("verified" in rooms[0].read("trust"), "and it is written down",
           rooms[0].read("trust"))
    check_verify_no(tap, rooms)


def check_verify_no(tap, rooms):
    """Others look at the code, too, and one of them sees another one"""
    code = rooms[0].status()["sas"]["code"]
    for one in rooms + rooms:
        tap.equal(f"{one.name}: verify, again",
                  (one.ask(do="verify"), one.status()["sas"].get("code")),
                  ({"done": True}, code))
    answer = rooms[0].ask(**{"do": "verify-yes", "devs": [rooms[2].name],
                             "code": code})
    tap.equal("a second yes, for another device", answer, {"done": True})
    tap.equal("the third one says no", rooms[2].ask(do="verify-no"),
              {"done": True})
    alarm = "verification failed: people at " + rooms[2].name + \
        " saw another code"
    tap.ok(until(lambda: all(alarm in r.status()["alarms"] and
                             r.status()["sas"]["state"] == "failed" and
                             alarm in r.said() for r in rooms[:2])),
           "everybody is alarmed", looks(rooms))
    answer = rooms[1].ask(**{"do": "verify-yes", "devs": [rooms[0].name],
                             "code": code})
    tap.ok("error" in answer, "and no yes is taken after it", answer)


def check_trust_file(tap, rooms):
    """A trust store with an error: an alarm that names the line, until it is
    in order again"""
    one = rooms[0]
    good = one.read("trust")
    line = f"{one.path('trust')}:{len(good.splitlines()) + 1}: no device"
    one.write("trust", good + "room-d 0a0b pinned\n")
    tap.ok(until(lambda: any(line in alarm for alarm in
                             one.status()["alarms"])),
           "an error in the trust store is an alarm", one.status()["alarms"])
    tap.ok(f"<4>e2eed: room board: nobody new is let in: {line}" in one.said(),
           "the log has it", one.said())
    tap.ok(together(rooms), "the call goes on", looks(rooms))
    one.write("trust", good)
    tap.ok(until(lambda: not any(line in alarm for alarm in
                                 one.status()["alarms"])),
           "and the alarm goes with the error", one.status()["alarms"])


def check_restart(tap, rooms):
    """Killed, a member comes back; its media goes on meanwhile"""
    member = [r for r in rooms if r.status()["state"] == "member"][0]
    before = set(member.keys(TX))
    member.stop(signal.SIGKILL)
    tap.equal("kill -9 leaves the kernel its keys", set(member.keys(TX)),
              before)
    member.start()
    until(lambda: member.status().get("state") in ("joining", "member"))
    tap.ok(until(lambda: together(rooms), 15), "and it comes back soon",
           looks(rooms))
    tap.equal("with keys that fit", keys_fit(rooms), "")
    tap.ok(until(lambda: not before & set(member.keys(TX)), 30),
           "the old keys go", member.keys(TX))


def check_session(tap, rooms):
    """The kernel's session is made anew: nothing of before returns"""
    member = [r for r in rooms if r.status()["state"] == "member"][0]
    before = set(member.keys())
    member.session(2)
    member.event("session-del 0 0 0")
    tap.ok(until(lambda: "it" if "with id 2" in member.said() else ""),
           "a session made anew is noticed", member.said())
    tap.ok(until(lambda: together(rooms), 60), "it joins again", looks(rooms))
    tap.ok(not before & set(member.keys()), "no key of before comes back")
    member.session(0)
    tap.ok(until(lambda: 'session "call" does not exist: e2eectl add-session '
                 "call" in member.said(), 20), "a session that is gone",
           member.said())
    tap.equal("is what the status says", member.status().get("waiting"),
              'session "call" does not exist: e2eectl add-session call')
    tap.equal("nothing is encrypted without it", member.status()["encrypted"],
              False)
    member.session(3)
    tap.ok(until(lambda: together(rooms), 60), "and comes back", looks(rooms))
    before = set(member.keys())
    member.session(0)
    tap.ok(until(lambda: member.status().get("waiting"), 20), "gone again",
           member.said())
    member.session(3)
    tap.ok(until(lambda: member.keys(TX) and together(rooms), 60) and
           not before & set(member.keys()),
           "another one with the same id: no key of before comes back",
           looks(rooms))
    before = set(member.keys(TX))
    for _ in range(3):
        member.write("busy-once", "")
        member.event("session-new 0 0 0")
        until(lambda: not os.path.exists(member.path("busy-once")), 20)
    tap.ok("the kernel is busy" in member.said(),
           "a kernel that is busy for a moment", member.said())
    tap.ok(together(rooms) and before & set(member.keys(TX)),
           "is still the same one: the call goes on", looks(rooms))


def check_takeover(tap, rooms):
    owner = owner_of(rooms)
    rest = [r for r in rooms if r is not owner]
    began = time.monotonic()
    owner.stop(signal.SIGKILL)
    tap.ok(until(lambda: owner_of(rest), 30), "owner killed: another one",
           looks(rest))
    print(f"# {time.monotonic() - began:.1f} s")
    owner.start()
    tap.ok(until(lambda: together(rooms), 60), "the old one comes back",
           looks(rooms))
    tap.equal("one owner", [r.status()["state"] for r in rooms].count("owner"),
              1)


def check_kick(tap, rooms):
    owner = owner_of(rooms)
    rest = [r for r in rooms if r is not owner]
    answer = rest[0].ask(do="kick", dev=rest[1].name)
    tap.equal("a member's kick asks the owner", answer,
              {"done": False, "asked": True})
    tap.ok("error" in owner.ask(do="kick", dev="nobody"),
           "a kick of nobody is refused")
    tap.equal("the owner kicks", owner.ask(do="kick", dev=rest[1].name),
              {"done": True})
    tap.equal("the kicked one ends with 5", rest[1].wait(), 5)
    tap.equal("and has no keys", rest[1].keys(), [])
    tap.ok("is over for this device" in rest[1].said(), "and says why",
           rest[1].said())
    tap.ok(until(lambda: together([owner, rest[0]])), "the others go on",
           looks([owner, rest[0]]))
    return [owner, rest[0]]


def check_leave(tap, rooms):
    owner, member = rooms
    tap.equal("SIGTERM: left", member.stop(), 0)
    tap.equal("nothing stays in the kernel", member.keys(), [])
    tap.ok(until(lambda: owner.members() == [owner.name]), "the owner is alone",
           looks([owner]))
    tap.equal("e2eectl leave is taken", owner.ask(do="leave"), {"done": True})
    tap.equal("the owner leaves", owner.wait(), 0)
    tap.equal("nothing stays", owner.keys(), [])
    tap.ok(not os.path.exists(owner.path("board.sock")),
           "the control socket goes, too")


def check_end(tap, rooms):
    """Ended for all: an exit status of its own, and no key anywhere"""
    for one in rooms:
        one.start()
    tap.ok(until(lambda: together(rooms), 60), "together again", looks(rooms))
    owner = owner_of(rooms)
    member = [r for r in rooms if r is not owner][0]
    tap.ok("only the owner" in member.ask(do="end").get("error", ""),
           "a member cannot end the call")
    tap.equal("the owner ends it", owner.ask(do="end"), {"done": True})
    tap.equal("the owner's e2eed ends with 0", owner.wait(), 0)
    tap.equal("the member's with 4", member.wait(), 4)
    tap.equal("it says so, and that is no error",
              member.said().splitlines()[-1],
              "<5>e2eed: room board: the call was ended")
    tap.equal("nothing stays", owner.keys() + member.keys(), [])


def check_broker(tap, stage):
    port = 20000 + os.getpid() % 20000
    certificates(stage.folder)
    broker = Broker(stage.folder, port, "good")
    other = Broker(stage.folder, port + 1, "good")
    timed(check_move, tap, stage, (broker, other))
    other.stop()
    rooms = [stage.appliance(f"mqtt-{name}", f"mqtts://localhost:{port}/board",
                             "--trust", "tofu", "--cafile",
                             f"{stage.folder}/ca.pem") for name in "abc"]
    timed(check_join, tap, rooms)
    timed(check_verify, tap, rooms)
    timed(check_restart, tap, rooms)
    timed(check_outage, tap, rooms, broker)
    timed(check_takeover, tap, rooms)
    timed(check_leave, tap, check_kick(tap, rooms))
    broker.stop()
    check_sanitizers(tap, rooms)


def check_move(tap, stage, brokers):
    """A configuration that names another broker moves the call there"""
    urls = [f"mqtts://localhost:{broker.port}/board" for broker in brokers]
    rooms = [stage.appliance(f"move-{name}", urls[0], "--trust", "tofu",
                             "--cafile", f"{stage.folder}/ca.pem")
             for name in "ab"]
    for one in rooms:
        one.write("conf", f"room = {urls[0]}\n")
        one.start("--config", one.path("conf"))
    tap.ok(until(lambda: together(rooms)), "two at a broker", looks(rooms))
    call = rooms[0].status()["call"]
    for one in rooms:
        reload(one, "", urls[1])
    tap.ok(until(lambda: all("connecting to another broker" in r.said() and
                             r.status()["link"] for r in rooms)),
           "both move to another one", looks(rooms))
    brokers[0].stop()
    rooms[0].ask(do="rekey")
    tap.ok(until(lambda: together(rooms) and all(
        m["acked"] for m in owner_of(rooms).status()["members"])),
           "and rekey there: the owner hears ACKs", looks(rooms))
    tap.equal("in the same call", rooms[0].status()["call"], call)
    for one in rooms:
        one.stop()
    check_sanitizers(tap, rooms)
    brokers[0].start()


def check_outage(tap, rooms, broker):
    """A broker that starts again knows nothing; the call goes on"""
    before = [set(r.keys(TX)) for r in rooms]
    call = rooms[0].status()["call"]
    broker.stop()
    tap.ok(until(lambda: not any(r.status()["link"] for r in rooms)),
           "the broker is gone", looks(rooms))
    tap.ok(all(r.status()["encrypted"] for r in rooms) and
           [set(r.keys(TX)) for r in rooms] == before,
           "the keys stay", looks(rooms))
    broker.start()
    tap.ok(until(lambda: all(r.status()["link"] for r in rooms)),
           "it comes back", looks(rooms))
    tap.ok(rooms[0].ask(do="rekey") == {"done": True} and until(
        lambda: together(rooms) and not set(rooms[0].keys(TX)) & before[0], 40),
           "a rekey gets through", looks(rooms))
    tap.equal("in the same call", rooms[0].status()["call"], call)


def check_sanitizers(tap, rooms):
    tap.ok(all("ERROR: AddressSanitizer" not in r.said() and
               "runtime error" not in r.said() for r in rooms),
           "no sanitizer has anything to say", looks(rooms))


def call_over_lines(tap, stage):
    rooms = trio(stage)
    for check in (check_join, check_rekey, check_events, check_verify,
                  check_trust_file, check_restart, check_session,
                  check_takeover):
        timed(check, tap, rooms)
    rest = check_kick(tap, rooms)
    check_leave(tap, rest)
    check_end(tap, rest)
    check_sanitizers(tap, rooms)


def check_signals(tap, rooms):
    """Nothing ends it as if all were well, and leaves its keys in the kernel"""
    one = rooms[0]
    for room in rooms:
        room.write("conf", f"room = {URL}\ntrust = tofu\nadmin = somebody\n")
        room.start("--config", room.path("conf"))
    tap.ok(until(lambda: together(rooms)), "two are together", looks(rooms))
    for number in (signal.SIGHUP, signal.SIGPIPE, signal.SIGUSR1,
                   signal.SIGUSR2):
        one.process.send_signal(number)
    tap.ok(until(lambda: "the configuration was read again" in one.said()),
           "SIGHUP reads the configuration again", one.said())
    tap.ok(one.process.poll() is None and together(rooms),
           "no signal without a meaning ends it", looks(rooms))


def reload(one, text, url=URL):
    one.write("conf", f"room = {url}\n{text}")
    one.process.send_signal(signal.SIGHUP)


def check_reload(tap, rooms):
    one = rooms[0]
    for what, text, alarm in (
            ("a word", "admin = x\ntrust = everybody\n",
             f"the configuration stays as it was: {one.path('conf')}:3: trust has to be pinned-only, "
             'verified or tofu, not "everybody"'),
            ("a rule", "trust = tofu\nfloor = optional\npolicy = off\n",
             "the configuration stays as it was: "
             f"{one.path('conf')}: policy off is weaker than the floor"),
            ("a suite", "trust = tofu\nsuite = aes-128-gcm\nrsa\n",
             "e2eed has to be restarted to change: suite, rsa")):
        reload(one, text)
        tap.ok(until(lambda alarm=alarm: any(
            a.startswith(alarm) for a in one.status()["alarms"])),
            f"{what}: an alarm", one.status()["alarms"])
        tap.ok(f"<4>e2eed: room board: {alarm}" in one.said(),
               f"{what}: in the log, too", one.said())
    os.rename(one.path("conf"), one.path("away"))
    os.mkfifo(one.path("conf"))
    one.process.send_signal(signal.SIGHUP)
    tap.ok(until(lambda: "is not a file that can be read again" in one.said()),
           "nobody waits for a FIFO", one.said())
    os.unlink(one.path("conf"))
    tap.ok(together(rooms), "the call goes on through all of it", looks(rooms))
    reload(one, "trust = tofu\n")
    tap.ok(until(lambda: not one.status()["alarms"]),
           "a good configuration ends the alarm", one.status()["alarms"])
    owner = owner_of(rooms)
    reload(owner, "trust = verified\n")
    tap.ok(until(lambda: owner.members() == [owner.name]),
           "trust = verified holds at once: the unverified device goes",
           looks(rooms))
    tap.ok("is not trusted any more: removed" in owner.said(),
           "and the log says why", owner.said())


def check_exits(tap, rooms):
    """What is left in the kernel, however it ends"""
    for room in rooms:
        room.stop()
        room.write("conf", f"room = {URL}\ntrust = tofu\n")
        room.start("--config", room.path("conf"))
    tap.ok(until(lambda: together(rooms)), "together again", looks(rooms))
    owner = owner_of(rooms)
    member = [r for r in rooms if r is not owner][0]
    began = time.monotonic()
    owner.process.send_signal(signal.SIGTERM)
    tap.equal("SIGTERM, then SIGINT: left", owner.stop(signal.SIGINT), 0)
    tap.ok(time.monotonic() - began < 1, "it does not hand over then")
    tap.equal("nothing is left to send with", owner.keys(), [])
    member.write("stubborn", "")
    tap.equal("the kernel keeps a key: no success", member.stop(), 1)
    tap.ok(member.keys(TX) and "session call may have keys left to send with: "
           "the kernel is stubborn" in member.said(), "and it says so",
           member.said())
    os.unlink(member.path("stubborn"))
    member.session(1)
    member.start()
    tap.ok(until(lambda: member.keys(TX)), "it sends again", member.said())
    member.write("busy", "")
    began = time.monotonic()
    tap.equal("a kernel that wants to be asked again: no success either",
              member.stop(), 1)
    tap.ok(time.monotonic() - began < 5, "and long before systemd would kill it",
           time.monotonic() - began)
    os.unlink(member.path("busy"))
    for number in (signal.SIGQUIT, signal.SIGABRT, signal.SIGSEGV,
                   signal.SIGKILL):
        member.session(1)
        member.program = PLAIN
        member.start()
        tap.ok(until(lambda: member.keys(TX)), f"{number.name}: it sends",
               member.said())
        tap.equal(f"{number.name} ends it as a failure", member.stop(number),
                  -number)
        keys = member.keys(TX)
        tap.ok(keys and {key.expires for key in keys} == {720},
               f"{number.name}: sending ends after 12 minutes at the latest",
               keys)
    member.write("conf", "trust = everybody\nsession = call\n" + "x" * 2000)
    stopped = subprocess.run(
        [PLAIN, "--config", member.path("conf"), "--stop-sending"],
        env=dict(os.environ, E2EE_FAKE_KERNEL=member.folder), check=False,
        capture_output=True)
    tap.equal("--stop-sending does without the rest of the configuration",
              (stopped.returncode, member.keys(TX)), (0, []))
    member.write("keys", "1 5 2 0 1 720 aa bb\n")
    member.module(False)
    member.start()
    until(lambda: "module" in member.status().get("waiting", ""))
    member.module(True)
    tap.equal("stopped before it found the session", member.stop(), 0)
    tap.equal("the keys of before are gone all the same", member.keys(TX), [])


def key_of(one):
    done = subprocess.run(["openssl", "pkey", "-in", one.identity, "-pubout",
                           "-outform", "DER"], check=True, capture_output=True)
    return done.stdout[-32:].hex()


def strangers(tap, stage):
    """Two that nobody entered in the trust store of the other"""
    hub = Hub()
    rooms = [stage.appliance(name, URL, hub=hub) for name in ("out-a", "out-b")]
    for one in rooms:
        one.start()
    for one, other in (rooms, rooms[::-1]):
        begin = f"{other.name} is here and is not trusted; to admit it: "
        tap.ok(until(lambda one=one, begin=begin: any(
            alarm.startswith(begin) for alarm in
            one.status().get("alarms", []))), f"{one.name}: an alarm", one.said())
        tap.ok(f"<4>e2eed: room board: {begin}" in one.said(),
               f"{one.name}: the log has it", one.said())
        tap.ok(until(lambda one=one: one.status()["state"] == "owner" and
                     one.status()["alone"]), f"{one.name}: alone, and says so")
        tap.equal(f"{one.name}: whom it does not trust",
                  [(o["dev"], o["key"], o["trust"], o["trusted"], o["changed"])
                   for o in one.status()["outsiders"]],
                  [(other.name, key_of(other), "unknown", False, False)])
    one, other = rooms
    one.write("trust", f"{other.name} {key_of(other)} pinned\n")
    tap.ok(until(lambda: not one.status()["alarms"] and
                 one.status()["outsiders"][0]["trusted"]),
           "entered by one: its alarm goes", one.status())
    tap.ok(other.status()["alarms"] and one.members() == [one.name],
           "the other one still has it, and nobody is let in", looks(rooms))
    other.write("trust", f"{one.name} {key_of(one)} pinned\n")
    tap.ok(until(lambda: together(rooms)), "entered by both: together",
           looks(rooms))
    tap.ok(not any(r.status()["outsiders"] or r.status()["alarms"] or
                   r.status()["alone"] for r in rooms), "and nothing to say",
           looks(rooms))
    for one in rooms:
        one.stop()
    check_sanitizers(tap, rooms)


def put_out(tap, stage):
    """Kicked, and its kernel does not take the policy required: without keys it
    would send in clear"""
    rooms = [stage.appliance(name, URL, "--trust", "tofu", "--floor",
                             "optional", "--policy", "optional", hub=hub)
             for hub in [Hub()] for name in ("put-a", "put-b", "put-c",
                                             "put-d")]
    for one in rooms:
        one.start()
    tap.ok(until(lambda: together(rooms)), "four are together", looks(rooms))
    owner = owner_of(rooms)
    waits, gives_up, other = (r for r in rooms if r is not owner)
    for one in (waits, gives_up):
        one.write("policy-stays", "")
        owner.ask(do="kick", dev=one.name)
        tap.ok(until(lambda one=one: one.status().get("state") == "left"),
               f"{one.name}: it is out", one.said())
        tap.ok("the kernel refuses policy required" in
               one.status()["alarms"], f"{one.name}: an alarm", one.status())
        tap.ok(one.keys(TX) and not one.keys(RX) and
               one.process.poll() is None,
               f"{one.name}: its keys to send with stay, and so does e2eed",
               one.keys())
    os.unlink(waits.path("policy-stays"))
    tap.equal("when the kernel takes it: 5", waits.wait(), 5)
    tap.equal("no keys, and required",
              (waits.keys(), waits.read("session").split()[3]), ([], "0"))
    tap.equal("SIGTERM before that: no success", gives_up.stop(), 1)
    tap.ok(gives_up.keys(TX) and "may have keys left to send with: the policy "
           "stays" in gives_up.said(), "the keys stay, and the log says so",
           gives_up.said())
    other.stop()
    owner.stop()
    check_sanitizers(tap, rooms)


def signals(tap, stage):
    hub = Hub()
    rooms = [stage.appliance(name, URL, hub=hub) for name in ("sig-a", "sig-b")]
    for check in (check_signals, check_reload, check_exits):
        timed(check, tap, rooms)
    check_sanitizers(tap, rooms)


if __name__ == "__main__":
    sys.exit(play(call_over_lines, strangers, put_out, signals,
                  over_broker=check_broker))

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The MQTT transport against a real mosquitto on the loopback: TLS, what it
says when something is wrong, restarts, wills. TAP."""

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from tap import Tap

BUILD = os.environ.get("E2EE_BUILD") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..")
TOOL = os.path.join(BUILD, "tests", "transport_tool")
KP, EPOCH, HB, ACK, REQ, SAS, PROBE = range(7)
TAP = Tap()
ok = TAP.ok
WAIT = 20			# seconds, for what takes milliseconds


def run(*words, **options):
    return subprocess.run(words, check=True, capture_output=True, text=True,
                          **options)


def certificates(folder):
    """Two CAs; certificates for localhost, another name, a client"""
    def path(name):
        return os.path.join(folder, name)

    def key(name):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-keyout", path(name + ".key"))

    for ca in ("ca", "other-ca"):
        run("openssl", "req", "-x509", *key(ca), "-subj", f"/CN={ca}",
            "-out", path(ca + ".pem"), "-days", "2")
    for name, ca, alt in (("server", "ca", "DNS:localhost,IP:127.0.0.1"),
                          ("wrong-name", "ca", "DNS:broker.example"),
                          ("old", "ca", "DNS:localhost"),
                          ("client", "ca", "DNS:client"),
                          ("stranger", "other-ca", "DNS:client")):
        run("openssl", "req", *key(name), "-subj", f"/CN={name}",
            "-addext", f"subjectAltName={alt}", "-out", path(name + ".csr"))
        days = ["-days", "-1"] if name == "old" else ["-days", "2"]
        run("openssl", "x509", "-req", "-in", path(name + ".csr"),
            "-CA", path(ca + ".pem"), "-CAkey", path(ca + ".key"),
            "-CAcreateserial", "-copy_extensions", "copyall", *days,
            "-out", path(name + ".pem"))


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Broker:
    """A mosquitto with one listener"""

    def __init__(self, folder, *lines, cert="server"):
        self.port = free_port()
        self.config = os.path.join(folder, f"broker-{self.port}.conf")
        lines = [f"listener {self.port} 127.0.0.1", *lines]
        if cert:
            lines += [f"certfile {folder}/{cert}.pem",
                      f"keyfile {folder}/{cert}.key",
                      f"cafile {folder}/ca.pem"]
        with open(self.config, "w", encoding="ascii") as file:
            file.write("user root\nlog_dest none\n" if os.getuid() == 0
                       else "log_dest none\n")
            file.write("\n".join(lines) + "\n")
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c",
             self.config], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        end = time.monotonic() + WAIT
        while time.monotonic() < end:
            with socket.socket() as sock:
                if not sock.connect_ex(("127.0.0.1", self.port)):
                    return
            time.sleep(0.02)
        raise RuntimeError("mosquitto does not start")

    def stop(self):
        self.process.kill()
        self.process.wait()


class Client:
    """A transport_tool, and what it says"""

    def __init__(self, url, dev="a", *options, room="room"):
        self.process = subprocess.Popen(
            [TOOL, url, room, dev, *options], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        self.buffer = b""
        self.lines = []

    def say(self, text):
        self.process.stdin.write(text.encode() + b"\n")

    def publish(self, topic, dev, text, retain=0):
        self.say(f"publish {topic} {dev} {retain} {text}")

    def read(self, seconds):
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        if not ready:
            return False
        data = os.read(self.process.stdout.fileno(), 65536)
        self.buffer += data
        *lines, self.buffer = self.buffer.split(b"\n")
        self.lines += [line.decode() for line in lines]
        return bool(data)

    def hear(self, pattern, seconds=WAIT):
        """The next line that matches; those before it are forgotten"""
        end = time.monotonic() + seconds
        while True:
            while self.lines:
                line = self.lines.pop(0)
                if re.search(pattern, line):
                    return line
            left = end - time.monotonic()
            if left <= 0 or not self.read(left):
                return ""

    def end(self):
        """Closed in order; what the sanitizers say counts"""
        try:
            self.say("quit")
        except BrokenPipeError:
            pass
        _, errors = self.process.communicate()
        if errors:
            print("# " + errors.decode()[:3000].replace("\n", "\n# "))
        return not errors


def down_case(name, url, want, *options):
    client = Client(url, "a", *options)
    line = client.hear("^(down|error|up)")
    if "no retained messages" in line:
        line = client.hear("^(down|error|up)")
    ok(re.search(want, line), f"{name}: {line}")
    ok(client.end(), f"{name}: ended cleanly")


def url_of(broker, host="localhost", user="", scheme="mqtts"):
    return f"{scheme}://{user}{host}:{broker.port}/room"


def talks(folder):
    broker = Broker(folder, "allow_anonymous true")
    ca = f"cafile={folder}/ca.pem"
    one = Client(url_of(broker), "one", ca)
    two = Client(url_of(broker, "127.0.0.1"), "two", ca)
    ok(one.hear("^up$") and two.hear("^up$"), "TLS by name and by address: up")
    one.publish(KP, "one", "kp-of-one", 1)
    ok(one.hear(f"packet {KP} one 0 kp-of-one"), "a KP comes back")
    ok(two.hear(f"packet {KP} one 0 kp-of-one"), "and reaches the other")
    for topic, dev in ((EPOCH, "-"), (HB, "-"), (REQ, "one"), (SAS, "one")):
        one.publish(topic, dev, f"text-{topic}")
        ok(two.hear(f"packet {topic} {dev} 0 text-{topic}"), f"topic {topic}")
    one.publish(PROBE, "one", "echo")
    ok(one.hear(f"packet {PROBE} one 0 echo"), "a probe comes back")
    one.publish(ACK, "one", "unheard")
    one.publish(HB, "-", "end-1")
    ok("unheard" not in two.hear("unheard|echo|end-1"),
       "the other hears neither it nor ACKs")
    two.say("acks 1")
    end = time.monotonic() + WAIT
    heard = ""
    while not heard and time.monotonic() < end:
        one.publish(ACK, "one", "heard")
        heard = two.hear(f"packet {ACK} one 0 heard", 0.2)
    ok(heard, "an owner hears ACKs")
    two.say("acks 0")
    two.publish(HB, "-", "fence")
    two.hear("fence")
    one.publish(ACK, "one", "unheard")
    one.publish(HB, "-", "end-2")
    ok("unheard" not in two.hear("unheard|end-2"), "and then no more")
    late = Client(url_of(broker), "late", ca)
    ok(late.hear(f"packet {KP} one 1 kp-of-one"), "a KP is retained")
    one.publish(KP, "one", "-", 1)
    ok(late.hear(f"packet {KP} one 0 -$"), "and emptied")
    one.publish(KP, "one", "kp-again", 1)
    late.hear("kp-again")
    one.process.send_signal(signal.SIGKILL)
    ok(late.hear(f"packet {KP} one 0 -$"), "kill -9: the will empties it")
    one.process.communicate()
    ok(two.end() and late.hear(f"packet {KP} two 0 -$"), "an end does so too")
    junk(broker, folder, late)
    ok(late.end(), "ended cleanly")
    broker.stop()


def junk(broker, folder, client):
    """What others may write below the room's topics"""
    def pub(topic, *words):
        run("mosquitto_pub", "-h", "localhost", "-p", str(broker.port),
            "--cafile", f"{folder}/ca.pem", "-q", "1", "-t", topic, *words)

    pub("e2ee/1/room/kp/a b", "-m", "x")
    ok(client.hear("refused: a topic"), "a topic of no device is refused")
    big = os.path.join(folder, "big")
    with open(big, "wb") as file:
        file.write(bytes(3 << 20))
    pub("e2ee/1/room/epoch", "-f", big)
    ok(client.hear(f"packet {EPOCH} - 0"), "3 MiB come through")
    pub("e2ee/1/other/hb", "-m", "other")
    pub("e2ee/1/room/hb", "-m", "mine")
    ok("mine" in client.hear("other|mine"), "another room is not heard")


def floods(folder):
    broker = Broker(folder, "allow_anonymous true")
    client = Client(url_of(broker), "a", f"cafile={folder}/ca.pem")
    client.hear("^up$")
    client.say("flood 500 1000")
    ok(client.hear("pending 500"), "500 heartbeats wait for the broker")
    end = time.monotonic() + WAIT
    answer = ""
    while answer != ("count 500", "pending 0") and time.monotonic() < end:
        client.say("count")
        answer = (client.hear("^count"), client.hear("^pending"))
    ok(answer == ("count 500", "pending 0"), f"and all come back: {answer}")
    broker.process.send_signal(signal.SIGSTOP)
    client.say("flood 100 500000")
    line = client.hear("pending")
    count = int(line.split()[1] or 0) if line else 0
    ok(0 < count <= 16, f"100 EPOCHs at a broker that stands: {count} wait")
    broker.process.send_signal(signal.SIGCONT)
    ok(client.end(), "ended cleanly")
    broker.stop()


def restarts(folder):
    broker = Broker(folder, "allow_anonymous true")
    client = Client(url_of(broker), "a", f"cafile={folder}/ca.pem")
    ok(client.hear("^up$"), "up")
    client.say("acks 1")
    broker.stop()
    line = client.hear("down")
    ok("closed the connection: look" in line, line)
    client.publish(HB, "-", "lost")
    line = client.hear("down")
    ok("nothing listens" in line, line)
    broker.start()
    ok(client.hear("^up$"), "it is back: up")
    client.publish(ACK, "b", "again")
    line = client.hear("packet")
    ok("again" in line, f"subscribed again, nothing old is sent: {line}")
    broker.process.send_signal(signal.SIGSTOP)
    line = client.hear("down", 40)
    ok("fallen silent" in line, line)
    broker.process.send_signal(signal.SIGCONT)
    ok(client.hear("^up$", 40), "it moves on: up")
    ok(client.end(), "ended cleanly")
    broker.stop()


def strangers(folder):
    ca = f"cafile={folder}/ca.pem"
    broker = Broker(folder, "allow_anonymous true")
    down_case("another CA", url_of(broker), "from a CA unknown here.*--cafile",
              f"cafile={folder}/other-ca.pem")
    down_case("no CA of ours", url_of(broker), "from a CA unknown here")
    down_case("mqtt:// to a TLS port", url_of(broker, scheme="mqtt"),
              "closed the connection at once.*without TLS|no answer")
    broker.stop()
    broker = Broker(folder, "allow_anonymous true", cert="wrong-name")
    down_case("another name", url_of(broker),
              "localhost: its certificate is for another name", ca)
    down_case("another address", url_of(broker, "127.0.0.1"),
              "certificate is for another name", ca)
    broker.stop()
    broker = Broker(folder, "allow_anonymous true", cert="old")
    down_case("an old certificate", url_of(broker), "not valid today", ca)
    broker.stop()
    broker = Broker(folder, "allow_anonymous true", cert=None)
    down_case("no TLS there", url_of(broker), "no TLS on port|closed the connection at once.*with TLS", ca)
    client = Client(url_of(broker, scheme="mqtt"))
    ok(client.hear("^up$"), "mqtt:// on the loopback: up")
    ok(client.end(), "ended cleanly")
    broker.stop()
    down_case("nothing there", f"mqtts://localhost:{free_port()}/room",
              "nothing listens on port", ca)
    down_case("no such name", "mqtts://broker.invalid/room",
              "broker.invalid: .*check the name and the DNS", ca)


def retains(broker, client, ca, text, what):
    """What the client says is there for one who comes later; then both end"""
    client.publish(KP, "a", text, 1)
    client.hear(text)
    late = Client(url_of(broker), "late", ca)
    ok(late.hear(f"packet {KP} a 1 {text}$"), what)
    ok(client.end() and late.end(), "ended cleanly")


def retained_again(folder):
    """A broker that refuses retained messages for a while"""
    broker = Broker(folder, "allow_anonymous true", "retain_available false")
    ca = f"cafile={folder}/ca.pem"
    client = Client(url_of(broker), "a", ca)
    ok("perhaps it takes no retained messages" in client.hear("^(down|up)") and
       client.hear("^up$"), "none are retained at first")
    broker.stop()
    client.hear("^down")
    with open(broker.config, encoding="ascii") as file:
        text = file.read().replace("retain_available false", "")
    with open(broker.config, "w", encoding="ascii") as file:
        file.write(text)
    broker.start()
    ok(client.hear("^up$", 40), "the connection is there again")
    retains(broker, client, ca, "kp", "and a KP is retained")
    broker.stop()


def not_retained(folder):
    """A broker that refuses retained messages, the first will included"""
    broker = Broker(folder, "allow_anonymous true", "retain_available false")
    ca = f"cafile={folder}/ca.pem"
    one = Client(url_of(broker), "one", ca)
    line = one.hear("^(down|up)")
    ok("perhaps it takes no retained messages" in line, line)
    ok(one.hear("^up$"), "without them it is up")
    two = Client(url_of(broker), "two", ca)
    two.hear("^up$")
    one.publish(KP, "one", "kp-of-one", 1)
    ok(one.hear(f"packet {KP} one 0 kp-of-one") and
       two.hear(f"packet {KP} one 0 kp-of-one"), "a KP reaches all")
    one.process.send_signal(signal.SIGKILL)
    ok(two.hear(f"packet {KP} one 0 -$"), "and the will still empties it")
    one.process.communicate()
    ok(two.end(), "ended cleanly")
    broker.stop()
    broker = Broker(folder, "allow_anonymous true")
    client = Client(url_of(broker), "a", ca)
    client.hear("^up$")
    client.publish(KP, "a", "kp", 1)
    client.hear("packet")
    broker.stop()
    client.hear("down")
    broker.start()
    ok("retained" not in client.hear("^(down.*retained|up)", 40),
       "one that took them is not tried without")
    retains(broker, client, ca, "kp-again", "and still keeps them")
    broker.stop()


def passwords(folder):
    ca = f"cafile={folder}/ca.pem"
    users = os.path.join(folder, "users")
    run("mosquitto_passwd", "-b", "-c", users, "me", "secret")
    run("mosquitto_passwd", "-b", users, "guest", "guest")
    acl = os.path.join(folder, "acl")
    with open(acl, "w", encoding="ascii") as file:
        file.write("user me\ntopic readwrite e2ee/1/room/#\n")
    for name, text in (("good", "secret\n"), ("bad", "wrong\n"),
                       ("guest", "guest")):
        path = os.path.join(folder, name + ".password")
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, 0o600)
    broker = Broker(folder, "allow_anonymous false",
                    f"password_file {users}", f"acl_file {acl}")
    good = f"password={folder}/good.password"
    client = Client(url_of(broker, user="me@"), "a", ca, good)
    ok(client.hear("^up$"), "user and password: up")
    ok(client.end(), "ended cleanly")
    down_case("another password", url_of(broker, user="me@"),
              "does not let user me in.*--password-file", ca,
              f"password={folder}/bad.password")
    down_case("no user", url_of(broker), "lets nobody in without a name", ca)
    # mosquitto says to all SUBSCRIBEs of MQTT 3.1.1 that they are granted,
    # unless the user may subscribe to nothing at all
    down_case("a user without rights", url_of(broker, user="guest@"),
              "not authorised: let user guest.*e2ee/1/room/#|^up$", ca,
              f"password={folder}/guest.password")
    spoilt = os.path.join(folder, "spoilt.password")
    for text, want in (("", "is empty"), ("\n", "is empty"),
                       ("x" * 2000, "is too long")):
        with open(spoilt, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(spoilt, 0o600)
        down_case(f"a password file of {len(text)} bytes",
                  url_of(broker, user="me@"),
                  f"down: --password-file .*spoilt.password: its first line {want}", ca,
                  f"password={spoilt}")
    os.unlink(spoilt)
    os.mkfifo(spoilt, 0o600)
    down_case("a FIFO for a password", url_of(broker, user="me@"),
              "error: --password-file .* is not a regular file", ca,
              f"password={spoilt}")
    down_case("a folder for a CA", url_of(broker, user="me@"),
              "error: --cafile .* is not a regular file", f"cafile={folder}")
    os.chmod(os.path.join(folder, "good.password"), 0o644)
    down_case("a password for all to read", url_of(broker, user="me@"),
              "error: .*everybody may read it: chmod", ca, good)
    broker.stop()


def denied():
    """A broker that refuses subscriptions, as MQTT lets it"""
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]

    def serve():
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            with peer:
                try:
                    serve_one(peer)
                except OSError:
                    pass

    def serve_one(peer):
        peer.recv(4096)
        peer.sendall(b"\x20\x02\x00\x00")
        got = peer.recv(4096)
        peer.sendall(b"\x90\x08" + got[2:4] + b"\x01\x01\x80\x01\x01\x01")
        peer.recv(4096)

    threading.Thread(target=serve, daemon=True).start()
    down_case("a subscription refused", f"mqtt://127.0.0.1:{port}/room",
              "not authorised: let this device read and write e2ee/1/room/#")
    server.close()


def mute():
    """Something that takes connections, and never says a word"""
    server = socket.create_server(("127.0.0.1", 0), backlog=50)
    port = server.getsockname()[1]
    down_case("something that says nothing", f"mqtt://127.0.0.1:{port}/room",
              "no answer on port")
    server.close()


def client_certificates(folder):
    ca = f"cafile={folder}/ca.pem"
    broker = Broker(folder, "allow_anonymous true", "require_certificate true")
    mine = [f"cert={folder}/client.pem", f"key={folder}/client.key"]
    client = Client(url_of(broker), "a", ca, *mine)
    ok(client.hear("^up$"), "a client certificate: up")
    ok(client.end(), "ended cleanly")
    want = "(not accept this device's certif|closed the connec).*--cert and"
    down_case("no certificate", url_of(broker), want, ca)
    down_case("a certificate from another CA", url_of(broker), want, ca,
              f"cert={folder}/stranger.pem", f"key={folder}/stranger.key")
    down_case("another one's key", url_of(broker), "error: --key .*no key",
              ca, mine[0], f"key={folder}/stranger.key")
    os.chmod(os.path.join(folder, "client.key"), 0o604)
    down_case("a key for all to read", url_of(broker),
              "error: --key .*everybody may read it", ca, *mine)
    broker.stop()


def main():
    if not shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin"):
        print("1..0 # SKIP mosquitto is not installed")
        return 4
    folder = tempfile.mkdtemp()
    try:
        certificates(folder)
        for part in (talks, floods, restarts, strangers, not_retained,
                     retained_again, passwords, client_certificates):
            part(folder)
        denied()
        mute()
    finally:
        shutil.rmtree(folder)
    return TAP.end()


sys.exit(main())

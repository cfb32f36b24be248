# SPDX-License-Identifier: GPL-2.0-or-later
"""Appliances for tests: an e2eed each, with a kernel that is a folder, and what
connects them: lines of their standard output, or a broker."""

import collections
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from tap import Tap

BUILD = os.environ.get("E2EE_BUILD") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "../..")
E2EED = os.path.join(BUILD, "asan", "e2eed-fake.bin")
PLAIN = os.path.join(BUILD, "tests", "e2eed_plain")
TX, RX = 1, 2
Key = collections.namedtuple("Key", "dir kid mode ssrc epoch expires secret "
                             "salt")


def until(what, seconds=30):
    """The first true answer, or the last one"""
    end = time.monotonic() + seconds
    while True:
        answer = what()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(0.05)


class Hub:
    """Gives each line of one to all, the sender too"""

    def __init__(self):
        self.lock = threading.Lock()
        self.ports = []
        self.cut = set()

    def join(self, process, name):
        with self.lock:
            self.ports.append((name, process))
        threading.Thread(target=self.carry, args=(process, name),
                         daemon=True).start()

    def carry(self, process, name):
        for line in process.stdout:
            with self.lock:
                ports = list(self.ports)
            for other, port in ports:
                if other != name and {other, name} & self.cut:
                    continue
                try:
                    port.stdin.write(line)
                    port.stdin.flush()
                except (OSError, ValueError):
                    pass


def certificates(folder):
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True,
                       cwd=folder)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
           "-keyout")
    openssl("req", "-x509", *key, "ca.key", "-subj", "/CN=ca", "-out", "ca.pem",
            "-days", "2")
    for name, alt, days in (("good", "DNS:localhost,IP:127.0.0.1", "2"),
                            ("name", "DNS:other.example", "2"),
                            ("late", "DNS:localhost,IP:127.0.0.1", "-1")):
        openssl("req", *key, f"{name}.key", "-subj", f"/CN={name}", "-addext",
                f"subjectAltName={alt}", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey",
                "ca.key", "-CAcreateserial", "-copy_extensions", "copyall",
                "-days", days, "-out", f"{name}.pem")


class Broker:
    def __init__(self, folder, port, cert, *lines):
        path = f"{folder}/{cert}-{port}.conf"
        self.port = port
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(f"listener {port} 127.0.0.1\nallow_anonymous true\n"
                         f"certfile {folder}/{cert}.pem\n"
                         f"keyfile {folder}/{cert}.key\n"
                         "max_queued_messages 0\nuser root\n" +
                         "".join(f"{line}\n" for line in lines))
        self.command = ["mosquitto", "-c", path]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command,
                                        stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Appliance:
    """One e2eed, its folder and its kernel"""

    def __init__(self, top, name, url, *options, hub=None):
        self.name = name
        self.folder = os.path.join(top, name)
        self.hub = hub
        self.url = url
        self.options = list(options)
        self.process = None
        self.program = E2EED
        self.room = url.rsplit("/", 1)[-1].split(":")[-1]
        os.mkdir(self.folder)
        self.log = open(self.path("stderr"), "ab")
        self.identity = self.path("identity")
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out",
                        self.identity], check=True, stdin=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        os.chmod(self.identity, 0o600)
        self.module(True)
        self.session(1)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as stream:
            stream.write(text)

    def read(self, name):
        try:
            with open(self.path(name), encoding="utf-8") as stream:
                return stream.read()
        except FileNotFoundError:
            return ""

    def module(self, loaded):
        if loaded:
            self.write("module", "")
        else:
            os.unlink(self.path("module"))

    def session(self, number, epoch=0):
        """Deletes the session and its keys; makes another one, unless 0: one
        whose policy is optional, as somebody left it"""
        for name in ("session", "keys"):
            if os.path.exists(self.path(name)):
                os.unlink(self.path(name))
        if number:
            self.write("session.x", f"call {number} {epoch} 1\n")
            os.rename(self.path("session.x"), self.path("session"))

    def start(self, *more):
        words = [self.program, "--session", "call", "--dev", self.name,
                 "--identity", self.identity, "--trust-store",
                 self.path("trust"), *self.options, *more]
        if "--config" not in more:
            words += ["--room", self.url]
        env = dict(os.environ, RUNTIME_DIRECTORY=self.folder,
                   E2EE_FAKE_KERNEL=self.folder,
                   ASAN_OPTIONS="abort_on_error=0:exitcode=99",
                   LSAN_OPTIONS="detect_leaks=1")
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE,
                                        stderr=self.log, env=env)
        if self.hub:
            self.hub.join(self.process, self.name)
        return self

    def ask(self, **question):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            try:
                client.connect(self.path(f"{self.room}.sock"))
                client.sendall(json.dumps(question).encode() + b"\n")
                answer = client.makefile().readline()
            except OSError as error:
                return {"error": str(error)}
        return json.loads(answer) if answer else {"error": "no answer"}

    def status(self):
        return self.ask(do="room").get("room", {})

    def members(self):
        return sorted(m["dev"] for m in self.status().get("members", []))

    def keys(self, direction=None, epoch=None):
        keys = [Key(*(int(w) for w in line.split()[:6]), *line.split()[6:])
                for line in self.read("keys").splitlines()]
        return [key for key in keys
                if direction in (None, key.dir) and epoch in (None, key.epoch)]

    def event(self, text):
        with open(self.path("events"), "w", encoding="utf-8") as stream:
            stream.write(text + "\n")

    def stop(self, number=signal.SIGTERM, seconds=15):
        """Its exit code"""
        if not self.process:
            return None
        self.process.send_signal(number)
        return self.wait(seconds)

    def wait(self, seconds=15):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "had to be killed"

    def said(self):
        return self.read("stderr")


class Stage:
    """A folder for appliances, which end with it"""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="e2eed-test.")
        self.all = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.all:
            if one.process and one.process.poll() is None:
                one.process.kill()
                one.process.wait()
            one.log.close()
        shutil.rmtree(self.folder)

    def appliance(self, name, url, *options, **more):
        one = Appliance(self.folder, name, url, *options, **more)
        self.all.append(one)
        return one


def together(appliances):
    """All in one call, each with the current keys, sending with them"""
    names = sorted(one.name for one in appliances)
    looks = [one.status() for one in appliances]
    return len({look.get("t") for look in looks}) == 1 and all(
        look.get("encrypted") and look["switched"] and
        sorted(m["dev"] for m in look["members"]) == names for look in looks)


def keys_fit(appliances, seconds=30):
    """As keys_misfit(), which is given the time to become \"\""""
    until(lambda: not keys_misfit(appliances), seconds)
    return keys_misfit(appliances)


def keys_misfit(appliances):
    """What one sends with, all others can receive; "" or what does not fit"""
    for one in appliances:
        look = one.status()
        sending = one.keys(TX, look.get("sending"))
        if not sending:
            return f"{one.name} has nothing to send with"
        for other in appliances:
            known = {(k.kid, k.secret, k.salt) for k in other.keys(RX)}
            if other is one:
                if known & {(k.kid, k.secret, k.salt) for k in sending}:
                    return f"{one.name} could receive itself"
                continue
            # Streams 0 to 7; further ones come with the first packet
            missing = [k.kid for k in sending if k.kid >> 14 < 8 and
                       (k.kid, k.secret, k.salt) not in known]
            if missing:
                return f"{other.name} lacks {one.name}'s {missing}"
    return ""


def play(*scenes, over_broker):
    """Each scene is called with a Tap and a Stage. Exit status."""
    tap = Tap()
    if os.geteuid():
        print("1..0 # SKIP e2eed needs CAP_NET_ADMIN")
        return 4
    with Stage() as stage:
        for scene in scenes:
            scene(tap, stage)
        if shutil.which("mosquitto"):
            over_broker(tap, stage)
        else:
            tap.ok(True, "broker # SKIP mosquitto is not installed")
    return tap.end()

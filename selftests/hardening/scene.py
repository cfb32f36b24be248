# SPDX-License-Identifier: GPL-2.0
"""Appliances for the tests of this folder: an e2eed that tells its secrets, an
engine, and a session of the module each, in network namespaces of their own.

    $ns-a 10.67.1.2 ---.                      engine: UDP port 5004, RTP
    $ns-b 10.67.2.2 ---+--- $ns-hub           10.67.N.1, routes; a broker, with
    $ns-c 10.67.3.2 ---'                      TLS on port 8883, and a proxy
"""

import collections
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("E2EE_BUILD") or HERE / "../../build")
E2EED = BUILD / "userspace/tests/e2eed_keylog"
E2EECTL = BUILD / "userspace/e2eectl"
NS = f"leave-{os.getpid()}"
CLEAR, TLS, PROXY = 1883, 8883, 1884
RTP = 5004
Packet = collections.namedtuple("Packet", "time source payload")


def run(*words, **more):
    return subprocess.run([str(w) for w in words], check=True,
                          capture_output=True, text=True, **more).stdout


def start(*words, **more):
    return subprocess.Popen([str(w) for w in words], text=True, **more)


def inside(name):
    return "ip", "netns", "exec", f"{NS}-{name}"


def until(what, seconds=60):
    """The first true answer, or the last one"""
    end = time.monotonic() + seconds
    while True:
        answer = what()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(0.05)


def state_of(pid):
    """As in /proc/PID/stat; "" if it is gone"""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1][1]
    except (FileNotFoundError, ProcessLookupError):
        return ""


class Appliance:
    def __init__(self, scene, name, number):
        self.scene, self.name, self.number = scene, name, number
        self.address = f"10.67.{number}.2"
        self.folder = scene.folder / name
        self.folder.mkdir()
        self.keylog = self.folder / "keylog"
        self.log = self.folder / "log"
        self.process = None
        self.network()
        run("openssl", "genpkey", "-algorithm", "ed25519", "-out",
            self.folder / "identity")
        (self.folder / "identity").chmod(0o600)
        self.engine = start(*inside(name), "/usr/bin/python3",
                            HERE / "../lib/engine.py", stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE)
        scene.processes.append(self.engine)
        self.engine.stdout.readline()
        self.ctl("add-session", "call")
        self.ctl("attach", "call", "local", f"0.0.0.0:{RTP}")

    def network(self):
        hub, ns, link = f"{NS}-hub", f"{NS}-{self.name}", f"to-{self.name}"
        run("ip", "netns", "add", ns)
        run("ip", "-n", hub, "link", "add", link, "type", "veth", "peer",
            "name", "eth0", "netns", ns)
        run("ip", "-n", hub, "addr", "add", f"10.67.{self.number}.1/24", "dev",
            link)
        run("ip", "-n", hub, "link", "set", link, "up")
        run("ip", "-n", ns, "addr", "add", f"{self.address}/24", "dev", "eth0")
        run("ip", "-n", ns, "link", "set", "eth0", "up")
        run("ip", "-n", ns, "link", "set", "lo", "up")
        run("ip", "-n", ns, "route", "add", "default", "via",
            f"10.67.{self.number}.1")

    def ctl(self, *words):
        return run(*inside(self.name), E2EECTL, *words,
                   env=dict(os.environ, RUNTIME_DIRECTORY=str(self.folder)))

    def start(self, proxy=False, stop=False):
        """e2eed; through the proxy; stopping itself when it is over"""
        hub = f"10.67.{self.number}.1"
        to = [f"mqtt://{hub}:{PROXY}/board", "--insecure"] if proxy else \
            [f"mqtts://{hub}:{TLS}/board", "--cafile",
             self.scene.folder / "ca.pem"]
        env = dict(os.environ, RUNTIME_DIRECTORY=str(self.folder),
                   E2EE_TEST_KEYLOG=str(self.keylog))
        if stop:
            env["E2EE_TEST_STOP"] = "yes"
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = start(
                *inside(self.name), E2EED, "--room", *to, "--session", "call",
                "--dev", f"room-{self.name}", "--trust", "tofu", "--identity",
                self.folder / "identity", "--trust-store",
                self.folder / "trust", stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=log, env=env)
        self.scene.processes.append(self.process)
        return self

    def ask(self, **question):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            try:
                client.connect(str(self.folder / "board.sock"))
                client.sendall(json.dumps(question).encode() + b"\n")
                answer = client.makefile().readline()
            except OSError as error:
                return {"error": str(error)}
        return json.loads(answer) if answer else {"error": "no answer"}

    def look(self):
        return self.ask(do="room").get("room", {})

    def begin_sending(self, seconds, pace):
        """RTP to all others, a packet in pace milliseconds"""
        others = ",".join(one.address for one in self.scene.all
                          if one is not self)
        count = int(seconds * 1000 / pace)
        self.engine.stdin.write(f"send {others} {self.number} {count} {pace}\n")
        self.engine.stdin.flush()

    def end_sending(self):
        return self.engine.stdout.readline()

    def stopped(self):
        """It stopped itself: until then, it is waited for"""
        return until(lambda: state_of(self.process.pid) in "TZ", 30) and \
            state_of(self.process.pid) == "T"

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)


class Scene:
    """Three appliances, a broker that many watch; all of it goes with it"""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="leave."))
        self.processes = []
        self.capture = None
        run("ip", "netns", "add", f"{NS}-hub")
        run("ip", "-n", f"{NS}-hub", "link", "set", "lo", "up")
        run(*inside("hub"), "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
        self.all = []
        for number, name in enumerate("abc", 1):
            self.all.append(Appliance(self, name, number))
        self.certificates()
        self.start_broker()

    def certificates(self):
        def openssl(*words):
            run("openssl", *words, cwd=self.folder)

        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes", "-keyout")
        openssl("req", "-x509", *key, "ca.key", "-subj", "/CN=ca", "-out",
                "ca.pem", "-days", "2")
        openssl("req", *key, "broker.key", "-subj", "/CN=broker", "-addext",
                "subjectAltName=" + ",".join(f"IP:10.67.{n}.1"
                                             for n in (1, 2, 3)),
                "-out", "broker.csr")
        openssl("x509", "-req", "-in", "broker.csr", "-CA", "ca.pem", "-CAkey",
                "ca.key", "-CAcreateserial", "-copy_extensions", "copyall",
                "-days", "2", "-out", "broker.pem")

    def hub(self, *words, **more):
        process = start(*inside("hub"), *words, **more)
        self.processes.append(process)
        return process

    def start_broker(self):
        config = self.folder / "broker.conf"
        config.write_text(
            f"listener {TLS}\ncertfile {self.folder}/broker.pem\n"
            f"keyfile {self.folder}/broker.key\nlistener {CLEAR} 127.0.0.1\n"
            "allow_anonymous true\nuser root\n")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.hub("mosquitto", "-c", config, **quiet)
        self.observed = self.folder / "observed"
        with open(self.observed, "w", encoding="utf-8") as out:
            until(lambda: run(*inside("hub"), "ss", "-Hltn",
                              f"sport = :{CLEAR}"))
            self.hub("mosquitto_sub", "-p", str(CLEAR), "-t", "e2ee/1/board/#",
                     "-F", "%x", stdout=out)
        self.proxy = self.hub("/usr/bin/python3", HERE / "proxy.py", "10.67.2.1",
                              PROXY, CLEAR, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
        self.proxy.stdout.readline()

    def broker_is(self, *words):
        """What the proxy does from now on"""
        self.proxy.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.proxy.stdin.flush()
        self.proxy.stdout.readline()

    def messages(self):
        return [bytes.fromhex(line)
                for line in self.observed.read_text().split()]

    def record(self, path):
        self.capture = self.hub("tcpdump", "-i", "any", "-Q", "in", "-s", "0",
                                "-U", "-w", path, f"udp port {RTP}",
                                stderr=subprocess.PIPE)
        return until(path.exists)

    def record_end(self):
        """Whatever was captured until now is in the file"""
        self.capture.send_signal(signal.SIGINT)
        self.capture.communicate()

    def together(self, *names):
        """These are in one call and send with its newest keys"""
        looks = [one.look() for one in self.all if one.name in names]
        return len({look.get("t") for look in looks}) == 1 and all(
            look.get("encrypted") and look["switched"] and
            len(look["members"]) == len(names) for look in looks)

    def words(self):
        return "\n".join(f"{one.name}: {one.look()}\n{one.log.read_text()}"
                         for one in self.all)

    def close(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.kill()
            process.wait()
        for name in ("a", "b", "c", "hub"):
            subprocess.run(["ip", "netns", "del", f"{NS}-{name}"],
                           capture_output=True, check=False)
        subprocess.run(["rm", "-rf", self.folder], check=True)

#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""TAP: the independent peer opens what tcpdump captured.

In a network namespace of its own, sealed RTP goes over the loopback: IPv4 and
IPv6, whole and in fragments, captured as Ethernet and as both cooked forms.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path("@TOP@/selftests")
LIMIT = 30  # seconds
sys.path.insert(0, str(TOP / "interop"))
import sframe  # noqa: E402  pylint: disable=wrong-import-position

BASE_KEY = bytes(range(32))
SIZES = (1, 160, 1200, 4000, 20000)


def rtp(ssrc, seq, payload):
    """An RTP packet."""
    return (b"\x80\x60" + seq.to_bytes(2, "big") + bytes(4) +
            ssrc.to_bytes(4, "big") + payload)


def wait_for(what):
    """Poll until what() is true."""
    end = time.monotonic() + LIMIT
    while not what():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.01)


def capture(folder, name, options, base_key):
    """Send one packet of each size by IPv4 and IPv6; returns the file."""
    path = pathlib.Path(folder) / name
    with subprocess.Popen(
            ["tcpdump", "-n", "-p", "-U", *([] if os.getuid() else
                                            ["-Z", "root"]),
             "-w", str(path), *options], stderr=subprocess.PIPE,
            bufsize=0) as tcpdump:
        said = b""
        while b"listening" not in said:
            line = tcpdump.stderr.readline()
            said += line
            assert line, said
        ctr = 0
        for family, host, ssrc in ((socket.AF_INET, "127.0.0.1", 4),
                                   (socket.AF_INET6, "::1", 6)):
            key = sframe.Key.from_base(base_key, 291)
            with socket.socket(family, socket.SOCK_DGRAM) as target, \
                    socket.socket(family, socket.SOCK_DGRAM) as source:
                target.bind((host, 0))
                for size in SIZES:
                    packet = rtp(ssrc, ctr, bytes([size & 255]) * size)
                    source.sendto(sframe.seal_packet(packet, key, ctr),
                                  target.getsockname())
                    ctr += 1
                source.sendto(b"\x16\xfe\xfd", target.getsockname())
        try:
            wait_for(lambda: len(list(sframe.pcap_datagrams(path))) == ctr + 2)
        finally:
            tcpdump.terminate()
    return path


def run(*args):
    """The command line; status and what it prints."""
    done = subprocess.run([sys.executable, str(TOP / "interop/sframe.py"),
                           *map(str, args)], stdout=subprocess.PIPE,
                          check=False, universal_newlines=True)
    return done.returncode, [json.loads(line)
                             for line in done.stdout.splitlines()]


def expected():
    """SSRC (4 or 6, as the family), CTR and length of each packet."""
    pairs = [(ssrc, size) for ssrc in (4, 6) for size in SIZES]
    return [(ssrc, ctr, size) for ctr, (ssrc, size) in enumerate(pairs)]


def problems(path, folder):
    """What is wrong with a capture as the peer sees it."""
    (folder / "key").write_text(BASE_KEY.hex() + "\n", encoding="ascii")
    (folder / "other").write_bytes(bytes(32))
    status, opened = run("open", path, "--base-key", folder / "key",
                         "--kid", 291)
    if status or expected() != [(line["ssrc"], line["ctr"], line.get("len"))
                                for line in opened]:
        yield f"open: status {status}, {opened}"
    for line in opened:
        size = line.get("len", 0)
        if line.get("plaintext") != (bytes([size & 255]) * size).hex():
            yield f"plaintext of CTR {line['ctr']}"
    status, opened = run("open", path, "--base-key", folder / "other",
                         "--kid", 291)
    if not status or {line.get("error") for line in opened} != {"tag"}:
        yield "opened with another key"
    status, opened = run("open", path, "--base-key", folder / "key",
                         "--kid", 290)
    if not status or {line.get("error") for line in opened} != {"no key"}:
        yield "opened with another KID"

    status, counts = run("scan", path)
    if status or counts[0]["sealed"] != len(expected()) or (
            counts[0]["other"] != 2 or counts[0]["repeated"]):
        yield f"scan: status {status}, {counts}"
    status, counts = run("scan", path, path)
    if not status or counts[0]["copies"] != len(expected()):
        yield "scan of twice the same finds no copies"
    if run("scan", "--allow-copies", path, path)[0]:
        yield "scan does not allow copies"
    # the same KID and CTR under another key
    if run("scan", path, path.with_suffix(".again"), "--allow-copies")[0] != 1:
        yield "scan finds no nonce that came twice"


def main():
    """One line of TAP for each form of capture."""
    if not os.environ.get("PCAP_TEST_INSIDE"):
        os.environ["PCAP_TEST_INSIDE"] = "1"
        # another user keeps its id: tcpdump started by root drops its rights
        own = ["-c", "--keep-caps"] if os.getuid() else []
        os.execvp("unshare", ["unshare", "-n", *own, sys.executable, __file__])
    subprocess.run(["ip", "link", "set", "lo", "up", "mtu", "1500"],
                   check=True)
    forms = {"Ethernet": ("-i", "lo"),
             "cooked": ("-i", "any", "-y", "LINUX_SLL"),
             "cooked, version 2": ("-i", "any", "-y", "LINUX_SLL2")}
    print(f"TAP version 13\n1..{len(forms)}")
    bad = False
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, options) in enumerate(forms.items(), 1):
            path = capture(folder, "pcap", options, BASE_KEY)
            capture(folder, "pcap.again", options, bytes(16))
            found = list(problems(path, pathlib.Path(folder)))
            for problem in found:
                print("#", problem[:1000])
            print("not ok" if found else "ok", number, "-", name)
            bad |= bool(found)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())

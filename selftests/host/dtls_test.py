#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""TAP: every datagram of real DTLS handshakes is told apart.

OpenSSL's client and server talk through a relay that asks rtp_kind about each
datagram, with and without use_srtp, whole and in pieces.
"""

import pathlib
import select
import socket
import subprocess
import sys
import tempfile
import time

KIND = pathlib.Path(__file__).with_name("rtp_kind")
LIMIT = 30  # seconds


def udp(peer=None):
    """A UDP socket on a free port of the loopback."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    if peer:
        sock.connect(peer)
    return sock


def free_port():
    """A port that nobody has right now."""
    with udp() as sock:
        return sock.getsockname()[1]


class Relay:
    """Carries datagrams between a client and a server, and keeps them."""

    def __init__(self, server_port):
        self.front = udp()
        self.back = udp(("127.0.0.1", server_port))
        self.client = None
        self.seen = []

    def run(self, done):
        """Until done() or for LIMIT seconds."""
        end = time.monotonic() + LIMIT
        while not done() and time.monotonic() < end:
            for sock in select.select([self.front, self.back], [], [], 0.05)[0]:
                try:
                    data, source = sock.recvfrom(65535)
                except (ConnectionRefusedError, BlockingIOError):
                    continue  # the server is not up yet; the client repeats
                self.seen.append(data)
                if sock is self.front:
                    self.client = source
                    self.send(data)
                elif self.client:
                    self.front.sendto(data, self.client)

    def send(self, data):
        """To the server, which may not be up yet."""
        try:
            self.back.send(data)
        except ConnectionRefusedError:
            pass


def handshake(folder, *options):
    """Datagrams of one handshake and one message, both ways."""
    port = free_port()
    relay = Relay(port)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE,
             "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(
        ["openssl", "s_server", "-dtls", "-quiet", "-accept", str(port),
         "-cert", folder + "/cert", "-key", folder + "/key", *options], **pipes)
    client = subprocess.Popen(
        ["openssl", "s_client", "-dtls", "-quiet", "-connect",
         "127.0.0.1:%d" % relay.front.getsockname()[1], *options], **pipes)
    try:
        client.stdin.write(b"hello\n")
        client.stdin.flush()
        relay.run(lambda: select.select([server.stdout], [], [], 0)[0])
        return relay.seen, server.stdout.readline() if select.select(
            [server.stdout], [], [], 0)[0] else b""
    finally:
        for process in (client, server):
            process.kill()
            process.communicate()


def kinds(datagrams):
    """What rtp_kind calls them."""
    text = "".join(data.hex() + "\n" for data in datagrams)
    return subprocess.run([str(KIND)], input=text, stdout=subprocess.PIPE,
                          check=True, universal_newlines=True).stdout.split()


def main():
    """One line of TAP for each handshake."""
    print("TAP version 13")
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=test",
             "-keyout", folder + "/key", "-out", folder + "/cert"],
            check=True, stderr=subprocess.DEVNULL)
        srtp = ("-use_srtp", "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80")
        # a hello of more than one small datagram
        pieces = ("-mtu", "256", "-alpn",
                  ",".join("protocol-%d" % index for index in range(30)))
        for number, (name, options) in enumerate((
                ("without use_srtp", ()),
                ("with use_srtp", srtp),
                ("without use_srtp, in pieces", pieces),
                ("with use_srtp, in pieces", srtp + pieces)), 1):
            seen, text = handshake(folder, *options)
            found = kinds(seen)
            want = {"dtls", "dtls-srtp"} if options[:1] == srtp[:1] else {
                "dtls"}
            # client and server hello; the first is repeated with a cookie
            count = found.count("dtls-srtp")
            good = text == b"hello\n" and set(found) == want and (
                count >= 2 if len(want) == 2 else not count)
            bad += not good
            print("# %d datagrams: %s" % (len(found), " ".join(found)))
            print("%s %d - %s" % ("ok" if good else "not ok", number, name))
    print("1..4")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())

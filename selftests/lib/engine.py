#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A media engine for tests: one UDP socket on port 5004, RTP on request. Reads
lines from standard input, writes lines to standard output.

    send ADDRESS[,ADDRESS...] SSRC[-SSRC] COUNT MS    -> sent N refused M
    got                        -> got SSRC:COUNT SSRC:COUNT ...   (since last)
"""

import select
import socket
import struct
import sys
import time

SOCK = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
GOT = {}
SEQ = {}


def payload(ssrc, seq):
    return struct.pack("!II", ssrc, seq) * 20


def receive():
    while select.select([SOCK], [], [], 0)[0]:
        data = SOCK.recv(2048)
        _, _, seq, _, ssrc = struct.unpack("!BBHII", data[:12])
        if data[12:] == payload(ssrc, seq):
            GOT[ssrc] = GOT.get(ssrc, 0) + 1
        else:
            GOT["bad"] = GOT.get("bad", 0) + 1


def send(addresses, ssrcs, count, pause):
    sent = refused = 0
    for _ in range(count):
        for ssrc in ssrcs:
            seq = SEQ[ssrc] = (SEQ.get(ssrc, 0) + 1) & 0xffff
            packet = struct.pack("!BBHII", 0x80, 96, seq, seq * 3000, ssrc) + \
                payload(ssrc, seq)
            for address in addresses:
                try:
                    SOCK.sendto(packet, (address, 5004))
                    sent += 1
                except OSError:
                    refused += 1
        receive()
        time.sleep(pause / 1000)
    return f"sent {sent} refused {refused}"


def command(words):
    if words[0] == "send":
        first, _, last = words[2].partition("-")
        return send(words[1].split(","),
                    range(int(first), int(last or first) + 1),
                    int(words[3]), float(words[4]))
    receive()
    answer = " ".join(f"{ssrc}:{n}" for ssrc, n in sorted(
        GOT.items(), key=str))
    GOT.clear()
    return f"got {answer}"


def main():
    SOCK.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    SOCK.bind(("0.0.0.0", 5004))
    print("ready", flush=True)
    while True:
        ready = select.select([SOCK, sys.stdin], [], [])[0]
        receive()
        if sys.stdin in ready:
            line = sys.stdin.readline()
            if not line:
                return
            print(command(line.split()), flush=True)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""A hostile broker, as one device sees it: between the device and an honest
broker (MQTT 3.1.1, without TLS) it keeps back what it is told to.

    proxy.py ADDRESS PORT BROKER-PORT

Lines of standard input, each answered by "done":

    honest              everything passes
    withhold WORD...    messages of the topics epoch, hb
    cut                 nothing at all reaches the device
    hoard SECONDS       heartbeats are kept, and passed on one in so many
                        seconds, the oldest first; EPOCHs are withheld
"""

import selectors
import socket
import sys
import time

PUBLISH, PUBACK = 3, 4


def packets(data):
    """Whole MQTT packets at the start of data, and what is left"""
    whole = []
    while len(data) >= 2:
        size, shift, at = 0, 0, 1
        while at < len(data) and at < 5:
            size |= (data[at] & 127) << shift
            shift += 7
            at += 1
            if not data[at - 1] & 128:
                break
        else:
            break
        if len(data) < at + size:
            break
        whole.append((data[:at + size], at))
        data = data[at + size:]
    return whole, data


def topic_of(packet, body):
    """Last part of a PUBLISH's topic, and its packet id, b"" with QoS 0"""
    size = int.from_bytes(packet[body:body + 2], "big")
    topic = packet[body + 2:body + 2 + size].decode()
    ident = packet[body + 2 + size:body + 4 + size] if packet[0] & 6 else b""
    return topic.split("/")[3], ident


def without_id(packet, body, ident):
    """The same PUBLISH with QoS 0, for which nobody answers"""
    size = int.from_bytes(packet[body:body + 2], "big")
    rest = packet[body:body + 2 + size] + packet[body + 2 + size + len(ident):]
    length, number = b"", len(rest)
    while number > 127:
        length += bytes([number & 127 | 128])
        number >>= 7
    return bytes([PUBLISH << 4]) + length + bytes([number]) + rest


class Proxy:
    def __init__(self, address, port, broker_port):
        self.broker_port = broker_port
        self.select = selectors.DefaultSelector()
        self.listener = socket.create_server((address, port))
        self.select.register(self.listener, selectors.EVENT_READ, self.accept)
        self.select.register(sys.stdin, selectors.EVENT_READ, self.told)
        self.rest = {}
        self.device = None
        self.withheld = set()
        self.cut = False
        self.pace = self.next = 0
        self.hoard = []

    def accept(self, _):
        device, _ = self.listener.accept()
        broker = socket.create_connection(("127.0.0.1", self.broker_port))
        self.device = device
        for one, other, work in ((device, broker, self.from_device),
                                 (broker, device, self.from_broker)):
            self.select.register(one, selectors.EVENT_READ,
                                 lambda s, o=other, w=work: self.carry(s, o, w))
            self.rest[one] = b""

    def carry(self, source, target, work):
        try:
            data = source.recv(65536)
            if data:
                work(source, target, data)
                return
        except OSError:
            pass
        for one in (source, target):
            if one.fileno() >= 0:
                self.select.unregister(one)
                one.close()

    @staticmethod
    def from_device(_, broker, data):
        broker.sendall(data)

    def from_broker(self, broker, device, data):
        whole, self.rest[broker] = packets(self.rest[broker] + data)
        for packet, body in whole:
            if self.passes(broker, packet, body):
                device.sendall(packet)

    def passes(self, broker, packet, body):
        if packet[0] >> 4 != PUBLISH:
            return not self.cut
        topic, ident = topic_of(packet, body)
        if topic not in self.withheld and not self.cut:
            return True
        if ident:
            broker.sendall(bytes([PUBACK << 4, 2]) + ident)
        if topic == "hb" and self.pace:
            self.hoard.append(without_id(packet, body, ident))
        return False

    def told(self, stream):
        line = stream.readline()
        if not line:
            sys.exit(0)
        word, *more = line.split()
        self.cut = word == "cut"
        self.pace = float(more[0]) if word == "hoard" else 0
        self.withheld = {"withhold": set(more),
                         "hoard": {"epoch", "hb"}}.get(word, set())
        self.next = time.monotonic() + self.pace
        self.hoard.clear()
        print("done", flush=True)

    def run(self):
        print("ready", flush=True)
        while True:
            for key, _ in self.select.select(0.1):
                # One that was handled before may have been the other's end
                if key.fileobj is sys.stdin or key.fileobj.fileno() >= 0:
                    key.data(key.fileobj)
            if self.pace and self.hoard and time.monotonic() >= self.next:
                self.next = time.monotonic() + self.pace
                self.device.sendall(self.hoard.pop(0))


if __name__ == "__main__":
    Proxy(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])).run()

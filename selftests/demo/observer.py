# SPDX-License-Identifier: GPL-2.0
"""What an observer makes of a recording of the broker: is anything in it a key?

Each window of the messages is tried as every secret of the key schedule that
would open the media: a base key (RFC 9605), the secret of an epoch, and the
random number that an epoch's messages wrap. Written from the specifications; it
shares no line with libe2ee.
"""
import collections
import hashlib
import hmac
import pathlib
import re
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import media

Message = collections.namedtuple("Message", "retained topic payload")
# t: hash of the EPOCH that it was sent in, None where nobody knows
Target = collections.namedtuple("Target", "kid nonce aad sealed t")

LEAF = 6
KEY_LABEL, SALT_LABEL = b"SFrame 1.0 Secret key ", b"SFrame 1.0 Secret salt "


def read(path):
    """The messages that mosquitto_sub wrote with -F '%r %t %l %x'."""
    messages = []
    for line in pathlib.Path(path).read_text().splitlines():
        retained, topic, length, *payload = line.split(" ")
        payload = bytes.fromhex("".join(payload))
        if len(payload) != int(length):
            raise ValueError(f"{path}: {topic}: message cut short")
        messages.append(Message(retained == "1", topic, payload))
    return messages


def target(payload, t=None):
    """What is to be opened: an RTP payload as the relay holds it."""
    kid, ctr, inner = media.sframe_split(payload)
    start = len(payload) - 16 - len(inner)
    return Target(kid, ctr, payload[1:start], payload[start:], t)


def expand(key, info, digest, size):
    """HKDF-Expand (RFC 5869) of up to one block."""
    return hmac.digest(key, info + b"\1", digest)[:size]


def opens(base_key, one):
    """Is it the base key (AES-256-GCM, SHA-512) of this packet?"""
    secret = hmac.digest(bytes(64), base_key, "sha512")
    end = struct.pack(">QH", one.kid, 5)
    salt = int.from_bytes(expand(secret, SALT_LABEL + end, "sha512", 12), "big")
    cipher = AESGCM(expand(secret, KEY_LABEL + end, "sha512", 32))
    try:
        cipher.decrypt((salt ^ one.nonce).to_bytes(12, "big"), one.sealed, one.aad)
    except InvalidTag:
        return False
    return True


def sessions(messages, dev):
    """Session ids of a device: map keys 1, name, and 2, in its messages."""
    name = dev.encode()
    pattern = re.escape(b"\x01" + bytes([0x60 + len(name)]) + name + b"\x02\x50")
    return sorted({found[-16:] for message in messages
                   for found in re.findall(pattern + b".{16}", message.payload, re.S)})


def readings(window, one, dev, ids):
    """Base keys that a window might stand for."""
    yield window
    if len(window) != 32 or not one.t:
        return
    # epoch_secret itself, and raw, whose HKDF-Extract with salt T that is
    for secret in (window, hmac.digest(one.t, window, "sha256")):
        for session in ids:
            info = b"e2ee/1 sframe base key" + struct.pack(">HH", one.kid >> LEAF & 255,
                                                           len(dev)) + dev.encode() + session
            block = hmac.digest(secret, info + b"\1", "sha256")
            yield block + hmac.digest(secret, block + info + b"\2", "sha256")


def search(messages, targets, dev):
    """Tries all; how many candidates, and the packets that one opened."""
    ids, tried, opened = sessions(messages, dev), 0, set()
    payloads = {message.payload for message in messages}
    for size in (32, 64):
        windows = {payload[i:i + size] for payload in payloads
                   for i in range(len(payload) - size + 1)}
        for window in windows:
            for number, one in enumerate(targets):
                for base_key in readings(window, one, dev, ids):
                    tried += 1
                    if opens(base_key, one):
                        opened.add(number)
    return {"tried": tried, "opened": len(opened)}


def epochs(messages):
    """T of each EPOCH in the recording."""
    return {hashlib.sha256(message.payload).hexdigest() for message in messages
            if message.topic.endswith("/epoch") and message.payload}


def planted(messages, secret):
    """The same recording, but with a secret in the midst of one message."""
    first = max(messages, key=lambda message: len(message.payload))
    middle = len(first.payload) // 2
    changed = first._replace(payload=first.payload[:middle] + secret + first.payload[middle:])
    return [changed if message is first else message for message in messages]


def sealed_example(raw, t, kid, dev, session):
    """A packet of our own under raw, to see that the search would find raw."""
    one = Target(kid, 5, b"header", b"", t)
    base_key = list(readings(raw, one, dev, [session]))[2]
    secret = hmac.digest(bytes(64), base_key, "sha512")
    end = struct.pack(">QH", kid, 5)
    salt = int.from_bytes(expand(secret, SALT_LABEL + end, "sha512", 12), "big")
    cipher = AESGCM(expand(secret, KEY_LABEL + end, "sha512", 32))
    return one._replace(sealed=cipher.encrypt((salt ^ 5).to_bytes(12, "big"), b"media",
                                              b"header"))

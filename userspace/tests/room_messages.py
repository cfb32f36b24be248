# SPDX-License-Identifier: LGPL-2.1-or-later
"""Messages of a room, written from the protocol's text and not from the code:
deterministic CBOR (RFC 8949, 4.2.1), Ed25519 signatures, and one message of
every type and shape. What message_samples.h says, in other words."""

import hashlib
import struct

from cryptography.hazmat.primitives.asymmetric import ed25519

ROOM = "sample.room"
LONG = "abcdefghijklmnopqrstuvwxyz.ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789"
NAMES = ["?", "KP", "EPOCH", "ACK", "HB", "HANDOVER", "LEAVE", "REQ",
         "SAS-COMMIT", "SAS-REVEAL", "PROBE"]
MAX64 = 2 ** 64 - 1


class Raw(bytes):
    """Bytes that go out as they are, for what no encoder would write."""


def head(major, number, width=None):
    """Head of an item; width: bytes of the number, the fewest by default."""
    if width is None:
        width = next(w for w, top in ((0, 24), (1, 2 ** 8), (2, 2 ** 16),
                                      (4, 2 ** 32), (8, 2 ** 64))
                     if number < top)
    if width == 0:
        return bytes([major << 5 | number])
    info = {1: 24, 2: 25, 4: 26, 8: 27}[width]
    return bytes([major << 5 | info]) + number.to_bytes(width, "big")


def encode(value):
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value)) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(encode, value))
    pairs = sorted((encode(k), encode(v)) for k, v in value.items())
    return head(5, len(pairs)) + b"".join(k + v for k, v in pairs)


def decode(data):
    value, rest = decode_item(data)
    if rest:
        raise ValueError("bytes behind the item")
    return value


def decode_item(data):
    major, info = data[0] >> 5, data[0] & 31
    if data[0] in (0xf4, 0xf5):
        return data[0] == 0xf5, data[1:]
    width = {24: 1, 25: 2, 26: 4, 27: 8}.get(info, 0)
    if major in (1, 6, 7) or (not width and info > 23):
        raise ValueError(f"item {data[0]:#x}")
    number = int.from_bytes(data[1:1 + width], "big") if width else info
    data = data[1 + width:]
    if major == 0:
        return number, data
    if major in (2, 3):
        text = data[:number]
        return text if major == 2 else text.decode(), data[number:]
    items = []
    for _ in range(number * (major - 3)):
        item, data = decode_item(data)
        items.append(item)
    return items if major == 4 else dict(zip(items[::2], items[1::2])), data


def prefixed(text):
    return struct.pack(">H", len(text)) + text.encode()


def signed(body, room, dev, kind):
    """What the signature of a body is over"""
    return (b"e2ee/1 " + NAMES[kind].encode() + b"\0" + prefixed(room) +
            prefixed(dev) + hashlib.sha256(body).digest())


def message(fields, seed):
    body = encode(fields)
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    return body + key.sign(signed(body, ROOM, fields[1], fields[0]))


def pattern(number, size):
    rest = [number + i & 255 for i in range(size - 1)]
    return bytes([number >> 8 & 255] + rest) if size else b""


SEED = pattern(9000, 32)


def entry(i, big):
    keys = {1: pattern(5000 + i, 32)}
    if big:
        keys[2] = pattern(6000 + i, 384)
    return {0: i, 1: f"{i:03}{LONG[3:]}" if big else "a",
            2: pattern(1000 + i, 16), 6: pattern(2000 + i, 32),
            8: pattern(3000 + i, 24), 9: keys, 10: [4, 5] if big else [4],
            22: pattern(4000 + i, 32)}


def wrap(i, big):
    return {0: i, 1: 2 if big else 1,
            2: b"" if big else pattern(7000 + i, 32),
            3: pattern(8000 + i, 384 if big else 48)}


def sample_kp(big):
    keys = {1: pattern(5, 1216), 2: pattern(6, 1216), 3: pattern(7, 1216)}
    return {0: 1, 6: pattern(3, 32), 7: MAX64 if big else 0,
            8: pattern(4, 24), 9: keys if big else {1: pattern(5, 32)},
            10: [4, 5] if big else [5]}


def sample_epoch(big):
    count = 256 if big else 1
    bans = range(256 if big else 0)
    return {0: 2, 11: 65535 if big else 1, 12: 2 ** 32 - 1 if big else 1,
            13: pattern(8, 32), 14: 255 if big else 0, 15: 2 if big else 0,
            16: 3 if big else 0, 17: 5 if big else 4,
            18: [entry(i, big) for i in range(count)],
            19: [wrap(i, big) for i in range(count)],
            20: [pattern(9 + 256 * i, 32) for i in bans],
            21: [pattern(10 + 256 * i, 32) for i in bans]}


def sample_ack(result, big):
    fields = {0: 3, 23: result}
    if result == 0:
        fields[24] = pattern(12, 32)
    if big:
        fields[25] = LONG
    return fields


def sample_hb(big):
    return {0: 4, 26: MAX64 if big else 0, 27: pattern(13, 32), 28: big,
            29: list(range(192, 256)) if big else []}


def sample_req(what, big):
    more = [{22: pattern(16, 32), 34: pattern(17, 32)}, {}, {},
            {30: pattern(14, 32)}, {35: big}, {30: pattern(14, 32)},
            {15: 2 if big else 0}]
    return {0: 7, 33: what, **more[what - 1]}


MAKERS = {
    "KP": sample_kp, "EPOCH": sample_epoch,
    "ACK ok": lambda big: sample_ack(0, big),
    "ACK no-wrap": lambda big: sample_ack(1, big),
    "ACK refused": lambda big: sample_ack(2, big),
    "HB": sample_hb,
    "HANDOVER": lambda big: {0: 5, 30: pattern(14, 32), 31: pattern(15, 16),
                             32: big},
    "LEAVE": lambda big: {0: 6},
    "REQ join": lambda big: sample_req(1, big),
    "REQ resync": lambda big: sample_req(2, big),
    "REQ rekey": lambda big: sample_req(3, big),
    "REQ kick": lambda big: sample_req(4, big),
    "REQ lock": lambda big: sample_req(5, big),
    "REQ handover": lambda big: sample_req(6, big),
    "REQ policy": lambda big: sample_req(7, big),
    "SAS-COMMIT": lambda big: {0: 8, 36: pattern(18, 32)},
    "SAS-REVEAL": lambda big: {0: 9, 37: pattern(19, 32),
                               38: pattern(20, 32)},
    "PROBE": lambda big: {0: 10, 39: pattern(21, 16)},
}


def sample(name, big):
    """Fields of a sample, with those that most types share"""
    fields = MAKERS[name](big)
    fields.update({1: LONG if big else "a", 2: pattern(1, 16)})
    if fields[0] not in (1, 10):
        fields[3] = pattern(2, 16)
    if fields[0] not in (1, 2, 10) and name != "REQ join":
        fields[4] = pattern(11, 32)
    if fields[0] not in (1, 2, 4, 10):
        fields[5] = MAX64 if big else 0
    return fields

# SPDX-License-Identifier: GPL-2.0
"""What a device that left a call can still open: with every secret that it ever
had, its private keys tried on all that the broker carried, before and after, and
with every key that follows from those. Written from the specifications."""

import hashlib
import pathlib
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HERE = pathlib.Path(__file__).resolve().parent
for folder in ("../interop", "../../userspace/tests"):
    sys.path.insert(0, str(HERE / folder))
import room_messages                                        # noqa: E402
import schedule_peer_test as schedule                       # noqa: E402
import sframe                                               # noqa: E402

EPOCH = 2


def receiver(private):
    """Who opens wraps with this private key"""
    hpke = schedule.Hpke()
    hpke.private = x25519.X25519PrivateKey.from_private_bytes(private)
    hpke.public = schedule.raw_public(hpke.private)
    return hpke


def epochs(payloads):
    """(T, fields) of each EPOCH among the messages that the broker carried"""
    found = {}
    for payload in payloads:
        try:
            fields = room_messages.decode(payload[:-64])
        except (ValueError, IndexError):
            continue
        if isinstance(fields, dict) and fields.get(0) == EPOCH:
            found[hashlib.sha256(payload).digest()] = fields
    return found


def unwrap(fields, hpke):
    """The raw secret of an EPOCH, if one of its wraps opens"""
    info = b"e2ee/1 wrap" + fields[3] + struct.pack(">HI", fields[11],
                                                    fields[12]) + \
        fields[13] + hashlib.sha256(room_messages.encode(fields[18])).digest() \
        + struct.pack(">H", fields[14])
    for entry, wrap in zip(fields[18], fields[19]):
        try:
            return hpke.open(info, entry[22] + entry[8], wrap[2], wrap[3])
        except (InvalidTag, ValueError):
            pass
    return None


class Leaver:
    """Knowledge: the lines of its key log, and messages of the broker"""

    def __init__(self, log, payloads):
        self.secrets, self.bases, self.private = set(), set(), set()
        self.opened_wraps = 0
        known = {"secret": self.secrets, "base": self.bases,
                 "private": self.private}
        for line in log.splitlines():
            kind, secret = line.split()
            known.get(kind, set()).add(bytes.fromhex(secret))
        self.carried = epochs(payloads)
        self.try_wraps()
        self.try_members()
        self.ciphers = {}

    def try_wraps(self):
        receivers = [receiver(private) for private in self.private]
        for t, fields in self.carried.items():
            for one in receivers:
                raw = unwrap(fields, one)
                if raw:
                    self.opened_wraps += 1
                    self.secrets.add(schedule.extract(t, raw))

    def try_members(self):
        """Each secret for each member that any EPOCH ever had"""
        members = {(entry[0], entry[1], entry[2])
                   for fields in self.carried.values() for entry in fields[18]}
        for secret in self.secrets:
            for leaf, dev, session in members:
                info = b"e2ee/1 sframe base key" + struct.pack(">H", leaf) + \
                    schedule.lp(dev) + session
                self.bases.add(schedule.expand(secret, info, 64))

    def cipher(self, base, kid):
        if (base, kid) not in self.ciphers:
            key, salt = schedule.sframe(5, base, kid)
            self.ciphers[base, kid] = AESGCM(key), salt
        return self.ciphers[base, kid]

    def opens(self, payload):
        """Is there a key for this payload of an RTP packet?"""
        kid, ctr, size = sframe.decode_header(payload[1:])
        for base in self.bases:
            cipher, salt = self.cipher(base, kid)
            try:
                cipher.decrypt(sframe.nonce_of(salt, ctr), payload[1 + size:],
                               payload[1:1 + size])
                return True
            except InvalidTag:
                pass
        return False

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Wraps and key schedule of libe2ee against an implementation that was written
from the protocol's text and RFC 9180, on other primitives: what one seals the
other opens, and all keys are the same. TAP."""

import errno
import hashlib
import hmac
import os
import random
import struct
import subprocess
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import room_messages as room
from tap import Tap

BUILD = os.environ.get("E2EE_BUILD") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..")
TOOL = os.path.join(BUILD, "tests", "schedule_tool")
RANDOM = random.Random(9180)
TAP = Tap()
ok = TAP.ok


def some(size):
    return RANDOM.randbytes(size)


def lp(text):
    text = text.encode() if isinstance(text, str) else text
    return struct.pack(">H", len(text)) + text


def extract(salt, ikm, name="sha256"):
    salt = salt or bytes(hashlib.new(name).digest_size)
    return hmac.new(salt, ikm, name).digest()


def expand(prk, info, size, name="sha256"):
    out = block = b""
    for i in range(1, 256):
        if len(out) >= size:
            break
        block = hmac.new(prk, block + info + bytes([i]), name).digest()
        out += block
    return out[:size]


class Hpke:
    """RFC 9180, base mode: X25519, HKDF-SHA256, AES-256-GCM"""

    KEM = b"KEM" + struct.pack(">H", 0x20)
    SUITE = b"HPKE" + struct.pack(">HHH", 0x20, 1, 2)

    @staticmethod
    def extract(suite, salt, label, ikm):
        return extract(salt, b"HPKE-v1" + suite + label + ikm)

    @staticmethod
    def expand(suite, prk, label, info, size):
        return expand(prk, struct.pack(">H", size) + b"HPKE-v1" + suite +
                      label + info, size)

    @classmethod
    def cipher(cls, dh, enc, receiver, info):
        prk = cls.extract(cls.KEM, b"", b"eae_prk", dh)
        shared = cls.expand(cls.KEM, prk, b"shared_secret", enc + receiver, 32)
        context = b"\0" + cls.extract(cls.SUITE, b"", b"psk_id_hash", b"") + \
            cls.extract(cls.SUITE, b"", b"info_hash", info)
        secret = cls.extract(cls.SUITE, shared, b"secret", b"")
        return (AESGCM(cls.expand(cls.SUITE, secret, b"key", context, 32)),
                cls.expand(cls.SUITE, secret, b"base_nonce", context, 12))

    def __init__(self):
        self.private = x25519.X25519PrivateKey.generate()
        self.public = raw_public(self.private)

    @classmethod
    def seal(cls, public, info, aad, raw):
        ephemeral = x25519.X25519PrivateKey.generate()
        enc = raw_public(ephemeral)
        peer = x25519.X25519PublicKey.from_public_bytes(public)
        aead, nonce = cls.cipher(ephemeral.exchange(peer), enc, public, info)
        return enc, aead.encrypt(nonce, raw, aad)

    def open(self, info, aad, enc, ct):
        peer = x25519.X25519PublicKey.from_public_bytes(enc)
        aead, nonce = self.cipher(self.private.exchange(peer), enc,
                                  self.public, info)
        return aead.decrypt(nonce, ct, aad)


def raw_public(private):
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


class Rsa:
    """RSA-OAEP-3072, whose label stands for info and aad"""

    def __init__(self):
        self.private = rsa.generate_private_key(65537, 3072)
        self.public = self.private.public_key().public_numbers().n.to_bytes(
            384, "big")

    @staticmethod
    def oaep(info, aad):
        label = hashlib.sha256(b"e2ee/1 wrap rsa" + lp(info) + lp(aad)).digest()
        return padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(),
                            label)

    @classmethod
    def seal(cls, public, info, aad, raw):
        numbers = rsa.RSAPublicNumbers(65537, int.from_bytes(public, "big"))
        return b"", numbers.public_key().encrypt(raw, cls.oaep(info, aad))

    def open(self, info, aad, enc, ct):
        if enc:
            raise ValueError("RSA has no encapsulated key")
        return self.private.decrypt(ct, self.oaep(info, aad))


class Tool:
    def __init__(self):
        self.process = subprocess.Popen([TOOL], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        """Code and words of the answer; bytes go and come as hex"""
        line = " ".join((w.hex() or "-") if isinstance(w, bytes) else str(w)
                        for w in words)
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        *answer, code = self.process.stdout.readline().split(" ")
        return int(code), [w if w != "-" else "" for w in answer]

    def end(self):
        self.process.stdin.close()
        return self.process.wait(60)


def check_wrap(tool, suite, peer, name):
    public = bytes.fromhex(tool.ask("key", suite)[1][0])
    for size in (0, 1, 99):
        info, aad, raw = some(size), some(56), some(32)
        code, answer = tool.ask("seal", suite, peer.public, info, aad, raw)
        found = b"refused"
        if not code:
            enc, ct = map(bytes.fromhex, answer)
            try:
                found = peer.open(info, aad, enc, ct)
            except (InvalidTag, ValueError):
                pass
        ok(found == raw, f"{name}: theirs opens here, info of {size} bytes")
        enc, ct = peer.seal(public, info, aad, raw)
        code, answer = tool.ask("open", suite, info, aad, enc, ct)
        ok(code == 0 and answer == [raw.hex()],
           f"{name}: ours opens there, info of {size} bytes")
        code, answer = tool.ask("open", suite, info + b"x", aad, enc, ct)
        ok(code == -errno.EBADMSG and not answer,
           f"{name}: with another info it does not")
        code, answer = tool.ask("open", suite, info, some(56), enc, ct)
        ok(code == -errno.EBADMSG and not answer,
           f"{name}: nor with another aad")


def check_inputs(tool):
    for term, seq, owner, big in ((1, 1, 0, 0), (65535, 2 ** 32 - 1, 255, 1)):
        call, prev = some(16), some(32)
        roster = room.sample_epoch(bool(big))[18]
        info = b"e2ee/1 wrap" + call + struct.pack(">HI", term, seq) + prev + \
            hashlib.sha256(room.encode(roster)).digest() + \
            struct.pack(">H", owner)
        ok(tool.ask("info", call, term, seq, prev, owner, big) ==
           (0, [info.hex()]), f"info, roster of {len(roster)}")
    kp_hash, nonce = some(32), some(24)
    ok(tool.ask("aad", kp_hash, nonce) == (0, [(kp_hash + nonce).hex()]), "aad")


def sframe(suite, base_key, kid):
    """RFC 9605, section 4.4.2"""
    name, size = {4: ("sha256", 16), 5: ("sha512", 32)}[suite]
    secret = extract(b"", base_key, name)
    end = struct.pack(">QH", kid, suite)
    return (expand(secret, b"SFrame 1.0 Secret key " + end, size, name),
            expand(secret, b"SFrame 1.0 Secret salt " + end, 12, name))


def check_stream(tool, secret, suite):
    leaf, stream = RANDOM.randrange(256), RANDOM.randrange(32)
    term, seq = RANDOM.randrange(2 ** 16), RANDOM.randrange(2 ** 32)
    dev, session = "d" * RANDOM.randrange(1, 65), some(16)
    kid = stream << 14 | leaf << 6 | (term & 3) << 4 | (seq & 15)
    info = b"e2ee/1 sframe base key" + struct.pack(">H", leaf) + lp(dev) + \
        session
    key, salt = sframe(suite, expand(secret, info, {4: 32, 5: 64}[suite]), kid)
    ok(tool.ask("stream", secret, leaf, dev, session, suite, stream, term,
                seq) == (0, [str(kid), key.hex(), salt.hex()]),
       f"suite {suite}, stream {stream}, leaf {leaf}: kid, key and salt")


def check_epoch(tool):
    t, raw = some(32), some(32)
    secret = extract(t, raw)
    authenticator = expand(secret, b"e2ee/1 authenticator" + t, 32)
    ok(tool.ask("epoch", t, raw) == (0, [secret.hex(), authenticator.hex()]),
       "epoch_secret and authenticator")
    for dev in ("a", "x" * 64):
        mac = hmac.new(expand(secret, b"e2ee/1 confirm", 32), t + lp(dev),
                       "sha256").hexdigest()
        ok(tool.ask("mac", secret, t, dev) == (0, [mac]),
           f"ACK MAC, name of {len(dev)}")
    for suite in (4, 5) * 5:
        check_stream(tool, secret, suite)
    code, _ = tool.ask("stream", secret, 0, "a", some(16), 6, 0, 1, 1)
    ok(code == -errno.EINVAL, "media suite 6 is refused")


def check_code(tool):
    for dev in ("room-a", "x" * 64):
        ik = some(32)
        h = hashlib.sha512(b"e2ee/1 identity-code" + lp(dev) + ik).digest()
        groups = [f"{int.from_bytes(h[5 * i:5 * i + 5], 'big') % 100000:05}"
                  for i in range(8)]
        ok(tool.ask("code", dev, ik) == (0, groups), f"identity code: {dev}")


def main():
    tool = Tool()
    check_wrap(tool, 1, Hpke(), "HPKE")
    check_wrap(tool, 2, Rsa(), "RSA")
    check_inputs(tool)
    check_epoch(tool)
    check_code(tool)
    ok(tool.end() == 0, "the tool ends well")
    return TAP.end()


if __name__ == "__main__":
    sys.exit(main())

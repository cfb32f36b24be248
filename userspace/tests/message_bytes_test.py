#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The messages of libe2ee against those of an independent encoder: the same
bytes, signature included, in both directions. TAP."""

import os
import subprocess
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519

import room_messages as room
from tap import Tap

BUILD = os.environ.get("E2EE_BUILD") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..")
TOOL = os.path.join(BUILD, "tests", "message_tool")
TAP = Tap()
ok = TAP.ok


def run(*words, stdin=""):
    done = subprocess.run([TOOL, *words], input=stdin, text=True,
                          capture_output=True, check=False)
    if done.returncode:
        print(f"# {done.stderr[:2000]}")
    return done.stdout.splitlines()


def verifies(raw, fields, key):
    text = room.signed(raw[:-64], room.ROOM, fields[1], fields[0])
    try:
        key.verify(raw[-64:], text)
    except InvalidSignature:
        return False
    return True


def main():
    theirs = dict(line.split(":") for line in run("samples"))
    key = ed25519.Ed25519PrivateKey.from_private_bytes(room.SEED).public_key()
    names = [(kind, size) for kind in room.MAKERS for size in ("small", "big")]
    ok(set(theirs) == {" ".join(name) for name in names},
       f"{len(names)} samples on both sides")
    for kind, size in names:
        name = f"{kind} {size}"
        fields = room.sample(kind, size == "big")
        raw = bytes.fromhex(theirs.get(name, "00" * 65))
        ok(raw == room.message(fields, room.SEED), f"{name}: the same bytes")
        try:
            ok(room.decode(raw[:-64]) == fields, f"{name}: the same fields")
        except (ValueError, IndexError) as error:
            ok(False, f"{name}: {error}")
        ok(verifies(raw, fields, key), f"{name}: signature is good")
    lines = [room.message(room.sample(kind, size == "big"), room.SEED).hex()
             for kind, size in names]
    answers = run("read", stdin="\n".join(lines) + "\n")
    wanted = [f"{kind.split()[0]} {room.LONG if size == 'big' else 'a'}"
              for kind, size in names]
    ok(answers == wanted, "libe2ee reads what the other one wrote")
    return TAP.end()


sys.exit(main())

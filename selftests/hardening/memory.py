# SPDX-License-Identifier: GPL-2.0
"""What a core dump of a process would hold of secrets: all its memory that can
be written, searched for each piece of 8 bytes of each of them."""

import pathlib

PIECE = 8


def regions(pid):
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, mode, *_ = line.split()
        if mode.startswith("rw"):
            yield tuple(int(part, 16) for part in span.split("-"))


def read(pid):
    parts = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for begin, end in regions(pid):
            memory.seek(begin)
            while begin < end:
                data = memory.read(end - begin)
                if not data:
                    break
                parts.append(data)
                begin += len(data)
    return b"".join(parts)


def secrets(keylog):
    """{kind: {secret}}"""
    found = {}
    for line in keylog.splitlines():
        kind, secret = line.split()
        found.setdefault(kind, set()).add(bytes.fromhex(secret))
    return found


def search(pid, keylog):
    """Pieces found, by kind, and how many bytes were searched"""
    memory = read(pid)
    found = {}
    for kind, some in secrets(keylog).items():
        pieces = {one[at:at + PIECE] for one in some
                  for at in range(0, len(one), PIECE)}
        found[kind] = sum(piece in memory for piece in pieces)
    return found, len(memory)

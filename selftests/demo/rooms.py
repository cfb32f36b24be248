#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""What appliances say of their room, in the JSON of "e2eectl room".

    rooms.py together [--not T] FILE...     exit status 0: all are in one room,
                                            and send with the epoch T of it
    rooms.py verifiable FILE...             all have the same code to compare
    rooms.py owner FILE                     it owns the room
"""
import json
import pathlib
import sys


def read(path):
    """The status in a file; nothing if there is none."""
    try:
        return json.loads(pathlib.Path(path).read_text())
    except (OSError, ValueError):
        return {}


def names(room):
    return sorted(member["dev"] for member in room.get("members", []))


def ready(room, number):
    """Does it send, with keys that all of so many members have?"""
    return bool(room.get("encrypted") and room["link"] and room["switched"] and
                room["sending"] == room["epoch"] and len(room["members"]) == number and
                not any(member["waiting"] for member in room["members"]))


def together(rooms):
    return all(ready(room, len(rooms)) for room in rooms) and \
        len({room["t"] for room in rooms}) == 1 and \
        names(rooms[0]) == sorted(room["dev"] for room in rooms)


def code(room):
    """The code that people compare; None until it is there."""
    return room.get("sas", {}).get("code")


def verifiable(rooms):
    return None not in map(code, rooms) and len(set(map(code, rooms))) == 1


def main():
    what, *words = sys.argv[1:]
    if what == "verifiable":
        return not verifiable([read(path) for path in words])
    if what == "owner":
        return read(words[0]).get("state") != "owner"
    before = None
    if words[0] == "--not":
        before, words = words[1], words[2:]
    rooms = [read(path) for path in words]
    return not (together(rooms) and rooms[0]["t"] != before)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__.strip())
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every message that must be refused, and for the reason that fits: sizes,
lengths, order, types, bounds, names, rosters. TAP."""

import os
import re
import subprocess
import sys

import room_messages as room
from room_messages import Raw, encode, head, pattern, sample

BUILD = os.environ.get("E2EE_BUILD") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..")
TOOL = os.path.join(BUILD, "tests", "message_tool")
SIGNATURE = bytes(64)
CASES = []			# name, bytes, what the answer has to match


def raw_case(name, raw, answer):
    CASES.append((name, raw, answer))


def body_case(name, body, answer):
    raw_case(name, body + SIGNATURE, "refused: .*" + answer)


def case(name, answer, kind="HB", drop=(), **changes):
    """A small sample with fields f1, f2, … changed or dropped"""
    fields = sample(kind, False)
    for key in drop:
        del fields[key]
    fields.update({int(key[1:]): value for key, value in changes.items()})
    body_case(name, encode(fields), answer)


def good(name, kind="HB", **changes):
    fields = sample(kind, False)
    fields.update({int(key[1:]): value for key, value in changes.items()})
    raw_case(name, encode(fields) + SIGNATURE, "[A-Z-]+ a$")


def pairs(*items):
    """A map of these pairs, in this order"""
    return head(5, len(items)) + b"".join(
        encode(key) + encode(value) for key, value in items)


def epoch(**changes):
    """A small EPOCH of two members, with fields changed"""
    fields = sample("EPOCH", False)
    fields[18] = [room.entry(0, False), {**room.entry(1, False), 1: "b"}]
    fields[19] = [room.wrap(0, False), room.wrap(1, False)]
    fields.update({int(key[1:]): value for key, value in changes.items()})
    return fields


def epoch_case(name, answer, **changes):
    body_case(name, encode(epoch(**changes)), answer)


def member(i, **changes):
    fields = {**room.entry(i, False), 1: f"dev{i}"}
    fields.update({int(key[1:]): value for key, value in changes.items()})
    return fields


def sizes():
    raw_case("nothing", b"", "refused: too short")
    raw_case("a signature only", SIGNATURE, "refused: too short")
    raw_case("a byte and a signature", b"\xa0" + SIGNATURE, "refused: cut short")
    for kind, cap in (("KP", 4096), ("HB", 1024), ("PROBE", 1024)):
        body = encode(sample(kind, False))
        raw_case(f"{kind} of {cap} bytes, mostly filling",
                 body + bytes(cap - len(body)), "refused: bytes behind")
        raw_case(f"{kind} of {cap + 1} bytes",
                 body + bytes(cap + 1 - len(body)), "too long: too long for")
    body = encode(sample("EPOCH", True))
    cap = 512 * 1024
    raw_case("EPOCH of 512 KiB, partly filling",
             body + bytes(cap - len(body)), "refused: bytes behind the body")
    raw_case("EPOCH of 512 KiB and a byte",
             body + bytes(cap + 1 - len(body)), "too long: too long$")


def forms():
    hb = sample("HB", False)
    body = encode(hb)
    body_case("a byte behind the body", body + b"\0", "bytes behind the body")
    body_case("another body behind it", 2 * body, "bytes behind the body")
    body_case("an array for a body", encode([0, 4]), "the body is not a map")
    body_case("a number for a body", encode(4), "the body is not a map")
    body_case("an empty map", encode({}), "cut short")
    body_case("a map of indefinite length",
              b"\xbf" + body[1:] + b"\xff", "indefinite length")
    body_case("a reserved head", b"\xbc" + body[1:], "not CBOR")
    body_case("a break for a value", pairs((0, 4), (1, Raw(b"\xff"))),
              "indefinite length")
    body_case("no type", encode({key: hb[key] for key in hb if key}),
              "first field is not 0")
    body_case("type behind the name", pairs((1, "a"), (0, 4)),
              "first field is not 0")
    for kind in (0, 11, 255, 2 ** 64 - 1):
        case(f"type {kind}", "message type not known", f0=kind)
    case("type as text", r"field 0 \(type\) is of the wrong type", f0="HB")
    count = len(hb)
    body_case("a map that says one less", head(5, count - 1) + body[1:],
              "field 29 .poll. is missing")
    body_case("a map that says one more", head(5, count + 1) + body[1:],
              "cut short")
    body_case("a map that says 2^64 - 1", head(5, 2 ** 64 - 1) + body[1:],
              "cut short")
    body_case("a string that says 2^64 - 1", pairs(
        (0, 4), (1, Raw(head(3, 2 ** 64 - 1) + b"a"))), "cut short")


def one_spelling():
    hb = sample("HB", False)
    wider = "not the deterministic encoding"
    body = encode(hb)
    for width in (1, 2, 4, 8):
        body_case(f"count of the map in {width} bytes",
                  head(5, len(hb), width) + body[1:], wider)
        case(f"type in {width} bytes", wider, f0=Raw(head(0, 4, width)))
        case(f"length of a name in {width} bytes", wider,
             f1=Raw(head(3, 1, width) + b"a"))
        case(f"length of an array in {width} bytes", wider,
             f29=Raw(head(4, 0, width)))
        keyed = [(Raw(head(0, key, width)) if key == 4 else key, hb[key])
                 for key in sorted(hb)]
        body_case(f"key 4 in {width} bytes", pairs(*keyed), wider)
    for width in (2, 4, 8):
        case(f"length of a hash in {width} bytes", wider,
             f4=Raw(head(2, 32, width) + pattern(11, 32)))
        case(f"n = 200 in {width} bytes", wider, f26=Raw(head(0, 200, width)))
    case("n = 2^32 - 1 in 8 bytes", wider, f26=Raw(head(0, 2 ** 32 - 1, 8)))
    case("true in two bytes", "not CBOR", f28=Raw(b"\xf8\x15"))
    case("a name in pieces", "indefinite length",
         f1=Raw(b"\x7f\x61a\xff"))
    case("a hash in pieces", "indefinite length",
         f4=Raw(b"\x5f" + encode(pattern(11, 32)) + b"\xff"))
    case("a list without its length", "indefinite length",
         f29=Raw(b"\x9f\xff"))
    case("a map without its length", "indefinite length", "KP",
         f9=Raw(b"\xbf\x01" + encode(pattern(5, 32)) + b"\xff"))


def order():
    hb = sample("HB", False)
    items = [(key, hb[key]) for key in sorted(hb)]
    for i in range(1, len(items) - 1):
        swapped = items[:]
        swapped[i], swapped[i + 1] = items[i + 1], items[i]
        body_case(f"fields {items[i + 1][0]} and {items[i][0]} swapped",
                  pairs(*swapped), "fields not ascending")
    for i, item in enumerate(items):
        body_case(f"field {item[0]} twice", pairs(*items[:i + 1], *items[i:]),
                  "a field is there twice")
    body_case("field 1 again at the end", pairs(*items, items[1]),
              "a field is there twice")


def nesting():
    deep = Raw(b"\x81" * 200 + b"\x00")
    case("a list in a list where a list is due", "poll. is of the wrong type",
         f29=[[1]])
    fields = epoch()
    fields[18][0][9] = {1: [1]}
    body_case("a list in a roster's keys", encode(fields), "nested too deep")
    fields[18][0][9] = {1: {1: 1}}
    body_case("a map in a roster's keys", encode(fields), "nested too deep")
    fields[18][0][10] = [[4]]
    fields[18][0][9] = {1: pattern(1, 32)}
    body_case("a list in a roster's suites", encode(fields), "nested too deep")
    fields[18][0][10] = [deep]
    body_case("200 lists in one another there", encode(fields),
              "nested too deep")
    case("200 lists in one another for a hash", "field 4 .T. is of the wrong",
         f4=deep)
    body_case("900 lists in one another for a body", b"\x81" * 900,
              "the body is not a map")


def kinds():
    """Every field: not there, of every other type"""
    values = {int: 1, bytes: b"x" * 32, str: "abc", bool: True, list: [],
              dict: {}}
    never = {"a tag": (Raw(b"\xc1\x00"), "a tag"),
             "a half float": (Raw(b"\xf9\x3c\x00"), "floating-point"),
             "a float": (Raw(b"\xfa\x3f\x80\x00\x00"), "floating-point"),
             "a double": (Raw(b"\xfb" + bytes(8)), "floating-point"),
             "-1": (Raw(b"\x20"), "negative"),
             "-2^8": (Raw(b"\x38\xff"), "negative"),
             "-2^16": (Raw(b"\x39\xff\xff"), "negative"),
             "-2^32": (Raw(b"\x3a" + 4 * b"\xff"), "negative"),
             "-2^64": (Raw(b"\x3b" + 8 * b"\xff"), "negative"),
             "null": (Raw(b"\xf6"), "null"),
             "undefined": (Raw(b"\xf7"), "null or undefined"),
             "simple 0": (Raw(b"\xe0"), "not CBOR"),
             "break": (Raw(b"\xff"), "indefinite")}
    for kind in room.MAKERS:
        for key, value in sorted(sample(kind, True).items()):
            if key == 0 or (kind == "ACK ok" and key == 25):
                continue
            fields = sample(kind, True)
            del fields[key]
            if (kind, key) not in (("ACK refused", 25), ("ACK no-wrap", 25)):
                body_case(f"{kind} without field {key}", encode(fields),
                          f"field {key} .* is missing")
            for other, wrong in values.items():
                if other is type(value):
                    continue
                fields[key] = wrong
                body_case(f"{kind}: field {key} as {other.__name__}",
                          encode(fields), f"field {key} .* of the wrong type")
    for name, (value, answer) in never.items():
        case(f"{name} for a number", answer, f26=value)
        case(f"{name} for a name", answer, f1=value)
        case(f"{name} for a key", answer, f27=b"", f1=Raw(
            b"\x61a" + value))


def unknown():
    for key in (5, 6, 30, 39, 40, 63, 64, 100, 2 ** 32, 2 ** 64 - 1):
        case(f"HB with field {key}", "unknown field", **{f"f{key}": 1})
    case("KP with a call id", "unknown field", "KP", f3=pattern(2, 16))
    case("PROBE with a call id", "unknown field", "PROBE", f3=pattern(2, 16))
    case("a key that is text", "key of a field is not a number", f4=Raw(
        encode(pattern(11, 32)) + encode("x")))
    for kind, key in (("REQ join", 4), ("REQ join", 30), ("REQ resync", 22),
                      ("REQ rekey", 34), ("REQ kick", 35), ("REQ lock", 30),
                      ("REQ handover", 15), ("REQ policy", 35),
                      ("ACK refused", 24), ("ACK no-wrap", 24)):
        value = {15: 1, 35: True}.get(key, pattern(1, 32))
        case(f"{kind} with field {key}", f"field {key} .* does not belong",
             kind, **{f"f{key}": value})
    fields = epoch()
    fields[18][0][7] = 1
    body_case("roster entry with field 7", encode(fields), "unknown field")
    fields = epoch()
    fields[19][1][4] = 1
    body_case("wrap with field 4", encode(fields), "unknown field")


def bounds():
    """A step beyond each bound; what stands on it is in the samples"""
    fixed = {"KP": {2: 16, 6: 32, 8: 24}, "EPOCH": {3: 16, 13: 32},
             "HB": {2: 16, 3: 16, 4: 32, 27: 32},
             "HANDOVER": {4: 32, 30: 32, 31: 16}, "ACK ok": {4: 32, 24: 32},
             "REQ join": {22: 32, 34: 32}, "REQ kick": {30: 32},
             "SAS-COMMIT": {36: 32}, "SAS-REVEAL": {37: 32, 38: 32},
             "PROBE": {39: 16}}
    for kind, fields in fixed.items():
        for key, size in fields.items():
            for wrong in (0, size - 1, size + 1):
                case(f"{kind}: field {key} of {wrong} bytes",
                     f"field {key} .* is out of bounds", kind,
                     **{f"f{key}": pattern(1, wrong)})
    for key, wrong in ((11, 2 ** 16), (12, 2 ** 32), (14, 256), (15, 3),
                       (16, 4), (17, 3), (17, 6)):
        case(f"EPOCH: field {key} = {wrong}", f"field {key} .* out of bounds",
             "EPOCH", **{f"f{key}": wrong})
    case("ACK: result 3", "field 23 .* out of bounds", "ACK refused", f23=3)
    case("REQ: what 0", "field 33 .* out of bounds", "REQ rekey", f33=0)
    case("REQ: what 8", "field 33 .* out of bounds", "REQ rekey", f33=8)
    case("REQ: policy 3", "field 15 .* out of bounds", "REQ policy", f15=3)
    case("HB: 65 leaves polled", "field 29 .* out of bounds",
         f29=list(range(65)))
    case("HB: leaf 256 polled", "field 29 .* out of bounds", f29=[256])


def names():
    bad = "other characters"
    good("the shortest name", f1="a")
    for name in ("a b", "a/b", "a\0", "\0", "ab\0c", "a+", "#", "ä", "a\n",
                 "é", "a:", "a@b", "\x7f"):
        raw = name.encode()
        case(f"name {name!r}", bad, f1=Raw(head(3, len(raw)) + raw))
    case("a name that is no UTF-8", bad, f1=Raw(b"\x62\xff\xfe"))
    case("no name", "field 1 .dev. is out of bounds", f1="")
    case("a name of 65", "field 1 .dev. is out of bounds", f1="x" * 65)
    case("whom without a name", "field 25 .* out of bounds", "ACK refused",
         f25="")
    case("whom of 65", "field 25 .* out of bounds", "ACK refused",
         f25="x" * 65)
    case("whom with a slash", bad, "ACK refused", f25="a/b")
    epoch_case("a slash in a roster", bad, f18=[member(0, f1="a/b"),
                                                member(1)])


def lists():
    key = pattern(5, 32)
    case("no keys", "field 9 .* out of bounds", "KP", f9={})
    case("four keys", "field 9 .* out of bounds", "KP",
         f9={1: key, 2: key, 3: key, 4: key})
    case("wrap suite 0", "wrap suite not known", "KP", f9={0: key})
    case("wrap suite 4", "wrap suite not known", "KP", f9={4: key})
    case("wrap suites not ascending", "wrap suites not ascending", "KP",
         f9=Raw(pairs((2, key), (1, key))))
    case("a wrap suite twice", "wrap suites not ascending, or twice", "KP",
         f9=Raw(pairs((1, key), (1, key))))
    case("a wrap suite as text", "field 9 .* wrong type", "KP", f9={"1": key})
    case("a key as text", "field 9 .* wrong type", "KP", f9={1: "k" * 32})
    case("a key of 31", "public key is too", "KP", f9={1: key[1:]})
    case("a key of 1217", "public key is too", "KP", f9={1: bytes(1217)})
    case("no media suite", "field 10 .* out of bounds", "KP", f10=[])
    case("three media suites", "field 10 .* out of bounds", "KP",
         f10=[4, 5, 6])
    case("media suite 3", "media suite not known", "KP", f10=[3])
    case("media suite 6", "media suite not known", "KP", f10=[5, 6])
    case("a media suite twice", "media suites not", "KP", f10=[5, 5])
    case("media suites descending", "media suites not ascending", "KP",
         f10=[5, 4])
    case("a leaf polled twice", "polled leaves not", f29=[1, 1])
    case("leaves polled descending", "polled leaves not ascending", f29=[2, 1])
    for field, name in ((20, "banned"), (21, "lost")):
        iks = [pattern(256 * i, 32) for i in range(257)]
        epoch_case(f"257 {name}", f"field {field} .* out of bounds",
                   **{f"f{field}": iks})
        epoch_case(f"{name} twice", "not ascending, or one twice",
                   **{f"f{field}": [iks[1], iks[1]]})
        epoch_case(f"{name} descending", "not ascending, or one twice",
                   **{f"f{field}": [iks[2], iks[1]]})
        epoch_case(f"{name} of 31 bytes", "an ik is not of 32 bytes",
                   **{f"f{field}": [iks[1][1:]]})
        epoch_case(f"{name} as text", f"field {field} .* wrong type",
                   **{f"f{field}": ["x" * 32]})


def rosters():
    raw_case("an EPOCH of two", encode(epoch()) + SIGNATURE, "EPOCH a")
    wraps = [room.wrap(0, False), room.wrap(1, False)]
    epoch_case("no roster", "field 18 .* out of bounds", f18=[])
    epoch_case("no wraps", "field 19 .* out of bounds", f19=[])
    many = [member(i % 256) for i in range(257)]
    epoch_case("a roster of 257", "field 18 .* out of bounds", f18=many)
    epoch_case("257 wraps", "field 19 .* out of bounds",
               f19=[room.wrap(0, False)] * 257)
    epoch_case("roster descending", "roster not ascending",
               f18=[member(1), member(0)])
    epoch_case("a leaf twice in the roster", "or a leaf twice",
               f18=[member(0), member(1, f0=0)])
    twice = "a dev, ik or session id is twice"
    epoch_case("a dev twice", twice, f18=[member(0), member(1, f1="dev0")])
    epoch_case("a session id twice", twice,
               f18=[member(0), member(1, f2=member(0)[2])])
    epoch_case("an ik twice", twice,
               f18=[member(0), member(1, f6=member(0)[6])])
    epoch_case("wraps descending", "wraps not ascending", f19=wraps[::-1])
    epoch_case("a leaf twice in the wraps", "wraps not ascending by leaf, or",
               f19=[wraps[0], wraps[0]])
    epoch_case("a wrap less", "not one wrap for each leaf", f19=wraps[:1])
    epoch_case("a wrap more", "not one wrap for each leaf",
               f19=wraps + [room.wrap(2, False)])
    epoch_case("a wrap for another leaf", "not one wrap for each leaf",
               f19=[wraps[0], room.wrap(2, False)])
    epoch_case("an entry that is none", "not a map", f18=[1, 2])
    epoch_case("a wrap that is none", "not a map", f19=[b"", b""])
    for key in room.entry(0, False):
        first = member(0)
        del first[key]
        epoch_case(f"roster entry without field {key}",
                   f"field {key} .* is missing", f18=[first, member(1)])
    for key in wraps[0]:
        first = {k: v for k, v in wraps[0].items() if k != key}
        epoch_case(f"wrap without field {key}", f"field {key} .* is missing",
                   f19=[first, wraps[1]])
    for key, wrong in ((0, 256), (1, 0), (1, 4), (2, bytes(1121)),
                       (3, bytes(47)), (3, bytes(385))):
        what = wrong if isinstance(wrong, int) else f"{len(wrong)} bytes"
        epoch_case(f"wrap with field {key} = {what}",
                   f"field {key} .* out of bounds",
                   f19=[{**wraps[0], key: wrong}, wraps[1]])
    for key, size in ((2, 16), (6, 32), (8, 24), (22, 32)):
        for wrong in (size - 1, size + 1):
            epoch_case(f"roster entry with field {key} of {wrong} bytes",
                       f"field {key} .* out of bounds",
                       f18=[member(0, **{f"f{key}": bytes(wrong)}), member(1)])
    epoch_case("roster entry with leaf 256", "field 0 .* out of bounds",
               f18=[member(0), member(1, f0=256)])
    epoch_case("roster entry with fields swapped", "fields not ascending",
               f18=[Raw(pairs(*sorted(member(0).items())[::-1])), member(1)])
    epoch_case("roster entry with a wide leaf", "not the deterministic",
               f18=[member(0, f0=Raw(b"\x18\x00")), member(1)])


def main():
    for part in (sizes, forms, one_spelling, order, nesting, kinds, unknown,
                 bounds, names, lists, rosters):
        part()
    done = subprocess.run(
        [TOOL, "read"], text=True, capture_output=True, check=False,
        input="".join(raw.hex() + "\n" for _, raw, _ in CASES))
    answers = done.stdout.splitlines()
    failed = 0
    for i, (name, _, wanted) in enumerate(CASES):
        answer = answers[i] if i < len(answers) else "no answer"
        bad = not re.match(wanted, answer)
        failed += bad
        print(f"{'not ' if bad else ''}ok {i + 1} - {name}: {answer}")
        if bad:
            print(f"# wanted: {wanted}")
    if done.returncode:
        print("# " + done.stderr[:3000].replace("\n", "\n# "))
    print(f"1..{len(CASES)}")
    return 1 if failed or done.returncode else 0


sys.exit(main())

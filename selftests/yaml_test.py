#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The loaded module accepts what Documentation/netlink/specs/e2ee.yaml says, and
nothing else: its policies, as the kernel itself tells them (nlctrl), are held
against the specification. TAP; exit 4: skipped."""

import os
import socket
import struct
import sys

SPEC = os.path.join(os.path.dirname(os.path.realpath(__file__)),
                    "../Documentation/netlink/specs/e2ee.yaml")
SKIP = 4
# held against their policies by the module, which is not told of here: so every
# refusal wipes the keys in it; netlink_test.c has all their attributes
UNTOLD = {"key-new"}

NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_CMD_GETPOLICY = 0x10, 3, 10
CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME, CTRL_ATTR_VERSION = 1, 2, 3
CTRL_ATTR_OPS, CTRL_ATTR_MCAST_GROUPS = 6, 7
CTRL_ATTR_POLICY, CTRL_ATTR_OP_POLICY = 8, 9
GENL_UNS_ADMIN_PERM = 0x10
TYPES = {1: "flag", 2: "u8", 3: "u16", 4: "u32", 5: "u64", 10: "binary",
         11: "string", 12: "string", 13: "nest"}
LARGEST = {"u16": 2 ** 16 - 1, "u32": 2 ** 32 - 1, "u64": 2 ** 64 - 1}


def attr(kind, data):
    size = 4 + len(data)
    return struct.pack("=HH", size, kind) + data + bytes(-size % 4)


def attrs(data):
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        yield kind & 0x3fff, data[4:size]
        data = data[(size + 3) & ~3:]


def number(data):
    return int.from_bytes(data, sys.byteorder)


class Nlctrl:
    def __init__(self):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        self.sock.bind((0, 0))

    def ask(self, command, flags, payload):
        """Attributes of every answer"""
        body = struct.pack("=BBH", command, 1, 0) + payload
        self.sock.send(struct.pack("=IHHII", 16 + len(body), GENL_ID_CTRL,
                                   NLM_F_REQUEST | flags, 1, 0) + body)
        while True:
            data = self.sock.recv(1 << 20)
            while len(data) >= 16:
                size, kind = struct.unpack_from("=IH", data)
                if kind in (NLMSG_ERROR, NLMSG_DONE):
                    error = struct.unpack_from("=i", data, 16)[0]
                    if error:
                        raise OSError(-error, os.strerror(-error))
                    return
                yield from attrs(data[20:size])
                data = data[(size + 3) & ~3:]

    def family(self, name):
        query = attr(CTRL_ATTR_FAMILY_NAME, name.encode() + b"\0")
        return dict(self.ask(CTRL_CMD_GETFAMILY, NLM_F_ACK, query))

    def policies(self, family):
        """{policy: {attribute: {property: value}}}, {op: set of policies}"""
        tables, ops = {}, {}
        query = attr(CTRL_ATTR_FAMILY_ID, struct.pack("=H", family))
        for kind, data in self.ask(CTRL_CMD_GETPOLICY, NLM_F_DUMP, query):
            for key, inner in attrs(data):
                if kind == CTRL_ATTR_OP_POLICY:
                    ops[key] = {k: number(v) for k, v in attrs(inner)}
                elif kind == CTRL_ATTR_POLICY:
                    for member, properties in attrs(inner):
                        tables.setdefault(key, {})[member] = {
                            k: number(v) for k, v in attrs(properties)}
        return tables, ops


class Spec:
    def __init__(self, path):
        import yaml
        with open(path, encoding="utf-8") as stream:
            self.yaml = yaml.safe_load(stream)
        self.constants = {d["name"]: d["value"]
                          for d in self.yaml["definitions"]
                          if d["type"] == "const"}
        self.sets = {}
        for one in self.yaml["attribute-sets"]:
            self.sets[one["name"]] = dict(enumerate(one["attributes"], 1))
        self.ops = {}
        for value, op in enumerate(self.yaml["operations"]["list"], 1):
            self.ops[value] = op

    def limit(self, item, name):
        value = item.get("checks", {}).get(name)
        return self.constants.get(value, value)

    def enum_range(self, item):
        """Values of an enum: the lowest, the highest that may be set"""
        for one in self.yaml["definitions"]:
            if one["name"] != item.get("enum") or one["type"] != "enum":
                continue
            following, values = one.get("value-start", 0), []
            for entry in one["entries"]:
                entry = entry if isinstance(entry, dict) else {"name": entry}
                following = entry.get("value", following)
                if entry["name"] != "blocked":
                    values.append(following)
                following += 1
            return values[0], values[-1]
        return None

    def requests(self, op):
        """Attributes that the operation takes, do and dump together"""
        names = set()
        for mode in ("do", "dump"):
            names |= set(op.get(mode, {}).get("request", {})
                         .get("attributes", []))
        return names


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def equal(self, what, found, wanted):
        self.count += 1
        good = found == wanted
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {what}")
        if not good:
            print(f"# kernel: {found!r}\n# spec:   {wanted!r}")


def check_member(tap, spec, where, item, properties):
    kind = TYPES.get(properties.get(1), properties.get(1))
    tap.equal(f"{where}: type", kind, item["type"])
    if item["type"] in LARGEST:
        low, high = spec.limit(item, "min") or 0, spec.limit(item, "max")
        values = spec.enum_range(item)
        if values:
            low, high = values
        found = (properties.get(4, 0),
                 properties.get(5, LARGEST[item["type"]]))
        if item.get("enum-as-flags"):
            tap.equal(f"{where}: mask", properties.get(12), 1)
        elif where.endswith(".fd"):
            tap.equal(f"{where}: a descriptor", found, (0, 2 ** 31 - 1))
        else:
            tap.equal(f"{where}: range", found,
                      (low, LARGEST[item["type"]] if high is None else high))
    elif item["type"] in ("string", "binary"):
        exact = spec.limit(item, "exact-len")
        tap.equal(f"{where}: longest", properties.get(7),
                  exact or spec.limit(item, "max-len"))
        if exact:
            tap.equal(f"{where}: shortest", properties.get(6), exact)


def check_operation(tap, spec, tables, policies, op):
    """The top level and its nests"""
    found = {}
    for index in policies.values():
        found.update(tables.get(index, {}))
    top = spec.sets["e2ee"]
    found = {k: v for k, v in found.items() if v.get(1)}
    if op["name"] in UNTOLD:
        tap.equal(f"{op['name']}: no policy of generic netlink's", found, {})
        return
    tap.equal(f"{op['name']}: attributes",
              {top[number]["name"] for number in found}, spec.requests(op))
    for kind, properties in sorted(found.items()):
        item = top[kind]
        where = f"{op['name']}: {item['name']}"
        tap.equal(f"{where}: type", TYPES.get(properties[1]), item["type"])
        if item["type"] != "nest":
            continue
        inner = spec.sets[item["nested-attributes"]]
        for member, limits in sorted(tables[properties[8]].items()):
            if limits.get(1):
                check_member(tap, spec, f"{where}.{inner[member]['name']}",
                             inner[member], limits)


def main():
    try:
        import yaml  # pylint: disable=unused-import
    except ImportError:
        print("1..0 # SKIP python3-yaml is not installed")
        return SKIP
    nlctrl = Nlctrl()
    try:
        family = nlctrl.family("e2ee")
    except OSError:
        print("1..0 # SKIP module e2ee is not loaded")
        return SKIP
    spec, tap = Spec(SPEC), Tap()
    tables, ops = nlctrl.policies(number(family[CTRL_ATTR_FAMILY_ID]))

    print("TAP version 13")
    tap.equal("version", number(family[CTRL_ATTR_VERSION]), 1)
    groups = [dict(attrs(data))[1].rstrip(b"\0").decode()
              for _, data in attrs(family[CTRL_ATTR_MCAST_GROUPS])]
    tap.equal("multicast groups", groups,
              [g["name"] for g in spec.yaml["mcast-groups"]["list"]])
    flags = {}
    for _, data in attrs(family[CTRL_ATTR_OPS]):
        op = dict(attrs(data))
        flags[number(op[1])] = number(op[2])
    wanted = {v for v, op in spec.ops.items() if "event" not in op}
    tap.equal("commands", set(flags), wanted)
    tap.equal("each needs CAP_NET_ADMIN",
              {v for v in flags if flags[v] & GENL_UNS_ADMIN_PERM}, wanted)
    for value in sorted(wanted):
        op = spec.ops[value]
        tap.equal(f"{op['name']}: do, dump",
                  (bool(flags[value] & 2), bool(flags[value] & 4)),
                  ("do" in op, "dump" in op))
        check_operation(tap, spec, tables, ops.get(value, {}), op)
    print(f"1..{tap.count}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())

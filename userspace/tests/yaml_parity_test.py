#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The YAML contract and the header say the same: every constant, command,
attribute, enum value; and the types of the attributes as the header's comments
give them. Runs in any folder; TAP."""

import os
import re
import sys

import yaml

from tap import Tap

TOP = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..")
SPEC = os.path.join(TOP, "Documentation/netlink/specs/e2ee.yaml")
HEADER = os.path.join(TOP, "include/uapi/linux/e2ee.h")


def constant(*words):
    return "_".join(words).upper().replace("-", "_")


class Header:
    """What the header defines: enum name -> [(constant, value, comment)]"""

    def __init__(self, path):
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
        self.defines = {}
        for name, value in re.findall(
            r"^#define (E2EE_\w+)[ \t]+(.+?)(?:[ \t]*/\*.*)?$", text, re.M
        ):
            self.defines[name] = self.number(value)
        self.enums = {}
        for name, body in re.findall(r"^enum (\w+) \{(.*?)^\};", text, re.M | re.S):
            self.enums[name] = list(self.members(body))

    @staticmethod
    def number(text):
        text = text.strip()
        if text.startswith('"'):
            return text.strip('"')
        plain = re.sub(r"(?<=\d)U?L*\b", "", text)
        if not re.fullmatch(r"[\d\s()<x]+", plain):
            raise ValueError(f"no number: {text}")
        return eval(plain)  # digits, shifts and brackets only

    def members(self, body):
        following = 0
        pattern = r"^\t(\w+)(?: = ([^,\n/]+))?,?(?:[ \t]*/\* (.*?) \*/)?$"
        for name, value, comment in re.findall(pattern, body, re.M):
            if name.startswith("__") or "__" in value:
                continue
            following = self.number(value) if value else following
            yield name, following, comment
            following += 1

    def values(self, enum):
        return [(name, value) for name, value, _ in self.enums[enum]]


def type_words(attr):
    """How the header's comment begins for this attribute, or None: any"""
    if attr["type"] in ("pad", "unused"):
        return None
    if attr["type"] == "nest":
        enum = "stat" if attr["nested-attributes"] == "stat" else (
            attr["nested-attributes"] + "_attr")
        return f"nest: enum e2ee_{enum}"
    return attr["type"]


def numbered(items, start):
    following = start
    for item in items:
        if isinstance(item, str):
            item = {"name": item}
        following = item.get("value", following)
        yield item, following
        following += 1


def check_definitions(tap, spec, header):
    consts = {}
    for item in spec["definitions"]:
        if item["type"] == "const":
            consts[constant("e2ee", item["name"])] = item["value"]
    outside = {"E2EE_GENL_NAME", "E2EE_GENL_VERSION", "E2EE_MCGRP_EVENTS"}
    numbers = {k: v for k, v in header.defines.items() if k not in outside}
    tap.equal("constants", consts, numbers)
    tap.equal("family name", spec["name"], header.defines["E2EE_GENL_NAME"])
    tap.equal("multicast groups", [g["name"] for g in spec["mcast-groups"]["list"]],
              [header.defines["E2EE_MCGRP_EVENTS"]])

    # The C name of an enum whose constants have another stem
    enum_names = {"session-f": "session_flag", "ssrc": "ssrc_mode"}
    seen = set()
    for item in spec["definitions"]:
        if item["type"] == "const":
            continue
        name = "e2ee_" + enum_names.get(item["name"], item["name"])
        seen.add(name)
        values = []
        for entry, value in numbered(item["entries"], item.get("value-start", 0)):
            if item["type"] == "flags":
                value = 1 << value
            values.append((constant("e2ee", item["name"], entry["name"]), value))
        tap.equal(f"enum {name}", values, header.values(name))
    return seen


def check_attributes(tap, spec, header):
    seen = set()
    for attr_set in spec["attribute-sets"]:
        name = attr_set["enum-name"].replace("-", "_")
        prefix = attr_set["name-prefix"][:-1]
        seen.add(name)
        values = [(constant(prefix, "unspec"), 0)]
        for attr, value in numbered(attr_set["attributes"], 1):
            values.append((constant(prefix, attr["name"]), value))
        tap.equal(f"attributes {name}", values, header.values(name))

        comments = {member: text for member, _, text in header.enums[name]}
        for attr, _ in numbered(attr_set["attributes"], 1):
            words = type_words(attr)
            member = constant(prefix, attr["name"])
            if words is None or attr_set["name"] == "stat":
                continue
            text = comments.get(member, "")
            tap.equal(f"type of {member}", words, text[: len(words)])
            if "enum" in attr:
                enum = {"session-f": "session_flag", "ssrc": "ssrc_mode"}.get(
                    attr["enum"], attr["enum"])
                tap.equal(f"enum of {member}", f"{words}: enum e2ee_{enum}",
                          re.match(r"[\w: ]*", text).group(0))
        stat_types = {a["type"] for a in attr_set["attributes"]} - {"pad"}
        if attr_set["name"] == "stat":
            tap.equal("counters are u64", stat_types, {"u64"})
    return seen


def check_operations(tap, spec, header):
    operations = spec["operations"]
    prefix = operations["name-prefix"][:-1]
    values = [(constant(prefix, "unspec"), 0)]
    for item, value in numbered(operations["list"], 1):
        values.append((constant(prefix, item["name"]), value))
    tap.equal("commands", values, header.values("e2ee_cmd"))

    sets = {s["name"]: {a["name"] for a in s["attributes"]}
            for s in spec["attribute-sets"]}
    unknown = []
    for item in operations["list"]:
        known = sets[item["attribute-set"]]
        for mode in ("do", "dump"):
            for side in ("request", "reply"):
                attrs = item.get(mode, {}).get(side, {}).get("attributes", [])
                unknown += [a for a in attrs if a not in known]
    tap.equal("operations use known attributes", unknown, [])
    unguarded = [i["name"] for i in operations["list"]
                 if "event" not in i and i.get("flags") != ["uns-admin-perm"]]
    tap.equal("every operation needs CAP_NET_ADMIN", unguarded, [])
    return {"e2ee_cmd"}


def main():
    with open(SPEC, encoding="utf-8") as stream:
        spec = yaml.safe_load(stream)
    header = Header(HEADER)
    tap = Tap()
    seen = check_definitions(tap, spec, header)
    seen |= check_attributes(tap, spec, header)
    seen |= check_operations(tap, spec, header)
    tap.equal("every enum of the header is in the spec", sorted(seen),
              sorted(header.enums))
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The example for a vendor's own signalling, by three with kernels that are
folders: two pin each other and nobody pins the third. TAP."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                "lib"))
from appliances import BUILD, RX, TX, Appliance, Stage, Tap, until  # noqa: E402

EXAMPLE = os.path.join(BUILD, "tests", "own_signalling")
E2EECTL = os.path.join(BUILD, "e2eectl")
# Other runs of this test may use the same multicast group
ROOM = f"board-{os.getpid()}"


class Example(Appliance):
    def start(self, *more):
        with open(self.path("stdout"), "wb") as stdout:
            self.process = subprocess.Popen(
                [EXAMPLE, ROOM, "call", self.name, self.identity,
                 self.path("trust")], stdin=subprocess.DEVNULL, stdout=stdout,
                stderr=self.log,
                env=dict(os.environ, E2EE_FAKE_KERNEL=self.folder))
        return self

    def pin(self, other):
        key = subprocess.run([E2EECTL, "pubkey", "--identity", other.identity],
                             check=True, capture_output=True,
                             text=True).stdout.split()[-1]
        subprocess.run([E2EECTL, "trust", "add", other.name, key,
                        "--trust-store", self.path("trust")], check=True,
                       stdout=subprocess.DEVNULL)

    def proc(self, name):
        with open(f"/proc/{self.process.pid}/{name}",
                  encoding="utf-8") as stream:
            return stream.read()


def hears(one, other):
    """Whether one can receive something that the other sends"""
    return {(k.kid, k.secret) for k in other.keys(TX)} & {
        (k.kid, k.secret) for k in one.keys(RX)}


def field(text, name):
    return next(line[len(name):].split()[0] for line in text.splitlines()
                if line.startswith(name))


def check_together(tap, one, other, stranger):
    tap.ok(until(lambda: hears(one, other) and hears(other, one)),
           "two that pinned each other hear each other",
           one.said() + other.said())
    tap.ok("stranger" in one.read("stdout") + other.read("stdout") or
           until(lambda: "stranger" in one.read("stdout") +
                 other.read("stdout"), 10),
           "there is an alarm for the device that nobody pinned")
    tap.ok(not hears(one, stranger) and not hears(stranger, one) and
           not hears(other, stranger) and not hears(stranger, other),
           "and it hears nobody and is not heard")
    tap.ok(all("policy required" in each.read("log") for each in (one, other)),
           "the policy is required", one.read("log"))


def check_memory(tap, one):
    may = not subprocess.run(["prlimit", "--memlock=unlimited", "true"],
                             stderr=subprocess.DEVNULL, check=False).returncode
    status = one.proc("status")
    # The library locks a few pages of its own
    tap.equal("its memory is locked if that is permitted",
              2 * int(field(status, "VmLck:")) > int(field(status, "VmSize:")),
              may)
    tap.equal("or else it says so", "not locked" in one.said(), not may)
    tap.equal("it dumps no core",
              field(one.proc("limits"), "Max core file size"), "0")


def check_end(tap, *examples):
    for each in examples:
        tap.equal(f"{each.name} ends well", each.stop(), 0)
        tap.ok("over: " in each.read("stdout"), "and says that it is over",
               each.read("stdout") + each.said())
        tap.equal("its keys are gone", each.keys(), [])


def main():
    tap = Tap()
    if os.geteuid():
        print("1..0 # SKIP only root can lock its memory without limit")
        return 4
    with Stage() as stage:
        one, other, stranger = stage.all = [
            Example(stage.folder, name, f"own:{ROOM}")
            for name in ("one", "other", "stranger")]
        one.pin(other)
        other.pin(one)
        stranger.pin(one)
        for each in stage.all:
            each.start()
        check_together(tap, one, other, stranger)
        check_memory(tap, one)
        check_end(tap, stranger, other, one)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())

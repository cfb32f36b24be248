# SPDX-License-Identifier: GPL-2.0-or-later
"""TAP of tests that are written in Python."""


class Tap:
    """Counts what it prints; end() gives the plan and the exit status"""

    def __init__(self):
        self.count = self.failed = 0

    def ok(self, good, what, why=""):
        self.count += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {what}", flush=True)
        if not good and why:
            print("# " + str(why).replace("\n", "\n# "), flush=True)
        return good

    def equal(self, what, found, wanted):
        return self.ok(found == wanted, what,
                       f"found {found!r}, wanted {wanted!r}")

    def end(self):
        print(f"1..{self.count}")
        return 1 if self.failed else 0

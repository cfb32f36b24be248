#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""TAP: the KUnit suites' vectors are what the generator writes now."""

import pathlib
import subprocess
import sys

TOP = pathlib.Path("@TOP@")

made = subprocess.run([sys.executable, TOP / "selftests/vectors/generate"],
                      check=True, stdout=subprocess.PIPE).stdout
same = made == (TOP / "kmod/tests/vectors.h").read_bytes()
print("TAP version 13\n1..1")
print("ok" if same else "not ok", "1 - kmod/tests/vectors.h is up to date")
sys.exit(not same)

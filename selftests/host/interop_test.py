#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""TAP: the independent implementation agrees with the vectors and itself."""

import os
import pathlib
import sys

TOP = pathlib.Path("@TOP@/selftests")

os.execv(sys.executable, [sys.executable, str(TOP / "interop/sframe.py"),
                          "vectors", str(TOP / "vectors")])

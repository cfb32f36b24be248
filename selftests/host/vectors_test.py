#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""TAP: the KUnit suites' vectors are what the generator writes now."""

import pathlib
import subprocess
import sys
import tempfile

TOP = pathlib.Path("@TOP@")

with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.executable, TOP / "selftests/vectors/generate", folder],
                   check=True)
    made = {path.name: path.read_bytes()
            for path in pathlib.Path(folder).iterdir()}
old = {path.name: path.read_bytes()
       for path in (TOP / "kmod/tests").glob("*_vectors.h")}
print("TAP version 13\n1..1")
print("ok" if made == old else "not ok", "1 - kmod/tests/*_vectors.h are new")
sys.exit(made != old)

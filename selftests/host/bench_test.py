#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The benchmark's scripts: samples become the right ratios, and the guard
against getting slower lets a good result pass and no bad one."""
import json
import os
import subprocess
import sys
import tempfile

BENCH = "@TOP@/selftests/bench"
SIZES = (20, 160, 1200)
COUNT = 0
FAILED = 0


def check(holds, name):
    """One line of TAP."""
    global COUNT, FAILED
    COUNT += 1
    FAILED += not holds
    print("ok" if holds else "not ok", COUNT, "-", name)


def costs():
    """Every cost that the benchmark reports, ns a packet."""
    for net in ("lo", "veth"):
        for size in SIZES:
            yield f"plain_{net}_{size}", 1000
            yield f"both_{net}_{size}", 1600
            yield f"tx_{net}_{size}", 1350
            yield f"rx_{net}_{size}", 1250
    for size in SIZES:
        yield f"aead_{size}", 400
        for who in ("openssl", "libsrtp"):
            yield f"{who}_{size}", 1200
    yield from (("single_plain", 1000), ("single_both", 1600),
                ("burst_plain", 300), ("burst_both", 720),
                ("keys_plain", 1000), ("keys_1", 1500), ("keys_cold_1", 1500),
                ("keys_10000", 1550), ("keys_cold_10000", 2000),
                ("sessions_plain", 1000), ("sessions_1", 1500),
                ("sessions_1000", 1525), ("sessions_cold_plain", 2000),
                ("sessions_cold_1000", 3000))
    for cpu in (0, 1):
        for kind in ("", "plain_"):
            yield f"cpu{cpu}_{kind}alone", 1000
            yield f"cpu{cpu}_{kind}together", 1000 + 250 * cpu


def write_samples(path, crypto="OK AES-GCM by some driver"):
    """As the benchmark would, ten rounds, the last one disturbed."""
    with open(path, "w", encoding="utf-8") as file:
        for name, cost in costs():
            for i in range(10):
                ns = cost + 5000 * (i == 9)
                file.write(f"cost {name} {i} {ns} {2 * ns}\n")
        for size in SIZES:
            spent = " ".join(["200 300"] * 90 + ["400 600"] * 10)
            file.write(f"samples hooks_{size} {spent}\n")
        file.write("samples latency_plain" + " 1000" * 99 + " 9000\n")
        file.write("samples latency_both" + " 1600" * 99 + " 9000\n")
        for name in ("key_installs_per_s", "bytes_per_tx_key",
                     "bytes_per_rx_key", "bytes_per_session",
                     "bytes_per_socket"):
            file.write(f"fact {name} 700\n")
        file.write("fact cycles_per_ns 2\nword driver some driver\n")
        file.write(f"word crypto {crypto}\n")


def report_test(folder):
    """The report of known samples."""
    write_samples(f"{folder}/samples")
    subprocess.run([f"{BENCH}/report", f"{folder}/samples", folder,
                    "date=today"], check=True)
    with open(f"{folder}/results.json", encoding="utf-8") as file:
        results = json.load(file)
    wanted = {
        "added_1200_over_aead": 1.5, "added_160_over_aead": 1.5,
        "added_1200_over_openssl": 0.5, "added_160_over_openssl": 0.5,
        "added_1200_over_libsrtp": 0.5, "added_160_over_libsrtp": 0.5,
        "keys_10000_over_1": 1.1, "keys_cold_10000_over_1": 2,
        "sessions_1000_over_1": 1.05, "gso_over_single": 0.45,
        "two_cpu_scale": 1.8, "p99_added_over_median": 2,
    }
    for name, value in wanted.items():
        check(results["ratios"].get(name) == value, f"{name} is {value}")
    check(results["spread"]["added_1200_over_aead"] == [1.5, 1.5],
          "a disturbed round is not in the middle half")
    check(results["latency"]["p50"]["added_ns"] == 300, "latency in ns")
    check(results["driver"] == "some driver" and results["date"] == "today",
          "words of the run are there")
    check(results["key_installs_per_s"] == 700 and
          results["bytes_per_key"] == 700, "facts are there")
    with open(f"{folder}/table.txt", encoding="utf-8") as file:
        check("two_cpu_scale" in file.read(), "table")
    return results


def slow_driver_test(folder):
    """No figures where the CPU could do better, or where nobody looked."""
    for crypto, figures in (("FAIL AES-GCM by gcm_base(a,b)", False),
                            ("", False), ("WARN AES-GCM by no AES", True)):
        out = f"{folder}/of-{crypto[:4]}"
        write_samples(f"{folder}/slow", crypto)
        run = subprocess.run([f"{BENCH}/report", f"{folder}/slow", out],
                             capture_output=True, text=True, check=False)
        check((run.returncode == 0) == figures ==
              os.path.exists(f"{out}/results.json"),
              f"figures of \"{crypto}\": {figures}")
        check(figures or crypto in run.stderr, "the reason is given")


def guard(folder, results):
    """Exit status and output of the guard for results."""
    path = f"{folder}/judged.json"
    with open(path, "w", encoding="utf-8") as file:
        json.dump(results, file)
    run = subprocess.run([f"{BENCH}/check", path], capture_output=True,
                         text=True, check=False)
    return run.returncode, run.stdout


def guard_test(folder):
    """Results that pass, and ways not to."""
    with open(f"{BENCH}/fixtures/fast.json", encoding="utf-8") as file:
        fast = json.load(file)
    with open(f"{BENCH}/fixtures/slow.json", encoding="utf-8") as file:
        slow = json.load(file)
    status, out = guard(folder, fast)
    check(status == 0 and "not ok" not in out, "a fast result passes")
    status, out = guard(folder, slow)
    check(status == 1 and "not ok" in out, "a slow result fails")
    del fast["ratios"]["gso_over_single"]
    check(guard(folder, fast)[0] == 1, "a result that lacks a ratio fails")
    slow["flags"] = "aes"
    out = guard(folder, slow)[1]
    check("added_160_over_openssl # SKIP" in out,
          "what needs VAES is skipped on a CPU without")


COUNTED = {"plain": 8000, "tx": 12000, "both": 15000}
FAST = "__generic-gcm-aesni"


def counted(folder, driver=FAST, tick=1, **cost):
    """The arguments that hold samples against the figures of folder."""
    with open(f"{folder}/counted", "w", encoding="utf-8") as file:
        file.write(f"word driver {driver}\nword kernel some kernel\n")
        for send in ("single", "burst"):
            for size in SIZES:
                for kind, value in {**COUNTED, **cost}.items():
                    for i in range(12 if value else 0):
                        file.write(f"cost {send}_{kind}_{size} {i} 1 "
                                   f"{value + tick * (i % 3 - 1)}\n")
    return ["-C", folder, "6.1", f"{folder}/counted", "emulator=some QEMU"]


def figures(*args):
    """Exit status and output of the guard for instructions."""
    run = subprocess.run([f"{BENCH}/figures", *args], capture_output=True,
                         text=True, check=False)
    return run.returncode, run.stdout


def tree(folder):
    """Makes folder a tree that has no figures yet."""
    os.makedirs(f"{folder}/Documentation/reports", exist_ok=True)
    path = f"{folder}/Documentation/reports/instructions.json"
    with open(path, "w", encoding="utf-8") as file:
        file.write("{}")
    path = f"{folder}/Documentation/performance.rst"
    with open(path, "w", encoding="utf-8") as file:
        file.write("Before\n\n.. instructions begin\n\n===\n"
                   ".. instructions end\n\nAfter\n")


def counted_tree(folder, path):
    """A file of that tree."""
    with open(f"{folder}/Documentation/{path}", encoding="utf-8") as file:
        return file.read()


def refused_figures_test(folder):
    """What cannot become the tree's figures, and what there is to compare."""
    tree(folder)
    for name, args in (
            ("of portable code", counted(folder, driver="gcm_base(a,b)")),
            ("that spread", counted(folder, tick=20)),
            ("of which some are missing", counted(folder, both=0))):
        check(figures("-a", *args)[0] == 1 and
              counted_tree(folder, "reports/instructions.json") == "{}",
              f"figures {name} are not accepted")
    status, out = figures(*counted(folder))
    check(status == 1 and "missing in the tree" in out,
          "without figures in the tree, nothing passes")


def instructions_test(folder):
    """Instructions that grow are noticed, and can be accepted."""
    folder = f"{folder}/tree"
    refused_figures_test(folder)
    status, out = figures("-a", *counted(folder))
    parts = json.loads(counted_tree(folder, "reports/instructions.json"))
    check(status == 0 and parts["6.1"]["instructions"]["burst_160"] ==
          {"plain": 8000, "sending": 4000, "receiving": 3000},
          "accepted figures are sending's and receiving's own")
    text = counted_tree(folder, "performance.rst")
    check("1,200, in bursts    8,000    4,000      3,000   15,000\n" in text and
          text.startswith("Before\n") and text.endswith("\nAfter\n") and
          figures("-C", folder, "-t")[1] in text,
          "and a table of the documentation")
    check(figures(*counted(folder))[0] == 0, "the same figures pass")
    for name, cost, line in (
            ("sending", {"tx": 12050, "both": 15050}, "4000 to 4050"),
            ("receiving", {"both": 15040}, "3000 to 3040"),
            ("plain", {"plain": 8090}, "8000 to 8090")):
        status, out = figures(*counted(folder, **cost))
        check(status == 1 and f"# grew from {line}; " in out and
              f"6.1 single_160 {name}: " in out and "ACCEPT=1" in out,
              f"{name} that grew by over 1 % fails, and what it was is said")
    check(figures(*counted(folder, tx=12030, both=15050))[0] == 0,
          "less than 1 % passes")
    status, out = figures(*counted(folder, tx=11900, both=14900))
    check(status == 0 and "it fell from 4000" in out, "a gain is told of")
    out = figures(*counted(folder, both=15040)[:-1])[1]
    check('emulator is "" and was "some QEMU"' in out,
          "so is an emulator that differs")
    status, out = figures(*counted(folder, both=0))
    check(status == 1 and "missing in what was counted" in out,
          "what was not counted fails")
    for name, sample in (("portable code", {"driver": "gcm_base(a,b)"}),
                         ("a spread", {"tick": 20})):
        check(figures(*counted(folder, **sample))[0] == 1, f"{name} fails")


def documented_test():
    """The documentation's table is that of the tree's figures."""
    for kernel in ("6.1 ", "6.12", "newest"):
        check(f"\n{kernel}" in figures("-t")[1], f"the tree has {kernel}")
    with open("@TOP@/Documentation/performance.rst",
              encoding="utf-8") as file:
        check(figures("-t")[1] in file.read(),
              "the documentation has the same instructions")


def main():
    """Run all."""
    print("TAP version 13")
    with tempfile.TemporaryDirectory() as folder:
        report_test(folder)
        slow_driver_test(folder)
        guard_test(folder)
        instructions_test(folder)
    documented_test()
    print(f"1..{COUNT}")
    sys.exit(1 if FAILED else 0)


if not os.path.exists(f"{BENCH}/report"):
    sys.exit("selftests/bench is missing")
main()

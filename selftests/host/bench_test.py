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


def main():
    """Run all."""
    print("TAP version 13")
    with tempfile.TemporaryDirectory() as folder:
        report_test(folder)
        slow_driver_test(folder)
        guard_test(folder)
    print(f"1..{COUNT}")
    sys.exit(1 if FAILED else 0)


if not os.path.exists(f"{BENCH}/report"):
    sys.exit("selftests/bench is missing")
main()

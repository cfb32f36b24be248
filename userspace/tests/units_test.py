#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The units of systemd, as they are installed: does systemd take them, how much
do they expose, and do they know the exit statuses of the manual? TAP."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from tap import Tap

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("E2EE_BUILD") or HERE / "..").resolve()
MOST = 1.9			# of 10: what "systemd-analyze security" calls exposure
NEEDED = {"LimitCORE": "0", "MemorySwapMax": "0", "NoNewPrivileges": "yes",
          "ProtectSystem": "strict", "UMask": "0077"}
# The one that runs when the other has failed must do without its user and read
# what that could not
RIGHTS = {"e2eed": {"User": "e2eed", "Group": "e2eed",
                    "CapabilityBoundingSet": "CAP_NET_ADMIN",
                    "AmbientCapabilities": "CAP_NET_ADMIN"},
          "e2eed-failed": {"User": None, "Group": None,
                           "CapabilityBoundingSet":
                           "CAP_NET_ADMIN CAP_DAC_READ_SEARCH",
                           "AmbientCapabilities": None},
          "e2ee": {"User": None, "Group": None,
                   "CapabilityBoundingSet": "CAP_NET_ADMIN",
                   "AmbientCapabilities": None}}


def settings(text):
    return dict(line.split("=", 1) for line in text.splitlines()
                if "=" in line and line[0] not in "#[")


def analyze(folder, *words):
    done = subprocess.run(["systemd-analyze", "--no-pager", *words],
                          capture_output=True, text=True, check=False,
                          env=dict(os.environ, SYSTEMD_UNIT_PATH=f"{folder}:"))
    return done.returncode, done.stdout + done.stderr


def statuses(manual):
    """Those of the section EXIT STATUS"""
    section = re.search(r"^\.Sh EXIT STATUS$(.*?)^\.Sh ", manual, re.M | re.S)
    return {int(n) for n in re.findall(r"^\.It (\d+)$", section[1], re.M)}


def check_unit(tap, unit):
    folder, name = unit.parent, unit.stem.rstrip("@")
    found = settings(unit.read_text())
    code, said = analyze(folder, "verify", "--man=no",
                         f"{unit}".replace("@.", "@board."))
    tap.ok(code == 0 and not said, f"{name}: systemd takes it", said)
    tap.equal(f"{name}: what it must not lack",
              {key: found.get(key) for key in NEEDED}, NEEDED)
    tap.equal(f"{name}: its rights",
              {key: found.get(key) for key in RIGHTS[name]}, RIGHTS[name])
    tap.ok(re.fullmatch(r"\d+M", found.get("MemoryMax", "")) and
           found.get("TasksMax", "").isdigit(), f"{name}: it has limits", found)
    code, said = analyze(folder, "security", "--offline=true",
                         f"--threshold={int(10 * MOST)}", unit)
    exposure = re.search(r"exposure level for \S+: ([\d.]+)", said)
    tap.ok(code == 0 and exposure and float(exposure[1]) <= MOST,
           f"{name}: exposure {exposure and exposure[1]}, {MOST} at most", said)


def check_statuses(tap, unit):
    manual = (HERE / "../man/e2eed.8").read_text()
    known = statuses(manual)
    tap.ok(len(known) > 3, f"the manual has {len(known)} exit statuses")
    useless = {int(n) for n in unit["RestartPreventExitStatus"].split()}
    good = {int(n) for n in unit["SuccessExitStatus"].split()} | {0}
    tap.equal("after which systemd starts it again", known - useless - good,
              {3})
    tap.ok(not useless & good and useless | good <= known,
           "the unit names no others", (useless, good))


def check_signals(tap, unit):
    """systemd takes these four for a clean end, unless the unit says otherwise;
    after all others it starts the service again, or OnFailure= is run"""
    tap.equal("no signal ends it for good",
              (unit["Restart"], set(unit["RestartForceExitStatus"].split())),
              ("on-failure", {"SIGHUP", "SIGINT", "SIGPIPE", "SIGTERM"}))
    tap.equal("and whatever does has the keys deleted", unit["OnFailure"],
              "e2eed-failed@%i.service")
    tap.equal("reload is SIGHUP", unit["ExecReload"], "/bin/kill -HUP $MAINPID")


def check_credential(tap, folder, unit):
    """The drop-in for an identity as a credential, which the manual shows and
    the unit's comment, too"""
    manual = (HERE / "../man/e2eed.8").read_text()
    shown = re.search(r"^\.Bd .*\n(\[Service\]\nLoadCredential=.*?)^\.Ed$",
                      manual, re.M | re.S)
    drop_in = shown[1] if shown else ""
    drop_in = drop_in.replace("/usr/bin", str(BUILD))
    comment = "".join(line.removeprefix("#   ") for line in
                      unit.read_text().splitlines(True)
                      if line.startswith("#   "))
    tap.equal("the manual's drop-in is that of the unit", comment, drop_in)
    (folder / f"{unit.name}.d").mkdir()
    (folder / f"{unit.name}.d/credential.conf").write_text(drop_in)
    code, said = analyze(folder, "verify", "--man=no",
                         f"{folder}/e2eed@board.service")
    tap.ok(code == 0 and not said, "systemd takes it", said)


def check_boot(tap, folder):
    """At boot, guards come before all that may send, and what is missing is a
    failure"""
    text = (folder / "e2ee.service").read_text()
    unit = settings(text)
    tap.ok({"sysinit.target", "network-pre.target", "network.target"} <=
           set(unit["Before"].split()) and unit["DefaultDependencies"] == "no"
           and unit["WantedBy"] == "sysinit.target",
           "e2ee: it is before what may send", unit)
    tap.ok(not any(key.startswith(("Condition", "ExecStop")) for key in unit),
           "e2ee: no file is no success, and a stop opens nothing", unit)
    tap.equal("e2ee: reload restores again", unit["ExecReload"],
              unit["ExecStart"])
    shown = "".join(line.removeprefix("#   ") for line in
                    text.splitlines(True) if line.startswith("#   "))
    (folder / "engine.service").write_text(
        "[Service]\nExecStart=/bin/true\n")
    (folder / "engine.service.d").mkdir()
    (folder / "engine.service.d/e2ee.conf").write_text(shown)
    code, said = analyze(folder, "verify", "--man=no",
                         f"{folder}/engine.service")
    tap.ok(code == 0 and not said and "Requires=e2ee.service" in shown,
           "e2ee: systemd takes the drop-in of an engine", said)


def check_init_script(tap, folder):
    """Without systemd: its status is that of restore"""
    script = (HERE / "../examples/e2ee.init").read_text()
    folder.mkdir()
    for name, body in (("modprobe", "exit 1"), ("e2eectl", "exit $STATUS")):
        (folder / name).write_text(
            f"#!/bin/sh\necho {name} $* >>{folder}/log\n{body}\n")
        (folder / name).chmod(0o755)
    (folder / "e2ee").write_text(script.replace("PATH=", f"PATH={folder}:", 1))
    for word, status, wanted in (("start", "0", 0), ("start", "1", 1),
                                 ("reload", "2", 2), ("stop", "1", 0),
                                 ("go", "0", 2)):
        done = subprocess.run(["sh", folder / "e2ee", word], check=False,
                              env=dict(os.environ, STATUS=status),
                              capture_output=True)
        tap.equal(f"init script: {word}, where restore would end with {status}",
                  done.returncode, wanted)
    tap.equal("init script: what it runs",
              (folder / "log").read_text().splitlines()[:2],
              ["modprobe -q e2ee", "e2eectl restore /etc/e2ee/host.conf"])


def check_install(tap, folder):
    """The user of the units comes with them, and goes with them"""
    def make(target):
        subprocess.run(["make", "-s", "-C", HERE / "..", target,
                        f"DESTDIR={folder}", "PREFIX=/usr", f"OUT={BUILD}"],
                       check=True, capture_output=True)

    users = folder / "usr/lib/sysusers.d/e2eed.conf"
    make("install")
    unit = folder / "usr/lib/systemd/system/e2ee.service"
    tap.ok(unit.is_file() and "=/usr/bin/e2eectl restore " in unit.read_text(),
           "e2ee.service is installed")
    done = subprocess.run(["systemd-sysusers", "--dry-run",
                           f"--root={folder}", users], check=False,
                          capture_output=True, text=True)
    tap.ok(done.returncode == 0 and "e2eed" in done.stdout + done.stderr,
           "systemd makes the user", done)
    make("uninstall")
    tap.ok(not users.exists() and not unit.exists(), "uninstall removes them")


def main():
    tap = Tap()
    if not shutil.which("systemd-analyze"):
        print("1..0 # SKIP systemd-analyze is not installed")
        return 4
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for unit in (HERE / "../systemd").glob("*.service"):
            text = unit.read_text().replace("@BINDIR@", str(BUILD))
            (folder / unit.name).write_text(text)
        units = sorted(folder.iterdir())
        tap.equal("the units", sorted(unit.stem.rstrip("@") for unit in units),
                  sorted(RIGHTS))
        for unit in units:
            check_unit(tap, unit)
        check_boot(tap, folder)
        check_init_script(tap, folder / "init")
        unit = settings((folder / "e2eed@.service").read_text())
        check_statuses(tap, unit)
        check_signals(tap, unit)
        check_credential(tap, folder, folder / "e2eed@.service")
        check_install(tap, folder / "root")
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())

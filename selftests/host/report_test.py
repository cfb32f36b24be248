# SPDX-License-Identifier: GPL-2.0
"""The report of hardening adds up what is there, and invents nothing; the kernel's
log and kmemleak are judged."""
import json
import pathlib
import subprocess
import tempfile

TOP = pathlib.Path('@TOP@')
REPORT = TOP / 'selftests/hardening/report'
SPLAT = '[    3.0] BUG: KASAN: use-after-free in e2ee_rx+0x1/0x2 [e2ee]'
LOAD = '[    1.0] e2ee-check: load'
UNLOADED = '[    9.0] e2ee-check: unloaded'
MADE = '''unreferenced object 0xffff888000000000 (size 48):
  comm "insmod", pid 40, jiffies 4294937296
  backtrace (crc 0):
    leak_lose+0x20/0x50 [e2ee_leak]
'''
LEAK = '''unreferenced object 0xffff888000000040 (size 64):
  comm "race_test", pid 50, jiffies 4294937297
  backtrace (crc 0):
    e2ee_key_new+0x20/0x50 [e2ee]
'''

count = 0


def check(condition, name):
    global count
    count += 1
    print('ok' if condition else 'not ok', count, '-', name)


def health(folder, *call):
    """What a function of the lab says, and the figures it leaves."""
    figures = folder / 'figures.json'
    figures.unlink(missing_ok=True)
    run = subprocess.run(
        ['bash', '-euo', 'pipefail', '-c',
         '. "$1/selftests/lab/health.sh"; cd "$2"; "${@:3}"', '-', TOP, folder,
         *call], capture_output=True, text=True, check=True)
    found = json.loads(figures.read_text()) if figures.exists() else None
    return run.stdout, found


def splats(folder, *lines, function='splats'):
    (folder / 'log').write_text('\n'.join(lines) + '\n')
    return health(folder, function, 'log', 'judged', 'figures.json')


def logs(folder):
    said, found = splats(folder, SPLAT, LOAD, 'all well', UNLOADED, SPLAT)
    check(not said and found == {'splats': 0},
          'a splat before loading or after unloading is none of ours')
    said, found = splats(folder, LOAD, SPLAT, UNLOADED)
    check('use-after-free' in said and found == {'splats': 1},
          'a splat is shown and counted')
    said, _ = splats(folder, 'all well', UNLOADED)
    check('lacks its beginning' in said, 'a log that wrapped is a failure')
    said, found = splats(folder, SPLAT, UNLOADED, SPLAT)
    check('lacks' in said and 'use-after-free' in said and found['splats'],
          'what is left of a log that wrapped is judged')
    said, _ = splats(folder, LOAD, 'all well')
    check('lacks' in said, 'so is a log without an end')
    _, found = splats(folder, LOAD, SPLAT, 'Kernel panic - not syncing',
                      function='splats_of_dead')
    check(found == {'splats': 2}, 'a kernel that died has splats')
    _, found = splats(folder, LOAD, function='splats_of_dead')
    check(found == {'splats': 1}, 'and one if its console shows none')
    _, found = splats(folder, function='splats_of_dead')
    check(found == {'splats': 1}, 'and one if its console is empty')


def leaks(folder, findings):
    (folder / 'kmemleak').write_text(findings)
    return health(folder, 'leaks_found', 'kmemleak', 'figures.json')


def kmemleak(folder):
    check(leaks(folder, MADE) == ('', {'leaks': 0}),
          'what was lost on purpose is no leak')
    said, found = leaks(folder, MADE + LEAK + MADE + LEAK)
    check(said == LEAK + LEAK and found == {'leaks': 2},
          'a leak is shown and counted')
    said, found = leaks(folder, '')
    check('looks at nothing' in said and found is None,
          'a kmemleak that is off is a failure, and no zero')


def report(folder):
    out = folder / 'out'
    run = subprocess.run([REPORT, folder, out], capture_output=True, text=True,
                         check=False)
    return run.returncode, json.loads(out.read_text()) if out.exists() else {}


print('TAP version 13')
for part in logs, kmemleak:
    with tempfile.TemporaryDirectory() as name:
        part(pathlib.Path(name))
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    status, _ = report(folder)
    check(status, 'no figures, no report')
    (folder / 'race-uml-1.json').write_text('{"race_minutes": 1.5}')
    (folder / 'race-uml-2.json').write_text(
        '{"race_minutes": 2.25, "nonce_repeats": 0}')
    status, found = report(folder)
    check(status == 0, 'a report is written')
    check(found.get('race_minutes') == 3.75, 'figures add up')
    check(found.get('nonce_repeats') == 0, 'a zero that was counted is a zero')
    check('fuzz_packets' in found and found['fuzz_packets'] is None,
          'what nobody counted is null')
    check(all(found.get(key) for key in ('date', 'kernel', 'commit')),
          'date, kernel and commit are told')
    (folder / 'bad.json').write_text('{"race_minutes": "many"}')
    status, _ = report(folder)
    check(status, 'what is no number is refused')
print(f'1..{count}')

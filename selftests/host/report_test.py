# SPDX-License-Identifier: GPL-2.0
"""The report of hardening adds up what is there, and invents nothing."""
import json
import pathlib
import subprocess
import tempfile

TOP = pathlib.Path('@TOP@')
REPORT = TOP / 'selftests/hardening/report'

count = 0


def check(condition, name):
    global count
    count += 1
    print('ok' if condition else 'not ok', count, '-', name)


def report(folder):
    out = folder / 'out'
    run = subprocess.run([REPORT, folder, out], capture_output=True, text=True,
                         check=False)
    return run.returncode, json.loads(out.read_text()) if out.exists() else {}


print('TAP version 13')
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

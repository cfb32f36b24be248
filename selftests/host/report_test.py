# SPDX-License-Identifier: GPL-2.0
"""The report of hardening adds up what is there, and invents and hides nothing:
the kernel's log and kmemleak are judged, runs leave records, records add up."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

TOP = pathlib.Path('@TOP@')
REPORT = TOP / 'selftests/hardening/report'
RECORD = TOP / 'selftests/hardening/record'
KEYS = (
    'date', 'kernel', 'commit', 'fuzz_packets', 'fuzz_netlink',
    'fuzz_host_execs', 'fault_points', 'fault_leaks', 'unload_cycles',
    'race_minutes', 'nonce_pairs_seen', 'nonce_repeats', 'soak_packets',
    'soak_unexplained_loss', 'splats')
SPLAT = '[    3.0] BUG: KASAN: use-after-free in e2ee_rx+0x1/0x2 [e2ee]'
LOAD = '[    1.0] e2ee-check: load'
UNLOADED = '[    9.0] e2ee-check: unloaded'
LOST = '64 32\n96 32\n'
MADE = '''unreferenced object 0xffff888000000000 (size %d):
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


def unseen(folder, findings, lost=LOST):
    (folder / 'kmemleak').write_text(findings)
    (folder / 'lost').write_text(lost)
    return health(folder, 'lost_unseen', 'kmemleak', 'lost')[0]


def kmemleak(folder):
    made = MADE % 64 * 32 + MADE % 96 * 32
    check(leaks(folder, made) == ('', {'leaks': 0}),
          'what was lost on purpose is no leak')
    said, found = leaks(folder, LEAK + made + LEAK)
    check(said == LEAK + LEAK and found == {'leaks': 2},
          'a leak is shown and counted')
    check(not unseen(folder, LEAK + made + LEAK),
          'kmemleak has found what was lost on purpose')
    check(not unseen(folder, MADE % 64 * 24 + MADE % 96 * 24),
          'single objects may stay hidden')
    said = unseen(folder, MADE % 64 * 23 + LEAK + MADE % 96 * 32)
    check('found 23 of 32 objects of 64 bytes' in said and '96' not in said,
          'a quarter of a size may not')
    said = unseen(folder, '')
    check('found 0 of 32 objects of 64 bytes' in said and 'of 96' in said,
          'a kmemleak that is off finds nothing')
    check('nothing was lost' in unseen(folder, made, ''),
          'nothing was lost is no success')


def run(folder, figures, tap='ok 1 - it works\n1..1\n', status=0, **more):
    """Leaves a record of a run; its path."""
    results = folder / 'results'
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir()
    (results / 'some_test.tap').write_text(tap)
    (results / 'some.json').write_text(json.dumps(figures))
    for name in more.get('tests', []):
        with (results / 'durations').open('a') as file:
            file.write(f'{name} 90\n')
    environment = dict(os.environ, E2EE_LONG=more.get('long', ''))
    made = subprocess.run(
        [RECORD, 'begin', folder / 'hardening', 'uml', 'linux-source 1-1',
         more.get('tree', 'c0ffee clean')], env=environment,
        capture_output=True, text=True, check=True)
    path = pathlib.Path(made.stdout.strip())
    if not more.get('cut_off'):
        subprocess.run([RECORD, 'end', path, results, str(status), '7'],
                       check=True)
    if 'date' in more:
        changed = json.loads(path.read_text())
        changed['date'] = more['date']
        path.write_text(json.dumps(changed))
    return path


def report(folder, *more):
    """Its status, what it wrote, what it said."""
    out = folder / 'out.json'
    done = subprocess.run(
        [REPORT, '-b', folder / 'hardening', '-o', out, *more],
        capture_output=True, text=True, check=False)
    found = json.loads(out.read_text()) if out.exists() else {}
    return done.returncode, found, done.stdout + done.stderr


def sums(folder):
    status, _, _ = report(folder)
    check(status, 'no records, no report')
    run(folder, {'race_minutes': 1.5})
    first = json.loads(run(folder, {'race_minutes': 2.25, 'nonce_repeats': 0},
                           tree='decaf clean').read_text())
    check(first['commit'] == 'decaf' and first['dirty'] is False and
          first['seconds'] == 7 and first['kernel'] == 'linux-source 1-1',
          'a record has commit, state of the sources, kernel and duration')
    status, found, _ = report(folder)
    check(status == 0 and all(key in found for key in KEYS),
          'a report is written, with all that it is to have')
    check(found['race_minutes'] == 3.75, 'figures add up')
    check(found['nonce_repeats'] == 0, 'a zero that was counted is a zero')
    check(found['fuzz_packets'] is None, 'what nobody counted is null')
    check(len(found['runs']) == 2 and found['passed_runs'] == 2 and
          found['commits'] == 2, 'it has the runs that it is summed from')
    _, again, said = report(folder)
    check(again == found and '0 runs added' in said, 'no run is added twice')
    shutil.rmtree(folder / 'hardening')
    run(folder, {'race_minutes': 10})
    _, found, _ = report(folder)
    check(found['race_minutes'] == 13.75,
          'what the report has outlives the records')
    changed = dict(found, race_minutes=14)
    (folder / 'out.json').write_text(json.dumps(changed))
    check(report(folder)[0], 'sums that its runs do not have are refused')


def folders(folder):
    (folder / 'clone/build').mkdir(parents=True)
    run(folder, {'fuzz_packets': 1})
    run(folder, {'fuzz_packets': 10})
    shutil.copytree(folder / 'hardening', folder / 'other')
    run(folder / 'clone', {'fuzz_packets': 100})
    shutil.move(folder / 'clone/hardening', folder / 'clone/build')
    run(folder, {'fuzz_packets': 1000})
    _, found, _ = report(folder, folder / 'other', folder / 'clone')
    check(found.get('fuzz_packets') == 1111 and found['passed_runs'] == 4,
          'records of further folders and clones are added, each once')
    status, _, _ = report(folder, folder / 'nowhere')
    check(status, 'a folder that is not there is refused')


def failures(folder):
    run(folder, {'race_minutes': 5, 'soak_packets': 3})
    failed = run(folder, {'race_minutes': 60, 'soak_packets': 30,
                          'soak_unexplained_loss': 2, 'splats': 1},
                 'ok 1 - this\nnot ok 2 - that\n1..2\n')
    run(folder, {'race_minutes': 600, 'splats': 1})
    run(folder, {'race_minutes': 700}, status=1)
    run(folder, {'race_minutes': 800}, tap='1..0\n')
    run(folder, {'race_minutes': 'many'})
    _, found, said = report(folder)
    check(found['failed_runs'] == 5 and found['passed_runs'] == 1,
          'bad TAP, a splat, a status, no test, what is no number: it failed')
    check(found['race_minutes'] == 5 and found['soak_packets'] == 3,
          'what a run that failed has tried does not count')
    check(found['soak_unexplained_loss'] == 2 and found['splats'] == 2,
          'what it has found does')
    check(f'FAILED: {failed.stem}' in said and 'not ok 2 - that' in said,
          'it is said which failed, and why')
    runs = [one for one in found['runs'] if one['passed']]
    (folder / 'out.json').write_text(json.dumps(dict(found, runs=runs)))
    check(report(folder)[0], 'runs that failed cannot be left out')


def left_out(folder):
    run(folder, {'race_minutes': 5})
    altered = run(folder, {'race_minutes': 10}, tree='c0ffee altered')
    cut = run(folder, {}, cut_off=True)
    _, found, said = report(folder)
    check(found['race_minutes'] == 5 and len(found['runs']) == 1,
          'runs of altered sources, and those that were cut off, do not count')
    check(altered.stem in said and cut.stem in said, 'and that is said')
    before = (folder / 'out.json').read_text()
    run(folder, {'race_minutes': 10})
    _, _, said = report(folder, '-n')
    check((folder / 'out.json').read_text() == before and
          'race_minutes             15 of' in said,
          'it can be looked at without being written')
    (folder / 'hardening/bad.json').write_text(json.dumps(
        {'id': 'bad', 'date': '', 'kernel': '', 'commit': '', 'passed': True,
         'figures': {'race_minutes': 'many'}}))
    check(report(folder)[0], 'what is no number is refused')


def no_sums(folder):
    every = ['fault_test', 'fault_media_test', 'fault_guard_test',
             'fault_policy_test', 'fault_load_test', 'late_test']
    some = every[:1]
    calm = {'leaks': 0, 'objects_left': 0}
    run(folder, {'fault_points': 900, **calm}, tests=every, long='1',
        date='2026-01-01T00:00:00Z')
    run(folder, {'fault_points': 910, 'leaks': 2, 'objects_left': 1},
        'not ok 1 - a leak\nok 2 - else\n1..2\n', tests=every, long='1',
        date='2026-01-02T00:00:00Z')
    run(folder, {'fault_points': 920, **calm}, tests=every, long='1',
        date='2026-01-03T00:00:00Z')
    run(folder, {'fault_points': 400, **calm}, tests=some, long='1',
        date='2026-01-04T00:00:00Z')
    run(folder, {'fault_points': 300, **calm}, tests=every,
        date='2026-01-05T00:00:00Z')
    _, found, _ = report(folder)
    check(found['fault_points'] == 920, 'points are those of the last run that '
          'was whole, long, and passed')
    check(found['fault_leaks'] == 3 and found['leaks'] == 2,
          'leaks are the worst there were: of kmemleak, and objects')
    check(found['date'] == '2026-01-05', 'the date is that of the last run')


def fuzzers(folder):
    made = run(folder, {'fuzz_places_reached': 8, 'fuzz_places': 10},
               'ok 1 - packets: 1000 in 60 s\nok 2 - netlink: 10 in 30 s\n'
               '1..2\n', tests=['soak_test', 'flood_test', 'fuzz_test'])
    run(folder, {'fuzz_places_reached': 5, 'fuzz_places': 10},
        'ok 1 - packets: 500 in 60 s\nok 2 - rtp: 70 inputs in 120 s, '
        '33 places\n1..2\n')
    run(folder, {}, 'ok 1 - packets: 7 in 60 s\nnot ok 2 - netlink: 9 in 1 s\n'
        '1..2\n')
    _, found, _ = report(folder)
    check(found['fuzz_packets'] == 1500 and found['fuzz_netlink'] == 10 and
          found['fuzz_host_execs'] == 70, 'what fuzzers tried is counted')
    check(found['fuzz_minutes'] == 2.5 and found['fuzz_host_minutes'] == 2 and
          found['soak_minutes'] == 1.5 and found['flood_minutes'] == 1.5,
          'so are minutes')
    check(found['fuzz_places_reached'] == 8 and found['fuzz_places'] == 10 and
          found['fuzz_host_places_rtp'] == 33, 'and the places reached')
    check(json.loads(made.read_text())['tests']['soak_test'] == 90,
          'a record says how long each test took')


def long_form(folder):
    """check-long in a tree where nothing but it is real, and soak fails."""
    lab, own = folder / 'selftests/lab', folder / 'selftests/hardening'
    for name in lab, own, folder / 'selftests/fuzz':
        name.mkdir(parents=True)
    shutil.copy(TOP / 'selftests/lab/lib.sh', lab)
    shutil.copy(TOP / 'selftests/hardening/check-long', own)
    said = folder / 'said'
    for name in lab / 'check', own / 'report', folder / 'selftests/fuzz/run':
        name.write_text(f'#!/bin/bash\necho "{name.name} $*" >>{said}\n'
                        f'[[ $* != *"$FAILS"* ]]\n')
        name.chmod(0o755)
    (own / 'record').write_text('#!/bin/bash\necho "c0ffee clean"\n')
    (own / 'record').chmod(0o755)
    status = []
    for fails in 'uml soak', 'no such test':
        said.unlink(missing_ok=True)
        done = subprocess.run([own / 'check-long'], capture_output=True,
                              env=dict(os.environ, FAILS=fails), text=True,
                              check=False)
        status.append(done.returncode)
        ran = said.read_text().splitlines()
        check(ran[-1].startswith('report') and 'check race' in ran and
              'check uml leave' in ran and ran[0].startswith('run'),
              f'check-long runs all and reports, and "{fails}" fails')
    check(status == [1, 0], 'check-long ends with the status of all')


def of_the_tree(_):
    done = subprocess.run([REPORT, '-n', '-b', '/nonexistent'],
                          capture_output=True, text=True, check=False)
    check(done.returncode == 0 and 'failed_runs' in done.stdout,
          "the tree's own report has the sums of its runs")


print('TAP version 13')
for part in (logs, kmemleak, sums, folders, failures, left_out, no_sums,
             fuzzers, long_form, of_the_tree):
    with tempfile.TemporaryDirectory() as temporary:
        part(pathlib.Path(temporary))
print(f'1..{count}')

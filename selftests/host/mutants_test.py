# SPDX-License-Identifier: GPL-2.0
"""A mutant that survives, is out of date, does not build or hangs the kernel is a
failure; one that a test notices is none."""
import importlib.machinery
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile

TOP = pathlib.Path('@TOP@')
RUN = TOP / 'selftests/mutants/run'
GOOD = '''Promise: Two and two are four,
 whoever asks.
Tests: host sum_test, uml keys
Quick: yes

@ sum.c sum
-\treturn a + b;
+\treturn a - b;
'''
SOURCE = '''/* sum() adds */
int sum(int a, int b);

int other(int a, int b)
{
\treturn a + b;
}

int sum(int a, int b)
{
\tif (a)
\t\treturn a + b;
\treturn b;
}
'''
MUTANT = '''Promise: A replay window has the size that was asked for.
Tests: host replay_test

@ kmod/wire/replay.c e2ee_replay_init
-\treplay->size = size;
+\treplay->size = %s;
'''

count = 0


def check(condition, name):
    global count
    count += 1
    print('ok' if condition else 'not ok', count, '-', name)


def load():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader('mutants', str(RUN))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader('mutants', loader))
    loader.exec_module(module)
    return module


def wrong(mutants, text, source=SOURCE):
    """Why the mutant is refused, or None."""
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder)
        (tree / 'sum.c').write_text(source)
        try:
            mutants.Mutant('x', text).files(tree)
        except mutants.Wrong as error:
            return str(error)
    return None


def forms(mutants):
    mutant = mutants.Mutant('x', GOOD)
    check(mutant.promise == 'Two and two are four, whoever asks.' and
          mutant.tests == [('host', 'sum_test'), ('uml', 'keys')] and
          mutant.quick, 'the lines at the top are read')
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder)
        (tree / 'sum.c').write_text(SOURCE)
        check(mutant.files(tree)['sum.c'] ==
              SOURCE.replace('\t\treturn a + b', '\treturn a - b'),
              'the lines are found in their function, however indented')
    check(wrong(mutants, GOOD) is None, 'a good mutant is not refused')
    for old, new, name in (
            ('Tests: host sum_test, uml keys\n', '', 'without tests'),
            ('Promise: ', 'Promises: ', 'with an unknown word'),
            ('uml keys', 'arm keys', 'with an unknown kind of test'),
            ('@ sum.c sum\n', '', 'without a file'),
            ('@ sum.c sum', '@ gone.c sum', 'of a file that is gone'),
            ('@ sum.c sum', '@ sum.c gone', 'of a function that is gone'),
            ('a + b', 'a * b', 'of lines that are gone'),
            ('@ sum.c sum', '@ sum.c', 'of lines that are there twice'),
            ('+\t', '*\t', 'with a line of no kind')):
        check(wrong(mutants, GOOD.replace(old, new)), f'one {name} is')


def judged(mutants, *files):
    with tempfile.TemporaryDirectory() as folder:
        results = pathlib.Path(folder)
        for name, text in files:
            (results / name).write_text(text)
        return mutants.judge(results, [('uml', 'keys'), ('kunit', 'digest'),
                                       ('uml', 'keys.b')])


def judgements(mutants):
    built = ('built', '')
    bad = ('keys.tap', 'ok 1 keys.a\nnot ok 2 keys.b\n1..2\n')
    kunit = ('kunit.tap', 'ok 1 - aead: a\nnot ok 2 - digest: b\n1..2\n')
    check(judged(mutants, built, bad, kunit) == [], 'failed tests notice')
    check(judged(mutants, bad, kunit), 'what does not build is not noticed')
    check('keys passes' in str(judged(
        mutants, built, ('keys.tap', 'ok 1 keys.b\n1..1\n'), kunit)),
          'a test that passes does not notice')
    check(judged(mutants, built, (
        'keys.tap', 'not ok 1 keys.a\nok 2 keys.b\n1..2\n'), kunit) ==
          ['uml keys.b passes'], 'nor does a case because of another one')
    check('digest passes' in str(judged(mutants, built, bad, (
        'kunit.tap', 'not ok 1 - aead: a\nok 2 - digest: b\n1..2\n'))),
          'nor does a suite because of another one')
    check('keys came to no end' in str(judged(mutants, built, kunit)),
          'nor does a test that is not there')
    ended = 'not ok 1 - kernel %s in test keys_test\n1..1\n'
    check(str(judged(mutants, built, ('keys.tap', ended % 'hung'), kunit))
          .count('came to no end') == 2, 'nor does a kernel that hangs')
    check(judged(mutants, built, ('keys.tap', ended % 'died'), kunit) == [],
          'a kernel that dies does')


def whole():
    """For real, of a small file"""
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder) / 'kmod'
        place.mkdir()
        for name, text in (('noticed', MUTANT % 'size / 2'),
                           ('survives', MUTANT % 'size + 0'),
                           ('broken', MUTANT % ''),
                           ('stale', MUTANT.replace('size = size', 'x = y')
                            % 'z')):
            (place / f'{name}.mutant').write_text(text)
        run = subprocess.run(
            [RUN], env={**os.environ, 'E2EE_MUTANTS': folder},
            capture_output=True, text=True, check=False)
        said = run.stdout
        one = subprocess.run(
            [RUN, 'noticed'], env={**os.environ, 'E2EE_MUTANTS': folder},
            capture_output=True, text=True, check=False)
    lines = said.split('\n')
    results = {line.split()[-3]: line.startswith('ok') for line in lines
               if line.endswith('is noticed')}
    check(results == {'kmod/noticed': True, 'kmod/survives': False,
                      'kmod/broken': False},
          'one is noticed, one survives, one does not build')
    check(any(line.startswith('not ok') and line.endswith('kmod/stale applies')
              for line in lines), 'one is out of date')
    check('# it does not build' in lines and
          '# host replay_test passes' in lines, 'and it is said why')
    check(run.returncode == 1, 'each of these fails the run')
    check(one.returncode == 0, 'a run of noticed ones passes')
    if run.stderr:
        print('#', run.stderr.replace('\n', '\n# '))


def main():
    mutants = load()
    forms(mutants)
    judgements(mutants)
    whole()
    print(f'1..{count}')


if __name__ == '__main__':
    main()

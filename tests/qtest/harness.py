# SPDX-License-Identifier: MIT
#
# Collects the tests of the suite and runs them one after the other, a line each in TAP's form.
import sys
import time
import traceback

from machine import Failure, Skip

TESTS = []


def test(function):
    """Marks a test; its docstring is its name."""
    TESTS.append(function)
    return function


def check(condition, what):
    if not condition:
        raise Failure(what)


def equal(have, want, what):
    if have != want:
        raise Failure(f'{what}: have {have!r}, want {want!r}')


def contains(text, part, what):
    if part not in text:
        raise Failure(f'{what}: {part!r} is not in {text[-1500:]!r}')


def run(patterns, modules):
    """Exit status: 0, 1 when something failed, 77 when everything was skipped."""
    passed = failed = skipped = 0
    reason = ''
    for function in TESTS:
        name = f'{function.__module__[2:]}: {function.__doc__.strip()}'
        if function.__module__[2:] not in modules or patterns and not any(p in name for p in patterns):
            continue
        start, note = time.monotonic(), ''
        try:
            function()
            result, passed = 'ok', passed + 1
        except Skip as e:
            reason = str(e)
            result, skipped, note = 'ok', skipped + 1, f' # SKIP {reason}'
        except Exception as e:  # whatever went wrong is this test's failure
            result, failed = 'not ok', failed + 1
            where = traceback.extract_tb(sys.exc_info()[2])
            place = next((f for f in reversed(where) if f.filename.rsplit('/', 1)[-1].startswith('t_')), where[-1])
            note = f'\n#   {place.filename.rsplit("/", 1)[-1]}:{place.lineno}: {type(e).__name__}: {e}'
        print(f'{result} {passed + failed + skipped} - {name} ({time.monotonic() - start:.1f} s){note}', flush=True)
    if skipped:
        print(f'# {skipped} skipped')
    print(f'{passed} passed, {failed} failed', flush=True)
    if failed or not passed + skipped:
        return 1
    if passed:
        return 0
    print(f'skipped: {reason}')
    return 77

"""What CI runs: format, lint, types, tests with coverage.

    python tools/check.py [options of pytest ...]

The types are checked beside the tests, which leave a core idle now and then, and with less right to
it than they have; what is found is printed behind them.

A few tests that fail beside others are run once more, one at a time, as the gate itself confirms
what it found before it is red. One that fails again fails the check. One that passes alone is named
at the end: it says something about the test, or about the code when the machine is busy.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

PYTHON = (sys.executable, "-m")
TESTS = (*PYTHON, "coverage", "run", "-m", "pytest")
LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")
"""Where pytest notes which tests failed, a JSON object of their names."""
MOST_CONFIRMED = 5
"""More that fail at once are no matter of a busy machine."""
TESTS_FAILED = 1
"""pytest's exit code where all ran and some failed; any other is a fault of the run."""
COURTESY = ("nice", "-n", "10")


def main(options: Sequence[str]) -> int:
    """Run all; the exit code of the first part that failed, else 0."""
    for command in (("ruff", "format", "--check", "."), ("ruff", "check", ".")):
        if code := run(*PYTHON, *command):
            return code
    run(*PYTHON, "coverage", "erase")
    tested, typed = run_tests_and_types(options)
    if code := tested or typed:
        return code
    run(*PYTHON, "coverage", "combine", "-q")
    return run(*PYTHON, "coverage", "report", "--skip-covered")


def run_tests_and_types(options: Sequence[str]) -> tuple[int, int]:
    """The exit codes of the tests and of the types, which are checked beside them."""
    print("mypy, and beside it the tests", flush=True)
    with tempfile.TemporaryFile() as printed:
        types = subprocess.Popen(
            [*COURTESY, *PYTHON, "mypy"], stdout=printed, stderr=subprocess.STDOUT
        )
        try:
            tested = run_tests(options)
            typed = types.wait()
        except BaseException:
            types.kill()
            raise
        show_types(printed)
    return tested, typed


def show_types(printed: IO[bytes]) -> None:
    """What mypy wrote while the tests ran."""
    printed.seek(0)
    print("mypy:", printed.read().decode(), flush=True)


def run_tests(options: Sequence[str]) -> int:
    """Run all tests, and the few that failed once more by themselves; the exit code."""
    LAST_FAILED.unlink(missing_ok=True)
    code = run(*TESTS, *options)
    failed = read_failed()
    if code != TESTS_FAILED or not 0 < len(failed) <= MOST_CONFIRMED:
        return code
    print(f"{len(failed)} failed beside other tests; once more, one at a time:", flush=True)
    code = run(*TESTS, "--last-failed", "--maxfail=1")
    if code == 0:
        show_unconfirmed(failed)
    return code


def read_failed() -> list[str]:
    """The names of the tests that failed in the last run; none where none was noted."""
    if not LAST_FAILED.exists():
        return []
    return sorted(json.loads(LAST_FAILED.read_text("utf-8")))


def show_unconfirmed(failed: Sequence[str]) -> None:
    """Name the tests that failed beside others and passed alone."""
    print("\nfailed beside other tests, passed alone; find out why:")
    for name in failed:
        print(f"  {name}")
    print(flush=True)


def run(*command: str) -> int:
    """Run a command whose output is shown as it comes; its exit code."""
    print("$", *command, flush=True)
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

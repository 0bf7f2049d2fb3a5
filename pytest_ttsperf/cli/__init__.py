"""The command `ttsperf`: reads arguments, hands them to a feature, prints text or JSON.

A command is a module here with `add(commands)`, which declares its arguments and sets `run`: a
function of the parsed arguments that prints and gives the exit code.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from pytest_ttsperf import secrets
from pytest_ttsperf.cli import (
    baselines,
    ci,
    compare,
    doctor,
    init,
    load,
    report,
    run,
    suggest,
)
from pytest_ttsperf.cli.output import discard_broken_output
from pytest_ttsperf.errors import ArtifactUnreadable, CellUnknown, LimitError, TtsperfError
from pytest_ttsperf.version import __version__

GOOD, BAD, USAGE = 0, 1, 2
EPILOG = "Exit codes: 0 all is well, 1 something bad was found, 2 the command was not understood."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives its exit code. argparse leaves by SystemExit(2)."""
    typed = sys.argv[1:] if arguments is None else arguments
    secrets.remember_arguments(typed)
    words, pytest_options = run.split_arguments(typed)
    parsed = _parser().parse_args(words)
    if pytest_options:
        parsed.pytest_options = pytest_options
    try:
        return int(parsed.run(parsed))
    except (CellUnknown, ArtifactUnreadable, LimitError) as error:
        print(f"ttsperf: {error}", file=sys.stderr)
        return USAGE
    except TtsperfError as error:
        print(f"ttsperf: {error}", file=sys.stderr)
        return BAD
    except BrokenPipeError:
        discard_broken_output()  # whoever read us has read enough
        return GOOD
    except OSError as error:
        discard_broken_output()
        print(f"ttsperf: {error}", file=sys.stderr)
        return BAD


class _Parser(argparse.ArgumentParser):
    """Its errors quote what was not understood, without the secrets in it."""

    def error(self, message: str) -> NoReturn:
        super().error(secrets.scrub(message))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="ttsperf",
        description="Performance of text-to-speech engines: a first test, ready-made tests, stored "
        "baselines, two targets side by side, the page of a run, jobs in CI, and this machine.",
        epilog=EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"pytest-ttsperf {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    baselines.add(commands)
    ci.add(commands)
    compare.add(commands)
    doctor.add(commands)
    init.add(commands)
    load.add(commands)
    report.add(commands)
    run.add(commands)
    suggest.add(commands)
    return parser

"""`ttsperf suggest`: marks that fit the tests there are, by their stored runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pytest_ttsperf.cli import lazy
from pytest_ttsperf.cli.output import print_answer

DEFAULT_RUNS = 5


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "suggest",
        help="marks that fit the tests you have, by what their stored runs measured",
        description="Print the marks that fit each test that has measured something: limits at 1.3 "
        "times what its newest runs on one machine measured. Nothing is edited.",
    )
    parser.set_defaults(run=_run)
    parser.add_argument(
        "name", nargs="?", default="", metavar="TEST", help="only tests with this in their name"
    )
    parser.add_argument(
        "--artifacts",
        type=Path,
        default=Path("artifacts"),
        metavar="DIR",
        help="where the runs are stored (artifacts/)",
    )
    parser.add_argument(
        "--runs",
        type=_count,
        default=DEFAULT_RUNS,
        metavar="N",
        help=f"how many of the newest runs of a test count ({DEFAULT_RUNS})",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _run(arguments: argparse.Namespace) -> int:
    found = lazy.suggest.suggest_marks(arguments.artifacts, arguments.runs, arguments.name)
    print_answer(found, lazy.init_report.suggestion_text(found), as_json=arguments.json)
    return int(not found.tests)


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"found {text!r}, wanted a whole number of at least 1")
    return int(text)

"""`ttsperf compare A B`: is target B slower than A, measured in turns in the same minutes?"""

from __future__ import annotations

import argparse
import os
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pytest_ttsperf import secrets
from pytest_ttsperf.cli import lazy, targets
from pytest_ttsperf.cli.output import advise, paint, print_answer
from pytest_ttsperf.compare import metrics
from pytest_ttsperf.errors import LimitError
from pytest_ttsperf.targets import spec as targets_spec

PRESETS = ("short", "medium", "long")


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "compare",
        help="two targets side by side: is B slower than A?",
        description="Open two targets in processes of their own, each twice, have them "
        "speak the same texts in turns, and say whether B is slower than A. A target is "
        f"{targets_spec.FORMS}; modules are looked for in the current folder, too. "
        "Where one of them is a program that starts anew for each text, cold "
        "starts are compared. Exit code 1 when B is slower, or when A or B does not run.",
    )
    parser.set_defaults(run=_run)
    parser.add_argument("target_a", metavar="A", help="the one that is")
    parser.add_argument("target_b", metavar="B", help="the one that is to be judged")
    parser.add_argument(
        "--preset", action="append", choices=PRESETS, help="what is spoken; may be repeated (short)"
    )
    parser.add_argument(
        "--budget",
        type=_budget_s,
        default=metrics.DEFAULT_BUDGET_S,
        metavar="TIME",
        help=f"longest time, as 60, 90s or 3min ({metrics.DEFAULT_BUDGET_S:g}s); open: until all "
        "is decided",
    )
    parser.add_argument(
        "--fail",
        action="append",
        default=[],
        metavar="FIGURE:CHANGE",
        help=f"smallest change that counts, as ttfa_p95:7.5%% ({metrics.DEFAULT_MARGIN:.0%}%)",
    )
    targets.add_option(parser, "--option-a", "A")
    targets.add_option(parser, "--option-b", "B")
    parser.add_argument("--cold", action="store_true", help="compare starts of fresh processes")
    parser.add_argument("--provider", metavar="NAME", help="execution provider of both")
    parser.add_argument("--voice", metavar="NAME", help="voice of both")
    parser.add_argument("--json", action="store_true", help="print JSON, with all raw numbers")


def _run(arguments: argparse.Namespace) -> int:
    requested = ("provider", "voice")
    old = targets.make_factory(
        arguments.target_a, arguments.option_a, "--option-a", arguments, requested
    )
    new = targets.make_factory(
        arguments.target_b, arguments.option_b, "--option-b", arguments, requested
    )
    old_name = old.spec.label
    new_name = new.spec.label
    written_out = secrets.find(old.spec.spec, old.spec.options)
    written_out += secrets.find(new.spec.spec, new.spec.options)
    advise(written_out)
    presets = tuple(dict.fromkeys(arguments.preset or PRESETS[:1]))
    margins = metrics.margins_of_lines(arguments.fail, "--fail")
    with modules_of(os.getcwd()):
        found: dict[str, lazy.records.Comparison] = lazy.cells.side_by_side(
            old,
            new,
            presets,
            lambda phase: metrics.choose_metrics(phase, margins, budget_s=arguments.budget),
            arguments.budget,
            cold=arguments.cold,
            announce=lambda line: print(line, file=sys.stderr),
        )
    text = lazy.compare_report.text(old_name, new_name, found, paint)
    print_answer(found, text, as_json=arguments.json)
    outcomes: set[lazy.records.Outcome] = set()
    for comparison in found.values():
        outcomes.update(lazy.compare_report.outcomes(comparison))
    bad = {lazy.records.Outcome.FAIL, lazy.records.Outcome.INVALID}
    return int(bool(outcomes & bad))


@contextmanager
def modules_of(folder: str) -> Iterator[None]:
    """Have modules of the folder found meanwhile, here and in the processes of the targets.

    They come before installed ones, as where a server or pytest is started there, but behind the
    standard library and PYTHONPATH: a stray `random.py` takes nobody's place.
    """
    before = list(sys.path)
    if not {folder, ""} & set(before):
        sys.path.insert(_end_of_standard_library(before), folder)
    try:
        yield
    finally:
        sys.path[:] = before


def _end_of_standard_library(entries: list[str]) -> int:
    """Where in the search path the entries of the standard library end; 0 without any."""
    library = sysconfig.get_paths()
    standard = {library["stdlib"], library["platstdlib"]}
    standard |= {os.path.join(entry, "lib-dynload") for entry in standard}
    ends = [place for place, entry in enumerate(entries, start=1) if entry in standard]
    return max(ends, default=0)


def _budget_s(text: str) -> float:
    try:
        return metrics.budget_s(text, "--budget")
    except LimitError as error:
        raise argparse.ArgumentTypeError(str(error)) from None

"""`ttsperf compare A B`: is target B slower than A, measured in turns in the same minutes?"""

from __future__ import annotations

import argparse
import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pytest_ttsperf import figures, secrets, specs
from pytest_ttsperf.cli.output import advise, paint, tell
from pytest_ttsperf.errors import LimitError

PRESETS = ("short", "medium", "long")


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "compare",
        help="two targets side by side: is B slower than A?",
        description="Open two targets in processes of their own, A twice and B once, have them "
        "speak the same texts in turns, and say whether B is slower than A. A target is "
        f"{specs.FORMS}; modules are looked for in the current folder, too. "
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
        default=figures.DEFAULT_BUDGET_S,
        metavar="TIME",
        help=f"longest time, as 60, 90s or 3min ({figures.DEFAULT_BUDGET_S:g}s)",
    )
    parser.add_argument(
        "--fail",
        action="append",
        default=[],
        metavar="FIGURE:CHANGE",
        help=f"smallest change that counts, as ttfa_p95:7.5%% ({figures.DELTA:.0%}%)",
    )
    for side in "ab":
        parser.add_argument(
            f"--option-{side}",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help=f"keyword option of {side.upper()}; may be repeated",
        )
    parser.add_argument("--cold", action="store_true", help="compare starts of fresh processes")
    parser.add_argument("--provider", metavar="NAME", help="execution provider of both")
    parser.add_argument("--voice", metavar="NAME", help="voice of both")
    parser.add_argument("--json", action="store_true", help="print JSON, with all raw numbers")


def _run(told: argparse.Namespace) -> int:
    from pytest_ttsperf.experiment import Source, asked_so, side_by_side
    from pytest_ttsperf.records import Comparison, Outcome, TargetSpec
    from pytest_ttsperf.report import comparison as report

    offered: Mapping[str, str | None] = {"provider": told.provider, "voice": told.voice}
    old, new = (
        Source(
            spec=asked_so(TargetSpec(spec=spec, options=specs.options_of(lines, source)), {}),
            provider=told.provider,
            voice=told.voice,
            demanded=tuple(name for name, value in offered.items() if value is not None),
        )
        for spec, lines, source in (
            (told.target_a, told.option_a, "--option-a"),
            (told.target_b, told.option_b, "--option-b"),
        )
    )
    specified = [one.spec for one in (old, new)]
    advise(found for one in specified for found in secrets.find(one.spec, one.options))
    presets = tuple(dict.fromkeys(told.preset or PRESETS[:1]))
    deltas = figures.of_lines(told.fail, "--fail")
    with _modules_of(os.getcwd()):
        found: dict[str, Comparison] = side_by_side(
            old,
            new,
            presets,
            lambda phase: figures.gates(phase, deltas),
            told.budget,
            cold=told.cold,
        )
    tell(found, report.text(old.spec.label, new.spec.label, found, paint), as_json=told.json)
    bad = (Outcome.FAIL, Outcome.INVALID)
    return int(any(outcome in bad for one in found.values() for outcome in report.outcomes(one)))


@contextmanager
def _modules_of(folder: str) -> Iterator[None]:
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
    places = [at for at, entry in enumerate(entries) if entry in standard]
    return max(places) + 1 if places else 0


def _budget_s(text: str) -> float:
    try:
        return figures.budget_s(text, "--budget")
    except LimitError as error:
        raise argparse.ArgumentTypeError(str(error)) from None

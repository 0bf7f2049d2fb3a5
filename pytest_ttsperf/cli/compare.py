"""`ttsperf compare A B`: is target B slower than A, measured in turns in the same minutes?"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pytest_ttsperf import secrets
from pytest_ttsperf.cli import lazy, targets
from pytest_ttsperf.cli.output import advise, folded, paint, print_answer
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
        f"{targets_spec.FORMS}; modules are looked for in the current folder, too. A server that "
        "runs already is one process throughout; --option-a 'start=my-server --port {port}', with "
        "http://127.0.0.1:{port} as A, has each block start a new one, and so for B. "
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
        metavar="TIME",
        help=f"longest time, as 60, 90s or 3min ({metrics.DEFAULT_BUDGET_S:g}s; with "
        f"--listeners or --rate {metrics.DEFAULT_LOAD_BUDGET_S / 60:g}min); open: until all is "
        "decided",
    )
    parser.add_argument(
        "--fail",
        action="append",
        default=[],
        metavar="FIGURE:CHANGE",
        help=f"smallest change that counts, as ttfa_p95:7.5%% ({metrics.DEFAULT_MARGIN:.0%}%; with "
        "--listeners or --rate each figure has its own)",
    )
    crowd = parser.add_mutually_exclusive_group()
    crowd.add_argument(
        "--listeners",
        type=_count,
        metavar="N",
        help="compare with so many listening at once, each of whom asks again when the answer has "
        "been played; takes minutes",
    )
    crowd.add_argument(
        "--rate",
        type=_rate,
        metavar="N",
        help="compare with so many requests a second, which come at random and wait for nobody",
    )
    parser.add_argument(
        "--pace",
        choices=("played", "greedy"),
        default="played",
        help="when a listener asks again: when the answer has been played, or at once (played)",
    )
    parser.add_argument(
        "--window",
        type=_window_s,
        metavar="TIME",
        help="with --listeners or --rate: how long requests are counted in a window, as 20s (20s)",
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
    load = _load_of(arguments)
    accepted = metrics.ONE_LISTENER if load is None else metrics.UNDER_LOAD
    margins = metrics.margins_of_lines(arguments.fail, "--fail", accepted)
    with modules_of(os.getcwd()):
        if load is None:
            found = _compare_texts(arguments, old, new, presets, margins)
        else:
            found = _compare_crowds(arguments, old, new, presets, margins, load)
    text = lazy.compare_report.text(old_name, new_name, found, paint)
    if load is not None:
        text = f"{text}\n{lazy.load_comparison_report.text(found, load.label)}"
    print_answer(found, folded(text), as_json=arguments.json)
    outcomes: set[lazy.records.Outcome] = set()
    for comparison in found.values():
        outcomes.update(lazy.compare_report.outcomes(comparison))
    bad = {lazy.records.Outcome.FAIL, lazy.records.Outcome.INVALID}
    return int(bool(outcomes & bad))


def _load_of(arguments: argparse.Namespace) -> lazy.records.LoadSpec | None:
    """How many listen at once; None for one text after the other. LimitError for cold starts."""
    if arguments.listeners is None and arguments.rate is None:
        return None
    if arguments.cold:
        raise LimitError("--cold is of single starts; leave it out, or --listeners and --rate")
    return lazy.records.LoadSpec(
        listeners=arguments.listeners,
        rate=arguments.rate,
        pace=arguments.pace,
    )


def _compare_texts(
    arguments: argparse.Namespace,
    old: lazy.plan.TargetFactory,
    new: lazy.plan.TargetFactory,
    presets: Sequence[str],
    margins: Mapping[str, float],
) -> dict[str, lazy.records.Comparison]:
    """One text after the other, by preset."""
    budget_s = arguments.budget or metrics.DEFAULT_BUDGET_S
    found: dict[str, lazy.records.Comparison] = lazy.cells.side_by_side(
        old,
        new,
        presets,
        lambda phase, _: metrics.choose_metrics(phase, margins, budget_s=budget_s),
        budget_s,
        cold=arguments.cold,
        announce=lambda line: print(line, file=sys.stderr),
    )
    return found


def _compare_crowds(
    arguments: argparse.Namespace,
    old: lazy.plan.TargetFactory,
    new: lazy.plan.TargetFactory,
    presets: Sequence[str],
    margins: Mapping[str, float],
    load: lazy.records.LoadSpec,
) -> dict[str, lazy.records.Comparison]:
    """With many who listen, by preset."""
    start = lazy.plan.draw_start()
    window = lazy.load_traces.WindowPlan()
    if arguments.window is not None:
        window = window.counting(arguments.window)
    found = {}
    for preset in presets:
        plan = lazy.plan.Plan(
            test="compare",
            text=preset,
            mode="stream",
            phase="warm",
            trials=0,
            texts_from=start,
        )
        spec = lazy.load_comparison.LoadComparisonSpec(
            baseline=old,
            candidate=new,
            plan=lazy.load_cell.LoadPlan(plan=plan, load=load, window=window, seed=start),
            # Two targets need not say the same for the same text.
            metrics=lazy.window_blocks.choose_metrics(margins, is_same_work=False),
            against=old.spec.label,
            budget_s=arguments.budget or metrics.DEFAULT_LOAD_BUDGET_S,
            budget_option="--budget",
        )
        found[preset] = lazy.load_comparison.compare_under_load(spec, _show)
    return found


def _show(text: str) -> None:
    """How far a comparison is, on a terminal's standard error; nothing ends the line."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\x1b[K{text[:width]}", end="", file=sys.stderr, flush=True)


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


def _window_s(text: str) -> float:
    try:
        seconds = metrics.budget_s(text, "--window")
    except LimitError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if math.isinf(seconds):
        raise argparse.ArgumentTypeError(f"found {text!r}, wanted a time above 0, as 20s")
    return seconds


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"found {text!r}, wanted a whole number of at least 1")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"found {text!r}, wanted requests a second, as 4 or 0.5")
    return rate

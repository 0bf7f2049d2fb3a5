"""`ttsperf load TARGET`: how many may listen at once, and still meet the limits?"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from pytest_ttsperf import files, secrets
from pytest_ttsperf.cli import lazy, targets
from pytest_ttsperf.cli.compare import PRESETS, modules_of
from pytest_ttsperf.cli.output import advise, paint, print_answer
from pytest_ttsperf.compare import metrics
from pytest_ttsperf.errors import LimitError
from pytest_ttsperf.targets import spec as targets_spec

DEFAULT_TTFA_MS = 500.0
DEFAULT_WINDOW_S = 20.0
SHORTEST_WINDOW_S, LONGEST_WINDOW_S = 1.0, 600.0
OPTION = "--option"


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "load",
        help="how many may listen to a target at once, and still meet the limits?",
        description="Let more and more listen at once, each of whom asks again when the answer has "
        "been played, and find the largest number that meets the limits, with 95 % confidence. A "
        f"target is {targets_spec.FORMS}. A search takes some forty windows of half a minute each. "
        "Exit code 1 when no number is proven.",
    )
    parser.set_defaults(run=_run)
    parser.add_argument("target", metavar="TARGET", help="what is listened to")
    parser.add_argument("--preset", choices=PRESETS, default=PRESETS[0], help="what is spoken")
    parser.add_argument(
        "--rate",
        action="store_true",
        help="search requests a second, which come at random and wait for nobody",
    )
    parser.add_argument(
        "--ttfa-p95-ms",
        type=_limit_ms,
        default=DEFAULT_TTFA_MS,
        metavar="MS",
        help=f"limit of the time to first audio, for 95 %% of a window ({DEFAULT_TTFA_MS:g})",
    )
    parser.add_argument(
        "--stall",
        type=_share,
        default=0.0,
        metavar="SHARE",
        help="share of answers that may stall, as 1%% or 0.01 (0)",
    )
    parser.add_argument(
        "--pace",
        choices=("played", "greedy"),
        default="played",
        help="when a listener asks again: when the answer has been played, or at once (played)",
    )
    parser.add_argument("--most", type=_level, metavar="N", help="try no more than that")
    parser.add_argument(
        "--budget",
        type=_budget_s,
        default=math.inf,
        metavar="TIME",
        help="longest time, as 10min; what is proven by then is printed (until all is found)",
    )
    parser.add_argument(
        "--window",
        type=_window_s,
        default=DEFAULT_WINDOW_S,
        metavar="TIME",
        help="how long requests are counted in a window, as 20s; shorter ones end sooner and "
        f"prove fewer ({DEFAULT_WINDOW_S:g}s)",
    )
    parser.add_argument("--provider", metavar="NAME", help="execution provider")
    parser.add_argument("--voice", metavar="NAME", help="voice")
    targets.add_option(parser, OPTION, "the target")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all windows as JSON")


def _run(arguments: argparse.Namespace) -> int:
    source = targets.make_factory(
        arguments.target, arguments.option, OPTION, arguments, ("provider", "voice")
    )
    advise(secrets.find(source.spec.spec, source.spec.options))
    limits = lazy.capacity.CapacityLimits(arguments.ttfa_p95_ms, arguments.stall)
    progress = _Progress("requests/s" if arguments.rate else "listeners")
    with modules_of(os.getcwd()):
        try:
            result = lazy.capacity_cell.measure_capacity(
                source,
                _plan(arguments),
                limits,
                most=arguments.most,
                budget_s=None if math.isinf(arguments.budget) else arguments.budget,
                tell=progress.show,
            )
        finally:
            progress.end()
    found = result.capacity
    assert found is not None
    if arguments.json is not None:
        files.write_file(arguments.json, files.encode_json(result))
    width = shutil.get_terminal_size().columns
    print_answer(found, lazy.load_report.capacity_text(found, paint, width=width), as_json=False)
    return int(not lazy.load_report.is_good(found))


def _plan(arguments: argparse.Namespace) -> lazy.load_cell.LoadPlan:
    load = lazy.records.LoadSpec(listeners=1, pace=arguments.pace)
    if arguments.rate:
        load = lazy.records.LoadSpec(rate=1.0)
    start = lazy.plan.draw_start()
    return lazy.load_cell.LoadPlan(
        plan=lazy.plan.Plan(
            test="ttsperf load",
            text=arguments.preset,
            mode="stream",
            phase="warm",
            trials=0,
            texts_from=start,
        ),
        load=load,
        window=lazy.load_traces.WindowPlan().counting(arguments.window),
        seed=start,
    )


class _Progress:
    """One line on standard error: rewritten on a terminal, else once for each level."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._is_terminal = sys.stderr.isatty()
        self._width = 0
        self._last: tuple[str, float] | None = None

    def show(self, step: lazy.capacity_search.SearchStep) -> None:
        """How far the search is."""
        if self._is_terminal:
            columns = shutil.get_terminal_size().columns
            self._rewrite(lazy.load_report.progress_text(step, self._unit, width=columns - 1))
        elif (step.phase, step.level) != self._last:
            self._last = step.phase, step.level
            print(f"ttsperf: {step.phase} {step.level:g} {self._unit}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave an empty line for what comes."""
        if self._is_terminal:
            self._rewrite("")

    def _rewrite(self, text: str) -> None:
        sys.stderr.write(f"\r{text.ljust(self._width)}\r")
        sys.stderr.flush()
        self._width = len(text)


def _limit_ms(text: str) -> float:
    return _number_above_0(text, "milliseconds")


def _level(text: str) -> float:
    level = _number_above_0(text, "a number")
    if level < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, wanted a number of at least 1")
    return level


def _number_above_0(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"found {text!r}, wanted {what} above 0")
    return number


def _share(text: str) -> float:
    """`1%` or `0.01`."""
    digits = text.strip().removesuffix("%")
    try:
        share = float(digits)
    except ValueError:
        share = math.nan
    if digits != text.strip():
        share /= 100
    if not 0 <= share < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, wanted a share, as 1% or 0.01")
    return share


def _window_s(text: str) -> float:
    seconds = _seconds(text, "--window")
    if not SHORTEST_WINDOW_S <= seconds <= LONGEST_WINDOW_S:
        raise argparse.ArgumentTypeError(
            f"found {text!r}, wanted {SHORTEST_WINDOW_S:g}s to {LONGEST_WINDOW_S:g}s"
        )
    return seconds


def _budget_s(text: str) -> float:
    return _seconds(text, "--budget")


def _seconds(text: str, option: str) -> float:
    try:
        return metrics.budget_s(text, option)
    except LimitError as error:
        raise argparse.ArgumentTypeError(str(error)) from None

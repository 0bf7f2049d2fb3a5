"""One engine that speaks for hours: does it slow down, run dry, grow or die?

    python benchmarks/soak.py --log soak.jsonl [--slices 480] [--minutes 60] [--voice heart]
    python benchmarks/soak.py --log soak.jsonl --report

The engine is opened once, in the plugin's own worker, and says random texts of 1 to 40 words with
no pause between them. Every slice of a minute is a line of the log: its requests, how many of them
a player without a prebuffer would have interrupted, quantiles of TTFA (arrival of the first
sounding chunk), and the memory of the worker's process tree at its end. A slice that is broken off
leaves no line. A later call goes on with the count, in a process of its own: `session` says which
lines are of one process. A target that fails ends the slice and the session; the line has why.

The report adds up all slices. The slope of memory is that of Sen, over pairs of slices of the same
process, without its first minutes, in which caches fill (Hirsch, Slack and Smith 1982, with each
process as a season). Exits with 1 if a slice ended with an error.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from random_texts import random_text
from scipy.stats import binomtest, norm
from tables import proportion

from pytest_ttsperf.errors import TargetError
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.experiment.trial import OpenTarget, open_target, run_trial_or_fail
from pytest_ttsperf.measure.schedule import ScheduledTrial
from pytest_ttsperf.metrics import definitions
from pytest_ttsperf.records import TargetSpec, Trial, Usage

SLICE_S = 60.0
LONGEST_WORDS = 40
QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}
FILLING = 5
"""The first slices of a process, which say nothing of how it grows."""
FEWEST_PAIRS = 3
"""Of slices of one process: fewer have no slope."""
MB = 1e6
Line = dict[str, Any]


class Slope(NamedTuple):
    """MB in an hour, with the 95 % interval, and how many processes it is of."""

    value: float
    low: float
    high: float
    processes: int


# Speaking


def soak(log: Path, slices: int, minutes: float, voice: str) -> None:
    """Append slices of one process until there are so many, or no time is left."""
    done = lines_of(log)
    session = 1 + max((line["session"] for line in done), default=-1)
    end = time.monotonic() + 60 * minutes
    source = TargetFactory(spec=TargetSpec(spec="engine:Engine"), provider="cpu", voice=voice)
    opened = open_target(source, warm=True)
    try:
        for number in range(len(done), slices):
            if time.monotonic() >= end:
                return
            line = {"n": number, "session": session, **run_slice(opened, number)}
            append(log, line)
            print(f"slice {number + 1} of {slices}: {line['requests']} requests", flush=True)
            if line["error"] is not None:
                return
    finally:
        opened.close()


def run_slice(opened: OpenTarget, number: int) -> Line:
    """Speak for a minute; gives the line of the log but for its place in it."""
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    begun = time.monotonic()
    trials = speak(opened, random.Random(number), begun + SLICE_S)  # noqa: S311 - texts
    usage, error = read_memory(opened)
    errors = [trial.error for trial in trials if trial.error is not None]
    return {
        "started": started,
        "s": round(time.monotonic() - begun, 2),
        **summarise(trials),
        "rss_bytes": None if usage is None else usage.rss_bytes,
        "rss_peak_bytes": None if usage is None else usage.rss_peak_bytes,
        "error": errors[0] if errors else error,
    }


def speak(opened: OpenTarget, draw: random.Random, until: float) -> list[Trial]:
    """Random texts, one after the other; the first that fails is the last."""
    trials: list[Trial] = []
    while time.monotonic() < until:
        step = ScheduledTrial(len(trials), "trial", 0, random_text(draw, LONGEST_WORDS))
        trials.append(run_trial_or_fail(opened, step, "stream", with_usage=False))
        if trials[-1].error is not None:
            break
    return trials


def read_memory(opened: OpenTarget) -> tuple[Usage | None, str | None]:
    """The memory of the worker and what it started, or why it cannot be read."""
    if opened.meter is None:
        return None, opened.ready.pid_missing_because
    try:
        return opened.meter.usage(), None
    except TargetError as error:
        return None, str(error)


def summarise(trials: Sequence[Trial]) -> Line:
    """Counts and quantiles; those of TTFA are None where nothing sounded."""
    underruns = measured("underruns", trials)
    ttfa_ms = measured("ttfa_sound_ms", trials)
    quantiles = dict.fromkeys(QUANTILES)
    if ttfa_ms:
        quantiles = {
            name: float(np.quantile(ttfa_ms, at, method="higher")) for name, at in QUANTILES.items()
        }
    return {
        "requests": len(trials),
        "interrupted": sum(count > 0 for count in underruns),
        "underruns": int(sum(underruns)),
        "silent": len(trials) - len(ttfa_ms),
        "audio_s": sum(measured("audio_s", trials)),
        "ttfa_ms": quantiles,
    }


def measured(metric: str, trials: Sequence[Trial]) -> list[float]:
    """The values of a metric that could be measured."""
    return [value for value in definitions.sample(metric, trials).values if value is not None]


# The log


def lines_of(log: Path) -> list[Line]:
    """All slices so far."""
    if not log.exists():
        return []
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()]


def append(log: Path, line: Line) -> None:
    """One slice more."""
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def has_error(line: Line) -> bool:
    """Whether the target failed in that slice, or its memory could not be read."""
    return line["error"] is not None


# The report


def report(log: Path) -> str:
    """What all slices say together."""
    lines = lines_of(log)
    if not lines:
        return "no slice yet"
    requests = sum(line["requests"] for line in lines)
    interrupted = sum(line["interrupted"] for line in lines)
    processes = len({line["session"] for line in lines})
    minutes = sum(line["s"] for line in lines) / 60
    share = interval(interrupted, requests)
    rows = [
        f"  {len(lines)} slices, {minutes:.1f} minutes, in {processes} process(es), "
        f"{requests} requests",
        f"  interrupted by an underrun: {interrupted} of {requests}, {share}",
        f"  silent: {sum(line['silent'] for line in lines)}; "
        f"slices that ended with an error: {proportion([has_error(line) for line in lines])}",
        f"  TTFA of a slice, first to last: {trend(lines, 'p50')}, {trend(lines, 'p99')}",
        f"  RSS: {describe_slope(memory_slope(lines))}",
    ]
    return "\n".join(rows)


def interval(count: int, of: int) -> str:
    """A rare share in requests of a million, with the 95 % interval by Clopper and Pearson."""
    if not of:
        return "no request"
    low, high = binomtest(count, of).proportion_ci(method="exact")
    return f"{1e6 * count / of:.0f} in a million (95 %: {1e6 * low:.0f} to {1e6 * high:.0f})"


def trend(lines: Sequence[Line], quantile: str) -> str:
    """The median of the first and of the last tenth of the slices, in ms."""
    values = [line["ttfa_ms"][quantile] for line in lines if line["ttfa_ms"][quantile] is not None]
    if not values:
        return f"{quantile} not measured"
    tenth = max(1, len(values) // 10)
    first, last = np.median(values[:tenth]), np.median(values[-tenth:])
    return f"{quantile} {first:.1f} to {last:.1f} ms"


def describe_slope(slope: Slope | None) -> str:
    """In words; that nothing is known yet is said as well."""
    if slope is None:
        return f"no slope yet, it takes more than {FILLING + 2} slices of one process"
    return (
        f"{slope.value:+.2f} MB an hour (95 %: {slope.low:+.2f} to {slope.high:+.2f}), "
        f"from {slope.processes} process(es)"
    )


def memory_slope(lines: Sequence[Line]) -> Slope | None:
    """Sen's slope over all pairs of slices of the same process; None where there are too few."""
    slopes: list[float] = []
    variance = 0.0
    processes = 0
    for session in sorted({line["session"] for line in lines}):
        points = memory_points([line for line in lines if line["session"] == session])
        pairs = pair_slopes(points)
        if len(pairs) >= FEWEST_PAIRS:
            slopes += pairs
            variance += kendall_variance(len(points))
            processes += 1
    if not slopes:
        return None
    low, high = sen_interval(slopes, variance)
    return Slope(float(np.median(slopes)), low, high, processes)


def memory_points(lines: Sequence[Line]) -> list[tuple[float, float]]:
    """(hours, MB) at the end of each slice of a process, without its first slices."""
    hours = np.cumsum([line["s"] for line in lines]) / 3600
    return [
        (float(hour), line["rss_bytes"] / MB)
        for hour, line in list(zip(hours, lines, strict=True))[FILLING:]
        if line["rss_bytes"] is not None
    ]


def pair_slopes(points: Sequence[tuple[float, float]]) -> list[float]:
    """MB an hour between each slice and each later one."""
    return [
        (later_mb - mb) / (later_h - hour)
        for (hour, mb), (later_h, later_mb) in itertools.combinations(points, 2)
    ]


def kendall_variance(count: int) -> float:
    """Of Kendall's S, for so many points without ties."""
    return count * (count - 1) * (2 * count + 5) / 18


def sen_interval(slopes: Sequence[float], variance: float) -> tuple[float, float]:
    """95 %, from the variance of Kendall's S (Sen 1968; Gilbert 1987, 16.4.2 and 17.3)."""
    ordered = np.sort(slopes)
    apart = norm.ppf(0.975) * variance**0.5
    low = max(0, round((len(ordered) - apart) / 2) - 1)
    high = min(len(ordered) - 1, round((len(ordered) + apart) / 2))
    return float(ordered[low]), float(ordered[high])


def main() -> int:
    """Speak, and report; 1 if a slice ended with an error."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--log", type=Path, default=Path("soak.jsonl"))
    parser.add_argument("--slices", type=int, default=480, help="of a minute, in all")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin none after that")
    parser.add_argument("--voice", default="heart")
    parser.add_argument("--report", action="store_true", help="speak nothing")
    options = parser.parse_args()
    if not options.report:
        soak(options.log, options.slices, options.minutes, options.voice)
    print(report(options.log))
    return int(any(has_error(line) for line in lines_of(options.log)))


if __name__ == "__main__":
    sys.exit(main())

"""What the log of load_quality.py says: a row for each case, and how unchanged windows differ."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from campaign import Line, is_counted, read_log
from load_cases import (
    CAPACITIES,
    CASES,
    LARGE,
    TTFA,
    WITHIN_S,
    WORSE,
    CapacityCase,
    LoadCase,
)
from tables import proportion, to_table

WANTED_ERROR = 0.04
"""Of the mean of the pairs of a comparison, as a share of its p95."""
STEP_SHARE, LEAST_STEP = 0.1, 1.0
"""Of a search for capacity."""
P95 = "ttfa_sound_p95_ms"

UNCHANGED_HEADS = (
    "same code", "n of N", "FAIL", "PASS of all", "open", "whole, s", "blocks", "wanted", "",
)  # fmt: skip
FAULT_HEADS = (
    "fault", "n of N", "found", "by", "ttfa p95", "seconds to decision, median and most", "in time",
    "where it came from", "whole, s", "blocks", "wanted", "",
)  # fmt: skip
SINGLE_HEADS = ("one listener", "n of N", "FAIL", "PASS of all", "whole, s", "wanted", "")
BAND_HEADS = ("two windows of the same code", "pairs", "ttfa p95 differs by", "pairs for 4 %")
CAPACITY_HEADS = (
    "capacity", "n of N", "proven", "refuted", "within a step of their median", "whole, s",
    "windows", "wanted", "",
)  # fmt: skip


def table(log: Path) -> str:
    """What the log says of each case, as it was judged when it was measured."""
    lines = list(filter(is_counted, read_log(log)))
    unchanged = []
    faults = []
    single = []
    bands = []
    for case in CASES:
        of_case = [line for line in lines if line["case"] == case.name]
        if not of_case:
            continue
        if not case.is_crowd:
            single.append(_single_row(case, of_case))
        elif case.is_unchanged:
            unchanged.append(_unchanged_row(case, of_case))
            bands.append(_band_row(case, of_case))
        else:
            faults.append(_fault_row(case, of_case))
    parts = []
    for heads, rows in (
        (UNCHANGED_HEADS, unchanged),
        (BAND_HEADS, bands),
        (FAULT_HEADS, faults),
        (SINGLE_HEADS, single),
        (CAPACITY_HEADS, _capacity_rows(lines)),
    ):
        if rows:
            parts.append("\n".join(to_table(heads, rows)))
    return "\n\n".join(parts)


# Comparisons


def _unchanged_row(case: LoadCase, lines: Sequence[Line]) -> tuple[str, ...]:
    return (
        case.name,
        _progress(case, lines),
        proportion([bool(failed(line)) for line in lines]),
        proportion(list(map(has_passed, lines))),
        _open_gates(lines),
        _median(line["seconds"] for line in lines),
        _median(line["blocks"] for line in lines),
        case.wanted,
        shortfall(case, lines),
    )


def _fault_row(case: LoadCase, lines: Sequence[Line]) -> tuple[str, ...]:
    found = [line for line in lines if found_by(line)]
    effects = [effect_of(line) for line in lines]
    return (
        case.name,
        _progress(case, lines),
        proportion([line in found for line in lines]),
        _counted(label for line in found for label in found_by(line)),
        _effect_text(effects),
        _seconds_text([decided_s(line) for line in found]),
        proportion(list(map(is_in_time, lines))),
        _counted(stage for line in found for stage in _stages(line)),
        _median(line["seconds"] for line in lines),
        _median(line["blocks"] for line in lines),
        case.wanted,
        shortfall(case, lines),
    )


def _single_row(case: LoadCase, lines: Sequence[Line]) -> tuple[str, ...]:
    return (
        case.name,
        _progress(case, lines),
        proportion([bool(failed(line)) for line in lines]),
        proportion(list(map(has_passed, lines))),
        _median(line["seconds"] for line in lines),
        case.wanted,
        shortfall(case, lines),
    )


def failed(line: Line) -> list[str]:
    """Labels of the gates that are FAIL."""
    return [label for label, gate in line["gates"].items() if gate["outcome"] == "FAIL"]


def found_by(line: Line) -> list[str]:
    """Labels of those that say that a crowd waits longer, or gets less."""
    return [label for label in failed(line) if label in WORSE]


def has_passed(line: Line) -> bool:
    """Whether every gate of it passed."""
    return {gate["outcome"] for gate in line["gates"].values()} == {"PASS"}


def decided_s(line: Line) -> float | None:
    """Seconds until the first figure was surely worse; None where none was."""
    seconds = []
    for label in found_by(line):
        if line["gates"][label].get("decided_s") is not None:
            seconds.append(line["gates"][label]["decided_s"])
    return min(seconds, default=None)


def effect_of(line: Line) -> float | None:
    """By how much the p95 grew, as a share; None where it was not compared."""
    effect: float | None = line["gates"].get(TTFA[0], {}).get("effect")
    return effect


def is_in_time(line: Line) -> bool:
    """Whether it was found within the time that is wanted for an effect of its size."""
    seconds = decided_s(line)
    is_large = (effect_of(line) or 0.0) >= LARGE
    return seconds is not None and seconds <= WITHIN_S[is_large]


def _stages(line: Line) -> list[str]:
    """What explains the change of the TTFA, where anything surely does."""
    for label in TTFA:
        gate = line["gates"].get(label, {})
        if gate.get("outcome") == "FAIL":
            return gate.get("stages") or [gate.get("stage") or "none surely"]
    return []


# How much unchanged windows differ


def _band_row(case: LoadCase, lines: Sequence[Line]) -> tuple[str, ...]:
    logs = pair_logs(lines)
    if not logs:
        return case.name, "0", "-", "-"
    deviation = math.sqrt(sum(each**2 for each in logs) / len(logs))
    return (
        case.name,
        str(len(logs)),
        f"{100 * math.expm1(deviation):.1f} %",
        str(pairs_for(deviation)),
    )


def pair_logs(lines: Iterable[Line]) -> list[float]:
    """Of each pair of windows that replay one trace, one of either version: log of the p95s' ratio.

    Both are the same code, so their mean is 0 by design.
    """
    logs = []
    for line in lines:
        windows = line["windows"]
        for old, new in (("baseline", "candidate"), ("control", "candidate_control")):
            for before, after in zip(windows.get(old, ()), windows.get(new, ()), strict=True):
                if before[P95] and after[P95]:
                    logs.append(math.log(after[P95] / before[P95]))
    return logs


def pairs_for(deviation: float) -> int:
    """So many make their mean sure to `WANTED_ERROR`."""
    return math.ceil((deviation / math.log1p(WANTED_ERROR)) ** 2)


# Searches


def _capacity_rows(lines: Sequence[Line]) -> list[tuple[str, ...]]:
    rows = []
    for case in CAPACITIES:
        of_case = [line for line in lines if line["case"] == case.name]
        if of_case:
            rows.append(_capacity_row(case, of_case))
    return rows


def _capacity_row(case: CapacityCase, lines: Sequence[Line]) -> tuple[str, ...]:
    found = [line["capacity"] for line in lines]
    proven = [each["proven"] for each in found]
    windows = list(map(_count_windows, found))
    return (
        case.name,
        _progress(case, lines),
        ", ".join(map(_level_text, proven)),
        ", ".join(_level_text(each["refuted"]) for each in found),
        proportion(list(within_a_step(proven))),
        _median(line["seconds"] for line in lines),
        _median(windows),
        case.wanted,
        shortfall(case, lines),
    )


def _count_windows(capacity: Line) -> int:
    return sum(level["windows"] for level in capacity["levels"])


def within_a_step(levels: Sequence[float | None]) -> list[bool]:
    """Of each level whether it is within a step of the median of all; an answer of none is not."""
    known_levels = [level for level in levels if level is not None]
    if not known_levels:
        return [False] * len(levels)
    middle = median(known_levels)
    step = max(LEAST_STEP, STEP_SHARE * middle)
    return [level is not None and abs(level - middle) <= step for level in levels]


def _level_text(level: float | None) -> str:
    return "none" if level is None else f"{level:g}"


# Words


def _progress(case: LoadCase | CapacityCase, lines: Sequence[Line]) -> str:
    return f"{len(lines)} of {case.count}"


def shortfall(case: LoadCase | CapacityCase, lines: Sequence[Line]) -> str:
    """What is missing; empty where nothing is."""
    missing = case.count - len(lines)
    return f"SHORT by {missing}" if missing > 0 else ""


def _median(values: Iterable[float]) -> str:
    return f"{median(values):.0f}"


def _effect_text(effects: Sequence[float | None]) -> str:
    measured = [effect for effect in effects if effect is not None]
    if not measured:
        return "-"
    low, middle, high = (
        f"{100 * each:+.0f} %" for each in (min(measured), median(measured), max(measured))
    )
    return f"{middle} ({low} to {high})"


def _seconds_text(seconds: Sequence[float | None]) -> str:
    measured = [each for each in seconds if each is not None]
    if not measured:
        return "-"
    return f"{median(measured):.0f}, {max(measured):.0f}"


def _counted(words: Iterable[str]) -> str:
    """`ttfa p95 3, goodput 1`, the most frequent first."""
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    ordered = sorted(counts, key=lambda word: -counts[word])
    return ", ".join(f"{word} {counts[word]}" for word in ordered) or "-"


def _open_gates(lines: Sequence[Line]) -> str:
    """Which gates stayed open, and comparisons that decided nothing."""
    words = []
    for line in lines:
        if line["reason"] is not None:
            words.append("not judged")
        for label, gate in line["gates"].items():
            if gate["outcome"] == "INCONCLUSIVE":
                words.append(label)
    return _counted(words)

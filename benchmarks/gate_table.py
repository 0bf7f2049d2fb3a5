"""What the log of gate_quality.py says: a row for each case, and a replay of unchanged blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from block_packing import unpack
from campaign import Line, is_counted, read_log
from gate_cases import BUSY, CASES, HTTP, TTFA, Case, busy_case
from gate_replay import Answer, by_metric, groups_with_fresh, replay_all_orders
from tables import proportion, to_table

from pytest_ttsperf.compare import metrics
from pytest_ttsperf.experiment import process_luck
from pytest_ttsperf.judge.statistics.t_rule import MIN_BLOCKS
from pytest_ttsperf.records import Block

STAGE = "vocode"
"""Where gate_target.py spends the time."""
REPLAYED_BUDGETS_S = (60, 180)
RIVAL = "rival"
"""Lines of gate_rivals.py, in the same log."""


def read_lines(log: Path) -> list[Line]:
    """The comparisons of a log; none where there is no log yet."""
    return [line for line in read_log(log) if RIVAL not in line]


def rival_lines(log: Path) -> list[Line]:
    """What others said, in the same log."""
    return [line for line in read_log(log) if RIVAL in line]


def all_cases() -> list[Case]:
    """Each, and each with a busy core."""
    return [*CASES, *map(busy_case, CASES)]


def lines_by_case(lines: Iterable[Line]) -> dict[Case, list[Line]]:
    """Those that count, in the order of the cases; cases without a line are left out."""
    counted = list(filter(is_counted, lines))
    found: dict[Case, list[Line]] = {}
    for case in all_cases():
        of_case = [line for line in counted if line["case"] == case.name]
        if of_case:
            found[case] = of_case
    return found


# The table

UNCHANGED_HEADS = (
    "same code", "n of N", "FAIL of a time", "FAIL of the work", "PASS of all",
    "open", "seconds to PASS: ttfa p50, all", "whole, s", "blocks", "wanted", "",
)  # fmt: skip
CHANGED_HEADS = (
    "slowed", "n of N", "found", "FAIL of what was not slowed", "right stage",
    "seconds to decision", "whole, s", "blocks", "wanted", "",
)  # fmt: skip
RUN_HEADS = ("runs of many tests", "whole runs", "red runs", "red tests", "tests n of N", "")


def table(log: Path) -> str:
    """What the log says of each case, as it was judged when it was measured."""
    by_case = lines_by_case(read_lines(log))
    unchanged = []
    changed = []
    runs = []
    for case, lines in by_case.items():
        if case.tests_of_run > 1:
            runs.append(_run_row(case, lines))
        if case.is_unchanged:
            unchanged.append(_unchanged_row(case, lines))
        else:
            changed.append(_changed_row(case, lines))
    parts = []
    for heads, rows in (
        (UNCHANGED_HEADS, unchanged),
        (CHANGED_HEADS, changed),
        (RUN_HEADS, runs),
        (RIVAL_HEADS, rival_rows(rival_lines(log))),
    ):
        if rows:
            parts.append("\n".join(to_table(heads, rows)))
    return "\n\n".join(parts)


def _unchanged_row(case: Case, lines: Sequence[Line]) -> tuple[str, ...]:
    failed = [bool(_failed(line, is_work=False)) for line in lines]
    failed_work = [bool(_failed(line, is_work=True)) for line in lines]
    passed = list(map(has_passed, lines))
    p50_s = [seconds_to(line, (TTFA,)) for line in lines]
    all_s = [seconds_to(line, times_of(line)) for line in lines]
    return (
        case.name,
        _progress(case, lines),
        proportion(failed),
        proportion(failed_work),
        proportion(passed),
        _open_gates(lines),
        f"{_median_seconds(p50_s)}; {_median_seconds(all_s)}",
        _median([line["seconds"] for line in lines]),
        _median([line["blocks"] for line in lines]),
        case.wanted,
        shortfall(case, lines),
    )


def _changed_row(case: Case, lines: Sequence[Line]) -> tuple[str, ...]:
    seen = [is_found(case, line) for line in lines]
    others = [bool(_failed(line, is_work=False) - set(case.watched)) for line in lines]
    right = []
    seconds = []
    for line, is_seen in zip(lines, seen, strict=True):
        if is_seen:
            right.append(_is_right_stage(case, line))
            seconds.append(seconds_to(line, [_finder(case, line)]))
    return (
        case.name,
        _progress(case, lines),
        proportion(seen),
        proportion(others),
        proportion(right),
        _median_seconds(seconds),
        _median([line["seconds"] for line in lines]),
        _median([line["blocks"] for line in lines]),
        case.wanted,
        shortfall(case, lines),
    )


def _run_row(case: Case, lines: Sequence[Line]) -> tuple[str, ...]:
    """Lines in their order are runs of so many tests; a run is red when one of its tests is."""
    size = case.tests_of_run
    starts = range(0, len(lines) - size + 1, size)
    red = []
    for at in starts:
        red.append(any(line["red"] for line in lines[at : at + size]))
    return (
        f"runs of {size} tests: {case.name}",
        f"{len(red)} of {case.count // size}",
        proportion(red),
        proportion([line["red"] for line in lines]),
        _progress(case, lines),
        shortfall(case, lines),
    )


def is_found(case: Case, line: Line) -> bool:
    """Whether a watched gate says what was done: that it is slower, or, if so, faster."""
    return bool(_finders(case, line))


def _finders(case: Case, line: Line) -> list[str]:
    found = []
    for label in case.watched:
        gate = line["gates"].get(label, {})
        is_slower = gate.get("outcome") == "FAIL"
        if gate.get("improved", False) if case.percent < 0 else is_slower:
            found.append(label)
    return found


def _finder(case: Case, line: Line) -> str:
    """The watched gate that was decided first."""
    found = _finders(case, line)
    return min(found, key=lambda label: line["gates"][label].get("decided_s") or 0.0)


def _is_right_stage(case: Case, line: Line) -> bool:
    """Whether the slowed stage is named, alone or among the fewest that explain the change."""
    gate = line["gates"][_finder(case, line)]
    return gate["stage"] == STAGE or STAGE in gate.get("stages", [])


def times_of(line: Line) -> list[str]:
    """The gates that are no work."""
    return [label for label, gate in line["gates"].items() if not gate["is_work"]]


def has_passed(line: Line) -> bool:
    """Whether every gate of it passed."""
    outcomes = {gate["outcome"] for gate in line["gates"].values()}
    return outcomes == {"PASS"}


def seconds_to(line: Line, labels: Sequence[str]) -> float | None:
    """After how many seconds the last of these gates was decided; None where one is open."""
    seconds = [line["gates"].get(label, {}).get("decided_s") for label in labels]
    if not seconds or None in seconds:
        return None
    return float(max(seconds))


def _failed(line: Line, *, is_work: bool) -> set[str]:
    found = set()
    for label, gate in line["gates"].items():
        if gate["outcome"] == "FAIL" and gate["is_work"] is is_work:
            found.add(label)
    return found


def _open_gates(lines: Sequence[Line]) -> str:
    """Which gates stayed open, and how often; and comparisons that decided nothing."""
    counts: dict[str, int] = {}
    for line in lines:
        if line["reason"] is not None:
            counts["not judged"] = counts.get("not judged", 0) + 1
        for label, gate in line["gates"].items():
            if gate["outcome"] == "INCONCLUSIVE":
                counts[label] = counts.get(label, 0) + 1
    return ", ".join(f"{label} {count}" for label, count in counts.items()) or "-"


def _progress(case: Case, lines: Sequence[Line]) -> str:
    return f"{len(lines)} of {case.count}"


def shortfall(case: Case, lines: Sequence[Line]) -> str:
    """What is missing; empty where nothing is."""
    missing = case.count - len(lines)
    return f"SHORT by {missing}" if missing > 0 else ""


def _median(values: Sequence[float]) -> str:
    return f"{median(values):.0f}"


def _median_seconds(values: Sequence[float | None]) -> str:
    """The median over all, those that stay open being the longest: `34 s (9 of 10 decided)`."""
    if not values:
        return "-"
    decided = [value for value in values if value is not None]
    ordered = sorted(decided) + [float("inf")] * (len(values) - len(decided))
    middle = median(ordered)
    text = f"{middle:.0f} s" if middle < float("inf") else "open"
    return f"{text} ({len(decided)} of {len(values)} decided)"


# Others

RIVAL_HEADS = ("on the same trees", "rule", "called slower", "seconds", "said")


def rival_rows(lines: Sequence[Line]) -> list[tuple[str, ...]]:
    """What others said of each case, as often as they were asked."""
    by_question: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        by_question.setdefault((line["case"], line[RIVAL]), []).append(line)
    rows: list[tuple[str, ...]] = []
    for (case, rival), answers in by_question.items():
        judged = [answer["slower"] for answer in answers if answer["slower"] is not None]
        seconds = _median([answer["seconds"] for answer in answers])
        rows.append((case, rival, proportion(judged), seconds, answers[-1]["said"]))
    return rows


# Replay

REPLAY_HEADS = (
    "same code, REPLAYED", "blocks of the budget", "groups", "answers", "false FAIL",
    "PASS of all", "blocks to the end", "PASS of each gate",
)  # fmt: skip


class Pool(NamedTuple):
    """The unchanged blocks of an engine, quiet or beside a busy core."""

    name: str
    lines: list[Line]


def log_replay(log: Path) -> Iterator[str]:
    """A row for each engine and budget: groups of its blocks, the arms in all roles."""
    rows = []
    for pool in pools(read_lines(log)):
        for budget_s in REPLAYED_BUDGETS_S:
            row = _replay_row(pool, budget_s)
            if row is not None:
                rows.append(row)
    yield from to_table(REPLAY_HEADS, rows)


def pools(lines: Iterable[Line]) -> list[Pool]:
    """The comparisons of the same code that measured something, by engine and load."""
    found: dict[str, list[Line]] = {}
    for case, of_case in lines_by_case(lines).items():
        if not case.is_unchanged:
            continue
        name = BUSY if case.busy else ""
        measured = [line for line in of_case if line["measured"] is not None]
        found.setdefault(case.engine + name, []).extend(measured)
    return [Pool(name, of_pool) for name, of_pool in found.items() if of_pool]


def unchanged_lines(lines: Iterable[Line], engine: str = "heart") -> list[Line]:
    """The quiet comparisons of one engine with itself."""
    for pool in pools(lines):
        if pool.name == engine:
            return pool.lines
    return []


class Replayed(NamedTuple):
    """What the judge says of a pool's blocks under one budget."""

    size: int
    """Blocks that the budget has."""
    groups: int
    answers: list[Answer]


def replay_pool(pool: Pool, budget_s: int) -> Replayed | None:
    """None where not even one group has the blocks of the budget, or the budget too few blocks."""
    per_block_s = median(line["compared_s"] / line["blocks"] for line in pool.lines)
    size = int(budget_s / per_block_s)
    groups = groups_with_fresh(all_blocks(pool.lines), size) if size >= MIN_BLOCKS else []
    if not groups:
        return None
    gates = metrics.choose_metrics("warm")
    if pool.name.startswith(HTTP):
        gates = process_luck.with_luck(gates)
    answers: list[Answer] = []
    for group in groups:
        answers += replay_all_orders(by_metric(group), gates, size)
    return Replayed(size, len(groups), answers)


def _replay_row(pool: Pool, budget_s: int) -> tuple[str, ...] | None:
    replayed = replay_pool(pool, budget_s)
    if replayed is None:
        return None
    answers = replayed.answers
    return (
        f"{pool.name}, {budget_s} s",
        str(replayed.size),
        str(replayed.groups),
        str(len(answers)),
        proportion([answer.has_failed for answer in answers], 1),
        proportion([answer.has_passed for answer in answers]),
        _median([answer.blocks for answer in answers]),
        _passes_of_gates(answers),
    )


def _passes_of_gates(answers: Sequence[Answer]) -> str:
    counts: dict[str, int] = {}
    for answer in answers:
        for label, outcome in answer.outcomes.items():
            counts[label] = counts.get(label, 0) + (outcome == "PASS")
    return ", ".join(f"{label} {count}" for label, count in counts.items())


def all_blocks(lines: Iterable[Line]) -> list[dict[str, Block]]:
    """The blocks of all comparisons, in their order, with all metrics of each."""
    found: list[dict[str, Block]] = []
    for line in lines:
        found += blocks_of(unpack(line["measured"]))
    return found


def blocks_of(measured: Mapping[str, Sequence[Block]]) -> Iterator[dict[str, Block]]:
    """Block by block, all metrics."""
    for each in zip(*measured.values(), strict=True):
        yield dict(zip(measured, each, strict=True))

"""Which engines honest_engines.py measures, and what its log says of them: tables and replay."""

from __future__ import annotations

import base64
import itertools
import json
import lzma
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from gate_replay import Answer, by_metric, groups_with_fresh, replay_all_orders
from gate_table import blocks_of
from tables import proportion, to_table

from pytest_ttsperf.judge.statistics.t_rule import MIN_BLOCKS
from pytest_ttsperf.records import Block, ComparedMetric, Outcome

Line = dict[str, Any]
RUN = "run"
COMPARISON = "comparison"
ALL_RUNS = 200
"""Of all engines together."""
LIVE_COMPARISONS = 40
PRICES = {
    "ttfb_ms", "ttfs_ms", "ttfa_sound_ms", "ttfa_ms", "rtf", "rtf_stream", "cpu_s_per_audio_s",
    "gap_p95_ms", "gap_max_ms", "underruns", "stall_ms", "longest_stall_ms", "rss_peak_mb",
}  # fmt: skip
"""Metrics of what the work costs; all others are of the work itself."""


@dataclass(frozen=True, slots=True)
class HonestEngine:
    """One that must not be accused; `trials` keep a run at a few seconds, `budget_s` a comparison.

    The default of 59 trials is cut where an engine needs more than a few seconds for them.
    """

    name: str
    target: str
    trials: int = 59
    budget_s: int | None = None
    """None for an engine that would take many minutes, and for a server, which has no revisions."""
    server: str | None = None
    """A module that prints the port which the target has a place for."""


LIGHT_BUDGET_S = 45
ENGINES = (
    HonestEngine("one chunk", "honest:OneChunk", budget_s=LIGHT_BUDGET_S),
    HonestEngine("fast", "honest:Fast", budget_s=LIGHT_BUDGET_S),
    HonestEngine("slow", "honest:Slow", trials=3),
    HonestEngine("lead-in", "honest:LeadIn", budget_s=LIGHT_BUDGET_S),
    HonestEngine("quiet", "honest:Quiet", budget_s=LIGHT_BUDGET_S),
    HonestEngine("breathing", "honest:Breathing", budget_s=LIGHT_BUDGET_S),
    HonestEngine("int16", "honest:Int16", budget_s=LIGHT_BUDGET_S),
    HonestEngine("caching", "honest:Caching", budget_s=LIGHT_BUDGET_S),
    HonestEngine("varying", "honest:Varying", budget_s=LIGHT_BUDGET_S),
    HonestEngine("44.1 kHz", "honest:CdRate", budget_s=LIGHT_BUDGET_S),
    HonestEngine("48 kHz", "honest:StudioRate", budget_s=LIGHT_BUDGET_S),
    HonestEngine("20 ms chunks", "honest:SmallChunks", budget_s=LIGHT_BUDGET_S),
    HonestEngine("sentences", "honest:Sentences", budget_s=LIGHT_BUDGET_S),
    HonestEngine("stereo", "http://127.0.0.1:{port}", server="tests.honest_engines.stereo"),
    HonestEngine("heart", "packages:heart", budget_s=75),
    HonestEngine("joe", "packages:joe", trials=20, budget_s=120),
    HonestEngine("kokoro", "packages:kokoro", trials=3),
    HonestEngine("hibari", "packages:hibari", trials=20, budget_s=120),
    HonestEngine("piper", "packages:piper", trials=10, budget_s=120),
)
COMPARED = tuple(engine for engine in ENGINES if engine.budget_s is not None)


# The log


def pack(measured: Mapping[str, Any]) -> str:
    """Blocks as JSON, compressed, as text."""
    return base64.b64encode(lzma.compress(json.dumps(measured).encode())).decode()


def unpack(packed: str) -> dict[str, Any]:
    """What `pack` was given."""
    measured: dict[str, Any] = json.loads(lzma.decompress(base64.b64decode(packed)))
    return measured


def read_lines(log: Path, kind: str) -> list[Line]:
    """The lines of a kind; none where there is no log yet."""
    if not log.exists():
        return []
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    return [line for line in lines if line["kind"] == kind]


def is_counted(line: Line) -> bool:
    """Whether a run has measured something, or a comparison was judged."""
    return "error" not in line and line.get("reason") is None


# Runs


def is_accused(line: Line) -> bool:
    """Whether a verdict says that the measurement is not to be believed."""
    for verdict in line["verdicts"]:
        if verdict["outcome"] == Outcome.INVALID:
            return True
        if verdict["gate"] == "trust" and verdict["outcome"] != Outcome.PASS:
            return True
    return False


def has_failed_limit(line: Line) -> bool:
    """Whether a limit was broken: none should be, as they are so wide."""
    return any(
        verdict["gate"] == "limit" and verdict["outcome"] == Outcome.FAIL
        for verdict in line["verdicts"]
    )


def accusers(lines: Sequence[Line]) -> str:
    """Who accused, and how often."""
    found = Counter(
        verdict["subject"]
        for line in lines
        for verdict in line["verdicts"]
        if verdict["gate"] == "trust"
    )
    return ", ".join(f"{name} {count}" for name, count in found.most_common()) or "-"


def run_table(log: Path, count: int) -> list[str]:
    """A row for each engine: its runs, and how many of them accused it; nothing without a run."""
    lines = read_lines(log, RUN)
    if not lines:
        return []
    rows = []
    for engine in ENGINES:
        of_engine = [line for line in lines if line["engine"] == engine.name]
        rows.append((engine.name, str(engine.trials), *_run_row(of_engine, count)))
    total = _run_row(lines, max(ALL_RUNS, count * len(ENGINES)))
    rows.append(("all", "", *total))
    heads = ("engine", "trials", "runs", "accused", "by", "limit failed", "nothing measured", "")
    return to_table(heads, rows)


def _run_row(lines: Sequence[Line], wanted: int) -> tuple[str, ...]:
    measured = [line for line in lines if is_counted(line)]
    return (
        str(len(measured)),
        proportion([is_accused(line) for line in measured], 1),
        accusers(measured),
        str(sum(has_failed_limit(line) for line in measured)),
        str(len(lines) - len(measured)),
        shortfall(len(measured), wanted),
    )


def shortfall(count: int, wanted: int) -> str:
    """What is missing; empty where nothing is."""
    return f"SHORT by {wanted - count}" if count < wanted else ""


# Comparisons


def is_work(gate: Line) -> bool:
    """Whether a compared figure is of the work, and not of what it costs."""
    return bool(gate.get("is_work")) or gate["metric"] not in PRICES


def failed_labels(line: Line, *, work: bool) -> list[str]:
    """The figures that FAIL: those of the work, or all others."""
    found = []
    for gate, change in zip(line["gates"], line["changes"], strict=line["reason"] is None):
        if change["outcome"] == Outcome.FAIL and is_work(gate) is work:
            found.append(gate["label"])
    return found


def is_falsely_different(line: Line) -> bool:
    """Whether the same code is said to do another work, or to be no fair comparison."""
    return bool(failed_labels(line, work=True)) or is_accused(line)


def comparison_table(log: Path, count: int) -> list[str]:
    """A row for each engine: comparisons with itself, and what they said; nothing without one."""
    lines = read_lines(log, COMPARISON)
    if not lines:
        return []
    rows = []
    for engine in COMPARED:
        of_engine = [line for line in lines if line["engine"] == engine.name]
        rows.append((engine.name, *_comparison_row(of_engine, count)))
    rows.append(("all", *_comparison_row(lines, max(LIVE_COMPARISONS, count * len(COMPARED)))))
    heads = (
        "compared with itself, live", "comparisons", "accused", "by", "FAIL of a time", "which",
        "all PASS", "blocks", "not judged", "",
    )  # fmt: skip
    return to_table(heads, rows)


def _comparison_row(lines: Sequence[Line], wanted: int) -> tuple[str, ...]:
    judged = [line for line in lines if is_counted(line)]
    work = [failed_labels(line, work=True) for line in judged]
    times = [failed_labels(line, work=False) for line in judged]
    blocks = "-"
    if judged:
        blocks = f"{median(line['blocks'] for line in judged):.0f}"
    return (
        str(len(judged)),
        proportion([is_falsely_different(line) for line in judged], 1),
        _count_labels(work),
        proportion([bool(labels) for labels in times], 1),
        _count_labels(times),
        str(sum(map(_is_all_pass, judged))),
        blocks,
        str(len(lines) - len(judged)),
        shortfall(len(judged), wanted),
    )


def _count_labels(found: Sequence[Sequence[str]]) -> str:
    counts: Counter[str] = Counter()
    for labels in found:
        counts.update(labels)
    return ", ".join(f"{name} {count}" for name, count in counts.most_common()) or "-"


def _is_all_pass(line: Line) -> bool:
    return all(change["outcome"] == Outcome.PASS for change in line["changes"])


# Replay


def replay_table(log: Path) -> list[str]:
    """A row for each engine: its stored blocks in groups, with the arms in all roles."""
    lines = [line for line in read_lines(log, COMPARISON) if is_counted(line)]
    rows = []
    every: list[list[Answer]] = []
    for engine in COMPARED:
        of_engine = [line for line in lines if line["engine"] == engine.name]
        if not of_engine:
            continue
        gates = _replayed_gates(of_engine)
        groups = list(replay(of_engine, gates))
        every += groups
        rows.append((engine.name, *_replay_row(groups, gates)))
    gates = _replayed_gates(lines)
    rows.append(("all", *_replay_row(every, gates)))
    heads = (
        f"REPLAYED, groups of {MIN_BLOCKS} blocks", "groups", "arms in all roles", "accused",
        "by", "FAIL of a time", "which",
    )  # fmt: skip
    return to_table(heads, rows)


def _replayed_gates(lines: Sequence[Line]) -> dict[str, Line]:
    """By label, those that all of these lines have with their blocks."""
    found: dict[str, Line] = {}
    for line in lines:
        for gate in line["gates"]:
            found.setdefault(gate["label"], gate)
    for line in lines:
        labels = {gate["label"] for gate in line["gates"]}
        metrics = set(unpack(line["measured"]))
        for label in list(found):
            if label not in labels or found[label]["metric"] not in metrics:
                del found[label]
    return found


def replay(lines: Sequence[Line], gates: Mapping[str, Line]) -> Iterator[list[Answer]]:
    """The answers to disjoint groups of the blocks, each judged with the arms in all roles.

    What follows a group is there to confirm a FAIL.
    """
    compared = [msgspec.convert(gate, ComparedMetric) for gate in gates.values()]
    for blocks_of_shape in _blocks_by_arms(lines, compared).values():
        for group in groups_with_fresh(blocks_of_shape, MIN_BLOCKS):
            yield replay_all_orders(by_metric(group), compared, MIN_BLOCKS)


def _blocks_by_arms(
    lines: Sequence[Line],
    compared: Sequence[ComparedMetric],
) -> dict[int, list[dict[str, Block]]]:
    """The blocks with the metrics of these gates, by how many processes they had."""
    found: dict[int, list[dict[str, Block]]] = {}
    for line in lines:
        stored = unpack(line["measured"])
        measured = {}
        for gate in compared:
            measured[gate.metric] = msgspec.convert(stored[gate.metric], list[Block])
        for blocks in blocks_of(measured):
            arms = len(blocks[compared[0].metric].metric.array())
            found.setdefault(arms, []).append(blocks)
    return found


def _replay_row(groups: Sequence[Sequence[Answer]], gates: Mapping[str, Line]) -> list[str]:
    answers = list(itertools.chain(*groups))
    row = [str(len(groups)), str(len(answers))]
    for work in (True, False):
        labels = [label for label, gate in gates.items() if is_work(gate) is work]
        failed = [_failed_of(answer.outcomes, labels) for answer in answers]
        row.append(proportion([bool(each) for each in failed], 1))
        row.append(_count_labels(failed))
    return row


def _failed_of(answer: Mapping[str, Outcome], labels: Sequence[str]) -> list[str]:
    return [label for label in labels if answer.get(label) is Outcome.FAIL]

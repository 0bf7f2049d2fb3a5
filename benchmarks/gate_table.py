"""What gate_quality.py asks of the gate, and what the log of its answers says: table and replay."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from scipy.stats import binomtest

from pytest_ttsperf.compare import decision, metrics
from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.records import Arms, Block, ChangeVerdict, ComparedMetric, Look, Outcome

OTHERS = {"mean:10%": "pytest-benchmark mean:10%", "min:5%": "pytest-benchmark min:5%"}
ARMS = ("baseline", "control", "candidate")
GATES = ("ttfa p50", "ttfa p95", "rtf p50")
STAGE = "vocode"  # where gate_target.py spends the time
ENDED_EARLY = 0.8  # of the budget: the early look is at .6 of it


@dataclass(frozen=True, slots=True)
class Case:
    """A change of one figure, in percent of its median; `one_in`: in one trial of so many."""

    name: str
    figure: str = "ttfa p50"
    percent: float = 0.0
    budget_s: int = 60
    one_in: int = 1
    busy: bool = False
    wanted: str = ""


CASES = (
    Case("unchanged 60 s", wanted="false FAIL <= 1 %, PASS >= 70 %"),
    Case("unchanged 60 s, one core busy", busy=True, wanted="false FAIL <= 1 %"),
    Case("unchanged 180 s", budget_s=180, wanted="PASS >= 95 %"),
    Case("ttfa +5 % 60 s", percent=5, wanted="FAIL >= 80 %"),
    Case("rtf +5 % 60 s", "rtf p50", percent=5, wanted="FAIL >= 80 %"),
    Case("ttfa +5 % 180 s", percent=5, budget_s=180, wanted="FAIL >= 95 %"),
    Case("rtf +5 % 180 s", "rtf p50", percent=5, budget_s=180, wanted="FAIL >= 95 %"),
    Case("ttfa +10 % 60 s", percent=10, wanted="FAIL >= 95 %"),
    Case("rtf +10 % 60 s", "rtf p50", percent=10, wanted="FAIL >= 95 %"),
    Case("ttfa p95 +30 % in one of ten, 180 s", "ttfa p95", 30, 180, 10, wanted="FAIL >= 80 %"),
    Case("ttfa -10 % 60 s", percent=-10, wanted="improvement, never FAIL"),
)
QUICK = (Case("unchanged, quick"), Case("ttfa +40 %, quick", percent=40))


# The table


def table(log: Path) -> str:
    """What the log says of each case: of the gate, then of pytest-benchmark beside it.

    Every comparison is judged once more from the blocks that it measured, by the judge as it is
    now; how often that says something else than was said then stands below.
    """
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    found = [(case, [line for line in lines if line["case"] == case.name]) for case in CASES]
    judgements = [(case, [(line, again(case, line)) for line in own]) for case, own in found if own]
    gates = [
        (one.outcome.value, line["gates"][label]["outcome"])
        for _, own in judgements
        for line, changes in own
        for label, one in changes.items()
    ]
    beside = [
        (case.name, *(proportion([each[name] for each in others]) for name in OTHERS.values()))
        for case, own in found
        if (others := [line["others"] for line in own if line["others"]])
    ]
    heads = ("case", "FAIL", "PASS", f"PASS of {', '.join(GATES)}", "improved", "right stage",
             "blocks", "wanted")  # fmt: skip
    return "\n".join(
        [
            *_table(heads, [_gate_row(case, own) for case, own in judgements]),
            "",
            f"{sum(now != then for now, then in gates)} of {len(gates)} gates are judged otherwise "
            "than when they were measured.",
            "",
            *_table(("called slower", *OTHERS), beside),
        ]
    )


def again(case: Case, line: Mapping[str, Any]) -> dict[str, ChangeVerdict]:
    """What the judge says now, by gate; at the early look where the comparison ended there.

    Empty where nothing could be judged.
    """
    if not line["gates"]:
        return {}
    gates = metrics.choose_metrics("warm")
    look: Look = "early" if line["compared_s"] < ENDED_EARLY * case.budget_s else "end"
    blocks = {
        metric: msgspec.convert(each, list[Block]) for metric, each in line["measured"].items()
    }
    return dict(zip([gate.label for gate in gates], told(blocks, gates, look), strict=True))


def _gate_row(
    case: Case, own: Sequence[tuple[Mapping[str, Any], Mapping[str, ChangeVerdict]]]
) -> tuple[str, ...]:
    """FAIL: of any gate on code that is no slower, else of the one whose figure was slowed."""
    outcomes = [{label: one.outcome for label, one in changes.items()} for _, changes in own]
    slowed = [
        (line["gates"][case.figure]["stage"], changes[case.figure])
        for line, changes in own
        if changes
    ]
    watched = GATES if case.percent <= 0 else (case.figure,)
    counts = (sum(each.get(gate) is Outcome.PASS for each in outcomes) for gate in GATES)
    return (
        case.name,
        proportion([any(each.get(gate) is Outcome.FAIL for gate in watched) for each in outcomes]),
        proportion([all(each.get(gate) is Outcome.PASS for gate in GATES) for each in outcomes]),
        ", ".join(map(str, counts)),
        proportion([one.improved for _, one in slowed]),
        proportion(
            [
                stage == STAGE
                for stage, one in slowed
                if case.percent and (one.outcome is Outcome.FAIL or one.improved)
            ]
        ),
        f"{median(line['blocks'] for line, _ in own):.0f}",
        case.wanted,
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows)]


def proportion(values: Sequence[bool], digits: int = 0) -> str:
    """`3/40, 8 % (3 % to 20 %)`, the interval by Wilson; `digits` behind the point."""
    if not values:
        return "-"
    result = binomtest(sum(values), len(values))
    share = sum(values) / len(values)
    low, high = result.proportion_ci(method="wilson")
    percent, low_percent, high_percent = (f"{100 * x:.{digits}f} %" for x in (share, low, high))
    return f"{sum(values)}/{len(values)}, {percent} ({low_percent} to {high_percent})"


# Replay


def replay(log: Path) -> Iterator[str]:
    """A row for the quiet and one for the busy machine, of a minute each, and three quiet ones."""
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    gates = metrics.choose_metrics("warm")
    unchanged = [case for case in CASES if case.percent == 0]
    yield "| unchanged code, replayed | groups | each arm as new | false FAIL | PASS |"
    yield "|---" * 5 + "|"
    for busy, minutes in ((False, 1), (True, 1), (False, 3)):
        names = {case.name for case in unchanged if case.busy is busy}
        own = [line for line in lines if line["case"] in names and line["measured"]]
        if not own:
            continue
        size = round(minutes * median(_blocks_in_a_minute(line) for line in own))
        every = [block for line in own for block in blocks_of(line["measured"])]
        groups = [every[at : at + size] for at in range(0, len(every) - size + 1, size)]
        outcomes = [judged(turned(group, new), gates) for group in groups for new in ARMS]
        yield (
            f"| {60 * minutes} s{', one core busy' if busy else ''}, {size} blocks | "
            f"{len(groups)} | {len(outcomes)} | "
            f"{proportion([Outcome.FAIL in each for each in outcomes])} | "
            f"{proportion([set(each) == {Outcome.PASS} for each in outcomes])} |"
        )


def _blocks_in_a_minute(line: Mapping[str, Any]) -> float:
    return 60.0 * float(line["blocks"]) / float(line["compared_s"])


def blocks_of(measured: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Block]]:
    """Block by block, all metrics."""
    decoded = {metric: msgspec.convert(blocks, list[Block]) for metric, blocks in measured.items()}
    for each in zip(*decoded.values(), strict=True):
        yield dict(zip(decoded, each, strict=True))


def turned(group: Sequence[Mapping[str, Block]], new: str) -> dict[str, list[Block]]:
    """The blocks of a group by metric, with one of the arms in the place of the new code."""
    places = (*(arm for arm in ARMS if arm != new), new)
    return {
        metric: [
            Block(
                metric=Arms(
                    baseline=getattr(block[metric].metric, places[0]),
                    control=getattr(block[metric].metric, places[1]),
                    candidate=getattr(block[metric].metric, places[2]),
                )
            )
            for block in group
        ]
        for metric in group[0]
    }


def judged(blocks: Mapping[str, Sequence[Block]], gates: Sequence[ComparedMetric]) -> list[Outcome]:
    """What the shipped judge says of each gate, at the early look if all is decided there."""
    count = len(next(iter(blocks.values())))
    early = t_rule.plan_blocks(count, 1.0).early_at
    looks: list[tuple[Look, int]] = [] if early is None else [("early", early)]
    outcomes: list[Outcome] = []
    looks.append(("end", count))
    for look, seen in looks:
        some = {metric: each[:seen] for metric, each in blocks.items()}
        outcomes = [one.outcome for one in told(some, gates, look)]
        if Outcome.INCONCLUSIVE not in outcomes:
            break
    return outcomes


def told(
    blocks: Mapping[str, Sequence[Block]], gates: Sequence[ComparedMetric], look: Look
) -> tuple[ChangeVerdict, ...]:
    """What the shipped judge says of each gate at one look."""
    return decision.void_by_control(
        [decision.decide(blocks[gate.metric], gate, look) for gate in gates]
    )

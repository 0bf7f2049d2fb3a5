"""What gate_quality.py asks of the gate, and what the log of its answers says: table and replay."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, TypeVar

import msgspec
from scipy.stats import binomtest

from pytest_ttsperf.compare import decision, metrics
from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.records import Arms, Block, ChangeVerdict, ComparedMetric, Look, Outcome

T = TypeVar("T")
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


class Judgement(NamedTuple):
    """A comparison of the log, and what the judge says of it now, by gate."""

    line: Mapping[str, Any]
    verdicts: Mapping[str, ChangeVerdict]

    def outcome(self, gate: str) -> Outcome | None:
        """None where it could not be judged."""
        return self.verdicts[gate].outcome if gate in self.verdicts else None


HEADS = ("case", "FAIL", "PASS", f"PASS of {', '.join(GATES)}", "improved", "right stage",
         "blocks", "wanted")  # fmt: skip


def table(log: Path) -> str:
    """What the log says of each case: of the gate, then of pytest-benchmark beside it.

    Every comparison is judged once more from the blocks that it measured, by the judge as it is
    now; how often that says something else than was said then stands below.
    """
    by_case = lines_by_case(log)
    judgements: dict[Case, list[Judgement]] = {}
    for case, lines in by_case.items():
        judgements[case] = [Judgement(line, judge_again(case, line)) for line in lines]
    all_judgements = list(itertools.chain(*judgements.values()))
    gates = sum(len(judgement.verdicts) for judgement in all_judgements)
    return "\n".join(
        [
            *_table(HEADS, list(itertools.starmap(_gate_row, judgements.items()))),
            "",
            f"{sum(map(_changed_gates, all_judgements))} of {gates} gates are judged otherwise "
            "than when they were measured.",
            "",
            *_table(("called slower", *OTHERS), _benchmark_rows(by_case)),
        ]
    )


def lines_by_case(log: Path) -> dict[Case, list[Mapping[str, Any]]]:
    """What the log has of each case, in the order of CASES; cases without a line are left out."""
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    found: dict[Case, list[Mapping[str, Any]]] = {}
    for case in CASES:
        of_case = [line for line in lines if line["case"] == case.name]
        if of_case:
            found[case] = of_case
    return found


def judge_again(case: Case, line: Mapping[str, Any]) -> dict[str, ChangeVerdict]:
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
    verdicts = judge_at(blocks, gates, look)
    return dict(zip([gate.label for gate in gates], verdicts, strict=True))


def _changed_gates(judgement: Judgement) -> int:
    """How many gates are judged otherwise now."""
    stored = judgement.line["gates"]
    return sum(
        verdict.outcome.value != stored[label]["outcome"]
        for label, verdict in judgement.verdicts.items()
    )


def _gate_row(case: Case, judgements: Sequence[Judgement]) -> tuple[str, ...]:
    """FAIL: of any gate on code that is no slower, else of the one whose figure was slowed."""
    watched = GATES if case.percent <= 0 else (case.figure,)
    return (
        case.name,
        proportion([_has_failed(each, watched) for each in judgements]),
        proportion([_has_passed(each) for each in judgements]),
        ", ".join(str(_count_passes(judgements, gate)) for gate in GATES),
        proportion(_improvements(case, judgements)),
        proportion(_right_stages(case, judgements)),
        f"{median(each.line['blocks'] for each in judgements):.0f}",
        case.wanted,
    )


def _improvements(case: Case, judgements: Sequence[Judgement]) -> list[bool]:
    """Of each comparison that could be judged: whether the figure improved."""
    return [each.verdicts[case.figure].improved for each in judgements if each.verdicts]


def _has_failed(judgement: Judgement, gates: Sequence[str]) -> bool:
    return any(judgement.outcome(gate) is Outcome.FAIL for gate in gates)


def _has_passed(judgement: Judgement) -> bool:
    return all(judgement.outcome(gate) is Outcome.PASS for gate in GATES)


def _count_passes(judgements: Sequence[Judgement], gate: str) -> int:
    return sum(judgement.outcome(gate) is Outcome.PASS for judgement in judgements)


def _right_stages(case: Case, judgements: Sequence[Judgement]) -> list[bool]:
    """Of each change that was seen: whether it was put down to the stage that was slowed."""
    right: list[bool] = []
    if not case.percent:
        return right
    for judgement in judgements:
        change = judgement.verdicts.get(case.figure)
        if change is not None and (change.outcome is Outcome.FAIL or change.improved):
            right.append(judgement.line["gates"][case.figure]["stage"] == STAGE)
    return right


def _benchmark_rows(
    by_case: Mapping[Case, Sequence[Mapping[str, Any]]],
) -> list[tuple[str, ...]]:
    """How often pytest-benchmark called it slower, by each of its rules; where it was asked."""
    rows: list[tuple[str, ...]] = []
    for case, lines in by_case.items():
        others = [line["others"] for line in lines if line["others"]]
        if others:
            rows.append((case.name, *(_share_of(name, others) for name in OTHERS.values())))
    return rows


def _share_of(name: str, answers: Sequence[Mapping[str, bool]]) -> str:
    """How many of these say yes by that name."""
    return proportion([answer[name] for answer in answers])


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
    yield "| unchanged code, replayed | groups | each arm as new | false FAIL | PASS |"
    yield "|---" * 5 + "|"
    for busy, minutes in ((False, 1), (True, 1), (False, 3)):
        found = unchanged_lines(lines, busy=busy)
        if found:
            yield _replay_row(found, minutes, busy=busy)


def unchanged_lines(
    lines: Iterable[Mapping[str, Any]], *, busy: bool = False
) -> list[Mapping[str, Any]]:
    """The comparisons of unchanged code that measured something, quiet or with a busy core."""
    names = {case.name for case in CASES if case.percent == 0 and case.busy is busy}
    return [line for line in lines if line["case"] in names and line["measured"]]


def _replay_row(lines: Sequence[Mapping[str, Any]], minutes: int, *, busy: bool) -> str:
    """Disjoint groups, as long as so many minutes; each arm is the new code in turn."""
    size = round(minutes * median(_blocks_in_a_minute(line) for line in lines))
    groups = disjoint_groups(all_blocks(lines), size)
    gates = metrics.choose_metrics("warm")
    outcomes = [judge(turn_arms(group, new), gates) for group in groups for new in ARMS]
    return (
        f"| {60 * minutes} s{', one core busy' if busy else ''}, {size} blocks | "
        f"{len(groups)} | {len(outcomes)} | "
        f"{proportion([Outcome.FAIL in each for each in outcomes])} | "
        f"{proportion([set(each) == {Outcome.PASS} for each in outcomes])} |"
    )


def _blocks_in_a_minute(line: Mapping[str, Any]) -> float:
    return 60.0 * float(line["blocks"]) / float(line["compared_s"])


def disjoint_groups(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """So many at a time, in their order; the last few that fill no group are left out."""
    return [items[at : at + size] for at in range(0, len(items) - size + 1, size)]


def all_blocks(lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Block]]:
    """The blocks of all comparisons, in their order, with all metrics of each."""
    return [block for line in lines for block in blocks_of(line["measured"])]


def blocks_of(measured: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Block]]:
    """Block by block, all metrics."""
    decoded = {metric: msgspec.convert(blocks, list[Block]) for metric, blocks in measured.items()}
    for each in zip(*decoded.values(), strict=True):
        yield dict(zip(decoded, each, strict=True))


def turn_arms(group: Sequence[Mapping[str, Block]], new: str) -> dict[str, list[Block]]:
    """The blocks of a group by metric, with one of the arms in the place of the candidate."""
    names = (*(arm for arm in ARMS if arm != new), new)
    turned: dict[str, list[Block]] = {}
    for metric in group[0]:
        turned[metric] = [_with_arms(block[metric].metric, *names) for block in group]
    return turned


def _with_arms(arms: Arms, baseline: str, control: str, candidate: str) -> Block:
    """The arms of those names, in these places."""
    return Block(
        metric=Arms(
            baseline=getattr(arms, baseline),
            control=getattr(arms, control),
            candidate=getattr(arms, candidate),
        )
    )


def judge(blocks: Mapping[str, Sequence[Block]], gates: Sequence[ComparedMetric]) -> list[Outcome]:
    """What the shipped judge says of each gate, at the early look if all is decided there."""
    count = len(next(iter(blocks.values())))
    early = t_rule.plan_blocks(count, 1.0).early_at
    looks: list[tuple[Look, int]] = [] if early is None else [("early", early)]
    outcomes: list[Outcome] = []
    looks.append(("end", count))
    for look, seen in looks:
        some = {metric: each[:seen] for metric, each in blocks.items()}
        outcomes = [one.outcome for one in judge_at(some, gates, look)]
        if Outcome.INCONCLUSIVE not in outcomes:
            break
    return outcomes


def judge_at(
    blocks: Mapping[str, Sequence[Block]], gates: Sequence[ComparedMetric], look: Look
) -> tuple[ChangeVerdict, ...]:
    """What the shipped judge says of each gate at one look."""
    changes = [decision.decide(blocks[gate.metric], gate, look) for gate in gates]
    return decision.void_by_control(changes, gates)

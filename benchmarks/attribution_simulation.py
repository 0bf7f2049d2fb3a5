"""How often the right stage is named for a change, the wrong one, or none.

    python benchmarks/attribution_simulation.py [--count 200] [--blocks 10] [--texts 38]
    python benchmarks/attribution_simulation.py --only renamed --only split
    python benchmarks/attribution_simulation.py --tree ../another-tree

Comparisons are simulated with noise as it was measured (docs/measurements/change-detection.md): a
trial scatters by 2 %, 2.8 of 100 are late by 15 to 50 % in one of their stages, and processes of
the same code differ by 0.7 %. The shipped attribution is asked about each, or that of `--tree`, a
checkout of another commit.

An answer is right when it names the stages that changed, and blames them with half to one and a
half of the change. Where nothing changed, the right answer names none.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from other_tree import run_in_tree

from pytest_ttsperf.judge.statistics.attribution import OUTSIDE, attribute
from pytest_ttsperf.records import Arms, Attribution, Block, BlockStatistic

Array = npt.NDArray[np.float64]
Stages = frozenset[str]

TYPICAL_MS = 70.0
SHARES = {
    "text": 0.05,
    "encode": 0.20,
    "align": 0.10,
    "decode": 0.25,
    "vocode": 0.35,
    OUTSIDE: 0.05,
}
"""Of the time, by stage."""
FIVE = ("text", "encode", "align", "decode", "vocode")
TWO = ("encode", "decode")

TRIAL, STAGE_OF_TRIAL = 0.014, 0.029
"""Standard deviations of logs: of a whole trial, and of each of its stages by itself; together a
trial scatters by 2 %."""
PROCESS, STAGE_OF_PROCESS = 0.005, 0.010
"""The same of a process; together processes differ by 0.7 %."""
BLOCK = 0.11
LENGTH = 0.15
"""Of the texts, up to their first sound."""
LATE_SHARE = 0.028
LATE_BY = (0.15, 0.50)
NAMES = ("baseline", "control", "candidate", "candidate_control")
ARMS = 4 if "candidate_control" in Arms.__struct_fields__ else 3
"""As many as the attribution of the tree compares."""
CANDIDATE = slice(2, ARMS)

NOTHING: Stages = frozenset()


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the candidate does otherwise, and what may be named for it."""

    name: str
    right: Sequence[Stages]
    slower: Mapping[str, float] = field(default_factory=dict)
    """Added to each stage, as a share of the whole time."""
    renamed: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By old name, which part of it the candidate reports under which names."""
    statistic: BlockStatistic = "p50"
    one_in: int = 1
    """Only one text in so many is slower."""


class Answers(NamedTuple):
    """Of one scenario, in comparisons; `blame` is what is named in parts of the change."""

    right: int
    wrong: int
    unsure: int
    blame: float | None


def each_alone(*stages: str) -> list[Stages]:
    """One of these, by itself."""
    return [frozenset({stage}) for stage in stages]


def together(*stages: str, fewest: int | None = None) -> list[Stages]:
    """All of these, or any so many of them."""
    sets: list[Stages] = []
    for size in range(fewest or len(stages), len(stages) + 1):
        sets += map(frozenset, itertools.combinations(stages, size))
    return sets


def spread(percent: float, *stages: str) -> dict[str, float]:
    """A change of the whole by so many percent, evenly over these stages."""
    return dict.fromkeys(stages, percent / 100 / len(stages))


RENAMED = {"vocode": {"synth": 1.0}}
SPLIT = {"vocode": {"synth": 0.6, "post": 0.4}}
PARTLY_SPLIT = {"vocode": {"vocode": 0.6, "post": 0.4}}
MERGED = {"encode": {"acoustic": 1.0}, "decode": {"acoustic": 1.0}}
SYNTH = each_alone("vocode -> synth", "synth")
ACOUSTIC = each_alone("decode, encode -> acoustic", "acoustic")
SPLIT_UP = [*each_alone("vocode -> post, synth"), *together("post", "synth")]
FOUR_OF_FIVE = together(*FIVE, fewest=4)
FASTER = {"vocode": 0.20, "decode": -0.10}
HARDLY_FASTER = {"vocode": 0.12, "decode": -0.02}

SCENARIOS = (
    Scenario("unchanged", [NOTHING]),
    Scenario("renamed, nothing slower", [NOTHING], renamed=RENAMED),
    Scenario("renamed, it is +8 %", SYNTH, spread(8, "vocode"), RENAMED),
    Scenario("renamed, another is +8 %", each_alone("decode"), spread(8, "decode"), RENAMED),
    Scenario("split into two new names, +8 %", SPLIT_UP, spread(8, "vocode"), SPLIT),
    Scenario(
        "split, one part has the old name, +8 %",
        together("vocode", "post"),
        spread(8, "vocode"),
        PARTLY_SPLIT,
    ),
    Scenario("two merged, +8 %", ACOUSTIC, spread(8, "encode"), MERGED),
    Scenario("a new stage, +8 %", each_alone("denoise"), spread(8, "denoise")),
    Scenario("one of five, +5 %", each_alone("decode"), spread(5, "decode")),
    Scenario("one of five, +10 %", each_alone("decode"), spread(10, "decode")),
    Scenario("one of five, -10 %", each_alone("decode"), spread(-10, "decode")),
    Scenario("outside the stages, +5 %", each_alone(OUTSIDE), spread(5, OUTSIDE)),
    Scenario("two of five, evenly, +5 %", together(*TWO), spread(5, *TWO)),
    Scenario("two of five, evenly, +10 %", together(*TWO), spread(10, *TWO)),
    Scenario("five, evenly, +5 %", FOUR_OF_FIVE, spread(5, *FIVE)),
    Scenario("five, evenly, +10 %", FOUR_OF_FIVE, spread(10, *FIVE)),
    Scenario("one +20 %, another -10 %", together("vocode", "decode"), FASTER),
    Scenario("one +12 %, another -2 %", each_alone("vocode"), HARDLY_FASTER),
    Scenario(
        "p95: one text in ten, one stage, +30 %",
        each_alone("decode"),
        spread(30, "decode"),
        statistic="p95",
        one_in=10,
    ),
    Scenario(
        "p95: one text in ten, five evenly, +30 %",
        FOUR_OF_FIVE,
        spread(30, *FIVE),
        statistic="p95",
        one_in=10,
    ),
)


# Simulation


def simulate_blocks(
    rng: np.random.Generator,
    scenario: Scenario,
    *,
    blocks: int = 10,
    texts: int = 38,
) -> list[Block]:
    """The blocks of one comparison, in which the times are those of the metric as well."""
    return [simulate_block(rng, scenario, texts) for _ in range(blocks)]


def simulate_block(rng: np.random.Generator, scenario: Scenario, texts: int) -> Block:
    """A process for each arm, which all say the same texts."""
    by_stage = _usual_times(rng, texts)
    lengths = np.exp(rng.normal(0, LENGTH, texts))
    by_stage = {stage: times * lengths for stage, times in by_stage.items()}
    is_slower = rng.random(texts) < 1 / scenario.one_in
    for stage, share in scenario.slower.items():
        times = by_stage.setdefault(stage, np.zeros((ARMS, texts)))
        times[CANDIDATE] += TYPICAL_MS * share * lengths * is_slower
    elapsed = np.sum(list(by_stage.values()), axis=0)
    del by_stage[OUTSIDE]
    reported = _rename(by_stage, scenario.renamed)
    return Block(
        metric=_arms(elapsed),
        elapsed_ms=_arms(elapsed),
        stages_ms={stage: _arms(times) for stage, times in reported.items()},
    )


def _usual_times(rng: np.random.Generator, texts: int) -> dict[str, Array]:
    """[arms, texts] of unchanged code in ms by stage, for texts of the usual length."""
    common = (
        rng.normal(0, BLOCK)
        + rng.normal(0, PROCESS, (ARMS, 1))
        + rng.normal(0, TRIAL, (ARMS, texts))
    )
    by_stage = {}
    for stage, share in SHARES.items():
        of_process = rng.normal(0, STAGE_OF_PROCESS, (ARMS, 1))
        of_trial = rng.normal(0, STAGE_OF_TRIAL, (ARMS, texts))
        by_stage[stage] = TYPICAL_MS * share * np.exp(common + of_process + of_trial)
    is_late = rng.random((ARMS, texts)) < LATE_SHARE
    delay = TYPICAL_MS * rng.uniform(*LATE_BY, (ARMS, texts)) * is_late
    # What holds a trial up happens in the stage that is at work just then.
    late_stage = rng.choice(list(SHARES), size=(ARMS, texts), p=list(SHARES.values()))
    for stage, times in by_stage.items():
        times += delay * (late_stage == stage)
    return by_stage


def _rename(
    by_stage: Mapping[str, Array], renamed: Mapping[str, Mapping[str, float]]
) -> dict[str, Array]:
    """The same with the candidate's names; 0 where an arm does not report a stage."""
    reported = {stage: times.copy() for stage, times in by_stage.items()}
    for stage, names in renamed.items():
        reported[stage][CANDIDATE] = 0.0
        for name, share in names.items():
            times = reported.setdefault(name, np.zeros_like(by_stage[stage]))
            times[CANDIDATE] += share * by_stage[stage][CANDIDATE]
    return reported


def _arms(times: Array) -> Arms:
    rows = map(tuple, times.tolist())
    return Arms(**dict(zip(NAMES, rows, strict=False)))


# Answers


def named_stages(attribution: Attribution) -> Stages:
    """What explains the change; earlier versions named one stage at most."""
    explained: Any = attribution.explained_by
    if isinstance(explained, str):
        return frozenset({explained})
    return frozenset(explained or ())


def blame(attribution: Attribution) -> float:
    """The change of what is named, in parts of the whole change."""
    named = named_stages(attribution)
    blamed_ms = sum(row.ms for row in attribution.stages if row.stage in named)
    return blamed_ms / attribution.total_ms


def is_right(attribution: Attribution, scenario: Scenario) -> bool:
    """Whether the right stages are named, and blamed with about the whole change."""
    named = named_stages(attribution)
    if named not in scenario.right:
        return False
    return not named or 0.5 <= blame(attribution) <= 1.5


def count_answers(scenario: Scenario, *, count: int, blocks: int, texts: int) -> Answers:
    """What is said of so many comparisons, always the same ones."""
    rng = np.random.default_rng(17)
    right = unsure = 0
    blames = []
    for _ in range(count):
        simulated = simulate_blocks(rng, scenario, blocks=blocks, texts=texts)
        found = attribute(simulated, scenario.statistic)
        assert found is not None
        has_named = bool(named_stages(found))
        right += is_right(found, scenario)
        unsure += not has_named
        if has_named:
            blames.append(blame(found))
    if NOTHING in scenario.right:
        unsure = 0
    return Answers(
        right=right,
        wrong=count - right - unsure,
        unsure=unsure,
        blame=median(blames) if blames else None,
    )


def table(scenarios: Sequence[Scenario], *, count: int, blocks: int, texts: int) -> Iterator[str]:
    """A row for each scenario, in percent of the comparisons."""
    yield "| change | right | wrong | not sure | blamed with, of the change |"
    yield "|---" * 5 + "|"
    for scenario in scenarios:
        answers = count_answers(scenario, count=count, blocks=blocks, texts=texts)
        percents = [100 * each / count for each in answers[:3]]
        cells = [f"{percent:.3g} %" for percent in percents]
        blamed = "-" if answers.blame is None else f"{answers.blame:.2f}"
        yield f"| {scenario.name} | {' | '.join(cells)} | {blamed} |"


def choose_scenarios(words: Sequence[str]) -> list[Scenario]:
    """Those whose name has one of these words in it."""
    chosen = []
    for scenario in SCENARIOS:
        if any(word in scenario.name for word in words):
            chosen.append(scenario)
    return chosen


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=200, help="comparisons of each scenario")
    parser.add_argument("--blocks", type=int, default=10)
    parser.add_argument("--texts", type=int, default=38, help="in each block")
    parser.add_argument("--only", action="append", metavar="WORDS", help="in a scenario's name")
    parser.add_argument("--tree", type=Path, help="checkout whose attribution is used instead")
    options = parser.parse_args()
    if options.tree is not None:
        return run_in_tree(options.tree)
    sizes = {"count": options.count, "blocks": options.blocks, "texts": options.texts}
    words = options.only or [""]
    for row in table(choose_scenarios(words), **sizes):
        print(row, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

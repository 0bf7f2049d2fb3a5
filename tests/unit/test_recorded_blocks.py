"""The shipped judge over recorded blocks of real engines: right, soon, and no weaker than it was.

All arms of a recorded block ran the same code, so what is slower there has been put into the
numbers. Groups of blocks are drawn with a fixed seed and judged with the arms in all roles: replay,
no experiments of their own. Each bound is proved to hold the rule: with a weaker one it breaks.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from pytest_ttsperf.compare import looks, metrics
from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.records import ComparedMetric, Outcome

pytestmark = pytest.mark.uncovered
ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "tests" / "recorded_blocks").glob("*.xz"))
BENCHMARKS = ROOT / "benchmarks"
CAMPAIGN = BENCHMARKS / "logs" / "gate-quality.jsonl.xz"
MOST_BYTES = 20_000_000
METRICS = ("ttfa_sound_ms", "rtf")
FEWEST_OF_A_FAIL = 5
"""Blocks: three for the first look, and two fresh ones."""
P50, P95, RTF = "ttfa p50", "ttfa p95", "rtf p50"
Numbers = dict[str, list[npt.NDArray[np.float64]]]
"""[arms, texts] of each block, by metric."""


class Budget(NamedTuple):
    """As blocks of so many texts, as the default voice has them."""

    blocks: int
    texts: int

    @property
    def with_fresh(self) -> int:
        """As many blocks as a comparison takes at the most."""
        return self.blocks + max(looks.FEWEST_FRESH, self.blocks // 2 + 1)


HALF_A_MINUTE, MINUTE, THREE_MINUTES = Budget(6, 27), Budget(11, 27), Budget(35, 27)


class Replayer:
    """A recorded set, and the judge over it."""

    def __init__(self, recorded: Sequence[Any], gate_replay: Any) -> None:
        self.recorded = recorded
        self._gate_replay = gate_replay

    def draw(self, budget: Budget, groups: int, seed: int = 1) -> list[Numbers]:
        """The numbers of groups of different blocks."""
        size = min(budget.with_fresh, len(self.recorded))
        drawn = self._gate_replay.draw_groups(self.recorded, size, groups, seed)
        return [
            self._gate_replay.numbers_of(group, METRICS, budget.texts, seed=number)
            for number, group in enumerate(drawn)
        ]

    def answer(
        self,
        numbers: Numbers,
        budget: Budget,
        order: Sequence[int],
        gates: Sequence[ComparedMetric],
    ) -> Any:
        """What the judge says with the arms in these roles."""
        blocks = self._gate_replay.to_blocks(numbers, order)
        return self._gate_replay.judge(blocks, gates, budget.blocks)

    @property
    def orders(self) -> Sequence[Sequence[int]]:
        """All roles of four arms."""
        orders: Sequence[Sequence[int]] = self._gate_replay.ORDERS[4]
        return orders


@pytest.fixture(scope="module")
def modules() -> Iterator[dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        names = ("block_packing", "gate_replay", "gate_table", "record_blocks")
        yield {name: importlib.import_module(name) for name in names}


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.stem)
def replayer(request: pytest.FixtureRequest, modules: dict[str, Any]) -> Replayer:
    recording = modules["block_packing"].read_file(request.param)
    return Replayer(recording.blocks, modules["gate_replay"])


def gates() -> tuple[ComparedMetric, ...]:
    """Those of a test by default, as they are just now."""
    return metrics.choose_metrics("warm")


def slower(numbers: Numbers, share: float, order: Sequence[int]) -> Numbers:
    """The arms that play the candidate take so much longer."""
    factors = np.ones((4, 1))
    factors[list(order[2:])] = 1 + share
    return {metric: [arms * factors for arms in each] for metric, each in numbers.items()}


def answers(
    replayer: Replayer, budget: Budget, groups: int, *, share: float = 0.0, seed: int = 1
) -> list[Any]:
    """Of groups in all roles, with the candidate slower by a share."""
    found = []
    gates_now = gates()
    for numbers in replayer.draw(budget, groups, seed):
        for order in replayer.orders:
            changed = slower(numbers, share, order) if share else numbers
            found.append(replayer.answer(changed, budget, order, gates_now))
    return found


def share_of(found: Sequence[Any], label: str, outcome: Outcome) -> float:
    return sum(answer.outcomes[label] is outcome for answer in found) / len(found)


def median_blocks(found: Sequence[Any], label: str) -> float:
    return median(answer.verdicts[label].blocks for answer in found)


# What holds the rule


def check_same_code(replayer: Replayer) -> None:
    """Never red, mostly green, and soon."""
    half = answers(replayer, HALF_A_MINUTE, 100)
    minute = answers(replayer, MINUTE, 50)
    three = answers(replayer, THREE_MINUTES, 20)
    found = [*half, *minute, *three]
    assert len(found) >= 1000
    assert [answer.outcomes for answer in found if answer.has_failed] == []
    for label in (P50, RTF):
        assert share_of(half, label, Outcome.PASS) >= 0.95
        assert median_blocks(minute, label) <= 5
    assert sum(answer.has_passed for answer in minute) >= 0.85 * len(minute)
    assert sum(answer.has_passed for answer in three) >= 0.97 * len(three)


def check_five_percent(replayer: Replayer) -> None:
    """Found, soon, and each time confirmed by fresh blocks."""
    found = answers(replayer, THREE_MINUTES, 3, share=0.05)
    assert share_of(found, P50, Outcome.FAIL) == 1.0
    assert share_of(found, RTF, Outcome.FAIL) == 1.0
    assert share_of(found, P95, Outcome.FAIL) >= 0.90
    assert median_blocks(found, P50) <= 8
    for answer in found:
        for verdict in answer.verdicts.values():
            if verdict.outcome is Outcome.FAIL:
                assert verdict.confirmed
                assert verdict.blocks >= FEWEST_OF_A_FAIL


def check_at_the_margin(replayer: Replayer) -> None:
    """What is slower by just as much as counts is rarely called as good as before."""
    for budget, groups in ((HALF_A_MINUTE, 15), (MINUTE, 8)):
        found = answers(replayer, budget, groups, share=0.03, seed=2)
        for label in (P50, P95, RTF):
            assert share_of(found, label, Outcome.PASS) <= 0.15


def check_slow_lives_at_the_end(replayer: Replayer) -> None:
    """With so few blocks that there is no look but the last."""
    check_slow_lives(replayer, HALF_A_MINUTE, 100)


def check_slow_lives_at_every_look(replayer: Replayer) -> None:
    """With a look after every block from the third."""
    check_slow_lives(replayer, MINUTE, 80)


def check_slow_lives(replayer: Replayer, budget: Budget, groups: int) -> None:
    """Processes of which half are slower by 30 % as long as they live are no slow-down.

    So much scatter leaves nothing but the levels and the confirmation between a test and red.
    """
    draw = np.random.default_rng(3)
    p50, *_ = gates()
    most = 0.005 * groups * len(replayer.orders)
    failed = 0
    for numbers in replayer.draw(budget, groups, seed=3):
        lives = [1 + 0.3 * (draw.random((4, 1)) < 0.5) for _ in numbers[METRICS[0]]]
        moved = multiplied(numbers, lives)
        for order in replayer.orders:
            failed += replayer.answer(moved, budget, order, [p50]).has_failed
        assert failed <= most  # what is broken already need not be judged to the end


def multiplied(numbers: Numbers, factors: Sequence[npt.NDArray[np.float64]]) -> Numbers:
    """Each block by factors of its arms, the same in every metric."""
    moved: Numbers = {}
    for metric, each in numbers.items():
        moved[metric] = [arms * one for arms, one in zip(each, factors, strict=True)]
    return moved


def check_one_slow_arm(replayer: Replayer) -> None:
    """One process of four that is always slower by 10 % accuses nobody: a control fires."""
    factors = np.array([[1.0], [1.0], [1.0], [1.1]])
    found = []
    gates_now = gates()
    for numbers in replayer.draw(MINUTE, 4, seed=4):
        moved = multiplied(numbers, [factors] * len(numbers[METRICS[0]]))
        for order in replayer.orders:
            found.append(replayer.answer(moved, MINUTE, order, gates_now))
    assert [answer.outcomes for answer in found if answer.has_failed] == []


CHECKS = [
    check_same_code,
    check_five_percent,
    check_at_the_margin,
    check_slow_lives_at_the_end,
    check_slow_lives_at_every_look,
    check_one_slow_arm,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_judge_over_recorded_blocks(replayer: Replayer, check: Any) -> None:
    check(replayer)


def test_no_engine_of_the_campaign_is_called_slower_than_itself(modules: dict[str, Any]) -> None:
    """The default voice has recorded blocks of its own, above; here are the others."""
    table = modules["gate_table"]
    engines = []
    for pool in table.pools(table.read_lines(CAMPAIGN)):
        if pool.name == "heart":
            continue
        replayed = table.replay_pool(pool, 180)
        if replayed is None:
            continue
        engines.append(pool.name)
        failed = [answer.outcomes for answer in replayed.answers if answer.has_failed]
        assert failed == [], pool.name
    assert {"http", "hibari"} <= set(engines)


# What a weaker rule comes to


def relax_levels(patch: pytest.MonkeyPatch, **factors: float) -> None:
    """Levels so many times as lax, none above one half."""
    for name in ("EARLY", "END", "EACH", "END_OF_MANY"):
        levels = getattr(t_rule, name)
        relaxed = {}
        for field, factor in factors.items():
            relaxed[field] = min(0.5, factor * getattr(levels, field))
        patch.setattr(t_rule, name, levels._replace(**relaxed))


def relax_passes(patch: pytest.MonkeyPatch) -> None:
    relax_levels(patch, passes=10.0)


def relax_fails(patch: pytest.MonkeyPatch) -> None:
    relax_levels(patch, fail=10.0)


def confirm_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(looks, "FEWEST_FRESH", 0)
    patch.setattr(looks, "FRESH_SHARE", 0.0)


def double_margins(patch: pytest.MonkeyPatch) -> None:
    doubled = {}
    for name, default in metrics.ALL.items():
        doubled[name] = default._replace(margin=2 * default.margin)
    patch.setattr(metrics, "ALL", doubled)


def switch_controls_off(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(t_rule.Contrast, "has_control_effect", lambda self, alpha: False)


@pytest.mark.parametrize(
    ("weaken", "check"),
    [
        (relax_passes, check_at_the_margin),
        (relax_fails, check_slow_lives_at_the_end),
        (relax_fails, check_slow_lives_at_every_look),
        (confirm_nothing, check_slow_lives_at_the_end),
        (confirm_nothing, check_five_percent),
        (double_margins, check_five_percent),
        (switch_controls_off, check_one_slow_arm),
    ],
    ids=lambda each: each.__name__,
)
def test_a_weaker_rule_breaks_a_bound(
    replayer: Replayer, monkeypatch: pytest.MonkeyPatch, weaken: Any, check: Any
) -> None:
    weaken(monkeypatch)
    with pytest.raises(AssertionError):
        check(replayer)


# Files


def test_recorded_blocks_are_small_and_say_what_they_are(modules: dict[str, Any]) -> None:
    assert FILES
    assert sum(path.stat().st_size for path in FILES) <= MOST_BYTES
    for path in FILES:
        recording = modules["block_packing"].read_file(path)
        assert recording.heading.engine in path.stem
        assert {block.texts for block in recording.blocks} == {recording.heading.texts}


def test_a_recording_goes_on_where_it_ended(modules: dict[str, Any], tmp_path: Path) -> None:
    packing = modules["block_packing"]
    path = tmp_path / "toy.xz"
    heading = packing.Heading(engine="toy", target="toy:Toy", texts=2, machine="")
    numbers = np.array([[1.0, 2.0], [1.5, np.nan], [3.0, 4.0], [5.0, 6.0]])
    block = packing.RecordedBlock(
        opening_s=1.0, trials_s=2.0, metrics={"rtf": packing.PackedArms.of(numbers)}
    )
    for _ in range(2):
        packing.start_file(path, heading)
        packing.append_block(path, block)
    recording = packing.read_file(path)
    assert recording.heading == heading
    assert len(recording.blocks) == 2
    np.testing.assert_array_equal(recording.blocks[1].metrics["rtf"].array(), numbers)
    with pytest.raises(ValueError, match="record into another file"):
        packing.start_file(path, packing.Heading(engine="other", target="", texts=2, machine=""))


def test_a_torn_recording_is_no_recording(modules: dict[str, Any], tmp_path: Path) -> None:
    packing = modules["block_packing"]
    path = tmp_path / "toy.xz"
    packing.start_file(path, packing.Heading(engine="toy", target="", texts=2, machine=""))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:-9])
    with pytest.raises(ValueError, match="torn"):
        packing.read_file(path)


def test_blocks_of_another_script_are_converted(modules: dict[str, Any], tmp_path: Path) -> None:
    values: Mapping[str, Mapping[str, Sequence[float | None]]] = {
        "A": {"rtf": [1.0, None]}, "A2": {"rtf": [2.0, 2.5]},
        "B": {"rtf": [3.0, 3.5]}, "B2": {"rtf": [4.0, 4.5]},
    }  # fmt: skip
    line = {"open_s": 1.0, "trials_s": 2.0, "close_s": 0.5, "arms": values}
    block = modules["record_blocks"].converted_block(line)
    assert block.opening_s == 1.5
    wanted = [[1.0, np.nan], [2.0, 2.5], [3.0, 3.5], [4.0, 4.5]]
    np.testing.assert_array_equal(block.metrics["rtf"].array(), wanted)


def test_four_arms_play_all_roles(modules: dict[str, Any]) -> None:
    orders = modules["gate_replay"].ORDERS
    for count in (3, 4):
        pairings = {(frozenset(order[:2]), frozenset(order[2:])) for order in orders[count]}
        assert len(pairings) == len(orders[count]) == {3: 3, 4: 6}[count]
        assert all(sorted(order) == list(range(count)) for order in orders[count])

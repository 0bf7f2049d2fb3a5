"""A search for capacity on scripted windows: what it proves, what it refutes, and how often not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from pytest_ttsperf.errors import MeasurementError, TargetCrashed
from pytest_ttsperf.load import capacity
from pytest_ttsperf.load.capacity import CapacityLimits
from pytest_ttsperf.load.capacity_search import SearchStep, ladder
from pytest_ttsperf.records import Capacity, CapacityLevel, LoadWindow, Outcome
from tests.unit.judge.simulation import wilson
from tests.unit.load.factories import window

LIMITS = CapacityLimits(ttfa_p95_ms=500.0)
GOOD = window(ttfa_p95_ms=400.0, stalled=0)
BAD = window(ttfa_p95_ms=600.0, stalled=0)


class Server:
    """Windows that are good up to a level, but for some by their number at a level."""

    def __init__(
        self,
        most: float,
        *,
        bad_at: Sequence[tuple[float, int]] = (),
        good_at: Sequence[tuple[float, int]] = (),
    ) -> None:
        self.most = most
        self.bad_at = bad_at
        self.good_at = good_at
        self.levels: list[float] = []

    def run(self, level: float) -> LoadWindow:
        """One window that counts."""
        number = self.levels.count(level)
        self.levels.append(level)
        is_good = level <= self.most
        if (level, number) in self.bad_at:
            is_good = False
        if (level, number) in self.good_at:
            is_good = True
        return GOOD if is_good else BAD

    def explore(self, level: float) -> LoadWindow:
        """One that does not."""
        return GOOD if level <= self.most else BAD


def search(server: Server, **more: Any) -> Capacity:
    settings: dict[str, Any] = {"unit": "listeners", "start": 4, "most": 64}
    settings["explore_window"] = server.explore
    return capacity.search(server.run, LIMITS, **{**settings, **more})


def level_of(found: Capacity, level: float) -> CapacityLevel:
    (only,) = [each for each in found.levels if each.level == level]
    return only


# What is searched


@pytest.mark.parametrize("most", [1, 2, 3, 6, 7, 12, 41])
@pytest.mark.parametrize("start", [1, 4, 50])
def test_a_clear_border_is_found(most: int, start: int) -> None:
    levels = ladder("listeners", 64)
    wanted = max(level for level in levels if level <= most)
    found = search(Server(most), start=start)
    assert found.proven == wanted
    assert found.refuted == levels[levels.index(wanted) + 1]
    assert found.stopped_because is None


def test_the_answer_is_a_sentence() -> None:
    found = search(Server(6))
    assert found.reason == "at least 6 listeners, 95 % sure; 7 fails in 3 of 3 windows"
    assert found.evidence == "18 of 18 windows at 6 listeners were good"
    assert found.confidence == 0.95
    assert found.limits == {"ttfa_p95_ms": 500.0, "stall": 0.0}


def test_windows_that_explore_prove_nothing() -> None:
    server = Server(6)
    found = search(server)
    assert server.levels == [6] * 18 + [7] * 3
    assert len(level_of(found, 6).windows) == 18
    assert len(level_of(found, 6).explored) == 4
    assert level_of(found, 4).windows == ()
    assert [each.outcome for each in found.levels] == ["PASS", "PASS", "FAIL", "FAIL"]


def test_a_bad_window_moves_the_proof_down_and_asks_for_more() -> None:
    server = Server(6, bad_at=[(6, 9)])
    found = search(server)
    assert server.levels[:26] == [6] * 10 + [5] * 16
    assert found.proven == 5
    assert found.evidence == "25 of 26 windows at 5 to 6 listeners were good"


def test_a_gradual_border_is_proven_a_level_lower() -> None:
    explored: list[float] = []

    def explore(level: float) -> LoadWindow:
        explored.append(level)
        is_second_at_6 = level == 6 and explored.count(6) == 2
        return BAD if level > 6 or is_second_at_6 else GOOD

    server = Server(6)
    found = search(server, explore_window=explore)
    assert explored == [4, 8, 6, 7, 6, 5, 5, 5, 5]
    assert server.levels == [4] * 18 + [7] * 3
    assert (found.proven, found.refuted) == (4, 7)


def test_a_refutation_begins_above_all_good_windows() -> None:
    server = Server(6, bad_at=[(6, 1)])
    found = search(server)
    assert (found.proven, found.refuted) == (5, 7)
    assert server.levels[26:] == [7] * 3


def test_a_good_window_moves_the_refutation_up_and_asks_for_more() -> None:
    found = search(Server(6, good_at=[(7, 1)]))
    assert found.refuted == 8
    assert found.reason.endswith("; 8 fails, as 6 of 7 windows at 7 to 8 do")


def test_what_never_holds_is_refuted_at_once() -> None:
    server = Server(0)
    found = search(server)
    assert server.levels == [1] * 3
    assert found.proven is None
    assert found.evidence is None
    assert found.reason == "no number of listeners is proven; 1 fails in 3 of 3 windows"


def test_what_never_fails_is_proven_as_far_as_is_tried() -> None:
    found = search(Server(1000), most=16)
    assert (found.proven, found.refuted) == (16, None)
    assert found.stopped_because == "more than 16 listeners were not to be tried"


def test_levels_say_what_their_windows_miss() -> None:
    def run(level: float) -> LoadWindow:
        if level <= 4:
            return GOOD
        return structs.replace(BAD, stalled=3) if level > 5 else BAD

    found = capacity.search(run, LIMITS, unit="listeners", start=4, most=8)
    assert level_of(found, 4).reasons == ()
    assert level_of(found, 5).reasons == ("TTFA p95 was above 500 ms",)
    assert level_of(found, 8).reasons == ("TTFA p95 was above 500 ms", "answers stalled")


def test_steps_are_announced_with_how_many_there_will_be() -> None:
    steps: list[SearchStep] = []
    search(Server(6, bad_at=[(6, 2)]), tell=steps.append)
    proving = [step for step in steps if step.phase == "proving"]
    assert [step.window for step in proving] == list(range(1, 27))
    assert {step.wanted for step in proving[:3]} == {18}
    assert {step.wanted for step in proving[3:]} == {26}
    assert all(step.wanted is None for step in steps if step.phase == "exploring")
    assert [step.level for step in steps if step.phase == "refuting"] == [7, 7, 7]


# What ends it early


def clock_of(seconds_a_call: float) -> Callable[[], float]:
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += seconds_a_call
        return now

    return clock


def test_a_budget_ends_it_with_what_was_proven() -> None:
    early = search(Server(6), budget_s=50, clock=clock_of(10))
    assert early.reason == "no number of listeners is proven; cut short while exploring"
    # After 4 windows, where 18 good ones prove a number: 50 s and 18 times 12.5 s.
    assert early.stopped_because == (
        "the time for the search was used up; at 12 s a window, a proof takes 5 min or more"
    )
    nothing = search(Server(6), budget_s=100, clock=clock_of(10))
    assert nothing.proven is None
    assert nothing.reason == (
        "no number of listeners is proven; cut short at 6 listeners, after 2 of 18 windows"
    )
    # Of 9 windows 2 counted: 100 s and 16 times 11.1 s.
    assert nothing.stopped_because == (
        "the time for the search was used up; at 11 s a window, a proof takes 5 min or more"
    )
    proven = search(Server(6), budget_s=260, clock=clock_of(10))
    assert (proven.proven, proven.refuted) == (6, None)
    assert proven.reason == "at least 6 listeners, 95 % sure; cut short before a level failed"
    assert proven.stopped_because == "the time for the search was used up"


def dying(after: int) -> Callable[[float], LoadWindow]:
    count = 0

    def run(level: float) -> LoadWindow:
        nonlocal count
        count += 1
        if count > after:
            raise TargetCrashed("the target has ended")
        return GOOD

    return run


def test_a_target_that_dies_ends_it() -> None:
    found = capacity.search(dying(2), LIMITS, unit="listeners", start=4, most=64)
    assert found.stopped_because == "at 16: the target has ended"
    assert [each.level for each in found.levels] == [4, 8]


def test_an_error_of_the_very_first_window_is_raised() -> None:
    with pytest.raises(TargetCrashed, match="has ended"):
        capacity.search(dying(0), LIMITS, unit="listeners", start=4, most=64)


def test_a_generator_at_fault_refutes_nothing() -> None:
    found = search(Server(6), fault_of=lambda _: "it was late")
    assert (found.proven, found.refuted) == (6, None)
    assert found.stopped_because is not None
    assert found.stopped_because.startswith("the generator was the bottleneck")
    assert found.stopped_because.endswith("it was late")


# One level


def test_one_level_takes_14_good_windows() -> None:
    server = Server(6)
    found = search(server, wanted=6)
    assert server.levels == [6] * 14
    assert found.reason == "at least 6 listeners, 95 % sure"
    assert (found.wanted, found.proven, found.stopped_because) == (6, 6, None)


def test_one_level_fails_by_3_bad_windows() -> None:
    server = Server(5)
    found = search(server, wanted=6)
    assert server.levels == [6] * 3
    assert found.reason == (
        "6 fails in 3 of 3 windows; a short window at 5 was good, which proves nothing"
    )
    assert (found.proven, found.refuted) == (None, 6)


def test_one_bad_window_is_outweighed_by_28_good_ones() -> None:
    server = Server(8, bad_at=[(6, 0)])
    found = search(server, wanted=6)
    assert len(server.levels) == 29
    assert found.proven == 6


def test_one_level_may_be_cut_short() -> None:
    found = search(Server(6), wanted=6, budget_s=100, clock=clock_of(10))
    assert found.reason == (
        "6 listeners: neither proven nor refuted; cut short at 6 listeners, after 9 of 14 windows"
    )
    assert found.stopped_because == (
        "the time for the search was used up; at 11 s a window, a decision takes 3 min or more"
    )
    assert capacity.judge(found, 6).outcome is Outcome.INCONCLUSIVE


def test_one_level_may_stay_open() -> None:
    server = Server(8, bad_at=[(6, 3), (6, 7)])
    found = search(server, wanted=6)
    assert (found.proven, found.refuted) == (None, None)
    assert found.reason.startswith("6 listeners: neither proven nor refuted")
    assert found.stopped_because == "2 of 9 windows were bad at 6 listeners, which refutes nothing"


@pytest.mark.parametrize(
    ("server", "wanted", "outcome"),
    [
        (Server(6), 6, Outcome.PASS),
        (Server(5), 6, Outcome.FAIL),
        (Server(8, bad_at=[(6, 3), (6, 7)]), 6, Outcome.INCONCLUSIVE),
        (Server(6), None, Outcome.PASS),
        (Server(8), None, Outcome.PASS),
        (Server(5), None, Outcome.FAIL),
        (Server(2), None, Outcome.FAIL),
    ],
)
def test_judged_by_what_is_wanted(server: Server, wanted: float | None, outcome: Outcome) -> None:
    verdict = capacity.judge(search(server, wanted=wanted), 6)
    assert verdict.outcome is outcome
    assert verdict.reason.endswith("wanted at least 6 listeners") == (
        outcome is not Outcome.INCONCLUSIVE
    )
    assert (verdict.subject, verdict.limit, verdict.unit) == (
        "capacity min_listeners",
        6,
        "listeners",
    )
    assert verdict.n == len(server.levels)


def test_what_lies_between_is_open() -> None:
    found = search(Server(6, good_at=[(7, 0), (7, 1)], bad_at=[(6, 9)]))
    assert (found.proven, found.refuted) == (5, 8)
    assert capacity.judge(found, 7).outcome is Outcome.INCONCLUSIVE


def test_answers_that_belong_to_others_void_all() -> None:
    found = structs.replace(search(Server(6)), void_because="listener 1 got the text of listener 2")
    verdict = capacity.judge(found, 6)
    assert verdict.outcome is Outcome.INVALID
    assert verdict.reason.endswith("listener 1 got the text of listener 2")


# Limits


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"ttfa_p95_ms": 500.1}, "TTFA p95 was above 500 ms"),
        ({"ttfa_p95_ms": None}, "TTFA p95 was above 500 ms"),
        ({"stalled": 1}, "answers stalled"),
        ({"stalled": None}, "answers stalled"),
        ({"refused": 1}, "requests were refused"),
        ({"failed": 1}, "requests failed"),
        ({"capped": 1}, "too many requests were under way"),
        ({"answered": 0}, "nothing was answered"),
    ],
)
def test_a_good_window_meets_all(changed: dict[str, Any], words: str) -> None:
    assert LIMITS.is_met(structs.replace(GOOD, ttfa_p95_ms=500.0))
    assert list(LIMITS.misses(structs.replace(GOOD, **changed))) == [words]


@pytest.mark.parametrize(("stalled", "is_met"), [(0, True), (1, True), (2, False)])
def test_a_share_of_answers_may_stall(stalled: int, is_met: bool) -> None:
    limits = CapacityLimits(stall=0.01)
    assert limits.is_met(structs.replace(GOOD, answered=120, stalled=stalled)) == is_met
    assert limits.text == "at most 1 % of answers stall"


def test_without_a_limit_any_ttfa_is_good() -> None:
    assert CapacityLimits().is_met(structs.replace(GOOD, ttfa_p95_ms=None))
    assert LIMITS.text == "TTFA p95 at most 500 ms, no answer stalls"


# Levels


def test_levels_are_10_percent_apart_and_one_listener_at_least() -> None:
    levels = ladder("listeners", 200)
    assert levels[:10] == tuple(range(1, 11))
    steps = [(above - below, above / below) for below, above in pairwise(levels)]
    assert all(step >= 1 and (step == 1 or ratio <= 1.13) for step, ratio in steps[:-1])
    assert levels[-1] == 200


def test_rates_are_10_percent_apart() -> None:
    levels = ladder("requests/s", 20.0)
    ratios = [above / below for below, above in pairwise(levels)]
    assert ratios[:-1] == pytest.approx([1.1] * (len(ratios) - 1), rel=0.01)


def test_what_is_wanted_is_a_level() -> None:
    assert 17 not in ladder("listeners", 64)
    assert 17 in ladder("listeners", 64, 17)
    found = search(Server(17), wanted=17)
    assert found.proven == 17


def test_rates_are_searched_alike() -> None:
    found = search(Server(2.0), unit="requests/s", start=0.5, most=20.0)
    assert found.proven is not None
    assert 1.8 < found.proven <= 2.0
    assert "requests/s, 95 % sure" in found.reason


# How often it is wrong


def coins(bad_share: Callable[[float], float], seed: int) -> Callable[[float], LoadWindow]:
    rng = np.random.default_rng(seed)
    return lambda level: BAD if rng.random() < bad_share(level) else GOOD


def border_at_10(level: float) -> float:
    return 0.02 if level < 10 else 0.2


@pytest.mark.uncovered
@pytest.mark.parametrize("bad_share", [lambda _: 0.2, border_at_10])
def test_at_most_5_percent_of_claims_are_wrong(bad_share: Callable[[float], float]) -> None:
    wrong = []
    for seed in range(800):
        run = coins(bad_share, seed)
        found = capacity.search(run, LIMITS, unit="listeners", start=4, most=64)
        is_proven_wrong = found.proven is not None and bad_share(found.proven) >= 0.2
        is_refuted_wrong = found.refuted is not None and bad_share(found.refuted) <= 0.2
        wrong.append(is_proven_wrong or is_refuted_wrong)
    low, high = wilson(wrong)
    assert low <= 0.05
    assert high >= 0.03, "it would be more careful than need be"


@pytest.mark.uncovered
@pytest.mark.parametrize(("bad_share", "claim"), [(0.2, "proven"), (0.2, "refuted")])
def test_one_level_is_wrong_in_5_percent_at_most(bad_share: float, claim: str) -> None:
    wrong = []
    for seed in range(800):
        run = coins(lambda _: bad_share, seed)
        found = capacity.search(run, LIMITS, unit="listeners", start=4, most=8, wanted=6)
        wrong.append(getattr(found, claim) == 6)
    low, _ = wilson(wrong)
    assert low <= 0.05


def steep(level: float) -> float:
    """Half of the windows are bad at 20 listeners; from 15 to 25 nearly none to nearly all."""
    return 1 / (1 + np.exp(-(level - 20)))


@pytest.mark.uncovered
def test_searches_repeat_within_a_step() -> None:
    levels = ladder("listeners", 64)
    places = []
    for seed in range(100):
        found = capacity.search(coins(steep, seed), LIMITS, unit="listeners", start=4, most=64)
        assert found.proven is not None
        places.append(levels.index(found.proven))
    middle = np.median(places)
    assert np.mean([abs(place - middle) <= 1 for place in places]) >= 0.8


@pytest.mark.uncovered
def test_a_search_is_a_matter_of_tens_of_windows() -> None:
    counts = [len(list(windows_of(seed))) for seed in range(40)]
    assert np.median(counts) < 60


def windows_of(seed: int) -> Iterator[LoadWindow]:
    found = capacity.search(coins(steep, seed), LIMITS, unit="listeners", start=4, most=64)
    for level in found.levels:
        yield from (*level.windows, *level.explored)


def test_what_cannot_be_measured_later_is_no_proof() -> None:
    count = 0

    def run(level: float) -> LoadWindow:
        nonlocal count
        count += 1
        if count > 20:
            raise MeasurementError("a cache serves repeated texts")
        return GOOD if level <= 6 else BAD

    found = capacity.search(run, LIMITS, unit="listeners", start=4, most=64)
    assert found.proven is None
    assert capacity.judge(found, 6).outcome is Outcome.INCONCLUSIVE

"""All alternatives together: who is compared, at which level, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from pytest_ttsperf.alternatives import comparison, pairs
from pytest_ttsperf.alternatives.candidates import Candidate
from pytest_ttsperf.alternatives.comparison import AlternativesPlan
from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.experiment.plan import TargetFactory
from pytest_ttsperf.records import Alternative, PairComparison, TargetSpec

PLAN = AlternativesPlan("provider", "short", 60.0, comparison.BOTH_PHASES)
SOURCE = TargetFactory(spec=TargetSpec(spec="engines:Tone"))
DESCRIBED = {
    "cpu": Alternative(name="cpu", nodes=505),
    "openvino": Alternative(name="openvino", nodes=812),
    "idle": Alternative(name="idle", nodes=0),
    "untold": Alternative(name="untold", nodes=None),
    "missing": Alternative(name="missing", error="is not installed"),
}


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, float]]:
    """Alternative, phase and level of each pair that was measured."""
    found: list[tuple[str, str, float]] = []

    def compare_pair(
        reference: Candidate,
        candidate: Candidate,
        plan: pairs.PairPlan,
        tell: pairs.Tell,
    ) -> PairComparison:
        found.append((candidate.name, plan.phase, plan.level))
        return PairComparison(
            alternative=candidate.name, reference=reference.name, phase=plan.phase
        )

    monkeypatch.setattr(comparison, "compare_pair", compare_pair)
    monkeypatch.setattr(comparison, "probe", lambda candidate: DESCRIBED[candidate.name])
    return found


def candidates(*names: str) -> list[Candidate]:
    return [Candidate(name, SOURCE) for name in names]


def test_who_does_not_open_or_runs_no_node_is_described_and_not_compared(
    compared: list[tuple[str, str, float]],
) -> None:
    names = ("cpu", "idle", "openvino", "missing", "untold")
    report = comparison.compare_alternatives(candidates(*names), PLAN)
    assert tuple(one.name for one in report.alternatives) == names
    assert [(name, phase) for name, phase, _ in compared] == [
        ("openvino", "warm"), ("openvino", "cold"), ("untold", "warm"), ("untold", "cold"),
    ]  # fmt: skip
    assert report.comparisons_of("openvino")[0].phase == "warm"


def test_all_figures_of_a_report_share_one_error(
    compared: list[tuple[str, str, float]],
) -> None:
    comparison.compare_alternatives(candidates("cpu", "openvino"), PLAN)
    comparison.compare_alternatives(candidates("cpu", "openvino", "untold"), PLAN)
    alone, beside = compared[0][2], compared[-1][2]
    judged = [one for one in comparison.figures_of("warm") if not one.is_work]
    assert alone == pytest.approx(comparison.ALPHA / 2 / (len(judged) + 1))
    assert beside == pytest.approx(alone / 2)


@pytest.mark.parametrize(
    ("names", "plan", "words"),
    [
        (("missing", "cpu"), PLAN, "missing, .* does not open: is not installed"),
        (("idle", "cpu"), PLAN, "idle, .* runs 0 nodes"),
        (("cpu", "openvino"), replace(PLAN, budget_s=math.inf), "instead of 'open'"),
    ],
)
def test_nothing_is_measured_without_a_reference_or_an_end(
    compared: list[tuple[str, str, float]],
    names: tuple[str, ...],
    plan: AlternativesPlan,
    words: str,
) -> None:
    with pytest.raises(MeasurementError, match=words):
        comparison.compare_alternatives(candidates(*names), plan)
    assert compared == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (TargetFactory(spec=TargetSpec(spec="http://127.0.0.1:9")), "ttsperf compare A B"),
        (
            TargetFactory(
                spec=TargetSpec(spec="http://127.0.0.1:{port}", options={"start": "serve {port}"})
            ),
            "compare two commands: ttsperf compare A B",
        ),
        (replace(SOURCE, inline=True), "leave out --ttsperf-inline"),
    ],
)
def test_a_target_that_is_not_started_here_has_no_alternatives(
    source: TargetFactory, words: str
) -> None:
    with pytest.raises(MeasurementError, match=words):
        comparison.compare_alternatives([Candidate("cpu", source)], PLAN)


def test_a_program_that_starts_for_each_text_is_compared_cold_alone() -> None:
    program = TargetFactory(spec=TargetSpec(spec="cmd:say"))
    assert comparison.usual_phases("provider", program) == ("cold",)
    assert comparison.usual_phases("provider", SOURCE) == ("warm", "cold")
    assert comparison.usual_phases("setting", SOURCE) == ("warm",)


def test_cold_starts_are_compared_by_their_median_alone() -> None:
    assert [metric.label for metric in comparison.figures_of("cold")] == ["ttfa p50"]
    warm = [metric.label for metric in comparison.figures_of("warm")]
    assert {"ttfa p50", "ttfa p95", "rtf p50", "cpu p50", "rss peak", "speech"} <= set(warm)


def test_the_longest_time_is_that_of_all_pairs_in_all_phases() -> None:
    assert comparison.longest_s(PLAN, 3) == 2 * 2 * 60.0

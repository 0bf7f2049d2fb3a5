"""The parts of a cell's page, each of what was measured and of nothing else."""

from __future__ import annotations

import math

import pytest
from msgspec import structs

from pytest_ttsperf.records import (
    Arms,
    Block,
    Capacity,
    CapacityLevel,
    LeakSlope,
    Memory,
    Outcome,
    SoakResult,
    SoakSlice,
    SoakSpec,
    TargetInfo,
    Threshold,
)
from pytest_ttsperf.report import page_sections
from tests.unit.report.analysis.cases_of_the_rest import changed, compared
from tests.unit.report.factories import (
    EVEN,
    TTFA,
    by_metric,
    cell,
    crowd_result,
    figures,
    recording,
    result,
    trial,
    trials,
    usage,
    window,
)

HOLED = recording([(50.0, 200.0), (400.0, 1000.0)])
GAP = Threshold(
    marker="cadence", keyword="max_gap_ms", metric="gap_max_ms", statistic="max", limit=90.0
)


# Distributions


def test_a_limited_metric_comes_first_with_its_limit() -> None:
    measured = result(trials=trials(5), thresholds=(GAP, TTFA))
    found = page_sections.list_distributions(measured)
    assert [each.metric for each in found] == [
        "gap_max_ms", "ttfa_ms", "ttfa_sound_ms", "rtf", "longest_stall_ms"
    ]  # fmt: skip
    gap, ttfa, sound, *_ = found
    assert (gap.limit, gap.limit_statistic) == (90.0, "max")
    assert (ttfa.limit, ttfa.limit_statistic) == (500.0, "p95")
    assert sound.limit is None


def test_values_stand_by_their_trials() -> None:
    measured = result(
        trials=(
            trial(0, kind="warmup"),
            trial(1, recording([(30.0, 500.0)]), process=0),
            structs.replace(trial(2), recording=None, error="gone"),
            trial(3, recording([(50.0, 500.0)]), process=1),
        )
    )
    ttfa, *_ = page_sections.list_distributions(measured)
    assert ttfa.values == pytest.approx((30.0, 50.0))
    assert (ttfa.trials, ttfa.processes, ttfa.missing) == ((1, 3), (0, 1), 1)


def test_percentiles_are_those_of_the_summary_and_an_endless_bound_is_none() -> None:
    summary = structs.replace(figures("ttfa_ms", 40.0, 60.0), p95_bound=math.inf)
    measured = result(trials=trials(3), summary=by_metric(summary))
    ttfa, *_ = page_sections.list_distributions(measured)
    assert (ttfa.p50, ttfa.p95, ttfa.p95_bound) == (40.0, 60.0, None)


def test_the_other_version_has_its_sample() -> None:
    arms = Arms(baseline=(1.0, None), control=(2.0, 3.0), candidate=(4.0, 5.0))
    both = compared(changed(Outcome.PASS), measured={"ttfa_ms": (Block(metric=arms),)})
    ttfa, *_ = page_sections.list_distributions(structs.replace(both, trials=trials(2)))
    assert ttfa.baseline == (1.0, 2.0, 3.0)
    assert ttfa.candidate == (4.0, 5.0)


def test_without_trials_there_is_none() -> None:
    assert page_sections.list_distributions(result(thresholds=(TTFA,))) == ()


@pytest.mark.parametrize("n", [1, 2, 5, 59, 400])
def test_bins_hold_every_value(n: int) -> None:
    values = [10.0 + (7 * place) % 13 for place in range(n)]
    bins = page_sections.count_in_bins(values)
    assert sum(each.count for each in bins) == n
    assert bins[0].low == min(values)
    assert bins[-1].high == max(values)
    assert len(bins) <= page_sections.MOST_BINS


def test_equal_values_have_one_bin() -> None:
    (only,) = page_sections.count_in_bins([4.0, 4.0, 4.0])
    assert (only.low, only.high, only.count) == (4.0, 4.0, 3)


# Placement


def test_placement_names_providers_and_what_is_left_to_the_cpu() -> None:
    placement = {
        "nodes": {"CoreMLExecutionProvider": 949, "CPUExecutionProvider": 1412},
        "cpu_operators": {"Cast": 20, "Transpose": 300},
        "partitions": 123,
        "threads": 2,
        "voice_hash": "5f70741d4e900f4e85d0037498736cc1",
    }
    ready = TargetInfo(pid=None, placement=placement, versions={"onnxruntime": "1.32.0"})
    found = page_sections.describe_placement(result(cell=cell(provider="coreml"), ready=ready))
    assert found is not None
    assert found.wanted == "coreml"
    cpu, coreml = found.providers
    assert (cpu.provider, cpu.nodes) == ("CPUExecutionProvider", 1412)
    assert cpu.operators == (("Transpose", 300), ("Cast", 20))
    assert (coreml.nodes, coreml.operators) == (949, ())
    facts = {fact.label: fact.value for fact in found.facts}
    assert facts["partitions"] == "123"
    assert facts["onnxruntime"] == "1.32.0"
    assert facts["voice hash"] == "5f70741d4e90"


def test_a_target_that_says_nothing_has_no_placement() -> None:
    assert page_sections.describe_placement(result()) is None
    silent = TargetInfo(pid=None)
    assert page_sections.describe_placement(result(ready=silent)) is None


# Memory and cadence


def test_memory_over_trials() -> None:
    spread = tuple(trial(n, usage=usage(100.0 + n), process=n % 2) for n in range(3))
    slope = LeakSlope(mb_per_1000=2.5, low=2.0, high=3.0, readings=50)
    memory = Memory(rss_baseline_mb=90.0, rss_peak_mb=102.0, leak=slope)
    found = page_sections.describe_memory(result(trials=spread, memory=memory))
    assert found is not None
    assert found.axis == "trial"
    assert [point.rss_mb for point in found.points] == pytest.approx([100.0, 101.0, 102.0])
    assert [point.process for point in found.points] == [0, 1, 0]
    assert (found.leak_mb_per_1000, found.leak_low, found.leak_high) == (2.5, 2.0, 3.0)
    labels = [fact.label for fact in found.facts]
    assert labels == ["once ready", "peak", "growth"], "no range was measured"


def test_memory_that_was_not_measured_says_why() -> None:
    found = page_sections.describe_memory(result(memory=Memory(reason="the target is inline")))
    assert found is not None
    assert (found.facts, found.points) == ((), ())
    assert found.missing_because == "the target is inline"


def test_memory_over_windows() -> None:
    windows = (window(0, rss_bytes=200_000_000), window(1), window(2, rss_bytes=210_000_000))
    crowd = crowd_result(*windows)
    found = page_sections.describe_memory(crowd)
    assert found is not None
    assert found.axis == "window"
    assert [(point.at, point.rss_mb) for point in found.points] == [(0.0, 200.0), (2.0, 210.0)]


def test_cadence_counts_the_trials_that_stall() -> None:
    measured = result(trials=(*trials(3, recording(EVEN)), trial(3, HOLED)))
    found = page_sections.describe_cadence(measured)
    assert found is not None
    assert (found.stalling_trials, found.trials) == (1, 4)
    assert found.longest_stall_ms == pytest.approx(150.0)
    assert found.is_streamed is True
    assert found.prebuffer_needed_ms == pytest.approx(200.0, abs=0.1)


def test_answers_that_come_as_a_whole_have_no_cadence() -> None:
    whole = result(cell=cell(mode="nonstream"), trials=trials(3))
    assert page_sections.describe_cadence(whole) is None
    assert page_sections.describe_cadence(result()) is None


def test_all_at_once_is_not_streamed() -> None:
    found = page_sections.describe_cadence(result(trials=trials(3, recording([(400.0, 2000.0)]))))
    assert found is not None
    assert found.is_streamed is False
    assert found.gap_p95_ms is None, "one chunk has no gaps"


# Many listeners, and for long


def test_windows_are_rows() -> None:
    lossy = window(3, answered=66, refused=2, failed=1, capped=1, ttfa_p95_ms=600.0)
    found = page_sections.describe_load(crowd_result(lossy).load)
    assert found is not None
    (row,) = found.windows
    assert (row.index, row.answered, row.not_answered, row.ttfa_p95_ms) == (3, 66, 4, 600.0)
    assert row.rss_mb is None
    assert found.lines
    assert page_sections.describe_load(None) is None


def test_a_capacity_has_its_levels_upwards() -> None:
    good = CapacityLevel(
        level=4, windows=(window(ttfa_p95_ms=200.0),), good=1, outcome=Outcome.PASS
    )
    bad = CapacityLevel(
        level=8, windows=(window(ttfa_p95_ms=900.0), window()), good=0, outcome=Outcome.FAIL,
        reasons=("ttfa p95",),
    )  # fmt: skip
    capacity = Capacity(
        unit="listeners", limits={"stall": 0.01, "ttfa_p95_ms": 500.0},
        confidence=0.95, proven=4, refuted=8,
        levels=(bad, good), reason="at least 4 listeners",
    )  # fmt: skip
    found = page_sections.describe_capacity(capacity)
    assert found is not None
    assert [point.level for point in found.points] == [4, 8]
    assert found.points[1].ttfa_p95_ms == (900.0,), "what was not measured is left out"
    assert (found.proven, found.refuted) == (4, 8)
    assert [limit.value for limit in found.limits] == ["<= 1%", "<= 500 ms"]
    assert page_sections.describe_capacity(None) is None


def test_a_soak_is_drawn_by_the_minute_over_all_sessions() -> None:
    slices = tuple(
        SoakSlice(
            index=place, session=place, seconds=90.0, requests=10, failed=0, audio_s=20.0,
            underruns=0, ttfa_ms=40.0, rtf=None, null_ms=1.0,
            usage=usage(100.0) if place else None,
        )
        for place in range(2)
    )  # fmt: skip
    soaked = result(soak=SoakResult(spec=SoakSpec(minutes=3), slices=slices))
    found = page_sections.describe_soak(soaked)
    assert found is not None
    assert [point.minute for point in found.points] == [1.5, 3.0]
    assert [point.rss_mb for point in found.points] == [None, 100.0]
    memory = page_sections.describe_memory(soaked)
    assert memory is not None
    assert memory.axis == "minute"
    assert page_sections.describe_soak(result()) is None

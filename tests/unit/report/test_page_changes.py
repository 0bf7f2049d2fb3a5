"""What a comparison's page shows: each block beside the interval over all of them."""

from __future__ import annotations

import math

import pytest
from msgspec import structs

from pytest_ttsperf.records import Arms, Block, ComparedMetric, Comparison, Outcome, UngatedChange
from pytest_ttsperf.report import page_changes
from tests.unit.report.analysis.cases_of_the_rest import EXPLAINED, GATE, changed, compared

P50 = ComparedMetric(label="ttfa p50", metric="ttfa_sound_ms", statistic="p50", margin=0.03)
OLD = (10.0, 20.0, 30.0, 40.0)


def block(factor: float, control: float = 1.0, extra: float = 0.0) -> Block:
    """The candidate takes `factor` times as long, the control `control` times."""
    return Block(
        metric=Arms(
            baseline=OLD,
            control=tuple(control * value for value in OLD),
            candidate=tuple(factor * value + extra for value in OLD),
        )
    )


def test_a_ratio_is_the_median_over_texts() -> None:
    found = page_changes.find_block_effects([block(1.1), block(1.2)], P50)
    assert found.candidate == pytest.approx((0.1, 0.2))
    assert found.control == pytest.approx((0.0, 0.0))


def test_the_baseline_is_the_middle_of_both_its_processes() -> None:
    found = page_changes.find_block_effects([block(1.0, control=1.21)], P50)
    assert found.control == pytest.approx((0.21,))
    assert found.candidate == pytest.approx((1 / 1.1 - 1,))


def test_a_tail_compares_percentiles() -> None:
    slow = Block(metric=Arms(baseline=OLD, control=OLD, candidate=(10.0, 20.0, 30.0, 80.0)))
    (tail,) = page_changes.find_block_effects([slow], GATE).candidate
    (middle,) = page_changes.find_block_effects([slow], P50).candidate
    assert tail > 0.5
    assert middle == pytest.approx(0.0)


def test_a_difference_is_in_the_unit() -> None:
    peak = structs.replace(P50, scale="difference", statistic="value", unit="MB")
    found = page_changes.find_block_effects([block(1.0, extra=5.0)], peak)
    assert found.candidate == pytest.approx((5.0,))


def test_counts_over_all_blocks_have_no_number_of_their_own() -> None:
    outside = structs.replace(P50, statistic="outside", band=0.2)
    assert page_changes.find_block_effects([block(1.1)], outside).candidate == ()


def test_blocks_that_say_nothing_are_left_out() -> None:
    few = Block(metric=Arms(baseline=(1.0, None), control=(1.0, None), candidate=(None, 1.0)))
    zero = Block(metric=Arms(baseline=(0.0, 1.0), control=(1.0, 1.0), candidate=(1.0, 1.0)))
    assert page_changes.find_block_effects([few, zero], P50).candidate == ()


def test_a_section_has_rows_stages_and_what_is_not_judged() -> None:
    change = changed(Outcome.FAIL, EXPLAINED)
    ungated = UngatedChange(metric=P50, change=changed(Outcome.INCONCLUSIVE))
    comparison = compared(
        change, measured={"ttfa_sound_ms": (block(1.1),)}, ungated=(ungated,)
    ).comparison
    found = page_changes.describe_changes(comparison)
    assert found is not None
    judged, shown = found.rows
    assert (judged.label, judged.outcome) == ("ttfa p95", Outcome.FAIL)
    assert judged.effect_text == "+11.4 %"
    assert len(judged.block_effects) == 1
    assert (shown.outcome, shown.margin, shown.verdict_text) == (None, None, "not judged")
    assert [(stage.stage, stage.is_explanation) for stage in found.stages] == [
        ("decode", True),
        ("text", False),
    ]
    assert found.is_compared


def test_a_comparison_that_could_not_be_made_says_why() -> None:
    found = page_changes.describe_changes(Comparison(against="main", reason="no such voice"))
    assert found is not None
    assert not found.is_compared
    assert found.reason == "no such voice"
    assert page_changes.describe_changes(None) is None


def test_no_block_effect_is_endless() -> None:
    found = page_changes.find_block_effects([block(1.1)] * 3, GATE)
    assert all(math.isfinite(effect) for effect in (*found.candidate, *found.control))

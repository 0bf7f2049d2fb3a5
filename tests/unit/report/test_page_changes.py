"""What a comparison's page shows: each block beside the interval over all of them."""

from __future__ import annotations

import math

import pytest
from msgspec import structs

from pytest_ttsperf.compare import metrics as compare_metrics
from pytest_ttsperf.metrics import load_figures
from pytest_ttsperf.records import Arms, Block, ComparedMetric, Comparison, Outcome, UngatedChange
from pytest_ttsperf.report import page_changes
from tests.unit.report.analysis.cases_of_the_rest import (
    EXPLAINED,
    GATE,
    SPEECH,
    changed,
    compared,
)

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


def compared_figures() -> dict[str, ComparedMetric]:
    """Every figure that versions are compared by, with one listener and with many."""
    alone = compare_metrics.with_work(
        compare_metrics.choose_metrics("warm", dict.fromkeys(compare_metrics.ALL, 0.1)), "warm"
    )
    crowd = [
        ComparedMetric(
            label=figure.label, metric=figure.metric, statistic="value", scale=figure.scale,
            margin=figure.margin,
        )
        for figure in load_figures.FIGURES.values()
    ]  # fmt: skip
    return {f"{each.metric} {each.statistic}": each for each in (*alone, *crowd)}


def test_what_more_of_a_figure_is_is_said_of_every_one() -> None:
    words: dict[tuple[str, str], set[str]] = {}
    for name, metric in compared_figures().items():
        words.setdefault(page_changes.name_directions(metric), set()).add(name)
    assert words["faster", "slower"] == {
        "ttfa_sound_ms p50", "ttfa_sound_ms p95", "ttfa_ms p50", "ttfa_ms p95", "rtf p50",
        "rtf p95", "ttfa_sound_typical_ms value", "ttfa_sound_p95_ms value", "good_answer_s value",
    }  # fmt: skip
    assert words["shorter", "longer"] == {"gap_max_ms p50", "speech_s p50", "speech_s value"}
    assert {"rss_peak_mb value", "ttfa_sound_ms late", "speech_s outside"} <= words["less", "more"]


def test_a_share_of_texts_is_a_share_whatever_its_scale_is() -> None:
    """As in the table: +5.0 %, and not +0.05."""
    gate = structs.replace(P50, metric="silence_share", statistic="outside", scale="difference")
    change = changed(Outcome.PASS, statistic="outside", scale="difference", effect=0.05)
    found = page_changes.describe_changes(compared(change, gate=gate).comparison)
    assert found is not None
    [row] = found.rows
    assert row.is_share
    assert row.effect_text == "+5.0 %"
    decibels = changed(Outcome.PASS, statistic="p50", scale="difference", unit="dB", effect=0.05)
    found = page_changes.describe_changes(compared(decibels, gate=gate).comparison)
    assert found is not None
    assert not found.rows[0].is_share


def test_whether_less_counts_as_well_is_that_of_the_figure() -> None:
    for gate, is_both_ways in ((P50, False), (SPEECH, True)):
        found = page_changes.describe_changes(compared(changed(Outcome.FAIL), gate=gate).comparison)
        assert found is not None
        assert found.rows[0].is_both_ways is is_both_ways


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

"""Paired differences: no change in the middle, intervals where they belong."""

from __future__ import annotations

import math
import re

import pytest

from pytest_ttsperf.report.html import intervals
from pytest_ttsperf.report.html.intervals import IntervalChart
from tests.unit.report.html.factories import change_row, stage_change


def places_of(chart: IntervalChart | None, look: str) -> list[float]:
    """Where the parts of a look begin, from left to right."""
    assert chart is not None
    path = "".join(shape.path for shape in chart.shapes if shape.look == look)
    return [float(x) for x in re.findall(r"M([\d.]+),", path)]


def test_no_change_stands_in_the_middle_whatever_the_effects_are() -> None:
    rows = [change_row(), change_row(effect=-0.5, low=-0.6, high=-0.4)]
    for chart in intervals.draw_changes(rows):
        assert places_of(chart, "zero") == [500]


def test_slower_stands_to_the_right_of_no_change_and_faster_to_the_left() -> None:
    slower, faster = intervals.draw_changes(
        [change_row(), change_row(effect=-0.2, low=-0.22, high=-0.18)]
    )
    assert places_of(slower, "effect")[0] > 500
    assert places_of(faster, "effect")[0] < 500


def test_shares_have_one_scale_in_common() -> None:
    large, small = intervals.draw_changes(
        [change_row(), change_row(effect=0.02, low=0.01, high=0.03, block_effects=())]
    )
    assert large is not None
    assert small is not None
    assert (large.low_text, large.high_text) == (small.low_text, small.high_text)
    distances = [places_of(chart, "effect")[0] - 500 for chart in (large, small)]
    assert distances[0] == pytest.approx(10 * distances[1], rel=0.01)


def test_shares_of_another_kind_have_a_scale_of_their_own() -> None:
    """Else nothing would be seen of a length beside a time that is 30 times as long."""
    length = change_row(
        "speech", less_text="shorter", more_text="longer", effect=0.01, low=0.0, high=0.02,
        margin=0.02, block_effects=(), control_effects=(),
    )  # fmt: skip
    slower, same = intervals.draw_changes([change_row(effect=30.0, high=31.0), length])
    assert slower is not None
    assert same is not None
    assert same.high_text == "longer (+2.2 %)"
    assert places_of(same, "effect")[0] > 600


def test_a_difference_in_a_unit_has_a_scale_of_its_own() -> None:
    share, amount = intervals.draw_changes(
        [
            change_row(),
            change_row(
                is_share=False, unit="MB", less_text="less", more_text="more", effect=40.0,
                low=30.0, high=50.0,
            ),
        ]
    )  # fmt: skip
    assert share is not None
    assert amount is not None
    assert (share.low_text, share.high_text) == ("faster (-23.8 %)", "slower (+23.8 %)")
    assert (amount.low_text, amount.high_text) == ("less (-54 MB)", "more (+54 MB)")


def test_what_nothing_can_fall_by_is_at_no_end() -> None:
    """Twelve times as slow is +1100 %; nothing takes 1100 % less time than before."""
    [slower] = intervals.draw_changes([change_row(effect=11.0, low=10.0, high=12.0)])
    assert slower is not None
    assert slower.low_text == "faster"
    assert slower.high_text == "slower (+1296.0 %)"
    megabytes = change_row(is_share=False, unit="MB", effect=40.0, low=30.0, high=50.0)
    [amount] = intervals.draw_changes([megabytes])
    assert amount is not None
    assert amount.low_text.endswith("(-54 MB)"), "a difference may be as large as it likes"


def test_the_change_that_counts_stands_on_the_side_where_it_does() -> None:
    [price] = intervals.draw_changes([change_row()])
    assert [place > 500 for place in places_of(price, "limit")] == [True]
    [work] = intervals.draw_changes([change_row(is_both_ways=True)])
    left, right = places_of(work, "limit")
    assert left == pytest.approx(1000 - right)
    assert left < 500


def test_each_block_is_a_dot_and_the_control_stands_apart() -> None:
    [chart] = intervals.draw_changes([change_row()])
    assert len(places_of(chart, "block")) == 2
    assert len(places_of(chart, "control")) == 2


def test_the_interval_reaches_from_its_low_end_to_its_high_end() -> None:
    """A line between them, and a serif at each end."""
    [chart] = intervals.draw_changes([change_row()])
    line, left, right = places_of(chart, "interval")
    assert line == left
    assert left < places_of(chart, "effect")[0] < right


def test_what_was_not_estimated_is_not_drawn() -> None:
    rows = [change_row(effect=None, low=None, high=None), change_row()]
    first, second = intervals.draw_changes(rows)
    assert first is None
    assert second is not None


def test_without_an_interval_the_effect_stands_alone() -> None:
    [chart] = intervals.draw_changes([change_row(low=None, high=None, margin=None)])
    assert places_of(chart, "interval") == []
    assert places_of(chart, "limit") == []
    assert len(places_of(chart, "effect")) == 1


def test_stages_have_one_scale() -> None:
    rows = [stage_change(ms=40.0), stage_change("vocode", 20.0)]
    decode, vocode = intervals.draw_stages(rows)
    distances = [places_of(chart, "effect")[0] - 500 for chart in (decode, vocode)]
    assert distances[0] == pytest.approx(2 * distances[1], rel=0.01)
    assert vocode.description == "vocode: +20 ms, +15 to +25 ms"
    assert (vocode.low_text, vocode.high_text) == ("shorter (-48.6 ms)", "longer (+48.6 ms)")


def test_no_stages_no_charts() -> None:
    assert intervals.draw_stages([]) == ()
    assert intervals.draw_changes([]) == ()


def test_what_is_not_finite_leaves_no_trace_in_a_path() -> None:
    """A browser would complain of it in its console."""
    infinite = change_row(low=-math.inf, high=math.inf, block_effects=(math.nan, 0.2))
    [chart] = intervals.draw_changes([infinite])
    assert chart is not None
    assert len(places_of(chart, "block")) == 1
    assert places_of(chart, "interval") == []
    assert intervals.draw_changes([change_row(effect=math.nan)]) == (None,)
    [stage] = intervals.draw_stages([stage_change(low_ms=-math.inf, high_ms=math.inf)])
    for shape in (*chart.shapes, *stage.shapes):
        assert "n" not in shape.path, "neither nan nor inf"

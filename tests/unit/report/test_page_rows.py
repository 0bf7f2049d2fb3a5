"""The rows of a cell: every figure with what is proven of it, its limit and its verdict."""

from __future__ import annotations

import math

from msgspec import structs

from pytest_ttsperf.records import Outcome, Summary, Threshold
from pytest_ttsperf.report import page_rows
from tests.unit.report.analysis.cases_of_the_rest import changed, compared
from tests.unit.report.factories import (
    FAILED,
    PASSED,
    RSS_PEAK,
    TTFA,
    by_metric,
    cell,
    crowd_result,
    figures,
    result,
    verdict,
    window,
)

SAMPLE = Summary(
    metric="ttfa_ms", n=59, missing=2, min=28.0, p50=31.4, p95=48.2, p95_bound=61.0, max=61.0
)
STREAMED = Threshold(
    marker="cadence", keyword="streamed", metric="all_at_once", statistic="p50", limit=0.5
)


def test_a_limit_has_bound_spread_and_verdict() -> None:
    bounded = structs.replace(PASSED, bound=61.0)
    row, *_ = page_rows.list_rows(result(summary=by_metric(SAMPLE), verdicts=(bounded,)))
    texts = (row.value_text, row.bound_text, row.limit_text)
    assert texts == ("48.2 ms", "<= 61.0 ms", "<= 500 ms")
    assert row.spread_text == "p50 31.4 ms, 28.0 ms to 61.0 ms, 2 not measured"
    assert (row.count_text, row.verdict_text, row.gate) == ("59", "PASS", "limit")
    assert (row.value, row.bound, row.limit) == (48.2, 61.0, 500.0)


def test_a_percentile_that_fails_is_still_at_most_so_much() -> None:
    row, *_ = page_rows.list_rows(result(verdicts=(structs.replace(FAILED, bound=690.2),)))
    assert row.bound_text == "<= 690 ms"


def test_estimates_and_windows_that_fail_are_at_least_so_much() -> None:
    leak = Threshold(
        marker="memory", keyword="leak_mb_per_1000", metric="leak_mb_per_1000",
        statistic="value", limit=1.0,
    )  # fmt: skip
    row, *_ = page_rows.list_rows(result(verdicts=(verdict(Outcome.FAIL, 2.5, leak, bound=2.0),)))
    assert row.bound_text.startswith(">= 2.00 MB")
    late = structs.replace(FAILED, bound=623.2)
    row, *_ = page_rows.list_rows(crowd_result(window(), verdicts=(late,)))
    assert row.bound_text == ">= 623 ms"


def test_too_few_trials_have_no_bound() -> None:
    for bound in (None, math.inf):
        open_verdict = verdict(Outcome.INCONCLUSIVE, 48.2, bound=bound)
        row, *_ = page_rows.list_rows(result(verdicts=(open_verdict,)))
        assert row.bound_text == "n too small"


def test_what_was_not_measured_is_no_number() -> None:
    row, *_ = page_rows.list_rows(result(verdicts=(verdict(Outcome.FAIL, None),)))
    assert (row.value, row.value_text, row.bound_text) == (None, "-", "")


def test_the_worst_verdict_stands_first() -> None:
    peak = verdict(Outcome.FAIL, 1000.0, RSS_PEAK)
    rows = page_rows.list_rows(result(verdicts=(PASSED, peak)))
    assert [row.outcome for row in rows] == [Outcome.FAIL, Outcome.PASS]
    assert rows[0].spread_text == "", "a cell has one peak"


def test_streamed_is_a_word() -> None:
    for value, word in ((0.0, "yes"), (1.0, "no")):
        found = verdict(Outcome.PASS, value, STREAMED)
        row, *_ = page_rows.list_rows(result(verdicts=(found,)))
        assert (row.value_text, row.limit_text, row.bound_text) == (word, "yes", "")


def test_a_limit_that_was_put_aside_is_shown() -> None:
    moved = structs.replace(TTFA, limit=800.0, declared=500.0, overridden_by="--ttsperf-limit")
    row, *_ = page_rows.list_rows(result(verdicts=(verdict(Outcome.PASS, 48.2, moved),)))
    assert row.limit_text == "<= 800 ms (500 ms in the test)"


def test_the_least_that_a_figure_may_be() -> None:
    least = structs.replace(TTFA, is_least=True)
    row, *_ = page_rows.list_rows(result(verdicts=(verdict(Outcome.PASS, 900.0, least),)))
    assert row.limit_text == ">= 500 ms"


def test_usual_figures_are_shown_where_nothing_limits_them() -> None:
    summary = by_metric(SAMPLE, figures("rtf", 0.2), figures("longest_stall_ms", 0.0))
    rows = page_rows.list_rows(result(summary=summary))
    assert [row.subject for row in rows] == ["ttfa p95", "rtf p95", "longest stall p95"]
    assert {row.verdict_text for row in rows} == {"not judged"}
    assert {row.outcome for row in rows} == {None}
    whole = page_rows.list_rows(result(cell=cell(mode="nonstream"), summary=summary))
    assert "longest stall p95" not in [row.subject for row in whole]


def test_a_change_has_its_interval_and_its_margin() -> None:
    compared_result = compared(changed(Outcome.FAIL))
    found = verdict(
        Outcome.FAIL, 0.114, subject="ttfa p95 against main", gate="change", threshold=None,
    )  # fmt: skip
    row, *_ = page_rows.list_rows(structs.replace(compared_result, verdicts=(found,)))
    assert (row.value_text, row.bound_text, row.limit_text) == ("+11.4 %", ">= +9.8 %", "+3.0 %")
    assert row.spread_text == "+9.8 % to +13.0 %"
    assert row.count_text == "12 blocks"


def test_better_is_said() -> None:
    improved = structs.replace(PASSED, improved=True)
    row, *_ = page_rows.list_rows(result(verdicts=(improved,)))
    assert row.verdict_text == "PASS (better)"


def test_windows_are_counted_where_many_listen() -> None:
    found = structs.replace(PASSED, n=6)
    row, *_ = page_rows.list_rows(crowd_result(window(), verdicts=(found,)))
    assert row.count_text == "6 windows"


def test_a_missing_baseline_is_no_row() -> None:
    missing = verdict(Outcome.INCONCLUSIVE, None, gate="baseline", metric=None, threshold=None)
    assert page_rows.list_rows(result(verdicts=(missing,))) == ()


def test_a_doubt_has_its_reason_and_no_figures() -> None:
    doubt = verdict(
        Outcome.INVALID, None, gate="trust", subject="cache", metric=None, limit=None, n=0,
        threshold=None,
    )  # fmt: skip
    row, *_ = page_rows.list_rows(result(verdicts=(doubt,)))
    assert (row.subject, row.value_text, row.limit_text, row.count_text) == ("cache", "-", "-", "-")
    assert row.reason == "because of INVALID"

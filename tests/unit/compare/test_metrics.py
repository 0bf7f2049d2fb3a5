"""What can be compared, and how the smallest change that counts is written."""

from __future__ import annotations

import math

import pytest

from pytest_ttsperf.compare import metrics
from pytest_ttsperf.errors import LimitError
from pytest_ttsperf.metrics import definitions


def test_the_usual_gates_have_three_percent() -> None:
    gates = metrics.choose_metrics("warm")
    assert [gate.label for gate in gates] == ["ttfa p50", "ttfa p95", "rtf p50"]
    assert {gate.margin for gate in gates} == {0.03}


def test_a_later_word_wins_and_more_can_be_named() -> None:
    gates = metrics.choose_metrics("warm", {"ttfa_p50": 0.1}, {"ttfa_p50": 0.05, "underruns": 1.0})
    assert {gate.label: gate.margin for gate in gates} == {
        "ttfa p50": 0.05, "ttfa p95": 0.03, "rtf p50": 0.03, "underruns": 1.0
    }  # fmt: skip
    assert gates[-1].scale == "difference"


def test_versions_are_to_say_the_same_and_the_margin_of_that_can_be_named() -> None:
    gates = metrics.with_work(metrics.choose_metrics("cold"), "cold")
    work = {gate.label: gate for gate in gates if gate.is_work}
    assert list(work) == [
        "speech", "silence share", "level", "true peak", "bandwidth", "clipped share"
    ]  # fmt: skip
    assert (work["speech"].metric, work["speech"].margin) == ("speech_s", 0.02)
    assert work["speech"].both_ways
    assert not work["clipped share"].both_ways, "less of it is no worse"
    named = metrics.choose_metrics("warm", {"speech": 0.1})
    gates = metrics.with_work(named, "warm")
    assert [gate.margin for gate in gates if gate.label == "speech"] == [0.1]
    assert len(gates) == len(metrics.DEFAULT) + len(metrics.WORK)


def test_texts_that_stand_apart_are_counted_beyond_a_band() -> None:
    gates = metrics.with_work((), "warm")
    bands = {gate.label: gate.band for gate in gates if gate.statistic == "outside"}
    assert bands == {
        "texts of another length": pytest.approx(math.log(1.2)),
        "texts of another silence": 0.2,
        "texts of another level": 6.0,
        "texts with broken samples": 0.5,
    }
    (named,) = metrics.choose_metrics("warm", {"texts_length": 0.02})[len(metrics.DEFAULT) :]
    assert named.margin == 0.02


def test_single_starts_have_no_tail() -> None:
    assert [gate.label for gate in metrics.choose_metrics("cold")] == ["ttfa p50", "rtf p50"]


def test_every_figure_is_a_metric_there_is() -> None:
    known = {*definitions.METRICS, "rss_peak_mb"}
    assert {figure.metric for figure in metrics.ALL.values()} <= known


@pytest.mark.parametrize(
    ("value", "share"), [("5%", 0.05), ("7.5 %", 0.075), ("0.05", 0.05), (0.05, 0.05)]
)
def test_changes_are_shares_in_percent_or_not(value: object, share: float) -> None:
    assert metrics.margins_of_keywords({"rtf": value}, "@x") == {"rtf_p50": pytest.approx(share)}


@pytest.mark.parametrize(
    ("accepted", "figures"),
    [
        (metrics.ONE_LISTENER, {"ttfa_p50", "ttfa_p95"}),
        (metrics.UNDER_LOAD, {"ttfa_typical", "ttfa_p95"}),
        (metrics.EITHER, {"ttfa_p50", "ttfa_p95", "ttfa_typical"}),
    ],
)
def test_short_names_stand_for_several_figures(
    accepted: metrics.Accepted, figures: set[str]
) -> None:
    found = metrics.margins_of_lines(["ttfa:5%"], "x", accepted)
    assert found == dict.fromkeys(figures, 0.05)


# Where many listen


@pytest.mark.parametrize(
    ("line", "margin"),
    [
        ("ttfa_typical:8%", 0.08),
        ("ttfa_p95:20%", 0.2),
        ("stalled:3%", 0.03),
        ("stalled:0.03", 0.03),
        ("goodput:10%", 0.1),
        ("left_behind:2", 2.0),
        ("speech:5%", 0.05),
    ],
)
def test_all_figures_of_a_crowd_are_named_by_the_same_words(line: str, margin: float) -> None:
    name, _, value = line.partition(":")
    expected = {name: pytest.approx(margin)}
    assert metrics.margins_of_lines([line], "--fail", metrics.UNDER_LOAD) == expected
    assert metrics.margins_of_lines([line], "--x") == expected
    assert metrics.margins_of_keywords({name: value}, "@regression") == expected


@pytest.mark.parametrize(
    ("line", "accepted", "error"),
    [
        ("rtf:5%", metrics.UNDER_LOAD, "'rtf' cannot be compared where many listen"),
        ("stalled:5%", metrics.ONE_LISTENER, "'stalled' cannot be compared where one listens"),
        ("stall:5%", metrics.EITHER, r"did you mean 'stalled'\?"),
        ("left_behind:5%", metrics.UNDER_LOAD, "wanted a number above 0"),
        ("goodput:5", metrics.UNDER_LOAD, "wanted a change such as '5%'"),
    ],
)
def test_what_is_no_margin_there_says_what_is(
    line: str, accepted: metrics.Accepted, error: str
) -> None:
    with pytest.raises(LimitError, match=error) as raised:
        metrics.margins_of_lines([line], "--fail", accepted)
    if "cannot be compared" in str(raised.value):
        assert str(raised.value).endswith(f"accepted: {', '.join(accepted.names)}")


def test_what_is_named_for_a_crowd_is_no_gate_of_single_texts() -> None:
    margins = {"stalled": 0.03, "ttfa_typical": 0.2, "ttfa_p95": 0.2}
    gates = metrics.choose_metrics("warm", margins)
    assert {gate.label: gate.margin for gate in gates} == {
        "ttfa p50": 0.03, "ttfa p95": 0.2, "rtf p50": 0.03
    }  # fmt: skip


def test_names_in_vain_are_those_of_which_nothing_is_compared() -> None:
    names = ["ttfa", "rtf", "stalled", "speech"]
    assert metrics.list_foreign(names, metrics.UNDER_LOAD) == ["rtf"]
    assert metrics.list_foreign(names, metrics.ONE_LISTENER) == ["stalled"]
    assert metrics.list_foreign(names, metrics.EITHER) == []


@pytest.mark.parametrize("value", ["5", 5, "0%", "-1%", "x", "nan", True, None, "inf%"])
def test_what_is_no_share_is_an_error(value: object) -> None:
    with pytest.raises(LimitError, match=r"wanted a change such as '5%' or 0\.05"):
        metrics.margins_of_keywords({"rtf": value}, "@regression")


def test_counts_have_no_percent() -> None:
    assert metrics.margins_of_lines(["underruns:1"], "x") == {"underruns": 1.0}
    with pytest.raises(LimitError, match="wanted a number above 0"):
        metrics.margins_of_lines(["underruns:5%"], "x")


@pytest.mark.parametrize(
    ("line", "told"), [("tfa_p50:5%", "did you mean 'ttfa_p50'"), ("rtf", "wanted FIGURE:CHANGE")]
)
def test_a_wrong_line_is_told_with_what_is_near(line: str, told: str) -> None:
    with pytest.raises(LimitError, match=told):
        metrics.margins_of_lines([line], "--x")


# What is shown until there is time to judge it


@pytest.mark.parametrize(("budget_s", "is_gated"), [(60.0, False), (299.9, False), (300.0, True)])
def test_late_trials_are_judged_where_there_is_time_for_it(budget_s: float, is_gated: bool) -> None:
    gates = metrics.choose_metrics("warm", budget_s=budget_s)
    shown = metrics.choose_ungated(gates, "warm")
    assert ("ttfa late" in [gate.label for gate in gates]) is is_gated
    assert ("ttfa late" in [metric.label for metric in shown]) is not is_gated


@pytest.mark.parametrize(("round_s", "is_gated"), [(0.3, True), (0.67, False), (7.0, False)])
def test_late_trials_of_a_slow_engine_wait_for_a_budget_of_enough_texts(
    round_s: float, *, is_gated: bool
) -> None:
    gates = metrics.choose_metrics("warm", budget_s=600.0, round_s=round_s)
    assert ("ttfa late" in [gate.label for gate in gates]) is is_gated
    open_budget = metrics.choose_metrics("warm", budget_s=math.inf, round_s=round_s)
    assert "ttfa late" in [gate.label for gate in open_budget]


def test_the_budget_that_is_named_for_late_trials_judges_them() -> None:
    (late,) = metrics.choose_ungated(metrics.choose_metrics("warm"), "warm")
    assert "6300 s or more" in metrics.why_ungated(late, round_s=7.0)
    gates = metrics.choose_metrics("warm", budget_s=6300.0, round_s=7.0)
    assert late in gates


def test_late_trials_are_always_judged_where_they_are_named() -> None:
    gates = metrics.choose_metrics("warm", metrics.margins_of_keywords({"ttfa_late": "5%"}, "@x"))
    (late,) = [gate for gate in gates if gate.statistic == "late"]
    assert (late.margin, late.band) == (0.05, pytest.approx(math.log(1.15)))
    assert metrics.choose_ungated(gates, "warm") == ()
    assert "@regression(ttfa_late=...)" in metrics.why_ungated(late)


def test_single_starts_have_no_late_share() -> None:
    gates = metrics.choose_metrics("cold", budget_s=600.0)
    assert "ttfa late" not in [gate.label for gate in gates]
    assert metrics.choose_ungated(gates, "cold") == ()


def test_figures_that_are_mostly_0_say_how_large_an_event_is() -> None:
    events = {name: figure.event for name, figure in metrics.ALL.items() if figure.event}
    assert events == {"underruns": 1.0, "clipped": 0.06}
    (gate,) = metrics.choose_metrics("warm", {"underruns": 1.0})[len(metrics.DEFAULT) :]
    assert gate.event == 1.0

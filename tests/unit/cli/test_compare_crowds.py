"""`ttsperf compare A B --listeners N`: what is compared, and what is printed of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_ttsperf.cli import main
from pytest_ttsperf.load import comparison, window_blocks
from pytest_ttsperf.load.comparison import LoadComparisonSpec
from pytest_ttsperf.load.window_blocks import ARMS
from pytest_ttsperf.records import ChangeVerdict, Comparison, Outcome
from tests.unit.load.factories import window

TARGETS = ("compare", "scripted:Old", "scripted:New")
(P95,) = [each for each in window_blocks.choose_metrics() if each.label == "ttfa p95"]


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[LoadComparisonSpec]:
    """The specs that were compared; each comparison says FAIL."""
    specs: list[LoadComparisonSpec] = []

    def compare_under_load(spec: LoadComparisonSpec, tell: Callable[[str], None]) -> Comparison:
        specs.append(spec)
        tell("block 1 of 6")
        change = ChangeVerdict(
            outcome=Outcome.FAIL, reason="it changed by +38.0 %", statistic="value", scale="ratio",
            unit="", margin=0.1, look="early", blocks=3, left_out=0, decided_s=400.0,
        )  # fmt: skip
        windows = {arm: (window(ttfa_sound_p95_ms=100.0),) for arm in ARMS}
        return Comparison(
            against=spec.against, blocks=3, gates=(P95,), changes=(change,), windows=windows
        )

    monkeypatch.setattr(comparison, "compare_under_load", compare_under_load)
    return specs


def test_listeners_are_compared_by_windows(
    compared: list[LoadComparisonSpec], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([*TARGETS, "--listeners", "8", "--window", "10s", "--fail", "ttfa_p95:20%"])
    assert code == 1
    (spec,) = compared
    assert spec.plan.load.label == "8 listeners"
    assert spec.plan.window.counted_s == 10.0
    assert spec.plan.window.lead_s == 2.5
    assert spec.budget_s == 900.0
    margins = {metric.label: metric.margin for metric in spec.metrics}
    assert margins["ttfa p95"] == 0.2
    assert "speech" not in margins, "two targets need not say the same"
    text = capsys.readouterr().out
    assert "FAIL  ttfa p95, decided after 400 s: it changed by +38.0 %" in text
    assert "short, 8 listeners: ttfa p95 of each window, in ms" in text


def test_every_figure_can_be_given_the_smallest_change_that_counts(
    compared: list[LoadComparisonSpec],
) -> None:
    named = ("ttfa:8%", "stalled:3%", "goodput:9%", "left_behind:2", "speech:4%")
    main([*TARGETS, "--listeners", "8", *(f"--fail={line}" for line in named)])
    margins = {metric.label: metric.margin for metric in compared[0].metrics}
    assert margins == {
        "ttfa geometric mean": 0.08, "ttfa p95": 0.08, "share of stalled answers": 0.03,
        "time per good answer": 0.09, "threads and descriptors left behind by a request": 2.0,
        "speech": 0.04,
    }  # fmt: skip


def test_a_figure_of_single_texts_is_refused_with_those_of_a_crowd(
    compared: list[LoadComparisonSpec], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*TARGETS, "--listeners", "8", "--fail", "rtf:5%"]) == 2
    assert not compared
    error = capsys.readouterr().err
    assert "'rtf' cannot be compared where many listen" in error
    assert "ttfa_typical, ttfa_p95, stalled, goodput, left_behind, speech" in error


def test_a_rate_is_an_open_loop_and_the_budget_is_that_of_the_command(
    compared: list[LoadComparisonSpec],
) -> None:
    main([*TARGETS, "--rate", "2.5", "--budget", "20min", "--preset", "short", "--preset", "long"])
    first, second = compared
    assert first.plan.load.label == "2.5 a second"
    assert first.budget_s == 1200.0
    assert [spec.plan.plan.text for spec in (first, second)] == ["short", "long"]


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (("--listeners", "0"), "wanted a whole number of at least 1"),
        (("--rate", "0"), "wanted requests a second"),
        (("--listeners", "2", "--rate", "2"), "not allowed with"),
        (("--listeners", "2", "--window", "open"), "wanted a time above 0"),
    ],
)
def test_a_load_that_is_none_says_what_is(
    arguments: tuple[str, ...], remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*TARGETS, *arguments])
    assert remedy in capsys.readouterr().err


def test_cold_starts_have_no_listeners(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*TARGETS, "--listeners", "2", "--cold"]) == 2
    assert "--cold is of single starts" in capsys.readouterr().err

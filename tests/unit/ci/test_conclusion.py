"""What a run comes to, in a word and a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from pytest_ttsperf.ci.conclusion import conclude
from pytest_ttsperf.records import CellResult, Comparison, Outcome, Verdict
from tests.unit.baseline.factories import run_of
from tests.unit.report.test_terminal import result

PASS, FAIL, OPEN, INVALID = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.INVALID


def verdict(outcome: Outcome, gate: Any = "change", **more: Any) -> Verdict:
    return Verdict(subject="ttfa p50 against a1", outcome=outcome, reason="", gate=gate, **more)


def cell(*verdicts: Verdict, is_compared: bool = True) -> CellResult:
    comparison = Comparison(against="a1", blocks=9) if is_compared else None
    return structs.replace(result("test_a"), comparison=comparison, verdicts=verdicts)


@pytest.mark.parametrize(
    ("verdicts", "code", "word", "sentence"),
    [
        ([verdict(PASS)], 0, "pass", "not slower than main"),
        ([verdict(PASS, improved=True)], 0, "pass", "faster than main"),
        (
            [verdict(PASS), verdict(OPEN)],
            0,
            "pass",
            "not slower than main, as far as it could be decided (1 gate open)",
        ),
        (
            [verdict(OPEN), verdict(PASS, "limit")],
            0,
            "inconclusive",
            "it is not decided whether this is slower than main",
        ),
        ([verdict(PASS, "limit")], 0, "inconclusive", "nothing was compared with main"),
        ([verdict(FAIL), verdict(PASS)], 1, "fail", "slower than main (1 gate)"),
        (
            [verdict(FAIL, "limit"), verdict(FAIL), verdict(FAIL)],
            1,
            "fail",
            "slower than main (2 gates); over a limit (1 gate)",
        ),
        ([verdict(FAIL, "work")], 1, "fail", "does other work than main (1 gate)"),
        (
            [verdict(FAIL, "baseline")],
            1,
            "fail",
            "slower than this machine's earlier runs (1 gate)",
        ),
        (
            [verdict(FAIL), verdict(INVALID, "trust")],
            1,
            "invalid",
            "slower than main (1 gate); not to be believed (1 cell INVALID)",
        ),
        (
            [verdict(PASS), verdict(OPEN)],
            1,
            "inconclusive",
            "not slower than main, as far as it could be decided (1 gate open); tests failed",
        ),
        (
            [verdict(PASS)],
            1,
            "broken",
            "tests failed, for another reason than what was measured",
        ),
    ],
)
def test_a_comparison(verdicts: list[Verdict], code: int, word: str, sentence: str) -> None:
    assert conclude(run_of(cell(*verdicts)), code, "main") == (word, sentence)


@pytest.mark.parametrize(
    ("outcomes", "word", "sentence"),
    [
        ([PASS], "pass", "within all limits"),
        (
            [PASS, OPEN, OPEN],
            "pass",
            "within all limits, as far as it could be decided (2 gates open)",
        ),
        ([OPEN], "inconclusive", "no gate was decided"),
        ([], "inconclusive", "no gate was decided"),
    ],
)
def test_limits_alone(outcomes: list[Outcome], word: str, sentence: str) -> None:
    verdicts = [verdict(outcome, "limit") for outcome in outcomes]
    run = run_of(cell(*verdicts, is_compared=False))
    assert conclude(run, 0, None) == (word, sentence)


def test_a_machine_without_baselines_leaves_no_gate_open() -> None:
    run = run_of(cell(verdict(PASS), verdict(OPEN, "baseline")))
    assert conclude(run, 0, "main") == ("pass", "not slower than main")
    alone = run_of(cell(verdict(OPEN, "baseline"), is_compared=False))
    assert conclude(alone, 0, None).word == "inconclusive"


@pytest.mark.parametrize("code", [2, 3, 4, 130, 137])
def test_a_run_that_ended_early_has_not_passed(code: int) -> None:
    found = conclude(run_of(cell(verdict(PASS))), code, "main")
    assert found.word == "broken"
    assert f"exit code {code}" in found.sentence


def test_nothing_measured_is_not_passed() -> None:
    assert conclude(None, 0, "main") == ("broken", "nothing was measured")
    assert conclude(None, 5, "main").sentence.startswith("no performance test was found")
    unfinished = run_of(cell(verdict(PASS)), finished=False)
    assert conclude(unfinished, 0, "main").word == "broken"

"""What is said of a soak, below its verdicts and while it lasts."""

from __future__ import annotations

import pytest
from msgspec import structs

from pytest_ttsperf.endurance import figures
from pytest_ttsperf.endurance.plan import SoakProgress
from pytest_ttsperf.endurance.progress import progress_text
from pytest_ttsperf.records import (
    CellResult,
    Drift,
    LeakSlope,
    Memory,
    Outcome,
    SoakSpec,
    Verdict,
)
from pytest_ttsperf.report import soak, terminal
from tests.unit.endurance.factories import slices, soak_of
from tests.unit.endurance.test_verdicts import CELL, threshold

LEAKING = Memory(leak=LeakSlope(mb_per_1000=0.214, low=-0.1, high=0.52, readings=24))


def lines_of(memory: Memory = LEAKING, **more: object) -> list[str]:
    return list(soak.describe_soak(figures.derive(soak_of(slices(), **more)), memory))


def test_length_drift_growth_and_the_place_of_the_trials_are_shown() -> None:
    lines = lines_of(journal="artifacts/soak/x.jsonl", remarks=("goes on with another",))
    assert lines == [
        "goes on with another",
        "32 slices in 20.0 min, 12,800 requests, 853.3 min of audio, 0 underruns",
        "drift for 20 min: ttfa +0.0 % (+0.0 to +0.0 %), rtf +0.0 % (+0.0 to +0.0 %), "
        "null target +0.0 % (+0.0 to +0.0 %)",
        "left behind: +0.21 MB for each 1000 requests (-0.10 to +0.52), +0 descriptors and threads",
        "raw trials: artifacts/soak/x.jsonl",
    ]


def test_what_was_not_measured_says_why() -> None:
    (line,) = [line for line in lines_of(Memory(reason="hidden")) if "left behind" in line]
    assert "memory not measured (hidden)" in line


def test_failures_and_sessions_are_counted() -> None:
    of = slices(failed=lambda index: int(index == 3), session=lambda index: int(index > 9))
    (line,) = [
        line
        for line in soak.describe_soak(figures.derive(soak_of(of)), LEAKING)
        if "slices in" in line
    ]
    assert ", 1 failed," in line
    assert "in 2 processes" in line


def test_a_number_that_nobody_reads_is_cut() -> None:
    assert soak.percent(1e200) == "over +1000 %"
    assert soak.percent(-0.0312) == "-3.1 %"


def test_a_row_has_the_figure_and_its_bound() -> None:
    limit = threshold("drift", 0.05)
    verdict = Verdict(
        subject="soak drift (ttfa)", outcome=Outcome.FAIL, reason="slower", value=0.081,
        bound=0.063, n=16, threshold=limit, metric="drift",
    )  # fmt: skip
    result = CellResult(
        cell=CELL, fingerprint="f", declared_trials=1, trials=(), ready=None, memory=LEAKING,
        thresholds=(limit,), verdicts=(verdict,), soak=figures.derive(soak_of(slices())),
    )  # fmt: skip
    table = terminal.table([result])
    (row,) = [line for line in table.splitlines() if "soak drift" in line]
    assert row.split()[3:] == ["16", "8.1%", ">=", "6.3%", "5%", "FAIL"]
    assert "  32 slices in 20.0 min" in table
    text = terminal.failures([result], [Outcome.FAIL])
    assert "32 slices in 20.0 min, 12,800 requests" in text
    assert "Try: look at the slices" in text


def test_progress_has_a_bar_and_the_newest_figures() -> None:
    progress = SoakProgress(share=0.5, minutes=10.0, requests=6400, newest=slices()[0], underruns=1)
    assert progress_text(progress, SoakSpec(minutes=20.0)) == (
        "[############............] soak 10.0 of 20 min: 6,400 requests, TTFA 12.0 ms, RTF 0.050, "
        "1 underrun"
    )
    by_count = progress_text(progress._replace(newest=None), SoakSpec(requests=12_800))
    assert "soak of 12,800 requests, 10.0 min so far: 6,400 requests, 1 underrun" in by_count
    assert len(progress_text(progress, SoakSpec(minutes=20.0), width=40)) == 40


def test_a_bar_is_never_longer_than_full() -> None:
    assert soak.progress_bar(0.0) == f"[{'.' * 24}]"
    assert soak.progress_bar(1.7) == f"[{'#' * 24}]"


def test_labels_of_lengths() -> None:
    assert SoakSpec(minutes=2.5).label == "2.5 min"
    assert SoakSpec(requests=5000).label == "5,000 requests"
    assert structs.replace(SoakSpec(requests=64)).label == "64 requests"


def drift_of(metric: str, low: float, high: float) -> Drift:
    return Drift(
        metric=metric, per_20_min=(low + high) / 2, low=low, high=high, slices=8, minutes=0.05
    )


@pytest.mark.parametrize(
    ("outcome", "bound", "shown"),
    [
        (Outcome.INCONCLUSIVE, 82.619, "too short"),
        (Outcome.FAIL, 82.619, "over 1000%"),
        (Outcome.INCONCLUSIVE, 0.125, "<= 12.5%"),
    ],
)
def test_a_bound_that_a_short_soak_blows_up_is_no_number(
    outcome: Outcome, bound: float, shown: str
) -> None:
    limit = threshold("drift", 0.05)
    verdict = Verdict(
        subject="soak drift (ttfa)", outcome=outcome, reason="", value=0.01, bound=bound, n=16,
        threshold=limit, metric="drift",
    )  # fmt: skip
    result = CellResult(
        cell=CELL, fingerprint="f", declared_trials=1, trials=(), ready=None,
        thresholds=(limit,), verdicts=(verdict,), soak=figures.derive(soak_of(slices())),
    )  # fmt: skip
    (row,) = [line for line in terminal.table([result]).splitlines() if "soak drift" in line]
    assert f" {shown} " in row
    assert "8261" not in row


def test_a_soak_that_is_too_short_for_a_drift_says_so() -> None:
    measured = figures.derive(soak_of(slices()))
    blown_up = structs.replace(
        measured,
        drifts=(drift_of("ttfa", -0.9, 82.0), drift_of("rtf", 0.01, 0.03)),
        null_drift=None,
    )
    (line,) = [line for line in soak.describe_soak(blown_up, LEAKING) if "drift for" in line]
    assert line == "drift for 20 min: rtf +2.0 % (+1.0 to +3.0 %), 20 min say nothing of ttfa"

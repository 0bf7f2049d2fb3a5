"""docs/worked-example.md: each figure of the first page beside one that was measured."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import structs

from pytest_ttsperf.experiment import leaks
from pytest_ttsperf.judge import limits
from pytest_ttsperf.metrics import definitions, load, stages
from pytest_ttsperf.records import CellResult, Run, TargetInfo, Threshold, Trial
from pytest_ttsperf.report import page_build
from tests.unit.report.factories import (
    EVEN,
    RSS_RANGE,
    RTF,
    TTFA,
    UNDERRUNS,
    by_metric,
    cell,
    recording,
    result,
    run_of,
    trial,
    usage,
)
from tools import worked_example

worked_example_run = worked_example.worked_example_run
STREAMED = Threshold(
    marker="cadence", keyword="streamed", metric="all_at_once", statistic="p50", limit=0.5
)
LIMITS = (TTFA, RTF, structs.replace(RSS_RANGE, limit=300.0), STREAMED, UNDERRUNS)
SLOW = ((40.0, 500.0), (560.0, 500.0), (1080.0, 500.0), (1600.0, 500.0))
"""An RTF of 0.8, and a player that runs dry."""
NO_STALL = "Its gaps are longer than those of the first page, and no listener waits"
LATE = ((2100.0, 500.0), (2140.0, 500.0), (2180.0, 500.0), (2220.0, 500.0))
PHASES_MS = {
    "process": 50.0, "import": 40.0, "open": 1110.0, "ready": 1200.0, "first_run": 900.0,
    "second_run": 45.0,
}  # fmt: skip
READY = TargetInfo(pid=1, placement={"nodes": {"CPUExecutionProvider": 505}})


def summarize(trials: Sequence[Trial]) -> Any:
    """The figures that the page looks at."""
    samples = [load.sample(name, trials) for name in ("ttfa_ms", "ttfa_sound_ms", "ttfs_ms", "rtf")]
    return by_metric(*map(limits.summarize, samples))


def judge(threshold: Threshold, trials: Sequence[Trial]) -> Any:
    return limits.judge(threshold, load.limited_sample(threshold, trials), len(trials))


def warm_cell(chunks: Sequence[tuple[float, float]] = EVEN, **more: Any) -> CellResult:
    """59 answers, after each of which the process has 10 kB more."""
    recorded = recording(chunks, spans=(("server.decode", 5.0, 35.0),))
    trials = tuple(trial(index, recorded, usage=usage(100 + index / 100)) for index in range(59))
    memory = definitions.memory(usage(90), trials)
    memory = leaks.add_leak(memory, leaks.readings_of_trials(trials), "trial")
    first_sound, speed, range_of_memory, *cadence = LIMITS
    plain = result(
        trials=trials,
        thresholds=LIMITS,
        ready=READY,
        memory=memory,
        summary=summarize(trials),
        breakdown=stages.breakdown(trials),
        verdicts=(
            judge(first_sound, trials),
            judge(speed, trials),
            limits.judge_memory(range_of_memory, memory),
            *(judge(each, trials) for each in cadence),
        ),
    )
    return structs.replace(plain, **more)


def cold_cell(chunks: Sequence[tuple[float, float]] = LATE) -> CellResult:
    """Five starts."""
    recorded = recording(chunks)
    trials = tuple(trial(index, recorded, phases_ms=PHASES_MS) for index in range(5))
    return result(
        cell=cell(phase="cold", test="test_page.py::test_first_reply[cpu]"),
        declared_trials=5,
        trials=trials,
        thresholds=(TTFA,),
        ready=READY,
        summary=summarize(trials),
        verdicts=(judge(TTFA, trials),),
    )


def run_with(warm: CellResult | None = None, cold: CellResult | None = None) -> Run:
    return run_of(warm or warm_cell(), cold or cold_cell())


def row_of(page: str, line: worked_example.Line) -> str:
    """The one row in which a line of the first page stands beside what was measured."""
    (row,) = [
        text for text in page.splitlines() if text.startswith(f"| {line.metric} | {line.text}")
    ]
    return row


# What is stored


def test_the_page_is_the_one_that_the_tool_writes() -> None:
    page = worked_example.build_page(worked_example_run.read_stored())
    written = worked_example.PAGE.read_text("utf-8")
    assert written == page, "run: python tools/worked_example.py"


def test_the_stored_run_is_what_the_page_is_about() -> None:
    run = worked_example_run.read_stored()
    worked_example_run.refuse_unfit(run)
    model = page_build.build(run)
    rules = {finding.rule for finding in worked_example.find_cell_page(model, "cold").findings}
    assert "warm_up" in rules
    assert model.phase_pairs, "cold and warm are of one target, voice and text"
    warm = worked_example.find_cell(run, "warm")
    assert warm.memory.leak is not None
    assert any(share.stage.startswith("server.") for share in warm.breakdown.to_first_sound)


# The lines of the first page


def test_what_the_first_page_said_is_said() -> None:
    said = worked_example.describe_origin()
    for figure in (
        "5173 ms",
        "1.53",
        "33.7 MB",
        "12.4 ms",
        "500 ms",
        "1.0, streaming 0.6",
        "300 MB",
    ):
        assert figure in said
    assert "3 trials" in said


def test_each_of_its_figures_stands_beside_a_measured_one() -> None:
    run = run_with()
    page = worked_example.build_page(run)
    counterparts = worked_example.find_counterparts(worked_example.find_cell(run, "warm"))
    assert tuple(line for line, _ in counterparts) == worked_example.SAID
    for line, found in counterparts:
        row = row_of(page, line)
        assert line.figure in row
        assert found.measured in row
        assert found.verdict in row
        assert re.search(r"\d", found.measured)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (worked_example.TTFA, "40.0 ms, <= 40.0 ms with 95 % confidence; 59 trials"),
        (worked_example.TTFA, "<= 500 ms: PASS"),
        (worked_example.RTF, "<= 0.600: PASS; <= 1.0: PASS"),
        (worked_example.RSS, "0.580 MB; slope +10.00 MB for each 1000 requests"),
        (worked_example.RSS, "<= 300 MB: PASS"),
        (worked_example.GAPS, "40.0 ms (median of the trials' p95)"),
        (worked_example.GAPS, "0 of 59 trials stall, with 0 ms none; streamed: yes"),
        (worked_example.GAPS, "underruns <= 0: PASS; streamed: PASS; gaps: no target"),
    ],
)
def test_a_line_has_the_figures_of_the_run(line: worked_example.Line, words: str) -> None:
    assert words in row_of(worked_example.build_page(run_with()), line)


def test_what_is_broken_is_said_of_each_limit() -> None:
    page = worked_example.build_page(run_with(warm=warm_cell(SLOW)))
    assert "<= 0.600: FAIL; <= 1.0: PASS" in row_of(page, worked_example.RTF)
    gaps = row_of(page, worked_example.GAPS)
    assert "59 of 59 trials stall, with 500 ms none" in gaps
    assert "underruns <= 0: FAIL; streamed: PASS" in gaps
    assert NO_STALL not in page
    assert NO_STALL in worked_example.build_page(run_with())


def test_a_slope_that_was_not_measured_is_no_number() -> None:
    warm = warm_cell()
    memory = structs.replace(warm.memory, leak=None, leak_reason="too few readings")
    page = worked_example.build_page(run_with(warm=structs.replace(warm, memory=memory)))
    assert "slope not measured: too few readings" in row_of(page, worked_example.RSS)


def test_doubts_have_their_numbers() -> None:
    doubts = worked_example.describe_doubts()
    for words in ("14% of such runs", "takes 59 trials", "are 3.4 s", "949 of 2361", "33.7 MB"):
        assert words in doubts


# Cold apart from warm, causes and next steps


def test_the_first_answer_stands_apart_with_its_likely_cause() -> None:
    page = worked_example.build_page(run_with())
    assert (
        "waits 900 ms for the first sample, the others 40.0 ms (medians of 5 starts and 59 "
        "requests): 22.5 times as long"
    ) in page
    assert "- `warm_up`: warm answers are fast and first ones are not" in page
    assert "Next step: synthesise a real text of each length" in page
    assert "- `all_at_once`" not in page


def test_of_a_fast_start_no_warm_up_is_missed() -> None:
    page = worked_example.build_page(run_with(cold=cold_cell(EVEN)))
    assert "- `warm_up`" not in page
    assert "it says nothing of this run" in page


def test_what_the_first_page_asked_for_is_answered_by_figures() -> None:
    page = worked_example.build_page(run_with())
    assert "cpu was asked for, 505 on CPUExecutionProvider ran" in page
    assert "the largest is server.decode, 30.0 ms (75%); in no stage: 10.0 ms (25%)" in page
    assert "2100 ms and 40.0 ms, 52.5 x" in page
    assert "this run is of Linux, x86_64" in page


# The page as a page


def test_the_report_follows_below_the_headings_of_the_page() -> None:
    page = worked_example.build_page(run_with())
    assert len(re.findall(r"^# ", page, re.MULTILINE)) == 1
    assert "\n### Performance of engine:Engine, 2026-11-30 10:19\n" in page
    assert "\n### Cold beside warm\n" in page
    assert page.endswith("\n")


def test_what_is_folded_is_markdown_on_the_site() -> None:
    page = worked_example.build_page(run_with())
    assert '<details markdown="1">' in page
    assert "<details>" not in page


def test_it_is_repeated_by_the_tool() -> None:
    page = worked_example.build_page(run_with())
    assert f"```text\n{worked_example_run.COMMAND}\n```" in page


def test_a_run_without_a_cold_cell_is_no_page() -> None:
    with pytest.raises(ValueError, match=r"found no cold cell .* wanted one; repeat .*--measure"):
        worked_example.build_page(run_of(warm_cell()))
    bare = warm_cell(verdicts=())
    with pytest.raises(ValueError, match=r"found no verdict on ttfa_ms"):
        worked_example.build_page(run_with(warm=bare))

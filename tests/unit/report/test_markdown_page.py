"""report.md: everything is there, escaped, and in an order that is read from the top."""

from __future__ import annotations

import re

import pytest
from msgspec import structs

from pytest_ttsperf.records import Breakdown, Outcome, StageShare, TrustNote
from pytest_ttsperf.report import markdown_page, page_build
from tests.unit.report.analysis import cases_of_speed, cases_of_the_rest
from tests.unit.report.factories import (
    FAILED,
    PASSED,
    by_metric,
    cell,
    crowd_result,
    figures,
    recording,
    result,
    run_of,
    trial,
    trials,
    usage,
    window,
)
from tests.unit.report.test_page_build import GOOD


def text_of(*results, **more) -> str:
    return markdown_page.render(page_build.build(run_of(*results, **more)))


def plain(text: str) -> str:
    """As it is read: without the escapes of Markdown."""
    named = re.sub(r"&#(\d+);", lambda found: chr(int(found.group(1))), text)
    return re.sub(r"\\([^\w\s])", r"\1", named)


def headings(text: str) -> list[str]:
    return [line for line in plain(text).splitlines() if line.startswith("#")]


FULL = structs.replace(
    cases_of_speed.LATE_FIRST_CHUNK,
    trials=trials(9, cases_of_speed.WHOLE_SENTENCE, usage=usage(100.0)),
    summary=by_metric(figures("ttfa_ms", 400.0, 644.6)),
    breakdown=Breakdown(to_first_sound=(StageShare(stage="decode", ms=300.0, share=0.8),)),
    notes=(TrustNote(guard="steady", text="not steady after 8 warm-ups"),),
)


def test_it_begins_with_the_verdict_in_three_lines() -> None:
    title, _, verdict_line, _, worst, _, following, *_ = plain(text_of(FULL, GOOD)).splitlines()
    assert title == "# Performance of engine:Engine, 2026-11-30 10:19"
    assert verdict_line.startswith("**FAIL.** 1 cell FAIL, 1 cell PASS")
    assert worst.startswith("Worst: ")
    assert following.startswith("Next: ")


def test_a_cell_that_fails_shows_everything() -> None:
    text = text_of(FULL)
    found = headings(text.partition("<details>")[0])
    for heading in ("### Likely causes", "### Next steps", "### Distribution", "### Cadence"):
        assert heading in found
    assert "### Stages, to the first sound" in found
    readable = plain(text)
    assert "| metric | n | measured | 95 % bound | spread | limit | verdict |" in readable
    assert "| ttfa p95 | 59 | 645 ms |" in readable
    assert "the first chunk carries 2.1 s of 3.5 s of audio" in readable
    assert "1. **The first chunk waits for a whole sentence to be synthesised.**" in readable
    assert "1. Cut the first segment shorter" in readable
    assert "steady: not steady after 8 warm-ups" in readable


def test_causes_and_steps_have_the_same_numbers() -> None:
    readable = plain(text_of(FULL))
    causes, _, steps = readable.partition("### Next steps")
    wanted = len(page_build.build(run_of(FULL)).cells[0].findings)
    assert len(re.findall(r"^\d+\. \*\*", causes, re.MULTILINE)) == wanted
    steps = steps.partition("\n\n### ")[0]
    assert len(re.findall(r"^\d+\. ", steps, re.MULTILINE)) == wanted


def test_what_is_found_of_a_cell_that_passes_is_no_cause_of_anything() -> None:
    memory = cases_of_the_rest.LEAK.loud.result.memory
    found = headings(text_of(result(memory=memory, verdicts=(PASSED,))))
    assert "### Worth a look" in found
    assert "### Likely causes" not in found


def test_a_cell_that_is_all_well_is_folded() -> None:
    text = text_of(structs.replace(GOOD, trials=trials(5)))
    visible = text.partition("<details>")[0]
    assert "### Distribution" not in visible
    assert "### Distribution" in text
    assert text.count("<details>") == text.count("</details>")


def test_cold_stands_beside_warm() -> None:
    text = plain(text_of(cases_of_speed.COLD_SLOW, cases_of_speed.WARM))
    assert "## Cold beside warm" in text
    assert "| ttfa, first sounding chunk | 4200 ms | 5 | 48.2 ms | 59 | 87.1 x |" in text


def test_a_comparison_says_what_changed_against_which_revision_and_where() -> None:
    change = cases_of_the_rest.changed(Outcome.FAIL, cases_of_the_rest.EXPLAINED)
    failed = structs.replace(cases_of_the_rest.compared(change), verdicts=(FAILED,))
    text = plain(text_of(failed))
    assert "### Against main" in text
    assert "revision ed2939f35358" in text
    assert "| ttfa p95 | decode | +10.9 ms | +10.1 to +11.7 ms | explains it |" in text


def test_a_comparison_that_was_not_made_says_why() -> None:
    comparison = structs.replace(
        cases_of_the_rest.compared().comparison, blocks=0, reason="no such voice there"
    )
    text = plain(text_of(result(comparison=comparison, verdicts=(FAILED,))))
    assert "Nothing was compared: no such voice there." in text


def test_placement_memory_crowds_and_soaks_have_their_tables() -> None:
    placed = structs.replace(
        cases_of_speed.FEW_NODES.loud.result, verdicts=(FAILED,), cell=cell(provider="coreml")
    )
    text = plain(text_of(placed))
    assert "| CoreMLExecutionProvider | 949 | 40% |" in text
    assert "Transpose 300, Cast 20" in text
    crowd = crowd_result(window(0, ttfa_p95_ms=600.0), verdicts=(FAILED,))
    assert "| 0 | 70 of 70 | 600 ms |" in plain(text_of(crowd))
    soaked = cases_of_the_rest.OPEN_HANDLES.loud.result
    assert "### Over its time" in plain(text_of(soaked))
    leaking = result(memory=cases_of_the_rest.LEAK.loud.result.memory, verdicts=(FAILED,))
    assert "+2.50 MB for each 1000 requests" in plain(text_of(leaking))


def test_a_histogram_has_every_trial() -> None:
    late = recording(((700.0, 500.0), (740.0, 500.0)))
    each = structs.replace(FULL.trials[0], index=8, recording=late)
    text = plain(text_of(structs.replace(FULL, trials=(*FULL.trials[:8], each))))
    block = text.partition("ttfa, as heard: n=9")[2].partition("```")[0]
    counts = [int(line.split()[-1]) for line in block.splitlines() if markdown_page.MARK in line]
    assert sum(counts) == 9


def test_bars_that_are_close_to_each_other_have_names_of_their_own() -> None:
    near = [recording([(400.0 + place / 100, 2100.0)]) for place in range(9)]
    spoken = tuple(trial(place, each) for place, each in enumerate(near))
    text = plain(text_of(structs.replace(FULL, trials=spoken)))
    block = text.partition("ttfa, as heard: n=9")[2].partition("```")[0]
    bars = []
    for line in block.splitlines():
        if markdown_page.MARK in line:
            bars.append(line.split(" ms")[0].strip())
    assert len(bars) > 1
    assert len(set(bars)) == len(bars)


def test_values_that_are_all_the_same_have_no_bars() -> None:
    text = plain(text_of(FULL))
    assert "\nttfa, as heard: n=9, each 400 ms\n" in text
    assert f"{markdown_page.MARK}{markdown_page.FULL}" not in text


@pytest.mark.parametrize("harm", ["a|b", "@team", "<img src=x>", "[x](y)", "`x`", "#1", "a\nb"])
def test_a_name_harms_nothing(harm: str) -> None:
    odd = result(
        cell=cell(test=f"test_a.py::test_a[{harm}]", target=f"engine:{harm}"),
        verdicts=(structs.replace(FAILED, reason=harm, subject=harm),),
        notes=(TrustNote(guard="trend", text=harm),),
    )
    text = text_of(odd)
    assert harm not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} <= {3, 8}


def test_what_means_nothing_in_markdown_stays_as_it_is() -> None:
    for text in ("ttfa_p95_ms <= 500 ms", "test_a[cpu] short", "a: b (c), 5 + 3!", "5 > 3 & 2 < 4"):
        assert markdown_page.escape(text) == text


def test_nothing_measured_is_still_a_page() -> None:
    text = text_of()
    assert text.startswith("# Performance of nothing")
    assert "Nothing was measured." in text


def test_it_ends_with_the_machine_and_how_to_run_it_again() -> None:
    text = text_of(structs.replace(GOOD, verdicts=(PASSED,)))
    assert "## Machine and run" in text
    assert text.endswith("\n")
    assert "pytest -m perf" in text

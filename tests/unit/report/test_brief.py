"""One line for each cell in which all is well, and what concerns every cell once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from msgspec import structs

from pytest_ttsperf.records import (
    CellResult,
    ChangeVerdict,
    ComparedMetric,
    Comparison,
    Outcome,
    SoakResult,
    SoakSpec,
    Summary,
    Threshold,
    TrustNote,
    Verdict,
)
from pytest_ttsperf.report import brief, terminal
from tests.unit.report.test_crowd import VERDICT, load_of, window
from tests.unit.report.test_terminal import LIMIT, result

SPEED = Threshold(marker="rtf", keyword="p95", metric="rtf", statistic="p95", limit=0.6)
STREAMED = Threshold(
    marker="cadence", keyword="streamed", metric="all_at_once", statistic="p50", limit=0.5
)


def passed(test: str, *, speed: float = 0.31, stall_ms: float = 0.0) -> CellResult:
    """A cell within its two limits."""
    plain = result(test, Outcome.PASS)
    within = Verdict(
        subject="rtf p95", outcome=Outcome.PASS, reason="", metric="rtf", value=speed, n=59,
        threshold=SPEED,
    )  # fmt: skip
    stalls = Summary(
        metric="longest_stall_ms", n=59, missing=0, p50=0.0, p95=stall_ms, max=stall_ms
    )
    speeds = Summary(metric="rtf", n=59, missing=0, p50=0.3, p95=speed)
    summary = {**plain.summary, "longest_stall_ms": stalls, "rtf": speeds}
    return structs.replace(plain, verdicts=(*plain.verdicts, within), summary=summary)


def of_cell(found: CellResult, **fields: Any) -> CellResult:
    return structs.replace(found, cell=structs.replace(found.cell, **fields))


def lines_of(*results: CellResult, width: int | None = None) -> list[str]:
    return terminal.summary_table(results, width=width).splitlines()


def test_a_cell_in_which_all_is_well_is_one_line_with_the_limit_that_is_closest() -> None:
    shared, empty, headings, _, line = lines_of(passed("test_a[cpu]"))
    assert shared == "Measured: engine:Engine, voice heart, provider cpu"
    assert empty == ""
    assert headings.split()[:2] == ["cell", "n"]
    assert line.split() == [
        "test_a[cpu]", "short", "stream", "warm", "59", "31.4", "ms", "48.2", "ms", "0.310",
        "rtf", "p95", "0.310", "of", "0.600", "2", "PASS",
    ]  # fmt: skip


def test_what_concerns_every_cell_is_said_once() -> None:
    cells = [
        passed("test_a[cpu]"),
        of_cell(passed("test_b[cpu]"), preset="long"),
        of_cell(passed("test_c[cpu]"), preset="medium"),
    ]
    shared, *lines = lines_of(*cells)
    assert shared == "All 3 cells: engine:Engine, voice heart, provider cpu, stream warm"
    assert [line.split()[:2] for line in lines[3:]] == [
        ["test_a[cpu]", "short"],
        ["test_b[cpu]", "long"],
        ["test_c[cpu]", "medium"],
    ]
    assert "stream" not in "\n".join(lines)
    assert lines_of(*cells[:2])[0].startswith("Both cells: ")


def test_what_cells_do_not_share_stands_in_their_labels() -> None:
    crowd = of_cell(passed("test_a[cpu]"), load="8 listeners", voice="joe", target="a:A")
    alone = of_cell(passed("test_a[cuda]"), mode="nonstream", phase="cold", provider="cuda")
    label = brief.label_of([crowd, alone])
    assert label(crowd.cell) == "test_a[cpu] stream warm, 8 listeners"
    assert label(alone.cell) == "test_a[cuda] nonstream cold"
    assert brief.shared_line([crowd, alone]) == "Both cells: short"
    other = of_cell(alone, preset="long")
    assert brief.shared_line([crowd, other]) is None
    assert lines_of(crowd, other)[0].startswith("cell"), "no line with nothing in it"


def test_a_shared_load_is_said_once_too() -> None:
    cells = [of_cell(passed(f"test_{name}"), load="8 listeners") for name in "ab"]
    assert brief.shared_line(cells) == (
        "Both cells: engine:Engine, voice heart, provider cpu, short stream warm, 8 listeners"
    )
    assert brief.label_of(cells)(cells[0].cell) == "test_a"


def test_details_stand_where_not_all_is_well_and_come_first() -> None:
    bad = result("test_bad[cpu]", Outcome.PASS, Outcome.FAIL)
    lines = lines_of(passed("test_good[cpu]"), bad)
    text = "\n".join(lines)
    assert lines[2].startswith("cell, metric"), "the table of details"
    assert lines[4] == "test_bad[cpu]"
    assert lines[5].endswith("FAIL")
    assert lines[6].endswith("PASS"), "all its rows, also those that are well"
    assert text.index("test_bad") < text.index("test_good")
    (good,) = [line for line in lines if "test_good" in line]
    assert good.endswith("2 PASS")


@pytest.mark.parametrize(
    ("found", "is_well"),
    [
        (passed("test_a"), True),
        (result("test_a"), True),
        (result("test_a", Outcome.INCONCLUSIVE), False),
        (result("test_a", Outcome.INVALID), False),
        (passed("test_a", stall_ms=1460.0), False),
    ],
)
def test_all_is_well_where_there_is_nothing_to_look_at(found: CellResult, is_well: bool) -> None:
    assert brief.is_well(found) == is_well


def test_a_hole_is_seen_whatever_a_test_limits() -> None:
    (row,) = [line for line in lines_of(passed("test_a", stall_ms=1460.0)) if "stall" in line]
    assert row.split() == ["longest", "stall", "59", "0", "1460", "-", "no", "limit"]


def test_what_became_better_is_looked_at() -> None:
    better = structs.replace(passed("test_a").verdicts[0], improved=True)
    assert not brief.is_well(structs.replace(passed("test_a"), verdicts=(better,)))


def test_a_soak_is_always_shown_whole() -> None:
    soaked = structs.replace(
        passed("test_a"), soak=SoakResult(spec=SoakSpec(minutes=20.0), slices=())
    )
    assert not brief.is_well(soaked)


def test_a_missing_baseline_is_no_trouble_of_a_cell() -> None:
    missing = Verdict(
        subject="baseline", outcome=Outcome.INCONCLUSIVE, reason="none", gate="baseline"
    )
    plain = passed("test_a")
    both = structs.replace(plain, verdicts=(*plain.verdicts, missing))
    assert brief.is_well(both)
    assert lines_of(both)[-1].endswith("2 PASS")
    painted = terminal.summary_table([both], lambda text, outcome: f"<{outcome}:{text}>")
    assert painted.endswith("<PASS:2 PASS>"), "and not the colour of what is open"
    alone = structs.replace(plain, verdicts=(missing,))
    assert lines_of(alone)[-1].endswith("no limit")


def test_notes_do_not_make_a_cell_one_to_look_at() -> None:
    noted = structs.replace(
        passed("test_a"), notes=(TrustNote(guard="page-cache", text="a filled cache"),)
    )
    assert brief.is_well(noted)


def test_the_time_to_first_audio_is_that_of_the_tests_player() -> None:
    buffered = structs.replace(LIMIT, prebuffer_ms=100.0)
    plain = passed("test_a")
    figures = Summary(metric="ttfa_ms", n=59, missing=0, p50=140.0, p95=160.0)
    summary = {**plain.summary, "ttfa_ms@100ms": figures}
    found = structs.replace(plain, thresholds=(SPEED, buffered), summary=summary)
    line = lines_of(found)[-1]
    assert "140 ms" in line
    assert "31.4" not in line


# Which limit is the closest


def verdict_of(threshold: Threshold | None, value: float | None, **more: Any) -> Verdict:
    return Verdict(
        subject=threshold.label if threshold else "ttfa_sound p50",
        outcome=Outcome.PASS,
        reason="",
        value=value,
        threshold=threshold,
        **more,
    )


LEAST = Threshold(
    marker="capacity", keyword="min_listeners", metric="capacity", statistic="value", limit=6,
    is_least=True,
)  # fmt: skip
NONE_ALLOWED = Threshold(
    marker="cadence", keyword="underruns", metric="underruns", statistic="max", limit=0
)


@pytest.mark.parametrize(
    ("verdict", "share", "text"),
    [
        (verdict_of(LIMIT, 125.0), 0.25, "ttfa p95 125 of 500 ms"),
        (verdict_of(LEAST, 8.0), 0.75, "capacity min_listeners 8 of at least 6"),
        (verdict_of(NONE_ALLOWED, 0.0), 0.0, "cadence underruns 0 of 0"),
        (verdict_of(STREAMED, 0.0), 0.0, "cadence streamed yes"),
        (verdict_of(None, 20.0, limit=40.0, unit="ms"), 0.5, "ttfa_sound p50 20.0 of 40.0 ms"),
        (verdict_of(None, None), 0.0, "ttfa_sound p50"),
    ],
)
def test_how_much_of_a_limit_is_used(verdict: Verdict, share: float, text: str) -> None:
    assert brief.used_share(verdict) == share
    assert brief.closest_to_limit(structs.replace(passed("a"), verdicts=(verdict,))) == text


def test_a_change_is_shown_beside_the_smallest_that_counts() -> None:
    gate = ComparedMetric(label="ttfa p50", metric="ttfa_ms", statistic="p50", margin=0.03)
    change = ChangeVerdict(
        outcome=Outcome.PASS, reason="", statistic="p50", scale="ratio", unit="", margin=0.03,
        look="end", blocks=9, left_out=0, effect=0.001, high=0.01,
    )  # fmt: skip
    comparison = Comparison(against="before", blocks=9, gates=(gate,), changes=(change,))
    verdict = Verdict(
        subject="ttfa p50 against before", outcome=Outcome.PASS, reason="", gate="change",
        value=0.001, limit=0.03, n=9,
    )  # fmt: skip
    found = structs.replace(passed("a"), comparison=comparison, verdicts=(verdict,))
    assert brief.closest_to_limit(found) == "ttfa p50 against before +0.1 % of +3.0 %"


def test_many_listeners_are_counted_in_windows() -> None:
    within = structs.replace(VERDICT, outcome=Outcome.PASS, value=210.0)
    crowd = structs.replace(
        passed("test_a"), load=load_of(window(0), window(1)), verdicts=(within,)
    )
    line = lines_of(crowd)[-1]
    assert " 2 windows " in line
    assert "requests in" not in "\n".join(lines_of(crowd))


# The room that there is


LONG = "test_a_name_that_says_at_length_what_is_measured_here[cpu-short-and-more]"


@pytest.mark.parametrize("width", range(40, 140))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    against = "origin/a-branch-with-a-long-name"
    open_change = Verdict(
        subject=f"ttfa p50 against {against}", outcome=Outcome.INCONCLUSIVE, reason="open",
        gate="change",
    )  # fmt: skip
    compared = structs.replace(
        result(LONG.replace("_a_", "_b_")),
        comparison=Comparison(against=against, blocks=9),
        verdicts=(open_change,),
    )
    results = [passed(LONG), passed("test_short"), result("test_bad", Outcome.FAIL), compared]
    lines = lines_of(*results, width=width)
    too_wide = [line for line in lines if len(line) > width and len(line.split()) > 1]
    assert too_wide == []
    (well,) = [line for line in lines if line.startswith("test_short")]
    assert well.endswith("PASS")


def test_columns_go_before_names_are_cut() -> None:
    wide, narrow = (lines_of(passed(LONG), width=width) for width in (160, 80))
    assert LONG in wide[-1]
    assert "of 0.600" in wide[-1]
    assert "..." in narrow[-1]
    assert "of 0.600" not in narrow[-1]


def columns_of(*results: CellResult, width: int) -> list[str]:
    """The headings of the table, from the left."""
    [headings] = [line for line in lines_of(*results, width=width) if line.startswith("cell ")]
    return re.split(r"\s{2,}", headings)


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (100, ["n", "TTFA p50", "TTFA p95", "RTF p95", "closest to its limit"]),
        (85, ["n", "TTFA p50", "TTFA p95", "closest to its limit"]),
        (80, ["n", "TTFA p50", "TTFA p95", "RTF p95"]),
        (60, ["n", "TTFA p50", "TTFA p95"]),
        (50, ["n", "TTFA p95"]),
        (40, ["n"]),
    ],
)
def test_less_important_columns_go_first(width: int, columns: list[str]) -> None:
    assert columns_of(passed(LONG), width=width) == ["cell", *columns, "verdict"]


def test_eighty_columns_have_n_and_both_ttfas_whatever_is_limited() -> None:
    buffered = structs.replace(LIMIT, prebuffer_ms=100.0)
    tight = structs.replace(verdict_of(buffered, 499.0), metric="ttfa_ms", n=59)
    crowd = structs.replace(
        passed("test_crowd"),
        load=load_of(*(window(index) for index in range(12))),
        verdicts=(structs.replace(VERDICT, outcome=Outcome.PASS, value=210.0),),
    )
    wordy = structs.replace(passed(LONG), verdicts=(tight,) * 12)
    columns = columns_of(crowd, wordy, width=80)
    assert columns[:4] == ["cell", "n", "TTFA p50", "TTFA p95"]
    assert columns[-1] == "verdict"
    [figures] = [line for line in lines_of(crowd, wordy, width=80) if "12 PASS" in line]
    assert figures.split()[1:6] == ["59", "31.4", "ms", "48.2", "ms"]


def test_figures_that_no_cell_has_are_no_column() -> None:
    bare = structs.replace(passed("test_a"), summary={})
    assert "RTF" not in lines_of(bare)[2]
    assert "RTF" in lines_of(bare, passed("test_b"))[2]


def test_a_colour_is_that_of_the_verdict_alone() -> None:
    text = terminal.summary_table([passed("test_a")], lambda text, outcome: f"<{outcome}:{text}>")
    assert text.endswith("<PASS:2 PASS>")
    assert text.count("<") == 1


def test_rows_that_do_not_fit_beside_one_another_are_sentences() -> None:
    bad = result("test_bad", Outcome.FAIL)
    label, row, *_ = terminal.table([bad], lambda text, _: f"<{text}>", width=50).splitlines()
    assert label == "test_bad short stream warm"
    assert row == "  <FAIL>  ttfa p95: n 59, p50 31.4, p95 48.2, <="


def test_under_v_everything_is_there() -> None:
    note = TrustNote(guard="page-cache", text="a filled cache")
    noted = [structs.replace(passed(f"test_{name}"), notes=(note,)) for name in "ab"]
    text = terminal.whole_table(noted)
    assert text.startswith("Both cells: engine:Engine")
    assert text.count("silence share") == 2
    assert text.count("ttfa p95") == 2
    assert terminal.remarks(noted) == ["every cell: a filled cache"]
    assert terminal.remarks(noted, is_whole=True) == [
        "test_a short stream warm; test_b short stream warm: a filled cache [page-cache]"
    ]


def test_whether_an_answer_is_streamed_is_yes_or_no() -> None:
    for value, outcome, word in ((0.0, Outcome.PASS, "yes"), (1.0, Outcome.FAIL, "no")):
        verdict = structs.replace(verdict_of(STREAMED, value, n=59), outcome=outcome)
        found = structs.replace(passed("test_a"), verdicts=(verdict,))
        (row,) = [line for line in terminal.table([found]).splitlines() if "streamed" in line]
        assert row.split() == ["cadence", "streamed", "59", word, "yes", outcome.value]

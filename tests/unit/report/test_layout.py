"""Lines and columns in the room that there is."""

from __future__ import annotations

import shlex

import pytest

from pytest_ttsperf.report import layout

ROWS = [
    ("cell, metric", "n", "limit", "verdict"),
    ("  cadence underruns (100 ms buffered)", "59", "500 ms", "PASS"),
    ("  ttfa p95", "5", "1 ms", "INCONCLUSIVE"),
]


@pytest.mark.parametrize("width", [None, 60, 43])
def test_a_line_that_fits_stays_as_it_is(width: int | None) -> None:
    line = "  two  spaces between words, and a full stop"[:43]
    assert layout.fold(line, width) == [line]


def test_a_folded_line_keeps_its_indent_and_hangs_behind_it() -> None:
    lines = layout.fold("    one two three four five six", 16)
    assert lines == ["    one two", "      three four", "      five six"]


def test_a_path_is_never_broken() -> None:
    path = "/a/folder-with-hyphens/and/a/very/long/name.json"
    lines = layout.fold(f"note: it is in {path} since then", 20)
    assert path in [line.strip() for line in lines]
    assert max(len(line) for line in lines if path not in line) <= 20


def test_a_text_is_folded_line_by_line() -> None:
    text = "first\n\none two three four"
    assert layout.fold_text(text, 10).split("\n") == ["first", "", "one two", "  three", "  four"]
    assert layout.fold_text(text, None) == text


@pytest.mark.parametrize("width", [None, 20, 40, 200])
def test_a_folded_command_is_the_same_command(width: int | None) -> None:
    words = ["python", "-m", "pytest", "--pyargs", "a.package", "-m", shlex.quote("a or b"), "-x"]
    lines = layout.fold_command(words, width)
    joined = "\n".join(lines).replace("\\\n", " ")
    assert shlex.split(joined) == shlex.split(" ".join(words))
    if width is not None:
        assert max(map(len, lines)) <= width
    assert (len(lines) > 1) == (width in (20, 40))


@pytest.mark.parametrize(
    ("width", "shown"), [(11, "test_stream"), (10, "test_st..."), (4, "t..."), (2, ".."), (0, "")]
)
def test_what_is_too_wide_is_cut_and_says_so(width: int, shown: str) -> None:
    assert layout.shorten("test_stream", width) == shown


def test_columns_that_fit_have_the_width_of_their_widest_text() -> None:
    assert layout.fit_widths(ROWS, None) == [37, 2, 6, 12]
    assert layout.fit_widths(ROWS, 63) == [37, 2, 6, 12]


def test_the_first_column_gives_way_until_little_of_it_is_left() -> None:
    assert layout.fit_widths(ROWS, 62) == [36, 2, 6, 12]
    assert layout.fit_widths(ROWS, 50) == [24, 2, 6, 12]
    assert layout.fit_widths(ROWS, 49) is None


def test_a_first_text_that_is_too_wide_is_folded_and_the_figures_stay_in_their_columns() -> None:
    widths = layout.fit_widths(ROWS, 50)
    assert widths is not None
    lines = layout.align_lines(ROWS[1], widths)
    assert lines == [
        "  cadence underruns (100",
        "    ms buffered)          59  500 ms  PASS",
    ]
    assert layout.align_lines(ROWS[2], widths) == [layout.align(ROWS[2], widths)]


@pytest.mark.parametrize(
    ("width", "places"),
    [(None, [0, 1, 2, 3]), (50, [0, 1, 2, 3]), (49, [0, 1, 3]), (41, [0, 3]), (10, [0, 3])],
)
def test_expendable_columns_go_one_after_the_other(width: int | None, places: list[int]) -> None:
    assert layout.choose_columns(ROWS, width, expendable=(2, 1)) == places


@pytest.mark.parametrize(
    ("width", "places"),
    [(50, [0, 1, 2, 3]), (46, [0, 2, 3]), (45, [0, 1, 3]), (42, [0, 1, 3]), (41, [0, 3])],
)
def test_a_column_that_went_in_vain_comes_back(width: int, places: list[int]) -> None:
    """Without the wide one there is room for the narrow one, which was to go before it."""
    assert layout.choose_columns(ROWS, width, expendable=(1, 2)) == places


def test_a_first_column_that_is_narrow_by_itself_takes_no_more_than_it_needs() -> None:
    rows = [("cell", "n", "verdict"), ("test_a", "59", "PASS")]
    assert layout.choose_columns(rows, 19, expendable=(1,)) == [0, 1, 2]
    assert layout.choose_columns(rows, 18, expendable=(1,)) == [0, 2]


def test_a_grid_has_a_rule_as_wide_as_its_rows() -> None:
    lines = layout.grid(ROWS[0], ROWS[1:]).splitlines()
    assert lines[1] == "-" * 63
    assert lines[2] == "  cadence underruns (100 ms buffered)  59  500 ms  PASS"
    assert lines[3] == "  ttfa p95                              5    1 ms  INCONCLUSIVE"


def test_of_several_lines_the_first_is_the_beginning() -> None:
    assert layout.first_line("\nit raised\nTraceback\n") == "it raised"
    assert layout.first_line("") == ""

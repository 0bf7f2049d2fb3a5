"""How wide commands print, and in which colours."""

from __future__ import annotations

import io
import os

import pytest

from pytest_ttsperf.cli import output

LINE = "note: a sentence that is somewhat wider than a narrow terminal"


class Screen(io.StringIO):
    """Standard output where somebody looks at it."""

    def isatty(self) -> bool:
        return True


def test_into_a_file_a_sentence_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert output.terminal_width() is None
    assert output.folded(LINE) == LINE


def test_on_a_terminal_it_is_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("sys.stdout", Screen())
    with monkeypatch.context() as narrow:  # pytest asks for the width as well, after the test
        narrow.setattr("shutil.get_terminal_size", lambda: os.terminal_size((30, 24)))
        text = output.folded(LINE)
    assert text.split("\n") == [
        "note: a sentence that is",
        "  somewhat wider than a narrow",
        "  terminal",
    ]


def test_columns_hold_for_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert max(map(len, output.folded(LINE).split("\n"))) <= 40


@pytest.mark.parametrize(
    ("screen", "no_color", "is_painted"),
    [(Screen, "", True), (Screen, "1", False), (io.StringIO, "", False)],
)
def test_colour_is_for_terminals_and_not_where_it_is_unwanted(
    screen: type[io.StringIO], no_color: str, is_painted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout", screen())
    monkeypatch.setenv("NO_COLOR", no_color)
    assert (output.paint("FAIL", "bad") != "FAIL") == is_painted

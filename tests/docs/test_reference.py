"""The pages that tools/reference_pages.py writes are what the code says, and lack nothing."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from msgspec import Struct

from pytest_ttsperf.plugin import markers
from tests.docs.pages import ROOT
from tools import reference_pages


@pytest.mark.parametrize(
    "page", reference_pages.PAGES, ids=lambda page: page.path.relative_to(ROOT).as_posix()
)
def test_a_page_is_what_the_generator_writes(page: reference_pages.Page) -> None:
    assert page.path.read_text("utf-8") == page.build(), "run: make reference"


@pytest.mark.parametrize("mark", markers.DESCRIPTIONS)
def test_each_mark_has_its_keywords(mark: str) -> None:
    text = reference_pages.build_marks()
    _, _, rest = text.partition(f"## `{mark}`\n")
    section, _, _ = rest.partition("\n## ")
    for keyword in (*markers.LIMITS.get(mark, ()), *markers.SETTINGS.get(mark, ())):
        assert f"| `{keyword}` |" in section


def test_each_command_and_each_of_its_arguments_is_there() -> None:
    text = reference_pages.build_commands()
    for name in ("baseline accept", "ci run", "compare", "doctor", "init", "load", "run"):
        assert f"## `ttsperf {name}`" in text
    assert "--ttfa-p95-ms=MS" in text
    assert "%%" not in text


def test_a_command_without_actions_and_one_with_two_are_written() -> None:
    parser = argparse.ArgumentParser(prog="x")
    commands = parser.add_subparsers()
    plain = commands.add_parser("plain", description="Does it.")
    plain.add_argument("--size", choices=("s", "l"), help="how large | how wide, 5%% of it")
    plain.add_argument("--loud", action="store_true", help="say more")
    plain.add_argument("name", nargs="?", metavar="NAME", help="whose")
    text = "\n".join(reference_pages._command("x plain", plain))
    assert "| `--size={s,l}` | how large \\| how wide, 5% of it |" in text
    assert "| `--loud` | say more |" in text
    assert "| `[NAME]` | whose |" in text


class _Shape(Struct, frozen=True, kw_only=True):
    """A thing with two sides."""

    width: int | None = None
    """In metres,
    measured twice."""
    height: int = 0


def test_a_field_has_its_type_and_the_text_below_it() -> None:
    assert reference_pages._field_texts(_Shape) == {
        "width": ("int | None", "In metres, measured twice."),
        "height": ("int", ""),
    }


def test_a_page_that_is_out_of_date_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "docs" / "page.md"
    monkeypatch.setattr(reference_pages, "DOCS", tmp_path / "docs")
    newest = reference_pages.Page(page, lambda: "# New\n")
    monkeypatch.setattr(reference_pages, "PAGES", (newest,))
    assert reference_pages.main(["--check"]) == 1
    assert "docs/page.md is out of date" in capsys.readouterr().out
    assert reference_pages.main([]) == 0
    assert reference_pages.main(["--check"]) == 0

"""tests/docs/pages.py: what it finds in a page, and that it does not find what is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs import pages

PAGE = """\
# A page

```python title="test_x.py"
x = 1
```

Some words.

```console
$ pytest -q
1 passed in 0.12s
$ ttsperf doctor
...
```
"""


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[pages.Block]:
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(PAGE, "utf-8")
    return pages.blocks_of(page)


def test_blocks_have_a_language_a_title_and_a_place(blocks: list[pages.Block]) -> None:
    file, console = blocks
    assert (file.language, file.title, file.body, file.place) == (
        "python",
        "test_x.py",
        "x = 1\n",
        "page.md:3",
    )
    assert (console.language, console.title, console.line) == ("console", None, 9)


def test_commands_have_the_lines_below_them(blocks: list[pages.Block]) -> None:
    first, second = pages.commands_of(blocks[1])
    assert first == ("pytest -q", ("1 passed in 0.12s",))
    assert second == ("ttsperf doctor", ("...",))


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("1 passed in 0.12s", "== 1 passed in 0.12s =="),
        ("ttfa p95 59 PASS", "ttfa p95 59 FAIL"),
        ("limit 500 ms", "limit none ms"),
    ],
)
def test_a_line_that_was_not_printed_is_missing(shown: str, printed: str) -> None:
    assert pages.missing_lines([shown], [printed]) == [shown]


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("1 passed in 0.12s", "1 passed in 31.4s"),
        ("...1 passed in 0.12s...", "==== 1 passed in 31.4s ===="),
        ("ttfa p95 59 ... PASS", "  ttfa p95     59   35.5   500 ms  PASS"),
        ("-8.1 %", "12.3 %"),
        ("==== 1 passed in 1.2s ====", "======== 1 passed in 11.23s ========"),
        ("HEAD (4c32c29fa9): slower", "HEAD (0a1b2c3d4e): slower"),
    ],
)
def test_numbers_dots_and_space_may_differ(shown: str, printed: str) -> None:
    assert pages.missing_lines([shown], [printed]) == []


def test_lines_have_to_come_in_their_order() -> None:
    printed = ["one", "two", "three"]
    assert pages.missing_lines(["one", "...", "three"], printed) == []
    assert pages.missing_lines(["three", "one"], printed) == ["one"]


def test_what_shows_a_failure_is_to_fail() -> None:
    assert pages.Command("pytest", ("  FAIL  ttfa p95: ...",)).is_to_fail
    assert pages.Command("pytest", ("1 failed in 2s",)).is_to_fail
    assert not pages.Command("pytest", ("1 passed in 2s",)).is_to_fail


def test_where_a_line_is_broken_does_not_matter() -> None:
    printed = ["  FAIL  ttfa p95: 1234 ms, limit", "    200 ms: all exceed it", "  Try: less"]
    shown = ["  FAIL  ttfa p95: 12 ms, limit 200 ms: all", "    exceed it", "  Try: less"]
    assert pages.missing_lines(shown, printed) == []
    assert pages.missing_lines(["  FAIL  ttfa p95: 12 ms, limit"], printed) != []

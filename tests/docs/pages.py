"""The pages of the documentation as tests read them: blocks of code, commands, what they print.

A block says by its first line what it is: ```python, ```toml, ```console and so on. One with a
title, as ```python title="test_speech.py", is a file of a project. A ```console block holds
commands behind `$ ` and below each what it prints. Pages of commands are typed from top to bottom
in one folder (tests/docs/test_stories.py).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^```(?P<language>\w*)(?P<rest>[^\n]*)\n(?P<body>.*?)^```$", re.M | re.S)
TITLE = re.compile(r'title="([^"]+)"')
PROMPT = "$ "
CONSOLE = "console"
ELLIPSIS = "..."
NUMBER = r"-?\d+(?:[.,]\d+)*"
HASH = r"\b[0-9a-f]{10}\b"
RULE = r"={3,}"
GOES_ON = "    "
BAD_WORDS = re.compile(r"\b(FAIL|failed|error|INVALID)\b")
"""A command that prints one of these is to end with an exit code that is not 0."""


class Block(NamedTuple):
    """A block of code of a page."""

    page: Path
    line: int
    language: str
    title: str | None
    body: str

    @property
    def place(self) -> str:
        """`docs/usage.md:12`."""
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


class Command(NamedTuple):
    """A command of a console block, and the lines that are shown below it."""

    line: str
    shown: tuple[str, ...]

    @property
    def is_to_fail(self) -> bool:
        """Whether what is shown says that something is wrong."""
        return any(BAD_WORDS.search(line) for line in self.shown)


def all_pages() -> list[Path]:
    """README, CONTRIBUTING and everything below docs/."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


def blocks_of(page: Path) -> list[Block]:
    """The blocks of code of a page, in their order."""
    text = page.read_text("utf-8")
    return [_block(page, text, found) for found in FENCE.finditer(text)]


def _block(page: Path, text: str, found: re.Match[str]) -> Block:
    title = TITLE.search(found["rest"])
    return Block(
        page=page,
        line=text.count("\n", 0, found.start()) + 1,
        language=found["language"],
        title=title[1] if title else None,
        body=found["body"],
    )


def all_blocks() -> list[Block]:
    """The blocks of all pages."""
    blocks = []
    for page in all_pages():
        blocks += blocks_of(page)
    return blocks


def name_of(page: Path) -> str:
    """A page as a test's id has it."""
    return page.relative_to(ROOT).as_posix()


def has_commands(page: Path) -> bool:
    """Whether a page is typed from top to bottom."""
    return any(block.language == CONSOLE for block in blocks_of(page))


def is_test(block: Block) -> bool:
    """Whether a block is a test of somebody's engine."""
    if block.language != "python":
        return False
    tree = ast.parse(block.body)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return any(_measures(function) for function in functions)


def _measures(function: ast.FunctionDef) -> bool:
    arguments = {argument.arg for argument in function.args.args}
    return function.name.startswith("test_") and "perf" in arguments


def commands_of(block: Block) -> Iterator[Command]:
    """The commands of a console block."""
    line: str | None = None
    shown: list[str] = []
    for text in block.body.splitlines():
        if not text.startswith(PROMPT):
            shown.append(text)
            continue
        if line is not None:
            yield Command(line, tuple(shown))
        line, shown = text.removeprefix(PROMPT), []
    if line is not None:
        yield Command(line, tuple(shown))


def typed_lines(block: Block) -> Iterator[str]:
    """What a block has a reader type, whether or not it has a prompt."""
    for text in block.body.replace("\\\n", " ").splitlines():
        yield text.strip().removeprefix(PROMPT)


def missing_lines(shown: Iterable[str], printed: Sequence[str]) -> list[str]:
    """The lines that a page shows and a command has not printed, in the page's order.

    A line of dots stands for any lines, dots inside one for any text; a number stands for any
    number, and a hash for any hash, since every machine has its own. Space and rules are as wide as
    they like, and where a line is broken depends on its numbers.
    """
    missing = []
    place = 0
    whole = join_broken(printed)
    for line in join_broken(shown):
        if line.strip() in ("", ELLIPSIS):
            continue
        found = _find(_pattern(line), whole, place)
        if found is None:
            missing.append(line)
        else:
            place = found + 1
    return missing


def join_broken(lines: Iterable[str]) -> list[str]:
    """Lines with those that go on below joined: what goes on is indented by four spaces or more."""
    whole: list[str] = []
    for line in lines:
        if whole and line.startswith(GOES_ON):
            whole[-1] = f"{whole[-1]} {line.strip()}"
        else:
            whole.append(line)
    return whole


def _find(pattern: re.Pattern[str], printed: Sequence[str], start: int) -> int | None:
    for place in range(start, len(printed)):
        if pattern.fullmatch(printed[place].strip()):
            return place
    return None


def _pattern(line: str) -> re.Pattern[str]:
    """What a line that is shown looks like on any machine."""
    words = [_word_pattern(word) for word in line.split()]
    return re.compile(r"\s+".join(words))


def _word_pattern(word: str) -> str:
    pieces = []
    for piece in re.split(rf"(\.\.\.|{HASH}|{RULE}|{NUMBER})", word):
        if piece == ELLIPSIS:
            pieces.append(".*")
        elif re.fullmatch(HASH, piece):
            pieces.append(HASH)
        elif re.fullmatch(RULE, piece):
            pieces.append(RULE)
        elif re.fullmatch(NUMBER, piece):
            pieces.append(NUMBER)
        else:
            pieces.append(re.escape(piece))
    return "".join(pieces)

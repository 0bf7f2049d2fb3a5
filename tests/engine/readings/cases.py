"""Texts as people write them, with the words that a newsreader would say: the table of readings.

A case is right if its words are those of one of its readings. README.md beside this file says
what the readings may look like, and who may look at which half of the table.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
BUILD = FOLDER / "build.toml"

MARKS = ",;.¶"
"""The pauses, from the shortest to the longest: comma, semicolon, full stop, paragraph."""

PROSE = " \t\"'“”‘’«»‹›„‚-‐‑–"
"""What stands between words and is not said. Other signs are no words, and nothing removes them."""

SPELLINGS = (
    (re.compile(r"\r\n"), "\n"),
    (re.compile(r"\n\s*\n"), "¶"),
    (re.compile(r"\n"), "."),
    (re.compile(r"(?<=\w)[.,:](?=\w)"), " "),  # inside a word there is no pause
    (re.compile(r"[!?…]"), "."),
    (re.compile(r":"), ";"),
    (re.compile(r"—|--+|(?<!\S)[-–](?!\S)|[()\[\]{}]"), ","),
)
"""How punctuation stands for one of the marks; applied in this order."""

LETTERS = re.compile(r"\b[A-Z](?:(?: [A-Z]\b)+(?: [A-Z]s\b)?| [A-Z]s\b)")
"""Letters that are said one by one, as a reading writes them: F B I, A T Ms."""

TOKEN = re.compile(r"[^\W_]+|\S")
FIELDS = {"kind", "text", "words", "pauses", "note"}


class BadCase(ValueError):
    """A row of a table that is no case."""


@dataclass(frozen=True, slots=True)
class Case:
    """A text, and every reading of it that is right."""

    kind: str
    text: str
    words: tuple[str, ...]
    pauses: bool = False  # whether the marks of pause are compared too
    note: str | None = None


def load(path: Path) -> list[Case]:
    """The cases of a table, checked, in its order.

    Raises BadCase for a row with wrong fields, a reading that is not all words, a text that
    stands there twice; tomllib.TOMLDecodeError for a file that is no TOML.
    """
    rows = tomllib.loads(path.read_text(encoding="utf-8")).get("case", [])
    cases = [_read_case(row, path) for row in rows]
    if not cases:
        raise BadCase(f"found no [[case]] in {path.name}, wanted at least one; add cases")
    _refuse_twice((case.text for case in cases), path)
    return cases


def is_right(case: Case, words: str) -> bool:
    """Whether these words are one of the case's readings.

    Letter case, quotation marks and hyphens do not matter. Marks of pause matter in a case of
    `pauses` alone. A sign that is not said, such as an asterisk, makes the words wrong.
    """
    return find_reading(case, words) is not None


def find_reading(case: Case, words: str) -> str | None:
    """The reading that these words are, as the table writes it; None if they are none of them."""
    said = tokens(words, pauses=case.pauses)
    for reading in case.words:
        if tokens(reading, pauses=case.pauses) == said:
            return reading
    return None


def join_letters(reading: str) -> str:
    """The reading with its letters as the engine gives them to a voice: F.B.I, A.T.M's."""
    return LETTERS.sub(_join, reading)


def _join(match: re.Match[str]) -> str:
    letters = match[0].replace(" ", ".")
    return f"{letters[:-1]}'s" if letters.endswith("s") else letters


def tokens(words: str, *, pauses: bool) -> list[str]:
    """What is compared: the words in small letters, with the marks of pause between or without."""
    text = unicodedata.normalize("NFC", words).strip()
    for spelling, mark in SPELLINGS:
        text = spelling.sub(mark, text)
    text = text.translate(dict.fromkeys(map(ord, PROSE), " "))
    found = TOKEN.findall(text.lower())
    if pauses:
        return _merge_marks(found)
    return [token for token in found if token not in MARKS]


def _merge_marks(found: Iterable[str]) -> list[str]:
    """Of marks in a row the longest; none at the beginning; the end of a text is a full stop."""
    merged: list[str] = []
    for token in found:
        follows_mark = bool(merged) and merged[-1] in MARKS
        if token in MARKS and follows_mark:
            merged[-1] = max(merged[-1], token, key=MARKS.index)
        elif merged or token not in MARKS:
            merged.append(token)
    if merged and merged[-1] == "¶":
        merged[-1] = "."
    return merged


def _read_case(row: dict[str, Any], path: Path) -> Case:
    text = row.get("text")
    where = f"{path.name}, text {text!r}"
    unknown = sorted(row.keys() - FIELDS)
    if unknown:
        raise BadCase(f"{where}: found the fields {unknown}, wanted {sorted(FIELDS)}; rename them")
    for field in ("kind", "text"):
        value = row.get(field)
        if not isinstance(value, str) or not value.strip():
            raise BadCase(f"{where}: found {field} = {value!r}, wanted a string; write one")
    words = row.get("words")
    if not isinstance(words, list) or not words:
        raise BadCase(f"{where}: found words = {words!r}, wanted a list of readings; add one")
    case = Case(row["kind"], row["text"], tuple(words), row.get("pauses", False), row.get("note"))
    _check_readings(case, where)
    return case


def _check_readings(case: Case, where: str) -> None:
    for reading in case.words:
        said = tokens(reading, pauses=False)
        signs = [token for token in said if not token.isalpha()]
        if signs or not said:
            raise BadCase(
                f"{where}: found {signs} in the reading {reading!r}, wanted words alone; "
                "write out what is said"
            )


def _refuse_twice(texts: Iterable[str], path: Path) -> None:
    seen: set[str] = set()
    for text in texts:
        if text in seen:
            raise BadCase(f"{path.name}: found {text!r} twice, wanted it once; remove one")
        seen.add(text)

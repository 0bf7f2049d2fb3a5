"""The table of readings is whole, and its comparison takes what is right and nothing else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.engine.readings.cases import (
    BUILD,
    FOLDER,
    BadCase,
    Case,
    is_right,
    join_letters,
    load,
    tokens,
)

TABLES = sorted(FOLDER.glob("*.toml"))


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


KINDS = names(
    """
    abbreviation
    acronym
    capitals
    cardinal
    code
    currency
    dash
    date
    decimal
    digits
    email
    emoji
    file_name
    fraction
    handle
    hashtag
    html
    initials
    invisible
    ip
    letter
    list
    markdown
    math
    mixed_script
    negative
    newline
    ordinal
    path
    percent
    phone
    plain
    quotes
    range
    ratio
    repeated_punctuation
    roman
    score
    stop
    time
    time_zone
    title
    unit
    url
    version
    year
    """
)
BY_PHONEMES = names(
    """
    abbreviation
    acronym
    capitals
    code
    dash
    emoji
    initials
    invisible
    letter
    list
    markdown
    mixed_script
    newline
    plain
    quotes
    repeated_punctuation
    roman
    stop
    title
    """
)
"""Kinds in which a text may have the words of its reading, and is wrong in its sound alone."""


def write_table(folder: Path, text: str) -> Path:
    path = folder / "table.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_a_table_is_checked_and_large(path: Path) -> None:
    assert len(load(path)) >= 300


def test_every_kind_has_eight_cases_to_build_with() -> None:
    counts = Counter(case.kind for case in load(BUILD))
    assert counts.keys() == KINDS
    assert min(counts.values()) >= 8


def test_no_text_stands_in_two_tables() -> None:
    texts = Counter(case.text for path in TABLES for case in load(path))
    assert [text for text, count in texts.items() if count > 1] == []


def test_every_reading_is_right_for_its_case() -> None:
    for case in load(BUILD):
        wrong = [reading for reading in case.words if not is_right(case, reading)]
        assert wrong == [], case.text


def test_no_reading_stands_twice_in_its_case() -> None:
    for case in load(BUILD):
        compared = {" ".join(tokens(reading, pauses=case.pauses)) for reading in case.words}
        assert len(compared) == len(case.words), case.text


def test_few_texts_are_readings_of_themselves() -> None:
    """The words of such a case judge nothing; its phonemes do (README.md)."""
    cases = load(BUILD)
    already_right = [case for case in cases if is_right(case, case.text)]
    assert {case.kind for case in already_right} <= BY_PHONEMES
    assert len(already_right) < len(cases) / 5


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("it costs minus forty-five dollars", True),
        ("It costs “minus” forty five dollars!", True),
        ("It costs, minus forty‑five dollars.", True),
        ("It costs forty-five dollars.", False),
        ("It costs minus forty-five dollars dollars.", False),
        ("It costs minus 45 dollars.", False),
        ("It costs *minus* forty-five dollars.", False),
        ("It costs minus forty_five dollars.", False),
        ("It costs minus forty-five dollars 💸.", False),
        ("", False),
    ],
)
def test_words_are_compared_without_punctuation(words: str, expected: bool) -> None:
    case = Case("currency", "It costs -$45.", ("It costs minus forty-five dollars.",))
    assert is_right(case, words) is expected


def test_any_reading_of_a_case_is_right() -> None:
    case = Case("score", "We won 3-2.", ("We won three two.", "We won three to two."))
    assert is_right(case, "We won three-two.")
    assert is_right(case, "We won three to two.")
    assert not is_right(case, "We won three and two.")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("First, one; two. ¶ Last.", True),
        ("First — one: two!\n\nLast", False),  # no stop at the end
        ("First — one: two!\n\nLast?", True),
        ("First (one); two.¶ Last.¶", True),
        ("First -- one; two...\n\n\nLast.", True),
        ("First, one; two. Last.", False),
        ("First one; two.¶ Last.", False),
        ("First, one, two.¶ Last.", False),
    ],
)
def test_pauses_are_compared_where_the_case_says_so(words: str, expected: bool) -> None:
    case = Case("newline", "(its text)", ("First, one; two.¶ Last.",), pauses=True)
    assert is_right(case, words) is expected


def test_of_marks_in_a_row_the_longest_counts_and_none_inside_a_word() -> None:
    assert tokens('¶ “Stop,” (he said.), p.m.\n"Go"', pauses=True) == [
        *("stop", ",", "he", "said", ".", "p", "m", ".", "go"),
    ]
    assert tokens("half-way - there", pauses=True) == ["half", "way", ",", "there"]


@pytest.mark.parametrize(
    ("reading", "joined"),
    [
        ("The F B I called.", "The F.B.I called."),
        ("Two A T Ms near U C L A.", "Two A.T.M's near U.C.L.A."),
        ("The B B C's plan B works.", "The B.B.C's plan B works."),
        ("All T Vs.", "All T.V's."),
    ],
)
def test_letters_of_a_reading_are_joined_as_a_voice_reads_them(reading: str, joined: str) -> None:
    assert join_letters(reading) == joined


def test_the_same_character_in_two_codings_is_one() -> None:
    assert tokens("cafe\u0301", pauses=False) == tokens("CAFÉ", pauses=False)
    assert tokens("H\u0336ey", pauses=False) != ["hey"]


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ("", "no \\[\\[case\\]\\]"),
        ('[[case]]\nkind="a"\ntext="b"\nwords=["b"]\nwrods=["b"]', "wrods"),
        ('[[case]]\ntext="b"\nwords=["b"]', "kind = None"),
        ('[[case]]\nkind="a"\ntext=" "\nwords=["b"]', "text = ' '"),
        ('[[case]]\nkind="a"\ntext="b"\nwords=[]', "wanted a list of readings"),
        ('[[case]]\nkind="a"\ntext="b"\nwords=["b 5"]', "found \\['5'\\]"),
        ('[[case]]\nkind="a"\ntext="b"\nwords=["$"]', "found \\['\\$'\\]"),
        ('[[case]]\nkind="a"\ntext="b"\nwords=["..."]', "wanted words alone"),
        ('[[case]]\nkind="a"\ntext="b"\nwords=["b"]\n' * 2, "'b' twice"),
    ],
)
def test_a_row_that_is_no_case_is_refused(tmp_path: Path, table: str, complaint: str) -> None:
    with pytest.raises(BadCase, match=complaint):
        load(write_table(tmp_path, table))


def test_marks_alone_make_two_readings_of_a_case_with_pauses(tmp_path: Path) -> None:
    rows = '[[case]]\nkind="a"\ntext="b"\nwords=["b, c.", "b; c."]\npauses=true\nnote="n"'
    (case,) = load(write_table(tmp_path, rows))
    assert case == Case("a", "b", ("b, c.", "b; c."), pauses=True, note="n")

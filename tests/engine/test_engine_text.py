"""Cleaning and cutting text."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import OptionTypeError, TextEmpty
from engine.text.segmentation import MAX_SEGMENT_CHARS, segments
from engine.text.words import COLOR, EMOJI_JOINER, cut_run_on


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four… Five.", ["One.", "Two!", "Three?", "Four…", "Five."]),
        ("No way?! Yes.", ["No way?!", "Yes."]),
        ("Hello", ["Hello"]),
        # quotes and brackets close with the sentence
        ('She said "Stop!" and left. "Why?"', ['She said "Stop!" and left.', '"Why?"']),
        ("“Really?” he asked. (He left.) [So.]", ["“Really?” he asked.", "(He left.)", "[So.]"]),
        # abbreviations
        ("Dr. Smith met Mrs. Jones.", ["Dr. Smith met Mrs. Jones."]),
        ("We live on Main St. He knows.", ["We live on Main St.", "He knows."]),
        ("St. John came.", ["St. John came."]),
        ("Birds, e.g. Robins, i.e. small ones.", ["Birds, e.g. Robins, i.e. small ones."]),
        ("It rained, etc. The end.", ["It rained, etc.", "The end."]),
        ("No. 5 is alive. No. Never!", ["No. 5 is alive.", "No.", "Never!"]),
        # initials
        (
            "In the U.S. Army. In the U.S. He left.",
            ["In the U.S. Army.", "In the U.S.", "He left."],
        ),
        ("J. K. Rowling and J. I. Smith.", ["J. K. Rowling and J. I. Smith."]),
        (
            "At 5 p.m. Friday. At 5 p.m. It's late.",
            ["At 5 p.m. Friday.", "At 5 p.m.", "It's late."],
        ),
        ("A Ph.D. Student wrote.", ["A Ph.D. Student wrote."]),
        # numbers
        ("Pi is 3.14. Cost: $1,250.50. Ok.", ["Pi is 3.14.", "Cost: $1,250.50.", "Ok."]),
        ("It was 1990. Then it ended.", ["It was 1990.", "Then it ended."]),
        ("1. Buy milk. 2. Go home.", ["1. Buy milk.", "2. Go home."]),
        # ellipses
        ("Wait... what? Well... Fine.", ["Wait... what?", "Well...", "Fine."]),
        ("... and so on. Done.", ["... and so on.", "Done."]),
        ("So ... Yes.", ["So ...", "Yes."]),
        # what says nothing stays with the sentence before it
        ("Hi! 😀 How are you? — Fine.", ["Hi! 😀", "How are you? —", "Fine."]),
        # lines and paragraphs
        ("A title\nThen a text.\n\nmore", ["A title", "Then a text.", "more"]),
        (
            "This line was\nwrapped for the page by\r\nsomebody.",
            ["This line was", "wrapped for the page by somebody."],
        ),
        ("milk\neggs\nbread", ["milk", "eggs", "bread"]),
        ("a) cats\nb) dogs", ["a) cats", "b) dogs"]),
        ("Last line.\n\n", ["Last line."]),
        ("Windows\r\nOld Mac\rUnicode\u2028End", ["Windows", "Old Mac", "Unicode", "End"]),
        # a full stop without a space behind it ends nothing in an address, a file or code
        ("See www.example.com. Now!", ["See www.example.com.", "Now!"]),
        ("Use Node.js or readme.Md here.", ["Use Node.js or readme.Md here."]),
        ("Call Math.PI, e.g.Thus or x.Y now.", ["Call Math.PI, e.g.Thus or x.Y now."]),
        # elsewhere the space was forgotten
        ("He said no.She left.", ["He said no.", "She left."]),
        ("Is it so?Yes, it's here!I see.", ["Is it so?", "Yes, it's here!", "I see."]),
        ("“It's done.”Then he left.", ["“It's done.”", "Then he left."]),
        ("No.She met Mr.Smith.", ["No.", "She met Mr. Smith."]),
        # days and months
        ("Dec. 25–Jan. 3. And so on.", ["Dec. 25–Jan. 3.", "And so on."]),
        # what a terminal shows nothing of
        ("\x1b[1;31mDone\x1b[0m in \x1b[4mtime\x1b[m.", ["Done in time ."]),
    ],
)
def test_segments(text: str, expected: list[str]) -> None:
    assert segments(text) == expected


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("a\0b", "a b"),
        ("a\x07b\x1bc", "a b c"),
        ("a\u00a0b\u2003c\u3000d", "a b c d"),
        ("soft\u00adhy\u200bphen\ufeff", "softhyphen"),
        ("cafe\u0301", "café"),
        ("\U0001f469\u200d\U0001f4bb x\u200dy", "\U0001f469\u200d\U0001f4bb xy"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("tab\there", "tab here"),
        ("one\r\ntwo\u2029three", "one two three"),
    ],
)
def test_cleaning(dirty: str, clean: str) -> None:
    assert " ".join(segments(dirty)) == clean


@pytest.mark.parametrize("text", ["", " ", "\n\t\r\n", "\0\0", "\u200b\ufeff", "\u3000"])
def test_a_text_without_a_visible_character_is_refused(text: str) -> None:
    with pytest.raises(TextEmpty, match="none of them visible"):
        segments(text)


@pytest.mark.parametrize("text", [None, 7, b"bytes", ["a"]])
def test_what_is_not_a_str_is_refused_by_type(text: object) -> None:
    with pytest.raises(OptionTypeError, match=f"type {type(text).__name__}, wanted str"):
        segments(text)  # type: ignore[arg-type]


def test_a_long_sentence_is_cut_at_a_clause() -> None:
    clause = "and it went on and on without any sign of an end to it"
    pieces = segments(", ".join([clause] * 12))
    assert len(pieces) > 1
    assert all(piece.endswith("to it,") for piece in pieces[:-1])


def test_a_sentence_without_clauses_is_cut_between_words() -> None:
    words = [f"word{i}" for i in range(200)]
    pieces = segments(" ".join(words))
    assert " ".join(pieces).split() == words
    assert min(map(len, pieces[:-1])) > MAX_SEGMENT_CHARS / 2


def test_no_cut_falls_inside_a_number_written_with_spaces() -> None:
    number = "12 345 678 901"
    for lead in range(MAX_SEGMENT_CHARS - 40, MAX_SEGMENT_CHARS, 3):
        pieces = segments("a" * lead + f" {number} people came")
        assert sum(number in piece for piece in pieces) == 1


def test_a_word_longer_than_a_segment_stays_whole() -> None:
    giant = "a" * 5000
    assert segments(f"Say {giant} now") == ["Say", giant, "now"]


# Words, numbers, stops, quotes and breaks in any order: the material that cuts depend on.
material = st.lists(
    st.sampled_from(
        ["Dr.", "St.", "U.S.", "e.g.", "J.", "3.14", "1,000", "10 000", "word", "Word", "The", "I",
         "end.", "what?", "No!", "...", "…", "—", '"', "”", "(", ")", ",", "clause,", "😀", "1.",
         "\n", "\n\n", "\0", "x" * 40]
    ),
    max_size=120,
).map(" ".join)  # fmt: skip


def visible_words(text: str) -> list[str]:
    """The words of a text, composed, without what is invisible, and apart where controls were.

    What joins emoji stays; a sentence that ends inside a word ends the word.
    """
    shown = ""
    text = re.sub(COLOR, " ", text)
    joiners = {match.start() for match in EMOJI_JOINER.finditer(text)}
    for at, char in enumerate(text):
        category = unicodedata.category(char)
        if category in ("Cc", "Cs"):
            shown += " "
        elif category != "Cf" or at in joiners:
            shown += char
    words = unicodedata.normalize("NFC", shown).split()
    return [part for word in words for part in cut_run_on(word)]


@given(st.one_of(material, st.text(max_size=400)))
def test_joining_the_segments_gives_every_word_back(text: str) -> None:
    words = visible_words(text)
    if not words:
        with pytest.raises(TextEmpty):
            segments(text)
        return
    pieces = segments(text)
    assert " ".join(pieces).split() == words
    assert all(pieces)
    assert all(len(piece) <= MAX_SEGMENT_CHARS or " " not in piece for piece in pieces)


@given(st.text(max_size=400).filter(visible_words))
def test_segments_have_no_invisible_character_and_stay_as_they_are(text: str) -> None:
    for piece in segments(text):
        categories = {unicodedata.category(char) for char in EMOJI_JOINER.sub("", piece)}
        assert not categories & {"Cc", "Cf", "Cs", "Zl", "Zp"}
        assert visible_words(piece) == piece.split(" ")

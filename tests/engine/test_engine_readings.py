"""Texts as people write them, and the words and sounds that each voice makes of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.engine import Engine
from engine.text.normalise import find_unreadable, normalise
from engine.text.segmentation import Pause, Segment, incoming, segments
from tests.engine.readings.cases import BUILD, Case, find_reading, is_right, join_letters, load
from tests.examples import examples

SHARE = 0.97
BETWEEN = {Pause.CLAUSE: " ", Pause.STOP: " . ", Pause.PARAGRAPH: " ¶ "}
CASES = load(BUILD)
SILENT = re.compile(r"[ˈˌː ʲ.,;:!?…—\"“”()]")

FORMS = [
    "$5", "-$40", "5€", "3.14", "1,000", "10 000", "½", "2 1/2", "10-20", "5%", "555-1234", "12/25",
    "Dec.", "25,", "2021", "9:30PM", "5 p.m.", "10m", "25℃", "Main St.", "St. Paul", "e.g.", "U.S.",
    "J. K.", "Henry VIII", "NASA", "FBI", "IT WAS", "3.11.7", "10.0.0.1", "bob@test.org", "#1",
    "https://a.co/b?c=d", "@joe", "a/b", "C:\\x", "snake_case", "`code`", "**bold**", "[a](b)",
    "# Title", "- item", "| a | b |", "```", "<b>x</b>", "&lt;", "—", "--", "...", "(see", "below)",
    "你好", "👍", ":)", "no.She", "\x1b[1mbold", "1h", "20m", "Monday", "–", "'so'", "npm", "(iv)",
    "=", "T-10", "3x", "plan A.", "word", "Word", "the", "\n", "\n\n", "end.", "why?", '"', "'",
]  # fmt: skip
material = st.lists(st.sampled_from(FORMS), min_size=1, max_size=30).map(" ".join)
PLAIN_WORDS = [
    "the", "cat", "sat", "quietly", "and", "it's", "don't", "Bob", "went", "home,", "well-read",
    "I", "she", "said;", "a", "so", "Then", "nobody", "left", "rain,", "why", "because", "of",
]  # fmt: skip


def say(text: str) -> str:
    """The words of a text, with what is between its segments as white space."""
    said = ""
    for segment in segments(text):
        said += normalise(segment).words() + BETWEEN[segment.pause]
    return said


def test_the_build_cases_are_read_in_words_that_are_right() -> None:
    wrong = [case for case in CASES if not is_right(case, say(case.text))]
    shown = [(case.kind, case.text, say(case.text)) for case in wrong]
    assert len(wrong) <= (1 - SHARE) * len(CASES), shown


@pytest.mark.uncovered
@pytest.mark.parametrize("fixture", ["voice", "joe"])
def test_a_voice_makes_the_sounds_of_those_words(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    engine = request.getfixturevalue(fixture)
    right = Counter(case.kind for case in CASES if _sounds_right(case, engine))
    kinds = Counter(case.kind for case in CASES)
    missed = {kind: (right[kind], kinds[kind]) for kind in kinds if right[kind] < kinds[kind]}
    assert right.total() >= SHARE * len(CASES), missed


def _sounds_right(case: Case, engine: Engine) -> bool:
    reading = find_reading(case, say(case.text))
    if reading is None:
        return False
    found = _sounds(case.text, engine)
    ways = (text.replace("¶", "\n\n") for text in {reading, join_letters(reading)})
    return any(found == _sounds(text, engine) for text in ways)


def _sounds(text: str, engine: Engine) -> str:
    phonemes = "".join(reading.phonemes for reading in engine.read(text))
    return SILENT.sub("", phonemes)


@settings(max_examples=examples(150))
@given(st.one_of(material, st.text(max_size=200)))
def test_no_text_makes_the_normaliser_raise_and_pieces_are_in_order(text: str) -> None:
    reading = normalise(text)
    at = 0
    for piece in reading.pieces:
        assert at <= piece.start <= piece.end <= len(text)
        at = piece.start
    for _, span in reading.spans():
        assert 0 <= span.start <= span.end <= len(text)


@settings(max_examples=examples(150))
@given(material)
def test_no_word_is_lost(text: str) -> None:
    wanted = Counter(re.findall(r"\b(?:word|Word|below|item|see)\b", text))
    for segment in segments(text) if text.strip() else []:
        wanted -= Counter(re.findall(r"\w+", normalise(segment).words()))
    assert not wanted


@settings(max_examples=examples(150))
@given(st.one_of(material, st.text(alphabet="ab12 .,$%-–—()你👍", max_size=60)))
def test_every_letter_and_digit_is_in_a_piece_or_listed_as_left_out(text: str) -> None:
    reading = normalise(text)
    covered: set[int] = set()
    for piece in reading.pieces:
        covered.update(range(piece.start, piece.end))
    for left_out in reading.unreadable:
        covered.update(range(left_out.start, left_out.end))
    for match in re.finditer(r"\b(?:word|Word|the|end|below|12|ab)\b|你", text):
        assert match.start() in covered, (text[match.start() :], reading)


@settings(max_examples=examples(100))
@given(st.lists(st.sampled_from(PLAIN_WORDS), min_size=1, max_size=30).map(" ".join))
def test_a_text_written_in_full_comes_back_as_the_same_bytes(text: str) -> None:
    for segment in segments(f"{text} home."):
        assert normalise(segment).text is segment


@settings(max_examples=examples(150))
@given(material, st.data())
def test_cuts_of_a_text_that_arrives_in_parts_change_no_word(
    text: str, data: st.DataObject
) -> None:
    if not text.strip():
        return
    marks = st.lists(st.integers(0, len(text)), max_size=8).map(sorted)
    cuts = [0, *data.draw(marks), len(text)]
    parts = [text[start:end] for start, end in pairwise(cuts)]
    assert words_of(incoming(parts)) == words_of(iter(segments(text)))
    assert words_of(incoming(text)) == words_of(iter(segments(text)))


def words_of(pieces: Iterator[Segment]) -> list[str]:
    said = " ".join(normalise(piece).words() for piece in pieces)
    return re.findall(r"\w+", said)


@pytest.mark.parametrize(
    ("text", "word", "source"),
    [
        ("It costs -$40 now.", "forty", "-$40"),
        ("At 9:30PM we left.", "P.M", "9:30PM"),
        ("See [About us](/about/) now.", "us", "us"),
        ("Ask **Bob** twice.", "Bob", "Bob"),
        ("He read it twice.", "read", "read"),
        ("Barnes &amp; Noble sells it.", "and", "&amp;"),
        ("We met, on Dec. 25, 2021, there.", "twenty-fifth,", "Dec. 25, 2021"),
    ],
)
def test_a_word_knows_what_it_was_read_from(text: str, word: str, source: str) -> None:
    (segment,) = segments(text)
    places = [
        text[span.start : span.end] for said, span in normalise(segment).spans() if said == word
    ]
    assert places == [source]


def test_a_segment_knows_its_place_in_the_text_as_sent() -> None:
    text = "One.\r\n\r\nSoft\u00adware costs  $5 here. And so on."
    second = segments(text)[1]
    start = second.index("$5")
    assert text[slice(*second.locate(start, start + 2))] == "$5"
    assert text[slice(*second.locate(0, 8))] == "Soft\u00adware"


def test_what_no_voice_says_is_listed() -> None:
    reading = normalise("He said 你好 to us 👍.")
    assert [(left.text, left.kind) for left in reading.unreadable] == [
        ("你好", "Chinese characters"),
        ("👍", "emoji"),
    ]
    assert reading.words() == "He said to us."


@settings(max_examples=examples(200))
@given(st.one_of(material, st.text(alphabet="ab12 .,:;)(<3x8=^&*~“’—ж你👍¨é✔™†^$#′", max_size=60)))
def test_what_is_looked_for_quickly_is_what_a_reading_leaves_out(text: str) -> None:
    for segment in segments(text) if text.strip() else []:
        assert find_unreadable(segment) == normalise(segment).unreadable


@pytest.mark.parametrize(
    ("text", "left_out"),
    [
        ("We <3 it.", "<3"),
        ("See you :)", ":)"),
        ("Fine :]", ":]"),
        ("So ¨ be it.", "¨"),
        ("Well &#128512; then.", "&#128512;"),
    ],
)
def test_emoticons_and_lone_signs_are_listed_too(text: str, left_out: str) -> None:
    assert [each.text for each in find_unreadable(text)] == [left_out]
    assert find_unreadable("It’s “fine” — for €5, naïve or not…") == ()


def test_words_of_a_lexicon_stay_as_they_are() -> None:
    assert normalise("The SQL file.", frozenset(["sql"])).text == "The SQL file."
    assert normalise("The SQL file.").text == "The S.Q.L file."

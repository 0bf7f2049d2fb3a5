"""Signs: each is a word, a pause, or listed as left out; none vanishes in silence."""

from __future__ import annotations

import re
import unicodedata

import pytest

from engine.text.normalise import find_unreadable, normalise
from engine.text.normalise.signs import MARKUP, PUNCTUATION

CATEGORIES = ("Sc", "Sk", "Sm", "So")
PLACES = ("We saw {} there.", "We saw word{} there.", "We saw {}word there.", "We saw {}")
APOSTROPHES = "´"


def find_signs() -> list[str]:
    """Signs of every category that has none of the marks of punctuation."""
    chars = map(chr, range(0x21, 0x3000))
    return [char for char in chars if unicodedata.category(char) in CATEGORIES]


def is_dropped(sign: str, place: str) -> bool:
    """Whether nothing of a sign is left: no word, no pause, and nothing is listed."""
    text = place.format(sign)
    reading = normalise(text)
    if reading.unreadable:
        return False
    if sign in reading.words():
        return True  # it goes to a voice, which has no sound for it
    said = re.findall(r"\w+|,", reading.words())
    return "".join(said) == "".join(re.findall(r"\w+", place))


@pytest.mark.parametrize("place", PLACES)
def test_no_sign_vanishes_in_silence(place: str) -> None:
    signs = [sign for sign in find_signs() if unicodedata.normalize("NFKC", sign) == sign]
    assert len(signs) > 1000
    bullets = "■▪●◦∙" if place.endswith("{}") else ""  # no pause at the end of a text
    exempt = APOSTROPHES + PUNCTUATION + MARKUP + bullets
    dropped = [sign for sign in signs if sign not in exempt and is_dropped(sign, place)]
    assert dropped == []


def test_what_is_silent_everywhere_is_punctuation_or_markup() -> None:
    assert {unicodedata.category(char)[0] for char in PUNCTUATION} == {"P"}
    for char in PUNCTUATION:
        reading = normalise(f"He read {char}that aloud.")
        assert reading.words() == "He read that aloud."
    assert set(MARKUP) <= set("*_`~#")


@pytest.mark.parametrize(
    ("text", "left_out"),
    [
        ("All done ✔", "✔"),
        ("✓ All done", "✓"),
        ("Not this ✗ then.", "✗"),
        ("The Widget™ is here.", "™"),
        ("The Widget® is here.", "®"),
        ("The price† went up.", "†"),
        ("The price‡ went up.", "‡"),
        ("So cute~ again.", "~"),
        ("Ke$ha sang.", "$"),
        ("A ¦ B again.", "¦"),
        ("Some ⊕ sign.", "⊕"),
        ("Bars ─ here.", "─"),
        ("Five° or ″ here.", "″"),
    ],
)
def test_a_sign_without_a_word_is_listed(text: str, left_out: str) -> None:
    reading = normalise(text)
    assert [each.text for each in reading.unreadable] == [left_out]
    assert find_unreadable(text) == reading.unreadable
    (each,) = reading.unreadable
    assert text[each.start : each.end] == left_out
    assert left_out not in reading.words()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Press the ^ key.", "Press the caret key."),
        ("Type a ~ here.", "Type a tilde here."),
        ("The $ sign.", "The dollar sign."),
        ("The ₹ sign.", "The rupee sign."),
        ("Is it $ or €?", "Is it dollar or euro?"),
        ("So x^y grows.", "So x to the power of Y grows."),
        ("It is 3 ⋅ 4.", "It is three times four."),
        ("It is 3·4.", "It is three times four."),
        ("Scaled 2 ∶ 1.", "Scaled two to one."),
        ("Red • Green • Blue", "Red, Green, Blue"),
        ("Thus ∀ of them.", "Thus for all of them."),
        ("It is −", "It is minus"),
    ],
)
def test_a_sign_that_has_a_word_is_said(text: str, words: str) -> None:
    reading = normalise(text)
    assert reading.words() == words
    assert reading.unreadable == ()


def test_strokes_and_accents_between_letters_are_apostrophes_with_a_place() -> None:
    for mark in "′´ʼ＇":
        text = f"I don{mark}t see it."
        reading = normalise(text)
        assert reading.words() == "I don't see it."
        assert [text[slice(*span)] for _, span in reading.spans()] == text.split()


def test_check_marks_are_said_by_name_where_names_are_wanted() -> None:
    pytest.importorskip("emoji")
    for sign in ("✔", "✔\ufe0f", "✓"):
        reading = normalise(f"All done {sign}", emoji="names")
        assert reading.words() == "All done, check mark"
        assert reading.unreadable == ()

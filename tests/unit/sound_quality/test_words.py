"""Word errors, on transcripts of which they are known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.sound_quality.words import count_word_errors, normalize

WORDS = st.lists(
    st.text("bcdfghklmnprstvw", min_size=2, max_size=8), min_size=1, max_size=30, unique=True
)
"""No vowels: neither numbers nor other words that are normalised."""


@given(st.text(max_size=200))
def test_a_text_is_its_own_transcript(text):
    found = count_word_errors(text, text)
    assert found.errors == 0
    assert found.worst_run == 0
    assert found.differing == ""
    assert found.words == len(normalize(text))


@given(st.text(max_size=200))
def test_what_is_normalised_stays_as_it_is(text):
    words = normalize(text)
    assert normalize(" ".join(words)) == words


@given(WORDS, st.data())
def test_words_left_out_in_a_row_are_a_run(words, data):
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    transcript = words[:start] + words[end:]
    found = count_word_errors(" ".join(words), " ".join(transcript))
    dropped = normalize(" ".join(words[start:end]))
    assert found.words == len(words)
    assert found.errors == found.worst_run == end - start
    assert found.differing == f'"{" ".join(dropped)}" is missing'


@given(WORDS, st.data())
def test_words_put_in_are_a_run_and_so_are_words_replaced(words, data):
    at = data.draw(st.integers(0, len(words)))
    count = data.draw(st.integers(1, 5))
    added = count_word_errors(
        " ".join(words), " ".join([*words[:at], *["uh"] * count, *words[at:]])
    )
    assert added.errors == added.worst_run == count
    assert "is added" in added.differing
    replaced = count_word_errors(" ".join(words), " ".join(["uh"] * len(words)))
    assert replaced.errors == replaced.worst_run == len(words)


@given(WORDS, WORDS)
def test_a_run_is_no_longer_than_all_errors(one, other):
    found = count_word_errors(" ".join(one), " ".join(other))
    assert abs(len(one) - len(other)) <= found.errors <= max(len(one), len(other))
    assert (found.errors == 0) == (found.worst_run == 0)
    assert found.worst_run <= found.errors


def test_errors_apart_are_runs_of_their_own_and_those_that_touch_are_one():
    apart = count_word_errors("one red two blue three", "one rad two blew three")
    assert (apart.errors, apart.worst_run) == (2, 1)
    touching = count_word_errors("one red blue green three", "one rad blue and three four")
    assert (touching.errors, touching.worst_run) == (3, 1)
    mixed = count_word_errors("keep red blue green keep it", "keep rad keep it")
    assert (mixed.errors, mixed.worst_run) == (3, 3)
    assert mixed.differing == '"red blue green" became "rad"'


def test_a_text_of_no_words_has_none_and_each_word_of_its_transcript_is_an_error():
    assert count_word_errors("...", "") == (0, 0, 0, "")
    assert count_word_errors("", "hello there") == (0, 2, 2, '"hello there" is added')
    assert count_word_errors("hello there", "") == (2, 2, 2, '"hello there" is missing')


SAME = [
    ("Hello, World!", "hello world"),
    ("Don't, don\u2019t", "dont don't"),
    ("real-time, end-to-end", "real time end to end"),
    ("numerals such as 123 and 456", "numerals such as one hundred twenty three and 456"),
    ("123", "one hundred and twenty-three"),
    ("Dr. Smith of St. Ives", "doctor smith of saint ives"),
    ("Main St.", "main street"),
    ("1,000,007 and 20,000", "one million and seven and twenty thousand"),
    ("0 or 007", "zero or zero zero seven"),
    ("TTFA or e.g. RTF", "t t f a or eg r t f"),
    ("CAF\u00c9", "cafe\u0301"),
    ("\uff11\uff12", "twelve"),
    ("\u4eca\u65e5\u306f\u3002", "\u4eca \u65e5 \u306f"),
]


@pytest.mark.parametrize(("text", "transcript"), SAME)
def test_what_is_written_in_two_ways_is_the_same(text, transcript):
    assert count_word_errors(text, transcript).errors == 0


NUMBERS = {
    "0": "zero",
    "10": "ten",
    "19": "nineteen",
    "20": "twenty",
    "21": "twenty one",
    "100": "one hundred",
    "110": "one hundred ten",
    "999": "nine hundred ninety nine",
    "1000": "one thousand",
    "1001": "one thousand one",
    "40050": "forty thousand fifty",
    "1000000": "one million",
    "999000000000000": "nine hundred ninety nine trillion",
    "1000000000000000": "one zero zero zero zero zero zero zero zero zero zero zero zero zero zero "
    "zero",
    "05": "zero five",
}


@pytest.mark.parametrize("digits", NUMBERS)
def test_a_number_in_digits_is_read(digits):
    assert " ".join(normalize(digits)) == NUMBERS[digits]


DIFFERENT = [
    ("1984", "nineteen eighty four"),
    ("3rd", "third"),
    ("e-mail", "email"),
    ("456", "four five six"),
    ("black and white", "black white"),
    ("one hundred and more", "one hundred more"),
]


@pytest.mark.parametrize(("text", "transcript"), DIFFERENT)
def test_what_is_not_normalised_is_an_error(text, transcript):
    assert count_word_errors(text, transcript).errors > 0

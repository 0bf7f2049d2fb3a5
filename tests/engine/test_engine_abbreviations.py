"""Words that look like abbreviations: "he said no." is no number."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise

import pytest
from filelock import FileLock

from engine.engine import Engine
from engine.text.phonemizer import Phonemizer
from engine.text.segmentation import MAX_SEGMENT_CHARS, incoming, segments
from engine.voices import find_voice

Read = Callable[[str], tuple[str, list[str]]]


@pytest.fixture(scope="module", params=["en-US", "en-GB"])
def read(request: pytest.FixtureRequest, filling: FileLock) -> Read:
    """Phonemes of a segment, and its words; by the rules of heart and the voices of kokoro."""
    vocabulary = find_voice("heart").vocabulary
    symbols = {number: symbol for symbol, number in json.loads(vocabulary.read_text()).items()}
    with filling:
        phonemize = Phonemizer.open(vocabulary, request.param)

    def read(segment: str) -> tuple[str, list[str]]:
        (speech,) = phonemize.read(segment)
        said = "".join(symbols[number] for number in speech.ids[1:-1])
        return said, [word.text for word in speech.words]

    return read


@pytest.mark.parametrize(
    ("abbreviated", "plain"),
    [
        ("I asked him twice and he said no.", "I asked him twice and he said no!"),
        ("Oh no.", "Oh no!"),
        ("no.", "no!"),
        ("No.", "No!"),
        ("NO.", "NO!"),
        ("(He said no.)", "(He said no!)"),
        ("They all shouted no.”", "They all shouted no!”"),
        ("he said no. then he left.", "he said no! then he left."),
        ("he said no. of course.", "he said no! of course."),
        ("He ate a ripe fig.", "He ate a ripe fig!"),
        ("HE ATE A FIG.", "HE ATE A FIG!"),
        ("She teaches driver's ed.", "She teaches driver's ed!"),
        ("The Earth goes around the Sun.", "The Earth goes around the Sun!"),
        ("I had lunch with Jan.", "I had lunch with Jan!"),
        ("Thanks, Hon.", "Thanks, Hon!"),
    ],
)
def test_a_word_before_a_full_stop_is_that_word(read: Read, abbreviated: str, plain: str) -> None:
    assert read(abbreviated)[0].replace(".", "!") == read(plain)[0].replace(".", "!")
    assert read(abbreviated)[1] == read(plain)[1]


@pytest.mark.parametrize(
    ("abbreviated", "plain"),
    [
        ("It is No. 5 here.", "It is Number 5 here."),
        ("It is no. 5 here.", "It is number 5 here."),
        ("It is no.5 here.", "It is number 5 here."),
        ("It is NO. 5 here.", "It is Number 5 here."),
        ("It is no. 12b here.", "It is number 12b here."),
        ("It is no. (5) here.", "It is number (5) here."),
        ("See Nos. 3 and 4.", "See Numbers 3 and 4."),
        ("See nos. 3 and 4.", "See numbers 3 and 4."),
        ("See Fig. 3.", "See Figure 3."),
        ("See fig. 3a.", "See figure 3a."),
        ("SEE FIG. 3.", "SEE Figure 3."),
        ("See fig. below.", "See figure below."),
        ("The no. of users rose.", "The number of users rose."),
        ("It is the 2nd ed.", "It is the 2nd edition."),
        ("It is the revised ed.", "It is the revised edition."),
        ("We meet on Sun.", "We meet on Sunday."),
        ("We met last Jan.", "We met last January."),
        ("It was cold in Jan.", "It was cold in January."),
        ("Hon. Smith spoke.", "Honorable Smith spoke."),
        ("See vol. 2, ch. 3.", "See volume 2, chapter 3."),
        ("I live on Main St.", "I live on Main Street."),
    ],
)
def test_abbreviations_are_still_written_out(read: Read, abbreviated: str, plain: str) -> None:
    assert read(abbreviated) == read(plain)


def test_a_number_that_comes_in_the_next_part_is_waited_for() -> None:
    parts = ["I live at no.", " 5 Main Street, and I", " said no.", " Nobody came. "]
    expected = ["I live at no. 5 Main Street,", "and I said no.", "Nobody came."]
    assert list(incoming(parts)) == expected
    letters = list("".join(parts))
    assert list(incoming(letters)) == expected


@pytest.mark.parametrize("abbreviation", ["no.", "No.", "NO.", "FIG."])
def test_a_cut_for_length_leaves_the_number_with_its_abbreviation(abbreviation: str) -> None:
    for length in (MAX_SEGMENT_CHARS - 1, MAX_SEGMENT_CHARS):  # up to the abbreviation
        filler = ("word " * 80)[: length - len(abbreviation) - 2] + "s"
        pieces = segments(f"{filler} {abbreviation} 5 on the list")
        assert len(pieces) == 2
        assert pieces[1].endswith(f"{abbreviation} 5 on the list")


def test_the_voice_says_no_and_when(voice: Engine) -> None:
    text = "I asked him twice and he said no. Nobody knew why."
    words = [word for chunk in voice.stream(text) for word in chunk.words]
    assert [word.text for word in words] == text.replace(".", "").split()
    assert all(a.start_s < b.start_s for a, b in pairwise(words))
    no, number = (voice.synthesize(f"He said {word}.") for word in ("no", "number"))
    assert no.frame_count < number.frame_count

"""Reading: text to phonemes to ids, whatever the reading rules choke on."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.text.g2p_rules import Token
from engine.text.phonemizer import (
    MAX_LETTERS,
    MAX_PHONEMES,
    MAX_WORD_CHARS,
    Phonemizer,
    SpokenWord,
    WordSpan,
    fit,
    join_tokens,
    join_words,
    read_around,
    to_the_end,
    word_parts,
)
from engine.voices import find_voice
from tests.examples import examples

VOCABULARY = {" ": 1, "a": 2, "b": 3, ",": 4, ".": 5}


@pytest.fixture(scope="module")
def phonemize() -> Phonemizer:
    heart = find_voice("heart")
    return Phonemizer.open(heart.vocabulary, heart.language)


def test_a_word_becomes_padded_ids_of_the_vocabulary(phonemize: Phonemizer) -> None:
    vocabulary = json.loads(find_voice("heart").vocabulary.read_text("utf-8"))
    assert phonemize("Hello.") == [[0, *(vocabulary[p] for p in "həlˈO."), 0]]


@pytest.mark.parametrize(
    ("quoted", "bare"),
    [
        ("“The end,” he said.", "The end, he said."),
        ('She said, "I\'m in."', "She said, I'm in."),
        ("“Why?” he asked. “Because,” I said.", "Why? he asked. Because, I said."),
        ("(“A man”)", "(A man)"),
    ],
)
def test_quotation_marks_change_no_word(phonemize: Phonemizer, quoted: str, bare: str) -> None:
    phonemes = phonemize.transcribe(quoted)
    assert phonemes.translate(dict.fromkeys(map(ord, "“”"))) == phonemize.transcribe(bare)
    assert phonemes.count("“") == phonemes.count("”") > 0


def test_british_voices_read_by_british_rules(phonemize: Phonemizer) -> None:
    emma = Phonemizer.open(find_voice("heart").vocabulary, "en-GB")
    assert emma("Go there.") != phonemize("Go there.")


def test_an_unknown_word_is_read_to_its_end(phonemize: Phonemizer) -> None:
    long_word = "zyphlonkarimtosabuldefgrokwem"
    assert MAX_LETTERS < len(long_word) < MAX_WORD_CHARS
    [whole], [cut] = phonemize(long_word), phonemize(long_word[:MAX_LETTERS])
    assert len(whole) > len(cut)


def test_the_net_gets_a_long_word_in_parts_and_nothing_is_lost() -> None:
    asked: list[str] = []
    read = to_the_end(lambda part: asked.append(part) or part.upper())  # type: ignore[func-returns-value]
    assert read("x" * 50) == "X" * 50
    assert [len(part) for part in asked] == [24, 24, 2]


@pytest.mark.parametrize("nothing", ["...", "😀", "你好", "&", "=" * 80, "( )", "* * *", "[" * 300])
def test_what_has_no_sound_gives_no_ids(phonemize: Phonemizer, nothing: str) -> None:
    assert phonemize(nothing) == []


def test_phonemes_the_model_does_not_know_are_dropped() -> None:
    words = [SpokenWord("one", "a§"), SpokenWord("two", "b☃.")]
    assert Phonemizer(lambda _: words, VOCABULARY)("text") == [[0, 2, 1, 3, 5, 0]]


def test_rules_that_find_no_word_say_nothing() -> None:
    assert Phonemizer(lambda _: [], VOCABULARY)("text") == []


def test_a_word_goes_up_to_the_next_space() -> None:
    tokens = [Token("(it", "a", False), Token("'s", "b", False), Token(")", "", True)]
    assert join_tokens(tokens) == [SpokenWord("it's", "ab")]


@pytest.mark.parametrize(
    ("words", "phonemes", "spans"),
    [
        ([("one", "a."), ("two", "b")], "a. b", [("one", 0, 1), ("two", 3, 4)]),
        ([("one", "a"), ("", ","), ("two", "b")], "a , b", [("one", 0, 1), ("two", 4, 5)]),
        ([("one", "a"), ("", "b"), ("two", "b")], "a b b", [("one", 0, 3), ("two", 4, 5)]),
        ([("", ","), ("two", "b")], ", b", [("two", 2, 3)]),
        ([("one", "a"), ("mute", "☃"), ("two", "b")], "a b", [("one", 0, 1), ("two", 2, 3)]),
        ([("mute", ""), ("two", "b")], " b", [("two", 1, 2)]),
        ([("", ""), ("two", "b")], "b", [("two", 0, 1)]),
        ([("new", "a b"), ("york", "")], "a b", [("new", 0, 3)]),
    ],
)
def test_words_lie_where_their_sounds_are(
    words: list[tuple[str, str]], phonemes: str, spans: list[tuple[str, int, int]]
) -> None:
    joined = join_words([SpokenWord(*word) for word in words], VOCABULARY)
    assert joined == (phonemes, [WordSpan(*span) for span in spans])


@pytest.mark.parametrize(
    "hostile", ["1" * 500, "a" * 5000, "/" * 5000, "/-" * 400, "½" * 300, "²³", "٣" * 99, "A" * 999]
)
def test_hostile_words_are_read_in_lists_the_model_can_take(
    phonemize: Phonemizer, hostile: str
) -> None:
    lists = phonemize(hostile)
    assert all(2 < len(ids) <= MAX_PHONEMES + 2 for ids in lists)
    assert lists or not any(map(str.isalnum, hostile))


@settings(max_examples=examples(60))
@given(st.text(max_size=80))
def test_no_text_at_all_makes_reading_raise(phonemize: Phonemizer, text: str) -> None:
    assert all(ids[0] == ids[-1] == 0 for ids in phonemize(text))


def test_numbers_longer_than_the_rules_can_read_are_read_in_halves(phonemize: Phonemizer) -> None:
    short, long = phonemize("1" * 15), phonemize("1" * 60)
    assert sum(map(len, long)) > 2 * sum(map(len, short))


def test_reading_goes_around_what_makes_the_rules_raise() -> None:
    def rules(text: str) -> list[SpokenWord]:
        if "bad" in text:
            raise IndexError
        return [SpokenWord(word, word.upper()) for word in text.split()]

    words = read_around(rules, "one two bad three")
    assert [word.phonemes for word in words] == ["ONE", "TWO", "B", "AD", "THREE"]


def test_rules_that_always_raise_end_in_nothing() -> None:
    def rules(text: str) -> list[SpokenWord]:
        raise ValueError(text)

    assert read_around(rules, "one two") == []


@given(st.text(alphabet="ab1/-.", max_size=300))
def test_word_parts_are_short_and_lose_only_repeated_symbols(word: str) -> None:
    parts = word_parts(word)
    assert all(len(part) <= MAX_WORD_CHARS for part in parts)
    assert [c for c in "".join(parts) if c.isalnum()] == [c for c in word if c.isalnum()]


def test_a_run_of_one_symbol_is_read_as_three() -> None:
    assert word_parts("a" * 5 + "/" * 5000 + "b-") == ["aaaaa///b-"]


def test_a_long_address_is_cut_behind_a_symbol() -> None:
    parts = word_parts("https://example.com/some/long/path/to/a/page.html")
    assert parts == ["https://example.com/some/long/", "path/to/a/page.html"]


@given(st.text(alphabet="ab ,.", max_size=300), st.integers(5, 60))
def test_fitting_keeps_every_phoneme(phonemes: str, limit: int) -> None:
    phonemes = " ".join(phonemes.split())
    pieces = list(fit(phonemes, limit))
    assert all(0 < len(piece) <= limit for piece in pieces)
    assert "".join(pieces).replace(" ", "") == phonemes.replace(" ", "")


@pytest.mark.parametrize(
    ("phonemes", "expected"),
    [
        ("aaa. bb, aaaa", ["aaa.", "bb, aaaa"]),
        ("aaa, bb aaaa", ["aaa,", "bb aaaa"]),
        ("aaaa bb aaaa", ["aaaa bb", "aaaa"]),
        ("a" * 25, ["a" * 10, "a" * 10, "a" * 5]),
    ],
)
def test_fitting_cuts_at_the_best_pause(phonemes: str, expected: list[str]) -> None:
    assert list(fit(phonemes, 10)) == expected

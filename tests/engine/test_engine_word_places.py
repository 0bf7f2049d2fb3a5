"""Words carry the characters of the text as it was sent, so that a page can highlight them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from engine.audio import Word
from engine.engine import Engine
from engine.server.payloads import to_word_times
from engine.text.normalise import normalise
from engine.text.phonemizer import WordSpan, place_words

TEXT = "It cost $100 at 9:30PM.\n\nNobody  asked why; Dr. Soft\u00adley paid \u2212$5."


@pytest.fixture(scope="module", params=["voice", "joe"], ids=["heart", "joe"])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.getfixturevalue(request.param)
    return found


def words_of(engine: Engine, text: str | Iterable[str], speed: float = 1.0) -> list[Word]:
    return [word for chunk in engine.stream(text, speed=speed) for word in chunk.words]


def sources_of(words: Iterable[Word], text: str) -> list[tuple[str, str | None]]:
    sources: list[tuple[str, str | None]] = []
    for word in words:
        source = None
        if word.start_char is not None:
            source = text[word.start_char : word.end_char]
        sources.append((word.text, source))
    return sources


def test_written_forms_and_their_words(engine: Engine) -> None:
    sources = sources_of(words_of(engine, TEXT), TEXT)
    assert ("hundred", "$100") in sources
    assert ("dollars", "$100") in sources
    assert any("30PM" in (source or "") for word, source in sources if word == "thirty")
    assert ("asked", "asked") in sources


def test_places_come_in_order_inside_the_text(engine: Engine) -> None:
    last = 0
    for word in words_of(engine, TEXT):
        assert word.start_char is not None
        assert word.end_char is not None
        assert last <= word.start_char < word.end_char <= len(TEXT)
        last = word.start_char


def test_places_are_the_same_at_another_speed(engine: Engine) -> None:
    wanted = sources_of(words_of(engine, TEXT), TEXT)
    assert sources_of(words_of(engine, TEXT, speed=3), TEXT) == wanted


def test_parts_of_a_text_count_as_one_text(voice: Engine) -> None:
    parts = [TEXT[at : at + 7] for at in range(0, len(TEXT), 7)]
    assert sources_of(words_of(voice, parts), TEXT) == sources_of(words_of(voice, TEXT), TEXT)


def test_clients_get_the_characters() -> None:
    (placed, lost) = to_word_times([Word("hundred", 0.5, 0.9, 8, 12), Word("odd", 1.0, 1.2)])
    assert (placed["start_char"], placed["end_char"]) == (8, 12)
    assert (lost["start_char"], lost["end_char"]) == (None, None)


def test_a_word_that_is_read_otherwise_loses_its_place_alone() -> None:
    reading = normalise("one two three")
    spans = [WordSpan("one", 1, 2), WordSpan("TOO", 3, 4), WordSpan("three", 5, 6)]
    sources = [word.source for word in place_words(spans, reading)]
    assert [source and tuple(source) for source in sources] == [(0, 3), None, (8, 13)]

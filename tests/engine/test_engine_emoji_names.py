"""Emoji by their names: where they are wanted, and what is said around them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from engine.engine import Engine
from engine.errors import OptionError, PackageNotInstalled
from engine.text.emoji_names import check_emoji, find_name, load_names
from engine.text.normalise import normalise

# As the package writes them; the second heart is with the selector of its coloured form.
ENTRIES = {
    "👍": ":thumbs_up:",
    "🎂": ":birthday_cake:",
    "🎉": ":party_popper:",
    "😂": ":face_with_tears_of_joy:",
    "😀": ":grinning_face:",
    "👩": ":woman:",
    "💻": ":laptop:",
    "👩\u200d💻": ":woman_technologist:",
    "❤": ":red_heart:",
    "❤\ufe0f": ":red_heart:",
    "🇺🇸": ":United_States:",
    "🥇": ":1st_place_medal:",
    "👋": ":waving_hand:",
    "👋🏽": ":waving_hand_medium_skin_tone:",
    "🏽": ":medium_skin_tone:",
}


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The names above, whether the package is installed or not."""
    entries = {symbol: {"en": name} for symbol, name in ENTRIES.items()}
    monkeypatch.setitem(sys.modules, "emoji", SimpleNamespace(EMOJI_DATA=entries))
    load_names.cache_clear()
    yield
    load_names.cache_clear()


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Great job 👍", "Great job, thumbs up"),
        ("Happy birthday! 🎂🎉", "Happy birthday! birthday cake, party popper"),
        ("Well done!🎉", "Well done! party popper"),
        ("That was so funny 😂😂😂.", "That was so funny, face with tears of joy."),
        ("I 😀 you", "I, grinning face, you"),
        ("😀 Hello", "grinning face, Hello"),
        ("😀🎉 Hello", "grinning face, party popper, Hello"),
        ("See you, 😀 and soon.", "See you, grinning face, and soon."),
        ("Our 👩\u200d💻 wrote it.", "Our, woman technologist, wrote it."),
        ("Our 👩\u200d🎉 danced.", "Our, woman, party popper, danced."),
        ("I ❤\ufe0f it.", "I, red heart, it."),
        ("We flew 🇺🇸.", "We flew, United States flag."),
        ("She won 🥇.", "She won, first place medal."),
        ("Wave 👋🏽 at them.", "Wave, waving hand, at them."),
        ("No form is here.", "No form is here."),
    ],
)
def test_names_are_said_with_pauses_around_them(text: str, words: str) -> None:
    reading = normalise(text, emoji="names")
    assert reading.words() == words
    assert reading.unreadable == ()


@pytest.mark.usefixtures("names")
def test_what_has_no_name_is_left_out_with_a_warning() -> None:
    reading = normalise("We saw \U0001faff and then 😀.", emoji="names")
    assert [left_out.text for left_out in reading.unreadable] == ["\U0001faff"]
    assert reading.words() == "We saw and then, grinning face."


@pytest.mark.usefixtures("names")
def test_a_name_knows_its_emoji() -> None:
    text = "Great job! 👍"
    places = [place for word, place in normalise(text, emoji="names").spans() if word == "up"]
    assert [text[slice(*place)] for place in places] == ["👍"]


@pytest.mark.usefixtures("names")
def test_one_request_says_names_and_the_next_leaves_them_out(voice: Engine) -> None:
    def words(emoji: str | None) -> list[str]:
        with voice.stream("Hi 😀.", emoji=emoji) as stream:
            return [word.text for chunk in stream for word in chunk.words]

    assert words("names") == ["Hi", "grinning", "face"]
    assert words(None) == ["Hi"]
    with voice.stream("😀", emoji="names") as stream:
        assert [word.text for chunk in stream for word in chunk.words] == ["grinning", "face"]
        assert stream.unreadable() == []


def test_an_unknown_way_and_a_missing_package_are_errors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(OptionError, match="wanted one of leave-out, names"):
        check_emoji("smile")
    assert check_emoji("leave-out") == "leave-out"
    monkeypatch.setitem(sys.modules, "emoji", None)
    load_names.cache_clear()
    with pytest.raises(PackageNotInstalled, match="pip install 'emoji"):
        check_emoji("names")


def test_the_package_has_names_for_what_people_send() -> None:
    pytest.importorskip("emoji")
    load_names.cache_clear()
    assert find_name("❤") == find_name("❤\ufe0f") == "red heart"
    assert find_name("👩\u200d💻") == "woman technologist"
    assert find_name("👍🏽") == "thumbs up"
    assert find_name("🇫🇷") == "France flag"
    assert find_name("x") is None

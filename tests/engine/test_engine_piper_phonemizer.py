"""Phonemes of piper voices: what the reader says, whose sounds they are, and what is missing."""

from __future__ import annotations

import functools
import gc
import importlib.metadata
import importlib.util
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.version import Version

from engine.errors import ModelError, VoiceNotInstalled
from engine.models.piper import espeak_process
from engine.models.piper.espeak import (
    LEAKY,
    MAX_CHARS,
    MAX_STOPS,
    Espeak,
    free_in_time,
    load,
    readable_parts,
)
from engine.models.piper.espeak_process import Clause, find_espeak, find_version
from engine.models.piper.phonemizer import MARKS, PiperPhonemizer, align_words

ROOT = Path(__file__).resolve().parents[2]
TEXT = "One and two. Three, four."

ALPHABET = "_^$ abcdefghijklmnopqrstuvwxyzˈː.,?!"
IDS = {symbol: [number] for number, symbol in enumerate(ALPHABET)}


def reader(text: str) -> list[Clause]:
    """Reads letters as they are, "of the" in one go, "seven" as two words, clauses by marks."""
    clauses = [Clause("", "")]
    for word in text.lower().split():
        mark = word[-1] if word[-1] in MARKS else ""
        core = "".join(filter(str.isalnum, word)).replace("seven", "one two ")
        clauses[-1] = Clause(f"{clauses[-1].phonemes} {core}".strip(), mark)
        if mark:
            clauses.append(Clause("", ""))
    done = [Clause(c.phonemes.replace("of the", "ofthe"), c.mark) for c in clauses if c.phonemes]
    return done or [Clause("", "")]


def readers(texts: Sequence[str]) -> list[list[Clause]]:
    return [reader(text) for text in texts]


def read(text: str, lexicon: dict[str, str] | None = None) -> tuple[str, list[tuple[str, str]]]:
    """Phonemes, and those of each word."""
    (speech,) = PiperPhonemizer(readers, IDS, lexicon or {}).read(text)
    said = "".join(ALPHABET[i] for i in speech.ids)
    assert said.startswith("^_")
    assert said.endswith("_$")
    words = [(w.text, said[w.first : w.stop].replace("_", "")) for w in speech.words]
    return said[2:-1].replace("_", ""), words


def test_ids_are_padded_and_words_know_theirs() -> None:
    plain, words = read("Go, dog.")
    assert plain == "go, dog."
    assert words == [("Go", "go"), ("dog", "dog")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("All of the seven cats sat", ["all", "of", "the", "one two", "cats", "sat"]),
        ("of the seven", None),
        ("seven of the cats", ["one two", "of", "the", "cats"]),
    ],
)
def test_merged_and_expanded_words_are_told_apart(text: str, words: list[str] | None) -> None:
    _, found = read(text)
    assert [name for name, _ in found] == text.split()
    if words is not None:
        assert [own for _, own in found] == words


def test_full_stops_inside_a_segment_are_not_spoken() -> None:
    assert read("Dr. Smith left.")[0] == "doctor smith left."
    assert read("No... go")[0] == "no, go"
    assert read("Really? she said")[0] == "really? she said"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("A GIF, and", "a jif, and"),
        ("gif gif.", "jif jif."),
        ("Gifs", "gifs"),
        ("GIF?", "jif?"),
        ("so New  York", "so nyc"),
    ],
)
def test_the_lexicon_stands_for_whole_words_in_any_case(text: str, plain: str) -> None:
    assert read(text, {"gif": "jif", "New York": "nyc"})[0] == plain


def test_a_key_with_a_capital_stands_for_that_word_only() -> None:
    assert read("us US", {"US": "yes"})[0] == "us yes"


def test_unknown_phonemes_are_dropped() -> None:
    assert read("go 你 dog")[0] == "go dog"
    assert PiperPhonemizer(readers, IDS, {}).read("你好") == []
    assert PiperPhonemizer(readers, IDS, {}).read("=== ---") == []


@pytest.mark.parametrize("word", ["1-", "1,", "x_"])
def test_a_word_four_times_as_long_takes_about_four_times_as_long(word: str) -> None:
    def took_s(text: str) -> float:
        began_s = time.process_time()
        PiperPhonemizer(readers, IDS, {}).read(text)
        return time.process_time() - began_s

    short_s, long_s = (min(took_s(word * count) for _ in range(3)) for count in (5_000, 20_000))
    assert long_s < 8 * short_s


def test_words_without_groups_and_groups_without_words_end() -> None:
    assert list(align_words([], [], ["ab"])) == []
    assert list(align_words(["a"], ["a"], [])) == []
    assert list(align_words(["a"], [""], ["xy"])) == [("a", 0, 2)]


@pytest.mark.parametrize(
    "config", [{}, {"phoneme_type": "pinyin", "phoneme_id_map": IDS}, {"phoneme_id_map": 3}]
)
def test_a_voice_with_other_phonemes_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="wanted 'espeak' or 'text'"):
        PiperPhonemizer.open(config)


def test_a_voice_of_letters_needs_no_reader() -> None:
    config = {"phoneme_type": "text", "phoneme_id_map": IDS}
    (speech,) = PiperPhonemizer.open(config).read("go dog")
    assert len(speech.ids) == 2 + 2 * len("go dog") + 1


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        espeak_process.importlib.util, "find_spec", lambda n: None if n == "piper" else find(n)
    )


def test_a_missing_reader_is_told_with_its_remedy(no_package: None) -> None:
    config = {"espeak": {"voice": "en-us"}, "phoneme_id_map": IDS}
    with pytest.raises(VoiceNotInstalled, match=r"pip install 'pytest-ttsperf\[piper\]'"):
        PiperPhonemizer.open(config)


@pytest.fixture(scope="module")
def bridge() -> ModuleType:
    pytest.importorskip("piper")
    return load(*find_espeak())


def test_a_language_is_chosen_only_when_it_changes(bridge: ModuleType) -> None:
    """espeak keeps 1.4 KB of each choice for ever; and two voices share one espeak."""
    chosen = []

    def choose(language: str) -> None:
        chosen.append(language)
        bridge.set_voice(language)

    told = SimpleNamespace(set_voice=choose, get_phonemes=bridge.get_phonemes)
    espeak = Espeak(told, find_version())  # type: ignore[arg-type]
    english, german = (functools.partial(espeak.read, name) for name in ("en-us", "de"))
    alone = english("wind"), german("wind")
    assert alone[0] != alone[1]
    chosen.clear()
    for _ in range(20):
        english("wind")
    assert chosen == ["en-us"]
    assert (english("wind"), german("wind"), english("wind")) == (alone[0], alone[1], alone[0])


def test_what_was_read_is_freed(bridge: ModuleType) -> None:
    """The binding counts each clause once too often; unmended, this leaves thousands of objects."""
    assert blocks_left(bridge, find_version()) < 500


def test_the_installed_binding_leaks_exactly_if_it_is_listed(bridge: ModuleType) -> None:
    """A version that leaks must be listed; one that does not must not be touched."""
    assert (blocks_left(bridge, "unlisted") > 500) is (find_version() in LEAKY)


def blocks_left(bridge: ModuleType, version: str) -> int:
    """Blocks of memory that are not freed after 500 texts."""
    read, text = functools.partial(Espeak(bridge, version).read, "en-us"), TEXT
    read(text)
    gc.collect()  # what other tests left is not freed meanwhile
    before = sys.getallocatedblocks()
    for _ in range(500):
        assert len(read(text)) == 3
    return sys.getallocatedblocks() - before


def counts_after(version: str) -> list[int]:
    """References to clauses of a binding that counts each once too often, after they are read."""
    clauses = [tuple(map(str, range(3))) for _ in range(2)]
    bridge = SimpleNamespace(
        set_voice=lambda _: None, get_phonemes=lambda text: list(clauses) if text else []
    )
    Espeak(bridge, version).read("en-us", "any")  # type: ignore[arg-type]
    return [sys.getrefcount(one) for one in clauses]


def test_clauses_of_a_version_that_is_not_listed_are_left_alone() -> None:
    """Here a second list holds each clause, which looks just as a count too many does."""
    fair = [tuple(map(str, range(3))) for _ in range(2)]
    untouched = [sys.getrefcount(one) for one in fair]
    assert counts_after("99.0") == untouched
    assert counts_after("") == untouched


def test_the_version_reaches_the_process_that_cannot_look_it_up() -> None:
    pytest.importorskip("piper")
    assert espeak_process.command()[-1] == find_version()


def test_a_package_piper_without_its_metadata_is_of_no_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", missing)
    assert find_version() == ""


@pytest.mark.parametrize("extra", ["piper", "peers"])
def test_the_bound_lets_in_what_was_tried_and_nothing_newer(extra: str) -> None:
    """Whoever raises it tries the new version, and adds it to LEAKY if it leaks."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    wanted = [Requirement(line) for line in extras[extra]]
    (bound,) = [one.specifier for one in wanted if one.name == "piper-tts"]
    assert all(version in bound for version in LEAKY)
    newest = max(Version(version) for version in LEAKY)
    assert f"{newest.major}.{newest.minor + 1}.0" not in bound
    assert f"{newest.major + 1}.0.0" not in bound


def test_a_binding_that_counts_right_is_left_alone() -> None:
    clauses = [tuple(map(str, range(3))) for _ in range(2)]
    counts = [sys.getrefcount(one) for one in clauses]
    free_in_time(clauses)
    assert [sys.getrefcount(one) for one in clauses] == counts


def test_a_language_the_reader_lacks_is_told() -> None:
    pytest.importorskip("piper")
    with pytest.raises(ModelError, match="found no language 'xx'"):
        PiperPhonemizer.open({"espeak": {"voice": "xx"}, "phoneme_id_map": IDS})
    assert espeak_process.shared.pid is None


@given(st.text(alphabet="ab1. ", max_size=2000))
def test_parts_for_the_reader_are_short_and_lose_nothing(text: str) -> None:
    parts = readable_parts(text)
    assert "".join(parts) == text
    assert all(len(part) <= MAX_CHARS and part.count(".") <= MAX_STOPS for part in parts)


def test_parts_for_the_reader_are_cut_between_words() -> None:
    assert len(readable_parts("p.m. " * 60)) > 1
    assert all(part.strip().endswith("p.m.") for part in readable_parts("p.m. " * 60)[:-1])
    assert readable_parts("At 5 p.m. on Dec. 3, J. R. R. Tolkien left.") == [
        "At 5 p.m. on Dec. 3, J. R. R. Tolkien left."
    ]

# ruff: noqa: RUF001 - phonemes look like other letters
"""Segment -> phonemes -> ids, by the voice package's own reading rules.

The reading rules are good with ordinary words and brittle with the rest: they raise on numbers of
forty digits, take seconds over a long run of slashes, and read only the first letters of a very
long unknown word. This module feeds them nothing they choke on, and loses nothing on the way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby
from pathlib import Path
from typing import NamedTuple

from ..cache import Cache
from ..errors import OptionError, OptionTypeError
from .emoji_names import EMOJI, EmojiReading
from .g2p_rules import Net, Token, open_net, open_rules
from .normalise import Reading, TextSpan, normalise
from .normalise.reading import LETTER_A_SAID, SPELLED

PAD_ID = 0
MAX_PHONEMES = 400  # the longest string the model was made for
MAX_WORD_CHARS = 32  # longer words are read in parts
MAX_REPEATS = 3  # of one symbol: a ruler of a hundred dashes says no more than three
MAX_LETTERS = 24  # what the net for unknown words sees of a word
LAST_CHAR = "\ufffd"  # of what is reported of a word; rarer letters are said all the same
SEARCHED = 64  # parts of a reading that a word is looked for in

BREAKS = (".!?…", ";:,—", "")  # where to cut too long a phoneme string, best first
STRESSES = "ˈˌ"
QUIET = ';:,.!?—…"()“” ː'
SILENT = frozenset(QUIET + STRESSES)
EMOJI_SYMBOL = re.compile(EMOJI)


class SpokenWord(NamedTuple):
    """What stands between two spaces, and how it is said.

    `text` is without the symbols around it: empty for a dash or an ampersand by itself.
    """

    text: str
    phonemes: str


class WordSpan(NamedTuple):
    """A word as read, and which of the ids are its own: first to, not including, stop.

    source: the characters of the segment that it was read from; None where that is not clear.
    """

    text: str
    first: int
    stop: int
    source: TextSpan | None = None


class ModelInput(NamedTuple):
    """What the model is given at once: ids, padded at both ends, and the words they came from."""

    ids: list[int]
    words: tuple[WordSpan, ...]


WordReader = Callable[[str], Sequence[SpokenWord]]


class Phonemizer:
    """Turns segments into ids. `read` is text -> words; `vocabulary` is phoneme -> id."""

    def __init__(
        self,
        read: WordReader,
        vocabulary: Mapping[str, int],
        keep: Container[str] = frozenset(),
    ) -> None:
        """`keep` are words, in lower case, that are read as they are written."""
        self._read = read
        self._vocabulary = vocabulary
        self._keep = keep

    @classmethod
    def open(
        cls,
        vocabulary: Path,
        language: str,
        *,
        lexicon: Mapping[str, str] | None = None,
        cache: Cache | None = None,
    ) -> Phonemizer:
        """Load the reading rules for en-US or en-GB.

        lexicon: pronunciations by word or words, in the voice's phonemes; a key in lower case
        stands for the word in any case. Raises OptionError for a phoneme the voice does not know.
        """
        ids: dict[str, int] = json.loads(vocabulary.read_text("utf-8"))
        is_british = language == "en-GB"
        net_file = "oov_gb.onnx" if is_british else "oov.onnx"
        rules = open_rules(
            vocabulary.parent,
            is_british,
            to_the_end(open_net(vocabulary.with_name(net_file))),
            check_lexicon(lexicon or {}, ids),
            cache or Cache(),
        )
        return cls(lambda text: join_tokens(rules(text)), ids, words_of(lexicon or {}))

    def __call__(self, segment: str) -> list[list[int]]:
        """The ids of read(), without the words."""
        return [part.ids for part in self.read(segment)]

    def transcribe(self, segment: str, emoji: EmojiReading = "leave-out") -> str:
        """The phonemes of read(), parts joined by spaces."""
        text = to_readable(read_words(segment, self._keep, emoji).text)
        if not text:
            return ""
        return join_words(read_around(self._read, text), self._vocabulary)[0].strip()

    def read(self, segment: str, emoji: EmojiReading = "leave-out") -> list[ModelInput]:
        """The segment in as many parts as the model needs; none if it says nothing.

        A segment without a letter or a digit says nothing: a ruler of equals signs is no sum.
        Phonemes the model does not know are dropped: it has no sound for them.
        """
        reading = read_words(segment, self._keep, emoji)
        text = to_readable(reading.text)
        if not text:
            return []
        words = read_around(self._read, text)
        phonemes, spans = join_words(words, self._vocabulary)
        spans = place_words(spans, reading)
        inputs = []
        for start, part in cut_to_fit(phonemes, MAX_PHONEMES):
            ids = [PAD_ID, *(self._vocabulary[phoneme] for phoneme in part), PAD_ID]
            edges = range(1, len(ids))
            inputs.append(ModelInput(ids, cut_spans(spans, start, edges)))
        return inputs


def check_lexicon(
    lexicon: Mapping[str, str],
    vocabulary: Collection[str],
) -> dict[str, str]:
    """The lexicon, if the voice knows every phoneme in it. Raises OptionError."""
    if not isinstance(lexicon, Mapping):
        raise OptionTypeError(f"found lexicon={lexicon!r}, wanted a mapping of words to phonemes")
    for word, phonemes in lexicon.items():
        if not isinstance(word, str) or not isinstance(phonemes, str):
            raise OptionTypeError(f"found lexicon entry {word!r}: {phonemes!r}, wanted two strings")
        unknown = sorted({p for p in phonemes if p not in vocabulary})
        if unknown or not word.strip() or SILENT.issuperset(phonemes):
            raise OptionError(
                f"found lexicon entry {word!r}: {phonemes!r} with {unknown or 'nothing to say'}, "
                f"wanted phonemes of {''.join(sorted(vocabulary))!r}"
            )
    return dict(lexicon)


def read_words(
    segment: str,
    keep: Container[str],
    emoji: EmojiReading = "leave-out",
) -> Reading:
    """The segment normalised; one without a letter or a digit says nothing but names of emoji."""
    has_names = emoji == "names" and EMOJI_SYMBOL.search(segment) is not None
    if has_names or any(map(str.isalnum, segment)):
        return normalise(segment, keep, emoji)
    return Reading(segment, "", ())


def words_of(lexicon: Mapping[str, str]) -> frozenset[str]:
    """The words of all keys, in lower case."""
    return frozenset(" ".join(lexicon).lower().split())


def place_words(spans: Iterable[WordSpan], reading: Reading) -> list[WordSpan]:
    """The words with the characters they were read from, and letters as they are written."""
    parts = list(_parts_in_order(reading))
    placed = []
    at = 0
    for span in spans:
        source = None
        for index in range(at, min(at + SEARCHED, len(parts))):
            if parts[index][0] == span.text:
                source = parts[index][1]
                at = index + 1
                break
        text = to_written(span.text)
        if text == LETTER_A_SAID and source is not None:
            text = _to_letter(reading.source[source.start : source.end])
        placed.append(span._replace(text=text, source=source))
    return placed


def _parts_in_order(reading: Reading) -> Iterator[tuple[str, TextSpan]]:
    """What a voice is given between two spaces, with the characters it was read from."""
    for word in reading.spans():
        if word.text.isascii() and word.text.isalpha() and len(word.text) <= MAX_WORD_CHARS:
            yield word.text, word.span
            continue
        for part in word_parts(word.text):
            text = strip_symbols(part)
            yield "".join(char for char in text if char <= LAST_CHAR), word.span


def _to_letter(written: str) -> str:
    """What is said as the letter A is that letter, unless somebody wrote "eh"."""
    return "A" if "a" in written.lower() else LETTER_A_SAID


def to_written(word: str) -> str:
    """F.B.I -> FBI."""
    if "." in word and SPELLED.fullmatch(word):
        return word.replace(".", "")
    return word


def join_tokens(tokens: Iterable[Token]) -> list[SpokenWord]:
    """Tokens -> words, each of which goes up to the next space."""
    words = []
    text = phonemes = ""
    for token in tokens:
        text += token.text
        phonemes += token.phonemes
        if token.spaced:
            words.append(SpokenWord(strip_symbols(text), phonemes))
            text = phonemes = ""
    if text or phonemes:
        words.append(SpokenWord(strip_symbols(text), phonemes))
    return words


def strip_symbols(text: str) -> str:
    """The text from its first letter or digit to its last."""
    symbols = "".join(char for char in text if not char.isalnum())
    return text.strip(symbols)


def join_words(
    words: Iterable[SpokenWord],
    vocabulary: Container[str],
) -> tuple[str, list[WordSpan]]:
    """Words -> the phonemes the vocabulary knows, single-spaced, and where each word lies in them.

    A word ends with its last sound; one without any sound is left out.
    """
    joined = ""
    spans = []
    for word in _attach_symbols(words):
        phonemes = _filter_phonemes(word.phonemes, vocabulary)
        sounds = phonemes.lstrip(QUIET)
        first = len(joined) + len(phonemes) - len(sounds)
        sounds = sounds.rstrip(QUIET + STRESSES)
        text = "".join(char for char in word.text if char <= LAST_CHAR)
        if text and sounds:
            spans.append(WordSpan(text, first, first + len(sounds)))
        # Of words without a sound only the first leaves its space.
        if phonemes or not joined:
            joined += f"{phonemes} "
    return joined.rstrip(), spans


def _attach_symbols(words: Iterable[SpokenWord]) -> list[SpokenWord]:
    """The words, where symbols that stand by themselves are said with the word before them."""
    attached: list[SpokenWord] = []
    for word in words:
        if not word.text and attached:
            before = attached.pop()
            word = SpokenWord(before.text, f"{before.phonemes} {word.phonemes}")
        if word.text or word.phonemes.strip():
            attached.append(word)
    return attached


def _filter_phonemes(phonemes: str, vocabulary: Container[str]) -> str:
    """Those that the vocabulary knows, with single spaces between them."""
    filtered = "".join(char for char in phonemes if char in vocabulary or char.isspace())
    return " ".join(filtered.split())


def cut_spans(spans: Iterable[WordSpan], start: int, edges: Sequence[int]) -> tuple[WordSpan, ...]:
    """The words that begin in a part of the phonemes, counted as ids.

    `start` is the part's first phoneme; `edges` are where the ids of each begin, and where those of
    the last end.
    """
    stop = start + len(edges) - 1
    cut = []
    for span in spans:
        if start <= span.first < stop:
            first = edges[span.first - start]
            behind = edges[min(span.stop, stop) - start]
            cut.append(span._replace(first=first, stop=behind))
    return tuple(cut)


def to_the_end(net: Net) -> Net:
    """The net for unknown words, reading a word to its end rather than to its 24th letter."""

    def read(word: str) -> str:
        starts = range(0, len(word), MAX_LETTERS)
        return "".join(net(word[at : at + MAX_LETTERS]) or "" for at in starts)

    return read


def to_readable(segment: str) -> str:
    """The segment with its words short enough to be read; empty without a letter or a digit."""
    if not any(map(str.isalnum, segment)):
        return ""
    return " ".join(chain.from_iterable(map(word_parts, segment.split())))


def word_parts(word: str) -> list[str]:
    """A word in parts short enough to be read, cut behind a symbol where there is one."""
    word = _squeeze(word)
    parts = []
    while len(word) > MAX_WORD_CHARS:
        cut = MAX_WORD_CHARS
        while cut and word[cut - 1].isalnum():
            cut -= 1
        cut = cut or MAX_WORD_CHARS
        parts.append(word[:cut])
        word = word[cut:]
    return [*parts, word]


def _squeeze(word: str) -> str:
    """The word with at most three of a symbol in a row."""
    squeezed = ""
    for char, run in groupby(word):
        symbols = "".join(run)
        squeezed += symbols if char.isalnum() else symbols[:MAX_REPEATS]
    return squeezed


def read_around(
    read: WordReader,
    text: str,
) -> list[SpokenWord]:
    """The words of the text, halved again and again around whatever makes the rules raise."""
    try:
        return list(read(text))
    except Exception:
        if len(text) < 2:
            return []
    middle = len(text) // 2
    space = text.rfind(" ", 1, middle)
    cut = space if space > 0 else middle
    return read_around(read, text[:cut]) + read_around(read, text[cut:])


def fit(phonemes: str, limit: int) -> Iterator[str]:
    """The string in pieces of at most `limit`, cut behind a pause if there is one, else a word."""
    while len(phonemes) > limit:
        cut = _last_break(phonemes[: limit + 1], limit)
        yield phonemes[:cut].rstrip()
        phonemes = phonemes[cut:].lstrip()
    if phonemes:
        yield phonemes


def cut_to_fit(phonemes: str, limit: int) -> Iterator[tuple[int, str]]:
    """fit(), with where each piece begins, and without those that are silent."""
    start = 0
    for part in fit(phonemes, limit):
        start = phonemes.index(part, start)
        if not SILENT.issuperset(part):
            yield start, part
        start += len(part)


def _last_break(window: str, limit: int) -> int:
    for marks in BREAKS:
        cut = max((window.rfind(f"{mark} ") + 1 for mark in marks), default=0)
        if cut > limit // 4:
            return cut
    return window.rfind(" ") if " " in window[1:] else limit

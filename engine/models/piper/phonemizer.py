# ruff: noqa: RUF001 - quotation marks of every kind
"""Segment -> phonemes -> ids for piper voices, which are trained on what espeak-ng reads.

The reader comes from the package piper-tts. That one is GPL, so it is an extra, and looked for when
a piper voice is opened; and it dies of some texts, so it runs in a process of its own.
"""

from __future__ import annotations

import bisect
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ...errors import ModelError
from ...text.emoji_names import EmojiReading
from ...text.phonemizer import (
    STRESSES,
    ModelInput,
    WordSpan,
    check_lexicon,
    cut_spans,
    cut_to_fit,
    place_words,
    read_words,
    strip_symbols,
    to_readable,
    words_of,
)
from .espeak_process import Clause, EspeakReader, start_early

START, END, PAD = "^", "$", "_"
MAX_PHONEMES = 600  # of a part; longer ones would only take more memory
ELLIPSIS = re.compile(r"(?:\.{2,}|…)(?=\s+\w)")
MARKS = ".!?;:,…"
CLOSERS = "\"'”’»)]}>*_ "  # what may stand behind the last mark
ALIKE = 2  # phonemes more or less, and a word may still be that group
NEAR = 1
RESYNC = 6  # how many words to look ahead for one that is read as it is by itself
MAX_ISOLATED = 2048  # words whose reading by themselves is remembered

Reader = Callable[[Sequence[str]], Sequence[Sequence[Clause]]]


class PiperPhonemizer:
    """Turns segments into ids. `read` is texts -> clauses of each; `ids` is phoneme -> ids."""

    def __init__(
        self,
        read: Reader,
        ids: Mapping[str, Sequence[int]],
        lexicon: Mapping[str, str],
        close: Callable[[], object] = lambda: None,
    ) -> None:
        """`close` gives the reader back."""
        self.close = close
        self._read = read
        self._ids = ids
        self._sounds = ids.keys() - {START, END, PAD}
        self.pad_count = len(ids[START]) + len(ids[PAD])  # ids in front of the first phoneme
        self._isolated: dict[str, str] = {}  # phonemes of words that were read by themselves
        self._keep = words_of(lexicon)
        self._lexicon = {" ".join(key.split()): value for key, value in lexicon.items()}
        longest_first = sorted(self._lexicon, key=len, reverse=True)
        keys = "|".join(map(re.escape, longest_first))
        self._keys = re.compile(rf"(?<!\w)(?:{keys})(?!\w)", re.IGNORECASE)

    @classmethod
    def open(
        cls,
        config: Mapping[str, Any],
        *,
        lexicon: Mapping[str, str] | None = None,
    ) -> PiperPhonemizer:
        """What a voice's configuration asks for.

        lexicon: pronunciations by word or words, in the voice's phonemes; a key in lower case
        stands for the word in any case. Raises OptionError for a phoneme the voice does not know,
        VoiceNotInstalled if the reader is missing, ModelError for another kind of voice.
        """
        kind = config.get("phoneme_type", "espeak")
        ids = config.get("phoneme_id_map")
        if kind not in ("espeak", "text") or not isinstance(ids, dict):
            raise ModelError(
                f"found a voice with phonemes of type {kind!r}, wanted 'espeak' or 'text' and a "
                "phoneme_id_map; choose another voice"
            )
        decomposed = {}
        for key, value in check_lexicon(lexicon or {}, _NormalKeys(ids)).items():
            decomposed[key] = unicodedata.normalize("NFD", value)
        if kind == "text":
            return cls(_read_characters, ids, decomposed)
        reader = EspeakReader(config["espeak"]["voice"])
        return cls(reader, ids, decomposed, reader.close)

    def read(self, segment: str, emoji: EmojiReading = "leave-out") -> list[ModelInput]:
        """The segment in as many parts as the model needs; none if it says nothing.

        A segment without a letter or a digit says nothing: a ruler of equals signs is no sum.
        Phonemes the model does not know are dropped: it has no sound for them.
        """
        reading = read_words(segment, self._keep, emoji)
        text = to_readable(reading.text)
        if not text:
            return []
        utterance = self._read_text(ELLIPSIS.sub(",", text))
        words = place_words(utterance.words, reading)
        inputs = []
        for start, part in cut_to_fit(utterance.phonemes, MAX_PHONEMES):
            inputs.append(self._to_input(part, words, start))
        return inputs

    def transcribe(self, segment: str, emoji: EmojiReading = "leave-out") -> str:
        """The phonemes of read(), parts joined by spaces."""
        text = to_readable(read_words(segment, self._keep, emoji).text)
        if not text:
            return ""
        return self._read_text(ELLIPSIS.sub(",", text)).phonemes

    def _to_input(self, phonemes: str, words: Sequence[WordSpan], start: int) -> ModelInput:
        """Ids with a pad behind each phoneme, and which of them each word's are."""
        pads = self._ids[PAD]
        ids = [*self._ids[START], *pads]
        edges = [len(ids)]
        for phoneme in phonemes:
            ids += self._ids[phoneme]
            ids += pads
            edges.append(len(ids))
        ids += self._ids[END]
        return ModelInput(ids, cut_spans(words, start, edges))

    def _read_text(self, text: str) -> _Utterance:
        """All phonemes the model knows, and which of them each word's are."""
        utterance = _Utterance()
        for part, pronunciation in self._cut_at_lexicon(text):
            if utterance.phonemes:  # a mark behind a word of the lexicon is not in what is read on
                utterance.phonemes += self._leading_mark(part)
            if pronunciation:
                utterance.append([part], [pronunciation], [pronunciation])
                continue
            names = [word for word in part.split() if _has_letters(word)]
            if names:
                groups, isolated = self._read_groups(part, names)
                utterance.append(names, isolated, groups)
        return utterance

    def _leading_mark(self, text: str) -> str:
        """The mark a text begins with, unless it is a full stop inside a segment."""
        text = text.lstrip()
        mark = text[:1]
        if mark not in MARKS or mark not in self._ids:
            return ""
        if mark == "." and _has_letters(text[1:]):
            return ""
        return mark

    def _cut_at_lexicon(self, text: str) -> Iterator[tuple[str, str]]:
        """The text in parts, those of the lexicon with their phonemes, others with none."""
        at = 0
        if self._lexicon:
            for match in self._keys.finditer(text):
                word = match.group()
                pronunciation = self._lexicon.get(word, self._lexicon.get(word.lower()))
                if pronunciation is not None:
                    yield text[at : match.start()], ""
                    yield word, pronunciation
                    at = match.end()
        yield text[at:], ""

    def _read_groups(
        self,
        text: str,
        names: Sequence[str],
    ) -> tuple[list[str], list[str]]:
        """Phonemes as the reader groups them, mostly a word each, marks behind the last.

        And how each of the names is read by itself; all in one go, as asking the reader takes a
        while.
        """
        remembered = self._isolated  # another thread may put a new one in its place
        isolated = {name: remembered[name] for name in names if name in remembered}
        unread = [name for name in dict.fromkeys(names) if name not in isolated]
        clauses, *others = self._read([text, *unread])
        for name, word_clauses in zip(unread, others, strict=True):
            isolated[name] = self._join(word_clauses)
        self._remember(isolated)
        return self._to_groups(text, clauses), [isolated[name] for name in names]

    def _remember(self, isolated: Mapping[str, str]) -> None:
        """Several threads may; what one of them forgets is read again."""
        if len(self._isolated) + len(isolated) > MAX_ISOLATED:
            self._isolated = {}
        self._isolated.update(isolated)

    def _to_groups(
        self,
        text: str,
        clauses: Sequence[Clause],
    ) -> list[str]:
        """A full stop inside the segment is that of an abbreviation: no sentence ends there."""
        has_end = text.rstrip(CLOSERS)[-1:] in MARKS
        groups: list[str] = []
        for number, clause in enumerate(clauses, 1):
            sounds = map(self._drop_unknown, clause.phonemes.split())
            groups += filter(None, sounds)
            is_mark = clause.mark != "."
            if number == len(clauses):
                is_mark = has_end
            if not is_mark or clause.mark not in self._ids:
                continue
            if groups and groups[-1][-1] not in MARKS:
                groups[-1] += clause.mark
        return groups

    def _drop_unknown(self, phonemes: str) -> str:
        """The phonemes that the model has ids for."""
        decomposed = unicodedata.normalize("NFD", phonemes)
        return "".join(phoneme for phoneme in decomposed if phoneme in self._sounds)

    def _join(self, clauses: Sequence[Clause]) -> str:
        """The phonemes of a word, whatever the reader made of it."""
        words = [clause.phonemes.replace(" ", "") for clause in clauses]
        return "".join(map(self._drop_unknown, words))


class _Utterance:
    """Phonemes of a text, and which of them each word's are."""

    def __init__(self) -> None:
        self.phonemes = ""
        self.words: list[WordSpan] = []

    def append(
        self,
        names: Sequence[str],
        isolated: Sequence[str],
        groups: Sequence[str],
    ) -> None:
        """Add groups of phonemes that are those of the names: see align_words()."""
        if not groups:
            return
        if self.phonemes:
            self.phonemes += " "
        start = len(self.phonemes)
        self.phonemes += " ".join(groups)
        for name, first, stop in align_words(names, isolated, groups):
            phonemes = self.phonemes[start + first : start + stop]
            behind = start + first + len(phonemes.rstrip(f"{MARKS} "))
            begin = start + stop - len(phonemes.lstrip())
            if begin < behind:
                self.words.append(WordSpan(strip_symbols(name), begin, behind))


def start_reader_early(config: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Start the voice's reader, if it needs one, while other things are opened."""
    if config.get("phoneme_type", "espeak") == "espeak":
        return start_early()
    return nullcontext()


class _NormalKeys(dict[str, Any]):
    """A phoneme table that also knows composed characters whose parts it knows."""

    def __contains__(self, phoneme: object) -> bool:
        parts = unicodedata.normalize("NFD", str(phoneme))
        return all(super(_NormalKeys, self).__contains__(part) for part in parts)


def align_words(
    names: Sequence[str], isolated: Sequence[str], groups: Sequence[str]
) -> Iterator[tuple[str, int, int]]:
    """Which characters of the groups, joined by spaces, are whose: name, first, stop.

    isolated: how each of the names is read by itself. A reader may say two words in one go ("of
    the"), or make many of one ("1,250"). Words that are read as they are by themselves are sure;
    those between share what is between, by their lengths.
    """
    starts = _starts_of(groups)
    plain_groups = [_drop_marks(group) for group in groups]
    plain_words = [_drop_marks(phonemes) for phonemes in isolated]
    word = group = 0
    while word < len(names) and group < len(groups):
        next_word, next_group = _find_sure(plain_words, plain_groups, word, group)
        begins = _align_run(
            plain_words[word:next_word],
            plain_groups[group:next_group],
            groups[group:next_group],
        )
        edges = [starts[group] + begin for begin in begins]
        edges.append(starts[next_group])
        for name, first, stop in zip(names[word:], edges, edges[1:], strict=False):
            if first < stop:
                yield name, first, stop
        word = next_word
        group = next_group


def _align_run(
    words: Sequence[str], plain_groups: Sequence[str], groups: Sequence[str]
) -> list[int]:
    """Where each of the words begins in the groups: a group each if their lengths are alike."""
    if len(words) == len(plain_groups):
        pairs = zip(words, plain_groups, strict=True)
        if all(abs(len(word) - len(group)) <= ALIKE for word, group in pairs):
            return _starts_of(groups)[:-1]
    return _share([len(word) or 1 for word in words], groups)


def _share(sizes: Sequence[int], groups: Sequence[str]) -> list[int]:
    """Where words of those sizes begin in groups that are theirs together.

    Where a group begins nearby, that is taken.
    """
    joined = " ".join(groups)
    silent = {*STRESSES, *MARKS, " "}
    sounds = [at for at, phoneme in enumerate(joined) if phoneme not in silent]
    starts = _starts_of(groups)[:-1]
    begins = [0]
    for size in itertools.accumulate(sizes[:-1]):
        number = round(size * len(sounds) / sum(sizes))
        position = len(joined)
        if number < len(sounds):
            position = sounds[number]
        while position > 0 and joined[position - 1] in STRESSES:
            position -= 1
        nearest = _find_nearest(starts, position)
        if abs(nearest - position) <= NEAR:
            position = nearest
        begins.append(position)
    return begins


def _find_nearest(starts: Sequence[int], position: int) -> int:
    """The start next to the position; of two as near the earlier one."""
    at = bisect.bisect_left(starts, position)
    neighbours = starts[max(0, at - 1) : at + 1]
    return min(neighbours, key=lambda start: abs(start - position))


def _find_sure(
    words: Sequence[str],
    groups: Sequence[str],
    word: int,
    group: int,
) -> tuple[int, int]:
    """The next word and the next group that are the same, behind those given; else the ends."""
    words_left = len(words) - word
    groups_left = len(groups) - group
    for total in range(2, min(words_left + groups_left, 2 * RESYNC)):
        for ahead in _most_even_first(total):
            next_word = word + ahead
            next_group = group + total - ahead
            if next_word >= len(words) or next_group >= len(groups):
                continue
            if words[next_word] == groups[next_group]:
                return next_word, next_group
    return len(words), len(groups)


def _most_even_first(total: int) -> list[int]:
    """The ways to go on by so many words and groups: as many of each first, then more uneven."""
    return sorted(range(1, total), key=lambda words: abs(total - 2 * words))


def _starts_of(groups: Sequence[str]) -> list[int]:
    """Where each group begins in all of them, joined by spaces; and where the last ends."""
    starts = []
    start = 0
    for group in groups:
        starts.append(start)
        start += len(group) + 1
    return [*starts, max(0, start - 1)]


def _drop_marks(phonemes: str) -> str:
    """Phonemes without stresses and marks."""
    return "".join(p for p in phonemes if p not in STRESSES and p not in MARKS)


def _has_letters(text: str) -> bool:
    """Whether there is a letter or a digit."""
    return any(map(str.isalnum, text))


def _read_characters(texts: Sequence[str]) -> list[list[Clause]]:
    """For voices that are trained on letters."""
    return [[Clause(text, "")] for text in texts]

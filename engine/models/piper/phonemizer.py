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
from ...text.phonemizer import (
    SILENT,
    STRESSES,
    ModelInput,
    WordSpan,
    check_lexicon,
    fit,
    word_parts,
)
from .espeak_process import Clause, EspeakReader, starting

START, END, PAD = "^", "$", "_"
MAX_PHONEMES = 600  # of a part; longer ones would only take more memory
ELLIPSIS = re.compile(r"(?:\.{2,}|…)(?=\s+\w)")
MARKS = ".!?;:,…"
ALIKE = 2  # phonemes more or less, and a word may still be that group
NEAR = 1
RESYNC = 6  # how many words to look ahead for one that is read as it is by itself
MAX_ALONE = 2048  # words whose reading by themselves is remembered

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
        self.pad_count = len(ids[START]) + len(ids[PAD])  # ids in front of the first phoneme
        self._alone: dict[str, str] = {}  # phonemes of words that were read by themselves
        self._given = {" ".join(key.split()): value for key, value in lexicon.items()}
        keys = sorted(map(re.escape, self._given), key=len, reverse=True)
        self._keys = re.compile(rf"(?<!\w)(?:{'|'.join(keys)})(?!\w)", re.IGNORECASE)

    @classmethod
    def open(
        cls, config: Mapping[str, Any], *, lexicon: Mapping[str, str] | None = None
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
        given = {
            key: unicodedata.normalize("NFD", value)
            for key, value in check_lexicon(lexicon or {}, _NormalKeys(ids)).items()
        }
        if kind == "text":
            return cls(_characters, ids, given)
        reader = EspeakReader(config["espeak"]["voice"])
        return cls(reader, ids, given, reader.close)

    def read(self, segment: str) -> list[ModelInput]:
        """The segment in as many parts as the model needs; none if it says nothing.

        A segment without a letter or a digit says nothing: a ruler of equals signs is no sum.
        Phonemes the model does not know are dropped: it has no sound for them.
        """
        if not any(map(str.isalnum, segment)):
            return []
        readable = " ".join(part for word in segment.split() for part in word_parts(word))
        plain, words = self._phonemes(ELLIPSIS.sub(",", readable))
        speech = []
        at = 0
        for part in fit(plain, MAX_PHONEMES):
            at = plain.index(part, at)
            if not SILENT.issuperset(part):
                speech.append(self._speech(part, words, at))
            at += len(part)
        return speech

    def _speech(self, phonemes: str, words: Sequence[WordSpan], start: int) -> ModelInput:
        """Ids with a pad behind each phoneme, and which of them each word's are."""
        ids = [*self._ids[START], *self._ids[PAD]]
        edges = []
        for phoneme in phonemes:
            edges.append(len(ids))
            ids += [*self._ids[phoneme], *self._ids[PAD]]
        edges.append(len(ids))
        stop = start + len(phonemes)
        found = (
            WordSpan(word.text, edges[word.first - start], edges[min(word.stop, stop) - start])
            for word in words
            if start <= word.first < stop
        )
        return ModelInput([*ids, *self._ids[END]], tuple(found))

    def _phonemes(self, text: str) -> tuple[str, list[WordSpan]]:
        """All phonemes the model knows, and which of them each word's are."""
        plain = ""
        words: list[WordSpan] = []
        for part, override in self._parts(text):
            if plain:  # a mark behind a word of the lexicon is not in what is read on
                plain += self._mark(part)
            names = [part] if override else [w for w in part.split() if any(map(str.isalnum, w))]
            groups, alone = ([override], [override]) if override else self._groups(part, names)
            if not groups:
                continue
            plain += " " * bool(plain)
            joined = " ".join(groups)
            for name, first, stop in spread(names, alone, groups):
                own = joined[first:stop]
                first, stop = stop - len(own.lstrip()), first + len(own.rstrip(f"{MARKS} "))
                if first < stop:
                    words.append(WordSpan(_core(name), len(plain) + first, len(plain) + stop))
            plain += joined
        return plain, words

    def _mark(self, text: str) -> str:
        """The mark a text begins with, unless it is a full stop inside a segment."""
        mark, rest = text.lstrip()[:1], text.lstrip()[1:]
        inside = any(map(str.isalnum, rest))
        return mark if mark in MARKS and mark in self._ids and (mark != "." or not inside) else ""

    def _parts(self, text: str) -> Iterator[tuple[str, str]]:
        """The text in parts, those of the lexicon with their phonemes, others with none."""
        at = 0
        for match in self._keys.finditer(text) if self._given else ():
            word = match.group()
            override = self._given.get(word, self._given.get(word.lower()))
            if override is not None:
                yield text[at : match.start()], ""
                yield word, override
                at = match.end()
        yield text[at:], ""

    def _groups(self, text: str, names: Sequence[str]) -> tuple[list[str], list[str]]:
        """Phonemes as the reader groups them, mostly a word each, marks behind the last.

        A full stop inside the segment is that of an abbreviation, as no sentence ends there. And
        how each of the names is read by itself; all in one go, as asking the reader takes a while.
        """
        if not names:
            return [], []
        known = self._alone  # another thread may put a new one in its place
        alone = {name: known[name] for name in names if name in known}
        unread = [name for name in dict.fromkeys(names) if name not in alone]
        clauses, *others = self._read([text, *unread])
        alone |= {name: self._joined(read) for name, read in zip(unread, others, strict=True)}
        self._remember(alone)
        return self._grouped(text, clauses), [alone[name] for name in names]

    def _remember(self, alone: Mapping[str, str]) -> None:
        """Several threads may; what one of them forgets is read again."""
        if len(self._alone) + len(alone) > MAX_ALONE:
            self._alone = {}
        self._alone.update(alone)

    def _grouped(self, text: str, clauses: Sequence[Clause]) -> list[str]:
        ended = text.rstrip("\"'”’»)]}>*_ ")[-1:] in MARKS
        groups: list[str] = []
        for number, clause in enumerate(clauses, 1):
            last = number == len(clauses)
            mark = clause.mark if (ended if last else clause.mark != ".") else ""
            known = [self._known(group) for group in clause.phonemes.split()]
            groups += [group for group in known if group]
            if groups and mark in self._ids and groups[-1][-1] not in MARKS:
                groups[-1] += mark
        return groups

    def _known(self, phonemes: str) -> str:
        decomposed = unicodedata.normalize("NFD", phonemes)
        return "".join(p for p in decomposed if p in self._ids and p not in (START, END, PAD))

    def _joined(self, clauses: Sequence[Clause]) -> str:
        """The phonemes of a word, whatever the reader made of it."""
        return "".join(self._known(clause.phonemes.replace(" ", "")) for clause in clauses)


def reader_starting(config: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Start the voice's reader, if it needs one, while other things are opened."""
    return starting() if config.get("phoneme_type", "espeak") == "espeak" else nullcontext()


class _NormalKeys(dict[str, Any]):
    """A phoneme table that also knows composed characters whose parts it knows."""

    def __contains__(self, phoneme: object) -> bool:
        parts = unicodedata.normalize("NFD", str(phoneme))
        return all(super(_NormalKeys, self).__contains__(part) for part in parts)


def spread(
    names: Sequence[str], alone: Sequence[str], groups: Sequence[str]
) -> Iterator[tuple[str, int, int]]:
    """Which characters of the groups, joined by spaces, are whose: name, first, stop.

    A reader may say two words in one go ("of the"), or make many of one ("1,250"). Words that are
    read as they are alone are sure; those between share what is between, by their lengths.
    """
    starts = _starts(groups)
    plain = [_plain(group) for group in groups]
    bare = [_plain(phonemes) for phonemes in alone]
    word = group = 0
    while word < len(names) and group < len(groups):
        words, taken = _until_sure(bare, plain, word, group)
        own, read = bare[word : word + words], groups[group : group + taken]
        alike = words == taken and all(
            abs(len(mine) - len(theirs)) <= ALIKE
            for mine, theirs in zip(own, plain[group : group + taken], strict=True)
        )
        inner = _starts(read)[:-1] if alike else _shares([len(mine) or 1 for mine in own], read)
        edges = [*(starts[group] + at for at in inner), starts[group + taken]]
        for name, (first, stop) in zip(names[word:], itertools.pairwise(edges), strict=False):
            if first < stop:
                yield name, first, stop
        word, group = word + words, group + taken


def _shares(sizes: Sequence[int], groups: Sequence[str]) -> list[int]:
    """Where words of those sizes begin in groups that are theirs together.

    Where a group begins nearby, that is taken.
    """
    joined = " ".join(groups)
    sounds = [at for at, p in enumerate(joined) if p not in STRESSES and p not in f"{MARKS} "]
    starts = _starts(groups)[:-1]
    begins = [0]
    for size in itertools.accumulate(sizes[:-1]):
        at = round(size * len(sounds) / sum(sizes))
        position = sounds[at] if at < len(sounds) else len(joined)
        while position > 0 and joined[position - 1] in STRESSES:
            position -= 1
        near = _nearest(starts, position)
        begins.append(near if abs(near - position) <= NEAR else position)
    return begins


def _nearest(starts: Sequence[int], position: int) -> int:
    """The start next to the position; of two as near the earlier one."""
    at = bisect.bisect_left(starts, position)
    return min(starts[max(0, at - 1) : at + 1], key=lambda start: abs(start - position))


def _until_sure(
    bare: Sequence[str], plain: Sequence[str], word: int, group: int
) -> tuple[int, int]:
    """How many words and groups to go on by: up to the next that are sure, at least one of each."""
    words, groups = len(bare) - word, len(plain) - group
    for total in range(2, min(words + groups, 2 * RESYNC)):
        # As many words as groups first, then ever more uneven.
        for ahead in sorted(range(1, total), key=lambda n: abs(total - 2 * n)):
            other = total - ahead
            if ahead < words and other < groups and bare[word + ahead] == plain[group + other]:
                return ahead, other
    return words, groups


def _starts(groups: Sequence[str]) -> list[int]:
    """Where each group begins in all of them, joined by spaces; and where the last ends."""
    starts = [0]
    for group in groups:
        starts.append(starts[-1] + len(group) + 1)
    return [*starts[:-1], max(0, starts[-1] - 1)]


def _plain(phonemes: str) -> str:
    return "".join(p for p in phonemes if p not in STRESSES and p not in MARKS)


def _core(word: str) -> str:
    return word.strip("".join(c for c in set(word) if not c.isalnum()))


def _characters(texts: Sequence[str]) -> list[list[Clause]]:
    """For voices that are trained on letters."""
    return [[Clause(text, "")] for text in texts]

"""How a segment comes out in chunks: how long each is, where it begins, and which words are in it.

What a family does differently is how it computes the samples of a chunk.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..audio import LEAD_S, Samples, Word, lead_samples
from ..text.phonemizer import ModelInput
from .base import AudioPiece, ChunkLengths, StreamContext

EVENNESS = 0.3
"""Of faster speech: at 1 all phonemes give the same share, at 0 the longest give all."""
FACTORS = 64  # that are tried; between them the sum is as good as straight


def divide_frames(frame_count: int, size_of: ChunkLengths, min_rest: int = 0) -> list[int]:
    """How many frames each chunk of a segment holds; they add up to frame_count.

    size_of: how many a chunk should have, by its index in the segment. A rest shorter than half a
    chunk, or than min_rest, is not left over: it joins the chunk before.
    """
    sizes: list[int] = []
    rest = frame_count
    while rest:
        size = max(1, round(size_of(len(sizes))))
        if rest - size < max(size / 2, min_rest):
            size = rest
        sizes.append(size)
        rest -= size
    return sizes


def chunk_ends_of(sizes: Iterable[int], onset: int) -> list[int]:
    """Behind which frame each chunk ends, where the first is counted from `onset` on."""
    return list(itertools.accumulate(sizes, initial=onset))[1:]


class Onset(NamedTuple):
    """Between which samples of a segment its first sound begins."""

    earliest: int
    latest: int


NO_ONSET = Onset(0, 0)
"""Where the silence in front stays: everything counts from the first sample on."""


class SegmentTiming(NamedTuple):
    """How long things last.

    edges: the sample each phoneme begins with, and the one behind the last, [L + 1].
    hop: samples of a frame.
    """

    edges: NDArray[np.int64]
    hop: int
    sample_rate: int

    def first_sample(self, onset: Onset) -> int:
        """The sample to begin with, so that silence is left before the first sound."""
        return max(0, onset.earliest - round(LEAD_S * self.sample_rate))

    def onset(self, pad_end: int, before_s: tuple[float, float]) -> Onset:
        """The first sound begins between so and so long before the pad in front ends."""
        early, late = (max(0, pad_end - round(before * self.sample_rate)) for before in before_s)
        return Onset(early, late)

    def time_words(self, speech: ModelInput, start: int) -> tuple[Word, ...]:
        """When each word is said, in seconds from sample `start` on.

        Its characters are those of the segment.
        """
        seconds = np.maximum(self.edges - start, 0) / self.sample_rate
        words = []
        for span in speech.words:
            start_s = float(seconds[span.first])
            end_s = float(seconds[span.stop])
            word = Word(span.text, start_s, end_s)
            if span.source is not None:
                word = word._replace(start_char=span.source.start, end_char=span.source.end)
            words.append(word)
        return tuple(words)


class PendingWords:
    """The words of a segment that no chunk has brought yet."""

    def __init__(self, words: Sequence[Word] = ()) -> None:
        self._words = tuple(words)

    def take_until(self, seconds: float) -> tuple[Word, ...]:
        """Those that begin before then."""
        count = sum(word.start_s < seconds for word in self._words)
        taken = self._words[:count]
        self._words = self._words[count:]
        return taken


class Pairing(NamedTuple):
    """How ids that belong together are timed, as those of a phoneme with the pad behind it.

    size: how many they are. least: the frames that each of those behind the first has at least.
    """

    size: int = 1
    least: int = 1


ALONE = Pairing()


def retime(
    counts: NDArray[np.int64],
    speed: float,
    front: int,
    pairing: Pairing = ALONE,
) -> NDArray[np.int64]:
    """How many frames each phoneme lasts at another speed, from how many it lasts at 1.

    Together they last 1 / speed as long, to the nearest frame: what rounding takes from one phoneme
    it gives to the next. None is left without a frame, even where that takes longer.

    Faster, long phonemes and pauses give more than short ones, as when people speak fast (Covell,
    Withgott, Slaney 1998, "Mach1"). The first `front` are a silence that may be trimmed away; they
    are divided as they are. Ids behind them that belong together are one phoneme: see Pairing.
    """
    lengths = counts / speed
    least = np.ones(len(counts), np.int64)
    if speed > 1:
        for index in range(1, pairing.size):
            least[front + index :: pairing.size] = pairing.least
        lengths[front:] = _squeeze_groups(counts[front:], least[front:], speed, pairing.size)
    behind = np.cumsum(least)
    edges = np.rint(np.cumsum(lengths)).astype(np.int64)
    edges = np.maximum.accumulate(edges - behind) + behind
    return np.diff(edges, prepend=0)


def _squeeze_groups(
    counts: NDArray[np.int64],
    least: NDArray[np.int64],
    speed: float,
    size: int,
) -> NDArray[np.float64]:
    """_squeeze() of so many at a time, each of which gives the same share of its group."""
    if size == 1:
        return _squeeze(counts, least, speed)
    starts = np.arange(0, len(counts), size)
    sums = np.add.reduceat(counts, starts)
    squeezed = _squeeze(sums, np.add.reduceat(least, starts), speed)
    shares = np.repeat(squeezed / np.maximum(sums, 1), size)[: len(counts)]
    lengths: NDArray[np.float64] = counts * shares
    return lengths


def _squeeze(
    counts: NDArray[np.int64], least: NDArray[np.int64], speed: float
) -> NDArray[np.float64]:
    """counts ** EVENNESS, times what makes them last 1 / speed as long; `least` at least, and no
    more than before.
    """
    flat = counts**EVENNESS
    factors = np.linspace(0, np.max(counts / flat), FACTORS)
    trials = np.clip(factors[:, None] * flat, least, counts)
    factor = np.interp(counts.sum() / speed, trials.sum(axis=1), factors)
    squeezed: NDArray[np.float64] = np.clip(factor * flat, least, counts)
    return squeezed


class Frames(Protocol):
    """A segment's frames, each computed once and only when it is needed."""

    def decode(self, stop: int) -> Any:
        """What the samples of frames before `stop` are made from, as far as it is new."""

    def vocode(self, decoded: Any, stop: int) -> Samples:
        """The samples of frames before `stop` that were not given yet."""


def stream_frames(
    frames: Frames,
    timing: SegmentTiming,
    onset: Onset,
    ends: Iterable[int],
    speech: ModelInput,
    request: StreamContext,
    first_chunk: int,
) -> Iterator[AudioPiece]:
    """A piece for each of the chunks, which end behind the frames `ends`.

    `frames` begin with the one that holds timing.first_sample(onset).
    """
    record = request.recorder.span
    start = timing.first_sample(onset)
    words = PendingWords()
    for chunk, end in enumerate(ends, first_chunk):
        with record("decode", chunk):
            decoded = frames.decode(end)
        with record("vocode", chunk):
            samples = frames.vocode(decoded, end)
        if chunk == first_chunk:
            samples = samples[start % timing.hop :]
            lead = lead_samples(samples, onset.latest - start, timing.sample_rate)
            samples = samples[lead:]
            start += lead
            words = PendingWords(timing.time_words(speech, start))
        until_s = (end * timing.hop - start) / timing.sample_rate
        yield AudioPiece(samples, words.take_until(until_s))

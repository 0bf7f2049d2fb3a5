"""Time-scale modification: chunks made longer or shorter at their own pitch, as they come.

By Sonic (Bill Cox), an algorithm made for speech: it finds the period of the voice, and blends
whole periods in where more time is wanted, and out where less is. See docs/adr/0057-speed.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from typing import Any

import numpy as np

from .audio import Chunk, Samples, Word, check_samples
from .errors import PackageNotInstalled
from .streaming import Chunks
from .timing import SpanRecorder

REQUIREMENT = "libsonic>=0.1,<0.2"
PITCH_FLOOR_HZ = 65
"""The lowest voice that Sonic looks for. Two periods of it are what it waits for at most."""
USUAL_DELAY_S = 1.5 / PITCH_FLOOR_HZ
"""What comes out trails what went in by between one and two of those periods."""


class TimeScaler:
    """Samples that last `time_scale` times as long, as far as they are certain.

    time_scale: seconds that come out for one that goes in, from 0.25 to 4; met to within 1 %, as
    Sonic counts whole samples in each period. Sonic computes in 16 bits: what is beyond full scale
    is clipped.
    """

    def __init__(self, sample_rate: int, time_scale: float) -> None:
        """Raises PackageNotInstalled where libsonic is missing."""
        self._stream: Any = _import_libsonic().SonicStream(sample_rate, 1)
        self._stream.set_speed(1 / time_scale)

    def push(self, samples: Samples) -> Samples:
        """What is certain now. Raises AudioError for samples that are not finite.

        Sonic takes those without a word, which would hide the stage that made them.
        """
        check_samples(samples)
        self._stream.write(samples)
        return self._read()

    def finish(self) -> Samples:
        """The rest."""
        self._stream.flush()
        return self._read()

    def _read(self) -> Samples:
        return np.array(self._stream.read(self._stream.available_frames()), np.float32)


def _import_libsonic() -> Any:
    try:
        import libsonic
    except ImportError as error:
        raise PackageNotInstalled(
            f"found no package libsonic ({error}), wanted it for this speed; "
            f"pip install '{REQUIREMENT}', or leave the speed at 1"
        ) from error
    return libsonic


class ChunkScaler:
    """Chunks that last `time_scale` times as long, each with the words that begin in it."""

    def __init__(self, sample_rate: int, time_scale: float) -> None:
        """Raises PackageNotInstalled where libsonic is missing."""
        self._sample_rate = sample_rate
        self._time_scale = time_scale
        self._scaler = TimeScaler(sample_rate, time_scale)
        self._frames_in = 0
        self._frames_out = 0
        self._waiting: list[Word] = []  # that no chunk has brought yet

    def push(self, chunk: Chunk) -> Chunk | None:
        """What is certain once this chunk is in; None if that is nothing yet."""
        self._waiting += map(self._place, chunk.words)
        samples = self._scaler.push(chunk.samples)
        self._frames_in += chunk.frame_count
        self._frames_out += len(samples)
        begun = _count_begun(self._waiting, self._frames_out / self._sample_rate)
        return self._make_chunk(samples, begun)

    def finish(self) -> Chunk | None:
        """The rest, with the words that are left; None if nothing is."""
        return self._make_chunk(self._scaler.finish(), len(self._waiting))

    def _make_chunk(self, samples: Samples, word_count: int) -> Chunk | None:
        if not len(samples):
            return None
        words = tuple(self._waiting[:word_count])
        self._waiting = self._waiting[word_count:]
        return Chunk(samples, self._sample_rate, words)

    def _place(self, word: Word) -> Word:
        """The word of the next chunk, at the time it will then be said.

        Counted from what came out so far, since what Sonic is off by would add up over a stream.
        """
        frames_in_s = self._frames_in / self._sample_rate
        frames_out_s = self._frames_out / self._sample_rate
        came_out_s = max(0.0, frames_in_s - USUAL_DELAY_S)  # of what went in

        def place(seconds: float) -> float:
            return frames_out_s + (seconds - came_out_s) * self._time_scale

        return word._replace(start_s=place(word.start_s), end_s=place(word.end_s))


def _count_begun(words: Iterable[Word], until_s: float) -> int:
    """How many of the words, which come in order, begin before then."""
    return sum(word.start_s < until_s for word in words)


def scale_chunks(
    chunks: Chunks, sample_rate: int, time_scale: float, recorder: SpanRecorder
) -> Chunks:
    """The chunks of a stream, `time_scale` times as long.

    What is held back to the end comes in a chunk of its own. Closing this closes `chunks`. Raises
    PackageNotInstalled at once, not at the first chunk.
    """
    return _scale(chunks, ChunkScaler(sample_rate, time_scale), recorder)


def _scale(chunks: Chunks, scaler: ChunkScaler, recorder: SpanRecorder) -> Chunks:
    index = 0
    with closing(chunks):
        for chunk in chunks:
            with recorder.span("time_scale", index):
                scaled = scaler.push(chunk)
            if scaled is not None:
                yield scaled
            index += 1
    with recorder.span("time_scale", index):
        scaled = scaler.finish()
    if scaled is not None:
        yield scaled

"""Time-scale modification: chunks made longer or shorter at their own pitch, as they come.

By Sonic (Bill Cox, Google), an algorithm made for speech: it finds the period of the voice, and
blends whole periods in where more time is wanted, and out where less is. See docs/adr/0070.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import numpy as np

from .audio import Chunk, Samples, Word, check_samples
from .errors import PackageNotInstalled
from .streaming import Chunks
from .timing import SpanRecorder

REQUIREMENT = "libsonic>=0.1,<0.2"
PITCH_FLOOR_HZ = 65
"""The lowest voice that Sonic looks for. Two periods of it are what it waits for."""


class TimeScaler:
    """Samples that last `time_scale` times as long, as far as they are certain.

    time_scale: seconds that come out for one that went in, from 0.25 to 4. What comes out trails
    what goes in by 31 ms at most. Sonic computes in 16 bits: what is beyond full scale is clipped.
    """

    def __init__(self, sample_rate: int, time_scale: float) -> None:
        """Raises PackageNotInstalled where libsonic is not installed."""
        self._stream: Any = _import_libsonic().SonicStream(sample_rate, 1)
        self._stream.set_speed(1 / time_scale)

    def push(self, samples: Samples) -> Samples:
        """What is certain now. Raises AudioError for samples that are not finite.

        Sonic would take those for silence, and hide the stage that made them.
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


def scale_chunks(
    chunks: Chunks, sample_rate: int, time_scale: float, recorder: SpanRecorder
) -> Chunks:
    """The chunks of a stream, `time_scale` times as long, with their words where they then are.

    What is held back until the next chunk comes last, in a chunk of its own. Closing this closes
    `chunks`.
    """
    scaler = TimeScaler(sample_rate, time_scale)
    waiting: list[Word] = []
    frames = index = 0
    with closing(chunks):
        for samples, words in _scale(chunks, scaler, recorder):
            waiting += [_scale_word(word, time_scale) for word in words]
            if not len(samples):
                continue
            frames += len(samples)
            begun = _count_begun(waiting, frames / sample_rate)
            yield Chunk(samples, sample_rate, tuple(waiting[:begun]))
            waiting = waiting[begun:]
            index += 1


def _scale(
    chunks: Iterator[Chunk], scaler: TimeScaler, recorder: SpanRecorder
) -> Iterator[tuple[Samples, tuple[Word, ...]]]:
    """Samples as they come out, with the words that went in; the rest at the end."""
    index = 0
    for chunk in chunks:
        with recorder.span("time_scale", index):
            samples = scaler.push(chunk.samples)
        yield samples, chunk.words
        index += 1
    with recorder.span("time_scale", index):
        samples = scaler.finish()
    yield samples, ()


def _scale_word(word: Word, time_scale: float) -> Word:
    """The word, with everything before it that much longer."""
    return word._replace(start_s=word.start_s * time_scale, end_s=word.end_s * time_scale)


def _count_begun(words: Iterable[Word], until_s: float) -> int:
    """How many of the words, which come in order, begin before then."""
    return sum(word.start_s < until_s for word in words)

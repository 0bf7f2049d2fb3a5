"""What every family of voices offers, and what it gets to know of a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import numpy as np

from ..audio import Samples, Word
from ..cache import Cache
from ..errors import OptionError
from ..runtime.providers import Provider, Require, SessionOptions
from ..text.emoji_names import EmojiReading
from ..text.normalise import Unreadable, find_unreadable
from ..text.phonemizer import ModelInput, Phonemizer
from ..text.segmentation import Segment
from ..timing import SpanRecorder
from ..voices import Voice

if TYPE_CHECKING:  # else whoever names the engine would import onnxruntime
    from ..runtime.session import CancelToken, Session


Shapes = Literal["dynamic", "buckets"]
"""Whether graphs take any length, or runs of a few fixed ones."""
SHAPES: tuple[Shapes, ...] = ("dynamic", "buckets")

ChunkLengths = Callable[[int], float]
"""How long a chunk should be, by its index."""
OnProgress = Callable[[str], None]
"""Gets a line of text now and then while an opening takes long; what it raises ends that."""


@dataclass(frozen=True, slots=True)
class StreamContext:
    """What holds for all of a stream, whichever segment is on.

    chunk_s: how long a chunk should be, by its index in the stream.
    stop: ends whatever run of a session is on.
    speed: that the model speaks at, in its range; 1 is the voice's own, 2 takes half as long.
    time_scale: how many times as long the model's chunks are made behind it.
    emoji: whether they are left out or said by their names.
    unreadable: what was left out of the text so far, as no voice can say it.
    """

    noise: np.random.Generator
    recorder: SpanRecorder
    stop: CancelToken
    chunk_s: ChunkLengths
    speed: float = 1.0
    time_scale: float = 1.0
    emoji: EmojiReading = "leave-out"
    unreadable: list[Unreadable] = field(default_factory=list)

    def note_unreadable(self, segments: Iterable[Segment]) -> Iterator[Segment]:
        """The segments; what is left out of each is added, placed in the text as it was sent."""
        for segment in segments:
            for left_out in find_unreadable(segment, self.emoji):
                start, end = segment.locate(left_out.start, left_out.end)
                self.unreadable.append(left_out._replace(start=start, end=end))
            yield segment


class SpeedRange(NamedTuple):
    """From the slowest to the fastest speed that a model speaks at by durations of its own."""

    slowest: float = 1.0
    fastest: float = 1.0

    def nearest(self, speed: float) -> float:
        """The speed in the range that is next to this one."""
        return min(max(speed, self.slowest), self.fastest)


class AudioPiece(NamedTuple):
    """A chunk of one segment: samples, and the words that begin in it.

    Times are seconds from the first sample of the segment, characters those of the segment.
    """

    samples: Samples
    words: tuple[Word, ...]


class Model(Protocol):
    """An open voice. Several threads may stream from it at once."""

    sample_rate: int
    speeds: SpeedRange

    def read(self, segment: str, emoji: EmojiReading = "leave-out") -> list[ModelInput]:
        """A segment as what the model can say at once, in one part or several; none if silent."""

    def transcribe(self, segment: str, emoji: EmojiReading = "leave-out") -> str:
        """The phonemes of a segment, as the voice writes them."""

    def stream(
        self, speech: ModelInput, request: StreamContext, first_chunk: int, *, trim: bool
    ) -> Iterator[AudioPiece]:
        """Say it in pieces. Chunks are counted from first_chunk, in the spans too; 0 is the first
        of the stream.

        trim: leave the silence in front of the stream away but for a breath, and what silence
        between sentences is longer than a pause. What is left is sample for sample what it would
        have been. Raises ModelError, or Cancelled.
        """

    def sessions(self) -> Sequence[Session]:
        """Every session of the model."""

    def close(self) -> None:
        """Give back what it holds beside its sessions."""


class PhonemizedModel:
    """What models have in common whose phonemizer is plain memory."""

    def __init__(self, phonemize: Phonemizer) -> None:
        self._phonemize = phonemize

    def read(self, segment: str, emoji: EmojiReading = "leave-out") -> list[ModelInput]:
        """A segment as ids and words."""
        return self._phonemize.read(segment, emoji)

    def transcribe(self, segment: str, emoji: EmojiReading = "leave-out") -> str:
        """The phonemes of a segment."""
        return self._phonemize.transcribe(segment, emoji)

    def close(self) -> None:
        """Nothing beside the sessions has to be given back."""


def say_nothing(_: str) -> None:
    """Report no progress."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a model is opened."""

    provider: Provider
    options: SessionOptions
    require: Require
    lexicon: Mapping[str, str]
    cache: Cache
    shapes: Shapes = "dynamic"
    on_progress: OnProgress = say_nothing

    def refuse_buckets(self, voice: Voice) -> None:
        """OptionError where fixed shapes are wanted of a family that has none."""
        if self.shapes == "buckets":
            raise OptionError(
                f"found shapes={self.shapes!r} for voice {voice.name!r} of the {voice.family} "
                "family, whose graphs take any length; leave it out, or choose a hibari voice"
            )


def check_shapes(shapes: str) -> Shapes:
    """Whether graphs take any length. Raises OptionError."""
    for choice in SHAPES:
        if shapes == choice:
            return choice
    raise OptionError(f"found shapes={shapes!r}, wanted one of {', '.join(SHAPES)}")

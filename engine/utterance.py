"""A whole utterance: the chunks of a stream joined, to be looked at or saved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from typing import Self

import numpy as np

from .audio import Chunk, SampledAudio
from .audio_files import find_file_format, write_file


@dataclass(frozen=True, slots=True, eq=False)
class Audio(SampledAudio):
    """A whole utterance. Raises AudioError for unfit samples."""

    @classmethod
    def join(cls, chunks: Iterable[Chunk], sample_rate: int) -> Self:
        """The chunks one after the other, sample for sample."""
        empty = np.zeros(0, np.float32)
        pieces = [chunk.samples for chunk in chunks]
        return cls(np.concatenate([empty, *pieces]), sample_rate)

    def save(self, path: str | PathLike[str]) -> None:
        """Write a file in the format that its name ends in: .wav, .mp3, .opus, .ogg, .flac, .aac,
        .pcm or .raw; 16-bit mono WAV if in none.

        Raises OptionError for another ending, and where the package that encodes is missing.
        """
        audio_format = find_file_format(path)
        starts = range(0, self.frame_count, self.sample_rate)
        pieces = (self.samples[start : start + self.sample_rate] for start in starts)
        write_file(pieces, path, audio_format, self.sample_rate)

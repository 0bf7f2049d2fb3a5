"""PyAV as a decoder of one packet after another."""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_ttsperf.errors import TargetFailed, TargetShapeError
from pytest_ttsperf.targets.decoders.base import NOTHING, Samples, mix_down, mix_down_note

_MOST_PLANES = 7
"""PyAV counts the planes of a frame up to the first that is none; with 8, FFmpeg leaves no such
mark, and memory beyond them would be read, which ends the process."""
_FULL_SCALE = {"s16": 2**15, "s32": 2**31, "flt": 1, "dbl": 1}


class Decoder:
    """One codec of PyAV: a whole frame's bytes in, samples out."""

    def __init__(self, codec: str, extradata: bytes | None = None) -> None:
        try:
            import av
        except ImportError as error:
            raise TargetShapeError(
                f"found {codec} sound, and PyAV, which decodes it, is not installed; "
                'pip install "pytest-ttsperf[http]", or ask for pcm or wav'
            ) from error
        self._av: Any = av
        self._codec: Any = av.CodecContext.create(codec, "r")
        self._codec.thread_count = 1
        if extradata is not None:
            self._codec.extradata = extradata
        self.sample_rate: int | None = None
        self.notes: tuple[str, ...] = ()

    def decode(self, frame: bytes | None) -> Samples:
        """One frame's samples, or what the codec still holds (None). TargetFailed if damaged."""
        try:
            heard = self._codec.decode(None if frame is None else self._av.Packet(frame))
        except (self._av.error.FFmpegError, EOFError) as error:
            raise TargetFailed(f"found a damaged {self._codec.name} frame: {error}") from error
        parts = [self._samples(part) for part in heard]
        return np.concatenate(parts) if parts else NOTHING

    def _samples(self, heard: Any) -> Samples:
        if self.sample_rate not in (None, heard.sample_rate):
            raise TargetShapeError(
                f"the sound changes from {self.sample_rate} to {heard.sample_rate} Hz midway"
            )
        self.sample_rate = int(heard.sample_rate)
        channels = len(heard.layout.channels)
        if channels > 1:
            self.notes = (mix_down_note(channels),)
        if heard.format.is_planar and channels > _MOST_PLANES:
            raise TargetShapeError(
                f"found {self._codec.name} of {channels} channels; wanted speech, of "
                f"{_MOST_PLANES} channels at most"
            )
        values = heard.to_ndarray()
        frames = values.T if heard.format.is_planar else values.reshape(-1, channels)
        scale = _FULL_SCALE.get(heard.format.name.removesuffix("p"))
        if scale is None:
            raise TargetShapeError(
                f"found {self._codec.name} that decodes to {heard.format.name} samples; wanted 16 "
                "or 32 bits, or float"
            )
        return mix_down((frames / scale).astype(np.float32))

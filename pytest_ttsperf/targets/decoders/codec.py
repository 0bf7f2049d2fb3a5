"""PyAV's codecs, which decode one packet after another."""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_ttsperf.errors import TargetFailed, TargetShapeError
from pytest_ttsperf.targets.decoders.base import NOTHING, Samples, mix_down, mix_down_notes

_MOST_PLANES = 7
"""PyAV counts the planes of a frame up to the first that is none; with 8, FFmpeg leaves no such
mark, and memory beyond them would be read, which ends the process."""
_FULL_SCALE = {"s16": 2**15, "s32": 2**31, "flt": 1, "dbl": 1}


class PacketCodec:
    """One codec of PyAV: the bytes of a whole packet in, samples out."""

    def __init__(self, name: str, extradata: bytes | None = None) -> None:
        try:
            import av
        except ImportError as error:
            raise TargetShapeError(
                f"found {name} sound, and PyAV, which decodes it, is not installed; "
                'pip install "pytest-ttsperf[http]", or ask for pcm or wav'
            ) from error
        self._av: Any = av
        self._context: Any = av.CodecContext.create(name, "r")
        self._context.thread_count = 1
        if extradata is not None:
            self._context.extradata = extradata
        self.sample_rate: int | None = None
        self.notes: tuple[str, ...] = ()

    def decode(self, packet: bytes) -> Samples:
        """One packet's samples. TargetFailed if it is damaged."""
        return self._decode(self._av.Packet(packet))

    def flush(self) -> Samples:
        """The samples that the codec still holds, after the last packet."""
        return self._decode(None)

    def _decode(self, packet: Any) -> Samples:
        try:
            frames = self._context.decode(packet)
        except (self._av.error.FFmpegError, EOFError) as error:
            raise TargetFailed(f"found a damaged {self._context.name} frame: {error}") from error
        return np.concatenate([NOTHING, *map(self._to_samples, frames)])

    def _to_samples(self, frame: Any) -> Samples:
        if self.sample_rate not in (None, frame.sample_rate):
            raise TargetShapeError(
                f"the sound changes from {self.sample_rate} to {frame.sample_rate} Hz midway"
            )
        self.sample_rate = int(frame.sample_rate)
        channels = len(frame.layout.channels)
        self.notes = mix_down_notes(channels) or self.notes
        return mix_down(self._to_floats(frame, channels))

    def _to_floats(self, frame: Any, channels: int) -> Samples:
        """[frames, channels], in -1..1."""
        is_planar = frame.format.is_planar
        if is_planar and channels > _MOST_PLANES:
            raise TargetShapeError(
                f"found {self._context.name} of {channels} channels; wanted speech, of "
                f"{_MOST_PLANES} channels at most"
            )
        scale = _FULL_SCALE.get(frame.format.name.removesuffix("p"))
        if scale is None:
            raise TargetShapeError(
                f"found {self._context.name} that decodes to {frame.format.name} samples; wanted "
                "16 or 32 bits, or float"
            )
        values = frame.to_ndarray()
        if is_planar:
            values = values.T
        scaled: Samples = (values.reshape(-1, channels) / scale).astype(np.float32)
        return scaled

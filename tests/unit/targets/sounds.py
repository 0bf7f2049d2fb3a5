"""Payloads to parse: WAV by hand, so that it can be odd, and the encoded ones by PyAV."""

from __future__ import annotations

import io
import struct
from functools import cache

import numpy as np
from numpy.typing import NDArray

RATE = 24_000


@cache
def speechlike(frames: int) -> NDArray[np.int16]:
    """A hum with some noise, int16 [frames]."""
    noise = np.random.default_rng(1).integers(-300, 300, frames)
    return (np.sin(np.arange(frames) / 20) * 9000 + noise).astype("<i2")


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    """One RIFF chunk, padded where it is odd; `size` is what its header claims."""
    told = len(body) if size is None else size
    return name + struct.pack("<I", told) + body + b"\0" * (len(body) % 2)


def wav(
    body: bytes,
    *,
    bits: int = 16,
    channels: int = 1,
    tag: int = 1,
    rate: int = RATE,
    size: int | None = None,
    before: bytes = b"",
    after: bytes = b"",
    extensible: bool = False,
) -> bytes:
    """A WAV file; `size` is what its data chunk claims, `before` and `after` are other chunks."""
    frame = bits // 8 * channels
    told_tag = 0xFFFE if extensible else tag
    fmt = struct.pack("<HHIIHH", told_tag, channels, rate, rate * frame, frame, bits)
    if extensible:
        fmt += struct.pack("<HHIH", 22, bits, 0, tag) + bytes(14)
    riff = chunk(b"fmt ", fmt) + before + chunk(b"data", body, size) + after
    return b"RIFF" + struct.pack("<I", 4 + len(riff)) + b"WAVE" + riff


@cache
def encoded(container: str, codec: str, rate: int, frames: int, layout: str = "mono") -> bytes:
    """The hum as an encoder streams it: into a sink that cannot go back."""
    import av

    class Sink(io.RawIOBase):
        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data) -> int:  # type: ignore[no-untyped-def]
            self.data += bytes(data)
            return len(data)

        def seekable(self) -> bool:
            return False

    sink = Sink()
    with av.open(sink, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(speechlike(frames)[None], format="s16", layout="mono")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            output.mux(packet)
    return bytes(sink.data)

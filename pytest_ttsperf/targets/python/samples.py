"""What a target may yield, and how it becomes samples; all of it outside the timing.

numpy is imported only once there is a chunk to convert, so that a cold start pays for the target
alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from numbers import Real
from typing import Any, NamedTuple

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.targets.decoders.scale import FloatScale
from pytest_ttsperf.targets.decoders.signatures import HEAD_BYTES, container_name

ACCEPTED = (
    "mono float32 or int16 numpy arrays, 16-bit PCM as bytes (little-endian, mono), objects with "
    "such `.samples` or with `.audio_int16_bytes`, or (samples, rate) pairs"
)
BYTES = (bytes, bytearray, memoryview)
FRAME_BYTES = 2


class DecodedChunks(NamedTuple):
    """Chunks as sound: each a float32 array, shape [frames], all at one rate in Hz."""

    pieces: list[Any]
    sample_rate: int


def is_chunk(thing: Any) -> bool:
    """Whether this is audio itself, and no iterable of such."""
    if isinstance(thing, tuple):
        return len(thing) == 2 and isinstance(thing[1], Real) and is_chunk(thing[0])
    return (
        isinstance(thing, BYTES)
        or hasattr(thing, "samples")
        or hasattr(thing, "audio_int16_bytes")
        or (hasattr(thing, "dtype") and hasattr(thing, "shape"))
    )


def decode_chunks(
    chunks: Sequence[Any], spec: str, *, told_rate: int | None, fallback: int | None
) -> DecodedChunks:
    """All chunks of one trial as sound; a list among them is one chunk in parts.

    `told_rate` is what the target says itself; its chunks must agree. Without either, `fallback`
    is the rate. TargetShapeError for chunks of another shape.
    """
    import numpy as np

    reader = _Reader(spec, told_rate)
    pieces = []
    for chunk in chunks:
        parts = [reader.read(part) for part in (chunk if isinstance(chunk, list) else [chunk])]
        pieces.append(np.concatenate(parts) if parts else np.zeros(0, np.float32))
    if reader.left:
        raise TargetShapeError(
            f"{spec} yielded an odd number of bytes; wanted whole 16-bit samples"
        )
    refuse_reused(reader.arrays, spec)
    reader.scale.refuse(f"{spec} yielded")
    rate = reader.rate or fallback
    if rate is None:
        raise TargetShapeError(
            f"{spec} tells no sample rate: found no `sample_rate` at the target and none at its "
            "chunks; give it with --ttsperf-target-option sample_rate=24000 (Hz)"
        )
    return DecodedChunks(pieces, rate)


class _Reader:
    """Reads chunk after chunk; keeps a half sample for the next one, and the rate."""

    def __init__(self, spec: str, rate: int | None) -> None:
        self._spec = spec
        self._said_by = f"{spec} says sample_rate={rate}"
        self.rate = rate
        self.left = b""
        self.arrays: list[Any] = []
        self.scale = FloatScale()
        self._begun = False

    def read(self, chunk: Any) -> Any:
        """One chunk as a float32 array, shape [frames]."""
        import numpy as np

        samples, rate, channels = _parts_of(chunk)
        self._check(rate, channels)
        if isinstance(samples, BYTES):
            samples = self._from_bytes(samples)
        ok = isinstance(samples, np.ndarray) and samples.ndim == 1
        if not ok or samples.dtype not in (np.float32, np.int16):
            raise TargetShapeError(
                f"{self._spec} yielded {inspect_chunk(chunk)}; wanted {ACCEPTED}"
            )
        self.arrays.append(samples)
        if samples.dtype == np.int16:
            return samples.astype(np.float32) / np.float32(32768)
        self.scale.add(samples)
        return samples

    def _check(self, rate: Any, channels: Any) -> None:
        if channels != 1:
            raise TargetShapeError(f"{self._spec} yielded {channels} channels; wanted one (mono)")
        if rate is None:
            return
        if not is_rate(rate):
            raise TargetShapeError(f"{self._spec} yielded a chunk at {rate!r} Hz; wanted a rate")
        if self.rate is not None and rate != self.rate:
            raise TargetShapeError(
                f"{self._said_by}, a chunk says {rate}; they must agree, or every duration is wrong"
            )
        if self.rate is None:
            self.rate, self._said_by = int(rate), f"{self._spec} yielded a chunk at {rate} Hz"

    def _from_bytes(self, data: Any) -> Any:
        """16-bit samples; a view of the target's own memory wherever that is possible."""
        import numpy as np

        view = memoryview(data)
        if not view.contiguous or (view.itemsize > 1 and view.format not in ("h", "<h")):
            raise TargetShapeError(
                f"{self._spec} yielded a memoryview of {view.format!r}; wanted {ACCEPTED}"
            )
        flat = view.cast("B")
        if not self._begun and len(flat):
            self._begun = True
            self._refuse_container(bytes(flat[:HEAD_BYTES]))
        if self.left or len(flat) % FRAME_BYTES:
            whole = self.left + bytes(flat)
            cut = len(whole) - len(whole) % FRAME_BYTES
            self.left = whole[cut:]
            self.arrays.append(np.frombuffer(flat, np.uint8))
            return np.frombuffer(whole[:cut], "<i2")
        return np.frombuffer(flat, "<i2")

    def _refuse_container(self, start: bytes) -> None:
        name = container_name(start)
        if name is not None:
            raise TargetShapeError(
                f"{self._spec} yielded bytes that begin as {name}; wanted 16-bit PCM without a "
                "container"
            )


def refuse_reused(arrays: Iterable[Any], spec: str) -> None:
    """An engine that fills one buffer again and again would be heard wrongly: say so.

    Memory that is read-only, or two views that do not overlap, cannot have been overwritten.
    """
    ends = sorted(_addresses(a) for a in arrays if a.size and a.flags.writeable)
    if any(start < end for (_, end), (start, _) in pairwise(ends)):
        raise TargetShapeError(
            f"{spec} yielded the same buffer twice, so an earlier chunk may have been "
            "overwritten; yield a copy of each chunk (or, if it is a constant, make it "
            "read-only: array.setflags(write=False))"
        )


def is_rate(rate: object) -> bool:
    """Whether this can be a sample rate in Hz."""
    try:
        return 1000 <= int(rate) <= 768_000  # type: ignore[call-overload,no-any-return]
    except (TypeError, ValueError):
        return False


def inspect_chunk(chunk: Any) -> str:
    """What was found in a chunk's place, for a message."""
    if isinstance(chunk, tuple):
        return f"a tuple of {len(chunk)} ({', '.join(inspect_chunk(part) for part in chunk)})"
    samples = getattr(chunk, "samples", chunk)
    shape, dtype = getattr(samples, "shape", None), getattr(samples, "dtype", None)
    return f"{type(chunk).__name__}" + (f" of {dtype}, shape {shape}" if dtype is not None else "")


def _parts_of(chunk: Any) -> tuple[Any, Any, Any]:
    """The samples of a chunk, its rate if it tells one, and how many channels it has."""
    if isinstance(chunk, tuple) and is_chunk(chunk):
        return chunk[0], chunk[1], 1
    rate, channels = getattr(chunk, "sample_rate", None), getattr(chunk, "sample_channels", 1)
    if hasattr(chunk, "samples"):
        return chunk.samples, rate, channels
    if hasattr(chunk, "audio_int16_bytes"):
        return chunk.audio_int16_bytes, rate, channels
    return chunk, None, 1


def _addresses(array: Any) -> tuple[int, int]:
    """First and last byte (exclusive) of a 1-D array's memory, also of a reversed view."""
    first = array.__array_interface__["data"][0]
    last = first + (array.size - 1) * array.strides[0]
    return min(first, last), max(first, last) + array.itemsize

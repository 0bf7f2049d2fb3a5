"""What a target may yield, and how it becomes samples; all of it outside the timing.

numpy is imported only once there is a chunk to convert, so that a cold start is the target's alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.targets.decoders.scale import FloatScale
from pytest_ttsperf.targets.decoders.signatures import HEAD_BYTES, container_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ACCEPTED = (
    "mono float32 or int16 numpy arrays, 16-bit PCM as bytes (little-endian, mono), objects with "
    "such `.samples` or with `.audio_int16_bytes`, or (samples, rate) pairs"
)
BYTES = (bytes, bytearray, memoryview)
FRAME_BYTES = 2
LOWEST_RATE = 1000
HIGHEST_RATE = 768_000
"""In Hz."""


class DecodedChunks(NamedTuple):
    """Chunks as sound: each a float32 array, shape [frames], all at one rate in Hz."""

    pieces: list[NDArray[np.float32]]
    sample_rate: int


def is_chunk(thing: Any) -> bool:
    """Whether this is audio itself, and no iterable of such."""
    if isinstance(thing, tuple):
        return len(thing) == 2 and isinstance(thing[1], Real) and is_chunk(thing[0])
    if isinstance(thing, BYTES):
        return True
    if hasattr(thing, "samples") or hasattr(thing, "audio_int16_bytes"):
        return True
    return hasattr(thing, "dtype") and hasattr(thing, "shape")


def count_frames(chunk: Any) -> int:
    """How many frames a chunk seems to hold, without a look at its samples; 0 for what is none."""
    if isinstance(chunk, list):
        return sum(map(count_frames, chunk))
    found, _, channels = _parts_of(chunk)
    if isinstance(found, BYTES):
        return memoryview(found).nbytes // FRAME_BYTES // max(1, int(channels))
    shape = getattr(found, "shape", None)
    return int(max(shape)) if shape else 0


def rate_of(chunk: Any) -> int | None:
    """The rate in Hz that a chunk tells, or the first of its parts that does; None for none."""
    if isinstance(chunk, list):
        rates = filter(None, map(rate_of, chunk))
        return next(rates, None)
    _, rate, _ = _parts_of(chunk)
    if rate is None or not is_rate(rate):
        return None
    return int(rate)


def decode_chunks(
    chunks: Sequence[Any],
    spec: str,
    *,
    declared_rate: int | None,
    fallback: int | None,
) -> DecodedChunks:
    """All chunks of one trial as sound; a list among them is one chunk in parts.

    `declared_rate` is what the target says itself; its chunks must agree. Without either,
    `fallback` is the rate. TargetShapeError for chunks of another shape.
    """
    reader = _Reader(spec, declared_rate)
    pieces = [reader.read_parts(chunk) for chunk in chunks]
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
    """Reads chunk after chunk; remembers the rate, and half a sample until the next chunk."""

    def __init__(self, spec: str, rate: int | None) -> None:
        self._spec = spec
        self._rate_source = f"{spec} says sample_rate={rate}"
        self.rate = rate
        self.left = b""
        self.arrays: list[Any] = []
        self.scale = FloatScale()
        self._has_seen_bytes = False

    def read_parts(self, chunk: Any) -> NDArray[np.float32]:
        """One chunk, which may be a list of parts, as a float32 array, shape [frames]."""
        import numpy as np

        if not isinstance(chunk, list):
            chunk = [chunk]
        parts = [self._read(part) for part in chunk]
        return np.concatenate([np.zeros(0, np.float32), *parts])

    def _read(self, chunk: Any) -> Any:
        import numpy as np

        samples, rate, channels = _parts_of(chunk)
        self._check_channels(channels, chunk)
        self._check_rate(rate)
        if isinstance(samples, BYTES):
            samples = self._from_bytes(samples)
        self._check_channels(_count_channels(samples), chunk)
        is_mono = isinstance(samples, np.ndarray) and samples.ndim == 1
        if not is_mono or samples.dtype not in (np.float32, np.int16):
            raise TargetShapeError(
                f"{self._spec} yielded {inspect_chunk(chunk)}; wanted {ACCEPTED}"
            )
        self.arrays.append(samples)
        if samples.dtype == np.int16:
            return samples.astype(np.float32) / np.float32(32768)
        self.scale.add(samples)
        return samples

    def _check_channels(self, channels: Any, chunk: Any) -> None:
        if channels != 1:
            raise TargetShapeError(
                f"{self._spec} yielded {inspect_chunk(chunk)} with {channels} channels; wanted one "
                "(mono): mix them in the target, or choose one"
            )

    def _check_rate(self, rate: Any) -> None:
        if rate is None:
            return
        if not is_rate(rate):
            raise TargetShapeError(f"{self._spec} yielded a chunk at {rate!r} Hz; wanted a rate")
        if self.rate is None:
            self.rate = int(rate)
            self._rate_source = f"{self._spec} yielded a chunk at {rate} Hz"
        elif rate != self.rate:
            raise TargetShapeError(
                f"{self._rate_source}, a chunk says {rate}; they must agree, or every duration is "
                "wrong"
            )

    def _from_bytes(self, data: Any) -> NDArray[np.int16]:
        """16-bit samples; a view of the target's own memory wherever that is possible."""
        import numpy as np

        view = memoryview(data)
        is_16_bit = view.itemsize == 1 or view.format in ("h", "<h")
        if not view.contiguous or not is_16_bit:
            raise TargetShapeError(
                f"{self._spec} yielded a memoryview of {view.format!r}; wanted {ACCEPTED}"
            )
        flat = view.cast("B")
        self._refuse_container(flat)
        if not self.left and len(flat) % FRAME_BYTES == 0:
            return np.frombuffer(flat, "<i2")
        whole = self.left + bytes(flat)
        end = len(whole) - len(whole) % FRAME_BYTES
        self.left = whole[end:]
        self.arrays.append(np.frombuffer(flat, np.uint8))
        return np.frombuffer(whole[:end], "<i2")

    def _refuse_container(self, data: memoryview) -> None:
        """TargetShapeError for the first bytes, where they are those of a file format."""
        if self._has_seen_bytes or not len(data):
            return
        self._has_seen_bytes = True
        name = container_name(bytes(data[:HEAD_BYTES]))
        if name is not None:
            raise TargetShapeError(
                f"{self._spec} yielded bytes that begin as {name}; wanted 16-bit PCM without a "
                "container"
            )


def refuse_reused(arrays: Iterable[Any], spec: str) -> None:
    """TargetShapeError for an engine that fills one buffer again and again: its sound is lost.

    Memory that is read-only, or two views that do not overlap, cannot have been overwritten.
    """
    writeable = [array for array in arrays if array.size and array.flags.writeable]
    ranges = sorted(map(_addresses, writeable))
    for (_, end), (start, _) in pairwise(ranges):
        if start < end:
            raise TargetShapeError(
                f"{spec} yielded the same buffer twice, so an earlier chunk may have been "
                "overwritten; yield a copy of each chunk (or, if it is a constant, make it "
                "read-only: array.setflags(write=False))"
            )


def is_rate(rate: object) -> bool:
    """Whether this can be a sample rate in Hz."""
    try:
        return LOWEST_RATE <= int(rate) <= HIGHEST_RATE  # type: ignore[call-overload,no-any-return]
    except (TypeError, ValueError):
        return False


def inspect_chunk(chunk: Any) -> str:
    """What was found in a chunk's place, for a message."""
    if isinstance(chunk, tuple):
        return f"a tuple of {len(chunk)} ({', '.join(map(inspect_chunk, chunk))})"
    name = type(chunk).__name__
    samples = getattr(chunk, "samples", chunk)
    dtype = getattr(samples, "dtype", None)
    if dtype is None:
        return name
    return f"{name} of {dtype}, shape {getattr(samples, 'shape', None)}"


def _parts_of(chunk: Any) -> tuple[Any, Any, Any]:
    """The samples of a chunk, its rate if it has one, and how many channels it has."""
    if isinstance(chunk, tuple) and is_chunk(chunk):
        samples, rate = chunk
        return samples, rate, 1
    for name in ("samples", "audio_int16_bytes"):
        if hasattr(chunk, name):
            rate = getattr(chunk, "sample_rate", None)
            channels = getattr(chunk, "sample_channels", 1)
            return getattr(chunk, name), rate, channels
    return chunk, None, 1


def _count_channels(samples: Any) -> int:
    """Of an array, whose longer side is time; 1 for what has a single side, or is no array."""
    if getattr(samples, "ndim", 1) != 2:
        return 1
    shorter = int(min(samples.shape))
    return max(1, shorter)


def _addresses(array: Any) -> tuple[int, int]:
    """First and last byte (exclusive) of a 1-D array's memory, also of a reversed view."""
    first = array.__array_interface__["data"][0]
    last = first + (array.size - 1) * array.strides[0]
    return min(first, last), max(first, last) + array.itemsize

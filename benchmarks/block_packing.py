"""Measured blocks in few bytes: float32 numbers, in msgpack, in xz.

A file is a row of xz streams: first what was recorded (`Heading`), then a block each, so that a
recording goes on where it ended. A line of a log holds blocks as text (`pack`). In both the numbers
of every metric are there, and the stages are left out: they are most of the bytes, and no outcome
rests on them.
"""

from __future__ import annotations

import base64
import lzma
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from pytest_ttsperf.records import Arms, Block

Numbers = npt.NDArray[np.float64]
FORMAT = 1
XZ_START = b"\xfd7zXZ\x00"


class PackedArms(msgspec.Struct, frozen=True, array_like=True):
    """One metric of a block: how many arms, and float32 numbers, one arm after the other."""

    arms: int
    data: bytes

    @classmethod
    def of(cls, numbers: Numbers) -> PackedArms:
        """Of [arms, texts]."""
        return cls(len(numbers), numbers.astype("<f4").tobytes())

    def array(self) -> Numbers:
        """[arms, texts]; nan for what was not measured."""
        numbers = np.frombuffer(self.data, dtype="<f4").astype(float)
        return numbers.reshape(self.arms, -1)


class Heading(msgspec.Struct, frozen=True, kw_only=True):
    """What the blocks of a file are: the same code in every arm, and where it was measured."""

    engine: str
    """A short name, as heart."""
    target: str
    voice: str | None = None
    text: str = "short"
    texts: int
    """Of each arm of a block."""
    machine: str
    versions: dict[str, str] = {}
    revision: str | None = None
    format: int = FORMAT


class RecordedBlock(msgspec.Struct, frozen=True, kw_only=True):
    """One block: seconds that its processes took to open, and all its trials; then its numbers."""

    opening_s: float
    trials_s: float
    metrics: dict[str, PackedArms]

    @property
    def texts(self) -> int:
        """Of each arm."""
        _, texts = next(iter(self.metrics.values())).array().shape
        return int(texts)


class Recording(msgspec.Struct, frozen=True):
    """A whole file."""

    heading: Heading
    blocks: list[RecordedBlock]


def arms_of(numbers: Numbers) -> Arms:
    """The record of [3 or 4, texts]; None for nan."""
    rows = []
    for row in numbers.tolist():
        rows.append(tuple(None if value != value else value for value in row))
    names = ("baseline", "control", "candidate", "candidate_control")
    return Arms(**dict(zip(names, rows, strict=False)))


# Files


def start_file(path: Path, heading: Heading) -> None:
    """Write the heading of a new file; ValueError where there is one of something else."""
    if not path.exists():
        path.write_bytes(lzma.compress(msgspec.msgpack.encode(heading)))
        return
    found = read_file(path).heading
    if (found.engine, found.texts) != (heading.engine, heading.texts):
        raise ValueError(
            f"{path} has {found.engine} with {found.texts} texts a block, wanted {heading.engine} "
            f"with {heading.texts}; record into another file"
        )


def append_block(path: Path, block: RecordedBlock) -> None:
    """Add one block, in one write."""
    with path.open("ab") as file:
        file.write(lzma.compress(msgspec.msgpack.encode(block)))


def read_file(path: Path) -> Recording:
    """All of a file. ValueError for another format, and where the last block is torn."""
    streams = _streams(path)
    heading = msgspec.msgpack.decode(next(streams), type=Heading)
    if heading.format != FORMAT:
        raise ValueError(f"{path} has format {heading.format}, wanted {FORMAT}")
    decoder = msgspec.msgpack.Decoder(RecordedBlock)
    return Recording(heading, [decoder.decode(stream) for stream in streams])


def _streams(path: Path) -> Iterator[bytes]:
    left = path.read_bytes()
    if not left.startswith(XZ_START):
        raise ValueError(f"{path} is no file of recorded blocks, wanted one in xz")
    while left:
        decompressor = lzma.LZMADecompressor()
        content = decompressor.decompress(left)
        if not decompressor.eof:
            raise ValueError(
                f"the last block of {path} is torn, as a recording was cut off; leave its last "
                f"{len(left)} bytes off"
            )
        yield content
        left = decompressor.unused_data


# Lines of a log


def pack(measured: Mapping[str, Sequence[Block]]) -> str:
    """The blocks of each metric as text."""
    packed: dict[str, list[PackedArms]] = {}
    for metric, blocks in measured.items():
        packed[metric] = [PackedArms.of(block.metric.array()) for block in blocks]
    content = lzma.compress(msgspec.msgpack.encode(packed))
    return base64.b64encode(content).decode()


def unpack(text: str) -> dict[str, list[Block]]:
    """What `pack` was called with, without stages."""
    content = lzma.decompress(base64.b64decode(text))
    packed = msgspec.msgpack.decode(content, type=dict[str, list[PackedArms]])
    measured: dict[str, list[Block]] = {}
    for metric, blocks in packed.items():
        measured[metric] = [Block(metric=arms_of(each.array())) for each in blocks]
    return measured

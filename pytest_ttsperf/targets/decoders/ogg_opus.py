"""Ogg Opus as a stream: pages read here, packets decoded by PyAV."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pytest_ttsperf.errors import TargetFailed, TargetShapeError
from pytest_ttsperf.targets.decoders import tags
from pytest_ttsperf.targets.decoders.base import NOTHING, BufferedDecoder, Samples
from pytest_ttsperf.targets.decoders.codec import PacketCodec

_MAGIC = b"OggS"
_PAGE_HEADER_BYTES = 27
_BEGINS = 2
_ENDS = 4
_FULL_LACE = 255
_HEAD_MAGIC = b"OpusHead"
_HEAD_BYTES = 19
_HEADERS = 2
"""Packets about the sound (its head, its tags) before the first of the sound."""


class OggOpus(BufferedDecoder):
    """Opus in Ogg (RFC 7845), always decoded at 48 kHz; a page counts when it is complete.

    Streams that follow one another (RFC 3533, "chaining") are one sound; tags are left out.
    """

    sample_rate: int | None = 48_000

    def __init__(self) -> None:
        super().__init__()
        self.notes: tuple[str, ...] = ()
        self._has_ended = False
        self._stream = _OpusStream()

    def finish(self) -> Samples:
        """See `Decoder`."""
        if not tags.is_beginning(self._buffer) or self._stream.is_within_packet:
            raise TargetFailed(
                f"the Ogg stream ended within a page or packet ({len(self._buffer)} bytes of a "
                "page came): the answer was cut short"
            )
        self._stream.refuse_headless()
        if not self._has_ended:
            note = "the last page of the Ogg stream has no end flag; all of its pages are whole"
            self.notes = (*self.notes, note)
        return NOTHING

    def _step(self) -> Samples | None:
        if not self._skip_tags():
            return None
        if not _MAGIC.startswith(self._buffer[:4]):
            raise TargetFailed(f"found {self._buffer[:4]!r} where an Ogg page was to begin")
        page = _read_page(self._buffer)
        if page is None:
            return None
        self._take(page.size)
        if page.flags & _BEGINS:
            self._begin()
        self._has_ended = bool(page.flags & _ENDS)
        samples = self._stream.decode(page)
        self.notes = self._stream.notes or self.notes
        return samples

    def _begin(self) -> None:
        """Another stream, behind the last one, which must have come to the end of a packet."""
        if self._stream.is_within_packet:
            raise TargetFailed(
                "found the beginning of an Ogg stream within a packet of another: it is damaged"
            )
        self._stream.refuse_headless()
        self._stream = _OpusStream()


class _Page(NamedTuple):
    """One page of Ogg: `laces` are the sizes of the parts of packets in its body."""

    size: int
    flags: int
    position: int
    laces: bytes
    body: bytes


class _OpusStream:
    """One logical stream: two packets about it, and packets of sound."""

    def __init__(self) -> None:
        self._codec: PacketCodec | None = None
        self._packet = b""
        self._page_count = 0
        self._packet_count = 0
        self._pre_skip = 0
        self._skip = 0
        """Samples at the beginning that are still to be left out, of `_pre_skip` in all."""
        self._frame_count = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """See `Decoder`."""
        if self._codec is None:
            return ()
        return self._codec.notes

    @property
    def is_within_packet(self) -> bool:
        """Whether the rest of a packet is to come with the next page."""
        return bool(self._packet)

    def refuse_headless(self) -> None:
        """TargetFailed where pages came, but not the two packets about the sound."""
        if self._page_count > 0 and self._packet_count < _HEADERS:
            raise TargetFailed(
                "the Ogg stream ended before the packets that describe its sound: it is damaged, "
                "or was cut short"
            )

    def decode(self, page: _Page) -> Samples:
        """The samples that a page completes."""
        self._page_count += 1
        parts = [NOTHING]
        at = 0
        for lace in page.laces:
            self._packet += page.body[at : at + lace]
            at += lace
            if lace < _FULL_LACE:
                parts.append(self._decode_packet(self._packet))
                self._packet = b""
        samples = np.concatenate(parts)
        if page.flags & _ENDS and page.position >= 0:
            # The last page says where the sound ends; what the codec gives beyond is padding.
            end = page.position - self._pre_skip - self._frame_count
            samples = samples[: max(0, end)]
        self._frame_count += len(samples)
        return samples

    def _decode_packet(self, packet: bytes) -> Samples:
        self._packet_count += 1
        if self._codec is None:
            self._codec = self._open_codec(packet)
            return NOTHING
        if self._packet_count == _HEADERS:
            return NOTHING  # its tags
        samples = self._codec.decode(packet)
        skipped = min(self._skip, len(samples))
        self._skip -= skipped
        return samples[skipped:]

    def _open_codec(self, head: bytes) -> PacketCodec:
        if not head.startswith(_HEAD_MAGIC) or len(head) < _HEAD_BYTES:
            raise TargetShapeError(f"found an Ogg stream of {head[:8]!r}, wanted Opus (OpusHead)")
        self._pre_skip = int.from_bytes(head[10:12], "little")
        self._skip = self._pre_skip
        # The codec learns of no samples to leave out: that is done here, and counted.
        return PacketCodec("opus", head[:10] + b"\0\0" + head[12:])


def _read_page(data: bytes) -> _Page | None:
    """The page at the front; None while it is not complete."""
    if len(data) < _PAGE_HEADER_BYTES:
        return None
    begin = _PAGE_HEADER_BYTES + data[26]
    laces = data[_PAGE_HEADER_BYTES:begin]
    end = begin + sum(laces)
    if len(data) < end:
        return None
    position = int.from_bytes(data[6:14], "little", signed=True)
    return _Page(end, data[5], position, laces, data[begin:end])

"""Ogg Opus as a stream: pages read here, packets decoded by PyAV."""

from __future__ import annotations

import numpy as np

from pytest_ttsperf.errors import TargetFailed, TargetShapeError
from pytest_ttsperf.targets.decoders import tags
from pytest_ttsperf.targets.decoders.base import NOTHING, Samples
from pytest_ttsperf.targets.decoders.codec import Decoder
from pytest_ttsperf.targets.decoders.mpeg import _BEGINS, _ENDS, _HEADERS, skip_tags


class OggOpus:
    """Opus in Ogg (RFC 7845), always decoded at 48 kHz; a page counts when it is complete.

    Streams that follow one another (RFC 3533, "chaining") are one sound; tags are left out.
    """

    sample_rate: int | None = 48_000

    def __init__(self) -> None:
        self.notes: tuple[str, ...] = ()
        self._waiting = b""
        self._is_over = False
        self._stream = _OpusStream()

    def feed(self, data: bytes) -> Samples:
        """See `containers.Container`."""
        self._waiting += data
        found = []
        while (page := self._page()) is not None:
            found.append(page)
        return np.concatenate(found) if found else NOTHING

    def finish(self) -> Samples:
        """See `containers.Container`."""
        is_within_page = self._waiting and not tags.is_beginning(self._waiting)
        if is_within_page or self._stream.is_within_packet:
            raise TargetFailed(
                f"the Ogg stream ended within a page or packet ({len(self._waiting)} bytes of a "
                "page came): the answer was cut short"
            )
        self._refuse_headless()
        if not self._is_over:
            note = "the last page of the Ogg stream has no end flag; all of its pages are whole"
            self.notes = (*self.notes, note)
        return NOTHING

    def _page(self) -> Samples | None:
        """The samples of the page at the front; None while it is not complete."""
        self._waiting, is_more_needed = skip_tags(self._waiting)
        data = self._waiting
        if is_more_needed:
            return None
        if not b"OggS".startswith(data[:4]):
            raise TargetFailed(f"found {data[:4]!r} where an Ogg page was to begin")
        if len(data) < 27 or len(data) < 27 + data[26]:
            return None
        flags, position = data[5], int.from_bytes(data[6:14], "little", signed=True)
        laces = data[27 : 27 + data[26]]
        at = 27 + len(laces)
        if len(data) < at + sum(laces):
            return None
        body, self._waiting = data[at : at + sum(laces)], data[at + sum(laces) :]
        if flags & _BEGINS:
            self._begin()
        self._is_over = bool(flags & _ENDS)
        samples = self._stream.page(laces, body, position if self._is_over else None)
        self.notes = self._stream.notes or self.notes
        return samples

    def _begin(self) -> None:
        """Another stream, behind the last one, which must have come to the end of a packet."""
        if self._stream.is_within_packet:
            raise TargetFailed(
                "found the beginning of an Ogg stream within a packet of another: it is damaged"
            )
        self._refuse_headless()
        self._stream = _OpusStream()

    def _refuse_headless(self) -> None:
        if self._stream.is_headless:
            raise TargetFailed(
                "the Ogg stream ended before the packets that describe its sound: it is damaged, "
                "or was cut short"
            )


class _OpusStream:
    """One logical stream: two packets about it, and packets of sound."""

    def __init__(self) -> None:
        self._decoder: Decoder | None = None
        self._packet = b""
        self._pages = self._packets = 0
        self._pre_skip = self._skip = 0
        self._given = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """See `containers.Container`."""
        return () if self._decoder is None else self._decoder.notes

    @property
    def is_within_packet(self) -> bool:
        """Whether the rest of a packet is to come with the next page."""
        return bool(self._packet)

    @property
    def is_headless(self) -> bool:
        """Whether pages came, but not yet the two packets about it."""
        return self._pages > 0 and self._packets < _HEADERS

    def page(self, laces: bytes, body: bytes, end: int | None) -> Samples:
        """The samples of a page; `end` is the position at which the sound ends, on the last."""
        self._pages += 1
        found, at = [NOTHING], 0
        for lace in laces:
            self._packet += body[at : at + lace]
            at += lace
            if lace < 255:
                found.append(self._samples(self._packet))
                self._packet = b""
        samples = np.concatenate(found)
        if end is not None:
            samples = self._trimmed(samples, end)
        self._given += len(samples)
        return samples

    def _samples(self, packet: bytes) -> Samples:
        self._packets += 1
        if self._packets == 1:
            if not packet.startswith(b"OpusHead") or len(packet) < 19:
                raise TargetShapeError(
                    f"found an Ogg stream of {packet[:8]!r}, wanted Opus (OpusHead)"
                )
            self._skip = self._pre_skip = int.from_bytes(packet[10:12], "little")
            # The decoder is told of no samples to leave out: that is done here, and counted.
            self._decoder = Decoder("opus", packet[:10] + b"\0\0" + packet[12:])
            return NOTHING
        if self._packets == _HEADERS:
            return NOTHING  # its tags
        assert self._decoder is not None
        samples = self._decoder.decode(packet)
        skipped = min(self._skip, len(samples))
        self._skip -= skipped
        return samples[skipped:]

    def _trimmed(self, samples: Samples, position: int) -> Samples:
        """The last page tells where the sound ends; what the codec gives beyond is padding."""
        wanted = position - self._pre_skip - self._given
        return samples[: max(0, wanted)] if position >= 0 else samples

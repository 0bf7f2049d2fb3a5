"""How long a frame of MP3 or AAC is, by its own header."""

from __future__ import annotations

from collections.abc import Callable

from pytest_ttsperf.errors import TargetFailed

_MP3_KBPS = {
    1: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MP3_RATES = (44_100, 48_000, 32_000)
SURE = 3
"""So many headers in a row, each where the one before says, are no chance."""


def mp3_frame_bytes(data: bytes) -> int:
    """Length of the frame at the front; 0 while its header is not there. TargetFailed for none."""
    if len(data) < 4:
        return 0
    version, layer = data[1] >> 3 & 3, data[1] >> 1 & 3
    kbps_index, rate_index, padding = data[2] >> 4, data[2] >> 2 & 3, data[2] >> 1 & 1
    if (
        data[0] != 0xFF
        or data[1] & 0xE0 != 0xE0
        or version == 1
        or layer != 1
        or kbps_index in (0, 15)
        or rate_index == 3
    ):
        raise TargetFailed(f"found {data[:4].hex(' ')} where an MP3 frame was to begin")
    rate = _MP3_RATES[rate_index] >> (0, 0, 1, 0)[version] >> (2 if version == 0 else 0)
    kbps = _MP3_KBPS[1 if version == 3 else 2][kbps_index]
    return (144_000 if version == 3 else 72_000) * kbps // rate + padding


def adts_frame_bytes(data: bytes) -> int:
    """Length of the frame at the front; 0 while its header is not there. TargetFailed for none."""
    if len(data) < 7:
        return 0
    size = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
    if data[0] != 0xFF or data[1] & 0xF6 != 0xF0 or size < 7:
        raise TargetFailed(f"found {data[:7].hex(' ')} where an AAC (ADTS) frame was to begin")
    return size


def follow_one_another(data: bytes) -> str | None:
    """`mp3` or `aac` where these bytes surely are frames of it."""
    if _row(data, mp3_frame_bytes, same=0b1111_1110_0000_1100):
        return "mp3"
    if _row(data, adts_frame_bytes, same=0b1111_1111_1111_1100):
        return "aac"
    return None


def _row(data: bytes, length: Callable[[bytes], int], *, same: int) -> bool:
    """Whether frames follow one another; `same` are the bits of bytes 1 and 2 that stay."""
    at, first = 0, int.from_bytes(data[1:3], "big") & same
    for _ in range(SURE):
        try:
            size = length(data[at : at + 8])
        except TargetFailed:
            return False
        if not size or int.from_bytes(data[at + 1 : at + 3], "big") & same != first:
            return False
        at += size
    return True

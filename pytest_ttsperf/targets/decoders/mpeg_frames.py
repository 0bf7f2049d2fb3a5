"""The size of a frame of MP3 or AAC, by its own header."""

from __future__ import annotations

from collections.abc import Callable

from pytest_ttsperf.errors import TargetFailed

_MPEG_1 = 3
"""The version's code in a header; 2 is MPEG-2, 0 is MPEG-2.5 and 1 is reserved."""
_LAYER_III = 1
_MPEG_1_KBPS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG_2_KBPS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG_1_RATES = (44_100, 48_000, 32_000)
_RATE_DIVISORS = {3: 1, 2: 2, 0: 4}
_ADTS_HEADER_BYTES = 7
SURE_FRAMES = 3
"""So many headers, each where the one before says, are no coincidence."""


def mp3_frame_bytes(data: bytes) -> int:
    """Size of the frame at the front; 0 while its header is not there. TargetFailed for none."""
    if len(data) < 4:
        return 0
    version = data[1] >> 3 & 3
    layer = data[1] >> 1 & 3
    kbps_index = data[2] >> 4
    rate_index = data[2] >> 2 & 3
    is_synced = data[0] == 0xFF and data[1] >= 0xE0
    is_layer_3 = version in _RATE_DIVISORS and layer == _LAYER_III
    if not is_synced or not is_layer_3 or kbps_index in (0, 15) or rate_index == 3:
        raise TargetFailed(f"found {data[:4].hex(' ')} where an MP3 frame was to begin")
    rate = _MPEG_1_RATES[rate_index] // _RATE_DIVISORS[version]
    padding = data[2] >> 1 & 1
    if version == _MPEG_1:
        return 144_000 * _MPEG_1_KBPS[kbps_index] // rate + padding
    return 72_000 * _MPEG_2_KBPS[kbps_index] // rate + padding


def adts_frame_bytes(data: bytes) -> int:
    """Size of the frame at the front; 0 while its header is not there. TargetFailed for none."""
    if len(data) < _ADTS_HEADER_BYTES:
        return 0
    is_synced = data[0] == 0xFF and data[1] & 0xF6 == 0xF0
    size = int.from_bytes(data[3:6], "big") >> 5 & 0x1FFF
    if not is_synced or size < _ADTS_HEADER_BYTES:
        raise TargetFailed(f"found {data[:7].hex(' ')} where an AAC (ADTS) frame was to begin")
    return size


def detect_frames(data: bytes) -> str | None:
    """`mp3` or `aac` where these bytes surely are frames of it."""
    if _are_frames(data, mp3_frame_bytes, 0b1111_1110_0000_1100):
        return "mp3"
    if _are_frames(data, adts_frame_bytes, 0b1111_1111_1111_1100):
        return "aac"
    return None


def _are_frames(
    data: bytes,
    measure_frame: Callable[[bytes], int],
    constant_bits: int,
) -> bool:
    """Whether frames follow one another; `constant_bits` are those of bytes 1 and 2 that stay."""
    headers = set()
    for _ in range(SURE_FRAMES):
        headers.add(int.from_bytes(data[1:3], "big") & constant_bits)
        try:
            size = measure_frame(data[:8])
        except TargetFailed:
            return False
        if size == 0 or len(headers) > 1:
            return False
        data = data[size:]
    return True

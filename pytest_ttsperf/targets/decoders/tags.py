"""Tags in files of sound (ID3v1, ID3v2, APE): what players show, and never sound.

They stand before the sound, behind it and, where files were joined, in between.
"""

from __future__ import annotations

ID3, ID3V1, ID3V1_MORE, APE = b"ID3", b"TAG", b"TAG+", b"APETAGEX"
_ID3_HEADER, _ID3_FOOTER, _ID3V1_SIZE, _ID3V1_MORE_SIZE, _APE_HEADER = 10, 10, 128, 227, 32
_HAS_FOOTER = 0x10
_IS_HEADER = 0x20000000
_NEWEST_ID3 = 4
LONGEST_OLD_TAG = 1 << 16
"""Of an APE tag without a header, which is known by its end alone."""


def length(data: bytes) -> int | None:
    """Bytes of the tag at the front: 0 where there is none, None while too few bytes are there."""
    if data.startswith(ID3):
        return _id3_length(data)
    if data.startswith(ID3V1):
        if len(data) < len(ID3V1_MORE):
            return None
        return _ID3V1_MORE_SIZE if data.startswith(ID3V1_MORE) else _ID3V1_SIZE
    if data.startswith(APE):
        return _ape_length(data)
    return None if is_beginning(data) else 0


def is_beginning(data: bytes) -> bool:
    """Whether these bytes are part of a tag, or may become one."""
    return any(magic.startswith(data[: len(magic)]) for magic in (ID3, ID3V1, APE))


def trailing_tag_bytes(data: bytes) -> int | None:
    """Bytes of an APE tag without a header at the front; None while its end is not there."""
    at = data.find(APE)
    end = at + _APE_HEADER
    if at < 0 or len(data) < end:
        return None
    size = int.from_bytes(data[at + 12 : at + 16], "little")
    return end if size == end else None


def _id3_length(data: bytes) -> int | None:
    if len(data) < _ID3_HEADER:
        return None
    version, flags, sizes = data[3], data[5], data[6:10]
    if version > _NEWEST_ID3 or max(sizes) > 0x7F:
        return 0
    size = 0
    for seven_bits in sizes:
        size = size << 7 | seven_bits
    footer = _ID3_FOOTER if flags & _HAS_FOOTER else 0
    return _ID3_HEADER + size + footer


def _ape_length(data: bytes) -> int | None:
    if len(data) < _APE_HEADER:
        return None
    flags = int.from_bytes(data[20:24], "little")
    size = int.from_bytes(data[12:16], "little")
    return _APE_HEADER + size if flags & _IS_HEADER else _APE_HEADER

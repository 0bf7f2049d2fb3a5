"""Tags in audio files (ID3v1, ID3v2, APE): what players show, and never sound.

They stand before the sound, behind it and, where files were joined, in between.
"""

from __future__ import annotations

ID3 = b"ID3"
_ID3V1 = b"TAG"
_ID3V1_MORE = b"TAG+"
_APE = b"APETAGEX"
_MAGIC = (ID3, _ID3V1, _APE)
ID3_HEADER_BYTES = 10
_ID3_FOOTER_BYTES = 10
_ID3V1_BYTES = 128
_ID3V1_MORE_BYTES = 227
_APE_HEADER_BYTES = 32
_HAS_FOOTER = 0x10
_IS_HEADER = 0x20000000
_NEWEST_ID3 = 4
LONGEST_OLD_TAG = 1 << 16
"""Of an APE tag without a header, which is known by its end alone."""


def tag_bytes(data: bytes) -> int | None:
    """Bytes of the tag at the front: 0 where there is none, None while too few bytes are there."""
    if data.startswith(ID3):
        return id3_length(data)
    if data.startswith(_APE):
        return _ape_length(data)
    if data.startswith(_ID3V1_MORE):
        return _ID3V1_MORE_BYTES
    if len(data) >= len(_ID3V1_MORE) and data.startswith(_ID3V1):
        return _ID3V1_BYTES
    if is_beginning(data):
        return None
    return 0


def id3_length(data: bytes) -> int | None:
    """Bytes of the ID3v2 tag at the front: 0 where there is none, None without its whole header."""
    if not data.startswith(ID3):
        return 0
    if len(data) < ID3_HEADER_BYTES:
        return None
    sizes = data[6:10]
    if data[3] > _NEWEST_ID3 or max(sizes) > 0x7F:
        return 0
    size = ID3_HEADER_BYTES
    if data[5] & _HAS_FOOTER:
        size += _ID3_FOOTER_BYTES
    body = 0
    for seven_bits in sizes:
        body = body << 7 | seven_bits
    return size + body


def is_beginning(data: bytes) -> bool:
    """Whether these bytes are part of a tag, or may become one; so for no bytes at all."""
    return any(magic.startswith(data[: len(magic)]) for magic in _MAGIC)


def trailing_tag_bytes(data: bytes) -> int | None:
    """Bytes of an APE tag without a header at the front; None while its end is not there."""
    at = data.find(_APE)
    end = at + _APE_HEADER_BYTES
    if at < 0 or len(data) < end:
        return None
    size = int.from_bytes(data[at + 12 : at + 16], "little")
    if size != end:
        return None
    return size


def _ape_length(data: bytes) -> int | None:
    if len(data) < _APE_HEADER_BYTES:
        return None
    flags = int.from_bytes(data[20:24], "little")
    if not flags & _IS_HEADER:
        return _APE_HEADER_BYTES
    return _APE_HEADER_BYTES + int.from_bytes(data[12:16], "little")

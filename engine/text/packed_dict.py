"""A dictionary packed into bytes: entries are looked up in place, and never loaded.

A pronouncing dictionary has a hundred thousand entries, and a sentence needs ten. As Python
objects they take tenths of a second and tens of megabytes; packed, they take what is looked at.

    slots, a power of two:  4 bytes each, where the entry lies, 0 if there is none
    entries:                length of key (2 bytes), of value (4 bytes), key (UTF-8), value (JSON)

A key's slot is its CRC-32, or the next one that is free.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

HEADER = struct.Struct("<I4x")  # number of slots
ENTRY = struct.Struct("<HI")
SLOTS_PER_ENTRY = 2
CACHED = 2048  # entries that stay as objects, found or not; some are of several kB


class PackedDict:
    """Looks keys up in what pack() made."""

    def __init__(self, content: memoryview) -> None:
        (count,) = HEADER.unpack_from(content)
        self._mask = count - 1
        self._slots = content[HEADER.size : HEADER.size + 4 * count].cast("I")
        self._content = content
        self._find = lru_cache(CACHED)(self._look_up)

    def get(self, key: str, default: Any = None) -> Any:
        """The value of that key; every call may give the same object, so leave it as it is."""
        value = self._find(key)
        if value is None:
            return default
        return value

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._find(key) is not None

    def _look_up(self, key: str) -> Any:
        wanted = _encode_key(key)
        slot = zlib.crc32(wanted) & self._mask
        while self._slots[slot]:
            entry = self._slots[slot]
            key_size, value_size = ENTRY.unpack_from(self._content, entry)
            key_start = entry + ENTRY.size
            key_end = key_start + key_size
            if self._content[key_start:key_end] == wanted:
                value = self._content[key_end : key_end + value_size]
                return json.loads(bytes(value))
            slot = (slot + 1) & self._mask
        return None


def pack(entries: Mapping[str, Any]) -> bytes:
    """Entries -> bytes for a PackedDict. Values are whatever JSON can hold, except None."""
    least = SLOTS_PER_ENTRY * len(entries) or 1
    count = 1 << least.bit_length()
    mask = count - 1
    slots = [0] * count
    content = bytearray(HEADER.pack(count)) + bytes(4 * count)
    for name, value in entries.items():
        key = _encode_key(name)
        slot = zlib.crc32(key) & mask
        while slots[slot]:
            slot = (slot + 1) & mask
        slots[slot] = len(content)
        encoded = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        content += ENTRY.pack(len(key), len(encoded))
        content += key
        content += encoded
    struct.pack_into(f"<{count}I", content, HEADER.size, *slots)
    return bytes(content)


def _encode_key(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")

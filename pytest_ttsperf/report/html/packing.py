"""Parts of a page that are unpacked when somebody opens them.

Two hundred cells with their charts are some megabytes of HTML that nobody sees at first. Packed
they take a sixth, and the browser lays out what is open alone. Browsers unpack zlib themselves
(`DecompressionStream("deflate")`), so no code is needed for it.

Cells are much alike, so each is packed as what comes after a sample that the page has once: what a
part has in common with the sample takes no room in it. A browser joins the two, unpacks them
together, and leaves the sample out.
"""

from __future__ import annotations

import base64
import zlib

LEVEL = 9
MOST_SAMPLE_BYTES = 24_000
"""Zlib looks back 32 kB: a longer sample would be out of its sight before a part has ended."""


class Packer:
    """Packs HTML that is like a sample, of which the end alone is taken."""

    def __init__(self, sample: str = "") -> None:
        content = _encode(sample)[-MOST_SAMPLE_BYTES:]
        self._compressor = zlib.compressobj(LEVEL)
        beginning = self._compressor.compress(content)
        beginning += self._compressor.flush(zlib.Z_SYNC_FLUSH)
        self.beginning = _as_text(beginning)
        """Packed bytes in base64 that stand before those of every part."""
        self.sample_bytes = len(content)
        """How much of what is unpacked is the sample."""

    def pack(self, html: str) -> str:
        """HTML as compressed bytes in base64: letters that mean nothing in HTML.

        Half a surrogate, which some names hold and no file can, becomes a question mark.
        """
        compressor = self._compressor.copy()
        return _as_text(compressor.compress(_encode(html)) + compressor.flush())


def unpack(packed: str, beginning: str, sample_bytes: int) -> str:
    """What `pack` was called with, as the browser sees it."""
    whole = base64.b64decode(beginning) + base64.b64decode(packed)
    return zlib.decompress(whole)[sample_bytes:].decode()


def _encode(html: str) -> bytes:
    return html.encode("utf-8", "replace")


def _as_text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")

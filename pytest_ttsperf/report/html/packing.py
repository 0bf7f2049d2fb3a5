"""Parts of a page that are unpacked when somebody opens them.

Two hundred cells with their charts are some megabytes of HTML that nobody sees at first. Packed
they take a sixth, and the browser lays out what is open alone. Browsers unpack zlib themselves
(`DecompressionStream("deflate")`), so no code is needed for it.
"""

from __future__ import annotations

import base64
import zlib

LEVEL = 9


def pack(html: str) -> str:
    """HTML as compressed bytes in base64: letters that mean nothing in HTML.

    Half a surrogate, which some names hold and no file can, becomes a question mark.
    """
    content = html.encode("utf-8", "replace")
    return base64.b64encode(zlib.compress(content, LEVEL)).decode("ascii")


def unpack(packed: str) -> str:
    """What `pack` was called with, as the browser sees it."""
    return zlib.decompress(base64.b64decode(packed)).decode()

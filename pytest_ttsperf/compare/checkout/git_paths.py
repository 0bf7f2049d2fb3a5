"""Lists of paths as git prints them with `-z`: a null byte after each."""

from __future__ import annotations


def parse_paths(listed: str | None) -> list[str]:
    """The paths in git's output; none where it gave no output."""
    paths = (listed or "").split("\0")
    return [path for path in paths if path]

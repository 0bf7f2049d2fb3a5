"""How notes of a comparison are put into words."""

from __future__ import annotations

from collections.abc import Sequence


def list_some(names: Sequence[str], most: int) -> str:
    """`a, b and 3 more`: no more of them by name than so many."""
    shown = ", ".join(names[:most])
    if len(names) > most:
        shown += f" and {len(names) - most} more"
    return shown

"""Counted nouns, as messages have them. Imports nothing, as any room may import it."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """`1 window`, `6 windows`, `0 windows`; of a noun that takes an s, as all of ours do."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

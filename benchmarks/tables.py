"""Tables in Markdown, and proportions with their intervals. Imports nothing of the project."""

from __future__ import annotations

from collections.abc import Sequence

from scipy.stats import binomtest


def to_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table in Markdown."""
    return [f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows)]


def proportion(values: Sequence[bool], digits: int = 0) -> str:
    """`3/40, 8 % (3 % to 20 %)`, the interval by Wilson; `digits` behind the point."""
    if not values:
        return "-"
    result = binomtest(sum(values), len(values))
    share = sum(values) / len(values)
    low, high = result.proportion_ci(method="wilson")
    percent, low_percent, high_percent = (f"{100 * x:.{digits}f} %" for x in (share, low, high))
    return f"{sum(values)}/{len(values)}, {percent} ({low_percent} to {high_percent})"

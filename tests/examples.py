"""How many examples a costly property is tried with: a share of what the profile says.

By day a property has a hundred examples, by night twenty times as many (tests/conftest.py).
"""

from __future__ import annotations

import hypothesis

BY_DAY = 100


def examples(by_day: int) -> int:
    """So many of them by day, and by night as many times more as other properties have."""
    return max(1, by_day * hypothesis.settings().max_examples // BY_DAY)

"""Texts of random words from the corpus: as many different ones as a long run wants."""

from __future__ import annotations

import random

from pytest_ttsperf.measure import corpus

WORDS = sorted({word.strip(".,?!") for text in corpus.texts("long", 600) for word in text.split()})


def random_text(draw: random.Random, most: int) -> str:
    """1 to so many random words, in sentences."""
    words = [draw.choice(WORDS) for _ in range(draw.randint(1, most))]
    for at in range(12, len(words), 13):
        words[at] += "."
    return " ".join(words).capitalize() + "."

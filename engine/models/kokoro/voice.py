"""What is the same in the split and the unsplit model: voice styles and sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...audio import QUIET, Samples
from ...text.phonemizer import PAD_ID, SILENT

SAMPLE_RATE = 24_000
PAUSES = ";:,.!?—…"
TAIL_S = 0.2  # of silence behind the last sound stays, if there is as much
Floats = NDArray[np.float32]


class StyleTable:
    """A voice's style rows, [510, 256], and which of its ids make no sound."""

    def __init__(
        self,
        rows: Floats,
        vocabulary: Mapping[str, int],
    ) -> None:
        """`vocabulary` is phoneme -> id."""
        self.rows = rows
        self.silent = frozenset([PAD_ID, *_ids_of(SILENT, vocabulary)])
        self.pauses = frozenset(_ids_of(PAUSES, vocabulary))

    def style(self, ids: Sequence[int]) -> Floats:
        """The row for a sentence of that length, [1, 256]; its clauses keep it."""
        count = sum(id_ != PAD_ID for id_ in ids)
        row: Floats = self.rows[min(count, len(self.rows)) - 1]
        return row[None]


def _ids_of(phonemes: Iterable[str], vocabulary: Mapping[str, int]) -> list[int]:
    return [vocabulary[phoneme] for phoneme in phonemes if phoneme in vocabulary]


def model_feeds(
    ids: Sequence[int],
    style: Floats,
    speed: float,
) -> dict[str, NDArray[Any]]:
    """What the head, or the whole graph, is fed with."""
    return {
        "tokens": np.array([ids], np.int64),
        "style": style,
        "speed": np.array([speed], np.float32),
    }


def sounding_samples(samples: Samples) -> int:
    """How many samples there are up to the last sound, and a pause behind it."""
    loud = np.flatnonzero(np.abs(samples) > QUIET)
    end = 0
    if len(loud):
        end = int(loud[-1]) + 1
    return min(len(samples), end + round(TAIL_S * SAMPLE_RATE))

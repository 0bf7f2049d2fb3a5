"""What is the same in the split and the unsplit model: voice styles and sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...audio import QUIET, Samples
from ...text.phonemizer import PAD_ID, SILENT

if TYPE_CHECKING:
    pass


SAMPLE_RATE = 24_000
TAIL_S = 0.2  # of silence behind the last sound stays, if there is as much
Floats = NDArray[np.float32]


class StyleTable:
    """A voice's style rows, [510, 256], and which of its ids make no sound."""

    def __init__(self, rows: Floats, known: Mapping[str, int]) -> None:
        self.rows = rows
        self.silent = frozenset({PAD_ID, *(known[p] for p in SILENT if p in known)})
        self.pauses = frozenset(known[p] for p in ";:,.!?—…" if p in known)

    def style(self, ids: Sequence[int]) -> Floats:
        """The row for a sentence of that length, [1, 256]; its clauses keep it."""
        count = sum(id_ != PAD_ID for id_ in ids)
        row: Floats = self.rows[min(count, len(self.rows)) - 1]
        return row[None]


def sentence(ids: Sequence[int], style: Floats, speed: float) -> dict[str, NDArray[Any]]:
    """What the head, or the whole graph, is fed with."""
    return {
        "tokens": np.array([ids], np.int64),
        "style": style,
        "speed": np.array([speed], np.float32),
    }


def sounding_samples(samples: Samples) -> int:
    """How many samples there are up to the last sound, and a pause behind it."""
    loud = np.flatnonzero(np.abs(samples) > QUIET)
    behind = int(loud[-1]) + 1 if len(loud) else 0
    return min(len(samples), behind + round(TAIL_S * SAMPLE_RATE))

"""In which order texts are spoken, and in which process: pure, nothing is run here.

One target needs little order: warm-ups until steady, then distinct texts, then probes that repeat
a text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from pytest_ttsperf.records import Kind

MIN_WARMUPS = 4
MAX_WARMUPS = 16
STEADY_WITHIN = 0.15
PROBES = 3


@dataclass(frozen=True, slots=True)
class ScheduledTrial:
    """One synthesis to run: which trial it is, in which process, and what is spoken."""

    index: int
    kind: Kind
    process: int
    text: str


def schedule_trials(
    texts: Sequence[str],
    kind: Kind,
    *,
    first: int = 0,
    process: int = 0,
) -> Iterator[ScheduledTrial]:
    """All texts in one process, in their order."""
    for index, text in enumerate(texts, start=first):
        yield ScheduledTrial(index, kind, process, text)


def schedule_cold_trials(texts: Sequence[str], *, first: int = 0) -> Iterator[ScheduledTrial]:
    """Each text in a fresh process of its own."""
    for index, text in enumerate(texts, start=first):
        yield ScheduledTrial(index, "trial", index, text)


class Steady:
    """Says when warming up is over: the last pair of RTFs is no faster than the pair before.

    RTF and not time, as every warm-up speaks another text. A target that gets faster for longer
    than MAX_WARMUPS trials is measured all the same, with a note.
    """

    def __init__(self) -> None:
        self._rtfs: list[float] = []

    def feed(self, rtf: float | None) -> None:
        """Take one warm-up's RTF; one without sound (None) counts as not steady."""
        self._rtfs.append(math.inf if rtf is None else rtf)

    @property
    def reached(self) -> bool:
        """Whether the newest two are within 15 % of the two before, or slower."""
        if len(self._rtfs) < MIN_WARMUPS:
            return False
        newest = median(self._rtfs[-2:])
        before = median(self._rtfs[-4:-2])
        return before * (1 - STEADY_WITHIN) <= newest < math.inf

"""Engines that are asked by several listeners at once: a right one, and some that mix them up."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tests.unit.load.factories import RATE, babble

WORK_S = 0.01
"""Of each piece: so long that listeners meet."""
PIECES = 4

Samples = NDArray[np.float32]


class Babbler:
    """What it says depends on the text alone; each call has a state of its own."""

    sample_rate = RATE
    work_s = WORK_S

    def stream(self, text: str) -> Iterator[Samples]:
        """A few pieces, each after some work."""
        for piece in np.array_split(babble(text), PIECES):
            time.sleep(self.work_s)
            yield piece


class SharedText(Babbler):
    """Keeps the text in the engine, where the next listener's overwrites it."""

    def __init__(self) -> None:
        self.text = ""

    def stream(self, text: str) -> Iterator[Samples]:
        """Whatever text was asked for last, by the time that it is spoken."""
        self.text = text
        time.sleep(WORK_S)
        for piece in np.array_split(babble(self.text), PIECES):
            time.sleep(WORK_S)
            yield piece


class Impatient(Babbler):
    """Breaks off where another listener waits."""

    def __init__(self) -> None:
        self.open_count = 0

    def stream(self, text: str) -> Iterator[Samples]:
        """A quarter of the text where it is not alone."""
        self.open_count += 1
        try:
            for place, piece in enumerate(super().stream(text)):
                if place and self.open_count > 1:
                    return
                yield piece
        finally:
            self.open_count -= 1


class Failing(Babbler):
    """Raises where another listener waits."""

    def __init__(self) -> None:
        self.open_count = 0

    def stream(self, text: str) -> Iterator[Samples]:
        """Nothing, as soon as it is not alone."""
        self.open_count += 1
        try:
            time.sleep(WORK_S)
            if self.open_count > 1:
                raise RuntimeError("found a second listener, and there is one voice")
            yield from super().stream(text)
        finally:
            self.open_count -= 1


class Serial(Babbler):
    """Speaks to one listener after the other, in the order in which they came.

    A lock would let whoever has just been served go first again.
    """

    work_s = WORK_S / 2

    def __init__(self) -> None:
        self.turn_changes = threading.Condition()
        self.tickets = itertools.count()
        self.turn = 0

    def stream(self, text: str) -> Iterator[Samples]:
        """All pieces, once it is this listener's turn."""
        with self.turn_changes:
            ticket = next(self.tickets)
            self.turn_changes.wait_for(lambda: self.turn == ticket)
        try:
            yield from super().stream(text)
        finally:
            with self.turn_changes:
                self.turn += 1
                self.turn_changes.notify_all()

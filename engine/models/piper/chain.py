"""A chain of stages over a sentence: columns go in piece by piece, and so their results come out.

How such a chain is cut out of a voice's graph is described in graph.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...runtime.session import CancelToken, Session

Floats = NDArray[np.float32]
Arrays = Mapping[str, NDArray[Any]]


class Stage(NamedTuple):
    """What lies between two joints of a chain.

    context: how many columns of its input each column of its output depends on, to both sides.
    factor: how many columns come out for one that goes in.
    width: channels of what goes in.
    """

    context: int
    factor: int
    width: int


class Chain:
    """One run of a chain over a sentence.

    Positions count frames, the columns that go into the first stage. `start` is the first frame
    that has to go in, `pushed` is behind those that did, `finished` behind those whose result is
    out.
    """

    def __init__(
        self,
        session: Session,
        stages: Sequence[Stage],
        total: int,
        first: int,
        stop: CancelToken | None,
        extra: Arrays,
    ) -> None:
        """`first` is the first frame whose result is wanted, of `total`."""
        self._session = session
        self._stop = stop
        self._extra = extra
        self._stages: list[_StageProgress] = []
        rate = 1
        for stage in stages:
            self._rate = rate  # columns of a frame, as the last stage takes them
            self._stages.append(_StageProgress(stage, total * rate, first * rate))
            rate *= stage.factor
        self._find_starts()
        self.start = self._stages[0].window
        self.pushed = self.start
        self.finished = first
        # The graphs of one speaker work on images one pixel high.
        self._image_axes: tuple[int, ...] = (1,)
        if extra:
            self._image_axes = ()
        self._states = {
            f"state_{number}": np.zeros((1, stage.width, *self._image_axes, 0), np.float32)
            for number, stage in enumerate(stages)
        }

    def _find_starts(self) -> None:
        """From the last stage to the first: where it begins, so that the next has what it needs."""
        current = self._stages[-1]
        for previous in reversed(self._stages[:-1]):
            factor = previous.stage.factor
            previous.next = max(0, current.next - current.stage.context) // factor
            current.start_at(previous.next * factor)
            current = previous
        current.start_at(max(0, current.next - current.stage.context))

    def needs(self, stop: int) -> int:
        """How many frames have to go in for the results of those before `stop`."""
        columns = stop * self._rate
        for number in reversed(range(len(self._stages))):
            progress = self._stages[number]
            columns = min(columns + progress.stage.context, progress.total)
            if number:
                columns = -(-columns // self._stages[number - 1].stage.factor)
        return columns

    def push(self, columns: Floats) -> Floats:
        """The next columns, [C, n] or with ones between; all results there are of them."""
        count = columns.shape[-1]
        self.pushed += count
        edges: list[int] = []
        for progress in self._stages:
            first, stop = progress.advance(count)
            edges += [first, stop]
            count = stop - first
        self.finished = self._stages[-1].next // self._rate
        outputs = self._session.run(
            {
                "columns": columns.reshape(1, -1, *self._image_axes, columns.shape[-1]),
                "edges": np.array(edges, np.int64),
                **self._states,
                **self._extra,
            },
            self._stop,
        )
        for name in self._states:
            self._states[name] = outputs[name.replace("state", "carry")]
        return outputs["result"]


class _StageProgress:
    """How far a stage is, counted in columns of its input.

    next: the next column whose result comes out. window: where the columns begin that go in with
    the next run, state included; `end` is behind the last that went in.
    """

    def __init__(self, stage: Stage, total: int, first: int) -> None:
        self.stage = stage
        self.total = total
        self.next = first
        self.window = 0
        self.end = 0

    def start_at(self, column: int) -> None:
        """Begin with that column."""
        self.window = column
        self.end = column

    def advance(self, count: int) -> tuple[int, int]:
        """Take so many more columns: the edges, in its output, of the results that are new."""
        context, factor = self.stage.context, self.stage.factor
        self.end += count
        ready = self.end
        if ready != self.total:  # else there is nothing more to wait for
            ready -= context
        ready = max(ready, self.next)
        edges = (self.next - self.window) * factor, (ready - self.window) * factor
        self.next = ready
        self.window = max(self.window, self.end - 2 * context)
        return edges

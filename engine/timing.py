"""Stage spans: where the time of one utterance, or of one opening, went."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

Stage = Literal[
    # opening an engine
    "import",  # onnxruntime, scipy.fft and the modules that need them
    "model",  # the model file is read and its hash checked
    "session",  # onnxruntime builds the session
    "voice",  # the voice's phoneme tables are loaded
    # saying a text
    "text",  # text -> segments
    "phonemes",  # segment -> phonemes -> ids
    "encode",  # ids -> what each phoneme sounds like
    "decode",  # -> spectra; the whole acoustic model where a family runs it in one piece
    "vocode",  # spectra -> waveform
    "convert",  # waveform -> chunk
    "time_scale",  # chunk -> a shorter or longer one, at a speed beyond the voice's reach
]


class StageSpan(NamedTuple):
    """One stage at work, on the clock of `time.perf_counter_ns`.

    `chunk` is the index of the first chunk that waited for this work; None for work that belongs
    to no chunk in particular (the opening, the splitting of the text).
    """

    stage: Stage
    chunk: int | None
    start_ns: int
    end_ns: int


class SpanRecorder:
    """Collects spans. Handed from stage to stage, so that two streams never share one."""

    def __init__(self, now_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._now_ns = now_ns
        self._spans: list[StageSpan] = []

    @contextmanager
    def span(self, stage: Stage, chunk: int | None = None) -> Iterator[None]:
        """Record the body as one span; a body that raises leaves none."""
        start_ns = self._now_ns()
        yield
        self._spans.append(StageSpan(stage, chunk, start_ns, self._now_ns()))

    def spans(self) -> list[StageSpan]:
        """The spans so far, in the order in which they ended."""
        return list(self._spans)

"""The marks' keywords for editors and type checkers; at run time they are plain pytest marks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol

import pytest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class _Ttfa(Protocol):
    def __call__(
        self,
        *,
        p50_ms: float = ...,
        p95_ms: float = ...,
        p99_ms: float = ...,
        max_ms: float = ...,
        prebuffer_ms: float = ...,
        onset: Literal["heard", "sample"] = ...,
    ) -> pytest.MarkDecorator: ...


class _Rtf(Protocol):
    def __call__(
        self,
        *,
        p50: float = ...,
        p95: float = ...,
        p99: float = ...,
        max: float = ...,  # noqa: A002
    ) -> pytest.MarkDecorator: ...


class _Cadence(Protocol):
    def __call__(
        self,
        *,
        p95_gap_ms: float = ...,
        max_gap_ms: float = ...,
        underruns: int = ...,
        prebuffer_ms: float = ...,
        prebuffer_needed_ms: float = ...,
    ) -> pytest.MarkDecorator: ...


class _Memory(Protocol):
    def __call__(
        self, *, rss_range_mb: float = ..., rss_peak_mb: float = ..., uss_peak_mb: float = ...
    ) -> pytest.MarkDecorator: ...


class _Quality(Protocol):
    def __call__(
        self,
        *,
        max_wer: float = ...,
        worst_run: int = ...,
        lufs: float = ...,
        tolerance_lu: float = ...,
        true_peak_dbtp: float = ...,
        clipped_share: float = ...,
        silence_share: float = ...,
        mos: float = ...,
        duration: str | float = ...,
        timbre_db: float = ...,
        recognizer: str | Callable[[NDArray[np.float32], int], str] = ...,
    ) -> pytest.MarkDecorator: ...


class _Seams(Protocol):
    def __call__(self, *, max_flagged: int = ...) -> pytest.MarkDecorator: ...


class _BargeIn(Protocol):
    def __call__(
        self, *, stop_p95_ms: float = ..., next_ttfa: str | float = ...
    ) -> pytest.MarkDecorator: ...


class _Capacity(Protocol):
    def __call__(
        self,
        *,
        min_listeners: int = ...,
        min_rate: float = ...,
        ttfa_p95_ms: float = ...,
        stall: str | float = ...,
    ) -> pytest.MarkDecorator: ...


class _Listeners(Protocol):
    def __call__(self, count: int, /, *more: int) -> pytest.MarkDecorator: ...


class _Trials(Protocol):
    def __call__(self, count: int, /) -> pytest.MarkDecorator: ...


class _Voice(Protocol):
    def __call__(self, name: str, /) -> pytest.MarkDecorator: ...


class _Regression(Protocol):
    def __call__(
        self,
        *,
        ttfa: str | float = ...,
        ttfa_p50: str | float = ...,
        ttfa_p95: str | float = ...,
        ttfa_late: str | float = ...,
        rtf: str | float = ...,
        rtf_p50: str | float = ...,
        rtf_p95: str | float = ...,
        rtf_late: str | float = ...,
        heard_p50: str | float = ...,
        heard_p95: str | float = ...,
        cpu_p50: str | float = ...,
        gap_p50: str | float = ...,
        underruns: float = ...,
        memory: str | float = ...,
        rss_peak: str | float = ...,
        speech: str | float = ...,
        silence: float = ...,
        level: float = ...,
        true_peak: float = ...,
        bandwidth: str | float = ...,
        clipped: float = ...,
        texts_length: str | float = ...,
        texts_silence: str | float = ...,
        texts_level: str | float = ...,
        texts_broken: str | float = ...,
        words: float = ...,
        worst_run: str | float = ...,
        timbre: float = ...,
        ttfa_typical: str | float = ...,
        stalled: str | float = ...,
        goodput: str | float = ...,
        left_behind: float = ...,
    ) -> pytest.MarkDecorator: ...


ttfa: _Ttfa = pytest.mark.ttfa
rtf: _Rtf = pytest.mark.rtf
cadence: _Cadence = pytest.mark.cadence
memory: _Memory = pytest.mark.memory
quality: _Quality = pytest.mark.quality
seams: _Seams = pytest.mark.seams
barge_in: _BargeIn = pytest.mark.barge_in
capacity: _Capacity = pytest.mark.capacity
listeners: _Listeners = pytest.mark.listeners
trials: _Trials = pytest.mark.trials
regression: _Regression = pytest.mark.regression
voice: _Voice = pytest.mark.voice

"""The marks' keywords for editors and type checkers; at run time they are plain pytest marks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import pytest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Two dicts deep, for a provider and a preset: an alias of itself would be all an error shows.
_Number: TypeAlias = "float | Mapping[str, float | Mapping[str, float | None] | None]"
"""A limit, or limits by provider or preset: 500, or {"cpu": 500, "coreml": 10}."""
_Count: TypeAlias = "int | Mapping[str, int | Mapping[str, int | None] | None]"
_Flag: TypeAlias = "bool | Mapping[str, bool | Mapping[str, bool | None] | None]"
_Share: TypeAlias = (
    "str | float | Mapping[str, str | float | Mapping[str, str | float | None] | None]"
)


class _Ttfa(Protocol):
    def __call__(
        self,
        *,
        p50_ms: _Number = ...,
        p95_ms: _Number = ...,
        p99_ms: _Number = ...,
        max_ms: _Number = ...,
        prebuffer_ms: _Number = ...,
        onset: Literal["heard", "sample"] = ...,
    ) -> pytest.MarkDecorator: ...


class _Rtf(Protocol):
    def __call__(
        self,
        *,
        p50: _Number = ...,
        p95: _Number = ...,
        p99: _Number = ...,
        max: _Number = ...,  # noqa: A002
    ) -> pytest.MarkDecorator: ...


class _Cadence(Protocol):
    def __call__(
        self,
        *,
        p95_gap_ms: _Number = ...,
        max_gap_ms: _Number = ...,
        underruns: _Count = ...,
        prebuffer_ms: _Number = ...,
        prebuffer_needed_ms: _Number = ...,
        streamed: _Flag = ...,
    ) -> pytest.MarkDecorator: ...


class _Memory(Protocol):
    def __call__(
        self,
        *,
        rss_range_mb: _Number = ...,
        rss_peak_mb: _Number = ...,
        uss_peak_mb: _Number = ...,
        leak_mb_per_1000: _Number = ...,
    ) -> pytest.MarkDecorator: ...


class _Quality(Protocol):
    def __call__(
        self,
        *,
        max_wer: _Number = ...,
        worst_run: _Count = ...,
        lufs: _Number = ...,
        tolerance_lu: _Number = ...,
        true_peak_dbtp: _Number = ...,
        clipped_share: _Number = ...,
        silence_share: _Number = ...,
        mos: _Number = ...,
        duration: _Share = ...,
        timbre_db: _Number = ...,
        recognizer: str | Callable[[NDArray[np.float32], int], str] = ...,
    ) -> pytest.MarkDecorator: ...


class _Seams(Protocol):
    def __call__(self, *, max_flagged: _Count = ...) -> pytest.MarkDecorator: ...


class _BargeIn(Protocol):
    def __call__(
        self, *, stop_p95_ms: _Number = ..., next_ttfa: _Share = ...
    ) -> pytest.MarkDecorator: ...


class _Capacity(Protocol):
    def __call__(
        self,
        *,
        min_listeners: _Count = ...,
        min_rate: _Number = ...,
        ttfa_p95_ms: _Number = ...,
        stall: _Share = ...,
    ) -> pytest.MarkDecorator: ...


class _Soak(Protocol):
    def __call__(
        self,
        *,
        minutes: _Number = ...,
        requests: _Count = ...,
        drift: _Share = ...,
        underruns_per_10min: _Number = ...,
        leak_mb_per_1000: _Number = ...,
        handles: _Count = ...,
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
soak: _Soak = pytest.mark.soak
trials: _Trials = pytest.mark.trials
regression: _Regression = pytest.mark.regression
voice: _Voice = pytest.mark.voice

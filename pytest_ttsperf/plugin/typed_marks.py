"""The marks' keywords for editors and type checkers; at run time they are plain pytest marks."""

from __future__ import annotations

from typing import Literal, Protocol

import pytest


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
        rtf: str | float = ...,
        rtf_p50: str | float = ...,
        rtf_p95: str | float = ...,
        heard_p50: str | float = ...,
        heard_p95: str | float = ...,
        cpu_p50: str | float = ...,
        gap_p50: str | float = ...,
        underruns: float = ...,
        memory: str | float = ...,
        rss_peak: str | float = ...,
        speech: str | float = ...,
    ) -> pytest.MarkDecorator: ...


ttfa: _Ttfa = pytest.mark.ttfa
rtf: _Rtf = pytest.mark.rtf
cadence: _Cadence = pytest.mark.cadence
memory: _Memory = pytest.mark.memory
trials: _Trials = pytest.mark.trials
regression: _Regression = pytest.mark.regression
voice: _Voice = pytest.mark.voice

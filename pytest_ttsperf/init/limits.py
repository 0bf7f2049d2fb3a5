"""Limits from what was measured: 1.3 times as much, rounded up to what a person would write."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple, TypeAlias

from pytest_ttsperf.judge.statistics import quantiles
from pytest_ttsperf.metrics import definitions
from pytest_ttsperf.records import Mode, Phase, Trial
from pytest_ttsperf.report.rows import number

HALF = 0.5
"""What more of the answers do is what the target does, as for `@cadence(streamed=True)`."""
FACTOR = 1.3
"""A limit is so many times what was measured: chance stays below it, half as much again does not.

What a smaller change needs is a comparison of versions (docs/comparing-versions.md)."""
STEPS = ((2.0, 0.1), (5.0, 0.2), (10.0, 0.5))
"""Below each bound, how far apart numbers are that a person would write: 5 % to 10 %."""
PREBUFFERS_MS = (100.0, 250.0, 500.0, 1000.0)
"""What players buffer before they begin; of these the least that never runs dry is taken."""


Value: TypeAlias = "bool | float | Mapping[str, Value]"
"""Of a keyword: on or off, a limit, or one for each provider or preset, or for each of both."""


class MarkKeywords(NamedTuple):
    """A mark as it is written above a test: its name, and keywords with their values."""

    name: str
    keywords: Mapping[str, Value]

    @property
    def line(self) -> str:
        """`@ttfa(p95_ms=65)`."""
        written = [f"{key}={_literal(value)}" for key, value in self.keywords.items()]
        return f"@{self.name}({', '.join(written)})"


class MeasuredFigures(NamedTuple):
    """What limits are made of; None for what was not measured."""

    trials: int
    mode: Mode
    phase: Phase
    ttfa_ms: float | None
    """p95 of warm trials, p50 of cold starts; with `prebuffer_ms`, if there is a player."""
    rtf: float | None
    """p95."""
    rss_peak_mb: float | None
    prebuffer_ms: float | None
    """Of the player that the test is to have; None for none."""
    is_streamed: bool | None
    """Whether most answers came while they were made; None where nothing shows it."""

    @property
    def statistic(self) -> str:
        """Of the time to first audio."""
        return "p50" if self.phase == "cold" else "p95"

    @property
    def text(self) -> str:
        """What was measured, in one line."""
        parts = []
        if self.ttfa_ms is not None:
            parts.append(f"ttfa {self.statistic} {number(self.ttfa_ms, 'ms')}")
        if self.rtf is not None and self.phase == "warm":
            parts.append(f"rtf p95 {self.rtf:.3g}")
        if self.rss_peak_mb is not None:
            parts.append(f"rss peak {number(self.rss_peak_mb, 'MB')}")
        unit = "starts" if self.phase == "cold" else "trials"
        return f"{', '.join(parts) or 'nothing'} ({self.trials} {unit})"


def measure_figures(
    trials: Sequence[Trial],
    mode: Mode,
    phase: Phase,
    *,
    rss_peak_mb: float | None,
    prebuffer_ms: float | None,
) -> MeasuredFigures:
    """The figures of counted trials, as a test sees them whose player buffers so much."""
    p = 0.5 if phase == "cold" else 0.95
    return MeasuredFigures(
        trials=len(trials),
        mode=mode,
        phase=phase,
        ttfa_ms=_quantile("ttfa_ms", trials, p, prebuffer_ms or 0.0),
        rtf=_quantile("rtf", trials, 0.95),
        rss_peak_mb=rss_peak_mb,
        prebuffer_ms=prebuffer_ms,
        is_streamed=is_streamed(trials),
    )


def is_streamed(trials: Sequence[Trial]) -> bool | None:
    """Whether most answers were sent while they were made; None where nothing shows it."""
    values = definitions.sample("all_at_once", trials).values
    measured = [value for value in values if value is not None]
    if not measured:
        return None
    return median(measured) < HALF


def choose_prebuffer_ms(trials: Sequence[Trial]) -> float | None:
    """The least usual prebuffer that is FACTOR times what any trial needed; None if none is."""
    needed_ms = definitions.sample("prebuffer_needed_ms", trials).values
    if not needed_ms or None in needed_ms:
        return None
    most_ms = max(each for each in needed_ms if each is not None)
    for prebuffer_ms in PREBUFFERS_MS:
        if FACTOR * most_ms <= prebuffer_ms:
            return prebuffer_ms
    return None


def choose_marks(figures: MeasuredFigures) -> list[MarkKeywords]:
    """The marks of a test that has measured these figures."""
    marks = []
    if figures.ttfa_ms is not None and figures.mode == "stream":
        keyword = f"{figures.statistic}_ms"
        marks.append(MarkKeywords("ttfa", {keyword: limit_of(figures.ttfa_ms)}))
    if figures.rtf is not None and figures.phase == "warm":
        marks.append(MarkKeywords("rtf", {"p95": limit_of(figures.rtf)}))
    if figures.prebuffer_ms is not None:
        player: dict[str, Value] = {"underruns": 0.0, "prebuffer_ms": figures.prebuffer_ms}
        if figures.is_streamed:
            player["streamed"] = True
        marks.append(MarkKeywords("cadence", player))
    if figures.rss_peak_mb is not None:
        marks.append(MarkKeywords("memory", {"rss_peak_mb": limit_of(figures.rss_peak_mb)}))
    return marks


def limit_of(measured: float) -> float:
    """The limit for a figure above 0."""
    return round_up(FACTOR * measured)


def round_up(value: float) -> float:
    """The next number from `value` on that a person would write: 46.3 -> 48, 61 -> 65.

    ValueError for what is not above 0.
    """
    if not 0 < value < math.inf:
        raise ValueError(f"found {value}, wanted a number above 0")
    magnitude = 10.0 ** math.floor(math.log10(value))
    leading = value / magnitude
    step = STEPS[-1][1]
    for bound, size in STEPS:
        if leading < bound:
            step = size
            break
    # Six digits are enough for a person, and hide what binary fractions leave over.
    steps = math.ceil(round(leading / step, 6))
    return float(f"{steps * step * magnitude:.6g}")


def _quantile(
    metric: str,
    trials: Sequence[Trial],
    p: float,
    prebuffer_ms: float = 0.0,
) -> float | None:
    """Of the trials that have the metric; None where none has, or it is no time at all."""
    values = definitions.sample(metric, trials, prebuffer_ms).values
    measured = [value for value in values if value is not None]
    if not measured:
        return None
    found = quantiles.quantile(measured, p)
    return found if found > 0 else None


def _literal(value: Value) -> str:
    """A value as Python writes it: whole numbers without a point."""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, Mapping):
        entries = [f'"{key}": {_literal(each)}' for key, each in value.items()]
        return f"{{{', '.join(entries)}}}"
    return f"{value:.6g}"

"""Ways to run one target, providers or settings, and what comparing them has found."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from pytest_ttsperf.records.comparison import Block, ChangeVerdict, ComparedMetric
from pytest_ttsperf.records.recording import Json, Phase

AlternativeKind = Literal["provider", "setting"]
Direction = Literal["better", "worse", "alike", "open"]
"""How an alternative stands to the reference in one figure. `better` and `worse` are proven, and by
more than the margin; `alike` is surely no worse by the margin; all else is `open`."""


class Alternative(Struct, frozen=True, kw_only=True):
    """One way to run the target, and what it is like once it is open and warm."""

    name: str
    provider: str | None = None
    python: str | None = None
    """The interpreter that opens it; None for the running one."""
    options: dict[str, Json] = {}
    """Keyword options that it has beside those of the reference."""
    placement: dict[str, Json] | None = None
    nodes: int | None = None
    """How many run on the provider that was asked for; None where the target does not say."""
    rss_mb: float | None = None
    """Of its process tree, warm."""
    opening_s: float | None = None
    """How long opening took, with its own warm-up."""
    error: str | None = None
    """Why it does not open; None where it does."""

    @property
    def is_idle(self) -> bool:
        """Whether the provider that was asked for runs nothing: to compare it would say nothing."""
        return self.nodes == 0

    @property
    def is_comparable(self) -> bool:
        """Whether it opens, and is something else than the CPU by another name."""
        return self.error is None and not self.is_idle


class PairFigure(Struct, frozen=True, kw_only=True):
    """One figure of an alternative against that of the reference."""

    metric: ComparedMetric
    change: ChangeVerdict
    direction: Direction

    @property
    def ratio(self) -> float | None:
        """Of the alternative's figure to the reference's; None on another scale, or unmeasured."""
        if self.metric.scale != "ratio" or self.change.effect is None:
            return None
        return 1 + self.change.effect


class PairComparison(Struct, frozen=True, kw_only=True):
    """An alternative and the reference, measured in turns, warm or by cold starts."""

    alternative: str
    reference: str
    phase: Phase
    blocks: int = 0
    seconds: float = 0.0
    reason: str | None = None
    """Why there was no comparison; None when there was one."""
    notes: tuple[str, ...] = ()
    figures: tuple[PairFigure, ...] = ()
    measured: dict[str, tuple[Block, ...]] = {}
    """By metric."""

    def figure(self, label: str) -> PairFigure | None:
        """The figure of that label; None where it was not compared."""
        for figure in self.figures:
            if figure.metric.label == label:
                return figure
        return None


class AlternativesReport(Struct, frozen=True, kw_only=True):
    """All alternatives of a target, each against the first."""

    kind: AlternativeKind
    target: str
    text: str
    level: float
    """How likely a figure is called better where nothing differs, at most; as likely, worse."""
    alternatives: tuple[Alternative, ...]
    """First the reference."""
    comparisons: tuple[PairComparison, ...] = ()
    seconds: float = 0.0

    @property
    def reference(self) -> Alternative:
        """What the others are compared with."""
        return self.alternatives[0]

    def comparisons_of(self, alternative: str) -> tuple[PairComparison, ...]:
        """Those of one alternative, warm first."""
        return tuple(pair for pair in self.comparisons if pair.alternative == alternative)

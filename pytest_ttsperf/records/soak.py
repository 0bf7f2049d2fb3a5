"""A soak: how long a target speaks without a pause, its slices, and what follows from them."""

from __future__ import annotations

from msgspec import Struct

from pytest_ttsperf.records.load import LoadWindow
from pytest_ttsperf.records.recording import Trial, Usage


class SoakSpec(Struct, frozen=True, kw_only=True):
    """How long a soak lasts: so many minutes, or so many requests; one of both."""

    minutes: float | None = None
    requests: int | None = None

    @property
    def label(self) -> str:
        """`20 min`, or `5,000 requests`."""
        if self.minutes is not None:
            return f"{self.minutes:g} min"
        return f"{self.requests:,} requests"


class SoakSlice(Struct, frozen=True, kw_only=True):
    """A stretch of a soak in figures; None where nothing was measured."""

    index: int
    session: int
    """Of the target: a soak that was broken off goes on in a fresh process, its next session."""
    seconds: float
    requests: int
    failed: int
    audio_s: float
    """That was played."""
    underruns: int | None
    """Of the player of the test."""
    ttfa_ms: float | None
    """Median to the first sounding chunk."""
    rtf: float | None
    """Median."""
    null_ms: float | None
    """Median time of the null target, which does the same work all the time."""
    usage: Usage | None = None
    """Memory of the target's process tree at its end, and the CPU seconds of the slice."""
    handles: int | None = None
    """Descriptors and threads of that tree at its end."""
    window: LoadWindow | None = None
    """The same stretch as a window, where several listen."""


class Drift(Struct, frozen=True, kw_only=True):
    """How much a figure has grown over a session, as a share for each 20 minutes: 0.05 is 5 %."""

    metric: str
    per_20_min: float
    low: float
    """With `high` the 95 % interval."""
    high: float
    slices: int
    """In each of the two quarters that are compared."""
    minutes: float
    """Of the session."""


class LeakSlope(Struct, frozen=True, kw_only=True):
    """By how much the memory that is the target's alone grows, in MB for each 1000 requests."""

    mb_per_1000: float
    low: float
    """With `high` the 95 % interval."""
    high: float
    readings: int


class SoakResult(Struct, frozen=True, kw_only=True):
    """What a soak has measured, and all that was derived from it."""

    spec: SoakSpec
    slices: tuple[SoakSlice, ...]
    drifts: tuple[Drift, ...] = ()
    """Of TTFA and RTF, over the longest session."""
    null_drift: Drift | None = None
    """Of the null target, over the same slices: what the machine drifts by itself."""
    underruns: int | None = None
    audio_minutes: float = 0.0
    handles_growth: int | None = None
    """From the first quarter of the longest session to its last, medians."""
    missing: dict[str, str] = {}
    """Why what is not measured is not, by the metric."""
    journal: str | None = None
    """Where its raw trials are; the artifact has none of them."""
    remarks: tuple[str, ...] = ()
    """How it came to be: that it goes on with one that was broken off, say."""

    @property
    def sessions(self) -> int:
        """Over how many processes of the target it was spread by being broken off."""
        return len({each.session for each in self.slices})

    @property
    def requests(self) -> int:
        """Of all slices."""
        return sum(each.requests for each in self.slices)

    @property
    def minutes(self) -> float:
        """Of all slices."""
        return sum(each.seconds for each in self.slices) / 60


class SoakHead(Struct, frozen=True, kw_only=True):
    """What a soak is of; one that was broken off is gone on with by the same alone."""

    cell: str
    """The id of its cell."""
    fingerprint: str
    spec: SoakSpec
    revision: str | None
    """Of the working tree; None outside git."""
    plugin_version: str


class SoakSession(Struct, frozen=True, kw_only=True):
    """A process of the target that begins to speak for a soak."""

    number: int
    started: str


class SoakLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of a soak's journal: one of these, in the order in which they came about."""

    head: SoakHead | None = None
    session: SoakSession | None = None
    trial: Trial | None = None
    slice: SoakSlice | None = None
    is_finished: bool = False
    """Whether it is the last line of a soak that came to its end."""

"""A cell, what was measured in it, and what is to be noted about it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    pass

from pytest_ttsperf.records.comparison import Comparison
from pytest_ttsperf.records.load import Capacity, LoadResult
from pytest_ttsperf.records.machine import SystemLoad
from pytest_ttsperf.records.recording import Mode, Phase, TargetInfo, Trial, Usage
from pytest_ttsperf.records.soak import LeakSlope, SoakResult
from pytest_ttsperf.records.verdict import Outcome, Summary, Threshold, Verdict, sample_key


class Memory(Struct, frozen=True, kw_only=True):
    """Memory of the target's process tree over a cell; None where it could not be measured."""

    rss_baseline_mb: float | None = None
    rss_peak_mb: float | None = None
    rss_range_mb: float | None = None
    uss_peak_mb: float | None = None
    leak: LeakSlope | None = None
    leak_reason: str | None = None
    """Why there is no slope, where the readings could be made."""
    reason: str | None = None
    """Why it could not be measured."""


class Cell(Struct, frozen=True, kw_only=True):
    """What is compared with what; two measurements with the same id may be compared."""

    test: str
    target: str
    """As it was addressed; `id` leaves out the port of a server on this machine."""
    provider: str
    voice: str
    preset: str
    mode: Mode
    phase: Phase
    load: str | None = None
    """The label of its LoadSpec; None for a single listener."""

    @property
    def id(self) -> str:
        """All its parts in one line; stable across runs and machines (see target_identity)."""
        target = target_identity(self.target)
        parts = [self.test, target, self.provider, self.voice, self.preset, self.mode, self.phase]
        if self.load is not None:
            parts.append(self.load)
        return " | ".join(parts)

    @property
    def slug(self) -> str:
        """A file name: readable, and unique by 8 hex digits of the id."""
        words = f"{self.test.rsplit('::', 1)[-1]}-{self.preset}-{self.mode}-{self.phase}"
        if self.load is not None:
            words = f"{words}-{self.load}"
        plain = re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-").lower()[:80]
        return f"{plain}-{hashlib.sha256(self.id.encode()).hexdigest()[:8]}"


class TrustNote(Struct, frozen=True, kw_only=True):
    """A trust remark: `invalid` ones void the cell, the others are told beside its verdicts."""

    guard: str
    text: str
    invalid: bool = False


class StageShare(Struct, frozen=True, kw_only=True):
    """How much of a time one stage explains, median over trials."""

    stage: str
    ms: float
    share: float


class TargetProcess(Struct, frozen=True, kw_only=True):
    """One of the processes of the target over which the trials of a warm cell are spread."""

    process: int
    """As its trials have it."""
    fingerprint: str
    ready: TargetInfo
    """What the target said of itself there, after its trials."""
    idle: Usage | None = None
    """Resources once it was ready, before anything was spoken in it."""
    start_s: float
    """What its start took: opening it, warming it up, and waiting until it was quiet."""


class Breakdown(Struct, frozen=True, kw_only=True):
    """Where the time went: to the first sounding chunk, and over the whole trial."""

    to_first_sound: tuple[StageShare, ...] = ()
    whole: tuple[StageShare, ...] = ()


class RecorderCost(Struct, frozen=True, kw_only=True):
    """What the recorder itself adds, measured with a null target in the target's process."""

    ttfa_us: float
    per_chunk_us: float
    trials: int


DEFINITIONS = {"rtf": 2}
"""By which definition a metric is computed now, where that is not its first."""


class CellResult(Struct, frozen=True, kw_only=True):
    """One cell of a run: raw trials, and all that was derived from them."""

    cell: Cell
    fingerprint: str
    """A hash of the environment: stored baselines of another one are not compared with."""
    declared_trials: int
    """How many the test takes, unless the answer is beyond doubt earlier."""
    trials: tuple[Trial, ...]
    """All of them, with those that do not count."""
    ready: TargetInfo | None
    idle: Usage | None = None
    """Resources of the target once it was ready, before anything was spoken; in a warm cell, of the
    first of its processes."""
    processes: tuple[TargetProcess, ...] = ()
    """Of a warm cell, in their order; none in a cold one, whose every trial has a process."""
    thresholds: tuple[Threshold, ...] = ()
    summary: dict[str, Summary] = {}
    """By metric."""
    memory: Memory = field(default_factory=Memory)
    breakdown: Breakdown = field(default_factory=Breakdown)
    notes: tuple[TrustNote, ...] = ()
    comparison: Comparison | None = None
    verdicts: tuple[Verdict, ...] = ()
    recorder_cost: RecorderCost | None = None
    stopped_early: bool = False
    """Whether the answer was beyond doubt before all trials were made."""
    looks: int = 1
    """How often its sample may be judged as it grows: once, and after each announced rerun. The
    looks share the error of a PASS."""
    earlier_looks: int = 0
    """How often a part of the sample was judged before, with all the trials that were declared."""
    duration_s: float = 0.0
    """How long it took to measure, in seconds."""
    machine_load_before: SystemLoad | None = field(name="weather_before", default=None)
    """While the target warmed up and became quiet; None for cold cells, which do neither."""
    machine_load: SystemLoad | None = field(name="weather", default=None)
    """While the trials were spoken, and processes started between them."""
    definitions: dict[str, int] = {}
    """By which its metrics were computed; those that are not named, by their first. Figures of two
    definitions are never compared."""
    corpus: str | None = None
    """Version of the preset's texts; None for a text of the test's own."""
    texts_from: int | None = None
    """The place in the preset's order at which the texts of the run start; None for a text of the
    test's own."""
    load: LoadResult | None = None
    """Its windows, where many listen; its trials are their requests. Of a single listener who hangs
    up there are neither, but what followed."""
    capacity: Capacity | None = None
    """How many may listen at once, where that was searched; then there are no trials."""
    soak: SoakResult | None = None
    """Its slices, where the target spoke for long; once it is judged, its trials are in the journal
    alone."""

    @property
    def counted(self) -> tuple[Trial, ...]:
        """The trials that make up the samples: no warm-ups, no probes."""
        return tuple(trial for trial in self.trials if trial.kind == "trial")

    @property
    def prebuffer_ms(self) -> float:
        """What the player of the test buffers, by its limits; 0 where they say nothing."""
        return player_prebuffer_ms(self.thresholds)

    @property
    def longest_stall_key(self) -> str:
        """Where `summary` has the longest stall of that player."""
        return sample_key("longest_stall_ms", self.prebuffer_ms)

    @property
    def outcome(self) -> Outcome | None:
        """The worst verdict; None when nothing was judged."""
        return min((v.outcome for v in self.verdicts), key=lambda o: o.rank, default=None)


def player_prebuffer_ms(thresholds: Iterable[Threshold]) -> float:
    """What the player of a test buffers, by its limits; 0 where they say nothing."""
    limits = tuple(thresholds)
    for marker in ("cadence", "ttfa"):
        for limit in limits:
            if limit.marker == marker and limit.prebuffer_ms:
                return limit.prebuffer_ms
    return 0.0


_LOOPBACK_PORT = re.compile(
    r"""((?:https?|wyoming)://
        (?:[^/(@]*@)?
        (?:(?:[\w-]+\.)*localhost\.? | (?:127|\[::ffff:127)(?:\.\d{1,3}){3}\]? | \[::1\])
    ):\d+(?=[/(]|$)""",
    re.IGNORECASE | re.VERBOSE,
)


def target_identity(label: str) -> str:
    """A target's label as cells are compared by: without the port of a loopback address.

    A server that a suite starts on whatever port is free is the same server in the next run. Any
    other label is its own identity.
    """
    return _LOOPBACK_PORT.sub(r"\1", label, count=1) if _LOOPBACK_PORT.match(label) else label

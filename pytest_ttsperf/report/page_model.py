"""What a run's page shows, whoever draws it: `report.md` and `report.html` take the same values.

Frozen and plain: figures as numbers beside the text that people read, instants in milliseconds
since the request, and nothing that a renderer would have to decide. Not measured is None, and a
part of a cell that has nothing to show is None or empty. `page_build.build` makes it from a run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pytest_ttsperf.records import Outcome, Phase
from pytest_ttsperf.report.analysis.likely_cause import LikelyCause

TimelineRole = Literal["median", "failing", "slowest"]
"""Why a trial is drawn: it is the middle one, it breaks a limit, or it is the worst of all."""
Arm = Literal["candidate", "baseline"]
"""Whose trial it is: the version that is measured, or the one that it is compared with."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a list of two columns: what it is, and how it is here."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One line of a cell's table: what was measured, what is proven, what it may be."""

    subject: str
    """As verdicts name it: `ttfa p95`, `rtf p95 against main`."""
    gate: str
    """limit, baseline, change, work or trust; `shown` for what no verdict rests on."""
    metric: str | None
    n: int
    count_text: str
    """`25`, `6 windows`, `12 blocks`."""
    value: float | None
    value_text: str
    """With unit; `-` where it was not measured."""
    spread_text: str
    """`p50 402 ms, 380 to 690 ms`; empty where nothing is known of it."""
    bound: float | None
    bound_text: str
    """`<= 512 ms`, `>= 623 ms`, `n too small`, or empty."""
    limit: float | None
    limit_text: str
    unit: str
    outcome: Outcome | None
    """None for a row that is shown and not judged."""
    verdict_text: str
    """`FAIL`, `PASS (better)`, `not judged`."""
    reason: str


@dataclass(frozen=True, slots=True)
class Bin:
    """A bar of a histogram."""

    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Distribution:
    """A metric over the counted trials of a cell: strip plot, histogram, ECDF.

    `values`, `trials` and `processes` have the same length, in the order of the trials.
    """

    metric: str
    label: str
    unit: str
    values: tuple[float, ...]
    trials: tuple[int, ...]
    """The index of each, as in the artifact."""
    processes: tuple[int, ...]
    missing: int
    """Trials in which it could not be measured."""
    p50: float | None
    p95: float | None
    p95_bound: float | None
    """What p95 is at most with 95 % confidence; None where n cannot carry it."""
    limit: float | None
    """Of the test; None where it limits another metric, or none."""
    limit_statistic: str | None
    bins: tuple[Bin, ...]
    baseline: tuple[float, ...]
    """The same of the version compared with, measured in turns; empty without a comparison."""
    candidate: tuple[float, ...]
    """What was measured beside `baseline` in those turns: the sample that ECDFs compare."""
    is_least: bool = False
    """Whether the limit is the least that the metric may be, and not the most."""


@dataclass(frozen=True, slots=True)
class StageBar:
    """A stage in a timeline; `chunk` is the chunk that it worked for, where it knows one."""

    stage: str
    chunk: int | None
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class ChunkMark:
    """A chunk of audio: when it was there, and where in the audio it begins."""

    index: int
    arrival_ms: float
    audio_start_ms: float
    audio_ms: float


@dataclass(frozen=True, slots=True)
class BufferPoint:
    """How much audio the player of the test has in hand at an instant; lines join the points."""

    at_ms: float
    buffered_ms: float


@dataclass(frozen=True, slots=True)
class BufferHole:
    """A stall of the player: from when to when it had nothing to play."""

    start_ms: float
    end_ms: float
    audio_ms: float
    """How much had been played when it began: where it is in the waveform."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """One trial on one time axis; 0 is the instant of its request."""

    trial: int
    """Its index, as in the artifact."""
    process: int
    role: TimelineRole
    arm: Arm
    caption: str
    """`trial 17, ttfa 644.6 ms: breaks the limit of 500 ms`."""
    text: str
    """That was spoken."""
    sample_rate: int
    end_ms: float
    """The end of the axis: of the answer, or of its playing where that is later."""
    stages: tuple[StageBar, ...]
    chunks: tuple[ChunkMark, ...]
    buffer: tuple[BufferPoint, ...]
    holes: tuple[BufferHole, ...]
    playback_start_ms: float | None
    """When the player begins; None without audio."""
    prebuffer_ms: float
    onset_ms: float | None
    """Where in the audio its first sound is; None where nothing is audible."""
    heard_ms: float | None
    """TTFA: when that first sound is played."""
    joints_ms: tuple[float, ...]
    """Where in the audio chunks meet."""
    flagged_joints_ms: tuple[float, ...]
    """Those at which the sound is broken, where that was judged."""
    sound_file: Path | None
    """WAV of the trial, if it was saved."""
    no_sound_because: str | None
    """Why there is none to be played, with the remedy."""


@dataclass(frozen=True, slots=True)
class StageRow:
    """A stage of the breakdown: median ms and share of the window."""

    stage: str
    ms: float
    share: float


@dataclass(frozen=True, slots=True)
class ProviderCount:
    """How many nodes of the graphs a provider runs, and which operators, where that is said."""

    provider: str
    nodes: int | None
    operators: tuple[tuple[str, int], ...]
    """Operator and how many of it; most frequent first."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Which provider was wanted and what ran where."""

    wanted: str
    providers: tuple[ProviderCount, ...]
    facts: tuple[Fact, ...]
    """Threads, options and versions that the target has named."""


@dataclass(frozen=True, slots=True)
class MemoryPoint:
    """A reading of the target's process tree, after a trial or a slice."""

    at: float
    """Trial number or minutes, as `MemorySection.axis` says."""
    rss_mb: float
    uss_mb: float | None
    process: int


@dataclass(frozen=True, slots=True)
class MemorySection:
    """Memory over a cell."""

    facts: tuple[Fact, ...]
    points: tuple[MemoryPoint, ...]
    axis: Literal["trial", "minute", "window"]
    leak_mb_per_1000: float | None
    leak_low: float | None
    leak_high: float | None
    missing_because: str | None


@dataclass(frozen=True, slots=True)
class Cadence:
    """How evenly the audio came, over all trials."""

    facts: tuple[Fact, ...]
    is_streamed: bool | None
    """Whether the answers came in pieces as they were made; None where it cannot be said."""
    stalling_trials: int | None
    trials: int
    longest_stall_ms: float | None
    prebuffer_ms: float
    prebuffer_needed_ms: float | None
    """The smallest buffer with which no trial would have stalled."""
    gap_p95_ms: float | None


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One figure against that of the other version, with its interval and the blocks behind it."""

    label: str
    unit: str
    is_share: bool
    """Whether effects are shares (0.05 is 5 %) and not in the unit."""
    less_text: str
    more_text: str
    """What a change below and above 0 is: `faster` and `slower`, `less` and `more`."""
    effect: float | None
    low: float | None
    high: float | None
    margin: float | None
    """The smallest change that counts; None where no verdict rests on it."""
    is_both_ways: bool
    """Whether less by the margin counts as more does."""
    control_effect: float | None
    effect_text: str
    interval_text: str
    margin_text: str
    blocks: int
    block_effects: tuple[float, ...]
    """The paired difference of each block, on the same scale as `effect`."""
    control_effects: tuple[float, ...]
    """The same of the old version against itself."""
    outcome: Outcome | None
    verdict_text: str
    reason: str


@dataclass(frozen=True, slots=True)
class StageChangeRow:
    """By how much a stage grew, and within what with 95 %."""

    figure: str
    """The compared figure whose change it explains."""
    stage: str
    ms: float
    low_ms: float
    high_ms: float
    share: float | None
    is_explanation: bool
    """Whether it is among the fewest stages that explain the change."""


@dataclass(frozen=True, slots=True)
class ChangeSection:
    """What changed against which revision, and where."""

    against: str
    revision: str | None
    is_compared: bool
    reason: str | None
    """Why there was no comparison."""
    blocks: int
    seconds: float
    rows: tuple[ChangeRow, ...]
    stages: tuple[StageChangeRow, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WindowRow:
    """A window with many listeners."""

    index: int
    offered: int
    answered: int
    not_answered: int
    """Refused, failed, or never sent."""
    ttfa_p95_ms: float | None
    rtf_p95: float | None
    longest_stall_ms: float | None
    queue_p95_ms: float | None
    goodput: float | None
    """Requests a second that meet the limits."""
    cpu_s: float | None
    rss_mb: float | None


@dataclass(frozen=True, slots=True)
class LoadSection:
    """A cell in which many listen."""

    label: str
    lines: tuple[str, ...]
    """What stands below its verdicts in the terminal."""
    windows: tuple[WindowRow, ...]


@dataclass(frozen=True, slots=True)
class CapacityPoint:
    """A level of a capacity search."""

    level: float
    good: int
    windows: int
    explored: int
    outcome: Outcome
    ttfa_p95_ms: tuple[float, ...]
    """Of each window of the level that has one."""
    longest_stall_ms: tuple[float, ...]
    goodput: tuple[float, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CapacityCurve:
    """How many may listen at once."""

    unit: str
    proven: float | None
    refuted: float | None
    confidence: float
    limits: tuple[Fact, ...]
    points: tuple[CapacityPoint, ...]
    """By level."""
    sentence: str
    evidence: str | None


@dataclass(frozen=True, slots=True)
class SoakPoint:
    """A slice of a soak."""

    minute: float
    """At its end."""
    session: int
    ttfa_ms: float | None
    rtf: float | None
    null_ms: float | None
    rss_mb: float | None
    uss_mb: float | None
    handles: int | None
    underruns: int | None


@dataclass(frozen=True, slots=True)
class SoakSection:
    """A target that spoke for long."""

    lines: tuple[str, ...]
    points: tuple[SoakPoint, ...]


@dataclass(frozen=True, slots=True)
class CellPage:
    """One cell; parts that it does not have are None or empty."""

    anchor: str
    """Unique in the page, fit for an id: letters, digits and hyphens."""
    label: str
    test: str
    target: str
    provider: str
    voice: str
    preset: str
    mode: str
    phase: Phase
    load_label: str | None
    outcome: Outcome | None
    headline: str
    """The worst verdict in a sentence, or that all is well."""
    evidence: str
    """`25 of 59 trials in 3 processes, stopped early`."""
    rows: tuple[MetricRow, ...]
    distributions: tuple[Distribution, ...]
    """The metrics that the test limits first."""
    stages_to_first_sound: tuple[StageRow, ...]
    stages_whole: tuple[StageRow, ...]
    placement: Placement | None
    memory: MemorySection | None
    cadence: Cadence | None
    changes: ChangeSection | None
    timelines: tuple[Timeline, ...]
    """Old version first, then failing before median."""
    load: LoadSection | None
    capacity: CapacityCurve | None
    soak: SoakSection | None
    findings: tuple[LikelyCause, ...]
    notes: tuple[str, ...]
    raw_trials: int
    """How many raw trials the artifact has of it."""


@dataclass(frozen=True, slots=True)
class PhaseRow:
    """One metric, cold beside warm."""

    metric: str
    label: str
    unit: str
    cold: float | None
    warm: float | None
    """Medians."""
    cold_n: int
    warm_n: int
    ratio: float | None
    cold_text: str
    warm_text: str
    ratio_text: str


@dataclass(frozen=True, slots=True)
class PhasePair:
    """A cold cell beside the warm one of the same target, provider, voice, preset and mode."""

    label: str
    """No other pair of the run has it."""
    cold_anchor: str
    warm_anchor: str
    rows: tuple[PhaseRow, ...]
    start_phases: tuple[Fact, ...]
    """What a start consists of: process, import, open, first run; medians."""


@dataclass(frozen=True, slots=True)
class PageModel:
    """A run."""

    run_id: str
    started: str
    """`2026-11-30 10:19`."""
    is_finished: bool
    outcome: Outcome | None
    """The worst of all cells."""
    counts: str
    """`1 FAIL, 7 PASS`."""
    summary: tuple[str, str, str]
    """What the verdict is; what is worst, with its figure and most likely cause; what to do next
    or on what evidence it rests."""
    environment: tuple[Fact, ...]
    disturbances: tuple[str, ...]
    """What of the environment puts the figures in doubt; sentences."""
    cells: tuple[CellPage, ...]
    """Worst first."""
    phase_pairs: tuple[PhasePair, ...]
    notes: tuple[str, ...]
    artifact: str | None
    """The run's file, relative to the page; every raw trial is in it."""
    again: str
    """The command that repeats the run."""

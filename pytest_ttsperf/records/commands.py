"""What the commands report, before it is text or JSON. As in `records`, unmeasured is None."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from pytest_ttsperf.records.artifact import RunOrigin
from pytest_ttsperf.records.cell import Cell
from pytest_ttsperf.records.machine import Machine, SystemLoad
from pytest_ttsperf.records.recording import Json
from pytest_ttsperf.records.verdict import Outcome

Level = Literal["good", "unmeasured", "advice", "bad"]


class StoredRun(RunOrigin, frozen=True, kw_only=True):
    """One run of a baseline, with the figures that the screen looks at."""

    figures: Mapping[str, float | None]
    notes: tuple[str, ...]
    accepted: str | None
    counts: bool
    """Whether the screen compares with it; runs before an accepted one are history."""
    accepted_by: str | None = None
    """Who accepted it; None where nobody did, or it was not known who."""
    corpus: str | None = None
    """Version of the preset's texts that it spoke; None where it is not known."""


class StoredCell(Struct, frozen=True, kw_only=True):
    """One baseline: a cell on a fingerprint, its runs oldest first."""

    file: str
    fingerprint: str
    this_machine: bool | None
    """None where neither the file nor an artifact says what its fingerprint is made of."""
    cell: Cell
    units: Mapping[str, str]
    runs: tuple[StoredRun, ...]
    fingerprint_parts: Mapping[str, Json] = field(name="stands_for")
    corpus: str | None = None
    """Version of the preset's texts today; None for a text of the test's own."""
    other_texts: int = 0
    """Runs that count and spoke another version of them: they are not compared with."""
    is_old: bool = False
    """Whether the newest run that counts is older than a year."""


class StoredBaseline(Struct, frozen=True, kw_only=True):
    """A whole storage, and what of it could not be read."""

    cells: tuple[StoredCell, ...]
    unreadable: tuple[str, ...]
    left_aside: tuple[str, ...] = ()
    """Files of runs that cannot be read, each with the reason."""


class AcceptedCell(Struct, frozen=True, kw_only=True):
    """A cell of which a run was accepted."""

    cell: Cell
    fingerprint: str
    file: str
    runs: tuple[str, ...]
    counted_runs: int = field(name="counting")
    """That the screen now compares with; it needs `wanted`."""
    wanted: int
    history: int
    dirty: bool
    accepted_by: str | None = None


class RefusedCell(Struct, frozen=True, kw_only=True):
    """A cell of a run that may not become a baseline."""

    cell: Cell
    run: str
    reason: str


class Acceptance(Struct, frozen=True, kw_only=True):
    """What `ttsperf baseline accept` has done."""

    accepted: tuple[AcceptedCell, ...]
    refused: tuple[RefusedCell, ...]
    left_aside: tuple[str, ...] = ()
    """Files of runs that cannot be read, each with the reason."""


class Removal(Struct, frozen=True, kw_only=True):
    """A baseline that may go, and why; `removed` once it has gone."""

    file: str
    cell: Cell
    reason: str
    removed: bool = False


class MetricScreening(Struct, frozen=True, kw_only=True):
    """What the screen makes of one metric of a cell; None where earlier runs are too few."""

    label: str
    unit: str
    trials_wanted: int
    earlier: tuple[float, ...]
    """The figures of the runs that count."""
    middle: float | None
    """Their median."""
    spread: float | None
    """Standard deviation in logs by the median absolute deviation, as it was found."""
    floor: float
    """The least spread that limits are made of."""
    doubt: float | None
    limit: float | None
    judged_spread: float | None = None
    """What the limits are made of: the spread, but for the floor and a most."""
    revision: str | None = None
    """Of the newest run that is like the others and was measured without changes."""
    anchor: float | None = None
    """Median of the first runs that count; None, as what follows, while they are all there are."""
    anchor_runs: int = 0
    anchor_limit: float | None = None
    anchor_revision: str | None = None
    """Of the first of these runs that was measured without changes."""
    newest: float | None = None
    """Median of as many of the newest runs."""
    slope: float | None = None
    """A share a run, over the newest ones; None where there is no significant one."""
    value: float | None = None
    """Of the last run; None, as its outcome and reason, where there is none."""
    outcome: Outcome | None = None
    reason: str | None = None

    @property
    def is_capped(self) -> bool:
        """Whether the earlier runs scatter by more than any limit is made of."""
        if self.spread is None or self.judged_spread is None:
            return False
        return self.spread > self.judged_spread


class ScreeningReport(Struct, frozen=True, kw_only=True):
    """How a cell is screened against its earlier runs, and what its last run does against them."""

    cell: StoredCell = field(name="kept")
    runs_wanted: int
    gates: tuple[MetricScreening, ...]
    last_run: str | None
    last_is_stored: bool
    left_aside: tuple[str, ...] = ()
    """Files of runs that cannot be read, each with the reason."""


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that the doctor checked; only `advice` and `bad` have a reason and a remedy."""

    about: str
    level: Level
    found: str
    why: str = ""
    remedy: str = ""


class TargetSummary(Struct, frozen=True, kw_only=True):
    """What a target is, as a few texts have shown it."""

    target: str
    kind: str
    """In words: `a Python engine`, `an HTTP server, asked in OpenAI's form`."""
    sample_rate: int
    chunks: int
    """Of its answer to a long text, as what follows."""
    first_chunk_ms: float
    last_chunk_ms: float
    audio_s: float
    is_streamed: bool | None
    """Whether sound came while more was being synthesised; None where nothing shows it."""


class Checkup(Struct, frozen=True, kw_only=True):
    """What `ttsperf doctor` has found."""

    machine: Machine
    host: str | None
    kernel: str | None
    python: str
    plugin: str
    runtimes: Mapping[str, str]
    """Installed distributions of onnxruntime and their versions."""
    providers: tuple[str, ...] | None
    """Of that onnxruntime; None where it could not say."""
    machine_load: SystemLoad = field(name="weather")
    findings: tuple[Finding, ...]
    fingerprint: str | None = None
    """Of the target that was asked for."""
    target: TargetSummary | None = None
    """What that target is; None where none was named, or it gave no sound."""

    @property
    def level(self) -> Level:
        """The worst finding."""
        levels = {finding.level for finding in self.findings}
        if "bad" in levels:
            return "bad"
        if "advice" in levels:
            return "advice"
        return "good"


class FileOfInit(Struct, frozen=True, kw_only=True):
    """A file that `ttsperf init` has written, or would have written."""

    path: str
    body: str
    is_written: bool
    """False where there is one of that name already: it was left as it is."""
    remark: str = ""
    """What is to be done with it by hand."""


class SuggestedMarks(Struct, frozen=True, kw_only=True):
    """Marks that fit a test, by what its stored runs have measured."""

    test: str
    """Without its parameters, as marks stand above all of them."""
    marks: tuple[str, ...]
    """As they are written above the test, `@ttfa(p95_ms=65)`."""
    measured: tuple[str, ...]
    """What they rest on, a line for each cell."""
    present: tuple[str, ...] = ()
    """The limits that the test has already."""
    remarks: tuple[str, ...] = ()
    """Why a mark that might be expected is missing."""


class Suggestion(Struct, frozen=True, kw_only=True):
    """What `ttsperf suggest` has found."""

    tests: tuple[SuggestedMarks, ...]
    runs: int
    """Stored runs that were looked at."""
    left_aside: tuple[str, ...] = ()
    """Cells and files that suggest nothing, each with the reason."""

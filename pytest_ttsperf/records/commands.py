"""What the commands answer, before it is text or JSON. As in `records`, unmeasured is None."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from pytest_ttsperf.records.cell import Cell
from pytest_ttsperf.records.machine import Machine, SystemLoad
from pytest_ttsperf.records.recording import Json
from pytest_ttsperf.records.verdict import Outcome

Level = Literal["good", "unmeasured", "advice", "bad"]


class StoredRun(Struct, frozen=True, kw_only=True):
    """One run of a baseline, with the figures that the screen looks at."""

    saved: str
    run: str
    revision: str | None
    dirty: bool | None
    n: int
    figures: Mapping[str, float | None]
    notes: tuple[str, ...]
    accepted: str | None
    counts: bool
    """Whether the screen compares with it; runs before an accepted one are history."""


class StoredCell(Struct, frozen=True, kw_only=True):
    """One baseline: a cell on a fingerprint, its runs oldest first."""

    file: str
    fingerprint: str
    this_machine: bool | None
    """None where the file does not say what its fingerprint stands for, and no artifact does."""
    cell: Cell
    units: Mapping[str, str]
    runs: tuple[StoredRun, ...]
    fingerprint_parts: Mapping[str, Json] = field(name="stands_for")


class StoredBaseline(Struct, frozen=True, kw_only=True):
    """A whole storage; what could not be read is told."""

    cells: tuple[StoredCell, ...]
    unreadable: tuple[str, ...]
    left_aside: tuple[str, ...] = ()
    """Files of runs that cannot be read, each with the reason."""


class AcceptedCell(Struct, frozen=True, kw_only=True):
    """A cell whose baseline has a new ground."""

    cell: Cell
    fingerprint: str
    file: str
    runs: tuple[str, ...]
    counting: int
    """Runs that the screen now compares with; it needs `wanted`."""
    wanted: int
    history: int
    dirty: bool


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


class GateReason(Struct, frozen=True, kw_only=True):
    """What the screen makes of one figure of a cell."""

    label: str
    unit: str
    trials_wanted: int
    earlier: tuple[float, ...]
    middle: float | None
    spread: float | None
    floor: float
    doubt: float | None
    limit: float | None
    value: float | None = None
    outcome: Outcome | None = None
    reason: str | None = None


class ScreeningReport(Struct, frozen=True, kw_only=True):
    """How a cell is screened against its earlier runs, and what its last run does against them."""

    kept: StoredCell
    runs_wanted: int
    gates: tuple[GateReason, ...]
    last_run: str | None
    last_is_stored: bool
    left_aside: tuple[str, ...] = ()
    """Files of runs that cannot be read, each with the reason."""


class Finding(Struct, frozen=True, kw_only=True):
    """One thing looked at by the doctor; only `advice` and `bad` come with reason and remedy."""

    about: str
    level: Level
    found: str
    why: str = ""
    remedy: str = ""


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
    """Of that onnxruntime; None where it could not be asked."""
    machine_load: SystemLoad = field(name="weather")
    findings: tuple[Finding, ...]
    fingerprint: str | None = None
    """Of the target that was asked for."""

    @property
    def level(self) -> Level:
        """The worst finding."""
        found = {finding.level for finding in self.findings}
        return "bad" if "bad" in found else "advice" if "advice" in found else "good"

"""What is stored: a run, a cell group, and a cell's baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, field

from pytest_ttsperf.records.cell import DEFINITIONS, Cell, CellResult
from pytest_ttsperf.records.machine import Environment, SystemLoad
from pytest_ttsperf.records.recording import Json, Mode, Trial
from pytest_ttsperf.records.verdict import Summary


class Run(Struct, frozen=True, kw_only=True):
    """One pytest invocation; what `run_<HHMMSS>.json` holds."""

    schema: Literal["ttsperf-run/1"] = "ttsperf-run/1"
    id: str
    """The date and time of its start; `ttsperf report` takes it."""
    started: str
    """When, in ISO 8601 with the offset from UTC."""
    finished: bool
    """False while it still runs, and of one that was killed."""
    environment: Environment
    cells: tuple[CellResult, ...]
    """What was measured, in the order of the tests."""


class Bench(Struct, frozen=True, kw_only=True):
    """The cells of one mode and preset; what `bench_<mode>_<preset>_<HHMMSS>.json` holds."""

    schema: Literal["ttsperf-bench/1"] = "ttsperf-bench/1"
    run: str
    """The id of the run."""
    mode: Mode
    """`stream` or `nonstream`."""
    preset: str
    """Which texts, as `short`."""
    environment: Environment
    cells: tuple[CellResult, ...]
    """Those of this mode and preset."""


class RunOrigin(Struct, frozen=True, kw_only=True):
    """Where the figures of an earlier run come from."""

    saved: str
    """When, in ISO 8601 with the offset from UTC."""
    run: str
    """The id of the run."""
    revision: str | None
    """The commit that was measured; null outside of git."""
    dirty: bool | None
    """Whether the tree had changes that were not committed."""
    n: int
    """Counted trials."""


class BaselineRun(RunOrigin, frozen=True, kw_only=True):
    """One earlier run of a cell: its medians and tails, and where it came from."""

    summary: dict[str, Summary]
    """By metric."""
    notes: tuple[str, ...] = ()
    """What put it in doubt."""
    accepted: str | None = None
    """When it was accepted (ISO 8601): runs before it are history, and not compared with."""
    machine_load: SystemLoad | None = field(name="weather", default=None)
    definitions: dict[str, int] = {}
    """As in `CellResult`."""
    corpus: str | None = None
    """As in `CellResult`; None also in files that were written before it was stored."""
    accepted_by: str | None = None
    """Who accepted it: the user of git, else of the system; None where neither was known."""

    def is_current(self, metric: str) -> bool:
        """Whether the metric means what it means now."""
        return self.definitions.get(metric, 1) == DEFINITIONS.get(metric, 1)

    def is_of_corpus(self, corpus: str | None) -> bool:
        """Whether it spoke the texts of this version; yes where one of the two is not known."""
        if self.corpus is None or corpus is None:
            return True
        return self.corpus == corpus


class Baseline(Struct, frozen=True, kw_only=True):
    """The earlier runs of one cell on one fingerprint; what `baselines/<fingerprint>/` holds."""

    schema: Literal["ttsperf-baseline/1"] = "ttsperf-baseline/1"
    cell: Cell
    fingerprint: str
    """Of the environment that it holds for."""
    runs: tuple[BaselineRun, ...]
    """Oldest first."""
    newest: tuple[Trial, ...] = ()
    """The trials of the newest run, with their raw instants."""
    stages: Mapping[str, float] = {}
    """Median milliseconds by stage up to the first sounding chunk, of the newest run."""
    fingerprint_parts: Mapping[str, Json] = field(name="stands_for", default_factory=dict)
    """What the fingerprint is made of; empty in files that were written before it was stored."""

    @property
    def counted_runs(self) -> tuple[BaselineRun, ...]:
        """The runs to compare with: from the newest accepted one on, else all."""
        first = 0
        for index, run in enumerate(self.runs):
            if run.accepted:
                first = index
        return self.runs[first:]

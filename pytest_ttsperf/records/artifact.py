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
    started: str
    finished: bool
    environment: Environment
    cells: tuple[CellResult, ...]


class Bench(Struct, frozen=True, kw_only=True):
    """The cells of one mode and preset; what `bench_<mode>_<preset>_<HHMMSS>.json` holds."""

    schema: Literal["ttsperf-bench/1"] = "ttsperf-bench/1"
    run: str
    mode: Mode
    preset: str
    environment: Environment
    cells: tuple[CellResult, ...]


class RunOrigin(Struct, frozen=True, kw_only=True):
    """Where the figures of an earlier run come from."""

    saved: str
    run: str
    revision: str | None
    dirty: bool | None
    n: int
    """Counted trials."""


class BaselineRun(RunOrigin, frozen=True, kw_only=True):
    """One earlier run of a cell: its medians and tails, and where it came from."""

    summary: dict[str, Summary]
    notes: tuple[str, ...] = ()
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
    runs: tuple[BaselineRun, ...]
    newest: tuple[Trial, ...] = ()
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

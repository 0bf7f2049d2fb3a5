"""Versioned JSON of a run and of each cell group, rewritten whole after every test.

`<root>/bench/<date>/run_<HHMMSS>.json` is the run, `bench_<mode>_<preset>_<HHMMSS>.json` beside it
holds the cells of one mode and preset. When one mode and preset was measured with several
providers or voices, their names are added. A second run within a second gets `-2`. The JSON
Schemas are shipped in `report/schemas/`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

from pytest_ttsperf.files import write_atomically
from pytest_ttsperf.records import Baseline, Bench, CellResult, Environment, Run

SCHEMAS: Mapping[str, type[msgspec.Struct]] = {
    "run-1": Run,
    "bench-1": Bench,
    "baseline-1": Baseline,
}


class ArtifactWriter:
    """Writes one run's files; every call replaces them by their newer whole."""

    def __init__(self, root: Path, started: datetime, copy_to: Path | None = None) -> None:
        self._copy_to = copy_to
        self._folder = root / "bench" / f"{started:%Y-%m-%d}"
        self._stamp = self._claim(f"{started:%H%M%S}")
        self._written: set[Path] = set()
        self.run_id = f"{started:%Y-%m-%d}_{self._stamp}"

    @property
    def run_path(self) -> Path:
        """Where the run's own file is."""
        return self._folder / f"run_{self._stamp}.json"

    def write(self, run: Run) -> None:
        """Write the run and its cell groups; files of groups that were renamed are removed."""
        for path in filter(None, (self.run_path, self._copy_to)):
            write_atomically(path, _encoded(run))
        wanted = {self._folder / name: bench for name, bench in self._groups(run).items()}
        for path, bench in wanted.items():
            write_atomically(path, _encoded(bench))
        for stale in self._written - set(wanted):
            stale.unlink(missing_ok=True)
        self._written = set(wanted)

    def _claim(self, stamp: str) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, 1000):
            name = stamp if attempt == 1 else f"{stamp}-{attempt}"
            try:
                (self._folder / f"run_{name}.json").touch(exist_ok=False)
            except FileExistsError:
                continue
            return name
        raise FileExistsError(f"{self._folder} holds 999 runs of {stamp} already")

    def _groups(self, run: Run) -> dict[str, Bench]:
        groups: dict[tuple[str, str], list[CellResult]] = defaultdict(list)
        for result in run.cells:
            groups[result.cell.mode, result.cell.preset].append(result)
        files = {}
        for (mode, preset), results in groups.items():
            for tail, cells in _by_provider_and_voice(results).items():
                files[f"bench_{mode}_{preset}{tail}_{self._stamp}.json"] = Bench(
                    run=run.id,
                    mode=cells[0].cell.mode,
                    preset=preset,
                    environment=run.environment,
                    cells=tuple(cells),
                )
        return files


def _by_provider_and_voice(results: Sequence[CellResult]) -> dict[str, list[CellResult]]:
    """File name tail -> cells; the tail is empty while there is one provider and one voice."""
    kinds = {(result.cell.provider, result.cell.voice) for result in results}
    split: dict[str, list[CellResult]] = defaultdict(list)
    for result in results:
        cell = result.cell
        tail = re.sub(r"[^\w.-]+", "-", f"_{cell.provider}_{cell.voice}")  # either may be a path
        split[tail if len(kinds) > 1 else ""].append(result)
    return split


def recent_runs(root: Path) -> Iterator[Run]:
    """The readable runs below `root`, newest first."""
    paths = root.glob("bench/*/run_*.json")
    for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        try:
            yield msgspec.json.decode(path.read_bytes(), type=Run)
        except (msgspec.DecodeError, OSError):
            continue


def schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """JSON Schema (2020-12) of an artifact's root record."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **msgspec.json.schema(kind),
    }


def shipped_schema(name: str) -> dict[str, Any]:
    """The schema as the package ships it; `name` is a key of SCHEMAS."""
    body = resources.files(__package__).joinpath("schemas", f"{name}.json").read_bytes()
    loaded: dict[str, Any] = msgspec.json.decode(body)
    return loaded


def new_run(run_id: str, started: datetime, environment: Environment) -> Run:
    """An empty, unfinished run."""
    return Run(
        id=run_id,
        started=started.isoformat(timespec="seconds"),
        finished=False,
        environment=environment,
        cells=(),
    )


def _encoded(record: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"

"""Versioned JSON of a run and of each cell group, rewritten whole after every test.

`<root>/bench/<date>/run_<HHMMSS>.json` is the run, `bench_<mode>_<preset>_<HHMMSS>.json` beside it
holds the cells of one mode and preset. When one mode and preset was measured with several
providers or voices, their names are added. A second run within a second gets `-2`. The JSON
Schemas are shipped in `report/schemas/`. On request a folder
`sound_<HHMMSS>/` beside them gets the sound of each trial, in a folder for each cell, and
`trace_<HHMMSS>/` what each trial was about, for a trace viewer.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import os
import re
import stat
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from pytest_ttsperf import files, real
from pytest_ttsperf.errors import FileUnreadable
from pytest_ttsperf.records import Baseline, Bench, CellResult, Environment, Run

SCHEMAS: Mapping[str, type[msgspec.Struct]] = {
    "run-1": Run,
    "bench-1": Bench,
    "baseline-1": Baseline,
}


BEGINNING_S = 60.0
"""A run's file that is empty for longer was left by a run that was killed."""


class Loss(NamedTuple):
    """A file that could not be written, and why."""

    path: Path
    reason: str


def cell_folder(run_path: Path, content: str, test: str, *more: str) -> Path:
    """Where the files of one cell are beside the artifact of its run: `sound` or `trace`.

    A readable name, and no other cell's; `more` are the cell's preset, mode and phase.
    """
    digest = hashlib.sha256(" ".join([test, *more]).encode()).hexdigest()[:8]
    parts = [test.rsplit("::", 1)[-1], *more]
    readable = re.sub(r"[^\w.-]+", "-", "_".join(parts))
    name = files.fitting_name(readable, f"_{digest}")
    stamp = run_path.stem.removeprefix("run_")
    return run_path.parent / f"{content}_{stamp}" / name


class ArtifactWriter:
    """Writes one run's files; every call replaces them by their newer whole.

    `copy_to` gets the run as well: a regular file every time, a device, pipe or descriptor once, by
    the last call.
    """

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

    def sound_folder(self, test: str, *more: str) -> Path:
        """Where the sound of the trials of one cell goes."""
        return cell_folder(self.run_path, "sound", test, *more)

    def trace_folder(self, test: str, *more: str) -> Path:
        """Where the traces of the trials of one cell go."""
        return cell_folder(self.run_path, "trace", test, *more)

    @property
    def has_stream(self) -> bool:
        """Whether the run is written to a device, pipe or descriptor as well, by the last call."""
        try:
            return self._copy_to is not None and files.is_stream(self._copy_to)
        except OSError:
            return False

    def write(self, run: Run, *, is_last: bool = False) -> tuple[Loss, ...]:
        """Write the run and its cell groups; gives the files that could not be written.

        One that fails keeps no other from being written. Files of groups that were renamed are
        removed.
        """
        run_body = files.encode_json(run)
        losses = [_write(self.run_path, run_body)]
        written = set()
        for name, bench in self._groups(run).items():
            path = self._folder / name
            losses.append(_write(path, files.encode_json(bench)))
            written.add(path)
        if self._copy_to is not None:
            losses.append(_copy_aside(self._copy_to, run_body, is_last))
        for stale in self._written - written:
            with contextlib.suppress(OSError):
                stale.unlink()
        self._written = written
        return tuple(loss for loss in losses if loss is not None)

    def withdraw(self) -> None:
        """Take back the name of a run that could not begin."""
        with contextlib.suppress(OSError):
            self.run_path.unlink()

    def _claim(self, stamp: str) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        files.remove_abandoned(self._folder)
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
        benches = {}
        for (mode, preset), results in groups.items():
            for tail, cells in _by_provider_and_voice(results).items():
                name = files.fitting_name(f"bench_{mode}_{preset}{tail}", f"_{self._stamp}.json")
                benches[name] = Bench(
                    run=run.id,
                    mode=cells[0].cell.mode,
                    preset=preset,
                    environment=run.environment,
                    cells=tuple(cells),
                )
        return benches


def _write(path: Path, body: bytes, *, in_place: bool = False) -> Loss | None:
    """Write a file; the loss when it cannot be."""
    try:
        files.write_file(path, body, in_place=in_place)
    except (OSError, ValueError) as error:
        return Loss(path, files.reason_of(error))
    return None


def _copy_aside(path: Path, body: bytes, is_last: bool) -> Loss | None:
    """Write the run to a further place; a stream is only checked until the last call."""
    try:
        if not is_last and files.is_stream(path):
            files.check_stream(path)
            return None
    except OSError as error:
        return Loss(path, files.reason_of(error))
    return _write(path, body, in_place=True)


def _by_provider_and_voice(results: Sequence[CellResult]) -> dict[str, list[CellResult]]:
    """File name tail -> cells; the tail is empty while there is one provider and one voice."""
    kinds: dict[tuple[str, str], list[CellResult]] = defaultdict(list)
    for result in results:
        kinds[result.cell.provider, result.cell.voice].append(result)
    if len(kinds) == 1:
        return {"": list(results)}
    by_tail: dict[str, list[CellResult]] = {}
    for (provider, voice), cells in kinds.items():
        raw = f"_{provider}_{voice}"
        tail = re.sub(r"[^\w.-]+", "-", raw)  # either may be a path
        if tail in by_tail:
            tail += f"-{hashlib.sha256(raw.encode()).hexdigest()[:8]}"
        by_tail[tail] = cells
    return by_tail


def recent_runs(root: Path, leave_aside: Callable[[str], None] | None = None) -> Iterator[Run]:
    """The readable runs below `root`, newest first.

    `leave_aside` is called with the name of each file that cannot be read, and why. One that is
    empty and new belongs to a run that is just beginning.
    """
    for _, run in recent_run_files(root, leave_aside):
        yield run


def recent_run_files(
    root: Path,
    leave_aside: Callable[[str], None] | None = None,
) -> Iterator[tuple[Path, Run]]:
    """The same, each with the file that it was read from."""
    for path in sorted(root.glob("bench/*/run_*.json"), key=_changed_ns, reverse=True):
        try:
            yield path, files.read_json(path, Run)
        except FileNotFoundError:
            continue
        except FileUnreadable as error:
            if leave_aside is not None and not _is_beginning(path):
                leave_aside(f"{path}: {error.reason}")


def _changed_ns(path: Path) -> int:
    """When a file was changed last; of a link that leads nowhere, when that was."""
    for status in (os.stat, os.lstat):
        with contextlib.suppress(OSError):
            return status(path).st_mtime_ns
    return 0


def _is_beginning(path: Path) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    if not stat.S_ISREG(status.st_mode) or status.st_size > 0:
        return False
    return real.now().timestamp() - status.st_mtime < BEGINNING_S


def schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """JSON Schema (2020-12) of an artifact's root record."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_without_indents(msgspec.json.schema(kind)),
    }


def _without_indents(node: Any) -> Any:
    """The same schema with docstrings cleaned: whether msgspec does that depends on its version."""
    if isinstance(node, dict):
        cleaned = {name: _without_indents(value) for name, value in node.items()}
        if isinstance(cleaned.get("description"), str):
            cleaned["description"] = inspect.cleandoc(cleaned["description"])
        return cleaned
    if isinstance(node, list | tuple):
        return [_without_indents(value) for value in node]
    return node


def read_schema(name: str) -> dict[str, Any]:
    """The schema as the package ships it; `name` is a key of SCHEMAS."""
    body = resources.files(__package__).joinpath("schemas", f"{name}.json").read_bytes()
    content: dict[str, Any] = msgspec.json.decode(body)
    return content


def new_run(run_id: str, started: datetime, environment: Environment) -> Run:
    """An empty, unfinished run."""
    return Run(
        id=run_id,
        started=started.isoformat(timespec="seconds"),
        finished=False,
        environment=environment,
        cells=(),
    )

"""Delete baselines that nothing will be compared with again, as `ttsperf baseline prune` does."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import structs

from pytest_ttsperf import files, secrets
from pytest_ttsperf.baseline import store
from pytest_ttsperf.baseline.listing import read_storage
from pytest_ttsperf.errors import FileUnreadable
from pytest_ttsperf.machine import fingerprint as machine_fingerprint
from pytest_ttsperf.records import Baseline
from pytest_ttsperf.records.commands import Removal


def prunable(
    storage: Path,
    root: Path,
    *,
    superseded: bool = False,
    older_than_days: int | None = None,
    now: datetime | None = None,
) -> list[Removal]:
    """Baselines that may go: their test no longer exists below `root`, or a secret is in them.

    On request also those of a machine whose runtime, threads or voice have changed since
    (`superseded`), and those without a run for some days.
    """
    found = [one for one in read_storage(storage) if one.baseline is not None]
    newer = _is_superseded(found) if superseded else {}
    removals = []
    for path, stored, _ in found:
        if stored is None:
            continue
        reason = _leaks(stored) or _gone(root, stored.cell.test) or newer.get(path)
        if reason is None and older_than_days is not None:
            reason = _is_old(stored, older_than_days, now or datetime.now(UTC))
        if reason is not None:
            removals.append(Removal(file=str(path), cell=stored.cell, reason=reason))
    return removals


def prune(removals: Sequence[Removal]) -> list[Removal]:
    """Delete them; one that changed or went meanwhile stays and is told as not removed."""
    done = []
    for removal in removals:
        path = Path(removal.file)
        stored = store.load(path)
        gone = stored is not None and store.remove(path, stored)
        done.append(structs.replace(removal, removed=gone))
    return done


def _leaks(stored: Baseline) -> str | None:
    """Files of a version that wrote secrets out: no cell has such a name any more."""
    target = stored.cell.target
    if secrets.mask(target) == target:
        return None
    return "it holds a secret in plain text, and its cell is stored without it now: change that one"


def _gone(root: Path, test: str) -> str | None:
    """Why a test cannot exist any more; None also when it might come from somewhere else."""
    file, *names = test.partition("[")[0].split("::")
    path = root / file
    if not path.exists():
        return f"{file} does not exist"
    try:
        body: list[ast.stmt] = ast.parse(files.read_file(path)).body
    except (OSError, FileUnreadable, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for name in names:
        found = None
        for node in body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                found = node if node.name == name else found
            elif not isinstance(node, ast.Expr) and _may_define(node, name):
                return None
        if found is None:
            return f"{file} has no {name} any more"
        if isinstance(found, ast.ClassDef) and found.bases:
            return None
        body = found.body
    return None


def _may_define(node: ast.stmt, name: str) -> bool:
    """Whether a statement could bring a name into being: an import, an assignment, an `if`."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return any(
            name in (alias.asname or alias.name, "*") or alias.name == "*" for alias in node.names
        )
    return any(
        (isinstance(inner, ast.Name) and inner.id == name)
        or (isinstance(inner, ast.FunctionDef | ast.ClassDef) and inner.name == name)
        for inner in ast.walk(node)
    )


def _is_superseded(found: Sequence[store.Stored]) -> dict[Path, str]:
    """Files of a machine that has a newer baseline of the same cell under another fingerprint."""
    groups: dict[tuple[object, ...], list[tuple[datetime, Path, str]]] = {}
    machine = machine_fingerprint.machine().__struct_fields__
    for path, stored, _ in found:
        if stored is None or not stored.fingerprint_parts or not stored.runs:
            continue
        own = tuple(stored.fingerprint_parts.get(name) for name in machine)
        groups.setdefault((stored.cell.id, *own), []).append(
            (_newest(stored), path, stored.fingerprint)
        )
    reasons: dict[Path, str] = {}
    for group in groups.values():
        *older, (_, _, fingerprint) = sorted(group)
        reasons |= {
            path: f"the same machine has newer runs as {fingerprint}" for _, path, _ in older
        }
    return reasons


def _is_old(stored: Baseline, days: int, now: datetime) -> str | None:
    if not stored.runs:
        return "it holds no runs"
    saved = _newest(stored)
    if now - saved <= timedelta(days=days):
        return None
    return f"its newest run is of {saved:%Y-%m-%d}, more than {days} days ago"


def _newest(stored: Baseline) -> datetime:
    return datetime.fromisoformat(stored.runs[-1].saved).astimezone(UTC)

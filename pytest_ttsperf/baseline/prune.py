"""Delete baselines that nothing will be compared with again, as `ttsperf baseline prune` does."""

from __future__ import annotations

import ast
from collections import defaultdict
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

DEFINITIONS = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def find_prunable(
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
    now = now or datetime.now(UTC)
    files = read_storage(storage)
    newer: dict[Path, str] = {}
    if superseded:
        newer = _find_superseded(files)
    removals = []
    for path, baseline, _ in files:
        if baseline is None:
            continue
        reason = (
            _secret_reason(baseline)
            or _no_test_reason(root, baseline.cell.test)
            or newer.get(path)
            or _age_reason(baseline, older_than_days, now)
        )
        if reason is not None:
            removals.append(Removal(file=str(path), cell=baseline.cell, reason=reason))
    return removals


def prune(removals: Sequence[Removal]) -> list[Removal]:
    """Delete them; one that changed or went meanwhile is reported as not removed."""
    done = []
    for removal in removals:
        path = Path(removal.file)
        baseline = store.load(path)
        is_removed = baseline is not None and store.remove(path, baseline)
        done.append(structs.replace(removal, removed=is_removed))
    return done


def _secret_reason(baseline: Baseline) -> str | None:
    """Files of a version that wrote secrets out: no cell has such a name any more."""
    target = baseline.cell.target
    if secrets.mask(target) == target:
        return None
    return "it holds a secret in plain text, and its cell is stored without it now: change that one"


def _no_test_reason(root: Path, test: str) -> str | None:
    """Why a test cannot exist any more; None also when it might come from somewhere else."""
    node_id, _, _ = test.partition("[")
    file, *names = node_id.split("::")
    path = root / file
    if not path.exists():
        return f"{file} does not exist"
    try:
        body: list[ast.stmt] = ast.parse(files.read_file(path)).body
    except (OSError, FileUnreadable, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for name in names:
        if any(_may_define(node, name) for node in body):
            return None
        definitions = [node for node in body if isinstance(node, DEFINITIONS) and node.name == name]
        if not definitions:
            return f"{file} has no {name} any more"
        found = definitions[-1]
        if isinstance(found, ast.ClassDef) and found.bases:
            return None
        body = found.body
    return None


def _may_define(node: ast.stmt, name: str) -> bool:
    """Whether a statement other than a definition could define a name: an import, an `if`."""
    if isinstance(node, DEFINITIONS | ast.Expr):
        return False
    if isinstance(node, ast.Import | ast.ImportFrom):
        imported = [alias.asname or alias.name for alias in node.names]
        return name in imported or "*" in imported
    return any(
        (isinstance(inner, ast.Name) and inner.id == name)
        or (isinstance(inner, ast.FunctionDef | ast.ClassDef) and inner.name == name)
        for inner in ast.walk(node)
    )


def _find_superseded(files: Sequence[store.Stored]) -> dict[Path, str]:
    """Files of a machine that has a newer baseline of the same cell under another fingerprint.

    By path, with the reason.
    """
    groups: dict[tuple[object, ...], list[tuple[datetime, Path, str]]] = defaultdict(list)
    names = machine_fingerprint.machine().__struct_fields__
    for path, baseline, _ in files:
        if baseline is None or not baseline.fingerprint_parts or not baseline.runs:
            continue
        machine = map(baseline.fingerprint_parts.get, names)
        entry = (_newest(baseline), path, baseline.fingerprint)
        groups[baseline.cell.id, *machine].append(entry)
    reasons: dict[Path, str] = {}
    for group in groups.values():
        *older, (_, _, newest) = sorted(group)
        reason = f"the same machine has newer runs as {newest}"
        for _, path, _ in older:
            reasons[path] = reason
    return reasons


def _age_reason(
    baseline: Baseline,
    days: int | None,
    now: datetime,
) -> str | None:
    if days is None:
        return None
    if not baseline.runs:
        return "it holds no runs"
    saved = _newest(baseline)
    if now - saved <= timedelta(days=days):
        return None
    return f"its newest run is of {saved:%Y-%m-%d}, more than {days} days ago"


def _newest(baseline: Baseline) -> datetime:
    return datetime.fromisoformat(baseline.runs[-1].saved).astimezone(UTC)

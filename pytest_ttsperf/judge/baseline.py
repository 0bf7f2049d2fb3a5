"""Earlier runs of a cell on one machine: load, save, and a first screening against them.

One file per fingerprint and cell, indented and in a stable order so that git can merge it. Writing
is atomic and under a lock per fingerprint: two runs that end together lose nothing. Stored numbers
of another machine never gate.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
from filelock import FileLock, Timeout
from msgspec import structs

from pytest_ttsperf import files, real, specs
from pytest_ttsperf.errors import BaselineUnreadable, BaselineUnwritable, FileUnreadable
from pytest_ttsperf.judge import stats
from pytest_ttsperf.records import (
    Baseline,
    BaselineRun,
    Cell,
    CellResult,
    Json,
    Outcome,
    Statistic,
    Summary,
    Trial,
    Verdict,
)

SCHEMA = "ttsperf-baseline/1"
KEPT_RUNS = 30
MIN_RUNS = 5
ALPHA_FAIL = 0.001
ALPHA_DOUBT = 0.05
LOCK_TIMEOUT_S = 60.0


class Gate(NamedTuple):
    """One figure of a cell that is compared with earlier runs."""

    label: str
    metric: str
    statistic: Statistic
    unit: str
    trials: int
    """The fewest that make the statistic more than a minimum or maximum of them."""


GATES = (
    Gate("ttfa_sound p50", "ttfa_sound_ms", "p50", "ms", stats.trials_to_prove(0.50)),
    Gate("ttfa_sound p95", "ttfa_sound_ms", "p95", "ms", stats.trials_to_prove(0.95)),
    Gate("rtf p50", "rtf", "p50", "", stats.trials_to_prove(0.50)),
)


# Files


def path_for(storage: Path, fingerprint: str, cell: Cell) -> Path:
    """Give the file of one cell on one machine: `<storage>/<fingerprint>/<cell>.json`."""
    return storage / fingerprint / f"{cell.slug}.json"


def fingerprints_with(storage: Path, cell: Cell) -> list[str]:
    """All fingerprints that have a baseline of this cell, sorted; the own one among them."""
    return sorted(path.parent.name for path in storage.glob(f"*/{cell.slug}.json"))


def load(path: Path) -> Baseline | None:
    """Read a baseline; None when there is no such file.

    Raises BaselineUnreadable for one that is there and cannot be understood: empty, cut off, of
    another schema, or not to be read at all.
    """
    try:
        found = files.read_json(path, Baseline)
    except FileNotFoundError:
        return None
    except FileUnreadable as error:
        raise BaselineUnreadable(
            f"cannot read the baseline {path}: {error.reason}; a {SCHEMA} file was wanted. "
            f"{_remedy_for(path)} delete it and save a new one (--ttsperf-save)"
        ) from error
    for run in found.runs:
        _instant(run, path)
    return found


def _remedy_for(path: Path) -> str:
    """A file of another version is not damaged, and is read by the version that wrote it."""
    try:
        found = files.read_json(path, _Versioned).schema
    except (FileNotFoundError, FileUnreadable):
        found = SCHEMA
    if found == SCHEMA or not found.startswith("ttsperf-baseline/"):
        return "Restore it from git, or"
    return f"Its {found} is of another version of pytest-ttsperf: install that one, or"


class _Versioned(msgspec.Struct):
    schema: str


def append(
    storage: Path,
    result: CellResult,
    run: BaselineRun,
    stands_for: Mapping[str, Json] | None = None,
    ground: str | None = None,
) -> Path:
    """Add a run to the baseline of its cell and machine; gives the file written.

    The last 30 runs are kept, and of the newest the counted trials (instants and figures; sound and
    stage spans are left out) and the median ms by stage up to the first sounding chunk. A run that
    is there already is replaced, one that is older than others goes before them. `stands_for` is
    what the fingerprint is made of; `ground`, an instant in ISO 8601, declares this run the first
    that counts. Raises BaselineUnreadable, and writes nothing, when the file is damaged, belongs to
    another machine or cell, or stays locked; BaselineUnwritable when it cannot be written.
    """
    path = path_for(storage, result.fingerprint, result.cell)
    with _locked(path):
        before = load(path)
        if before is not None:
            _check_identity(path, before, result)
        runs = _with_run(path, before.runs if before else (), run, ground)
        newest = tuple(_slim(trial) for trial in result.counted)
        stages: Mapping[str, float] = {row.stage: row.ms for row in result.breakdown.to_first_sound}
        if before is not None and not _is_same(runs[-1], run):
            newest, stages = before.newest, before.stages
        baseline = Baseline(
            cell=_without_port(result.cell),
            fingerprint=result.fingerprint,
            runs=tuple(runs[-KEPT_RUNS:]),
            newest=newest,
            stages=stages,
            stands_for=stands_for or (before.stands_for if before else {}),
        )
        try:
            files.write_file(path, files.encode_json(baseline, is_ordered=True))
        except OSError as error:
            raise _unwritable(path, error) from error
    return path


def _without_port(cell: Cell) -> Cell:
    """The cell as it is from run to run: a file in git does not change with a free port."""
    return structs.replace(cell, target=specs.identity(cell.target))


def _with_run(
    path: Path, runs: Sequence[BaselineRun], run: BaselineRun, ground: str | None
) -> list[BaselineRun]:
    """The runs with this one in its place by time; a new ground lifts later ones."""
    same = [one for one in runs if _is_same(one, run)]
    accepted = ground or next((one.accepted for one in same), None)
    others = [one for one in runs if one not in same]
    new = structs.replace(run, accepted=accepted)
    placed = sorted([*others, new], key=lambda one: _instant(one, path))
    if ground is None:
        return placed
    after = placed.index(new) + 1
    return placed[:after] + [structs.replace(one, accepted=None) for one in placed[after:]]


def _is_same(one: BaselineRun, other: BaselineRun) -> bool:
    return (one.run, one.saved) == (other.run, other.saved)


def _instant(run: BaselineRun, path: Path) -> float:
    try:
        return datetime.fromisoformat(run.saved).timestamp()
    except (ValueError, OverflowError) as error:
        raise BaselineUnreadable(
            f"found a run in {path} that was saved at {run.saved!r}, wanted an instant in "
            "ISO 8601; restore the baseline from git, or delete it and save a new one "
            "(--ttsperf-save)"
        ) from error


class Stored(NamedTuple):
    """A file of the storage: its baseline, or why it cannot be read."""

    path: Path
    baseline: Baseline | None
    trouble: str | None = None


def stored(storage: Path) -> list[Stored]:
    """Every baseline file of a storage, by fingerprint and name; unreadable ones say why."""
    found = []
    for path in sorted(storage.glob("*/*.json")):
        try:
            found.append(Stored(path, load(path)))
        except BaselineUnreadable as error:
            found.append(Stored(path, None, str(error)))
    return found


def remove(path: Path, expected: Baseline) -> bool:
    """Delete a baseline file; False, and it stays, when it has changed meanwhile or is gone."""
    with _locked(path):
        if load(path) != expected:
            return False
        try:
            path.unlink()
        except OSError as error:
            raise _unwritable(path, error) from error
    return True


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        # Where links lead, so that two links to one file are under one lock.
        folder = files.destination(path).parent
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        real.acquire(lock, LOCK_TIMEOUT_S)
    except Timeout as error:
        raise BaselineUnreadable(
            f"another process has held {folder / '.lock'} for {LOCK_TIMEOUT_S:g} s, so {path} "
            "cannot be written; end that process and save again"
        ) from error
    except (OSError, NotImplementedError) as error:
        raise _unwritable(path, error) from error
    try:
        # Who writes here holds the lock, so a part of a file is left by one who was killed.
        files.remove_abandoned(folder, older_than_s=0)
        yield
    finally:
        lock.release()


def _unwritable(path: Path, error: Exception) -> BaselineUnwritable:
    return BaselineUnwritable(
        f"the baseline {path} cannot be written: {files.reason_of(error)}; mend that, or choose "
        "another folder (--ttsperf-storage), and save again"
    )


def _check_identity(path: Path, baseline: Baseline, result: CellResult) -> None:
    found = (baseline.fingerprint, baseline.cell.id)
    wanted = (result.fingerprint, result.cell.id)
    if found != wanted:
        raise BaselineUnreadable(
            f"the baseline {path} belongs to {found}, this run is {wanted}: files are not moved "
            "between machines or cells; delete it and save a new one (--ttsperf-save)"
        )


def _slim(trial: Trial) -> Trial:
    if trial.recording is None:
        return trial
    return structs.replace(
        trial, recording=structs.replace(trial.recording.without_pcm(), spans=())
    )


# Screening


def screen(storage: Path, result: CellResult) -> list[Verdict]:
    """Compare a result with the earlier runs of its cell on its machine.

    One verdict per gate (median and p95 of ttfa_sound, median of rtf), or a single INCONCLUSIVE
    one when there is nothing to compare with. Raises BaselineUnreadable for a damaged file.
    """
    path = path_for(storage, result.fingerprint, result.cell)
    baseline = load(path)
    if baseline is None:
        others = [f for f in fingerprints_with(storage, result.cell) if f != result.fingerprint]
        none_here = f"there is no baseline of this cell in {path.parent}"
        return [_nothing(_foreign(others) if others else none_here)]
    if baseline.fingerprint != result.fingerprint:
        return [_nothing(_foreign([baseline.fingerprint]))]
    if baseline.cell.id != result.cell.id:
        return [_nothing(f"{path} is the baseline of another cell, {baseline.cell.id}")]
    if not baseline.runs:
        return [_nothing(f"the baseline {path} holds no runs")]
    return against(baseline, result)


def against(baseline: Baseline, result: CellResult) -> list[Verdict]:
    """Compare a result with a baseline of its own cell and machine, a verdict per gate."""
    return [_screen(gate, baseline, result) for gate in gates_of(result.cell)]


def gates_of(cell: Cell) -> list[Gate]:
    """A cold cell has a handful of starts, which carry a median and no tail."""
    return [gate for gate in GATES if cell.phase == "warm" or gate.statistic == "p50"]


class Prediction(NamedTuple):
    """What the screen makes of the earlier runs for one gate; None where they are too few."""

    gate: Gate
    runs: tuple[BaselineRun, ...]
    """Those that count: at or after the accepted one, with enough trials and a positive figure."""
    figures: tuple[float, ...]
    middle: float | None
    spread: float | None
    """Standard deviation in logs, as it was found; the limits take at least the floor."""
    floor: float
    doubt: float | None
    limit: float | None


def predictions(baseline: Baseline) -> list[Prediction]:
    """The prediction limits of each gate, with all that they rest on."""
    return [_prediction(gate, baseline) for gate in gates_of(baseline.cell)]


def _prediction(gate: Gate, baseline: Baseline) -> Prediction:
    fit = [run for run in baseline.counting if _trials(run.summary, gate) >= gate.trials]
    pairs = [(run, x) for run in fit if (x := _positive(run.summary, gate)) is not None]
    figures = tuple(x for _, x in pairs)
    enough = len(figures) >= MIN_RUNS
    return Prediction(
        gate=gate,
        runs=tuple(run for run, _ in pairs),
        figures=figures,
        middle=stats.quantile(figures, 0.5) if figures else None,
        spread=statistics.stdev(map(math.log, figures)) if len(figures) > 1 else None,
        floor=stats.FLOOR_SD,
        doubt=stats.prediction_limit(figures, ALPHA_DOUBT) if enough else None,
        limit=stats.prediction_limit(figures, ALPHA_FAIL) if enough else None,
    )


def figure(summary: Mapping[str, Summary], gate: Gate) -> float | None:
    """What a gate looks at; None where it was not measured or rests on too few trials."""
    return _figure(summary, gate) if _trials(summary, gate) >= gate.trials else None


def _foreign(fingerprints: Sequence[str]) -> str:
    return (
        f"the only baselines of this cell are of other machines ({', '.join(fingerprints)}), "
        "whose numbers say nothing about this one"
    )


def _nothing(reason: str) -> Verdict:
    return Verdict(
        subject="baseline",
        outcome=Outcome.INCONCLUSIVE,
        reason=f"{reason}; save {MIN_RUNS} runs on this machine (--ttsperf-save)",
        gate="baseline",
    )


def _screen(gate: Gate, baseline: Baseline, result: CellResult) -> Verdict:
    earlier = list(_prediction(gate, baseline).figures)
    now, n = _figure(result.summary, gate), _trials(result.summary, gate)
    if now is not None and n < gate.trials:
        reason = (
            f"{gate.label} of {n} trials is little more than their maximum; {gate.trials} make one "
            f"that can be compared (--ttsperf-trials={gate.trials})"
        )
        return _verdict(gate, Outcome.INCONCLUSIVE, reason, earlier, now)
    if now is None and earlier:
        reason = (
            f"{gate.label} was not measured, and {len(earlier)} earlier runs have it: what could "
            "not be measured is not as good as before"
        )
        return _verdict(gate, Outcome.FAIL, reason, earlier)
    if now is None or now <= 0:
        found = "was not measured" if now is None else f"is {_amount(now, gate)}"
        reason = f"{gate.label} {found}, and only positive figures can be compared"
        return _verdict(gate, Outcome.INCONCLUSIVE, reason, earlier, now)
    if len(earlier) < MIN_RUNS:
        reason = (
            f"{gate.label} is {_amount(now, gate)}: {len(earlier)} of {_count(baseline)} can be "
            f"compared with, {MIN_RUNS} are needed; save more (--ttsperf-save)"
        )
        return _verdict(gate, Outcome.INCONCLUSIVE, reason, earlier, now)
    return _compare(gate, now, earlier, baseline, result)


def _count(baseline: Baseline) -> str:
    """`7 stored runs`, `2 stored runs since one was accepted`."""
    count = len(baseline.counting)
    text = f"{count} stored run{'' if count == 1 else 's'}"
    return text if count == len(baseline.runs) else f"{text} since one was accepted"


def _compare(
    gate: Gate, now: float, earlier: list[float], baseline: Baseline, result: CellResult
) -> Verdict:
    """Against the prediction limits of at least five earlier figures."""
    doubt = stats.prediction_limit(earlier, ALPHA_DOUBT)
    limit = stats.prediction_limit(earlier, ALPHA_FAIL)
    middle = stats.quantile(earlier, 0.5)
    reason = (
        f"{gate.label} is {_amount(now, gate)}, {now / middle - 1:+.0%} on the median of "
        f"{len(earlier)} earlier runs ({_amount(middle, gate)})"
    )
    if now > limit:
        reason += (
            f"; unchanged code stays below {_amount(limit, gate)} in 99.9 % of runs"
            f"{_growth(gate, now, baseline, result)}"
        )
        return _doubted(_verdict(gate, Outcome.FAIL, reason, earlier, now, limit), baseline)
    reason += f"; unchanged code stays below {_amount(doubt, gate)} in 95 % of runs"
    if now > doubt:
        reason += f", below {_amount(limit, gate)} in 99.9 %: {_remedy(baseline.runs[-1])}"
        return _doubted(_verdict(gate, Outcome.INCONCLUSIVE, reason, earlier, now, doubt), baseline)
    return _verdict(gate, Outcome.PASS, reason, earlier, now, doubt)


def _doubted(verdict: Verdict, baseline: Baseline) -> Verdict:
    """With the revision to measure beside this one, if the newest run was made of one as it is."""
    newest = baseline.runs[-1]
    return structs.replace(verdict, revision=None if newest.dirty else newest.revision)


def _remedy(run: BaselineRun) -> str:
    if run.revision is None:
        return (
            "only an interleaved comparison could tell, and no revision is stored to compare with"
        )
    return (
        "run it again, alone; only a comparison interleaved with the baseline's revision "
        f"{run.revision[:12]}, in the same minutes, could tell"
    )


def _growth(gate: Gate, now: float, baseline: Baseline, result: CellResult) -> str:
    """`; +11.2 ms on the newest of them, of which vocode +10.9 ms`, as far as stages are told."""
    before = baseline.stages
    rows = {row.stage: row.ms for row in result.breakdown.to_first_sound}
    if not before or not rows:
        return "; which stage grew is not known, as stages were not told in both runs"
    growth = {name: rows.get(name, 0.0) - before.get(name, 0.0) for name in {*rows, *before}}
    stage, grown = max(sorted(growth.items()), key=lambda item: item[1])
    if grown <= 0:
        return "; no stage grew up to the first sound"
    newest = _figure(baseline.runs[-1].summary, gate)
    if gate.unit != "ms" or newest is None:
        return f"; up to the first sound, {stage} grew most ({grown:+.1f} ms)"
    return f"; {now - newest:+.1f} ms on the newest of them, of which {stage} {grown:+.1f} ms"


def _figure(summary: Mapping[str, Summary], gate: Gate) -> float | None:
    found = summary.get(gate.metric)
    value = getattr(found, gate.statistic) if found else None
    return None if value is None else float(value)


def _trials(summary: Mapping[str, Summary], gate: Gate) -> int:
    return summary[gate.metric].n if gate.metric in summary else 0


def _positive(summary: Mapping[str, Summary], gate: Gate) -> float | None:
    value = _figure(summary, gate)
    return value if value is not None and value > 0 else None


def _amount(value: float, gate: Gate) -> str:
    return f"{value:.4g} {gate.unit}".rstrip()


def _verdict(
    gate: Gate,
    outcome: Outcome,
    reason: str,
    earlier: Sequence[float],
    value: float | None = None,
    limit: float | None = None,
) -> Verdict:
    return Verdict(
        subject=gate.label,
        outcome=outcome,
        reason=reason,
        gate="baseline",
        metric=gate.metric,
        statistic=gate.statistic,
        value=value,
        limit=limit,
        unit=gate.unit,
        n=len(earlier),
    )

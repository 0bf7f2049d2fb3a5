"""What a run is compared with, which of its cells are, and what that does to their verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from pytest_ttsperf.compare import revisions, run
from pytest_ttsperf.compare.blocks import ComparisonSpec
from pytest_ttsperf.errors import MeasurementError, RevisionError, TargetError
from pytest_ttsperf.experiment.plan import Plan, TargetFactory
from pytest_ttsperf.records import (
    CellResult,
    ComparedMetric,
    Comparison,
    Json,
    Outcome,
    Phase,
    TargetSpec,
    TrustNote,
    Verdict,
)
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets.server.run_options import with_http_options
from pytest_ttsperf.targets.worker.source_tree import Tree

COLD = "cold starts were compared, each counted from when its process was asked for"
MeasuredCell = tuple[TargetFactory, Plan]
"""How a cell was measured."""


@dataclass(frozen=True, slots=True)
class ComparedVersion:
    """Another version of the code, or another target."""

    label: str
    tree: Tree | None = None
    spec: TargetSpec | None = None

    @property
    def remarks(self) -> list[str]:
        """What is to be said of it before it is measured."""
        if self.tree is None:
            return []
        return [*(f"{self.label}: {note}" for note in self.tree.notes), *self._differing]

    @property
    def _differing(self) -> list[str]:
        if self.tree is None or not self.tree.differing or self.tree.has_own_environment:
            return []
        shown = ", ".join(self.tree.differing[:4])
        more = f" and {len(self.tree.differing) - 4} more" if len(self.tree.differing) > 4 else ""
        return [
            f"{self.label} declares other dependencies ({shown}{more}), and both versions run on "
            "those of this environment; --ttsperf-against-install gives it one of its own"
        ]

    def of(self, source: TargetFactory) -> TargetFactory:
        """Where the old code of a source comes from."""
        if self.spec is None:
            return replace(source, tree=self.tree)
        spec, own = self.spec, source.spec
        if not spec.options and targets_spec.kind_of(spec.spec) == targets_spec.kind_of(own.spec):
            spec = structs.replace(spec, options=own.options)
        return replace(source, spec=with_http_options(spec, {}))


def prepare_version(
    text: str,
    rootdir: Path,
    *,
    install: str | None = None,
    options: Mapping[str, Json] | None = None,
    copy: Sequence[str] = (),
    fetch: bool = False,
) -> ComparedVersion:
    """Lay ready what `--ttsperf-against` names. RevisionError when it is not to be had.

    `options` are those of another target; without any it gets those of the measured one, if both
    have the same form. `copy` and `fetch` are for a revision: files that git does not track, as
    patterns, and whether it may be fetched.
    """
    if targets_spec.is_spec(text):
        spec = TargetSpec(spec=text, options=dict(options or {}))
        return ComparedVersion(spec.label, spec=spec)
    if options:
        raise RevisionError(
            f"found options ({', '.join(options)}) for {text!r}, which is no target; the target of "
            "another version gets those of this one. Leave out --ttsperf-against-option"
        )
    tree = revisions.checkout(text, rootdir, install=install, copy=copy, fetch=fetch)
    return ComparedVersion(tree.label, tree=tree)


def is_in_doubt(result: CellResult) -> bool:
    """Whether stored numbers suggest that it got slower, and there is a revision to ask."""
    return any(_is_doubtful(verdict) for verdict in result.verdicts)


def _is_doubtful(verdict: Verdict) -> bool:
    return (
        verdict.gate == "baseline"
        and verdict.revision is not None
        and verdict.outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE)
    )


def compare_cells(
    results: Sequence[CellResult],
    measured: Mapping[str, MeasuredCell],
    *,
    told: ComparedVersion | None,
    gates: Callable[[Phase], tuple[ComparedMetric, ...]],
    budget_s: float,
    gates_in_run: int,
    version_of: Callable[[str], ComparedVersion],
    tell: run.Tell,
) -> list[CellResult]:
    """The results of one test, with what a comparison says of them.

    With the version told, if one is; a cell that stored numbers put in doubt without one is
    compared with the revision that these are of, which `version_of` lays ready.
    """
    by_cell = {result.cell.id: result for result in results}
    for (other, _), cells in _groups(results, told).items():
        try:
            version = told or version_of(other)
            contest = _contest(version, cells, measured, gates, budget_s, gates_in_run)
            found = run.compare(contest, tell)
        except (MeasurementError, RevisionError) as error:
            found = {
                result.cell.id: Comparison(against=other, reason=_first_line(error))
                for result in cells
            }
        except TargetError as error:
            reason = f"the new code failed while it was compared: {error}"
            found = {
                result.cell.id: Comparison(against=other, outcome=Outcome.FAIL, reason=reason)
                for result in cells
            }
        for cell, comparison in found.items():
            by_cell[cell] = _with(by_cell[cell], comparison, answers=told is None)
    return list(by_cell.values())


def _groups(
    results: Iterable[CellResult], told: ComparedVersion | None
) -> dict[tuple[str, Phase], list[CellResult]]:
    """Cells by what they are compared with, and by phase."""
    groups: dict[tuple[str, Phase], list[CellResult]] = {}
    for result in results:
        if result.outcome is Outcome.INVALID or not result.counted:
            continue
        doubted = next((v.revision for v in result.verdicts if _is_doubtful(v)), None)
        other = told.label if told else doubted
        if other is not None:
            groups.setdefault((other, result.cell.phase), []).append(result)
    return groups


def _contest(
    version: ComparedVersion,
    results: Sequence[CellResult],
    measured: Mapping[str, MeasuredCell],
    gates: Callable[[Phase], tuple[ComparedMetric, ...]],
    budget_s: float,
    gates_in_run: int,
) -> ComparisonSpec:
    source, _ = measured[results[0].cell.id]
    if source.inline:
        raise MeasurementError(
            "a comparison needs processes of its own; leave out --ttsperf-inline"
        )
    old = version.of(source)
    _refuse_never_warm(old, results[0].cell.phase)
    cells = {
        result.cell.id: (
            replace(measured[result.cell.id][1], trials=len(result.counted)),
            gates(result.cell.phase),
        )
        for result in results
    }
    own = sum(len(each) for _, each in cells.values())  # a test may have several cells
    return ComparisonSpec(
        old=old,
        new=source,
        cells=cells,
        against=version.label,
        budget_s=budget_s,
        gates_in_run=max(gates_in_run, own),
    )


def _refuse_never_warm(old: TargetFactory, phase: Phase) -> None:
    """MeasurementError where one arm has nothing warm to compare."""
    if phase == "warm" and old.lifecycle == "per_text":
        raise MeasurementError(
            f"{old.spec.label} starts a process for each text and is never warm; compare with it "
            "in a test that asks for the fixture cold_engine"
        )


def _with(result: CellResult, comparison: Comparison, *, answers: bool) -> CellResult:
    """The result with its comparison; where it answers a doubt, in the doubtful verdicts' place."""
    told = run.verdicts(comparison)
    verdicts = [
        _resolve(verdict, told) if answers and _is_doubtful(verdict) else verdict
        for verdict in result.verdicts
    ]
    notes = [TrustNote(guard="comparison", text=text) for text in comparison.notes]
    return structs.replace(
        result,
        comparison=comparison,
        verdicts=tuple(verdicts if answers else [*verdicts, *told]),
        notes=(*result.notes, *notes),
    )


def _resolve(doubt: Verdict, told: Sequence[Verdict]) -> Verdict:
    """A doubtful verdict by stored numbers, after its version was measured beside this one.

    Measured in the same minutes, the version decides; where it could not be measured, the stored
    numbers do.
    """
    same = (v for v in told if (v.metric, v.statistic) == (doubt.metric, doubt.statistic))
    answer = next(same, told[0])
    reason = f"{doubt.reason}. Measured beside it: {answer.reason}"
    if answer.metric is None:
        return structs.replace(doubt, reason=reason)
    return structs.replace(doubt, outcome=answer.outcome, reason=reason, improved=answer.improved)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def side_by_side(
    old: TargetFactory,
    new: TargetFactory,
    presets: Sequence[str],
    gates: Callable[[Phase], tuple[ComparedMetric, ...]],
    budget_s: float,
    *,
    cold: bool = False,
) -> dict[str, Comparison]:
    """Compare two targets on presets, by preset. TargetError when one cannot be opened.

    Cold starts are compared if that is asked for, or if one of the two has nothing else;
    MeasurementError for those of a server.
    """
    phase: Phase = "cold" if cold or "per_text" in (old.lifecycle, new.lifecycle) else "warm"
    contest = ComparisonSpec(
        old=old,
        new=new,
        cells={
            preset: (
                Plan(test="compare", text=preset, mode="stream", phase=phase, trials=0),
                gates(phase),
            )
            for preset in presets
        },
        against=old.spec.label,
        budget_s=budget_s,
        gates_in_run=len(presets) * len(gates(phase)),
    )
    found = run.compare(contest, lambda _: None)
    if phase == "warm":
        return found
    return {preset: structs.replace(one, notes=(COLD, *one.notes)) for preset, one in found.items()}

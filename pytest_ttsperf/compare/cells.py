"""What a run is compared with, which of its cells are, and what that does to their verdicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from msgspec import structs

from pytest_ttsperf.compare import footing, forecast, graph_nodes, revisions, run
from pytest_ttsperf.compare.blocks import ComparedCell, ComparisonSpec
from pytest_ttsperf.compare.checkout import copies
from pytest_ttsperf.compare.metrics import choose_ungated, with_work
from pytest_ttsperf.compare.wording import list_some
from pytest_ttsperf.errors import MeasurementError, QualityError, RevisionError, TargetError
from pytest_ttsperf.experiment import process_luck
from pytest_ttsperf.experiment.plan import Plan, TargetFactory
from pytest_ttsperf.records import (
    CellResult,
    ComparedMetric,
    Comparison,
    Json,
    Outcome,
    Phase,
    TargetInfo,
    TargetSpec,
    TrustNote,
    Verdict,
)
from pytest_ttsperf.targets import spec as targets_spec
from pytest_ttsperf.targets.server.run_options import with_http_options
from pytest_ttsperf.targets.server.start_options import without_start
from pytest_ttsperf.targets.worker.source_tree import Tree, name_running_paths

COLD = "cold starts were compared, each counted from when its process was asked for"
SHOWN_DEPENDENCIES = 4
SHOWN_FILES = 3
MeasuredCell = tuple[TargetFactory, Plan]
"""How a cell was measured."""
MetricsOfPhase = Callable[[Phase, float | None], tuple[ComparedMetric, ...]]
"""By the phase, and by what one text takes in all processes of a block, where that is known."""
Compare = Callable[[ComparisonSpec], dict[str, Comparison]]
"""Compares the cells of a spec, by cell id; raises as `run.compare` does."""


@dataclass(frozen=True, slots=True)
class ComparedVersion:
    """Another version of the code, or another target."""

    label: str
    tree: Tree | None = None
    spec: TargetSpec | None = None
    running: Tree | None = None
    """The code that runs, laid out as `tree` is; None where it is compared in its place."""
    in_place_because: str | None = None
    """Why it is, where it should not be."""

    @property
    def remarks(self) -> list[str]:
        """What is to be said of it before it is measured."""
        if self.tree is None:
            return []
        remarks = [f"{self.label}: {note}" for note in self.tree.notes]
        if self.running is not None:
            remarks += [f"{revisions.RUNNING}: {note}" for note in self.running.notes]
        if self.in_place_because is not None:
            remarks.append(self.in_place_because)
        if self.tree.differing and not self.tree.has_own_environment:
            remarks.append(self._differing_text(self.tree.differing))
        return remarks

    def _differing_text(self, dependencies: Sequence[str]) -> str:
        shown = list_some(dependencies, SHOWN_DEPENDENCIES)
        return (
            f"{self.label} declares other dependencies ({shown}), and both versions run on "
            "those of this environment; --ttsperf-against-install gives it one of its own"
        )

    def of(self, source: TargetFactory) -> TargetFactory:
        """The baseline of a source."""
        if self.spec is None:
            return replace(source, tree=self.tree)
        spec = structs.replace(self.spec, options=_options_like(source, self.spec))
        return replace(source, spec=with_http_options(spec, {}))

    def level(self, spec: ComparisonSpec, ready: TargetInfo | None) -> footing.Footing:
        """A comparison with its candidate laid out as its baseline, as far as it can be.

        `ready` is what the candidate was like in its place.
        """
        if self.running is not None:
            return footing.level(spec, self.running, ready)
        if self.in_place_because is not None:
            return footing.Footing(spec, (self.in_place_because,))
        return footing.Footing(spec)

    def name_running_paths(self, text: str) -> str:
        """A text with the paths of the running code, wherever that was laid out."""
        if self.running is None:
            return text
        return name_running_paths(self.running, text)


def _options_like(source: TargetFactory, spec: TargetSpec) -> Mapping[str, Json]:
    """The options of another target: its own, or those of the source where it names none.

    How a server is started is no matter of how it is asked: where nothing else is named of it, it
    is asked as the source is, and what starts the source starts no other.
    """
    kind = targets_spec.kind_of(spec.spec)
    if kind != targets_spec.kind_of(source.spec.spec):
        return spec.options
    is_server = kind.name in ("http", "wyoming")
    asked_by = without_start(spec.options) if is_server else spec.options
    if asked_by:
        return spec.options
    inherited = source.spec.options
    if is_server:
        inherited = without_start(inherited)
    return {**inherited, **spec.options}


def prepare_version(
    text: str,
    rootdir: Path,
    *,
    install: str | None = None,
    options: Mapping[str, Json] | None = None,
    copy: Sequence[str] = (),
    fetch: bool = False,
    left_out: Sequence[Path] = (),
) -> ComparedVersion:
    """Prepare what `--ttsperf-against` names. RevisionError when it is not to be had.

    `options` are those of another target; without any, or with none but the start of a server, it
    gets those of the measured one, if both have the same form. `copy`, `fetch` and `left_out` are
    for a revision: files that git does not track, as patterns, whether it may be fetched, and
    folders that are not part of the code.
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
    version = ComparedVersion(tree.label, tree=tree)
    if tree.revision is None:
        return version
    return _lay_out_running(version, tree, rootdir, copy=copy, left_out=left_out)


def _lay_out_running(
    version: ComparedVersion,
    tree: Tree,
    rootdir: Path,
    *,
    copy: Sequence[str],
    left_out: Sequence[Path],
) -> ComparedVersion:
    """The version with the running code laid out as well, or with why that cannot be."""
    try:
        running = revisions.lay_out_running(rootdir, copy=copy, left_out=left_out)
    except RevisionError as error:
        reason = f"{footing.UNEQUAL}: it cannot be laid out likewise ({_first_line(error)})"
        return replace(version, in_place_because=reason)
    lacking = revisions.lacking_code(running)
    if lacking and tree.has_own_environment:
        # There the old version was built, and has what was built; the running one would not.
        reason = (
            f"{footing.UNEQUAL}: laid out likewise it would lack what git ignores "
            f"({', '.join(lacking[:SHOWN_FILES])}); {copies.OPTION}=PATTERN lays that out as well"
        )
        return replace(version, in_place_because=reason)
    return replace(version, running=running)


def needs_comparison(result: CellResult, *, measure: bool) -> bool:
    """Whether stored numbers leave it open if it got slower, and there is a revision to ask.

    That is where they say that it may be slower; with `measure` also where there are none that this
    machine could be judged by.
    """
    return bool(_open_revisions(result, measure=measure))


def _open_revisions(result: CellResult, *, measure: bool) -> list[str]:
    """The revisions to ask, each once, in the order of the verdicts that name them."""
    revisions: dict[str, None] = {}
    for verdict in result.verdicts:
        if _is_open(verdict, measure=measure) and verdict.revision is not None:
            revisions[verdict.revision] = None
    return list(revisions)


def _is_open(verdict: Verdict, *, measure: bool) -> bool:
    if verdict.gate != "baseline" or verdict.outcome is Outcome.PASS:
        return False
    # Without a limit there was nothing to judge by, and so there is no doubt yet.
    return measure or verdict.limit is not None


def compare_cells(
    results: Sequence[CellResult],
    measured: Mapping[str, MeasuredCell],
    *,
    against: ComparedVersion | None,
    metrics_of: MetricsOfPhase,
    budget_s: float,
    version_of: Callable[[str], ComparedVersion],
    tell: run.Tell,
    announce: run.Tell = lambda _: None,
    earlier: run.EarlierRuns | None = None,
    measure: bool = False,
    compare: Compare | None = None,
    names_nodes: bool = False,
) -> list[CellResult]:
    """The results of one test, with what a comparison says of them.

    They are compared with `against`, if that is a version; otherwise each cell that
    `needs_comparison` is compared with the revisions of the stored numbers, which `version_of`
    prepares. `tell`, `announce` and `earlier` are as `run.compare` has them; `compare` takes its
    place for cells that are not compared trial by trial. With `names_nodes` both versions of what
    got slower are profiled as well, beyond the budget.
    """
    # Many who listen to programs have one each, and nothing of it has to be warm.
    refuses_never_warm = compare is None
    if compare is None:
        compare = partial(run.compare, tell=tell, announce=announce, earlier=earlier)
    by_cell = {result.cell.id: result for result in results}
    for group in _groups(results, against, measure=measure):
        try:
            version = against or version_of(group.label)
            spec = _comparison_spec(version, group, measured, metrics_of, budget_s)
            if refuses_never_warm:
                _refuse_never_warm(spec.baseline, group.phase)
            level = version.level(spec, group.results[0].ready)
            compared = compare(level.spec)
            compared = _name_nodes(level.spec, compared, tell, is_wanted=names_nodes)
            comparisons = level.annotate(compared)
        except (MeasurementError, RevisionError, QualityError) as error:
            comparisons = group.without_comparison(_first_line(error), Outcome.INCONCLUSIVE)
        except TargetError as error:
            words = version.name_running_paths(str(error))
            reason = f"the new code failed while it was compared: {words}"
            comparisons = group.without_comparison(reason, Outcome.FAIL)
        for cell_id, comparison in comparisons.items():
            by_cell[cell_id] = _add_comparison(
                by_cell[cell_id],
                comparison,
                revision=group.label if against is None else None,
            )
    return list(by_cell.values())


def _name_nodes(
    spec: ComparisonSpec,
    comparisons: dict[str, Comparison],
    tell: run.Tell,
    *,
    is_wanted: bool,
) -> dict[str, Comparison]:
    """With the nodes of the graphs that grew, if that is wanted."""
    if not is_wanted:
        return comparisons
    return graph_nodes.explain_changes(spec, comparisons, tell)


class _Group(NamedTuple):
    """Cells of one phase that are compared with the same version."""

    label: str
    phase: Phase
    results: list[CellResult]

    def without_comparison(
        self,
        reason: str,
        outcome: Outcome,
    ) -> dict[str, Comparison]:
        """By cell id: why there is none."""
        label = revisions.short_name(self.label)
        comparison = Comparison(against=label, outcome=outcome, reason=reason)
        return {result.cell.id: comparison for result in self.results}


def _groups(
    results: Iterable[CellResult],
    against: ComparedVersion | None,
    *,
    measure: bool,
) -> list[_Group]:
    groups: dict[tuple[str, Phase], list[CellResult]] = defaultdict(list)
    for result in results:
        if result.outcome is Outcome.INVALID or not result.counted:
            continue
        labels = [against.label] if against else _open_revisions(result, measure=measure)
        for label in labels:
            groups[label, result.cell.phase].append(result)
    return [_Group(label, phase, members) for (label, phase), members in groups.items()]


def _comparison_spec(
    version: ComparedVersion,
    group: _Group,
    measured: Mapping[str, MeasuredCell],
    metrics_of: MetricsOfPhase,
    budget_s: float,
) -> ComparisonSpec:
    source, _ = measured[group.results[0].cell.id]
    if source.inline:
        raise MeasurementError(
            "a comparison needs processes of its own; leave out --ttsperf-inline"
        )
    baseline = version.of(source)
    trials_s = []
    usual_trials_s = []
    starts_s = []
    for result in group.results:
        trials_s.append(forecast.fastest_trial_s(result.counted))
        usual_trials_s.append(forecast.mean_trial_s(result.counted))
        starts_s += [process.start_s for process in result.processes]
    spec = ComparisonSpec(
        baseline=baseline,
        candidate=source,
        cells={},
        against=version.label,
        budget_s=budget_s,
        trial_s=_total_s(trials_s),
        usual_trial_s=_total_s(usual_trials_s),
        start_s=mean(starts_s) if starts_s else None,
    )
    metrics = metrics_of(group.phase, spec.round_s)
    if baseline.spec == source.spec:
        metrics = with_work(metrics, group.phase)
    metrics = process_luck.allow_for(metrics, baseline, source)
    cells = {}
    for result in group.results:
        _, plan = measured[result.cell.id]
        cells[result.cell.id] = ComparedCell(
            plan=replace(plan, trials=len(result.counted)),
            metrics=metrics,
            ungated=choose_ungated(metrics, group.phase),
        )
    return replace(spec, cells=cells)


def _total_s(trials_s: Sequence[float | None]) -> float | None:
    """Of one trial in each cell; None where one of them is not known."""
    measured_s = [trial_s for trial_s in trials_s if trial_s is not None]
    return sum(measured_s) if len(measured_s) == len(trials_s) else None


def _refuse_never_warm(baseline: TargetFactory, phase: Phase) -> None:
    """MeasurementError where one arm has nothing warm to compare."""
    if phase == "warm" and baseline.lifecycle == "per_text":
        raise MeasurementError(
            f"{baseline.spec.label} starts a process for each text and is never warm; compare with "
            "it in a test that asks for the fixture cold_engine"
        )


def _add_comparison(
    result: CellResult,
    comparison: Comparison,
    *,
    revision: str | None,
) -> CellResult:
    """The result with its comparison.

    Where it was made for stored numbers of a `revision`, it stands in the place of the verdicts
    that name it.
    """
    compared = run.verdicts(comparison)
    verdicts = []
    for verdict in result.verdicts:
        if revision is None or verdict.revision != revision:
            verdicts.append(verdict)
        elif verdict.lacks_baseline:
            verdicts += compared
        else:
            verdicts.append(_resolve(verdict, compared))
    if revision is None:
        verdicts += compared
    notes = [TrustNote(guard="comparison", text=text) for text in comparison.notes]
    return structs.replace(
        result,
        comparison=comparison,
        verdicts=tuple(verdicts),
        notes=(*result.notes, *notes),
    )


def _resolve(doubt: Verdict, compared: Sequence[Verdict]) -> Verdict:
    """A verdict that stored numbers put in doubt, after their version was measured as well.

    Measured in the same minutes, the version decides; where it could not be measured, the stored
    numbers do.
    """
    by_figure = {(verdict.metric, verdict.statistic): verdict for verdict in compared}
    answer = by_figure.get((doubt.metric, doubt.statistic), compared[0])
    reason = f"{doubt.reason}. Measured beside it: {answer.reason}"
    if answer.metric is None:
        return structs.replace(doubt, reason=reason)
    return structs.replace(
        doubt,
        outcome=answer.outcome,
        reason=reason,
        improved=answer.improved,
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def side_by_side(
    baseline: TargetFactory,
    candidate: TargetFactory,
    presets: Sequence[str],
    metrics_of: MetricsOfPhase,
    budget_s: float,
    *,
    cold: bool = False,
    announce: run.Tell = lambda _: None,
) -> dict[str, Comparison]:
    """Compare two targets on presets, by preset. TargetError when one cannot be opened.

    Cold starts are compared if that is asked for, or if one of the two has nothing else;
    MeasurementError for those of a server. `announce` gets what is to be known before the end.
    """
    is_cold = cold or "per_text" in (baseline.lifecycle, candidate.lifecycle)
    phase: Phase = "cold" if is_cold else "warm"
    metrics = process_luck.allow_for(metrics_of(phase, None), baseline, candidate)
    plan = Plan(test="compare", text="", mode="stream", phase=phase, trials=0)
    ungated = choose_ungated(metrics, phase)
    cells = {
        preset: ComparedCell(replace(plan, text=preset), metrics, ungated) for preset in presets
    }
    spec = ComparisonSpec(
        baseline=baseline,
        candidate=candidate,
        cells=cells,
        against=baseline.spec.label,
        budget_option="--budget",
        budget_s=budget_s,
    )
    comparisons = run.compare(spec, lambda _: None, announce=announce)
    if not is_cold:
        return comparisons
    return {
        preset: structs.replace(comparison, notes=(COLD, *comparison.notes))
        for preset, comparison in comparisons.items()
    }

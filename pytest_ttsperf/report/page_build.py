"""A run as its pages show it: everything that they say is computed here, once, for both."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from pytest_ttsperf import secrets
from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import Cell, CellResult, Environment, Outcome, Run, Summary
from pytest_ttsperf.report import (
    brief,
    crowd,
    layout,
    page_sections,
    page_timeline,
    soak,
    terminal,
)
from pytest_ttsperf.report.analysis.likely_cause import LikelyCause
from pytest_ttsperf.report.analysis.spread import describe_disturbance
from pytest_ttsperf.report.analysis.start import start_phases_ms
from pytest_ttsperf.report.analysis.table import analyse
from pytest_ttsperf.report.page_changes import describe_changes
from pytest_ttsperf.report.page_model import (
    CellPage,
    Fact,
    MetricRow,
    PageModel,
    PhasePair,
    PhaseRow,
)
from pytest_ttsperf.report.page_rows import list_rows
from pytest_ttsperf.report.rows import cell_label, count_trials, judged, number, worst_first

SHOWN_DIGITS = 12
"""Of a revision."""
TO_THE_MINUTE = len("10:19")
"""Of a time by the clock of the machine: nobody asks for its seconds."""
COMPARED_PHASES = (
    ("ttfa_sound_ms", "ttfa, first sounding chunk", "ms"),
    ("ttfa_ms", "ttfa, as heard", "ms"),
    ("rtf", "rtf", ""),
)
"""Metrics that stand side by side, cold and warm."""
ALL_WELL = "All limits hold"
NOT_COMPARED = "All limits hold; there is no baseline of this machine to compare with"
NOTHING_JUDGED = "Nothing is judged: the test has no limits"


def build(run: Run, run_path: Path | None = None) -> PageModel:
    """All that the pages of a run show; `run_path` is its artifact, if it has one.

    Sound is looked for beside the artifact, and nothing else is read.
    """
    causes = analyse(run)
    results = sorted(run.cells, key=worst_first)
    anchors = _anchors(results)
    cells = tuple(
        _cell_page(result, anchors[result.cell.id], causes[result.cell.id], run_path)
        for result in results
    )
    return PageModel(
        run_id=run.id,
        started=_to_the_minute(run.started),
        is_finished=run.finished,
        outcome=_worst(results),
        counts=terminal.counts(run.cells),
        summary=_summarise(run, cells),
        environment=tuple(_environment_facts(run.environment)),
        disturbances=tuple(_list_disturbances(run)),
        cells=cells,
        phase_pairs=tuple(_pair_phases(results, anchors)),
        notes=(*terminal.no_baseline_lines(run.cells), *terminal.remarks(run.cells)),
        artifact=None if run_path is None else run_path.name,
        again=_command(run.environment),
    )


def _to_the_minute(started: str) -> str:
    """`2026-11-30 10:19`; words as they are, of a run whose time is not on record."""
    day, separator, time = started.partition("T")
    if not separator:
        return started
    return f"{day} {time[:TO_THE_MINUTE]}"


def _worst(results: Sequence[CellResult]) -> Outcome | None:
    outcomes = [result.outcome for result in results if result.outcome is not None]
    return min(outcomes, key=lambda outcome: outcome.rank, default=None)


def _anchors(results: Sequence[CellResult]) -> dict[str, str]:
    """A name for each cell that no other has; slugs of one cell end in a digest of its id."""
    return {result.cell.id: f"cell-{result.cell.slug}" for result in results}


# Cells


def _cell_page(
    result: CellResult,
    anchor: str,
    findings: tuple[LikelyCause, ...],
    run_path: Path | None,
) -> CellPage:
    cell = result.cell
    rows = list_rows(result)
    return CellPage(
        anchor=anchor,
        label=cell_label(cell),
        test=cell.test,
        target=secrets.mask(cell.target),
        provider=cell.provider,
        voice=cell.voice,
        preset=cell.preset,
        mode=cell.mode,
        phase=cell.phase,
        load_label=cell.load,
        outcome=result.outcome,
        headline=_headline(result, rows),
        evidence=_evidence_text(result),
        rows=rows,
        distributions=page_sections.list_distributions(result),
        stages_to_first_sound=page_sections.list_stages(result.breakdown.to_first_sound),
        stages_whole=page_sections.list_stages(result.breakdown.whole),
        placement=page_sections.describe_placement(result),
        memory=page_sections.describe_memory(result),
        cadence=page_sections.describe_cadence(result),
        changes=describe_changes(result.comparison),
        timelines=page_timeline.list_timelines(result, run_path),
        load=page_sections.describe_load(result.load),
        capacity=page_sections.describe_capacity(result.capacity),
        soak=page_sections.describe_soak(result),
        findings=findings,
        notes=tuple(f"{note.guard}: {note.text}" for note in result.notes),
        raw_trials=len(result.trials),
    )


def _headline(result: CellResult, rows: Sequence[MetricRow]) -> str:
    """The worst verdict in a sentence, or that all is well; its traceback is in its row."""
    judged = [row for row in rows if row.outcome is not None]
    if not judged:
        return NOTHING_JUDGED
    worst = judged[0]
    if worst.outcome is Outcome.PASS:
        return ALL_WELL if result.outcome is Outcome.PASS else NOT_COMPARED
    if result.outcome is Outcome.INVALID:
        trusted = [row for row in judged if row.gate == "trust"]
        worst = trusted[0] if trusted else worst
    return f"{worst.subject}: {layout.first_line(worst.reason)}"


def _evidence_text(result: CellResult) -> str:
    """`25 of 59 trials in 3 processes, stopped early`; windows, slices or levels."""
    if result.soak is not None:
        return soak.count_slices(result.soak)
    if result.load is not None:
        return crowd.count_windows(result.load)
    if result.capacity is not None:
        return crowd.describe_search(result.capacity)
    counted = max(count_trials(result), len(result.counted))
    text = f"{counted} of {result.declared_trials} trials"
    if len(result.processes) > 1:
        text += f" in {len(result.processes)} processes"
    if result.stopped_early:
        text += ", stopped early"
    return text


# The summary


def _summarise(run: Run, cells: Sequence[CellPage]) -> tuple[str, str, str]:
    """What the run comes to, what is worst and why, and what to do next."""
    if not cells:
        return "Nothing was measured.", "No test of this run has measured anything.", _end(run)
    worst = cells[0]
    return _verdict_line(run, cells), _worst_line(run, worst), _next_line(run, worst)


def _verdict_line(run: Run, cells: Sequence[CellPage]) -> str:
    counts = Counter(cell.outcome for cell in cells)
    parts = []
    for outcome in Outcome:
        if counts[outcome]:
            parts.append(f"{plural(counts[outcome], 'cell')} {outcome.value}")
    if counts[None]:
        parts.append(f"{plural(counts[None], 'cell')} without limits")
    text = f"{', '.join(parts)} (verdicts: {terminal.counts(run.cells)})."
    if not run.finished:
        text += " The run is not finished."
    return text


def _worst_line(run: Run, worst: CellPage) -> str:
    """The worst cell with its figure, and the likely cause that stands first."""
    if worst.outcome in (None, Outcome.PASS):
        return _closest_line(run) or f"{worst.label}: {worst.headline}."
    text = f"Worst: {worst.label}: {worst.headline}"
    if worst.findings:
        text += f". Most likely: {worst.findings[0].cause}"
    return f"{text}."


def _closest_line(run: Run) -> str | None:
    """Of a run that is all well: which cell comes nearest to a limit; None without limits.

    A capacity is not asked for: it is searched for no further than to what is wanted.
    """
    nearest: CellResult | None = None
    most = 0.0
    for result in run.cells:
        shares = [brief.used_share(verdict) for verdict in judged(result)]
        if result.capacity is None and max(shares, default=0.0) > most:
            nearest = result
            most = max(shares)
    if nearest is None:
        return None
    closest = brief.closest_to_limit(nearest)
    return f"Closest to its limit: {cell_label(nearest.cell)}, {closest}."


def _next_line(run: Run, worst: CellPage) -> str:
    """What to do, where a finding says it; else on what the verdicts rest."""
    if worst.findings and worst.outcome not in (None, Outcome.PASS):
        return f"Next: {worst.findings[0].next_step}."
    return _end(run)


def _end(run: Run) -> str:
    parts = [terminal.texts_line(run.cells), terminal.load_line(run.cells)]
    named = [part for part in parts if part]
    text = "; ".join(named) or "every raw trial is in the artifact"
    return f"{text[0].upper()}{text[1:]}."


# Cold beside warm


def _pair_phases(
    results: Sequence[CellResult],
    anchors: dict[str, str],
) -> Iterator[PhasePair]:
    """Each cold cell with the warm one of the same target, provider, voice, preset and mode."""
    warm_cells = _find_warm_cells(results)
    label_of = _pair_label(results)
    for cold in results:
        warm = warm_cells.get(_phase_key(cold.cell))
        if cold.cell.phase != "cold" or warm is None:
            continue
        rows = tuple(_phase_rows(cold, warm))
        if not rows:
            continue
        cell = cold.cell
        phases = start_phases_ms(cold)
        yield PhasePair(
            label=label_of(cell),
            cold_anchor=anchors[cell.id],
            warm_anchor=anchors[warm.cell.id],
            rows=rows,
            start_phases=tuple(Fact(name, number(ms, "ms")) for name, ms in phases.items()),
        )


def _find_warm_cells(results: Sequence[CellResult]) -> dict[tuple[str, ...], CellResult]:
    """Those with one listener, by what a cold cell shares with them; of several the largest."""
    found: dict[tuple[str, ...], CellResult] = {}
    for result in results:
        if result.cell.phase != "warm" or result.cell.load is not None:
            continue
        key = _phase_key(result.cell)
        if key not in found or count_trials(result) > count_trials(found[key]):
            found[key] = result
    return found


def _pair_label(results: Sequence[CellResult]) -> brief.Label:
    """What pairs are called: by what warm and cold have in common.

    With the target where the run has several, and with the cold test where several tests start the
    same: two tables under one name could not be told apart.
    """
    targets = {result.cell.target for result in results}
    starts = Counter(_phase_key(result.cell) for result in results if result.cell.phase == "cold")

    def label(cell: Cell) -> str:
        words = [cell.provider, cell.voice, cell.preset, cell.mode]
        if len(targets) > 1:
            words.insert(0, secrets.mask(cell.target))
        text = " ".join(words)
        if starts[_phase_key(cell)] == 1:
            return text
        return f"{text}, {cell.test}"

    return label


def _phase_key(cell: Cell) -> tuple[str, ...]:
    return cell.target, cell.provider, cell.voice, cell.preset, cell.mode


def _phase_rows(cold: CellResult, warm: CellResult) -> Iterator[PhaseRow]:
    """Metrics that were measured in both."""
    for metric, label, unit in COMPARED_PHASES:
        of_cold, of_warm = cold.summary.get(metric), warm.summary.get(metric)
        if of_cold is not None and of_warm is not None:
            yield _phase_row(metric, label, unit, of_cold, of_warm)


def _phase_row(
    metric: str,
    label: str,
    unit: str,
    cold: Summary,
    warm: Summary,
) -> PhaseRow:
    ratio = None
    if cold.p50 is not None and warm.p50:
        ratio = cold.p50 / warm.p50
    return PhaseRow(
        metric=metric,
        label=label,
        unit=unit,
        cold=cold.p50,
        warm=warm.p50,
        cold_n=cold.n,
        warm_n=warm.n,
        ratio=ratio,
        cold_text=number(cold.p50, unit),
        warm_text=number(warm.p50, unit),
        ratio_text="-" if ratio is None else f"{ratio:.3g} x",
    )


# The machine


def _environment_facts(environment: Environment) -> Iterator[Fact]:
    machine = environment.machine
    yield Fact("processor", f"{machine.cpu_model}, {_cores_text(environment)}")
    if machine.memory_gib is not None:
        yield Fact("memory", f"{machine.memory_gib} GiB")
    yield Fact("system", f"{machine.system} {machine.architecture}, Python {machine.python}")
    git = environment.git
    if git is not None:
        branch = f" ({git.branch})" if git.branch else ""
        changed = ", changed since" if git.dirty else ""
        yield Fact("revision", f"{git.revision[:SHOWN_DIGITS]}{branch}{changed}")
    yield Fact("pytest-ttsperf", environment.plugin_version)
    yield Fact("pytest", environment.pytest_version)


def _cores_text(environment: Environment) -> str:
    machine = environment.machine
    text = plural(machine.cores, "core")
    if machine.affinity != machine.cores:
        text += f", {machine.affinity} of them for this process"
    if machine.cpu_quota is not None:
        text += f", a quota of {machine.cpu_quota:g}"
    return text


def _list_disturbances(run: Run) -> Iterator[str]:
    """What of the machine puts figures in doubt, each with its number; once for cells alike."""
    git = run.environment.git
    if git is not None and git.dirty:
        yield "the working tree was changed since its revision: this run is of no commit"
    cells: dict[str, list[str]] = {}
    for result in run.cells:
        load = result.machine_load
        if load is None:
            continue
        for text in describe_disturbance(load, run.environment.machine.affinity):
            cells.setdefault(text, []).append(cell_label(result.cell))
    for text, labels in cells.items():
        where = labels[0] if len(labels) == 1 else f"{len(labels)} cells"
        yield f"{where}: {text}"


def _command(environment: Environment) -> str:
    """How to run it again; secrets that were typed stand there as asterisks."""
    return shlex.join(["pytest", *secrets.mask_arguments(environment.arguments)])

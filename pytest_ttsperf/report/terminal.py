"""Verdicts as text for people: the table of a run, and why a test failed. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from pytest_ttsperf.records import (
    Breakdown,
    Cell,
    CellResult,
    ChangeVerdict,
    Outcome,
    RecorderCost,
    StageShare,
    Summary,
    SystemLoad,
    Threshold,
    Verdict,
)

UNEXPLAINED = "unexplained"
WORTH_TELLING = 0.01
HEADINGS = ("cell, metric", "n", "p50", "p95", "95 % bound", "limit", "verdict")
Paint = Callable[[str, Outcome | None], str]
"""Colours a verdict's text; terminals without colour leave it as it is."""
HINTS = {
    "ttfa": "make the first chunk smaller or compute less before it; the target may offer stages() "
    "to tell where the time goes",
    "rtf": "the engine is slower than playback: fewer or faster steps per second of audio, more "
    "threads, another provider",
    "cadence": "chunks come later than playback needs them: smaller first chunks, computing the "
    "next chunk while the last one plays, or a larger prebuffer in the player",
    "memory": "look at rss_bytes of each trial in the artifact: a step is a cache or an arena, a "
    "slope is a leak",
    "unmeasured": "nothing was there to be measured: a reply of a single chunk has no gaps (limit "
    "underruns instead), one without sound has no TTFA",
    "baseline": "run it again with --ttsperf-compare; if it stays, bisect with the stages named",
    "change": "look at the stage named, or bisect with --ttsperf-against",
    "trust": "the number is not to be believed before this is explained",
}


def table(results: Sequence[CellResult], paint: Paint = lambda text, _: text) -> str:
    """A line per cell and below it a row per verdict, worst cell first."""
    rows = {
        result.cell.id: [(outcome, row) for outcome, row in _rows(result)] for result in results
    }
    widths = _widths([HEADINGS, *(row for group in rows.values() for _, row in group)])
    lines = _heading(HEADINGS, widths)
    for result in sorted(results, key=_worst_first):
        lines.append(_cell_label(result))
        for outcome, row in rows[result.cell.id]:
            body = _align(row, widths)
            verdict = row[-1]
            lines.append(body[: len(body) - len(verdict)] + paint(verdict, outcome))
    return "\n".join(lines)


def grid(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows below their headings: the first and last column to the left, the others to the right."""
    widths = _widths([headings, *rows])
    return "\n".join([*_heading(headings, widths), *(_align(row, widths) for row in rows)])


def failures(results: Iterable[CellResult], outcomes: Iterable[Outcome]) -> str:
    """Every verdict of the given outcomes with its evidence, stages and what to try."""
    wanted = set(outcomes)
    blocks = []
    for result in sorted(results, key=_worst_first):
        verdicts = [
            verdict
            for verdict in result.verdicts
            if verdict.outcome in wanted
            and (verdict.gate == "trust" or verdict.outcome is not Outcome.INVALID)
        ]
        if verdicts:
            blocks.append("\n".join(_explain(result, verdicts)))
    return "\n\n".join(blocks)


def remarks(results: Iterable[CellResult]) -> list[str]:
    """Trust notes and inconclusive reasons, one line each; what several cells share stands once."""
    cells: dict[str, list[str]] = {}
    for result in sorted(results, key=_worst_first):
        told = [
            f"{verdict.subject}: {verdict.reason}"
            for verdict in result.verdicts
            if verdict.outcome is Outcome.INCONCLUSIVE or verdict.improved
        ]
        judged = {verdict.subject for verdict in result.verdicts if verdict.gate == "trust"}
        told += [
            f"{note.guard}: {note.text}"
            for note in result.notes
            if not note.invalid and note.guard not in judged
        ]
        for text in told:
            cells.setdefault(text, []).append(_cell_label(result))
    return [
        f"{labels[0] if len(labels) == 1 else f'{len(labels)} cells'}: {text}"
        for text, labels in cells.items()
    ]


def counts(results: Sequence[CellResult]) -> str:
    """`7 PASS, 1 INCONCLUSIVE`, worst first."""
    outcomes = [verdict.outcome for result in results for verdict in result.verdicts]
    told = [f"{outcomes.count(o)} {o.value}" for o in Outcome if o in outcomes]
    better = sum(verdict.improved for result in results for verdict in result.verdicts)
    if better:
        told.append(f"{better} better than before")
    return ", ".join(told) or "nothing judged"


def no_decision_text(results: Sequence[CellResult], *, against: str | None) -> str:
    """That a run has decided nothing, or compared nothing with `against`; empty when it has."""
    comparisons = [result.comparison for result in results if result.comparison]
    gates = [verdict for result in results for verdict in result.verdicts]
    changes = [verdict for verdict in gates if verdict.gate == "change"]
    label = comparisons[0].against if comparisons else against
    if label is not None and not any(comparison.blocks for comparison in comparisons):
        return f"NOTHING WAS COMPARED with {label}"
    if label is not None and _are_open(changes):
        return f"NO GATE WAS DECIDED against {label}: it may be slower, and may not"
    return "NO GATE WAS DECIDED" if _are_open(gates) else ""


def _are_open(verdicts: Sequence[Verdict]) -> bool:
    """Whether there are any, and none is decided."""
    outcomes = {verdict.outcome for verdict in verdicts}
    return outcomes == {Outcome.INCONCLUSIVE}


def recorder_line(costs: Iterable[RecorderCost]) -> str | None:
    """What the recorder itself added, at worst over the cells."""
    known = list(costs)
    if not known:
        return None
    ttfa, chunk = max(c.ttfa_us for c in known), max(c.per_chunk_us for c in known)
    return f"recorder's own cost: {ttfa:.1f} us on TTFA, {chunk:.2f} us a chunk (null target)"


def weather_line(results: Iterable[CellResult]) -> str | None:
    """What else the machine did during the trials; the worst cell by name where it stands out."""
    known = [(result, result.machine_load) for result in results if result.machine_load]
    if not known:
        return None
    worst, sky = max(known, key=lambda pair: pair[1].others_cores or 0.0)
    told = [_others(sky), _steal([each for _, each in known])]
    told += _troubles([each for _, each in known])
    where = f" (worst: {_cell_label(worst)})" if len(known) > 1 and sky.others_cores else ""
    return f"weather during the trials{where}: {', '.join(told)}"


def _others(sky: SystemLoad) -> str:
    if sky.others_cores is None:
        return f"other load not measured ({sky.unmeasured.get('others_cores', 'no reason told')})"
    return f"{sky.others_cores:.0%} of one core was used by others"


def _steal(skies: Sequence[SystemLoad]) -> str:
    told = [sky.steal_share for sky in skies if sky.steal_share is not None]
    if not told:
        return f"steal not measured ({skies[0].unmeasured.get('steal_share', 'no reason told')})"
    return f"steal {'up to ' if len(told) > 1 else ''}{max(told):.0%}"


def _troubles(skies: Sequence[SystemLoad]) -> Iterator[str]:
    """What is told only when it happened."""
    swapped_mb = sum(sky.swapped_mb or 0.0 for sky in skies)
    if swapped_mb:
        yield f"{number(swapped_mb, 'MB')} swapped"
    stall = max(sky.memory_stall_share or 0.0 for sky in skies)
    if stall >= WORTH_TELLING:
        yield f"up to {stall:.0%} of the time some process waited for memory"
    throttles = sum(sky.thermal_throttles or 0 for sky in skies)
    if throttles:
        yield f"cores slowed down for heat {throttles} times"
    waited_s = sum(sky.quota_wait_s or 0.0 for sky in skies)
    if waited_s:
        yield f"a CPU quota held processes back for {waited_s:.2g} s"


def number(value: float | None, unit: str = "") -> str:
    """A number as people read it; `-` for what was not measured."""
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    text = f"{value:.{digits}f}" if value else "0"
    return f"{text} {unit}".strip()


def limit_text(threshold: Threshold) -> str:
    """The limit in force; an overridden one shows both."""
    text = number(threshold.limit, threshold.unit)
    if threshold.overridden_by is None:
        return text
    was = "none" if threshold.declared is None else number(threshold.declared)
    return f"{text} (was {was})"


def _rows(result: CellResult) -> Iterator[tuple[Outcome | None, tuple[str, ...]]]:
    verdicts = sorted(result.verdicts, key=lambda v: v.outcome.rank)
    if not verdicts:
        summary = result.summary.get("ttfa_ms")
        yield None, ("  ttfa", *_figures(result, summary), "-", "no limit")
    for verdict in verdicts:
        yield verdict.outcome, _row(result, verdict)


def _row(result: CellResult, verdict: Verdict) -> tuple[str, ...]:
    if verdict.gate == "change":
        return _change_row(result, verdict)
    threshold = verdict.threshold
    limit = limit_text(threshold) if threshold else number(verdict.limit, verdict.unit)
    key = threshold.sample_key if threshold else verdict.metric or ""
    statistic = threshold.statistic if threshold else verdict.statistic
    figures = _figures(result, result.summary.get(key), statistic)
    if threshold is not None and threshold.marker == "memory":
        figures = (str(_trials(result)), number(verdict.value), "", "")
    return f"  {verdict.subject}", *figures, limit, verdict.outcome.value


def _change_row(result: CellResult, verdict: Verdict) -> tuple[str, ...]:
    """Blocks, the change, what it is at most with 95 %, and the smallest that counts."""
    found = _change(result, verdict)
    outcome = f"{verdict.outcome.value}{' (better)' if verdict.improved else ''}"
    if found is None:
        return f"  {verdict.subject}", "-", "-", "", "-", "-", outcome
    return (
        f"  {verdict.subject}",
        f"{found.blocks} blocks",
        change_text(found.effect, found),
        "",
        f"<= {change_text(found.high, found)}",
        change_text(found.margin, found),
        outcome,
    )


def _change(result: CellResult, verdict: Verdict) -> ChangeVerdict | None:
    """What a comparison found that a verdict is about."""
    comparison = result.comparison
    if comparison is None:
        return None
    pairs = zip(comparison.gates, comparison.changes, strict=False)
    return next((found for gate, found in pairs if gate.metric == verdict.metric
                 and verdict.statistic in (gate.statistic, None)), None)  # fmt: skip


def change_text(value: float | None, change: ChangeVerdict) -> str:
    """`+1.3 %`, or `+0.4 MB` on the scale `difference`."""
    if value is None:
        return "-"
    if change.scale == "ratio":
        return f"{100 * value:+.1f} %"
    return f"{value:+.3g} {change.unit}".rstrip()


def _figures(
    result: CellResult, summary: Summary | None, judged: str | None = None
) -> tuple[str, str, str, str]:
    """n, p50, p95 and the bound of the percentile judged, which few trials do not have."""
    if summary is None or summary.p95 is None:
        return str(_trials(result)), "-", "-", "-"
    bounds = {"p50": summary.p50_bound, "p99": summary.p99_bound}
    bound = bounds.get(judged or "", summary.p95_bound)
    told = "n too small" if bound is None else f"<= {number(bound)}"
    if judged == "max":
        told = ""
    return str(summary.n), number(summary.p50), number(summary.p95), told


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]


def _heading(headings: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [_align(headings, widths), "-" * (sum(widths) + 2 * len(widths) - 2)]


def _align(row: Sequence[str], widths: Sequence[int]) -> str:
    """First and last column to the left, figures to the right."""
    first, *middle, last = row
    figures = [text.rjust(width) for text, width in zip(middle, widths[1:-1], strict=True)]
    return "  ".join([first.ljust(widths[0]), *figures, last])


def _explain(result: CellResult, verdicts: Sequence[Verdict]) -> Iterator[str]:
    cell = result.cell
    yield (
        f"{_cell_label(result)}: {cell.target}, voice {cell.voice}, "
        f"{_trials(result)} of {result.declared_trials} trials"
        + (", stopped early" if result.stopped_early else "")
    )
    for verdict in verdicts:
        yield f"  {verdict.outcome.value}  {verdict.subject}: {verdict.reason}"
        for line in (_lead_in(result, verdict), _stages(result.breakdown, verdict)):
            if line:
                yield f"        {line}"
    for gate in dict.fromkeys(_hint_key(verdict) for verdict in verdicts):
        yield f"  Try: {_largest_stage(result.breakdown, gate) or HINTS[gate]}."


def _largest_stage(breakdown: Breakdown, gate: str) -> str:
    """Which stage to look at first, where the target's stages explain the time at all."""
    shares = {"ttfa": breakdown.to_first_sound, "rtf": breakdown.whole}.get(gate, ())
    if not shares or shares[0].stage == UNEXPLAINED:
        return ""
    window = "time to the first sound" if gate == "ttfa" else "whole time"
    return f"look at {shares[0].stage} first, it takes {shares[0].share:.0%} of the {window}"


def _hint_key(verdict: Verdict) -> str:
    if verdict.gate == "limit" and verdict.value is None:
        return "unmeasured"
    if verdict.gate == "limit" and verdict.threshold is not None:
        return verdict.threshold.marker
    return verdict.gate


def _lead_in(result: CellResult, verdict: Verdict) -> str:
    """What of a heard TTFA is waiting for audio, and what is silence inside the audio."""
    waited, silent = result.summary.get("ttfa_sound_ms"), result.summary.get("lead_in_ms")
    if verdict.metric != "ttfa_ms" or waited is None or silent is None or silent.p50 is None:
        return ""
    if silent.p50 < 1:
        return ""
    return (
        f"median: the chunk with the first sound came after {number(waited.p50, 'ms')}, and "
        f"{number(silent.p50, 'ms')} of silence lead up to that sound"
    )


def _stages(breakdown: Breakdown, verdict: Verdict) -> str:
    metric = verdict.metric or ""
    if metric.startswith(("ttfa", "ttfs")):
        return _shares("to the first sound", breakdown.to_first_sound)
    if metric.startswith(("rtf", "gap", "underruns", "prebuffer")):
        return _shares("over the whole trial", breakdown.whole)
    return ""


def _shares(what: str, shares: Sequence[StageShare]) -> str:
    if not shares:
        return "stages: not told by the target (it may offer stages())"
    told = ", ".join(f"{s.stage} {number(s.ms)} ms ({s.share:.0%})" for s in shares[:4])
    return f"stages {what}, median: {told}"


def _cell_label(result: CellResult) -> str:
    return cell_label(result.cell)


def cell_label(cell: Cell) -> str:
    """A cell in few words: its test without the file, preset, mode and phase."""
    return f"{cell.test.rsplit('::', 1)[-1]} {cell.preset} {cell.mode} {cell.phase}"


def _trials(result: CellResult) -> int:
    """Counted trials, also of a result that has left its raw trials behind."""
    return max((summary.n for summary in result.summary.values()), default=0)


def _worst_first(result: CellResult) -> tuple[int, str]:
    return (result.outcome.rank if result.outcome else len(Outcome), result.cell.id)

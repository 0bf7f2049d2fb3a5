"""Verdicts as text for people: the tables of a run, and why a test failed. Decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from pytest_ttsperf.records import (
    Breakdown,
    CellResult,
    Outcome,
    RecorderCost,
    StageShare,
    SystemLoad,
    Threshold,
    Verdict,
)
from pytest_ttsperf.report import brief, crowd, layout, rows, soak
from pytest_ttsperf.report.brief import Label, Paint
from pytest_ttsperf.report.rows import cell_label, number, worst_first

UNEXPLAINED = "unexplained"
WORTH_TELLING = 0.01
LATE = ("ttfa", "rtf", "cadence")
"""Marks of what waiting for others makes worse."""
SHOWN_DIGITS = 12
"""Of a revision."""
HINTS = {
    "ttfa": "make the first chunk smaller or compute less before it; the target may offer stages() "
    "to tell where the time goes",
    "slower than playback": "the engine is slower than playback: fewer or faster steps per second "
    "of audio, more threads, another provider",
    "slower with many": "with so many listeners the engine is slower than playback: fewer at once, "
    "fewer or faster steps per second of audio, more threads, another provider",
    "some slower than playback": "most answers keep ahead of playback, and the slowest do not: "
    "compare a slow trial with a usual one (its text, its stages, other work on the machine)",
    "rtf of a start": "a cold answer has a start in its time, so this does not say how fast the "
    "engine speaks: shorten the start, and limit the rtf of warm_engine beside it",
    "rtf": "the engine keeps up with playback, but not within the limit: fewer or faster steps per "
    "second of audio, more threads, another provider",
    "cadence": "chunks come later than playback needs them: smaller first chunks, computing the "
    "next chunk while the last one plays, or a larger prebuffer in the player",
    "all at once": "send each chunk as soon as it is made; if the engine does, look for what "
    "collects the answer on its way: a framework that wants its length, a proxy, an encoder",
    "memory": "look at rss_bytes of each trial in the artifact: a step is a cache or an arena, a "
    "slope is a leak",
    "quality": "listen to what the target says for the text named; for words, a recogniser that "
    "understands the voice (recognizer=) errs less by itself",
    "seams": "listen at the second named: carry the state of the synthesis on from chunk to chunk, "
    "or let chunks overlap",
    "crowd": "measure it with one listener too (--ttsperf-listeners=1,8): what grows with the "
    "listeners is waiting, for a lock, a pool that is too small, a queue or a busy loop",
    "barge_in": "stop the synthesis when its listener is gone: look between chunks whether the "
    "connection is closed or the iterator was, and free what it held",
    "soak": "look at the slices in the artifact, one after the other: a queue or a cache without "
    "an end, handles that nobody closes; for drift also at a machine that becomes hot",
    "capacity": "look at what the first level that fails misses: a late first sound waits for "
    "others, stalls are too little time for the audio",
    "unmeasured": "nothing was there to be measured: a reply of a single chunk has no gaps (limit "
    "underruns instead), one without sound has no TTFA",
    "baseline": "run it again with --ttsperf-compare; if it stays, bisect with the stages named",
    "change": "look at the stage named, or bisect with --ttsperf-against",
    "work": "listen to both versions; if the new one is to sound so, raise the margin of this "
    "figure (--ttsperf-compare-fail, or @regression)",
    "trust": "the number is not to be believed before this is explained",
}


def _plain(text: str, _: Outcome | None) -> str:
    return text


def summary_table(
    results: Sequence[CellResult],
    paint: Paint = _plain,
    *,
    width: int | None = None,
) -> str:
    """The end of a run: what concerns every cell, then all rows of the cells to look at.

    Those in which all is well follow with a line each. No line is wider than `width` characters,
    but for a word that is.
    """
    ordered = sorted(results, key=worst_first)
    label = brief.label_of(ordered)
    to_look_at = [result for result in ordered if not brief.is_well(result)]
    well = [result for result in ordered if brief.is_well(result)]
    blocks = []
    shared = brief.shared_line(ordered)
    if shared is not None:
        blocks.append(layout.fold_text(shared, width))
    if to_look_at:
        blocks.append(table(to_look_at, paint, label=label, width=width))
    if well:
        blocks.append(brief.table(well, paint, label=label, width=width))
    return "\n\n".join(blocks)


def whole_table(
    results: Sequence[CellResult],
    paint: Paint = _plain,
    *,
    width: int | None = None,
) -> str:
    """What concerns every cell, and all rows of all cells."""
    shared = brief.shared_line(results)
    text = table(results, paint, width=width)
    if shared is None:
        return text
    return f"{layout.fold_text(shared, width)}\n\n{text}"


def table(
    results: Sequence[CellResult],
    paint: Paint = _plain,
    *,
    label: Label = cell_label,
    width: int | None = None,
) -> str:
    """A line per cell and below it a row per verdict, worst cell first.

    Where the columns do not fit into `width` characters, each row is a sentence.
    """
    ordered = sorted(results, key=worst_first)
    cells = [(result, list(rows.verdict_rows(result))) for result in ordered]
    texts: list[rows.Row] = [rows.HEADINGS]
    for _, rows_of_cell in cells:
        texts += [row for _, row in rows_of_cell]
    widths = layout.fit_widths(texts, width)
    lines = [] if widths is None else layout.heading(rows.HEADINGS, widths)
    for result, rows_of_cell in cells:
        lines += layout.fold(label(result.cell), width)
        for outcome, row in rows_of_cell:
            lines += _row_lines(row, outcome, paint, widths, width)
        for line in _description(result):
            lines += layout.fold(f"  {line}", width)
    return "\n".join(lines)


def _row_lines(
    row: rows.Row,
    outcome: Outcome | None,
    paint: Paint,
    widths: Sequence[int] | None,
    width: int | None,
) -> list[str]:
    """A row in its columns or, where they do not fit, as a sentence behind its verdict."""
    verdict = row[-1]
    if widths is None:
        first, *others = layout.fold(f"  {verdict}  {rows.sentence(row)}", width, hang="    ")
        return [f"  {paint(verdict, outcome)}{first[2 + len(verdict) :]}", *others]
    *above, last = layout.align_lines(row, widths)
    return [*above, last.removesuffix(verdict) + paint(verdict, outcome)]


def _description(result: CellResult) -> Iterator[str]:
    """What is said of many listeners and of a soak, below the rows."""
    if result.load is not None:
        yield from crowd.describe_load(result.load)
    if result.soak is not None:
        yield from soak.describe_soak(result.soak, result.memory)


# Why a test failed


def failures(results: Iterable[CellResult], outcomes: Iterable[Outcome]) -> str:
    """Every verdict of the given outcomes with its evidence, stages and what to try."""
    wanted = set(outcomes)
    blocks = []
    for result in sorted(results, key=worst_first):
        verdicts = [verdict for verdict in result.verdicts if verdict.outcome in wanted]
        verdicts = [verdict for verdict in verdicts if not _is_voided(verdict)]
        if verdicts:
            blocks.append("\n".join(_explain(result, verdicts)))
    return "\n\n".join(blocks)


def _is_voided(verdict: Verdict) -> bool:
    """Whether another verdict says why this one is void."""
    return verdict.outcome is Outcome.INVALID and verdict.gate != "trust"


def _explain(result: CellResult, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Lines about one cell: each verdict with what speaks for it, then what to try."""
    cell = result.cell
    stopped = ", stopped early" if result.stopped_early else ""
    yield (
        f"{cell_label(result.cell)}: {cell.target}, voice {cell.voice}, "
        f"{_evidence(result)}{_processes(result)}{stopped}"
    )
    explained = {""}
    for verdict in verdicts:
        yield f"  {verdict.outcome.value}  {verdict.subject}: {verdict.reason}"
        for line in (_lead_in(result, verdict), _stages(result.breakdown, verdict)):
            # Several figures have the same stages: they are said below the first.
            if line not in explained:
                yield f"        {line}"
            explained.add(line)
    if result.load is not None:
        for line in crowd.describe_losses(result.load):
            yield f"  {line}"
    for hint in dict.fromkeys(_hints(result, verdicts)):
        yield f"  Try: {hint}."


def _evidence(result: CellResult) -> str:
    """How much was measured: trials, windows, or the levels of a search."""
    if result.soak is not None:
        return soak.count_slices(result.soak)
    if result.load is not None:
        return crowd.count_windows(result.load)
    if result.capacity is not None:
        return crowd.describe_search(result.capacity)
    return f"{rows.count_trials(result)} of {result.declared_trials} trials"


def _hints(result: CellResult, verdicts: Iterable[Verdict]) -> Iterator[str]:
    """What to try, for each verdict; of a crowd also how to find out whether it is that."""
    is_late = False
    for verdict in verdicts:
        yield _hint(result, verdict)
        threshold = verdict.threshold
        is_late = is_late or (threshold is not None and threshold.marker in LATE)
    if result.load is not None and is_late:
        yield HINTS["crowd"]


def _processes(result: CellResult) -> str:
    """Over how many processes the trials were spread, if over several."""
    count = len(result.processes)
    return f" in {count} processes" if count > 1 else ""


def _hint(result: CellResult, verdict: Verdict) -> str:
    """What to try; the largest stage, where the target's stages explain the time at all."""
    threshold = verdict.threshold
    if verdict.gate != "limit":
        return HINTS[verdict.gate]
    if threshold is not None and threshold.marker in rows.SINGLE_FIGURES:
        return HINTS[threshold.marker]
    if threshold is None or verdict.value is None:
        return HINTS["unmeasured"]
    stage_hint = _stage_hint(result.breakdown, threshold.marker)
    if stage_hint:
        return stage_hint
    if threshold.marker == "rtf":
        return HINTS[_rtf_hint_name(result, threshold, verdict.value)]
    if verdict.metric == rows.DELIVERY:
        return HINTS["all at once"]
    return HINTS[threshold.marker]


def _rtf_hint_name(result: CellResult, threshold: Threshold, rtf: float) -> str:
    """Which of the HINTS is about an RTF over its limit.

    The engine itself is slower than playback where most answers of a warm one are, to which nobody
    else listens: a cold answer has a start in its time, and a percentile is of the slowest.
    """
    if result.cell.phase == "cold":
        return "rtf of a start"
    if rtf <= 1:
        return "rtf"
    sample = result.summary.get(threshold.sample_key)
    if sample is not None and sample.p50 is not None and sample.p50 <= 1:
        return "some slower than playback"
    return "slower than playback" if result.cell.load is None else "slower with many"


def _stage_hint(breakdown: Breakdown, marker: str) -> str:
    """Which stage to look at first, for a mark that limits a time; empty for others."""
    if marker == "ttfa":
        return _largest_stage(breakdown.to_first_sound, "time to the first sound")
    if marker == "rtf":
        return _largest_stage(breakdown.whole, "whole time")
    return ""


def _largest_stage(shares: Sequence[StageShare], window: str) -> str:
    """Which stage to look at first; empty where stages do not explain the time."""
    if not shares or shares[0].stage == UNEXPLAINED:
        return ""
    return f"look at {shares[0].stage} first, it takes {shares[0].share:.0%} of the {window}"


def _lead_in(result: CellResult, verdict: Verdict) -> str:
    """What of a heard TTFA is waiting for audio, and what is silence inside the audio."""
    if verdict.metric != "ttfa_ms":
        return ""
    waited = result.summary.get("ttfa_sound_ms")
    silent = result.summary.get("lead_in_ms")
    if waited is None or silent is None or silent.p50 is None or silent.p50 < 1:
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


def _shares(window: str, shares: Sequence[StageShare]) -> str:
    if not shares:
        return "stages: not told by the target (it may offer stages())"
    largest = [f"{each.stage} {number(each.ms)} ms ({each.share:.0%})" for each in shares[:4]]
    return f"stages {window}, median: {', '.join(largest)}"


# What is not certain


def remarks(
    results: Sequence[CellResult],
    *,
    label: Label = cell_label,
    is_whole: bool = False,
) -> list[str]:
    """Trust notes and inconclusive reasons, one line each; what several cells share stands once.

    But for missing baselines; see `no_baseline_lines`. If `is_whole`, every cell is named that a
    line is about, and the guard that a note comes from.
    """
    cells: dict[str, list[str]] = {}
    for result in sorted(results, key=worst_first):
        for text in _remarks(result, is_whole=is_whole):
            cells.setdefault(text, []).append(label(result.cell))
    lines = []
    for text, labels in cells.items():
        about = "; ".join(labels) if is_whole else _cells_label(labels, len(results))
        lines.append(f"{about}: {text}")
    return lines


def _remarks(result: CellResult, *, is_whole: bool) -> Iterator[str]:
    """Open and improved verdicts, and the notes that no verdict repeats."""
    guards = set()
    for verdict in result.verdicts:
        is_open = verdict.outcome is Outcome.INCONCLUSIVE and not verdict.lacks_baseline
        if is_open or verdict.improved:
            yield _verdict_sentence(verdict)
        if verdict.gate == "trust":
            guards.add(verdict.subject)
    for note in result.notes:
        if not note.invalid and note.guard not in guards:
            yield f"{note.text} [{note.guard}]" if is_whole else note.text


def _verdict_sentence(verdict: Verdict) -> str:
    """Subject and reason, where the reason does not begin with its subject."""
    if verdict.reason.startswith(verdict.subject):
        return verdict.reason
    return f"{verdict.subject}: {verdict.reason}"


def _cells_label(labels: Sequence[str], of: int) -> str:
    """The one cell, that it is every cell, or how many."""
    if len(labels) == 1:
        return labels[0]
    if len(labels) == of:
        return "every cell"
    return f"{len(labels)} cells"


def no_baseline_lines(results: Iterable[CellResult]) -> list[str]:
    """How many cells this machine has no baseline of, and what can be done: not a line a cell."""
    missing = _missing_baselines(results)
    revisions = [verdict.revision[:SHOWN_DIGITS] for verdict in missing if verdict.revision]
    nowhere = len(missing) - len(revisions)
    lines = []
    if revisions:
        lines.append(
            f"{_cells_have(len(revisions))} no baseline of this machine; --ttsperf-compare=measure "
            "compares with the revision that others were saved from: "
            f"{', '.join(dict.fromkeys(revisions))}"
        )
    if nowhere:
        lines.append(
            f"{_cells_have(nowhere)} no baseline, and no revision to compare with; save them from "
            "code that is committed (pytest -m perf --ttsperf-save): five runs judge on this "
            "machine, and one is enough for --ttsperf-compare=measure on any other"
        )
    return lines


def _missing_baselines(results: Iterable[CellResult]) -> list[Verdict]:
    """Verdicts that only say so, of cells that could have one."""
    missing = []
    for result in results:
        if result.outcome is not Outcome.INVALID:
            missing += [verdict for verdict in result.verdicts if verdict.lacks_baseline]
    return missing


def _cells_have(count: int) -> str:
    return "1 cell has" if count == 1 else f"{count} cells have"


# The run in a few lines


def counts(results: Sequence[CellResult]) -> str:
    """`7 PASS, 1 INCONCLUSIVE`, worst first."""
    outcomes = Counter(verdict.outcome for verdict in _verdicts(results))
    texts = [f"{outcomes[outcome]} {outcome.value}" for outcome in Outcome if outcomes[outcome]]
    improved = sum(verdict.improved for verdict in _verdicts(results))
    if improved:
        texts.append(f"{improved} better than before")
    return ", ".join(texts) or "nothing judged"


def _verdicts(results: Iterable[CellResult]) -> list[Verdict]:
    return [verdict for result in results for verdict in result.verdicts]


def no_decision_text(results: Sequence[CellResult], *, against: str | None) -> str:
    """That a run has decided nothing, or compared nothing with `against`; empty when it has."""
    comparisons = [result.comparison for result in results if result.comparison]
    if comparisons:
        against = comparisons[0].against
    verdicts = _verdicts(results)
    if against is not None:
        if not any(comparison.blocks for comparison in comparisons):
            return f"NOTHING WAS COMPARED with {against}"
        if _are_open(filter(_decides_change, verdicts)):
            return f"NO GATE WAS DECIDED against {against}: it may be slower, and may not"
    return "NO GATE WAS DECIDED" if _are_open(verdicts) else ""


def _decides_change(verdict: Verdict) -> bool:
    """Whether it says something of a change: that the work is the same says nothing of times."""
    is_other_work = verdict.gate == "work" and verdict.outcome is Outcome.FAIL
    return verdict.gate == "change" or is_other_work


def _are_open(verdicts: Iterable[Verdict]) -> bool:
    """Whether there are any, and none is decided."""
    outcomes = {verdict.outcome for verdict in verdicts}
    return outcomes == {Outcome.INCONCLUSIVE}


def recorder_line(costs: Iterable[RecorderCost]) -> str | None:
    """What the recorder itself added, at worst over the cells."""
    costs = list(costs)
    if not costs:
        return None
    ttfa_us = max(cost.ttfa_us for cost in costs)
    per_chunk_us = max(cost.per_chunk_us for cost in costs)
    return (
        f"recorder's own cost: {ttfa_us:.1f} us on TTFA, {per_chunk_us:.2f} us a chunk "
        "(null target)"
    )


def texts_line(results: Iterable[CellResult]) -> str | None:
    """At which texts the presets were started, and how to start there again."""
    starts = [result.texts_from for result in results if result.texts_from is not None]
    if not starts:
        return None
    start = starts[0]
    return f"texts from number {start} of each preset on (again: --ttsperf-texts-from={start})"


def load_line(results: Iterable[CellResult]) -> str | None:
    """What else the machine did during the trials; the worst cell by name where it stands out."""
    measured = [(result, result.machine_load) for result in results if result.machine_load]
    if not measured:
        return None
    loads = [load for _, load in measured]
    worst, worst_load = max(measured, key=lambda pair: pair[1].others_cores or 0.0)
    where = ""
    if len(loads) > 1 and worst_load.others_cores:
        where = f" (worst: {cell_label(worst.cell)})"
    facts = [_others(worst_load), _steal(loads), *_troubles(loads)]
    return f"disturbances during the trials{where}: {', '.join(facts)}"


def _others(load: SystemLoad) -> str:
    if load.others_cores is None:
        return f"other load not measured ({load.unmeasured.get('others_cores', 'no reason told')})"
    return f"{load.others_cores:.0%} of one core was used by others"


def _steal(loads: Sequence[SystemLoad]) -> str:
    shares = _values_of(loads, "steal_share")
    if not shares:
        reason = loads[0].unmeasured.get("steal_share", "no reason told")
        return f"what the host withheld is not measured ({reason})"
    most = f"{max(shares):.0%}"
    if most == "0%":
        return "the host withheld nothing of the CPU"
    up_to = "up to " if len(shares) > 1 else ""
    return f"{up_to}{most} of the CPU was withheld by the host"


def _values_of(loads: Iterable[SystemLoad], field: str) -> list[float]:
    """A field of each load, but for those in which it was not measured."""
    values = [getattr(load, field) for load in loads]
    return [value for value in values if value is not None]


def _troubles(loads: Sequence[SystemLoad]) -> Iterator[str]:
    """What is reported only when it happened."""
    swapped_mb = sum(_values_of(loads, "swapped_mb"))
    if swapped_mb:
        yield f"{number(swapped_mb, 'MB')} swapped"
    stall = max(_values_of(loads, "memory_stall_share"), default=0.0)
    if stall >= WORTH_TELLING:
        yield f"up to {stall:.0%} of the time some process waited for memory"
    throttles = sum(_values_of(loads, "thermal_throttles"))
    if throttles:
        yield f"cores slowed down for heat {throttles} times"
    waited_s = sum(_values_of(loads, "quota_wait_s"))
    if waited_s:
        yield f"a CPU quota held processes back for {waited_s:.2g} s"

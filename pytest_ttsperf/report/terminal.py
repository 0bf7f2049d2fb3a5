"""Verdicts as text for people: the table of a run, and why a test failed. Decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from pytest_ttsperf.records import (
    Breakdown,
    Cell,
    CellResult,
    ChangeVerdict,
    Comparison,
    Outcome,
    RecorderCost,
    StageShare,
    Summary,
    SystemLoad,
    Threshold,
    UngatedChange,
    Verdict,
)
from pytest_ttsperf.report import crowd, soak

UNEXPLAINED = "unexplained"
WORTH_TELLING = 0.01
SINGLE_FIGURES = ("barge_in", "capacity", "soak")
"""Marks that limit what no trial has by itself."""
SHARES = ("next_ttfa", "drift")
"""Keywords whose figures are shares."""
LATE = ("ttfa", "rtf", "cadence")
"""Marks of what waiting for others makes worse."""
SHOWN_DIGITS = 12
"""Of a revision."""
HEADINGS = ("cell, metric", "n", "p50", "p95", "95 % bound", "limit", "verdict")
Paint = Callable[[str, Outcome | None], str]
"""Colours a verdict's text; terminals without colour leave it as it is."""
Row = tuple[str, ...]
HINTS = {
    "ttfa": "make the first chunk smaller or compute less before it; the target may offer stages() "
    "to tell where the time goes",
    "slower than playback": "the engine is slower than playback: fewer or faster steps per second "
    "of audio, more threads, another provider",
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


def table(results: Sequence[CellResult], paint: Paint = lambda text, _: text) -> str:
    """A line per cell and below it a row per verdict, worst cell first."""
    cells = [(result, list(verdict_rows(result))) for result in sorted(results, key=worst_first)]
    texts: list[Row] = [HEADINGS]
    for _, rows in cells:
        texts += [row for _, row in rows]
    widths = _widths(texts)
    lines = _heading(HEADINGS, widths)
    for result, rows in cells:
        lines.append(_cell_label(result))
        for outcome, row in rows:
            verdict = row[-1]
            lines.append(_align(row, widths).removesuffix(verdict) + paint(verdict, outcome))
        if result.load is not None:
            lines += [f"  {line}" for line in crowd.describe_load(result.load)]
        if result.soak is not None:
            lines += [f"  {line}" for line in soak.describe_soak(result.soak, result.memory)]
    return "\n".join(lines)


def grid(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows below their headings: the first and last column to the left, the others to the right."""
    widths = _widths([headings, *rows])
    lines = _heading(headings, widths)
    for row in rows:
        lines.append(_align(row, widths))
    return "\n".join(lines)


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


def remarks(results: Iterable[CellResult]) -> list[str]:
    """Trust notes and inconclusive reasons, one line each; what several cells share stands once.

    But for missing baselines; see `no_baseline_lines`.
    """
    cells: dict[str, list[str]] = {}
    for result in sorted(results, key=worst_first):
        for text in _remarks(result):
            cells.setdefault(text, []).append(_cell_label(result))
    return [f"{_cells_label(labels)}: {text}" for text, labels in cells.items()]


def _remarks(result: CellResult) -> Iterator[str]:
    """Open and improved verdicts, and the notes that no verdict repeats."""
    judged = set()
    for verdict in result.verdicts:
        is_open = verdict.outcome is Outcome.INCONCLUSIVE and not verdict.lacks_baseline
        if is_open or verdict.improved:
            yield f"{verdict.subject}: {verdict.reason}"
        if verdict.gate == "trust":
            judged.add(verdict.subject)
    for note in result.notes:
        if not note.invalid and note.guard not in judged:
            yield f"{note.guard}: {note.text}"


def no_baseline_lines(results: Iterable[CellResult]) -> list[str]:
    """How many cells this machine has no baseline of, and what can be done: not a line a cell."""
    revisions: dict[str, None] = {}
    elsewhere = 0
    nowhere = 0
    for result in results:
        if result.outcome is Outcome.INVALID:
            continue
        for verdict in result.verdicts:
            if verdict.lacks_baseline and verdict.revision is not None:
                revisions[verdict.revision[:SHOWN_DIGITS]] = None
                elsewhere += 1
            elif verdict.lacks_baseline:
                nowhere += 1
    lines = []
    if elsewhere:
        lines.append(
            f"{_cells_have(elsewhere)} no baseline of this machine; --ttsperf-compare=measure "
            f"compares with the revision that others were saved from: {', '.join(revisions)}"
        )
    if nowhere:
        lines.append(
            f"{_cells_have(nowhere)} no baseline, and no revision to compare with; save them from "
            "code that is committed (pytest -m perf --ttsperf-save): five runs judge on this "
            "machine, and one is enough for --ttsperf-compare=measure on any other"
        )
    return lines


def _cells_have(count: int) -> str:
    return "1 cell has" if count == 1 else f"{count} cells have"


def _cells_label(labels: Sequence[str]) -> str:
    return labels[0] if len(labels) == 1 else f"{len(labels)} cells"


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
        where = f" (worst: {_cell_label(worst)})"
    facts = [_others(worst_load), _steal(loads), *_troubles(loads)]
    return f"disturbances during the trials{where}: {', '.join(facts)}"


def _others(load: SystemLoad) -> str:
    if load.others_cores is None:
        return f"other load not measured ({load.unmeasured.get('others_cores', 'no reason told')})"
    return f"{load.others_cores:.0%} of one core was used by others"


def _steal(loads: Sequence[SystemLoad]) -> str:
    shares = _values_of(loads, "steal_share")
    if not shares:
        return f"steal not measured ({loads[0].unmeasured.get('steal_share', 'no reason told')})"
    up_to = "up to " if len(shares) > 1 else ""
    return f"steal {up_to}{max(shares):.0%}"


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


def number(value: float | None, unit: str = "") -> str:
    """A number as people read it; `-` for what was not measured."""
    if value is None:
        return "-"
    decimals = sum(abs(value) < bound for bound in (1, 10, 100))
    text = f"{value:.{decimals}f}" if value else "0"
    return f"{text} {unit}".strip()


def limit_text(threshold: Threshold) -> str:
    """The limit in force; an overridden one shows both."""
    text = _amount(threshold, threshold.limit, threshold.unit)
    if threshold.overridden_by is None:
        return text
    was = "none" if threshold.declared is None else _amount(threshold, threshold.declared)
    return f"{text} (was {was})"


def _amount(threshold: Threshold, value: float | None, unit: str = "") -> str:
    """A figure that is limited, or its limit: listeners are whole, and a change is a share."""
    if value is not None and threshold.metric in ("capacity", "all_at_once"):
        return f"{value:g}"
    if value is not None and threshold.keyword in SHARES:
        return f"{value:.1%}".replace(".0%", "%")
    return number(value, unit)


def verdict_rows(result: CellResult) -> Iterator[tuple[Outcome | None, Row]]:
    """A row per verdict, or one without a limit; and of what is streamed, the longest stall.

    A row has as many texts as HEADINGS.
    """
    verdicts = [verdict for verdict in result.verdicts if not verdict.lacks_baseline]
    if not verdicts and _has_samples(result):
        figures = _figures(result, result.summary.get("ttfa_ms"))
        yield None, ("  ttfa", *figures, "-", "no limit")
    for verdict in sorted(verdicts, key=lambda verdict: verdict.outcome.rank):
        if verdict.gate in ("change", "work"):
            yield verdict.outcome, _change_row(result, verdict)
        else:
            yield verdict.outcome, _row(result, verdict)
    if result.comparison is not None:
        for ungated in result.comparison.ungated:
            yield None, _ungated_row(result.comparison, ungated)
    if any(verdict.metric == "rtf" and verdict.gate == "limit" for verdict in result.verdicts):
        yield None, _silence_row(result)
    if result.cell.mode == "stream" and _has_samples(result):
        yield None, _stall_row(result)


def _has_samples(result: CellResult) -> bool:
    """Whether anybody listened to the end: not in a search, nor where each answer is hung up."""
    if result.load is not None and result.load.barge_in is not None:
        return bool(result.load.windows)
    return result.capacity is None


def _silence_row(result: CellResult) -> Row:
    """What of the audio that the RTF is by says nothing."""
    figures = _figures(result, result.summary.get("silence_share"), "max")
    return "  silence share", *figures, "-", "no limit"


def _stall_row(result: CellResult) -> Row:
    """How long a player stood still at worst: a hole is seen, whatever a test limits."""
    subject = "  longest stall"
    if result.prebuffer_ms:
        subject += f" ({result.prebuffer_ms:g} ms buffered)"
    figures = _figures(result, result.summary.get(result.longest_stall_key), "max")
    return subject, *figures, "-", "no limit"


def _row(result: CellResult, verdict: Verdict) -> Row:
    threshold = verdict.threshold
    if threshold is None:
        figures = _figures(result, result.summary.get(verdict.metric or ""), verdict.statistic)
        limit = number(verdict.limit, verdict.unit)
    elif threshold.is_sampled:
        figures = (str(verdict.n), number(verdict.value), "", "")
        limit = limit_text(threshold)
    elif threshold.marker == "memory":
        bound = _single_bound(threshold, verdict)
        figures = (_measured_in(result), number(verdict.value), "", bound)
        limit = limit_text(threshold)
    elif threshold.marker in SINGLE_FIGURES:
        bound = _single_bound(threshold, verdict)
        figures = (str(verdict.n), _amount(threshold, verdict.value), "", bound)
        limit = limit_text(threshold)
    else:
        summary = result.summary.get(threshold.sample_key)
        figures = _figures(result, summary, threshold.statistic)
        if result.load is not None:
            figures = (crowd.plural(verdict.n, "window"), *figures[1:3], _window_bound(verdict))
        elif verdict.n_effective is not None:
            figures = (*figures[:3], _bound_text(verdict.bound))
        limit = limit_text(threshold)
    return f"  {verdict.subject}", *figures, limit, verdict.outcome.value


def _single_bound(threshold: Threshold, verdict: Verdict) -> str:
    """The bound of an estimate that a cell has as a whole, on the side of the verdict."""
    if verdict.bound is None or threshold.marker not in ("memory", "soak"):
        return ""
    sign = ">=" if verdict.outcome is Outcome.FAIL else "<="
    return f"{sign} {_amount(threshold, verdict.bound)}"


def _measured_in(result: CellResult) -> str:
    """Trials, or the windows of a crowd."""
    if result.load is not None:
        return crowd.plural(len(result.load.windows), "window")
    return str(_trials(result))


def _window_bound(verdict: Verdict) -> str:
    """The bound that windows prove, on the side of the verdict; counts have none."""
    if verdict.statistic == "max":
        return ""
    if verdict.outcome is Outcome.FAIL and verdict.bound is not None:
        return f">= {number(verdict.bound)}"
    return _bound_text(verdict.bound)


def _change_row(result: CellResult, verdict: Verdict) -> Row:
    """Blocks, the change, what it is at most with 95 %, and the smallest that counts."""
    subject = f"  {verdict.subject}"
    outcome = verdict.outcome.value
    if verdict.improved:
        outcome += " (better)"
    change = _find_change(result, verdict)
    if change is None and verdict.n:
        return subject, f"{verdict.n} blocks", "", "", "", "", outcome
    if change is None:
        return subject, "-", "-", "", "-", "-", outcome
    return (
        subject,
        f"{change.blocks} blocks",
        change_text(change.effect, change),
        _time_text(result, change),
        f"<= {change_text(change.high, change)}",
        change_text(change.margin, change),
        outcome,
    )


def _time_text(result: CellResult, change: ChangeVerdict) -> str:
    """How soon it was decided, or in what time it was not."""
    if change.decided_s is not None and change.outcome is not Outcome.INCONCLUSIVE:
        return f"in {change.decided_s:.0f} s"
    seconds = result.comparison.seconds if result.comparison else 0.0
    return f"not in {seconds:.0f} s"


def _ungated_row(comparison: Comparison, ungated: UngatedChange) -> Row:
    """What is shown of a comparison and not judged."""
    change = ungated.change
    return (
        f"  {ungated.metric.label} against {comparison.against}",
        f"{change.blocks} blocks",
        change_text(change.effect, change),
        "",
        f"<= {change_text(change.high, change)}",
        "-",
        "not judged",
    )


def _find_change(result: CellResult, verdict: Verdict) -> ChangeVerdict | None:
    """What a comparison found that a verdict is about."""
    comparison = result.comparison
    if comparison is None:
        return None
    label = verdict.subject.removesuffix(f" against {comparison.against}")
    for gate, change in zip(comparison.gates, comparison.changes, strict=False):
        if gate.label == label:
            return change
    return None


def change_text(value: float | None, change: ChangeVerdict) -> str:
    """`+1.3 %`, or `+0.4 MB` on the scale `difference`."""
    if value is None:
        return "-"
    if change.scale == "ratio" or change.statistic in ("outside", "late"):
        return f"{100 * value:+.1f} %"
    return f"{value:+.3g} {change.unit}".rstrip()


def _figures(
    result: CellResult, summary: Summary | None, statistic: str | None = None
) -> tuple[str, str, str, str]:
    """n, p50, p95 and the bound of the percentile judged, which few trials do not have."""
    if summary is None or summary.p95 is None:
        return str(_trials(result)), "-", "-", "-"
    bounds = {"p50": summary.p50_bound, "p99": summary.p99_bound}
    bound = bounds.get(statistic or "p95", summary.p95_bound)
    bound_text = _bound_text(bound)
    if statistic == "max":
        bound_text = ""
    return str(summary.n), number(summary.p50), number(summary.p95), bound_text


def _bound_text(bound: float | None) -> str:
    if bound is None:
        return "n too small"
    return f"<= {number(bound)}"


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _heading(headings: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [_align(headings, widths), "-" * (sum(widths) + 2 * len(widths) - 2)]


def _align(row: Sequence[str], widths: Sequence[int]) -> str:
    """First and last column to the left, figures to the right."""
    first, *middle, last = row
    first_width, *middle_widths, _ = widths
    figures = map(str.rjust, middle, middle_widths)
    return "  ".join([first.ljust(first_width), *figures, last])


def _explain(result: CellResult, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Lines about one cell: each verdict with what speaks for it, then what to try."""
    cell = result.cell
    stopped = ", stopped early" if result.stopped_early else ""
    yield (
        f"{_cell_label(result)}: {cell.target}, voice {cell.voice}, "
        f"{_evidence(result)}{_processes(result)}{stopped}"
    )
    for verdict in verdicts:
        yield f"  {verdict.outcome.value}  {verdict.subject}: {verdict.reason}"
        for line in (_lead_in(result, verdict), _stages(result.breakdown, verdict)):
            if line:
                yield f"        {line}"
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
    return f"{_trials(result)} of {result.declared_trials} trials"


def _hints(result: CellResult, verdicts: Iterable[Verdict]) -> Iterator[str]:
    """What to try, for each verdict; of a crowd also how to find out whether it is that."""
    is_late = False
    for verdict in verdicts:
        yield _hint(result.breakdown, verdict)
        threshold = verdict.threshold
        is_late = is_late or (threshold is not None and threshold.marker in LATE)
    if result.load is not None and is_late:
        yield HINTS["crowd"]


def _processes(result: CellResult) -> str:
    """Over how many processes the trials were spread, if over several."""
    count = len(result.processes)
    return f" in {count} processes" if count > 1 else ""


def _hint(breakdown: Breakdown, verdict: Verdict) -> str:
    """What to try; the largest stage, where the target's stages explain the time at all."""
    threshold = verdict.threshold
    is_limit = verdict.gate == "limit"
    if is_limit and threshold is not None and threshold.marker in SINGLE_FIGURES:
        return HINTS[threshold.marker]
    if is_limit and verdict.value is None:
        return HINTS["unmeasured"]
    if not is_limit or threshold is None:
        return HINTS[verdict.gate]
    marker = threshold.marker
    stage = ""
    if marker == "ttfa":
        stage = _largest_stage(breakdown.to_first_sound, "time to the first sound")
    elif marker == "rtf":
        stage = _largest_stage(breakdown.whole, "whole time")
        if (verdict.value or 0.0) > 1:
            marker = "slower than playback"
    elif verdict.metric == "all_at_once":
        marker = "all at once"
    return stage or HINTS[marker]


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


def _cell_label(result: CellResult) -> str:
    return cell_label(result.cell)


def cell_label(cell: Cell) -> str:
    """A cell in few words: its test without the file, preset, mode and phase, and who listens."""
    load = "" if cell.load is None else f", {cell.load}"
    return f"{cell.test.rsplit('::', 1)[-1]} {cell.preset} {cell.mode} {cell.phase}{load}"


def _trials(result: CellResult) -> int:
    """Counted trials, also of a result that has left its raw trials behind."""
    return max((summary.n for summary in result.summary.values()), default=0)


def worst_first(result: CellResult) -> tuple[int, str]:
    """What cells are sorted by, so that the worst verdict comes first."""
    rank = result.outcome.rank if result.outcome else len(Outcome)
    return rank, result.cell.id

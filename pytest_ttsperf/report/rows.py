"""A cell as rows of a table: one for each verdict, and what stands beside them. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import (
    Cell,
    CellResult,
    ChangeVerdict,
    Comparison,
    Outcome,
    Summary,
    Threshold,
    UngatedChange,
    Verdict,
)
from pytest_ttsperf.report import soak

HEADINGS = ("cell, metric", "n", "p50", "p95", "95 % bound", "limit", "verdict")
SINGLE_FIGURES = ("barge_in", "capacity", "soak")
"""Marks that limit what no trial has by itself."""
BOUNDED = ("memory", "soak")
"""Marks whose figures are estimates of a whole cell, and have a bound."""
SHARES = ("next_ttfa", "drift")
"""Keywords whose figures are shares."""
DELIVERY = "all_at_once"
"""The metric of @cadence(streamed=True): 0 where an answer is streamed, 1 where it is not."""
NO_LIMIT = "no limit"
NOT_BOUNDED = "too short"
"""In the place of a bound that a short soak has and nobody can use."""
Row = tuple[str, ...]
"""As many texts as HEADINGS."""
Figures = tuple[str, str, str, str]
"""Of a row: n, p50, p95 and the bound."""


# Figures as people read them


def number(value: float | None, unit: str = "") -> str:
    """A number as people read it; `-` for what was not measured."""
    if value is None:
        return "-"
    decimals = sum(abs(value) < bound for bound in (1, 10, 100))
    text = f"{value:.{decimals}f}" if value else "0"
    return f"{text} {unit}".strip()


def limit_text(threshold: Threshold) -> str:
    """The limit in force; an overridden one shows both."""
    text = amount(threshold, threshold.limit, threshold.unit)
    if threshold.overridden_by is None:
        return text
    was = "none" if threshold.declared is None else amount(threshold, threshold.declared)
    return f"{text} (was {was})"


def amount(threshold: Threshold, value: float | None, unit: str = "") -> str:
    """A figure that is limited, or its limit.

    Listeners are whole, a change is a share, and whether an answer is streamed is yes or no.
    """
    if value is None:
        return number(value)
    if threshold.metric == "capacity":
        return f"{value:g}"
    if threshold.metric == DELIVERY:
        return "no" if value > 0.5 else "yes"
    if threshold.keyword in SHARES:
        return _share_text(value)
    return number(value, unit)


def _share_text(share: float) -> str:
    """`8.1%`, `5%`; a short soak, drawn out, may say more than anybody reads."""
    if share > soak.LARGEST_SHARE:
        return f"over {soak.LARGEST_SHARE:.0%}"
    return f"{share:.1%}".replace(".0%", "%")


def change_text(value: float | None, change: ChangeVerdict) -> str:
    """`+1.3 %`, or `+0.4 MB` on the scale `difference`."""
    if value is None:
        return "-"
    return effect_text(value, change.unit, is_share=is_share(change))


def is_share(change: ChangeVerdict) -> bool:
    """Whether its numbers are shares, and not in the metric's unit."""
    return change.scale == "ratio" or change.statistic in ("outside", "late")


def effect_text(value: float, unit: str, *, is_share: bool) -> str:
    """`+1.3 %`, `+0.4 MB`: by how much a figure differs."""
    if is_share:
        return f"{100 * value:+.1f} %"
    return f"{value:+.3g} {unit}".rstrip()


def change_bound_text(change: ChangeVerdict) -> str:
    """What a change is at most or, where it FAILs, at least."""
    if change.outcome is Outcome.FAIL and change.low is not None:
        return f">= {change_text(change.low, change)}"
    return f"<= {change_text(change.high, change)}"


# What a cell is


def cell_label(cell: Cell) -> str:
    """A cell in few words: its test without the file, preset, mode and phase, and who listens."""
    load = "" if cell.load is None else f", {cell.load}"
    return f"{cell.test.rsplit('::', 1)[-1]} {cell.preset} {cell.mode} {cell.phase}{load}"


def worst_first(result: CellResult) -> tuple[int, str]:
    """What cells are sorted by, so that the worst verdict comes first."""
    rank = result.outcome.rank if result.outcome else len(Outcome)
    return rank, result.cell.id


def judged(result: CellResult) -> list[Verdict]:
    """Its verdicts, worst first; but for one that only says that there is no baseline."""
    verdicts = [verdict for verdict in result.verdicts if not verdict.lacks_baseline]
    return sorted(verdicts, key=lambda verdict: verdict.outcome.rank)


def count_trials(result: CellResult) -> int:
    """Counted trials, also of a result that has left its raw trials behind."""
    return max((summary.n for summary in result.summary.values()), default=0)


def has_samples(result: CellResult) -> bool:
    """Whether anybody listened to the end: not in a search, nor where each answer is hung up."""
    if result.load is not None and result.load.barge_in is not None:
        return bool(result.load.windows)
    return result.capacity is None


# Rows


def verdict_rows(result: CellResult) -> Iterator[tuple[Outcome | None, Row]]:
    """A row per verdict, or one without a limit; and of what is streamed, the longest stall."""
    verdicts = judged(result)
    if not verdicts and has_samples(result):
        figures = _figures(result, result.summary.get("ttfa_ms"))
        yield None, ("  ttfa", *figures, "-", NO_LIMIT)
    for verdict in verdicts:
        yield verdict.outcome, verdict_row(result, verdict)
    if result.comparison is not None:
        for ungated in result.comparison.ungated:
            yield None, _ungated_row(result.comparison, ungated)
    yield from _rows_without_limit(result)


def _rows_without_limit(result: CellResult) -> Iterator[tuple[Outcome | None, Row]]:
    """What stands beside the verdicts, whatever a test limits."""
    metrics = {verdict.metric for verdict in result.verdicts if verdict.gate == "limit"}
    if "rtf" in metrics:
        yield None, _silence_row(result)
    if result.cell.mode == "stream" and has_samples(result):
        yield None, _stall_row(result)


def verdict_row(result: CellResult, verdict: Verdict) -> Row:
    """The row of one verdict."""
    if verdict.gate in ("change", "work"):
        return _change_row(result, verdict)
    threshold = verdict.threshold
    if threshold is None:
        figures = _figures(result, result.summary.get(verdict.metric or ""), verdict.statistic)
        limit = number(verdict.limit, verdict.unit)
    else:
        figures = _figures_of_limit(result, verdict, threshold)
        limit = limit_text(threshold)
    return f"  {verdict.subject}", *figures, limit, verdict.outcome.value


def _silence_row(result: CellResult) -> Row:
    """What of the audio that the RTF is by says nothing."""
    figures = _figures(result, result.summary.get("silence_share"), "max")
    return "  silence share", *figures, "-", NO_LIMIT


def _stall_row(result: CellResult) -> Row:
    """How long a player stood still at worst: a hole is seen, whatever a test limits."""
    subject = "  longest stall"
    if result.prebuffer_ms:
        subject += f" ({result.prebuffer_ms:g} ms buffered)"
    figures = _figures(result, result.summary.get(result.longest_stall_key), "max")
    return subject, *figures, "-", NO_LIMIT


def _figures_of_limit(result: CellResult, verdict: Verdict, threshold: Threshold) -> Figures:
    """What a verdict on a limit rests on."""
    if threshold.metric == DELIVERY:
        return _measured_in(result, verdict), amount(threshold, verdict.value), "", ""
    if threshold.is_sampled:
        return str(verdict.n), number(verdict.value), "", ""
    if threshold.marker == "memory":
        bound = _single_bound(threshold, verdict)
        return _measured_in(result), number(verdict.value), "", bound
    if threshold.marker in SINGLE_FIGURES:
        bound = _single_bound(threshold, verdict)
        return str(verdict.n), amount(threshold, verdict.value), "", bound
    return _sample_figures(result, verdict, threshold)


def _sample_figures(result: CellResult, verdict: Verdict, threshold: Threshold) -> Figures:
    """Of a metric that each trial has; many listeners are judged by their windows."""
    summary = result.summary.get(threshold.sample_key)
    n, p50, p95, bound = _figures(result, summary, threshold.statistic)
    if result.load is not None:
        return plural(verdict.n, "window"), p50, p95, _window_bound(verdict)
    if verdict.lower_bound is not None:
        bound = f">= {number(verdict.lower_bound)}"
    elif verdict.n_effective is not None:
        bound = _bound_text(verdict.bound)
    return n, p50, p95, bound


def _single_bound(threshold: Threshold, verdict: Verdict) -> str:
    """The bound of an estimate that a cell has as a whole, on the side of the verdict."""
    if verdict.bound is None or threshold.marker not in BOUNDED:
        return ""
    is_beyond_words = threshold.keyword in SHARES and verdict.bound > soak.LARGEST_SHARE
    if is_beyond_words and verdict.outcome is not Outcome.FAIL:
        return NOT_BOUNDED
    if is_beyond_words:
        return amount(threshold, verdict.bound)
    sign = ">=" if verdict.outcome is Outcome.FAIL else "<="
    return f"{sign} {amount(threshold, verdict.bound)}"


def _measured_in(result: CellResult, verdict: Verdict | None = None) -> str:
    """Trials, or the windows of a crowd; those of a verdict, if it is named."""
    if result.load is not None:
        return plural(len(result.load.windows), "window")
    if verdict is not None and verdict.n:
        return str(verdict.n)
    return str(count_trials(result))


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
    change = find_change(result, verdict)
    if change is None and verdict.n:
        return subject, f"{verdict.n} blocks", "", "", "", "", outcome
    if change is None:
        return subject, "-", "-", "", "-", "-", outcome
    return (
        subject,
        f"{change.blocks} blocks",
        change_text(change.effect, change),
        _time_text(result, change),
        change_bound_text(change),
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


def find_change(result: CellResult, verdict: Verdict) -> ChangeVerdict | None:
    """What a comparison found that a verdict is about."""
    comparison = result.comparison
    if comparison is None:
        return None
    label = verdict.subject.removesuffix(f" against {comparison.against}")
    for gate, change in zip(comparison.gates, comparison.changes, strict=False):
        if gate.label == label:
            return change
    return None


def _figures(result: CellResult, summary: Summary | None, statistic: str | None = None) -> Figures:
    """n, p50, p95 and the bound of the percentile judged, which few trials do not have."""
    if summary is None or summary.p95 is None:
        return str(count_trials(result)), "-", "-", "-"
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


def sentence(row: Row) -> str:
    """A row by itself, without its verdict: `ttfa p95: n 59, p50 31.4, p95 48.2, limit 500 ms`."""
    subject, n, p50, p95, bound, limit, _ = row
    figures = [_named("n", n), _named("p50", p50), _named("p95", p95), bound]
    if limit != "-":
        figures.append(f"limit {limit}" if limit else "")
    shown = [figure for figure in figures if figure not in ("", "-")]
    if not shown:
        return subject.strip()
    return f"{subject.strip()}: {', '.join(shown)}"


def _named(name: str, figure: str) -> str:
    """A bare number with its name; what has a unit or a sign says itself what it is."""
    is_bare = figure.replace(".", "", 1).isdigit()
    return f"{name} {figure}" if is_bare else figure

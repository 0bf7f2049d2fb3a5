"""A comparison of alternatives as text: what follows first, then what each is, then all figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pytest_ttsperf.alternatives import recommendation
from pytest_ttsperf.records import (
    Alternative,
    AlternativesReport,
    PairComparison,
    PairFigure,
)

NOT_MEASURED = "-"
FEW_OPERATORS = 3
HEADINGS = ("", "nodes", "share", "pieces", "left on the CPU", "opens in", "memory")
WORDS = {
    "better": "better",
    "worse": "worse",
    "alike": "not worse",
    "open": "open",
}
Row = tuple[str, ...]


def text(report: AlternativesReport) -> str:
    """All of a report, as it is printed."""
    head = _setting_lines if report.kind == "setting" else _provider_lines
    return "\n".join([*head(report), *_figure_lines(report)])


def _provider_lines(report: AlternativesReport) -> Iterator[str]:
    """Who ran nothing, what is recommended, and a table of what each provider is."""
    yield from recommendation.idle_lines(report)
    yield f"providers of {report.target}, text {report.text}, each against {report.reference.name}"
    for alternative in report.alternatives[1:]:
        if alternative.is_comparable:
            yield f"  {recommendation.sentence(report, alternative)}"
    for line in recommendation.missing_lines(report):
        yield f"  {line}"
    compared = [one for one in report.alternatives[1:] if one.is_comparable]
    if not compared:
        yield "  nothing was there to be compared"
    if len(compared) > 1:
        yield (
            "  each was measured beside the first alone; name two, as --ttsperf-provider=A,B, to "
            "know which of them is faster"
        )
    yield ""
    yield from _table([HEADINGS, *map(_placement_row, report.alternatives)])


def _placement_row(alternative: Alternative) -> Row:
    return (
        alternative.name,
        _nodes_text(alternative),
        _share_text(alternative),
        _partitions_text(alternative),
        _operators_text(alternative),
        _measured(alternative.opening_s, "s", 1),
        _measured(alternative.rss_mb, "MB", 0),
    )


def _nodes_text(alternative: Alternative) -> str:
    """`812 of 838`."""
    nodes = (alternative.placement or {}).get("nodes")
    if alternative.nodes is None or not nodes:
        return NOT_MEASURED
    return f"{alternative.nodes} of {sum(nodes.values())}"


def _share_text(alternative: Alternative) -> str:
    nodes = (alternative.placement or {}).get("nodes")
    if alternative.nodes is None or not nodes:
        return NOT_MEASURED
    return f"{100 * alternative.nodes / sum(nodes.values()):.3g} %"


def _partitions_text(alternative: Alternative) -> str:
    partitions = (alternative.placement or {}).get("partitions")
    return NOT_MEASURED if partitions is None else str(partitions)


def _operators_text(alternative: Alternative) -> str:
    """`MatMulIntegerToFloat 25, ReduceSum 1`, the most frequent first."""
    operators = (alternative.placement or {}).get("cpu_operators")
    if operators is None:
        return NOT_MEASURED
    if not operators:
        return "none"
    counted = sorted(operators.items(), key=lambda entry: -entry[1])
    shown = [f"{name} {count}" for name, count in counted[:FEW_OPERATORS]]
    further = sum(count for _, count in counted[FEW_OPERATORS:])
    if further:
        shown.append(f"{further} more")
    return ", ".join(shown)


def _measured(value: float | None, unit: str, digits: int) -> str:
    return NOT_MEASURED if value is None else f"{value:.{digits}f} {unit}"


def _setting_lines(report: AlternativesReport) -> Iterator[str]:
    """What is proven of each setting; those of which nothing is, in one line."""
    yield f"settings of {report.target}, text {report.text}, one at a time against the default"
    without: list[str] = []
    for alternative in report.alternatives[1:]:
        if not alternative.is_comparable:
            continue
        pairs = report.comparisons_of(alternative.name)
        reasons = [pair.reason for pair in pairs if pair.reason is not None]
        if reasons:
            yield f"  {alternative.name} was not compared: {reasons[0]}"
            continue
        proven = recommendation.proven_figures(pairs)
        if proven:
            yield f"  {alternative.name}: {'; '.join(map(_proven_text, proven))}"
        else:
            without.append(alternative.name)
    if without:
        yield f"  nothing is proven of {', '.join(without)}"
    for line in recommendation.missing_lines(report):
        yield f"  {line}"


def _proven_text(figure: PairFigure) -> str:
    """`ttfa p50 -12 % (-14 to -10)`."""
    return f"{figure.metric.label} {_change_text(figure)}"


def _change_text(figure: PairFigure) -> str:
    """The change with its interval: a share, or an amount in the metric's unit."""
    change = figure.change
    if change.effect is None:
        return NOT_MEASURED
    scale, unit = 1.0, f" {figure.metric.unit}".rstrip()
    if figure.metric.scale == "ratio":
        scale, unit = 100.0, " %"
    shown = f"{scale * change.effect:+.3g}{unit}"
    if change.low is None or change.high is None:
        return shown
    return f"{shown} ({scale * change.low:+.3g} to {scale * change.high:+.3g})"


def _figure_lines(report: AlternativesReport) -> Iterator[str]:
    """All figures of each pair, the work's only where they are not as before."""
    for pair in report.comparisons:
        if pair.reason is not None or not pair.figures:
            continue
        yield ""
        yield (
            f"{pair.alternative} against {pair.reference}, {pair.phase}: {pair.blocks} blocks in "
            f"{pair.seconds:.0f} s"
        )
        rows = [_figure_row(figure) for figure in pair.figures if not figure.metric.is_work]
        yield from _table(rows)
        yield from _work_lines(pair)
        for note in pair.notes:
            yield f"  note: {note}"
    if report.comparisons:
        yield ""
        yield (
            "better and worse are proven: where nothing differs, one report in twenty says either "
            f"of anything (each figure at {report.level:.2g}); intervals hold 95 %"
        )


def _figure_row(figure: PairFigure) -> Row:
    ratio = figure.ratio
    times = NOT_MEASURED if ratio is None else f"{ratio:.3g} times"
    return (figure.metric.label, times, _change_text(figure), WORDS[figure.direction])


def _work_lines(pair: PairComparison) -> Iterator[str]:
    """What of the speech is not the same, or is not decided."""
    same = []
    for figure in pair.figures:
        if not figure.metric.is_work:
            continue
        if figure.direction == "alike":
            same.append(figure.metric.label)
        else:
            yield f"  {figure.metric.label}: {figure.change.reason}"
    if same:
        yield f"  the same: {', '.join(same)}"


def _table(rows: Sequence[Row]) -> Iterator[str]:
    """Columns side by side, as wide as their widest entry."""
    widths = _widths(rows)
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield f"  {'  '.join(cells)}".rstrip()


def _widths(rows: Iterable[Row]) -> list[int]:
    columns = zip(*rows, strict=True)
    return [max(map(len, column)) for column in columns]

"""A run's page as Markdown: `report.md`. It takes a PageModel, and decides nothing.

What comes from outside (names of tests, notes) is escaped where Markdown would read something else
in it, and nowhere else: the file is read as it is, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from pytest_ttsperf.records import Outcome
from pytest_ttsperf.report.markdown import code_block
from pytest_ttsperf.report.page_model import (
    Bin,
    Cadence,
    CapacityCurve,
    CellPage,
    ChangeSection,
    Distribution,
    Fact,
    LoadSection,
    MemorySection,
    MetricRow,
    PageModel,
    PhasePair,
    Placement,
    SoakSection,
    StageRow,
)
from pytest_ttsperf.report.rows import number

BAR = 30
"""Characters of the longest bar."""
FULL, MARK = "#", "|"
LEAST_DIGITS, MOST_DIGITS = 3, 9
"""Of the ends of bars, where the digits that other numbers have make them look alike."""
MOST_OPERATORS = 8
MOST_STAGES = 8
MARKUP = re.compile(
    r"[\\`*~$|]"
    r"|<(?=[A-Za-z/!?])"  # a tag, and not the sign of a limit
    r"|\](?=[(\[:])"  # of a link
    r"|(?<!\w)_|_(?!\w)"  # emphasis, which is none inside a word
    r"|[@#](?=\w)|&(?=#?\w+;)"  # people, issues, entities
)
"""What Markdown, or who shows it, would take for something else than itself."""
BY_NUMBER = "|@#&<"
"""What a backslash does not help against."""
WORTH_A_LOOK = "Worth a look"
"""What findings are of a cell in which nothing is wrong."""
DETAILED = (Outcome.INVALID, Outcome.FAIL, Outcome.INCONCLUSIVE)
"""Outcomes of cells that are shown at full length, whatever is folded."""


def render(model: PageModel) -> str:
    """The whole page, with a line at its end."""
    blocks = [
        f"# {escape(_title(model))}",
        _summary(model),
        *_phase_pairs(model.phase_pairs),
    ]
    for cell in model.cells:
        blocks.append(_cell(cell))
    blocks += [*_notes(model), _environment(model)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _title(model: PageModel) -> str:
    """What was measured, and when."""
    targets = list(dict.fromkeys(cell.target for cell in model.cells))
    named = ", ".join(targets) or "nothing"
    return f"Performance of {named}, {model.started}"


def _summary(model: PageModel) -> str:
    """The three lines, each a paragraph of its own."""
    verdict, worst, following = model.summary
    word = model.outcome.value if model.outcome is not None else "not judged"
    return f"**{word}.** {escape(verdict)}\n\n{escape(worst)}\n\n{escape(following)}"


# Cold beside warm


def _phase_pairs(pairs: Sequence[PhasePair]) -> Iterator[str]:
    if not pairs:
        return
    yield "## Cold beside warm"
    for pair in pairs:
        rows = [
            (row.label, row.cold_text, str(row.cold_n), row.warm_text, str(row.warm_n),
             row.ratio_text)
            for row in pair.rows
        ]  # fmt: skip
        headings = (pair.label, "cold, median", "starts", "warm, median", "trials", "cold / warm")
        yield table(headings, rows)
        if pair.start_phases:
            yield escape(f"A start consists of: {_facts_text(pair.start_phases)}.")


def _facts_text(facts: Iterable[Fact]) -> str:
    return ", ".join(f"{fact.label} {fact.value}" for fact in facts)


# A cell


def _cell(cell: CellPage) -> str:
    """Its table and causes, and everything else folded where all is well."""
    headline = escape(f"{cell.headline.rstrip('.')}.")
    if cell.outcome is not None:
        headline = f"**{cell.outcome.value}.** {headline}"
    blocks = [
        f"## {escape(cell.label)}",
        headline,
        escape(f"{cell.target}, provider {cell.provider}, voice {cell.voice}; {cell.evidence}"),
        _metric_table(cell.rows),
        *_findings(cell),
    ]
    details = [block for block in _details(cell) if block]
    if not details:
        return "\n\n".join(block for block in blocks if block)
    if cell.outcome in DETAILED:
        blocks += details
    else:
        blocks.append(fold("Distribution, stages, placement, memory, cadence", details))
    return "\n\n".join(block for block in blocks if block)


def _details(cell: CellPage) -> Iterator[str]:
    yield from _changes(cell.changes)
    yield from _distributions(cell.distributions)
    yield from _stages("Stages, to the first sound", cell.stages_to_first_sound)
    yield from _stages("Stages, whole answer", cell.stages_whole)
    yield from _placement(cell.placement)
    yield from _memory(cell.memory)
    yield from _cadence(cell.cadence)
    yield from _load(cell.load)
    yield from _capacity(cell.capacity)
    yield from _soak(cell.soak)
    yield from _cell_notes(cell.notes)


def _metric_table(rows: Sequence[MetricRow]) -> str:
    if not rows:
        return ""
    headings = ("metric", "n", "measured", "95 % bound", "spread", "limit", "verdict")
    return table(headings, [_metric_cells(row) for row in rows])


def _metric_cells(row: MetricRow) -> tuple[str, ...]:
    return (
        row.subject,
        row.count_text,
        row.value_text,
        row.bound_text,
        row.spread_text,
        row.limit_text,
        row.verdict_text,
    )


def _findings(cell: CellPage) -> Iterator[str]:
    """Likely causes with their numbers, then what to do about each, in the same order."""
    if not cell.findings:
        return
    title = "Likely causes"
    if cell.outcome is Outcome.PASS:
        title = WORTH_A_LOOK
    causes = [f"### {title}", ""]
    steps = ["### Next steps", ""]
    for place, finding in enumerate(cell.findings, 1):
        causes.append(f"{place}. **{escape(_sentence(finding.cause))}**")
        causes += [f"   - {escape(fact)}" for fact in finding.evidence]
        steps.append(f"{place}. {escape(_sentence(finding.next_step))}")
    yield "\n".join(causes)
    yield "\n".join(steps)


def _sentence(text: str) -> str:
    """With a capital letter and a full stop; a name in small letters keeps its own."""
    first, _, _ = text.partition(" ")
    is_word = first.isalpha()
    beginning = text[0].upper() if is_word else text[0]
    return f"{beginning}{text[1:]}."


def _changes(changes: ChangeSection | None) -> Iterator[str]:
    if changes is None:
        return
    yield f"### Against {escape(changes.against)}"
    if not changes.is_compared:
        yield escape(f"Nothing was compared: {changes.reason or 'no reason is known'}.")
        return
    revision = "" if changes.revision is None else f", revision {changes.revision[:12]}"
    yield escape(f"{changes.blocks} blocks in {changes.seconds:.0f} s{revision}.")
    rows = [
        (row.label, row.effect_text, row.interval_text, row.margin_text, row.verdict_text)
        for row in changes.rows
    ]
    yield table(("figure", "change", "95 % interval", "counts from", "verdict"), rows)
    stages = [
        (
            stage.figure,
            stage.stage,
            f"{stage.ms:+.3g} ms",
            f"{stage.low_ms:+.3g} to {stage.high_ms:+.3g} ms",
            "explains it" if stage.is_explanation else "",
        )
        for stage in changes.stages
    ]
    if stages:
        yield table(("figure", "stage", "change", "95 % interval", ""), stages)
    yield from (f"- {escape(note)}" for note in changes.notes)


def _distributions(distributions: Sequence[Distribution]) -> Iterator[str]:
    """A histogram for each, in a block that keeps its columns."""
    if not distributions:
        return
    yield "### Distribution"
    shown = set()
    for distribution in distributions:
        lines = list(_histogram(distribution))
        bars = "\n".join(lines[1:])
        # The first sounding chunk comes when it is heard, where no silence leads up to it.
        if bars not in shown:
            yield code_block("\n".join(lines))
        if bars:
            shown.add(bars)


def _histogram(distribution: Distribution) -> Iterator[str]:
    """What it is of, its bars, and its limit; of values that are all the same, one line."""
    unit = distribution.unit
    n = len(distribution.values)
    missing = f", {distribution.missing} not measured" if distribution.missing else ""
    if len(distribution.bins) == 1:
        yield f"{distribution.label}: n={n}{missing}, each {number(distribution.values[0], unit)}"
        return
    yield (
        f"{distribution.label}: n={n}{missing}, p50 {number(distribution.p50, unit)}, "
        f"p95 {number(distribution.p95, unit)}"
    )
    most = max(each.count for each in distribution.bins)
    labels = _bin_labels(distribution.bins)
    width = max(map(len, labels))
    for label, each in zip(labels, distribution.bins, strict=True):
        bar = FULL * round(BAR * each.count / most) if each.count else ""
        yield f"{label.rjust(width)} {unit.ljust(2)} {MARK}{bar.ljust(BAR)} {each.count}".rstrip()
    if distribution.limit is not None:
        yield f"limit of {distribution.limit_statistic}: {number(distribution.limit, unit)}"


def _bin_labels(bins: Sequence[Bin]) -> list[str]:
    """`31.4 to 34.0` of each bin, in so many digits that none looks like another."""
    edges = [bins[0].low, *(each.high for each in bins)]
    texts = [number(edge) for edge in edges]
    for digits in range(LEAST_DIGITS, MOST_DIGITS + 1):
        if len(set(texts)) == len(edges):
            break
        texts = [f"{edge:.{digits}g}" for edge in edges]
    return [f"{low} to {high}" for low, high in pairwise(texts)]


def _stages(title: str, rows: Sequence[StageRow]) -> Iterator[str]:
    if not rows:
        return
    yield f"### {title}"
    shown = [(row.stage, number(row.ms, "ms"), f"{row.share:.0%}") for row in rows[:MOST_STAGES]]
    yield table(("stage", "median", "share"), shown)


def _placement(placement: Placement | None) -> Iterator[str]:
    if placement is None:
        return
    yield "### Where it ran"
    yield escape(f"Asked for: {placement.wanted}. {_facts_text(placement.facts)}")
    total = sum(each.nodes or 0 for each in placement.providers)
    rows = []
    for each in placement.providers:
        share = f"{each.nodes / total:.0%}" if each.nodes is not None and total else "-"
        nodes = "-" if each.nodes is None else str(each.nodes)
        named = [f"{name} {count}" for name, count in each.operators[:MOST_OPERATORS]]
        rows.append((each.provider, nodes, share, ", ".join(named)))
    if rows:
        yield table(("provider", "nodes", "share", "operators"), rows)


def _memory(memory: MemorySection | None) -> Iterator[str]:
    if memory is None:
        return
    if memory.facts:
        yield "### Memory"
        yield _fact_table(memory.facts)
    elif memory.missing_because is not None:
        yield "### Memory"
        yield escape(f"Not measured: {memory.missing_because}.")


def _cadence(cadence: Cadence | None) -> Iterator[str]:
    if cadence is None:
        return
    yield "### Cadence"
    streamed = "cannot be said"
    if cadence.is_streamed is not None:
        streamed = "yes" if cadence.is_streamed else "no: all at once"
    yield _fact_table((Fact("streamed", streamed), *cadence.facts))


def _fact_table(facts: Sequence[Fact]) -> str:
    return table(("", ""), [(fact.label, fact.value) for fact in facts])


def _load(load: LoadSection | None) -> Iterator[str]:
    if load is None:
        return
    yield f"### Many listeners: {escape(load.label)}"
    yield "\n".join(f"- {escape(line)}" for line in load.lines)
    rows = [
        (
            str(window.index),
            f"{window.answered} of {window.offered}",
            number(window.ttfa_p95_ms, "ms"),
            number(window.rtf_p95),
            number(window.longest_stall_ms, "ms"),
            number(window.queue_p95_ms, "ms"),
        )
        for window in load.windows
    ]
    if rows:
        headings = ("window", "answered", "ttfa p95", "rtf p95", "longest stall", "queue p95")
        yield table(headings, rows)


def _capacity(capacity: CapacityCurve | None) -> Iterator[str]:
    if capacity is None:
        return
    yield "### Capacity"
    yield escape(_sentence(capacity.sentence.rstrip(".")))
    if capacity.limits:
        yield escape(f"Limits: {_facts_text(capacity.limits)}.")
    rows = [
        (
            f"{point.level:g} {capacity.unit}",
            f"{point.good} of {point.windows}" if point.windows else "-",
            number(max(point.ttfa_p95_ms, default=None), "ms"),
            point.outcome.value if point.windows else "explored",
            "; ".join(point.reasons),
        )
        for point in capacity.points
    ]
    if rows:
        yield table(("level", "good windows", "worst ttfa p95", "verdict", "missed"), rows)


def _soak(soak: SoakSection | None) -> Iterator[str]:
    if soak is None:
        return
    yield "### Over its time"
    yield "\n".join(f"- {escape(line)}" for line in soak.lines)


def _cell_notes(notes: Sequence[str]) -> Iterator[str]:
    if notes:
        yield "### Notes"
        yield "\n".join(f"- {escape(note)}" for note in notes)


# The end


def _notes(model: PageModel) -> Iterator[str]:
    if model.disturbances:
        yield "## What disturbed it"
        yield "\n".join(f"- {escape(text)}" for text in model.disturbances)
    if model.notes:
        points = "\n".join(f"- {escape(note)}" for note in model.notes)
        yield fold(f"Notes ({len(model.notes)})", [points])


def _environment(model: PageModel) -> str:
    lines = ["## Machine and run", "", _fact_table(model.environment), ""]
    lines += ["Run it again:", "", code_block(model.again)]
    if model.artifact is not None:
        lines += ["", escape(f"Every raw trial is in {model.artifact}.")]
    return "\n".join(lines)


def escape(text: str) -> str:
    """Text of one line that is shown as it is, wherever in a line of Markdown it stands."""
    return MARKUP.sub(_escape_mark, " ".join(text.split()))


def _escape_mark(found: re.Match[str]) -> str:
    mark = found.group()
    if mark in BY_NUMBER:
        return f"&#{ord(mark)};"
    return f"\\{mark}"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown, each text escaped."""
    lines = [[escape(heading) or " " for heading in headings], ["---"] * len(headings)]
    for row in rows:
        lines.append([escape(text) or " " for text in row])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def fold(title: str, blocks: Sequence[str]) -> str:
    """Blocks that are unfolded by a click, where Markdown is shown by a browser."""
    body = "\n\n".join(blocks)
    return f"<details><summary>{escape(title)}</summary>\n\n{body}\n\n</details>"

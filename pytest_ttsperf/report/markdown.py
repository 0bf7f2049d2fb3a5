"""A run as Markdown, for the summary of a job and for a comment. Decides nothing.

What stands in a table or in a sentence is escaped: a test's name comes from the change that is
measured, and must neither break the table nor call upon people by their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pytest_ttsperf.records import CellResult, Outcome, Run
from pytest_ttsperf.report import terminal
from pytest_ttsperf.report.rows import HEADINGS, cell_label, verdict_rows, worst_first

MARKUP = re.compile(r"[\\`*_{}\[\]()<>#+!|~@&$:]")
"""What means something in Markdown, in HTML or to those who render it."""
WORST = (Outcome.INVALID, Outcome.FAIL)
SHORTENED = "_Shortened: the whole is in the artifact of this run._"
LONGEST_REASONS = 20_000


class Section(NamedTuple):
    """A part of the text, and whether it may be left out where room is short."""

    text: str
    is_optional: bool = False


def summary(title: str, run: Run | None, lines: Sequence[str] = (), *, most_bytes: int) -> str:
    """The text about a run: its title, the rows that are not PASS, reasons, and folded the rest.

    `lines` are sentences below the title. At most `most_bytes` of UTF-8 long; the last of what may
    be left out goes first.
    """
    sections = [Section(f"### {escape(title)}")]
    sections += [Section(escape(line)) for line in lines]
    if run is not None and run.cells:
        sections += _sections(run)
    return _fit(sections, most_bytes)


def escape(text: str) -> str:
    """Text of one line that is shown as it is."""
    plain = " ".join(text.split())
    return MARKUP.sub(lambda found: f"&#{ord(found.group())};", plain)


def code_block(text: str) -> str:
    """Lines that are shown as they are, with a fence that is longer than any in them."""
    longest = max((len(ticks) for ticks in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def _sections(run: Run) -> Iterator[Section]:
    results = run.cells
    marked = list(_marked_rows(results))
    if marked:
        yield Section(_table(marked))
    reasons = terminal.failures(results, WORST)
    if reasons:
        yield Section(code_block(reasons[:LONGEST_REASONS]), is_optional=True)
    yield Section(_machine_line(run))
    remarks = [*terminal.no_baseline_lines(results), *terminal.remarks(results)]
    if remarks:
        points = "\n".join(f"- {escape(remark)}" for remark in remarks)
        yield Section(_fold(f"Notes ({len(remarks)})", points), is_optional=True)
    everything = f"All that was measured: {terminal.counts(results)}"
    yield Section(_fold(everything, code_block(terminal.table(results))), is_optional=True)


def _marked_rows(results: Iterable[CellResult]) -> Iterator[tuple[str, ...]]:
    """Below the name of each cell the rows that are not PASS, and those that are better."""
    for result in sorted(results, key=worst_first):
        rows = [row for outcome, row in verdict_rows(result) if _is_marked(outcome, row)]
        if rows:
            yield f"**{escape(cell_label(result.cell))}**", "", "", "", "", "", ""
        for row in rows:
            first, *figures, verdict = map(escape, row)
            yield first, *figures, f"**{verdict}**"


def _is_marked(outcome: Outcome | None, row: Sequence[str]) -> bool:
    if outcome is None:
        return False
    return outcome is not Outcome.PASS or row[-1] != outcome.value


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = [HEADINGS, ("---", "--:", "--:", "--:", "--:", "--:", "---"), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _machine_line(run: Run) -> str:
    """How much was measured, and what else the machine did meanwhile."""
    parts = [terminal.counts(run.cells), terminal.load_line(run.cells)]
    return escape("; ".join(filter(None, parts)))


def _fold(title: str, body: str) -> str:
    return f"<details><summary>{escape(title)}</summary>\n\n{body}\n\n</details>"


def _fit(sections: Sequence[Section], most_bytes: int) -> str:
    """All sections, or those that there is room for."""
    left = list(sections)
    is_short = False
    while True:
        texts = [section.text for section in left]
        if is_short:
            texts.append(SHORTENED)
        body = "\n\n".join(texts) + "\n"
        if len(body.encode()) <= most_bytes:
            return body
        is_short = True
        optional = [place for place, section in enumerate(left) if section.is_optional]
        if not optional:
            return _cut(body, most_bytes)
        del left[optional[-1]]


def _cut(body: str, most_bytes: int) -> str:
    """As many whole lines as there is room for, and the remark that it was shortened."""
    room = most_bytes - len(SHORTENED) - 3
    lines: list[str] = []
    for line in body.splitlines():
        room -= len(line.encode()) + 1
        if room < 0:
            break
        lines.append(line)
    return "\n".join(lines) + f"\n\n{SHORTENED}\n"

"""Writes docs/worked-example.md: the page that this project grew from, beside that of a real run.

    python tools/worked_example.py                            # writes it, of the stored run
    python tools/worked_example.py --print                    # prints it
    python tools/worked_example.py --measure [--voice heart]  # measures the run anew, and writes

What the first page said is in SAID, as it stood there. Everything beside it is of a run that was
measured, and computed as for any other run: see worked_example_run.py.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import worked_example_run  # noqa: E402 - found only now

from pytest_ttsperf.experiment.plan import LEAK_TRIALS  # noqa: E402
from pytest_ttsperf.judge import limits  # noqa: E402
from pytest_ttsperf.judge.statistics import quantiles  # noqa: E402
from pytest_ttsperf.metrics import load, stages, validity  # noqa: E402
from pytest_ttsperf.nouns import plural  # noqa: E402
from pytest_ttsperf.records import CellResult, Phase, Run, Threshold  # noqa: E402
from pytest_ttsperf.report import (  # noqa: E402
    markdown_page,
    page_build,
    page_sections,
    soak,
)
from pytest_ttsperf.report.analysis.start import start_phases_ms  # noqa: E402
from pytest_ttsperf.report.markdown_page import escape  # noqa: E402
from pytest_ttsperf.report.page_model import (  # noqa: E402
    Cadence,
    CellPage,
    MetricRow,
    PageModel,
)
from pytest_ttsperf.report.page_rows import list_rows  # noqa: E402
from pytest_ttsperf.report.rows import number  # noqa: E402

PAGE = HERE.parent / "docs" / "worked-example.md"
REPOSITORY = "https://github.com/pytest-ttsperf/pytest-ttsperf/blob/main"
HEADING = re.compile(r"^(?=#{1,5} )", re.MULTILINE)
NOT_MEASURED = "not measured"
NO_TARGET = "none"
P95 = 0.95


class Line(NamedTuple):
    """A line of the first page, as it stood there."""

    metric: str
    figure: str
    target: str
    verdict: str

    @property
    def text(self) -> str:
        """`33.7 MB, target 300 MB: met`."""
        if self.target == NO_TARGET:
            return f"{self.figure}, no target"
        return f"{self.figure}, target {self.target}: {self.verdict}"


SAID_TRIALS = 3
SAID_TTFA_MS = 5173.0
SAID_RTF = 1.53
SAID_GAP_MS = 12.4
TTFA = Line("TTFA p95", f"{SAID_TTFA_MS:.0f} ms", "500 ms", "missed")
RTF = Line("RTF p95", f"{SAID_RTF}", "1.0, streaming 0.6", "both missed")
RSS = Line("RSS range", "33.7 MB", "300 MB", "met")
GAPS = Line("gaps between chunks, p95", f"{SAID_GAP_MS} ms", NO_TARGET, "not judged")
SAID = (TTFA, RTF, RSS, GAPS)
LOOSER_RTF = Threshold(marker="rtf", keyword="p95", metric="rtf", statistic="p95", limit=1.0)
"""The first page's limit for all speech; the test of the run has the one for streaming."""


class Counterpart(NamedTuple):
    """What the run says on a line of the first page; Markdown."""

    measured: str
    verdict: str
    place: str
    """Where the report has it."""


# The page


def build_page(run: Run) -> str:
    """The whole page, in Markdown. ValueError for a run that lacks what the page is about."""
    model = page_build.build(run)
    blocks = [
        describe_origin(),
        describe_doubts(),
        describe_answers(run, model),
        describe_wishes(run, model),
        introduce_report(),
        render_report(model),
    ]
    return "\n\n".join(blocks)


def describe_origin() -> str:
    """What the first page was, and what it said."""
    rows = [(line.metric, line.figure, line.target, line.verdict) for line in SAID]
    return f"""\
# A worked example

<!-- Written by tools/worked_example.py: change that, and run it again. -->

This project grew from a page that a team wrote by hand about its Kokoro server on localhost:8000:
short texts, streamed, {SAID_TRIALS} trials. It had a summary, metrics against targets, a
distribution, likely causes and next steps, and it could not say *why*. Here it is, line by line,
beside what the report says of a run that was measured. The two are of different servers on
different machines: compare what can be concluded, and not which is faster.

## What it said

{table(("metric", "measured", "target", "verdict"), rows)}"""


def describe_doubts() -> str:
    """What could not be concluded, and why."""
    chance = float(quantiles.p_at_least(1, SAID_TRIALS, P95))
    needed = quantiles.trials_to_prove(P95)
    audio_s = SAID_TTFA_MS / SAID_RTF / 1000
    return f"""\
## What could not be concluded

- **Three trials.** A p95 of three lies nine tenths of the way from the middle one to the slowest:
  it is nearly the maximum. If an engine just keeps its limit, at least one of three exceeds it in
  {chance:.0%} of such runs. To prove that a p95 is kept takes {needed} trials, all within it
  ([why](explanations/why-so-many-trials.md)).
- **Cold and warm mixed.** If one of the three opened the model, {TTFA.figure} is the price of a
  warm-up that is missing; if none did, it is how fast the engine is. One figure for both says
  neither.
- **Provider not verified.** Core ML or the CPU: nobody had looked. Of a graph of Kokoro it is on
  record that Core ML took 949 of 2361 nodes in 123 pieces, and 4.2 s to the first answer
  ([M-series Macs](m-series.md)).
- **No stages.** Phonemes, model, encoder, network: the wait had no parts, so its causes were
  guesses.
- **Memory.** A range of {RSS.figure} between three readings says nothing of a leak, which is a
  slope over many requests.
- **Gaps.** {GAPS.figure} is how far apart chunks came, and not whether a listener had to wait: that
  depends on how much sound each carried, and on the player's buffer. An answer that is made as a
  whole and then sent in pieces looks just like this, late and with short gaps:
  {TTFA.figure} / {RTF.figure} are {audio_s:.1f} s, about as much sound as a short text has, if both
  figures are of one trial."""


def describe_answers(run: Run, model: PageModel) -> str:
    """The same lines of the run, and its first answer by itself."""
    warm = find_cell(run, "warm")
    rows = []
    for line, found in find_counterparts(warm):
        rows.append((line.metric, line.text, found.measured, found.verdict, found.place))
    headings = ("line", "the page", "this run, warm", "limit and verdict", "where it stands below")
    server = f"{REPOSITORY}/benchmarks/unwarmed_server.py"
    return f"""\
## The same lines, measured

Voice `{warm.cell.voice}` ([voices](engine.md#voices)) on this repository's server, over HTTP. Its
warm-up was taken out ([unwarmed_server.py]({server})), so that it opens the voice at the first
request: what the team's server may have done. `{worked_example_run.COMMAND}` runs these tests on
it, and takes a minute or two:

```python
{worked_example_run.TESTS}```

{table(headings, rows)}

{compare_gaps(warm)}{describe_first_answer(run, model)}"""


def describe_first_answer(run: Run, model: PageModel) -> str:
    """What the first request to the server waited for, beside the others, and what rules say."""
    cold, warm = find_cell(run, "cold"), find_cell(run, "warm")
    first_ms = start_phases_ms(cold).get("first run")
    later_ms = middle(warm, "ttfs_ms")
    ratio = ""
    if first_ms is not None and later_ms:
        ratio = f": {first_ms / later_ms:.3g} times as long"
    text = (
        f"**The first answer, apart.** The server says that it is ready, and its first listener "
        f"waits {number(first_ms, 'ms')} for the first sample, the others {number(later_ms, 'ms')} "
        f"(medians of {len(cold.counted)} starts and {len(warm.counted)} requests){ratio}. "
        "*Cold beside warm* and the cold cell count from the start of the process. "
    )
    findings = find_cell_page(model, "cold").findings
    if not findings:
        return f"{text}No rule has a likely cause for that."
    causes = [f"- `{finding.rule}`: {escape(finding.cause)}." for finding in findings]
    return "\n".join([f"{text}Of that cell the rules say:", "", *causes])


def describe_wishes(run: Run, model: PageModel) -> str:
    """What the first page asked for as next steps, and where that is now."""
    warm = find_cell(run, "warm")
    machine = run.environment.machine
    rows = [
        ("a warm-up", f"its absence is found by rule `warm_up`: {describe_warm_up(model)}"),
        ("cold against warm", f"*Cold beside warm*: {describe_ratio(model)}"),
        ("the provider verified", f"*Where it ran*: {escape(describe_provider(warm))}"),
        (
            "providers compared",
            "`ttsperf run TARGET --suite provider`: in turns, and only what is proven "
            "([providers](providers.md))",
        ),
        ("instrumentation", f"*Stages*, from Server-Timing: {escape(describe_stage(warm))}"),
        (
            "validation on an M-series Mac",
            f"`--suite m_series` ([M-series Macs](m-series.md)); this run is of "
            f"{escape(machine.system)}, {escape(machine.architecture)}",
        ),
        (
            "longer trials",
            f"{len(warm.counted)} here; a limit on a p95 takes {quantiles.trials_to_prove(P95)}, "
            f"one on a leak {LEAK_TRIALS}, and a [soak](howto/soak.md) goes on for hours",
        ),
    ]
    return f"## What it asked for\n\n{table(('as next steps', 'now'), rows)}"


def introduce_report() -> str:
    """What follows, and where the raw trials are."""
    stored = f"{REPOSITORY}/tools/{worked_example_run.STORED.name}"
    return f"""\
## The whole report

As `report.md` has it; [reports.md](reports.md) says what each part means. Every raw trial is in
[{worked_example_run.STORED.name}]({stored}).

---"""


def render_report(model: PageModel) -> str:
    """The run as report.md writes it, one level of headings below this page's.

    What is folded is Markdown on the site too, where a block of HTML is else left as it is.
    """
    shown = dataclasses.replace(model, again=worked_example_run.COMMAND)
    report = HEADING.sub("#", markdown_page.render(shown))
    return HEADING.sub("#", report, count=1).replace("<details>", '<details markdown="1">')


# Lines of the first page


def find_counterparts(warm: CellResult) -> list[tuple[Line, Counterpart]]:
    """Each line of the first page with what the run says on it, in the order of SAID."""
    return [
        (TTFA, find_first_sound(warm)),
        (RTF, find_speed(warm)),
        (RSS, find_memory(warm)),
        (GAPS, find_gaps(warm)),
    ]


def find_first_sound(warm: CellResult) -> Counterpart:
    """TTFA, with what is proven of it."""
    row = find_row(warm, "ttfa_ms")
    return Counterpart(
        measured=escape(describe_bound(row)),
        verdict=escape(f"{row.limit_text}: {row.verdict_text}"),
        place="table of the warm cell, *Distribution*, *Stages, to the first sound*",
    )


def find_speed(warm: CellResult) -> Counterpart:
    """RTF, against both limits of the first page."""
    row = find_row(warm, "rtf")
    sample = load.limited_sample(LOOSER_RTF, warm.counted)
    looser = limits.judge(LOOSER_RTF, sample, warm.declared_trials)
    verdict = f"{row.limit_text}: {row.verdict_text}; <= {LOOSER_RTF.limit}: {looser.outcome.value}"
    return Counterpart(
        measured=escape(describe_bound(row)),
        verdict=escape(verdict),
        place="table of the warm cell, *Distribution*",
    )


def find_memory(warm: CellResult) -> Counterpart:
    """The range of memory, and its slope."""
    row = find_row(warm, "rss_range_mb")
    leak = warm.memory.leak
    if leak is None:
        reason = warm.memory.leak_reason or warm.memory.reason or "no reason is known"
        growth = f"slope {NOT_MEASURED}: {reason}"
    else:
        growth = f"slope {soak.leak_text(leak)}, of {leak.readings} readings"
    return Counterpart(
        measured=escape(f"{row.value_text}; {growth}"),
        verdict=escape(f"{row.limit_text}: {row.verdict_text}"),
        place="table of the warm cell, *Memory*",
    )


def find_gaps(warm: CellResult) -> Counterpart:
    """Gaps, what a player makes of them, and whether it is a stream at all."""
    streamed, underruns = find_row(warm, "all_at_once"), find_row(warm, "underruns")
    cadence = find_cadence(warm)
    measured = (
        f"{number(cadence.gap_p95_ms, 'ms')} (median of the trials' p95); with "
        f"{number(cadence.prebuffer_ms, 'ms')} in the player's buffer {cadence.stalling_trials} of "
        f"{cadence.trials} trials stall, with {number(cadence.prebuffer_needed_ms, 'ms')} none; "
        f"streamed: {streamed.value_text}"
    )
    return Counterpart(
        measured=escape(measured),
        verdict=escape(
            f"underruns {underruns.limit_text}: {underruns.verdict_text}; streamed: "
            f"{streamed.verdict_text}; gaps: no target"
        ),
        place="table of the warm cell, *Cadence*",
    )


def find_cadence(warm: CellResult) -> Cadence:
    """How evenly the audio came. ValueError where nothing was streamed."""
    cadence = page_sections.describe_cadence(warm)
    if cadence is None:
        raise ValueError(
            f"found no streamed trial in {warm.cell.id}, wanted some; repeat "
            f"{worked_example_run.COMMAND}"
        )
    return cadence


def compare_gaps(warm: CellResult) -> str:
    """That longer gaps are no stalls, where the run shows it; else nothing."""
    cadence = find_cadence(warm)
    is_longer = cadence.gap_p95_ms is not None and cadence.gap_p95_ms > SAID_GAP_MS
    if not is_longer or cadence.stalling_trials != 0:
        return ""
    return (
        "Its gaps are longer than those of the first page, and no listener waits: each chunk "
        "carries more sound than the next one takes. A gap by itself is no figure to judge by.\n\n"
    )


def describe_bound(row: MetricRow) -> str:
    """`104 ms, <= 112 ms with 95 % confidence; 59 trials`."""
    parts = [row.value_text]
    if row.bound is not None:
        parts.append(f"{row.bound_text} with 95 % confidence")
    return f"{', '.join(parts)}; {plural(row.n, 'trial')}"


# Next steps of the first page


def describe_warm_up(model: PageModel) -> str:
    """What the rule says of the cold cell."""
    for finding in find_cell_page(model, "cold").findings:
        if finding.rule == "warm_up":
            return escape(f"{finding.evidence[-1]}. Next step: {finding.next_step}")
    return "it says nothing of this run"


def describe_ratio(model: PageModel) -> str:
    """How many times as long a first sound takes cold."""
    for pair in model.phase_pairs:
        for row in pair.rows:
            if row.metric == "ttfa_sound_ms":
                return escape(f"{row.cold_text} and {row.warm_text}, {row.ratio_text}")
    return NOT_MEASURED


def describe_provider(warm: CellResult) -> str:
    """Which provider was wanted, and what ran."""
    placement = {} if warm.ready is None else warm.ready.placement or {}
    return f"{warm.cell.provider} was asked for, {validity.nodes_text(placement)} ran"


def describe_stage(warm: CellResult) -> str:
    """The stage that takes most of the time to the first sound, and what lies in no stage."""
    shares = warm.breakdown.to_first_sound
    parts = {share.stage: f"{number(share.ms, 'ms')} ({share.share:.0%})" for share in shares}
    rest = parts.pop(stages.UNEXPLAINED, NOT_MEASURED)
    if not parts:
        return "the server reports none"
    largest = next(iter(parts))
    return (
        f"of the wait for the first sound the largest is {largest}, {parts[largest]}; in no stage: "
        f"{rest}"
    )


# Parts of a run


def find_cell(run: Run, phase: Phase) -> CellResult:
    """The cell of a phase. ValueError where there is none."""
    for result in run.cells:
        if result.cell.phase == phase:
            return result
    raise ValueError(
        f"found no {phase} cell in run {run.id}, wanted one; repeat {worked_example_run.COMMAND}"
    )


def find_cell_page(model: PageModel, phase: Phase) -> CellPage:
    """The same on the page."""
    return next(cell for cell in model.cells if cell.phase == phase)


def find_row(result: CellResult, metric: str) -> MetricRow:
    """The row of a cell's table for a metric. ValueError where the test does not limit it."""
    for row in list_rows(result):
        if row.metric == metric and row.outcome is not None:
            return row
    raise ValueError(
        f"found no verdict on {metric} in {result.cell.id}, wanted one; repeat "
        f"{worked_example_run.COMMAND}"
    )


def middle(result: CellResult, metric: str) -> float | None:
    """The median of a metric; None where it was not measured."""
    found = result.summary.get(metric)
    return None if found is None else found.p50


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of what is Markdown already."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Write the page, or print it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--print", action="store_true", help="print it instead")
    parser.add_argument("--measure", action="store_true", help="measure its run anew before")
    parser.add_argument(
        "--voice", default=worked_example_run.VOICE, help="to measure; default: %(default)s"
    )
    options = parser.parse_args()
    if options.measure:
        with tempfile.TemporaryDirectory() as folder:
            run = worked_example_run.measure(Path(folder), options.voice)
    else:
        run = worked_example_run.read_stored()
    page = build_page(run)
    if options.print:
        print(page, end="")
    else:
        PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()

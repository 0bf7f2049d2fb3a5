"""Writes docs/worked-example.md: the page of the run that this project grew from, by its own rules.

    python tools/worked_example.py            # writes the page
    python tools/worked_example.py --print    # prints it

Two figures of that run are on record (docs/m-series.md), and its gates are (tests/perf/
gates_of_origin.py). Nothing else is made up: what is not on record is None here, as what was not
measured is in any run.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from msgspec import structs

from pytest_ttsperf.judge import limits
from pytest_ttsperf.records import (
    Cell,
    CellResult,
    Environment,
    Machine,
    Memory,
    Phase,
    Run,
    Sample,
    SystemLoad,
    TargetInfo,
    Threshold,
)
from pytest_ttsperf.report import markdown_page, page_build
from pytest_ttsperf.report.page_model import Fact, PageModel

PAGE = Path(__file__).resolve().parents[1] / "docs" / "worked-example.md"
HEAD = """\
# A worked example

<!-- Written by tools/worked_example.py: change that, and run it again. -->

This project grew from a page that was written by hand: a summary, metrics against their targets, a
distribution, likely causes, what to do next. Below is that page as `report.md` writes it today. Of
the run behind it two figures are on record: Core ML took 949 of 2361 nodes of the graph in 123
pieces, and the first request took 4.2 s. The gates are those of the
[system of origin](suites.md). See how the page treats what is not on record: it is not measured,
fails its limit, and nothing is concluded from it. That the first request is slow is on record; that
later ones are fast is not, so no word is said of a warm-up.

What each part of the page means is in [reports.md](reports.md).

---

"""
FIRST_REQUEST_MS = 4200.0
PLACEMENT = {
    "provider": "CoreMLExecutionProvider",
    "nodes": {"CoreMLExecutionProvider": 949, "CPUExecutionProvider": 2361 - 949},
    "partitions": 123,
}
NOT_ON_RECORD = "not on record"
TTFA = Threshold(marker="ttfa", keyword="p95_ms", metric="ttfa_ms", statistic="p95", limit=500.0)
WARM_TTFA = Threshold(
    marker="ttfa", keyword="p95_ms", metric="ttfa_ms", statistic="p95", limit=10.0
)
RTF = Threshold(marker="rtf", keyword="p95", metric="rtf", statistic="p95", limit=0.6)
RSS_RANGE = Threshold(
    marker="memory", keyword="rss_range_mb", metric="rss_range_mb", statistic="value", limit=300.0
)


def build_page() -> str:
    """The whole page, in Markdown."""
    page = markdown_page.render(_known_environment(page_build.build(build_run())))
    # Its title is a part of this page, and no title of another.
    return f"{HEAD}{page.replace('# ', '## ', 1)}"


def _known_environment(model: PageModel) -> PageModel:
    """Without what every run has and this one has not: a machine, and a command."""
    return dataclasses.replace(
        model,
        environment=(Fact("machine", f"an M-series Mac; all else is {NOT_ON_RECORD}"),),
        again="pytest -m perf tests/perf/gates_of_origin.py --ttsperf-provider=coreml",
    )


def build_run() -> Run:
    """The run as it would be stored, as far as it is on record."""
    load = SystemLoad(load_1m=None, steal_share=None, swap_used_share=None, governor=None)
    machine = Machine(
        cpu_model=NOT_ON_RECORD,
        cores=1,
        affinity=1,
        memory_gib=None,
        system="Darwin",
        architecture="arm64",
        python=NOT_ON_RECORD,
    )
    environment = Environment(
        machine=machine,
        machine_load_before=load,
        machine_load_after=None,
        git=None,
        plugin_version=NOT_ON_RECORD,
        pytest_version=NOT_ON_RECORD,
        arguments=(),
    )
    return Run(
        id="origin",
        started="before this project began",
        finished=True,
        environment=environment,
        cells=(_cold_cell(), _warm_cell()),
    )


def _cold_cell() -> CellResult:
    """The first request: one start, which is on record."""
    sample = Sample(metric="ttfa_ms", values=(FIRST_REQUEST_MS,))
    verdict = limits.judge(TTFA, sample, declared=1)
    return _cell_result(
        "cold",
        thresholds=(TTFA,),
        summary={"ttfa_ms": limits.summarize(sample)},
        verdicts=(verdict,),
    )


def _warm_cell() -> CellResult:
    """The requests after it, of which only the gates are on record."""
    memory = Memory(reason=NOT_ON_RECORD)
    nothing = Sample(metric="ttfa_ms", values=())
    return _cell_result(
        "warm",
        thresholds=(WARM_TTFA, RTF, RSS_RANGE),
        memory=memory,
        verdicts=(
            limits.judge(WARM_TTFA, nothing, declared=1),
            limits.judge(RTF, nothing, declared=1),
            limits.judge_memory(RSS_RANGE, memory),
        ),
    )


def _cell_result(phase: Phase, **more: object) -> CellResult:
    cell = Cell(
        test=f"gates_of_origin.py::test_ttfa_of_short_text_{phase}",
        target="kokoro",
        provider="coreml",
        voice=NOT_ON_RECORD,
        preset="short",
        mode="stream",
        phase=phase,
    )
    plain = CellResult(
        cell=cell,
        fingerprint=NOT_ON_RECORD,
        declared_trials=1,
        trials=(),
        ready=TargetInfo(pid=None, placement=PLACEMENT),
    )
    return structs.replace(plain, **more)


def main() -> None:
    """Write the page, or print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", help="print it instead")
    if parser.parse_args().print:
        print(build_page(), end="")
    else:
        PAGE.write_text(build_page(), encoding="utf-8")


if __name__ == "__main__":
    main()

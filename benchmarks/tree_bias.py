"""The same code compared with itself, from two trees: does what sits beside the code decide?

    python benchmarks/tree_bias.py [--comparisons 10] [--budget 15] [--slower 0.05] [--log FILE]

A scratch repository has an engine and nothing that is not committed. Its HEAD is compared with the
running code, which is that HEAD, once with the running code in its own place and once laid out as
the old version is. In its place something slows it that is no code of the project:

- `local file`: a file that git ignores, by which the engine writes a log, costs that share of the
  time to the first chunk (the engine sleeps for both, so that a busy machine disturbs it little);
- `no bytecode`: PYTHONDONTWRITEBYTECODE is set, as in many images, and there are many modules; cold
  starts are compared.

Every FAIL is a false one. The control cannot see it, as it comes from the old version's tree.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pytest_ttsperf.compare import metrics, run
from pytest_ttsperf.compare.blocks import ComparedCell, ComparisonSpec
from pytest_ttsperf.compare.revisions import checkout, lay_out_running
from pytest_ttsperf.experiment.plan import Plan, TargetFactory
from pytest_ttsperf.records import ChangeVerdict, ComparedMetric, Outcome, Phase, TargetSpec

FIRST_S = 0.04
MODULES = 250
TEXTS = 8
"""In each block of warm trials: what is shown needs many processes, and few trials."""
WATCHED = "ttfa p50"
IN_PLACE, LAID_OUT = "in its place", "laid out"
ENGINE = """\
import importlib, time
from pathlib import Path

import numpy as np

LOG = Path(__file__).with_name("log.cfg")
for number in range({modules}):
    importlib.import_module(f"parts.part{{number}}")

class Hum:
    sample_rate = 24000

    def stream(self, text):
        time.sleep({first_s})
        if LOG.exists():
            time.sleep({first_s} * float(LOG.read_text()))
        for _ in range(2):
            yield (0.3 * np.sin(0.05 * np.arange(100 * len(text)))).astype(np.float32)
"""
PART = """\
def part(values):
    '''One of many modules, each of them with something to compile.'''
    found = {}
    for number, value in enumerate(values):
        if value in found:
            found[value].append(number)
        else:
            found[value] = [number]
    return {name: sum(numbers) / len(numbers) for name, numbers in found.items()}

"""


class Case(NamedTuple):
    """What slows the running code in its place, and which starts show it."""

    name: str
    phase: Phase
    modules: int
    has_local_file: bool


CASES = (
    Case("local file", "warm", 1, has_local_file=True),
    Case("no bytecode", "cold", MODULES, has_local_file=False),
)


class Line(NamedTuple):
    """What one comparison said of the time to the first sound."""

    case: str
    place: str
    outcome: str
    effect: float | None
    control: float | None
    blocks: int


def write_project(folder: Path, case: Case, slower: float) -> None:
    """A repository with one commit, and beside it what git ignores."""
    parts = folder / "parts"
    parts.mkdir(parents=True)
    (parts / "__init__.py").touch()
    for number in range(case.modules):
        (parts / f"part{number}.py").write_text(PART.replace("part(", f"part{number}(") * 8)
    source = ENGINE.format(modules=case.modules, first_s=FIRST_S)
    (folder / "hum.py").write_text(source)
    (folder / ".gitignore").write_text("log.cfg\n__pycache__/\n")
    identity = ("-c", "user.name=n", "-c", "user.email=e@e")
    for arguments in (("init", "-q"), ("add", "-A"), (*identity, "commit", "-qm", "an engine")):
        subprocess.run(["git", "-C", str(folder), *arguments], check=True)
    if case.has_local_file:
        (folder / "log.cfg").write_text(str(slower))


def choose_metrics(phase: Phase) -> tuple[ComparedMetric, ...]:
    """Of the usual metrics the one that is slowed."""
    return tuple(one for one in metrics.choose_metrics(phase) if one.label == WATCHED)


def compare(case: Case, place: str, project: Path, cache: Path, budget_s: float) -> Line:
    """One comparison of the same code, by the shipped route."""
    source = TargetFactory(spec=TargetSpec(spec="hum:Hum"))
    baseline = replace(source, tree=checkout("HEAD", project, cache=cache))
    candidate = source
    if place == LAID_OUT:
        candidate = replace(source, tree=lay_out_running(project, cache=cache))
    plan = Plan(test="bias", text="short", mode="stream", phase=case.phase, trials=0)
    gates = choose_metrics(case.phase)
    spec = ComparisonSpec(
        baseline=baseline,
        candidate=candidate,
        cells={"cell": ComparedCell(plan, gates)},
        against="HEAD",
        budget_s=budget_s,
        texts=TEXTS,
    )
    comparison = run.compare(spec, lambda _: None)["cell"]
    if not comparison.changes:
        return Line(case.name, place, f"none: {comparison.reason}", None, None, comparison.blocks)
    change: ChangeVerdict = comparison.changes[0]
    return Line(
        case.name,
        place,
        change.outcome.value,
        change.effect,
        change.control_effect,
        change.blocks,
    )


def run_case(case: Case, count: int, budget_s: float, slower: float) -> Iterator[Line]:
    """So many comparisons from each place, in turns."""
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch).resolve() / "project"
        write_project(project, case, slower)
        sys.path.insert(0, str(project))
        os.chdir(project)
        try:
            for _ in range(count):
                for place in (IN_PLACE, LAID_OUT):
                    yield compare(case, place, project, Path(scratch) / "cache", budget_s)
        finally:
            sys.path.remove(str(project))
            os.chdir("/")


def table(lines: Sequence[Line]) -> str:
    """How often each place was called slower."""
    rows = ["| case | running code | comparisons | FAIL | mean effect | mean of the control |"]
    rows.append("|---|---|---|---|---|---|")
    for case in CASES:
        for place in (IN_PLACE, LAID_OUT):
            found = [line for line in lines if (line.case, line.place) == (case.name, place)]
            fails = sum(line.outcome == Outcome.FAIL.value for line in found)
            effects = [line.effect for line in found if line.effect is not None]
            controls = [line.control for line in found if line.control is not None]
            rows.append(
                f"| {case.name} | {place} | {len(found)} | {fails} | {percent_text(effects)} | "
                f"{percent_text(controls)} |"
            )
    return "\n".join(rows)


def percent_text(values: Sequence[float]) -> str:
    """Their mean; a dash where there are none."""
    if not values:
        return "-"
    return f"{100 * sum(values) / len(values):+.1f} %"


def _absolute(text: str) -> Path:
    return Path(text).resolve()


def main() -> None:
    """Run all cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--comparisons", type=int, default=10)
    parser.add_argument("--budget", type=float, default=15.0, help="seconds of each comparison")
    parser.add_argument("--slower", type=float, default=0.05, help="share that the log costs")
    parser.add_argument("--log", type=_absolute, help="each comparison is a line of it")
    options = parser.parse_args()
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    started_s = time.monotonic()
    lines = []
    for case in CASES:
        for line in run_case(case, options.comparisons, options.budget, options.slower):
            lines.append(line)
            print(*line, sep="  ", flush=True)
            if options.log:
                with options.log.open("a", encoding="utf-8") as log:
                    log.write(json.dumps(line._asdict()) + "\n")
    print(table(lines))
    print(f"{time.monotonic() - started_s:.0f} s")


if __name__ == "__main__":
    main()

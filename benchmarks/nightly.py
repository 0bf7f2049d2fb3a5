"""What is too long for CI, in turns for one night: every campaign goes on where the last one ended.

    python benchmarks/nightly.py [--minutes 420] [--folder nightly] [--only NAME ...]
    python benchmarks/nightly.py --report

Campaigns append one raw line per case to a log of their own, <folder>/<name>.jsonl; nothing is ever
taken out of it. They take turns, a few cases at a time, until each has the count it wants or the
night is over. Then, for each: how many cases there are so far, how many of them were at fault with
Wilson's 95 % interval, and by how many it is short. A count that was not reached is short, and
nothing is concluded from it. Exits with 1 if anything was at fault.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from gate_cases import CASES
from gate_table import table
from load_cases import CAPACITIES
from load_cases import CASES as LOAD_CASES
from load_table import table as load_table
from soak import has_error, lines_of
from soak import report as soak_report
from tables import proportion

ROOT = Path(__file__).resolve().parents[1]
GATE_COMPARISONS = sum(case.count for case in CASES)
LOAD_LINES = sum(case.count for case in LOAD_CASES) + sum(case.count for case in CAPACITIES)
MANY = 1000
"""Lines from which on a share in whole percents would read as 0 % to 0 %."""
TAIL = 2000
"""Characters of what pytest printed that stay in the log, where no test is to blame."""
Line = dict[str, Any]


class Turn(NamedTuple):
    """A campaign's turn: its log, how many lines that is to have, and the minutes of the night."""

    log: Path
    total: int
    minutes_left: float


@dataclass(frozen=True, slots=True)
class Campaign:
    """`advance` appends to the log until it has so many lines, `is_fault` judges a line."""

    unit: str
    wanted: int
    step: int
    advance: Callable[[Turn], None]
    is_fault: Callable[[Line], bool] | None
    """None where a line is no yes or no."""
    report: Callable[[Path], str] | None = None
    """What the log holds besides, in words."""


def run_script(*arguments: str) -> None:
    """Run a campaign's own script. Its exit code says what its log says, too."""
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=False)


def compare_versions(turn: Turn) -> None:
    """One comparison more of the case that has the fewest."""
    run_script("benchmarks/gate_quality.py", f"--log={turn.log}", "--most=1")


def compare_under_load(turn: Turn) -> None:
    """One comparison of a crowd more."""
    run_script("benchmarks/load_quality.py", f"--log={turn.log}", "--most=1")


def kill_runs(turn: Turn) -> None:
    """Runs killed at random moments."""
    run_script(
        "benchmarks/killed_runs.py", f"--log={turn.log}", f"--kills={turn.total}", "--at-once=2"
    )  # fmt: skip


def speak_on(turn: Turn) -> None:
    """One engine that speaks without a pause, minute by minute."""
    run_script(
        "benchmarks/soak.py", f"--log={turn.log}", f"--slices={turn.total}",
        f"--minutes={turn.minutes_left}",
    )  # fmt: skip


def write_first_tests(turn: Turn) -> None:
    """From an empty folder to a gate, for an engine, a program and two servers."""
    run_script("benchmarks/ten_minutes.py", f"--log={turn.log}")


def read_texts(way: str) -> Callable[[Turn], None]:
    """Odd texts through the readers, in that way."""

    def read(turn: Turn) -> None:
        run_script(
            "benchmarks/fuzz_reader.py", f"--way={way}", f"--out={turn.log}",
            f"--texts={turn.total}",
        )  # fmt: skip

    return read


def repeat_tests(*arguments: str) -> Callable[[Turn], None]:
    """Rounds of the tests, each in an order of its own."""

    def repeat(turn: Turn) -> None:
        for number in range(len(lines_of(turn.log)), turn.total):
            append(turn.log, {"n": number, **run_tests(number, arguments)})

    return repeat


def run_tests(seed: int, arguments: Sequence[str]) -> Line:
    """One round, with the names of what failed."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.xml"
        command = [
            sys.executable, "-m", "pytest", "-q", "-n", "2", f"--randomly-seed={seed}",
            f"--junitxml={results}", *arguments,
        ]  # fmt: skip
        begun = time.monotonic()
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
        cases = ElementTree.parse(results).iter("testcase") if results.exists() else ()  # noqa: S314
        failed = [name_of(case) for case in cases if has_failed(case)]
    seconds = round(time.monotonic() - begun, 1)
    line = {"seed": seed, "exit": done.returncode, "s": seconds, "failed": failed}
    if done.returncode and not failed:
        line["printed"] = (done.stdout + done.stderr)[-TAIL:]
    return line


def name_of(case: ElementTree.Element) -> str:
    """As pytest writes it: module and test."""
    return f"{case.get('classname')}::{case.get('name')}"


def has_failed(case: ElementTree.Element) -> bool:
    """Whether a test failed, or what stands around it."""
    return case.find("failure") is not None or case.find("error") is not None


def has_failures(line: Line) -> bool:
    """Whether a round ended otherwise than well."""
    return bool(line["exit"])


def has_troubles(line: Line) -> bool:
    """Whether a killed run has lost or left something, or a first test did not hold."""
    return bool(line["troubles"])


def is_misread(line: Line) -> bool:
    """Whether a text made its reader raise, die or hang."""
    return line["fault"] is not None


CAMPAIGNS = {
    "gate": Campaign("comparisons", GATE_COMPARISONS, 1, compare_versions, None, table),
    "load": Campaign(
        "comparisons and searches", LOAD_LINES, 1, compare_under_load, None, load_table
    ),
    "soak": Campaign("slices of a minute", 480, 30, speak_on, has_error, soak_report),
    "kills": Campaign("killed runs", 500, 10, kill_runs, has_troubles),
    "texts-espeak": Campaign("texts", 20_000, 500, read_texts("espeak"), is_misread),
    "texts-engine": Campaign("texts", 5_000, 100, read_texts("engine"), is_misread),
    "texts-rules": Campaign("texts", 50_000, 1000, read_texts("rules"), is_misread),
    "properties": Campaign(
        "rounds", 10, 1,
        repeat_tests("-m", "hypothesis", "--hypothesis-profile=nightly"), has_failures,
    ),
    "suite": Campaign("rounds", 30, 1, repeat_tests("--dist=loadfile"), has_failures),
    "first-tests": Campaign("first tests", 40, 4, write_first_tests, has_troubles),
}  # fmt: skip


def append(log: Path, line: Line) -> None:
    """One case more."""
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def spend_night(names: Iterable[str], folder: Path, minutes: float) -> None:
    """Let campaigns take turns; none begins a step after that time."""
    end = time.monotonic() + 60 * minutes
    waiting = list(names)
    while waiting and time.monotonic() < end:
        name = waiting.pop(0)
        campaign, log = CAMPAIGNS[name], folder / f"{name}.jsonl"
        before = len(lines_of(log))
        if before >= campaign.wanted:
            continue
        total = min(before + campaign.step, campaign.wanted)
        campaign.advance(Turn(log, total, (end - time.monotonic()) / 60))
        after = len(lines_of(log))
        print(f"{name}: {after} of {campaign.wanted} {campaign.unit}", flush=True)
        if after > before:  # one that gets nowhere has told why, and has had its turn
            waiting.append(name)


def describe(name: str, lines: Sequence[Line]) -> str:
    """How far a campaign is, and what it has found by now."""
    campaign = CAMPAIGNS[name]
    missing = campaign.wanted - len(lines)
    words = [f"{name}: {len(lines)} of {campaign.wanted} {campaign.unit}"]
    if missing > 0:
        words.append(f"SHORT by {missing}")
    if campaign.is_fault is not None and lines:
        faults = [campaign.is_fault(line) for line in lines]
        digits = 2 if len(faults) >= MANY else 0
        words.append(f"{sum(faults)} at fault: {proportion(faults, digits)}")
    return ", ".join(words)


def count_faults(names: Iterable[str], folder: Path) -> int:
    """Print what there is; gives how many lines are at fault."""
    faults = 0
    for name in names:
        campaign, log = CAMPAIGNS[name], folder / f"{name}.jsonl"
        lines = lines_of(log)
        print(describe(name, lines))
        if campaign.is_fault is not None:
            faults += sum(campaign.is_fault(line) for line in lines)
        if campaign.report is not None and lines:
            print(campaign.report(log))
    return faults


def main() -> int:
    """Spend a night, or report on those before; gives the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=420.0, help="begin nothing after that")
    parser.add_argument("--folder", type=Path, default=ROOT / "nightly", help="where the logs are")
    parser.add_argument("--only", action="append", choices=list(CAMPAIGNS), help="may be repeated")
    parser.add_argument("--report", action="store_true", help="run nothing")
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    names = options.only or list(CAMPAIGNS)
    if not options.report:
        spend_night(names, folder, options.minutes)
    return int(count_faults(names, folder) > 0)


if __name__ == "__main__":
    raise SystemExit(main())

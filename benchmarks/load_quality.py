"""Whether faults that only a crowd notices are found, end to end: on our server and on two peers.

    python benchmarks/load_quality.py --log load.jsonl [--only CASE ...] [--minutes 60]
    python benchmarks/load_quality.py --log load.jsonl --table

Each comparison is `pytest -m perf --ttsperf-against=REV` in a clone of this repository: one test,
whose eight listeners ask again as soon as they have their answer, or whose requests come at 70 % of
the rate that the server has just been seen to get through. The target starts a server of the tree
that it is imported from (load_target.py), so that each window has a fresh one. The fault is an edit
of the server's own source in the working tree of the clone (load_faults.py), or a function put
around one of a peer's (load_peers.py). It ends when every figure is decided.

Each fault is also compared with one listener, who is to notice nothing. Two servers that are
reached by address are compared as `ttsperf compare A B` does, with new ones for each block.
Searches for capacity are `ttsperf load URL`.

Every comparison is appended to the log with its windows, and a campaign goes on where the last one
ended. What was not reached is short, and nothing is concluded from it. `make peers` brings piper
and fastkokoro; without them their cases measure nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import load_faults
import load_target
import msgspec
from campaign import Line, Turns, read_log, run_in_turns
from gate_quality import TAIL, comparison_fields
from gate_trees import Trees, serve, serve_both
from load_cases import (
    LISTENERS,
    OURS,
    PIPER,
    RATE_SHARE,
    WINDOW_S,
    AnyLoadCase,
    CapacityCase,
    LoadCase,
    named_cases,
)
from load_table import table
from load_test import LOAD

from pytest_ttsperf.errors import TargetError
from pytest_ttsperf.experiment.plan import Plan, TargetFactory, draw_start
from pytest_ttsperf.load import window_blocks
from pytest_ttsperf.load.cell import LoadPlan
from pytest_ttsperf.load.comparison import LoadComparisonSpec, compare_under_load
from pytest_ttsperf.load.generator.parent import LoadGenerator
from pytest_ttsperf.load.traces import WindowPlan, draw_trace
from pytest_ttsperf.measure import corpus
from pytest_ttsperf.records import LoadSpec, Outcome, TargetSpec

ROOT = Path(__file__).resolve().parents[1]
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
TEST = "benchmarks/load_test.py::test_load"
TIMEOUT_S = 120
"""For one answer: a peer under load takes its time."""
RATE_WINDOW = WindowPlan(lead_s=2.0, counted_s=10.0, least_requests=1)
TEXTS = 300
CAPACITY_BUDGET = {OURS: "40min"}
PEER_CAPACITY_BUDGET = "60min"
WINDOW_FIELDS = (
    "offered", "answered", "refused", "failed", "ttfa_p50_ms", "ttfa_p95_ms", "ttfa_sound_p95_ms",
    "ttfa_sound_typical_ms", "stalled", "goodput", "fairness", "queue_p95_ms", "cpu_s",
    "handles_before", "handles_after",
)  # fmt: skip


# One comparison


def compare(trees: Trees, case: LoadCase) -> Line:
    """One comparison, as a line of the log."""
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    load = load_of(case)
    with trees.change(planter(case)) as revision:
        begun_s = time.monotonic()
        if case.is_http:
            answer = compare_servers(trees, case)
        else:
            answer = compare_revisions(trees, case, load, revision)
        seconds = time.monotonic() - begun_s
    return {
        "case": case.name, "started": started, "revision": trees.revision, "load": load,
        "seconds": seconds, **answer,
    }  # fmt: skip


def load_of(case: LoadCase) -> dict[str, Any]:
    """Keywords of `perf.stream`; one window is enough, as those that count are the comparison's."""
    if not case.is_crowd:
        return {}
    if case.is_open:
        return {"rate": round(RATE_SHARE * measure_rate(case), 1), "windows": 1}
    return {"listeners": LISTENERS[case.server], "pace": "greedy", "windows": 1}


def measure_rate(case: LoadCase) -> float:
    """Answers a second of the unchanged server, when so many listeners never pause."""
    load = LoadSpec(listeners=LISTENERS[case.server], pace="greedy")
    source = TargetFactory(TargetSpec(spec=case.target))
    with LoadGenerator(source, load, "stream") as generator:
        generator.open()
        trace = draw_trace(load, corpus.texts("short", TEXTS), seed=0, plan=RATE_WINDOW)
        record = generator.run_window(trace, lambda _: None)
    first_ns = record.begun_ns + int(RATE_WINDOW.lead_s * 1e9)
    last_ns = first_ns + int(RATE_WINDOW.counted_s * 1e9)
    answered = 0
    for request in record.requests:
        end_ns = request.load.end_ns or 0
        answered += request.load.ended == "answered" and first_ns <= end_ns < last_ns
    return answered / RATE_WINDOW.counted_s


def planter(case: LoadCase) -> Callable[[Path], None]:
    """What puts the fault of a case into a tree."""

    def plant(tree: Path) -> None:
        if case.fault is None or case.is_http:
            return
        if case.server == OURS:
            load_faults.plant(load_faults.find_fault(case.fault), tree)
            return
        path = tree / "benchmarks" / load_target.FAULT.name
        path.write_text(json.dumps({"fault": case.fault}), "utf-8")

    return plant


def compare_revisions(trees: Trees, case: LoadCase, load: Mapping[str, Any], revision: str) -> Line:
    """By a run of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        artifact = Path(folder) / "run.json"
        command = [
            sys.executable, "-m", "pytest", "-q", "-m", "perf", TEST, "-p", "no:randomly",
            f"--ttsperf-target={case.target}", f"--ttsperf-against={revision}",
            f"--ttsperf-budget={case.budget_s}s", "--ttsperf-trials=1",
            f"--ttsperf-window={WINDOW_S[case.server]}s", f"--ttsperf-json={artifact}",
            f"--ttsperf-artifacts={folder}", f"--ttsperf-timeout={TIMEOUT_S}",
        ]  # fmt: skip
        done = subprocess.run(
            command,
            cwd=trees.folder,
            env={**os.environ, LOAD: json.dumps(load)},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        cells = []
        if artifact.exists():
            cells = json.loads(artifact.read_text("utf-8"))["cells"]
    if len(cells) != 1 or cells[0].get("comparison") is None:
        return {"error": (done.stdout + done.stderr)[-TAIL:]}
    return {"red": done.returncode != 0, **fields_of(cells[0]["comparison"])}


def compare_servers(trees: Trees, case: LoadCase) -> Line:
    """Of two servers that are reached by address, the second with the fault: new ones a block."""
    second = trees.second_clone()
    with contextlib.ExitStack() as stack:
        if case.fault is not None:
            stack.enter_context(planted(case.fault, second))
        try:
            found = compare_under_load(spec_of_servers([trees.folder, second], case), print_nothing)
        except TargetError as error:
            return {"error": str(error)[-TAIL:]}
    outcomes = {found.outcome} | {change.outcome for change in found.changes}
    is_red = not outcomes.isdisjoint({Outcome.FAIL, Outcome.INVALID})
    return {"red": is_red, **fields_of(msgspec.to_builtins(found))}


def spec_of_servers(folders: Sequence[Path], case: LoadCase) -> LoadComparisonSpec:
    """As `ttsperf compare` has it, with servers that are started anew for each block.

    What two starts of the same code differ by is no change, so one start each would not do.
    """

    @contextlib.contextmanager
    def start_servers(_: int) -> Iterator[tuple[TargetFactory, TargetFactory]]:
        with serve_both(folders, "heart", *load_target.OUR_OPTIONS) as addresses:
            first, second = addresses
            yield factory_of(first), factory_of(second)

    load = LoadSpec(listeners=LISTENERS[OURS], pace="greedy")
    start = draw_start()
    plan = Plan(
        test="compare", text="short", mode="stream", phase="warm", trials=0, texts_from=start
    )  # fmt: skip
    window = WindowPlan().counting(WINDOW_S[OURS])
    # Nobody asks these addresses: each block has its own.
    nowhere = factory_of("http://127.0.0.1:9")
    return LoadComparisonSpec(
        baseline=nowhere,
        candidate=nowhere,
        plan=LoadPlan(plan=plan, load=load, window=window, seed=start),
        metrics=window_blocks.choose_metrics(is_same_work=False),
        against=str(folders[0]),
        budget_s=case.budget_s,
        start_servers=start_servers,
    )


def factory_of(address: str) -> TargetFactory:
    """A target that runs already."""
    return TargetFactory(TargetSpec(spec=address))


def print_nothing(text: str) -> None:
    """Nobody looks at how far a comparison of a campaign is."""


@contextlib.contextmanager
def planted(name: str, tree: Path) -> Iterator[None]:
    """With the fault in a tree, whose files are afterwards as they were."""
    fault = load_faults.find_fault(name)
    before = {tree / edit.path: (tree / edit.path).read_text("utf-8") for edit in fault.edits}
    load_faults.plant(fault, tree)
    try:
        yield
    finally:
        for path, text in before.items():
            path.write_text(text, "utf-8")


def fields_of(comparison: Mapping[str, Any]) -> Line:
    """What the log holds of a comparison: with its windows, if it has any."""
    windows: dict[str, list[Line]] = {}
    for arm, of_arm in comparison.get("windows", {}).items():
        windows[arm] = list(map(_picked_fields, of_arm))
    return {
        **comparison_fields(comparison),
        "notes": comparison.get("notes", []),
        "windows": windows,
    }


def _picked_fields(window: Mapping[str, Any]) -> Line:
    return {name: window.get(name) for name in WINDOW_FIELDS}


# One search


def search_capacity(trees: Trees, case: CapacityCase) -> Line:
    """One search, as a line of the log, with what the terminal shows."""
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    begun_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, running_server(trees, case) as url:
        path = Path(folder) / "capacity.json"
        command = [
            sys.executable, "-m", "pytest_ttsperf", "load", url, f"--json={path}",
            f"--budget={CAPACITY_BUDGET.get(case.server, PEER_CAPACITY_BUDGET)}",
            *preset_options(case.server),
        ]  # fmt: skip
        done = subprocess.run(
            command,
            cwd=trees.folder,
            env={**os.environ, "COLUMNS": "100"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        capacity = None
        if path.exists():
            capacity = json.loads(path.read_text("utf-8")).get("capacity")
    line = {"case": case.name, "started": started, "seconds": time.monotonic() - begun_s}
    if capacity is None:
        return {**line, "error": (done.stdout + done.stderr)[-TAIL:]}
    return {**line, "capacity": summarise_capacity(capacity), "printed": done.stdout}


def preset_options(server: str) -> list[str]:
    """How the command is to ask a server that is not asked as OpenAI's."""
    if server == OURS:
        return []
    if server == PIPER:
        return ["--option=preset=piper"]
    return ["--option=preset=kokoro-fastapi", f"--voice={load_target.FASTKOKORO_VOICE}"]


@contextlib.contextmanager
def running_server(trees: Trees, case: CapacityCase) -> Iterator[str]:
    """The address of a fresh server."""
    if case.server == OURS:
        with serve(trees.folder, "heart", *load_target.OUR_OPTIONS) as port:
            yield f"http://127.0.0.1:{port}"
        return
    opened = load_target.PEERS[case.server]()
    try:
        yield opened.url
    finally:
        opened.close()


def summarise_capacity(capacity: Mapping[str, Any]) -> Line:
    """What the log holds of a search: its answer, and how many windows each level had."""
    levels = []
    for level in capacity["levels"]:
        levels.append(
            {
                "level": level["level"], "windows": len(level["windows"]), "good": level["good"],
                "outcome": level["outcome"],
            }
        )  # fmt: skip
    picked = ("unit", "limits", "proven", "refuted", "reason", "stopped_because", "void_because")
    return {**{name: capacity.get(name) for name in picked}, "levels": levels}


# The campaign


def measure(trees: Trees, case: AnyLoadCase) -> Line:
    """One line of a case, whatever it is."""
    if isinstance(case, CapacityCase):
        return search_capacity(trees, case)
    return compare(trees, case)


def outcome_of(line: Line) -> str:
    """What came of it, in a few words."""
    if "error" in line:
        return f"nothing was measured: {line['error'][-200:]!r}"
    if "capacity" in line:
        return f"{line['seconds']:.0f} s: {line['capacity']['reason']}"
    if line["reason"] is not None:
        return f"not judged: {line['reason']}"
    words = [f"{label} {gate['outcome']}" for label, gate in line["gates"].items()]
    return f"{line['seconds']:.0f} s, {line['blocks']} blocks: {', '.join(words)}"


def prepare_peers(folder: Path) -> None:
    """Say where the peers are, and write what fastkokoro reads; nothing without `make peers`."""
    if not PEERS_PYTHON.exists():
        return
    os.environ[load_target.PEERS_PYTHON] = str(PEERS_PYTHON)
    os.environ[load_target.FASTKOKORO_FILES] = str(folder)
    script = str(ROOT / "benchmarks" / "peer_sides.py")
    subprocess.run([str(PEERS_PYTHON), script, "fastkokoro-files", str(folder)], check=True)


def main() -> int:
    """Run what is missing, or print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--log", type=Path, default=Path("load_quality.jsonl"))
    parser.add_argument("--only", action="append", metavar="CASE", help="may be repeated")
    parser.add_argument("--count", type=int, help="comparisons of each case (its own count)")
    parser.add_argument("--most", type=int, default=sys.maxsize, help="comparisons of this call")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin none after that")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if options.table:
        print(table(options.log))
        return 0
    cases = named_cases(options.only)
    if options.count is not None:
        cases = [replace(case, count=options.count) for case in cases]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ.setdefault("XDG_CACHE_HOME", f"{folder}/cache")
        prepare_peers(folder)
        trees = Trees(folder / "clone")
        run_in_turns(
            cases,
            options.log,
            read_log(options.log),
            lambda case: measure(trees, case),
            outcome_of,
            Turns(options.minutes, options.most),
        )
    print(table(options.log))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

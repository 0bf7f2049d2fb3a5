"""How often the gate is right: unchanged code, and slow-downs of known size, end to end.

    python benchmarks/gate_quality.py --log LOG [--only CASE ...] [--minutes 60] [--busy]
    python benchmarks/gate_quality.py --log LOG --table
    python benchmarks/gate_quality.py --log LOG --replay
    python benchmarks/gate_quality.py --quick

Each comparison is `pytest -m perf --ttsperf-against=REV` in a clone of this repository with the
shipped defaults: one test with its gates. Two servers are compared by `ttsperf compare` instead,
both started anew from a clone each. The slow-down is put into one of the trees by a file that
gate_target.py reads; its size is a percentage of the figure's median, measured just before. Where a
case watches some gates only, the others are released by --ttsperf-compare-fail=FIGURE:99%, so that
the comparison ends when those are decided. An engine that is too slow for a minute says what it
takes, and is given that.

Every comparison is appended to the log with its blocks, and a campaign goes on where the last one
ended: each case has a count of its own (gate_cases.py; `--count` for another). What was not reached
is short, and nothing is concluded from it. Cases take turns, so that all see the same hours.
Proportions stand with Wilson's 95 % interval. gate_rivals.py asks others about the same trees.

`--replay` asks the shipped judge about disjoint groups of the log's unchanged blocks, each as long
as the budget, with all ways to call two of the four processes the baseline.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from block_packing import pack
from campaign import Line, Turns, run_in_turns
from gate_cases import (
    ENGINES,
    HTTP,
    QUICK,
    Case,
    named_cases,
    released_figures,
)
from gate_table import log_replay, read_lines, table
from gate_trees import Trees, keep_busy, serve_both

from pytest_ttsperf.experiment import plan as experiment_plan
from pytest_ttsperf.experiment import trial
from pytest_ttsperf.experiment.plan import trial_texts
from pytest_ttsperf.experiment.trial import run_trial, warm_up
from pytest_ttsperf.measure import schedule
from pytest_ttsperf.metrics import definitions
from pytest_ttsperf.records import Block, TargetSpec, Trial

TEST = "benchmarks/gate_test.py"
TRIALS = 20
RELEASED = "99%"
"""A smallest change that no case comes near."""
FIRST_BUDGET_S = 60
MORE_THAN_NAMED = 1.1
"""A block is not as long as the first one each time."""
TAIL = 2000
"""Characters of what was printed that stay in the log, where nothing was measured."""
PICKED = ("outcome", "effect", "low", "high", "blocks", "improved", "control_fired", "confirmed",
          "decided_s")  # fmt: skip


# Slowing


def medians() -> dict[str, float]:
    """What the figures are now: TTFA to the first sounding chunk in ms, and RTF."""
    source = experiment_plan.TargetFactory(spec=TargetSpec(spec="engine:Engine"))
    plan = experiment_plan.Plan("calibration", "short", "stream", "warm", TRIALS)
    opened = trial.open_target(source, warm=True)
    try:
        for _ in warm_up(opened, plan):
            pass
        steps = schedule.schedule_trials(trial_texts(plan), "trial")
        trials = [run_trial(opened, step, plan.mode, with_usage=False) for step in steps]
    finally:
        opened.close()
    return {"ttfa": median_of("ttfa_sound_ms", trials), "rtf": median_of("rtf", trials)}


def median_of(metric: str, trials: Sequence[Trial]) -> float:
    """Over the trials in which it could be measured."""
    values = definitions.sample(metric, trials).values
    return median(value for value in values if value is not None)


def instruction_for(case: Case, now: Mapping[str, float]) -> dict[str, float]:
    """What gate_target.py is to do. To be 10 % faster than the old, the old is 11.1 % slower."""
    share = case.percent / 100
    if share < 0:
        share = 1 / (1 + share) - 1
    if case.slows == "rtf":
        return {"first_ms": 0.0, "one_in": 1, "per_audio_s": share * now["rtf"]}
    return {
        "first_ms": share * now["ttfa"], "one_in": case.one_in, "by_text": case.by_text,
        "per_audio_s": 0.0,
    }  # fmt: skip


# Comparing


def compare(trees: Trees, case: Case) -> Line:
    """One comparison, as a line of the log."""
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    now: dict[str, float] = {}
    instruction = None
    with keep_busy(case.busy):
        if not case.is_unchanged:
            now = medians()
            instruction = instruction_for(case, now)
        with trees.slow_down(instruction, old=case.percent < 0) as revision:
            begun_s = time.monotonic()
            answer = ask(trees, case, revision)
            seconds = time.monotonic() - begun_s
    return {
        "case": case.name, "engine": case.engine, "started": started, "revision": trees.revision,
        "now": now, "seconds": seconds, **answer,
    }  # fmt: skip


def ask(trees: Trees, case: Case, revision: str) -> Line:
    """What the gate says; by the budget that it names where the case has none."""
    if case.budget_s is not None:
        return ask_within(trees, case, revision, case.budget_s)
    first = ask_within(trees, case, revision, FIRST_BUDGET_S)
    named_s = budget_named(first.get("reason") or "")
    if named_s is None:
        return first
    budget_s = round(MORE_THAN_NAMED * named_s)
    print(f"{case.name}: {first['reason']}; measured with {budget_s} s", flush=True)
    return {**ask_within(trees, case, revision, budget_s), "named": first["reason"]}


def budget_named(reason: str) -> int | None:
    """Seconds that a comparison says it would take; None where it says nothing of the kind."""
    found = re.search(r"give (\d+) s or more", reason)
    return int(found[1]) if found else None


def ask_within(trees: Trees, case: Case, revision: str, budget_s: int) -> Line:
    """What the gate says within a budget."""
    if case.engine == HTTP:
        return {"budget_s": budget_s, **compare_servers(trees, case, budget_s)}
    return {"budget_s": budget_s, **compare_revisions(trees, case, revision, budget_s)}


def compare_revisions(trees: Trees, case: Case, revision: str, budget_s: int) -> Line:
    """By a run of pytest."""
    engine = ENGINES[case.engine]
    with tempfile.TemporaryDirectory() as folder:
        artifact = Path(folder) / "run.json"
        command = [
            sys.executable, "-m", "pytest", "-q", "-m", "perf", f"{TEST}::test_gate",
            "-p", "no:randomly", f"--ttsperf-target={engine.target}",
            f"--ttsperf-against={revision}", f"--ttsperf-budget={budget_s}s",
            "--ttsperf-trials=1", f"--ttsperf-json={artifact}", f"--ttsperf-artifacts={folder}",
            f"--ttsperf-timeout={engine.timeout_s}",
        ]  # fmt: skip
        if engine.voice is not None:
            command.append(f"--ttsperf-voice={engine.voice}")
        for name in released_figures(case):
            command.append(f"--ttsperf-compare-fail={name}:{RELEASED}")
        done = subprocess.run(
            command, cwd=trees.folder, capture_output=True, encoding="utf-8", check=False
        )
        cells = []
        if artifact.exists():
            cells = json.loads(artifact.read_text("utf-8"))["cells"]
    if len(cells) != 1 or cells[0].get("comparison") is None:
        return {"error": (done.stdout + done.stderr)[-TAIL:]}
    return {"red": done.returncode != 0, **comparison_fields(cells[0]["comparison"])}


def compare_servers(trees: Trees, case: Case, budget_s: int) -> Line:
    """By `ttsperf compare` of two servers, started anew; which clone is the baseline is drawn."""
    folders = random.sample([trees.folder, trees.second_clone()], 2)
    with serve_both(folders, ENGINES[case.engine].voice or "heart") as addresses:
        command = [
            sys.executable, "-m", "pytest_ttsperf", "compare", *addresses,
            "--budget", f"{budget_s}s", "--json",
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=trees.folder, capture_output=True, encoding="utf-8", check=False
        )
    try:
        (comparison,) = json.loads(done.stdout).values()
    except ValueError:
        return {"error": (done.stdout + done.stderr)[-TAIL:]}
    return {"red": done.returncode != 0, **comparison_fields(comparison)}


def comparison_fields(comparison: Mapping[str, Any]) -> Line:
    """What the log holds of a comparison."""
    gates: dict[str, Line] = {}  # none where it could not be judged
    is_judged = comparison["reason"] is None
    for gate, change in zip(comparison["gates"], comparison["changes"], strict=is_judged):
        fields = {name: change[name] for name in PICKED if name in change}
        attribution = change.get("attribution") or {}
        fields["stage"] = attribution.get("explained_by")
        fields["stages"] = attribution.get("explained_by_stages", [])
        fields["is_work"] = gate.get("is_work", False)
        gates[gate["label"]] = fields
    measured = {}
    for metric, blocks in comparison["measured"].items():
        measured[metric] = msgspec.convert(blocks, list[Block])
    return {
        "blocks": comparison["blocks"],
        "compared_s": comparison["seconds"],
        "reason": comparison["reason"],
        "gates": gates,
        "measured": pack(measured) if measured else None,
    }


# The campaign


def run_campaign(trees: Trees, options: argparse.Namespace) -> None:
    """Cases in turns, until each has its count."""
    cases = named_cases(options.only, busy=options.busy)
    if options.count is not None:
        cases = [replace(case, count=options.count) for case in cases]
    if options.budget is not None:
        cases = [replace(case, budget_s=options.budget) for case in cases]
    run_in_turns(
        cases,
        options.log,
        read_lines(options.log),
        lambda case: compare(trees, case),
        outcome_of,
        Turns(options.minutes, options.most),
    )


def outcome_of(line: Line) -> str:
    """What came of it, in a few words."""
    if "error" in line:
        return f"nothing was measured: {line['error'][-200:]!r}"
    if line["reason"] is not None:
        return f"not judged: {line['reason']}"
    words = []
    for label, gate in line["gates"].items():
        if not gate["is_work"] or gate["outcome"] != "PASS":
            words.append(f"{label} {gate['outcome']}")
    return f"{line['seconds']:.0f} s, {line['blocks']} blocks: {', '.join(words)}"


def quick(trees: Trees) -> int:
    """A few comparisons, and what so few can show: nothing absurd. 1 if they do not."""
    wrong = 0
    for case in QUICK:
        line = compare(trees, case)
        if "error" in line:
            raise SystemExit(f"the gate did not run:\n{line['error']}")
        outcome = line["gates"].get("ttfa p50", {}).get("outcome")
        is_right = not line["red"] if case.is_unchanged else outcome == "FAIL"
        if line["reason"] is not None:
            verdict = f"could not be judged: {line['reason']}"
        elif is_right:
            verdict = "as it should be"
        else:
            verdict = "WRONG"
            wrong += 1
        print(f"{case.name}: {outcome} after {line['blocks']} blocks, {verdict}", flush=True)
    return int(wrong > 0)


def main() -> int:
    """Run what is missing, or print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--log", type=Path, default=Path("gate_quality.jsonl"))
    parser.add_argument("--only", action="append", metavar="CASE", help="may be repeated")
    parser.add_argument("--count", type=int, help="comparisons of each case (its own count)")
    parser.add_argument("--most", type=int, default=sys.maxsize, help="comparisons of this call")
    parser.add_argument("--budget", type=int, metavar="S", help="of each comparison, to try it")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin none after that")
    parser.add_argument("--busy", action="store_true", help="with one core at work meanwhile")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--replay", action="store_true")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.replay:
        print("\n".join(log_replay(options.log)))
        return 0
    if options.table:
        print(table(options.log))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("XDG_CACHE_HOME", f"{folder}/cache")
        trees = Trees(Path(folder) / "clone")
        if options.quick:
            return quick(trees)
        run_campaign(trees, options)
    print(table(options.log))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

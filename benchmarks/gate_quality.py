"""How often the gate is right: unchanged code, and slow-downs of known size, end to end.

    python benchmarks/gate_quality.py --log gate.jsonl [--only 'unchanged 60 s' ...] [--count 20]
    python benchmarks/gate_quality.py --log gate.jsonl --table
    python benchmarks/gate_quality.py --log gate.jsonl --replay
    python benchmarks/gate_quality.py --quick

Each comparison is `pytest -m perf --ttsperf-against=REV` in a clone of this repository, with the
default voice and the shipped defaults: one test with its three gates. The old version is opened
from a worktree, as users' are. The slow-down is put into one of the trees by a file that
gate_target.py reads; its size is a percentage of the gated figure's median, measured just before.
Every comparison is appended to the log, and a campaign goes on where the last one ended. Beside
each, pytest-benchmark judges the same two trees by --benchmark-compare-fail=mean:10% and min:5%.

Cases take turns, so that all see the same hours. Proportions stand with Wilson's 95 % interval.

`--replay` asks the shipped judge about disjoint groups of the log's unchanged blocks, each as long
as the gate's minute. All three processes of such a block run the same code, so each plays the new
one in turn; the three answers of a group are no three experiments, but they lean to no side.
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
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from gate_table import CASES, OTHERS, QUICK, Case, replay, table

from pytest_ttsperf.compare import cells
from pytest_ttsperf.experiment import plan as experiment_plan
from pytest_ttsperf.experiment import trial
from pytest_ttsperf.experiment.plan import trial_texts
from pytest_ttsperf.experiment.trial import run_trial, warm_up
from pytest_ttsperf.measure import schedule
from pytest_ttsperf.metrics import definitions
from pytest_ttsperf.records import TargetSpec, Trial

ROOT = Path(__file__).resolve().parents[1]
SLOW = Path("benchmarks") / "gate_slow.json"
TEST = "benchmarks/gate_test.py"
TRIALS = 20
IDENTITY = ("-c", "user.name=gate", "-c", "user.email=gate@example.org")


class Trees:
    """A clone of this repository as it is, in which comparisons are run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        run(["git", "clone", "-q", "--no-hardlinks", str(ROOT), str(folder)], ROOT)
        self.revision = run(["git", "rev-parse", "HEAD"], folder).strip()

    @contextlib.contextmanager
    def slow_down(self, instruction: Mapping[str, float], *, old: bool) -> Iterator[str]:
        """Put the instruction into the working tree, or into a commit to compare it with."""
        path = self.folder / SLOW
        path.write_text(json.dumps(instruction), "utf-8")
        try:
            if old:
                run(["git", "add", "-f", str(SLOW)], self.folder)
                run(["git", *IDENTITY, "commit", "-qm", "slow"], self.folder)
                path.unlink()
            yield run(["git", "rev-parse", "HEAD"], self.folder).strip()
        finally:
            run(["git", "reset", "-q", "--hard", self.revision], self.folder)
            path.unlink(missing_ok=True)


def run(command: Sequence[str], folder: Path) -> str:
    """What a command prints; CalledProcessError if it fails."""
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, encoding="utf-8")
    return done.stdout


@contextlib.contextmanager
def keep_busy(busy: bool) -> Iterator[None]:
    """With one core of the machine at work on something else."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if busy else None
    try:
        yield
    finally:
        if process is not None:
            process.kill()
            process.wait()


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
    """What gate_target.py is told. To be 10 % faster than the old, the old is 11.1 % slower."""
    share = case.percent / 100
    if share < 0:
        share = 1 / (1 + share) - 1
    if case.figure.startswith("rtf"):
        return {"first_ms": 0.0, "one_in": 1, "per_audio_s": share * now["rtf"]}
    return {"first_ms": share * now["ttfa"], "one_in": case.one_in, "per_audio_s": 0.0}


def compare(trees: Trees, case: Case) -> dict[str, Any]:
    """One comparison, as a line of the log."""
    started = datetime.now().astimezone().isoformat(timespec="seconds")
    with keep_busy(case.busy):
        now = medians() if case.percent else {"ttfa": 0.0, "rtf": 0.0}
        with trees.slow_down(instruction_for(case, now), old=case.percent < 0) as revision:
            if case.percent == 0:
                (trees.folder / SLOW).unlink()
            answer = gate(trees, case, revision)
            beside = case.budget_s == 60 and case not in QUICK
            others = benchmark(trees, revision) if beside else {}
    return {
        "case": case.name, "started": started, "revision": trees.revision, "now": now,
        **answer, "others": others,
    }  # fmt: skip


def gate(trees: Trees, case: Case, revision: str) -> dict[str, Any]:
    """What the gate says."""
    with tempfile.TemporaryDirectory() as folder:
        artifact = Path(folder) / "run.json"
        command = [
            sys.executable, "-m", "pytest", "-q", "-m", "perf", f"{TEST}::test_gate",
            "-p", "no:randomly", "--ttsperf-target=gate_target:Slowed",
            f"--ttsperf-against={revision}", f"--ttsperf-budget={case.budget_s}s",
            "--ttsperf-trials=1", f"--ttsperf-json={artifact}", f"--ttsperf-artifacts={folder}",
        ]  # fmt: skip
        begun = time.monotonic()
        done = subprocess.run(
            command, cwd=trees.folder, capture_output=True, encoding="utf-8", check=False
        )
        if not artifact.exists():
            raise SystemExit(f"the gate did not run:\n{done.stdout}\n{done.stderr}")
        (cell,) = json.loads(artifact.read_text("utf-8"))["cells"]
    comparison = cell["comparison"]
    return {
        "seconds": time.monotonic() - begun,
        "red": done.returncode != 0,
        "blocks": comparison["blocks"],
        "compared_s": comparison["seconds"],
        "reason": comparison["reason"],
        "gates": {  # none where it could not be judged
            gate["label"]: {
                "outcome": change["outcome"], "effect": change["effect"],
                "improved": change["improved"], "control_fired": change["control_fired"],
                "stage": (change["attribution"] or {}).get("explained_by"),
            }
            for gate, change in zip(
                comparison["gates"], comparison["changes"], strict=comparison["reason"] is None
            )
        },
        "measured": comparison["measured"],
    }  # fmt: skip


def benchmark(trees: Trees, revision: str) -> dict[str, bool]:
    """Whether pytest-benchmark calls it a regression, by each of its rules."""
    tree = cells.prepare_version(revision, trees.folder).tree
    assert tree is not None
    with tempfile.TemporaryDirectory() as storage:
        command = [
            sys.executable, "-m", "pytest", "-q", f"{TEST}::test_ttfa", "-p", "no:randomly",
            f"--benchmark-storage=file://{storage}",
        ]  # fmt: skip
        run([*command, "--benchmark-save=old"], tree.folder)
        rules = [f"--benchmark-compare-fail={rule}" for rule in OTHERS]
        done = subprocess.run(
            [*command, "--benchmark-compare", *rules],
            cwd=trees.folder, capture_output=True, encoding="utf-8", check=False,
        )  # fmt: skip
    printed = done.stdout + done.stderr
    red = {name: f"Field '{rule.partition(':')[0]}'" in printed for rule, name in OTHERS.items()}
    if any(red.values()) != (done.returncode != 0):
        raise SystemExit(f"pytest-benchmark was not understood:\n{printed}")
    return red


def main() -> int:
    """Run what is missing, or print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--log", type=Path, default=Path("gate_quality.jsonl"))
    parser.add_argument("--only", action="append", metavar="CASE", help="may be given again")
    parser.add_argument("--count", type=int, default=20, help="comparisons of each case")
    parser.add_argument("--most", type=int, default=sys.maxsize, help="comparisons of this call")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin none after that")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--replay", action="store_true")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.replay:
        print("\n".join(replay(options.log)))
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


def run_campaign(trees: Trees, options: argparse.Namespace) -> None:
    """Cases in turns, until each has its count."""
    end = time.monotonic() + 60 * options.minutes
    cases = named_cases(options.only)
    done = count_comparisons(options.log)
    for _ in range(options.most):
        waiting = [case for case in cases if done[case.name] < options.count]
        if not waiting or time.monotonic() > end:
            return
        case = min(waiting, key=lambda one: done[one.name])
        line = compare(trees, case)
        with options.log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        done[case.name] += 1
        outcomes = {name: gate["outcome"] for name, gate in line["gates"].items()}
        print(f"{case.name}: {done[case.name]} of {options.count}, {outcomes}", flush=True)


def named_cases(names: Sequence[str] | None) -> list[Case]:
    """The cases of those names, or all; SystemExit for a name that no case has."""
    if not names:
        return list(CASES)
    unknown = set(names) - {case.name for case in CASES}
    if unknown:
        raise SystemExit(f"found {unknown}, wanted some of {[case.name for case in CASES]}")
    return [case for case in CASES if case.name in names]


def count_comparisons(log: Path) -> Counter[str]:
    """How many the log has of each case."""
    if not log.exists():
        return Counter()
    lines = log.read_text("utf-8").splitlines()
    return Counter(json.loads(line)["case"] for line in lines)


def quick(trees: Trees) -> int:
    """A few comparisons, and what so few can show: nothing absurd. 1 if they do not."""
    wrong = 0
    for case in QUICK:
        line = compare(trees, case)
        outcome = line["gates"].get(case.figure, {}).get("outcome")
        if line["reason"] is not None:
            verdict = f"could not be judged: {line['reason']}"
        elif (outcome == "FAIL") if case.percent else not line["red"]:
            verdict = "as it should be"
        else:
            verdict = "WRONG"
            wrong += 1
        print(f"{case.name}: {outcome} after {line['blocks']} blocks, {verdict}")
    return int(wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())

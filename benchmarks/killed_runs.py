"""Runs killed at random moments, and several at once: is anything stored lost, or left behind?

    python benchmarks/killed_runs.py [--kills 30] [--at-once 8] [--seed 0] [--log kills.jsonl]

Each run measures a toy engine with a child of its own, in one folder, and saves a baseline. It is
killed (SIGKILL) at a moment drawn between its start and the time that a whole run takes. Afterwards
every artifact and baseline must be readable, no stored run may be gone, and no process of the run
may be alive. With --log each killed run is a line of it, and the count goes on behind those that
are there. Then runs are started at once, and each must have stored its own. Exit code 1 when one
of that is not so.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import psutil

from pytest_ttsperf import files
from pytest_ttsperf.errors import FileUnreadable
from pytest_ttsperf.records import Baseline, Run

ROOT = Path(__file__).resolve().parents[1]
MARK = "killed-runs-benchmark"
GONE_S = 10.0
ENGINE = f"""\
import subprocess, sys, time
import numpy as np

class Engine:
    sample_rate = 24000

    def __init__(self):
        self.child = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)", "{MARK}"], start_new_session=True
        )

    def stream(self, text):
        for _ in range(4):
            time.sleep(0.003)
            yield (0.3 * np.sin(0.05 * np.arange(400 * len(text)))).astype(np.float32)

    def close(self):
        self.child.kill()
        self.child.wait()
"""
TEST = """\
from pytest_ttsperf import ttfa

@ttfa(p50_ms=2000)
def test_x(perf):
    perf.stream("short")
"""


def main() -> int:
    """Print what was found; gives the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--at-once", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", type=Path, default=Path(os.devnull))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_project(folder)
        done = len(options.log.read_text("utf-8").splitlines()) if options.log.exists() else 0
        with options.log.open("a", encoding="utf-8") as log:
            troubles = kill_runs(folder, range(done, options.kills), options.seed, log)
        troubles += run_at_once(folder, options.at_once)
    for trouble in troubles:
        print(f"  {trouble}")
    print("nothing was lost" if not troubles else f"{len(troubles)} troubles")
    return int(bool(troubles))


def write_project(folder: Path) -> None:
    """A project that measures the toy engine."""
    (folder / "toy.py").write_text(ENGINE, encoding="utf-8")
    (folder / "test_it.py").write_text(TEST, encoding="utf-8")
    (folder / "pytest.ini").write_text(
        "[pytest]\nttsperf_target = toy:Engine\npythonpath = .\n", encoding="utf-8"
    )


def start_run(folder: Path) -> subprocess.Popen[bytes]:
    """A run in its own session, as a shell would start it."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
    command += ["--ttsperf-trials=10", "--ttsperf-save"]
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill_runs(folder: Path, numbers: Sequence[int], seed: int, log: TextIO) -> list[str]:
    """Kill runs one after the other; gives what was lost or left behind."""
    begun = time.monotonic()
    start_run(folder).wait()
    whole_s = time.monotonic() - begun
    stored = len(stored_runs(folder))
    troubles = [] if stored == 1 else [f"a whole run stored {stored} runs"]
    killed = 0
    for number in numbers:
        after_s = random.Random(f"{seed} {number}").uniform(0.0, whole_s)  # noqa: S311
        was_running = kill_run(folder, after_s)
        found = find_damage(folder)
        if not wait_until_gone():
            found.append("a process of it is alive")
        now = len(stored_runs(folder))
        if now < stored:
            found.append(f"{stored} runs were stored before, {now} are now")
        stored = max(stored, now)
        killed += was_running
        troubles += [f"run {number}: {text}" for text in found]
        line = {"n": number, "after_s": after_s, "killed": was_running, "troubles": found}
        log.write(json.dumps(line) + "\n")
        log.flush()
    count = len(numbers)
    print(f"{killed} of {count} runs killed before their end ({whole_s:.1f} s), {stored} stored")
    return troubles


def kill_run(folder: Path, after_s: float) -> bool:
    """Start a run and kill it after that time; whether it was still running."""
    run = start_run(folder)
    time.sleep(after_s)
    was_running = run.poll() is None
    run.send_signal(signal.SIGKILL)
    run.wait()
    return was_running


def run_at_once(folder: Path, count: int) -> list[str]:
    """Start runs together; gives what one of them has lost."""
    before = len(stored_runs(folder))
    runs = [start_run(folder) for _ in range(count)]
    codes = [run.wait() for run in runs]
    after = len(stored_runs(folder))
    print(f"{count} runs at once: exit codes {sorted(set(codes))}, {after - before} stored")
    troubles = find_damage(folder)
    if any(codes):
        troubles.append(f"exit codes {codes}")
    if after - before != count:
        troubles.append(f"{count} runs at once stored {after - before} runs")
    return troubles


def stored_runs(folder: Path) -> Sequence[str]:
    """The ids of the runs in the one baseline of the project."""
    found: list[str] = []
    for path in folder.glob("baselines/*/*.json"):
        found += [run.run for run in files.read_json(path, Baseline).runs]
    return found


def find_damage(folder: Path) -> list[str]:
    """Artifacts that cannot be read; a run killed at its beginning leaves an empty one."""
    damage = []
    for path in folder.glob("artifacts/bench/*/run_*.json"):
        if path.stat().st_size == 0:
            continue
        try:
            files.read_json(path, Run)
        except FileUnreadable as error:
            damage.append(str(error))
    return damage


def wait_until_gone() -> bool:
    """Whether all processes of the toy engine end in time."""
    deadline = time.monotonic() + GONE_S
    while time.monotonic() < deadline:
        if not any(
            MARK in (info.info["cmdline"] or []) for info in psutil.process_iter(["cmdline"])
        ):
            return True
        time.sleep(0.05)
    return False


if __name__ == "__main__":
    sys.exit(main())

"""Whatever is killed or runs at the same time: what was once written is there, and whole."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec
import pytest

from pytest_ttsperf.baseline.store import KEPT_RUNS
from pytest_ttsperf.records import Baseline, Run

ROOT = Path(__file__).parents[2]
KILLED = 30
AT_ONCE = 8
EACH = 3
FEWEST, MOST = 1, 6
"""How many runs are stored before the kill, which then comes in the middle of the next."""

# Stores one run after another, and says so after each.
STORING = f"""
import os, signal, socket, sys
sys.path[:0] = [{str(ROOT)!r}]
from datetime import datetime
from pathlib import Path
from msgspec import structs
from pytest_ttsperf.baseline import store
from pytest_ttsperf.report.artifact import ArtifactWriter
from tests.unit.baseline.factories import run_of
from tests.unit.judge.factories import figures, result, run

def store_runs(name, count):
    writer = ArtifactWriter(Path("artifacts"), datetime(2025, 10, 30, 10, 19, 59))
    for number in range(count):
        summary = figures(80, 96, 0.2)
        saved = datetime.now().astimezone().isoformat()
        entry = structs.replace(run(f"{{name}}-{{number}}", summary), saved=saved)
        losses = writer.write(run_of(result(summary), name=f"{{name}}-{{number}}"))
        assert losses == (), losses
        store.append(Path("baselines"), result(summary), entry)
        print(f"{{name}}-{{number}}", writer.run_path.name, flush=True)
"""
AT_ONCE_STORING = f"{STORING}\nstore_runs(sys.argv[1], int(sys.argv[2]))\n"
# Forks such a process for each name, and sends its pid with what it prints into. To import all of
# the above takes half a second, and no test is about that.
NURSERY = f"""{STORING}
channel = socket.socket(fileno=int(sys.argv[1]))
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for what was killed
while name := channel.recv(100).decode():
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        channel.close()
        os.dup2(write, 1)
        store_runs(name, 1000)
        os._exit(0)
    socket.send_fds(channel, [str(pid).encode()], [read])
    os.close(read)
    os.close(write)
"""


def start(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", AT_ONCE_STORING, name, str(count)],
        cwd=folder, stdout=subprocess.PIPE, encoding="utf-8",
    )  # fmt: skip


@pytest.fixture
def nursery(tmp_path: Path) -> Iterator[socket.socket]:
    """The way to a process that forks those to be killed, in the folder of the test."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", NURSERY, str(theirs.fileno())],
            cwd=tmp_path, pass_fds=[theirs.fileno()],
        )  # fmt: skip
        theirs.close()
        yield ours
    assert process.wait(60) == 0


def fork(nursery: socket.socket, name: str) -> tuple[int, IO[str]]:
    """The pid of a new process that stores runs, and what it prints."""
    nursery.sendall(name.encode())
    pid, (output,), _, _ = socket.recv_fds(nursery, 100, 1)
    return int(pid), os.fdopen(output, encoding="utf-8")


def stored_runs(folder: Path) -> list[str]:
    """The runs of the one baseline, all of whose files are whole."""
    (path,) = folder.glob("baselines/*/*.json")
    return [run.run for run in msgspec.json.decode(path.read_bytes(), type=Baseline).runs]


def artifacts(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.glob("artifacts/bench/*/run_*.json"):
        yield path.name, path.read_bytes()


def test_runs_that_are_killed_at_any_moment_lose_nothing_they_had_stored(
    tmp_path: Path, nursery: socket.socket
) -> None:
    chance = random.Random(20251030)
    for number in range(KILLED):
        pid, output = fork(nursery, f"killed{number}")
        with output:
            stored = [output.readline() for _ in range(chance.randint(FEWEST, MOST))]
            os.kill(pid, signal.SIGKILL)
            stored += output.readlines()  # until it has ended
        run, file = stored[-1].split()
        assert run in stored_runs(tmp_path)
        found = dict(artifacts(tmp_path))[file]
        # The next one may have been written already, and be the last that it did.
        last = int(run.rpartition("-")[2])
        assert msgspec.json.decode(found, type=Run).id in {
            f"killed{number}-{last}", f"killed{number}-{last + 1}"
        }  # fmt: skip
    assert len(stored_runs(tmp_path)) == KEPT_RUNS
    for name, body in artifacts(tmp_path):
        assert json.loads(body)["finished"] is True, name
    done = start(tmp_path, "whole", 1)
    assert done.communicate(timeout=60)[0].startswith("whole-0")
    (folder,) = tmp_path.glob("baselines/*")
    assert [path.name for path in folder.glob(".*")] == [".lock"]


def test_runs_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    processes = [start(tmp_path, f"run{number}", EACH) for number in range(AT_ONCE)]
    lines = [line for one in processes for line in one.communicate(timeout=120)[0].splitlines()]
    assert [process.returncode for process in processes] == [0] * AT_ONCE
    names = {line.split()[0] for line in lines}
    assert len(names) == AT_ONCE * EACH
    assert set(stored_runs(tmp_path)) == names
    ids = {msgspec.json.decode(body, type=Run).id for _, body in artifacts(tmp_path)}
    assert ids == {f"run{number}-{EACH - 1}" for number in range(AT_ONCE)}

"""A tree of processes that comes and goes while it is looked at."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pytest_ttsperf.measure import memory


@pytest.mark.starts
@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_processes_that_end_meanwhile_are_no_error() -> None:
    over, pids = threading.Event(), [0]

    def start_and_end() -> None:
        while not over.is_set():
            with subprocess.Popen(["true"]) as process:
                pids[0] = process.pid

    starter = threading.Thread(target=start_and_end)
    starter.start()
    try:
        for _ in range(3000):
            memory.PeakMemory(pids[0]).look()
    finally:
        over.set()
        starter.join()


def test_a_folder_that_goes_away_while_it_is_listed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def vanish(*_: object) -> None:
        raise FileNotFoundError(tmp_path)

    monkeypatch.setattr(Path, "glob", vanish)
    assert memory.tree(7) == [7]

"""No target tells the makers of its runtime that it runs: no identity of this device is written."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_ttsperf.records import TargetSpec
from pytest_ttsperf.targets.base import TargetRequest
from pytest_ttsperf.targets.command.target import CommandTarget
from pytest_ttsperf.targets.worker.parent import WorkerTarget

pytestmark = pytest.mark.starts

pytest.importorskip("onnxruntime")

ENGINE = """
import sys, numpy, onnxruntime

class Engine:
    sample_rate = 24000
    def stream(self, text):
        yield numpy.full(2400, 0.1, numpy.float32)

if __name__ == "__main__":
    sys.stdout.buffer.write(bytes(range(256)) * 20)
"""


def speak_in_worker() -> None:
    target = WorkerTarget(TargetRequest(TargetSpec(spec="telling_engine:Engine"), {}))
    try:
        target.open()
        target.record("Hello.", "stream")
    finally:
        target.close()


def speak_in_program() -> None:
    line = f"cmd:{shlex.quote(sys.executable)} telling_engine.py"
    target = CommandTarget(TargetRequest(TargetSpec(spec=line, options={"rate": 16000}), {}))
    target.open()
    target.record("Hello.", "stream")


@pytest.fixture
def left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Path]]:
    """What the runtime has written to the home and cache of its user."""
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "telling_engine.py").write_text(ENGINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY", raising=False)
    return lambda: [path for path in home.rglob("*") if "onnxruntime" in path.name]


@pytest.mark.parametrize("speak", [speak_in_worker, speak_in_program])
def test_a_target_on_onnxruntime_leaves_nothing(
    speak: Callable[[], None], left_behind: Callable[[], list[Path]]
) -> None:
    speak()
    assert left_behind() == []


@pytest.mark.parametrize("speak", [speak_in_worker, speak_in_program])
def test_who_wants_it_otherwise_has_it_so(
    speak: Callable[[], None],
    left_behind: Callable[[], list[Path]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    speak()
    if not left_behind():
        pytest.skip("this onnxruntime does not tell, so there is nothing to be seen")

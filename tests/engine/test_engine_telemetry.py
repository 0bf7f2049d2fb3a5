"""The engine works at home: it looks nobody up and leaves no identity of this device."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAY = ("-m", "engine", "say", "Hello there.", "-o", "hello.wav")
LONG_OPEN = (
    "-c",
    "import select, sys; from engine import Engine\n"
    "with Engine() as engine: list(engine.stream('Hello.')); select.select([], [], [], 12)",
)
"""Longer than it takes until an onnxruntime that tells looks its host up."""
FOREIGN = re.compile(r"(connect|sendto)\(\d+, .*sa_family=AF_INET|resolv\.conf")
IDENTITY = re.compile(r"DeveloperTools|/\.onnxruntime")


@pytest.fixture(scope="module")
def strace(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a strace that may trace here."""
    found = shutil.which("strace")
    out = tmp_path_factory.mktemp("strace") / "out"
    if found is None or subprocess.run([found, "-f", "-o", str(out), "true"]).returncode:
        pytest.skip("no strace that may trace here")
    return found


@pytest.mark.parametrize("arguments", [SAY, LONG_OPEN], ids=["say", "open for long"])
def test_nothing_is_told(strace: str, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("COV")},
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": str(ROOT),
    }
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    log = tmp_path / "calls"
    watch = [strace, "-f", "-e", "trace=connect,sendto,openat,mkdir", "-o", str(log)]
    done = subprocess.run(
        [*watch, sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    calls = log.read_text(errors="replace").splitlines()
    assert any("onnxruntime" in call for call in calls), "it did open its runtime"
    assert [call for call in calls if FOREIGN.search(call)] == []
    assert [call for call in calls if IDENTITY.search(call)] == []

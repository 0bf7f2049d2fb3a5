"""What traces a process is noticed in it: real interpreters, each traced in one way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_ttsperf.targets import tracing

pytestmark = pytest.mark.starts

ASK = "from pytest_ttsperf.targets.tracing import tracers; print(*tracers(), sep='\\n')"
HOOK = "def look(frame, event, argument): return None\n"


def noticed(code: str = "", *flags: str, before: tuple[str, ...] = (), **variables: str) -> str:
    """What a fresh interpreter says of itself after that code."""
    environment = {**tracing.without_coverage(os.environ), **variables}
    done = subprocess.run(
        [*before, sys.executable, *flags, "-c", f"import sys, threading\n{HOOK}{code}\n{ASK}"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_nothing_is_noticed_where_nothing_traces() -> None:
    assert noticed() == ""
    # What people have set and what slows nothing down.
    assert noticed(PYTHONMALLOC="malloc", PYTHONBREAKPOINT="0", PYTHONFAULTHANDLER="1") == ""


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("sys.settrace(look)", "__main__.look (by sys.settrace)"),
        ("sys.setprofile(look)", "__main__.look (by sys.setprofile)"),
        ("threading.settrace(look)", "__main__.look (by threading.settrace)"),
        (
            "sys.setprofile(look); threading.setprofile(look)",
            "__main__.look (by sys.setprofile and threading.setprofile)",
        ),
        ("import tracemalloc; tracemalloc.start()", "tracemalloc (PYTHONTRACEMALLOC"),
        ("import coverage; coverage.Coverage(data_file=None).start()", "coverage"),
        ("import cProfile; cProfile.Profile().enable()", "rofile"),
        ("import bdb; bdb.Bdb().set_trace()", "bdb.Bdb.trace_dispatch (by sys.settrace"),
    ],
)
def test_what_python_code_starts(code: str, told: str) -> None:
    assert told in noticed(code)


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ({"PYTHONDEVMODE": "1"}, "Python's development mode"),
        ({"PYTHONTRACEMALLOC": "1"}, "tracemalloc"),
        ({"PYTHONMALLOC": "debug"}, "an allocator that checks itself (PYTHONMALLOC=debug)"),
        ({"PYTHONPROFILEIMPORTTIME": "1"}, "the timing of imports"),
        ({"PYTHONASYNCIODEBUG": "1"}, "asyncio's debug mode"),
        ({"PYTHONVERBOSE": "1"}, "the telling of imports"),
        ({"LD_PRELOAD": "/nowhere/libheaptrack_preload.so"}, "libheaptrack_preload.so"),
    ],
)
def test_what_the_environment_switches_on(variable: dict[str, str], told: str) -> None:
    assert told in noticed(**variable)


def test_what_flags_switch_on() -> None:
    assert "development mode" in noticed("", "-X", "dev")
    assert "PYTHONMALLOC" not in noticed("", "-E", PYTHONMALLOC="debug")


def test_a_tracer_from_outside_is_noticed_by_name(tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None or subprocess.run([strace, "-o", os.devnull, "true"]).returncode:
        pytest.skip("no strace that may trace here")
    before = (strace, "-f", "-e", "trace=none", "-o", str(tmp_path / "out"))
    told = noticed(before=before)
    assert told.startswith("strace (process ")
    assert told.endswith("by ptrace)")


@pytest.mark.skipif(not hasattr(sys, "monitoring"), reason="sys.monitoring came with Python 3.12")
def test_tools_that_monitor() -> None:
    assert "watcher (by sys.monitoring)" in noticed("sys.monitoring.use_tool_id(3, 'watcher')")


def test_tools_that_monitor_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {0: "debugger", 2: "cProfile"}
    monitoring = SimpleNamespace(get_tool=names.get)
    monkeypatch.setattr(sys, "monitoring", monitoring, raising=False)
    told = [tool for tool in tracing.tracers() if "sys.monitoring" in tool]
    assert told == ["debugger (by sys.monitoring)", "cProfile (by sys.monitoring)"]


def test_coverage_alone_is_kept_out(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {
        "COVERAGE_PROCESS_START": "x", "COVERAGE_PROCESS_CONFIG": "x", "COV_CORE_SOURCE": "x",
        "COV_CORE_DATAFILE": "x", "COVERAGE_FILE": "x", "COVER": "x", "PYTHONDEVMODE": "1",
    }  # fmt: skip
    kept = tracing.without_coverage(asked)
    assert sorted(kept) == ["COVER", "COVERAGE_FILE", "PYTHONDEVMODE"]
    for name in asked:
        monkeypatch.delenv(name, raising=False)
    assert tracing.remarks() == ()
    monkeypatch.setenv("COV_CORE_SOURCE", "x")
    (remark,) = tracing.remarks()
    assert "coverage was kept out of the target's process (COV_CORE_SOURCE)" in remark
    assert "--ttsperf-inline" in remark

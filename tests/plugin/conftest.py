"""A scratch project with scripted engines, measured by the real plugin through real workers."""

from __future__ import annotations

import compileall
import contextlib
import functools
import json
import os
import select
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import IO, Any

import filelock  # noqa: F401
import hypothesis  # noqa: F401  (its plugin imports it late, for a second at a time)
import numpy  # noqa: F401
import pytest
import scipy.stats  # noqa: F401

# pytester forgets what a run inside this process has imported, and numpy cannot be imported
# twice: so all that the plugin imports late is imported here, once.
import pytest_ttsperf.alternatives.comparison
import pytest_ttsperf.alternatives.providers
import pytest_ttsperf.alternatives.report
import pytest_ttsperf.alternatives.settings
import pytest_ttsperf.baseline.admission
import pytest_ttsperf.baseline.screening
import pytest_ttsperf.baseline.store
import pytest_ttsperf.compare.cells
import pytest_ttsperf.compare.run
import pytest_ttsperf.endurance.crowd
import pytest_ttsperf.endurance.progress
import pytest_ttsperf.endurance.verdicts
import pytest_ttsperf.experiment.cell
import pytest_ttsperf.experiment.trial_timelines
import pytest_ttsperf.experiment.warm
import pytest_ttsperf.load.barge_in
import pytest_ttsperf.load.capacity_cell
import pytest_ttsperf.load.cell
import pytest_ttsperf.load.pooling
import pytest_ttsperf.load.report
import pytest_ttsperf.machine.environment
import pytest_ttsperf.report.artifact
import pytest_ttsperf.report.terminal
import pytest_ttsperf.report.trace_events
import pytest_ttsperf.targets.command.target
import pytest_ttsperf.targets.python.target
import pytest_ttsperf.targets.server.run_options
import pytest_ttsperf.targets.server.target  # noqa: F401
from pytest_ttsperf.compare import blocks, budget, looks
from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.machine import load
from pytest_ttsperf.measure import corpus, memory, schedule
from pytest_ttsperf.targets import tracing
from tests.light import LIGHT

BLOCKS = 3
"""Of a comparison, however fast the machine is just now: enough for a change of three times."""
FRESH = 1
"""Blocks that confirm it."""
ROOT = Path(__file__).resolve().parents[2]
FORK_SERVER = Path(__file__).parent / "fork_server.py"
SHORT_LOOK_S = 0.04
"""At whether a target is quiet and how loaded the machine is: here nobody reads the figures."""
USUAL_WARMUPS = schedule.MAX_WARMUPS
ALL_DISTRIBUTIONS = metadata.distributions
INLINE = "--ttsperf-inline"
QUIET_ASYNCIO = "asyncio_default_fixture_loop_scope = function"

ENGINES = '''
import os, signal, sys, time
import numpy as np

RATE = 24000
HUM = np.sin(2 * np.pi * 180 * np.arange(RATE) / RATE)  # a second of it, and goes on as it began

def tone(seconds, lead_in_s=0.0, level=0.3):
    sound = np.resize(HUM, round(RATE * seconds)) * level
    return np.concatenate([np.zeros(round(RATE * lead_in_s)), sound]).astype(np.float32)

class Tone:
    """Hums for as long as the text would be spoken, 15 characters a second, in 10 chunks."""
    sample_rate = RATE

    def __init__(self, provider="cpu", voice="hum", first_s=0.012, chunk_s=0.0005):
        self.provider, self.voice = provider, voice
        self.first_s, self.chunk_s = first_s, chunk_s
        self.spans = []

    def stream(self, text):
        seconds = len(text) / 15
        self.spans = []
        for index in range(10):
            start = time.perf_counter_ns()
            time.sleep(self.chunk_s if index else self.first_s)
            piece = tone(seconds / 10)
            self.spans.append(("vocode", index, start, time.perf_counter_ns()))
            yield piece

class Telling(Tone):
    """Tells its stages and its placement, as our own engine does."""
    def stages(self):
        return self.spans
    def placement(self):
        return {"requested": self.provider, "provider": "CPUExecutionProvider",
                "registered": ["CPUExecutionProvider"], "nodes": {"CPUExecutionProvider": 12},
                "threads": 1, "voice": self.voice, "voice_hash": "0" * 64}

class ProviderUnavailable(Exception):
    pass

def only_cpu(provider="cpu"):
    if provider != "cpu":
        raise ProviderUnavailable(f"found cpu, wanted {provider}; choose --ttsperf-provider=cpu")
    return Telling()
'''


class ForkedRun:
    """A run of pytest in a process of its own, which leads a session of its own."""

    def __init__(self, pid: int, replies: IO[bytes]) -> None:
        self.pid = pid
        self._replies = replies
        self._code: int | None = None

    def wait(self, timeout_s: float) -> int:
        """Give its exit code, or minus the signal that ended it.

        TimeoutError, and it is killed, where that takes longer.
        """
        if self._code is not None:
            return self._code
        ready, _, _ = select.select([self._replies], [], [], timeout_s)
        if not ready:
            self.kill()
            raise TimeoutError(f"pytest took more than {timeout_s:g} s")
        self._code = int(self._replies.readline())
        return self._code

    def kill(self) -> None:
        """End it, if it is not over, and wait for that."""
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self._code = int(self._replies.readline())


class ForkServer:
    """Runs pytest, one run at a time; it starts fork_server.py when it is first asked."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, arguments: Sequence[str], folder: Path) -> ForkedRun:
        """Start `python -m pytest` there; the files `stdout` and `stderr` take what it prints."""
        paths = filter(None, [str(folder), os.environ.get("PYTHONPATH")])
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
        request = {"arguments": arguments, "folder": str(folder), "environment": environment}
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(request).encode() + b"\n")
        return ForkedRun(int(process.stdout.readline()), process.stdout)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, FORK_SERVER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                env=tracing.without_coverage(os.environ),
            )
        return self._process

    def close(self) -> None:
        """End it, if it was started."""
        if self._process is not None:
            self._process.communicate()


@pytest.fixture(scope="session", autouse=True)
def _compile_once() -> None:
    """Where PYTHONDONTWRITEBYTECODE is set, each process would compile all that it imports anew."""
    if "PYTHONDONTWRITEBYTECODE" not in os.environ:
        return
    for name in ("pytest_ttsperf", "engine", "tests"):
        compileall.compile_dir(ROOT / name, quiet=2)


@pytest.fixture(scope="session")
def forks() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.close()


class Project:
    """A pytest project of its own, below pytester's folder."""

    def __init__(self, pytester: pytest.Pytester, forks: ForkServer) -> None:
        self.pytester = pytester
        self.forks = forks
        self.path = pytester.path
        pytester.makepyfile(engines=ENGINES)
        self.ini(ttsperf_target="engines:Telling", ttsperf_provider="cpu")

    def ini(self, **lines: str) -> None:
        """Write the project's pytest configuration."""
        body = "\n".join(f"{key} = {value}" for key, value in lines.items())
        self.pytester.makeini(f"[pytest]\npythonpath = .\n{QUIET_ASYNCIO}\n{body}\n")

    def measure_inline(self) -> None:
        """Have the engine run in pytest's own process: half the cost, for tests of all else."""
        self.ini(ttsperf_target="engines:Telling", ttsperf_provider="cpu", addopts=INLINE)

    def test(self, source: str) -> None:
        """Write the project's test file, with all marks imported."""
        names = "cadence, memory, rtf, trials, ttfa, voice"
        header = f"import pytest\nfrom pytest_ttsperf import {names}\n\n"
        self.pytester.makepyfile(test_it=header + textwrap.dedent(source))

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in the scratch project, in this process."""
        return self.pytester.runpytest("-p", "no:randomly", *arguments, no_reraise_ctrlc=True)

    def run_apart(self, *arguments: str, timeout_s: float = 90) -> pytest.RunResult:
        """Run pytest in the scratch project, in a process of its own."""
        begun = time.perf_counter()
        code = self.forks.start(arguments, self.path).wait(timeout_s)
        lines = [(self.path / name).read_text().splitlines() for name in ("stdout", "stderr")]
        return pytest.RunResult(code, *lines, duration=time.perf_counter() - begun)

    def artifacts(self, pattern: str = "run_*.json") -> list[dict[str, Any]]:
        """The artifacts written so far, oldest first."""
        return [json.loads(path.read_text()) for path in self.artifact_paths(pattern)]

    def artifact_paths(self, pattern: str = "run_*.json") -> list[Path]:
        """Where the artifacts are, oldest first."""
        found = self.path.glob(f"artifacts/bench/*/{pattern}")
        # Of two in one second the later is called -2, and a hyphen comes before a dot.
        return sorted(found, key=lambda path: (path.parent, path.stem))

    def cells(self) -> list[dict[str, Any]]:
        """The cells of the newest run."""
        cells: list[dict[str, Any]] = self.artifacts()[-1]["cells"]
        return cells

    def verdicts(self) -> dict[str, str]:
        """Subject -> outcome over all cells of the newest run."""
        return {v["subject"]: v["outcome"] for cell in self.cells() for v in cell["verdicts"]}


@functools.cache
def plugin_distributions() -> list[metadata.Distribution]:
    """Those that bring plugins of pytest, which each run would look for among all others."""
    return [
        found
        for found in ALL_DISTRIBUTIONS()
        if any(point.group == "pytest11" for point in found.entry_points)
    ]


@pytest.fixture
def project(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    forks: ForkServer,
) -> Project:
    """A project on somebody's own machine, wherever this suite runs: CI is not set."""
    monkeypatch.delenv("CI", raising=False)
    # A file of a scratch project may be written twice in a second, which bytecode does not notice.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(memory, "QUIET_WINDOW_S", SHORT_LOOK_S)
    monkeypatch.setattr(load, "MIN_WINDOW_S", SHORT_LOOK_S)
    # Each process would warm up; a tone is as fast the first time as the fifth.
    monkeypatch.setattr(schedule, "MAX_WARMUPS", 1)
    # All runs in this process speak the same texts; one of its own starts where it will.
    monkeypatch.setattr(corpus, "draw_start", lambda: 0)
    monkeypatch.setenv("PYTEST_ADDOPTS", LIGHT)
    monkeypatch.setattr(metadata, "distributions", plugin_distributions)
    return Project(pytester, forks)


@pytest.fixture
def usual_warm_ups(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as it takes, for real engines and for tests that look at them."""
    monkeypatch.setattr(schedule, "MAX_WARMUPS", USUAL_WARMUPS)


@pytest.fixture
def repository(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Project:
    """The scratch project under git, compared in few small blocks, with a cache of its own."""
    from tests.plugin.repository import TEST, commit, git

    monkeypatch.setattr(blocks, "TEXTS", 4)
    monkeypatch.setattr(blocks, "texts_worth", lambda *_: 4)
    few = t_rule.BlockPlan(blocks=BLOCKS, seconds=60.0)
    monkeypatch.setattr(t_rule, "plan_blocks", lambda budget_s, block_s: few)
    monkeypatch.setattr(t_rule, "END", t_rule.END._replace(fewest=BLOCKS))
    monkeypatch.setattr(looks, "FEWEST_FRESH", FRESH)
    monkeypatch.setattr(looks, "FRESH_SHARE", FRESH / BLOCKS)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    # A control over so few trials must not fire by chance.
    wide = "".join(f"\n    {name}" for name in ("ttfa_p50:10%", "ttfa_p95:60%", "rtf_p50:10%"))
    project.ini(ttsperf_target="engines:Telling", ttsperf_provider="cpu", ttsperf_compare_fail=wide)
    project.test(TEST)
    (project.path / ".gitignore").write_text("artifacts/\n__pycache__/\n.pytest_cache/\n")
    git(project, "init", "-q", "-b", "main")
    # Slower chunks, so that a busy machine moves the RTF by less.
    commit(project, "chunk_s=0.0005", "chunk_s=0.0015")
    return project


@pytest.fixture
def one_block(repository: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """It decides nothing: for tests that look at no verdict, and only that there was a comparison.

    After `repository`, which plans more.
    """
    one = t_rule.BlockPlan(blocks=1, seconds=60.0)
    monkeypatch.setattr(budget, "plan_blocks", lambda budget_s, durations_s: one)
    monkeypatch.setattr(t_rule, "plan_blocks", lambda budget_s, block_s: one)

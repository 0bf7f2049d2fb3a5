"""A small engine with one performance test, on a remote and on a branch, for jobs of CI."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_ttsperf.targets import tracing
from tests.light import LIGHT
from tests.unit.ci.clones import Remote, git

OF_CI = ("CI_", "GITHUB_", "GITLAB_")
"""Beginnings of the variables by which a job knows itself."""

ENGINE = '''
import time

import numpy as np

RATE = 24000
HUM = (0.3 * np.sin(2 * np.pi * 180 * np.arange(RATE) / RATE)).astype(np.float32)


class Engine:
    """Hums for as long as the text would be spoken."""

    sample_rate = RATE

    def stream(self, text):
        size = round(RATE * len(text) / 150)
        for index in range(10):
            time.sleep(0.0015 if index else FIRST_S)
            yield np.resize(HUM, size)
'''
TEST = """
from pytest_ttsperf import trials, ttfa


@trials(5)
@ttfa(max_ms=2000)
def test_reply(perf):
    perf.stream("short")
"""
FEW_BLOCKS = """
# A comparison that decides within seconds.
from pytest_ttsperf.compare import blocks, looks
from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.machine import load
from pytest_ttsperf.measure import memory, schedule

schedule.MAX_WARMUPS = 1
blocks.TEXTS = 4
blocks.texts_worth = lambda *_: 4
few = t_rule.BlockPlan(blocks=3, seconds=60.0)
t_rule.plan_blocks = lambda budget_s, block_s: few
t_rule.END = t_rule.END._replace(fewest=3)
looks.FEWEST_FRESH = 1
looks.FRESH_SHARE = 1 / 3
memory.QUIET_WINDOW_S = 0.04
load.MIN_WINDOW_S = 0.04
"""
ONE_BLOCK = f"""{FEW_BLOCKS}
# A comparison that decides nothing, for jobs in which it only has to be there.
from pytest_ttsperf.compare import budget

one = t_rule.BlockPlan(blocks=1, seconds=60.0)
budget.plan_blocks = lambda budget_s, durations_s: one
"""
CONFIGURATION = """
[pytest]
pythonpath = .
ttsperf_target = engine:Engine
ttsperf_compare_fail =
    ttfa_p50:10%
    ttfa_p95:60%
    rtf_p50:60%
"""
FAST_S, SLOW_S = 0.012, 0.048


def outside_ci() -> dict[str, str]:
    """The variables of this process, without those of the job that it may be part of.

    Each job runs pytest, which is told to leave out what a scratch project has no use for.
    """
    variables = tracing.without_coverage(os.environ)
    outside = {name: value for name, value in variables.items() if not name.startswith(OF_CI)}
    return {**outside, "PYTEST_ADDOPTS": LIGHT}


def engine_source(first_s: float) -> str:
    return f"FIRST_S = {first_s}\n{ENGINE}"


def make_project(folder: Path, *, first_s: float = SLOW_S, blocks: str = FEW_BLOCKS) -> Remote:
    """A remote with `main`, and pull request 7, whose first sound takes `first_s`."""
    remote = Remote(folder)
    files = {
        "engine.py": engine_source(FAST_S),
        "test_engine.py": TEST,
        "conftest.py": blocks,
        "pytest.ini": CONFIGURATION,
        ".gitignore": "__pycache__/\n.pytest_cache/\nartifacts/\nttsperf-ci/\n",
    }
    remote.commit("an engine", files)
    git(remote.work, "checkout", "-q", "-b", "topic")
    remote.commit("a change", {"engine.py": engine_source(first_s)})
    git(remote.work, "checkout", "-q", "main")
    remote.commit("something else", {"README": "An engine."})
    git(remote.work, "checkout", "-q", "--detach", "main")
    git(remote.work, "merge", "-q", "--no-ff", "-m", "merged", "topic")
    remote.push("main", "topic", "HEAD:refs/pull/7/merge")
    git(remote.work, "checkout", "-q", "main")
    return remote

"""The suite of M-series Macs in pytest: skipped here, and run on a scripted Mac."""

from __future__ import annotations

import pytest

from pytest_ttsperf.cli.run import PYTEST
from pytest_ttsperf.compare import blocks
from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.measure import schedule
from pytest_ttsperf.suites import m_series
from pytest_ttsperf.suites.m_series import Host
from tests.plugin.conftest import Project

SUITE = (*PYTEST, "--ttsperf-suite=m_series")
PLACED = """
from engines import *

CORE_ML, CPU = "CoreMLExecutionProvider", "CPUExecutionProvider"

class Placed(Tone):
    def __init__(self, provider="cpu", shapes="dynamic", nodes=40, pieces=6):
        super().__init__(provider)
        self.nodes = nodes
        self.pieces = 9 if shapes == "buckets" else pieces

    def placement(self):
        nodes = {CORE_ML: self.nodes, CPU: 100 - self.nodes}
        return {"provider": CORE_ML, "nodes": nodes, "partitions": self.pieces, "sessions": 1}
"""
TARGET = ("--ttsperf-target=placed:Placed", "--ttsperf-provider=coreml")
BLOCKS = 3


@pytest.fixture
def mac(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project on what says it is a Mac, with few small blocks."""
    monkeypatch.setattr(m_series, "this_host", lambda: Host("Darwin", "arm64", 8 * 2**30))
    monkeypatch.setattr(schedule, "MAX_WARMUPS", 1)
    monkeypatch.setattr(blocks, "TEXTS", 4)
    monkeypatch.setattr(blocks, "texts_worth", lambda *_: 4)
    few = t_rule.BlockPlan(blocks=BLOCKS, seconds=60.0)
    monkeypatch.setattr(t_rule, "plan_blocks", lambda budget_s, block_s: few)
    monkeypatch.setattr(t_rule, "END", t_rule.END._replace(fewest=BLOCKS))
    project.pytester.makepyfile(placed=PLACED)
    return project


def test_elsewhere_each_test_says_what_it_would_have_looked_at(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(m_series, "this_host", lambda: Host("Linux", "x86_64", 2**34))
    result = project.run(*SUITE)
    result.assert_outcomes(skipped=7)
    lines = result.stdout.str()
    for looked_at in ("The first sound of a warm engine", "Compute units", "Model formats"):
        assert looked_at in lines
    assert lines.count("found Linux on x86_64, wanted an M-series Mac") >= 7


def test_on_a_mac_without_core_ml_the_option_is_named(mac: Project) -> None:
    result = mac.run(*SUITE, "--ttsperf-provider=cpu")
    result.assert_outcomes(skipped=7)
    assert "wanted coreml alone; add --provider coreml" in result.stdout.str()


def test_the_share_is_printed_below_the_table(mac: Project) -> None:
    result = mac.run(*SUITE, *TARGET, "-k", "share")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*Core ML runs 40 of 100 nodes (40 %) in 6 pieces"])


def test_core_ml_that_runs_nothing_fails(mac: Project) -> None:
    result = mac.run(*SUITE, *TARGET, "--ttsperf-target-option=nodes=0", "-k", "share")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Core ML runs 0 of 100 nodes*"])


def test_fixed_shapes_that_give_more_pieces_fail(mac: Project) -> None:
    result = mac.run(*SUITE, *TARGET, "-k", "static_shapes")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*has 9 pieces a session, and 6 of*"])


def test_an_engine_without_fixed_shapes_says_so(mac: Project) -> None:
    source = PLACED.replace("shapes=", "lengths=").replace("if shapes", "if lengths")
    mac.pytester.makepyfile(placed=source)
    result = mac.run(*SUITE, *TARGET, "-k", "static_shapes")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*shapes=buckets does not open: *takes `shapes=`*"])

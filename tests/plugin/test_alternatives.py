"""The fixture `alternatives`, its options and its two suites: what is compared and printed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_ttsperf.cli.run import PYTEST
from pytest_ttsperf.compare import blocks as compared_blocks
from pytest_ttsperf.compare import budget
from pytest_ttsperf.judge.statistics import t_rule
from tests.plugin.conftest import Project

BLOCKS = 3
MORE_BLOCKS = 8
"""Where a busy machine has left open what is compared."""
PLACED = """
from engines import *

FULL = {name: f"{name.title()}ExecutionProvider" for name in ("cpu", "late", "idle")}

class Placed(Tone):
    def __init__(self, provider="cpu", first_s=0.02):
        if provider == "gone":
            raise RuntimeError("no such device")
        super().__init__(provider, first_s=0.1 if provider == "late" else first_s)

    def placement(self):
        ran = "cpu" if self.provider == "idle" else self.provider
        return {"provider": FULL[self.provider], "nodes": {FULL[ran]: 12}}
"""
TARGET = "--ttsperf-target=placed:Placed"
PROVIDERS = "def test_x(alternatives):\n    alternatives.providers()"
SETTINGS = "def test_x(alternatives):\n    alternatives.settings()"


@pytest.fixture
def placed(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A target of several providers, compared in few small blocks."""
    monkeypatch.setattr(compared_blocks, "TEXTS", 4)
    monkeypatch.setattr(compared_blocks, "texts_worth", lambda *_: 4)
    plan_blocks(monkeypatch, BLOCKS)
    monkeypatch.setattr(t_rule, "END", t_rule.END._replace(fewest=BLOCKS))
    project.pytester.makepyfile(placed=PLACED)
    return project


def plan_blocks(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """A budget that holds so many, however fast the machine is just now."""
    plan = t_rule.BlockPlan(blocks=count, seconds=60.0)
    monkeypatch.setattr(t_rule, "plan_blocks", lambda budget_s, block_s: plan)


def plan_one_block(monkeypatch: pytest.MonkeyPatch, shortfall: str | None = None) -> None:
    """It decides nothing: for tests of all else."""
    one = t_rule.BlockPlan(blocks=1, seconds=1.0, shortfall=shortfall)
    monkeypatch.setattr(budget, "plan_blocks", lambda budget_s, durations_s: one)
    monkeypatch.setattr(t_rule, "plan_blocks", lambda budget_s, block_s: one)


def stored(project: Project, kind: str) -> dict[str, Any]:
    """What the newest comparison has left."""
    *_, path = project.artifact_paths(f"alternatives_{kind}_*.json")
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def is_open(report: dict[str, Any]) -> bool:
    """Whether nothing is proven of how soon the first alternative speaks, warm."""
    warm = report["comparisons"][0]
    (ttfa,) = [each for each in warm["figures"] if each["metric"]["label"] == "ttfa p50"]
    return bool(ttfa["direction"] == "open")


def run_until_proven(
    placed: Project, monkeypatch: pytest.MonkeyPatch, kind: str, *options: str
) -> tuple[pytest.RunResult, int]:
    """A run of a suite, and its blocks; what these have left open is measured for longer."""
    result = placed.run(*PYTEST, TARGET, *options)
    if not is_open(stored(placed, kind)):
        return result, BLOCKS
    plan_blocks(monkeypatch, MORE_BLOCKS)
    return placed.run(*PYTEST, TARGET, *options), MORE_BLOCKS


def test_providers_are_described_compared_and_recommended(
    placed: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the suite, whose only test asks for what a test of a project may ask for."""
    options = ("--ttsperf-suite=provider", "--ttsperf-provider=cpu,late,idle,gone")
    result, blocks = run_until_proven(placed, monkeypatch, "provider", *options)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "*late, idle, gone against cpu: at most about 18 min*",
            "*ttsperf: test_providers*",
            "0 nodes ran on idle: *12 on CpuExecutionProvider*",
            "providers of placed:Placed, text short, each against cpu",
            "  cpu: * times faster warm*; late gives nothing here*",
            "  gone does not open: *RuntimeError: no such device*",
            "  late *12 of 12 *100 %*",
            f"late against cpu, warm: {blocks} blocks in *",
            "  ttfa p50 * times *worse",
            f"late against cpu, cold: {blocks} blocks in *",
            "note: all numbers of the comparison are in *",
        ]
    )
    report = stored(placed, "provider")
    assert [one["name"] for one in report["alternatives"]] == ["cpu", "late", "idle", "gone"]
    assert {pair["alternative"] for pair in report["comparisons"]} == {"late"}
    warm, cold = report["comparisons"]
    assert (warm["phase"], cold["phase"]) == ("warm", "cold")
    assert len(warm["measured"]["ttfa_sound_ms"]) == blocks


def test_a_setting_that_is_proven_has_a_line_and_one_that_is_not_taken_its_reason(
    placed: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the suite as well."""
    settings = ("--ttsperf-setting=first_s=0.1", "--ttsperf-setting=volume=2")
    options = ("--ttsperf-suite=settings", *settings)
    result, _ = run_until_proven(placed, monkeypatch, "setting", *options)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "settings of placed:Placed, text short, one at a time against the default",
            "  first_s=0.1: ttfa p50 +* % (*",
            "  volume=2 does not open: *volume*",
        ]
    )
    assert [pair["phase"] for pair in stored(placed, "setting")["comparisons"]] == ["warm"]


def test_a_setting_may_be_compared_by_cold_starts(
    placed: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_one_block(monkeypatch)
    placed.test("""
        def test_x(alternatives):
            alternatives.settings(settings=["first_s=0.1"], phase="cold")
    """)
    result = placed.run(TARGET)
    result.assert_outcomes(passed=1)
    assert [pair["phase"] for pair in stored(placed, "setting")["comparisons"]] == ["cold"]


def test_one_provider_alone_is_nothing_to_compare(placed: Project) -> None:
    placed.test(PROVIDERS)
    result = placed.run(TARGET, "--ttsperf-provider=cpu")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*found cpu of execution providers, wanted two or more*"])


def test_a_reference_that_does_not_open_fails_the_test_with_its_reason(placed: Project) -> None:
    placed.test(PROVIDERS)
    result = placed.run(TARGET, "--ttsperf-provider=gone,cpu")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*gone, which the others are compared with, does not open: *"])


def test_a_target_that_takes_no_provider_is_not_compared_with_itself(placed: Project) -> None:
    placed.pytester.makepyfile(plain="from engines import *\ndef plain(): return Tone()")
    placed.test(PROVIDERS)
    result = placed.run("--ttsperf-target=plain:plain", "--ttsperf-provider=cpu,late")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*provider 'cpu' was asked for*"])


def test_nothing_is_compared_where_nothing_is_measured(placed: Project) -> None:
    placed.test(PROVIDERS)
    result = placed.run(TARGET, "--ttsperf-provider=cpu,late", "--ttsperf-disable")
    result.assert_outcomes(skipped=1)


def test_a_budget_without_an_end_is_refused(placed: Project) -> None:
    placed.test(PROVIDERS)
    result = placed.run(TARGET, "--ttsperf-provider=cpu,late", "--ttsperf-budget=open")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*as --ttsperf-budget=5min*"])


def test_what_could_not_be_compared_fails_where_inconclusive_does(
    placed: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_one_block(monkeypatch, shortfall="too short")
    placed.test(SETTINGS)
    options = (TARGET, "--ttsperf-setting=first_s=0.1", "--ttsperf-budget=1s")
    placed.run(*options).assert_outcomes(passed=1)
    result = placed.run(*options, "--ttsperf-inconclusive=fail")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*INCONCLUSIVE: not everything was compared*"])


def test_another_fixture_of_that_name_is_left_alone(placed: Project) -> None:
    placed.pytester.makeconftest(
        "import pytest\n@pytest.fixture\ndef alternatives(): return ['tea', 'coffee']"
    )
    placed.test("def test_x(alternatives): assert 'tea' in alternatives")
    placed.run("-m", "not perf").assert_outcomes(passed=1)

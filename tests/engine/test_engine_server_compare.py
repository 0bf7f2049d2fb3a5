"""Two commands that start our server, compared: each arm has a process of its own."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import psutil
import pytest

from pytest_ttsperf.cli import main
from pytest_ttsperf.compare import blocks, budget
from pytest_ttsperf.judge.statistics import t_rule

ROOT = Path(__file__).parents[2]
URL = "http://127.0.0.1:{port}"
SERVE = "-m engine serve --port {port} --voice heart"
ARMS = ("old", "twin", "new", "new_twin")


@pytest.fixture(autouse=True)
def _one_small_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """It decides nothing, and shows that all four servers were started and have answered."""
    one = t_rule.BlockPlan(blocks=1, seconds=60.0)
    monkeypatch.setattr(budget, "plan_blocks", lambda budget_s, durations_s: one)
    monkeypatch.setattr(t_rule, "plan_blocks", lambda budget_s, block_s: one)
    monkeypatch.setattr(blocks, "TEXTS", 2)
    monkeypatch.setattr(blocks, "texts_worth", lambda *_: 2)


def is_server(process: psutil.Process) -> bool:
    try:
        return {"engine", "serve"} <= set(process.cmdline())
    except psutil.NoSuchProcess:
        return False


@pytest.mark.usefixtures("voice")  # the cache is filled before, and not by four at the same time
def test_our_server_is_started_anew_for_each_arm_and_none_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It listens before its voice is loaded, and is asked when it is."""
    monkeypatch.chdir(ROOT)
    command = f"{shlex.quote(sys.executable)} {SERVE}"
    # The second says what is the default anyway.
    options = ["--option-a", f"start={command}", "--option-b", f"start={command} --cache-mb 0"]
    code = main(["compare", URL, URL, *options, "--budget", "30s", "--json"])
    (found,) = json.loads(capsys.readouterr().out).values()
    assert found["reason"] is None
    assert code in (0, 1)
    assert not any("one start in all blocks" in note for note in found["notes"])
    (block,) = found["measured"]["ttfa_sound_ms"]
    for arm in ARMS:
        assert len(block["metric"][arm]) == 2
        assert min(block["metric"][arm]) > 0
    assert not list(filter(is_server, psutil.Process().children(recursive=True)))

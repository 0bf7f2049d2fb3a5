"""Any form of target on either side of a comparison: a server, a program, an engine."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_ttsperf.cli import main
from pytest_ttsperf.compare import blocks, budget
from pytest_ttsperf.judge.statistics import t_rule
from pytest_ttsperf.load import comparison
from pytest_ttsperf.load.generator import parent
from tests.plugin import speech_server
from tests.plugin.conftest import Project
from tests.plugin.test_command import PROGRAM, RATE, WARM
from tests.plugin.test_http import ROOT

MARK = b"over!".hex()


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", speech_server.__name__], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}/wav"
    process.kill()
    process.communicate()


@pytest.fixture(autouse=True)
def small_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """One decides nothing, and says that both sides were measured."""
    one = t_rule.BlockPlan(blocks=1, seconds=60.0)
    monkeypatch.setattr(budget, "plan_blocks", lambda budget_s, durations_s: one)
    monkeypatch.setattr(t_rule, "plan_blocks", lambda budget_s, block_s: one)
    monkeypatch.setattr(blocks, "TEXTS", 2)
    monkeypatch.setattr(blocks, "texts_worth", lambda *_: 2)


@pytest.fixture
def program(project: Project) -> str:
    path = project.path / "hum.py"
    path.write_text(PROGRAM)
    return f"cmd:{shlex.quote(sys.executable)} -S -E {path} 0"


def test_a_server_and_a_program(
    base: str, program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("rate=16000", "protocol=lines", f"end=mark:{MARK}")
    told = [word for option in options for word in ("--option-b", option)]
    main(["compare", base, f"{program} lines", *told, "--json"])
    (found,) = json.loads(capsys.readouterr().out).values()
    assert (found["blocks"], found["reason"]) == (1, None)
    assert found["against"] == f"{base}(connection='keep')"
    for block in found["measured"]["ttfa_sound_ms"]:
        assert all(value > 0 for arm in ("old", "twin", "new") for value in block["metric"][arm])


def test_a_server_with_a_cache_cannot_be_compared(
    base: str, capsys: pytest.CaptureFixture[str]
) -> None:
    caching = f"{base.removesuffix('/wav')}/caches"
    assert main(["compare", base, caching, "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out).values()
    assert found["outcome"] == "INVALID"
    assert found["reason"].startswith(f"{caching} answers a text that it has spoken from a cache")


def test_two_servers_are_one_start_each(base: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["compare", base, f"{base.removesuffix('/wav')}/pcm", "--json"])
    (found,) = json.loads(capsys.readouterr().out).values()
    assert any("one start in all blocks" in note for note in found["notes"])
    main(["compare", base, base, "--json"])
    (found,) = json.loads(capsys.readouterr().out).values()
    assert not any("one start" in note for note in found["notes"])


def started(way: str) -> list[str]:
    """A target whose server is started anew in each block, and the option that says so."""
    # Its folder is where the modules of this repository are, and not that of a scratch project.
    words = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", speech_server.__name__]
    return [f"http://127.0.0.1:{{port}}/{way}", f"start={shlex.join(words)} {{port}}"]


def test_servers_that_are_started_are_new_processes_in_each_block(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (old, old_start), (new, new_start) = started("wav"), started("pcm")
    main(["compare", old, new, "--option-a", old_start, "--option-b", new_start, "--json"])
    (found,) = json.loads(capsys.readouterr().out).values()
    assert (found["blocks"], found["reason"]) == (1, None)
    assert not any("one start in all blocks" in note for note in found["notes"])
    assert {gate.get("process_luck") for gate in found["gates"]} == {None}
    (block,) = found["measured"]["ttfa_sound_ms"]
    assert all(value > 0 for values in block["metric"].values() for value in values)


def test_servers_that_are_started_are_new_processes_in_each_window(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four windows were measured when it is known how long they take: too long, and all ran."""
    monkeypatch.setattr(parent, "WARM_TEXTS", 1)
    pids: list[int] = []

    def count_handles(target_pids: tuple[int, ...]) -> None:
        pids.extend(target_pids)

    monkeypatch.setattr(comparison, "count_handles", count_handles)
    (old, old_start), (new, new_start) = started("wav"), started("pcm")
    options = ["--option-a", old_start, "--option-b", new_start]
    load = ["--listeners", "2", "--pace", "greedy", "--window", "0.2s", "--budget", "4s"]
    main(["compare", old, new, *options, *load, "--json"])
    (found,) = json.loads(capsys.readouterr().out).values()
    assert found["outcome"] == "INCONCLUSIVE"
    assert found["reason"].startswith("a block of four windows takes")
    assert len(pids) == 2 * len(set(pids)) == 8, "before and after each window"


def test_a_test_has_its_server_started_and_another_for_the_old_version(project: Project) -> None:
    project.test(WARM)
    # One that computes: the memory of a tree that spends no CPU is not believed to be the target's.
    (new, new_start), (old, old_start) = started("computes"), started("pcm")
    result = project.run(
        *(f"--ttsperf-target={new}", f"--ttsperf-target-option={new_start}", "--ttsperf-trials=3"),
        *(f"--ttsperf-against={old}", f"--ttsperf-against-option={old_start}"),
    )
    assert result.ret in (0, 1)
    (cell,) = project.cells()
    assert cell["cell"]["target"].startswith(f"{new}(connection='keep', start='env ")
    assert len([trial for trial in cell["trials"] if trial["kind"] == "trial"]) == 3
    assert cell["memory"]["rss_peak_mb"] > speech_server.BALLAST_MB
    comparison = cell["comparison"]
    assert (comparison["blocks"], comparison["reason"]) == (1, None)
    assert comparison["against"].startswith(old)


def test_a_server_that_cannot_be_started_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    old, old_start = started("wav")
    failing = "start=sh -c 'echo no voice here >&2; exit 5' {port}"
    assert main(["compare", old, old, "--option-a", old_start, "--option-b", failing]) == 1
    words = " ".join(capsys.readouterr().err.split())
    assert "the server that was started for it has ended (exit code 5)" in words
    assert "no voice here" in words
    assert main(["compare", old, old, "--option-a", old_start]) == 1
    words = " ".join(capsys.readouterr().err.split())
    assert "add the target option start=COMMAND" in words


def test_a_server_has_no_cold_start_to_compare(
    base: str, program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", base, program, "--option-b", "rate=16000"]) == 1
    assert "runs already, so it has no cold start" in capsys.readouterr().err


def test_an_engine_against_a_server(project: Project, base: str) -> None:
    project.test(WARM)
    result = project.run("--ttsperf-trials=3", f"--ttsperf-against={base}")
    assert result.ret in (0, 1)
    comparison = project.cells()[0]["comparison"]
    assert (comparison["blocks"], comparison["reason"]) == (1, None)


def test_a_server_is_the_same_at_any_revision(project: Project, base: str) -> None:
    project.test(WARM)
    result = project.run(f"--ttsperf-target={base}", "--ttsperf-trials=3", "--ttsperf-against=.")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["*runs already: another version of the code cannot be put in its place*"]
    )


def test_an_option_that_a_server_does_not_take(project: Project, base: str) -> None:
    project.test(WARM)
    result = project.run(f"--ttsperf-target={base}", RATE)
    result.assert_outcomes(errors=1)
    assert "rate" in result.stdout.str()


TOY = """
import time
import numpy

class Old:
    sample_rate = 16000
    def stream(self, text):
        time.sleep(0.02)
        yield numpy.full(800 * len(text), 0.25, numpy.float32)

class New(Old):
    pass
"""
COMMAND = "import sys; from pytest_ttsperf.cli import main; sys.exit(main())"


def test_engines_of_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "random.py").write_text("raise ImportError('a stray script, not the library')")
    # As the installed command: -P, and the folder that it lies in is the first that is searched.
    starting = [sys.executable, "-P", "-c", COMMAND, "compare", "toy:Old", "toy:New", "--json"]
    ended = subprocess.run(
        [*starting, "--budget", "0.1s"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    (found,) = json.loads(ended.stdout or ended.stderr).values()
    assert "budget" in found["reason"]  # so both have been opened and measured
    assert found["outcome"] == "INCONCLUSIVE"


def test_a_module_that_is_nowhere_names_the_current_folder(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", "nowhere:Old", "nowhere:New", "--budget=1"]) == 1
    told = capsys.readouterr()
    assert "no module named 'nowhere'; it is looked for in [" in told.out + told.err
    assert str(project.path) in told.out + told.err

"""Programs through pytest: cold and warm, options, and as either side of a comparison."""

from __future__ import annotations

import json
import shlex
import sys
from typing import Any

import pytest

from pytest_ttsperf.cli import main
from pytest_ttsperf.compare import blocks, budget, looks
from pytest_ttsperf.judge.statistics import t_rule
from tests.plugin.conftest import BLOCKS, FRESH, Project

PROGRAM = """
import math, struct, sys, time
RATE = 16000
def hum(text):
    count = RATE * len(text.strip()) // 15
    samples = (round(9000 * math.sin(i / 14)) for i in range(count))
    return struct.pack(f"<{count}h", *samples)
def out(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
time.sleep(float(sys.argv[1]))
for line in sys.stdin:
    data = hum(line)
    time.sleep(0.02)
    out(data + b"over!" if "lines" in sys.argv else data)
"""
RATE = "--ttsperf-target-option=rate=16000"
LINES = (
    RATE,
    "--ttsperf-target-option=protocol=lines",
    f"--ttsperf-target-option=end=mark:{b'over!'.hex()}",
)


@pytest.fixture
def program(project: Project) -> Any:
    """Writes the program; gives a spec of it that waits so long at its start."""
    path = project.path / "hum.py"
    path.write_text(PROGRAM)

    def spec(wait_s: float = 0.0, *more: str) -> str:
        return f"cmd:{shlex.quote(sys.executable)} -S -E {path} {wait_s} {' '.join(more)}".strip()

    return spec


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = t_rule.BlockPlan(blocks=BLOCKS, seconds=60.0)
    monkeypatch.setattr(t_rule, "plan_blocks", lambda budget_s, block_s: plan)
    monkeypatch.setattr(t_rule, "END", t_rule.END._replace(fewest=BLOCKS))
    monkeypatch.setattr(looks, "FEWEST_FRESH", FRESH)
    monkeypatch.setattr(looks, "FRESH_SHARE", FRESH / BLOCKS)
    monkeypatch.setattr(blocks, "TEXTS", 3)
    monkeypatch.setattr(blocks, "texts_worth", lambda *_: 3)


COLD = "@trials(3)\n@ttfa(p50_ms=60000)\ndef test_x(perf, cold_engine): perf.stream('short')"
WARM = "@trials(3)\n@ttfa(p50_ms=60000)\ndef test_x(perf): perf.stream('short')"


def test_a_program_for_each_text_is_measured_cold(project: Project, program: Any) -> None:
    project.test(COLD)
    result = project.run(f"--ttsperf-target={program(0.2)}", RATE, "--ttsperf-cold-trials=3")
    result.assert_outcomes(passed=1)
    (cell,) = project.cells()
    assert cell["cell"]["phase"] == "cold"
    for trial in cell["trials"]:
        assert set(trial["phases_ms"]) == {"process", "first_run"}
        assert trial["phases_ms"]["first_run"] > 200, "counted from the start of the process"
        assert sum(trial["recording"]["frame_counts"]) == 16000 * len(trial["text"]) // 15
        assert trial["usage"]["rss_peak_bytes"] > 1e6
    assert cell["memory"]["rss_baseline_mb"] is None


def test_warm_is_refused_with_a_remedy(project: Project, program: Any) -> None:
    project.test(WARM)
    result = project.run(f"--ttsperf-target={program()}", RATE)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*is ever warm; measure it cold*cold_engine*protocol=lines*"])


def test_a_program_that_goes_on_is_measured_warm(project: Project, program: Any) -> None:
    project.test(WARM + "\n@memory(rss_peak_mb=500)\ndef test_y(perf): perf.stream('short')")
    result = project.run(f"--ttsperf-target={program(0.3, 'lines')}", *LINES, "--ttsperf-trials=3")
    result.assert_outcomes(passed=2)
    for cell in project.cells():
        counted = [trial for trial in cell["trials"] if trial["kind"] == "trial"]
        assert len(counted) == 3
        for trial in counted:
            assert sum(trial["recording"]["frame_counts"]) == 16000 * len(trial["text"]) // 15
        assert cell["summary"]["ttfa_ms"]["p50"] < 300, "its start is over"
        assert 1 < cell["memory"]["rss_baseline_mb"] <= cell["memory"]["rss_peak_mb"]


def test_a_program_that_goes_on_may_be_measured_cold_too(project: Project, program: Any) -> None:
    project.test(COLD)
    result = project.run(
        f"--ttsperf-target={program(0.3, 'lines')}", *LINES, "--ttsperf-cold-trials=3"
    )
    result.assert_outcomes(passed=1)
    (cell,) = project.cells()
    assert cell["summary"]["ttfa_ms"]["p50"] > 300
    assert all(t["phases_ms"]["second_run"] < 300 for t in cell["trials"])


def targets(project: Project) -> set[str]:
    """What has been measured in the project so far."""
    return {cell["cell"]["target"] for run in project.artifacts() for cell in run["cells"]}


def test_options_in_ini_are_those_of_inis_target(project: Project, program: Any) -> None:
    project.test(COLD)
    project.ini(ttsperf_target=program(), ttsperf_target_options="\n    rate = 16000")
    project.run("--ttsperf-cold-trials=3").assert_outcomes(passed=1)
    assert targets(project) == {f"{program()}(rate=16000)"}
    result = project.run("--ttsperf-cold-trials=3", "--ttsperf-target-option=rate=fast")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["found rate='fast', wanted a sample rate in Hz*"])
    project.run("--ttsperf-target=engines:Tone", "--ttsperf-cold-trials=3").assert_outcomes(
        passed=1
    )
    assert "engines:Tone" in targets(project), "without a rate, which it does not take"


def test_options_of_the_command_line_win_over_a_fixtures(project: Project) -> None:
    project.test(
        """
        from pytest_ttsperf import TargetSpec
        @pytest.fixture
        def ttsperf_target():
            return TargetSpec(spec="engines:Tone", options={"first_s": 0.04, "chunk_s": 0.001})
        @trials(3)
        def test_x(perf): perf.stream("short")
        """
    )
    project.run("--ttsperf-target-option=first_s=0.02").assert_outcomes(passed=1)
    label = project.cells()[0]["cell"]["target"]
    assert label == "engines:Tone(chunk_s=0.001, first_s=0.02)"


def test_inline_is_for_python(project: Project, program: Any) -> None:
    project.test(WARM)
    result = project.run(f"--ttsperf-target={program(0, 'lines')}", *LINES, "--ttsperf-inline")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*runs in a process of its own already; leave out --ttsperf-inline*"]
    )


def test_an_option_that_is_none_is_a_usage_error(project: Project) -> None:
    project.test(WARM)
    result = project.run("--ttsperf-target-option=first_s")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "found 'first_s', wanted NAME=VALUE" in result.stderr.str()


# Comparisons


@pytest.mark.usefixtures("few")
def test_two_programs_are_compared_by_their_cold_starts(
    program: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--option-a", "rate=16000", "--option-b", "rate=16000")
    assert main(["compare", program(0.01), program(0.2), *options]) == 1
    printed = capsys.readouterr().out
    assert "FAIL" in printed
    assert "note: cold starts were compared" in printed
    assert main(["compare", program(0.2), program(0.01), *options]) == 0


def test_a_program_is_compared_with_an_engine(
    project: Project,
    program: Any,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Warm with one that goes on, cold with one that does not; one block decides nothing."""
    one = t_rule.BlockPlan(blocks=1, seconds=60.0)
    monkeypatch.setattr(budget, "plan_blocks", lambda budget_s, durations_s: one)
    monkeypatch.setattr(t_rule, "plan_blocks", lambda budget_s, block_s: one)
    monkeypatch.setattr(blocks, "TEXTS", 2)
    monkeypatch.setattr(blocks, "texts_worth", lambda *_: 2)
    monkeypatch.syspath_prepend(project.path)
    lines = [word for flag in LINES for word in ("--option-b", flag.partition("=")[2])]
    main(["compare", "engines:Tone", program(0.0, "lines"), *lines, "--json"])
    (found,) = json.loads(capsys.readouterr().out).values()
    assert (found["blocks"], found["reason"]) == (1, None)
    assert [len(block["metric"]["new"]) for block in found["measured"]["rtf"]] == [2]
    main(["compare", "engines:Tone", program(), "--option-b", "rate=16000", "--json"])
    (found,) = json.loads(capsys.readouterr().out).values()
    assert [len(block["metric"]["new"]) for block in found["measured"]["rtf"]] == [1]


@pytest.mark.usefixtures("few")
def test_against_another_program(project: Project, program: Any) -> None:
    project.test(COLD)
    arguments = (f"--ttsperf-target={program(0.01)}", RATE, "--ttsperf-cold-trials=3")
    result = project.run(*arguments, f"--ttsperf-against={program(0.2)}")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*ttfa p50 against cmd:*PASS (better)*"])
    project.test(WARM)
    result = project.run(
        "--ttsperf-trials=3",
        f"--ttsperf-against={program()}",
        "--ttsperf-against-option=rate=16000",
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*starts a process for each text and is never warm*"])


def test_a_program_is_the_same_at_any_revision(project: Project, program: Any) -> None:
    project.test(COLD)
    arguments = (f"--ttsperf-target={program()}", RATE, "--ttsperf-cold-trials=3")
    result = project.run(*arguments, "--ttsperf-against=.")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*is not imported, so it would be the same at .*"])


def test_options_need_a_target_to_compare_with(project: Project) -> None:
    project.test(WARM)
    result = project.run("--ttsperf-against=.", "--ttsperf-against-option=rate=1")
    assert result.ret != 0
    assert "found options (rate) for '.', which is no target" in (
        result.stdout.str() + result.stderr.str()
    )


def test_the_doctor_has_a_program_speak(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--seconds", "0.1", "--target", program()])
    assert "nothing tells their sample rate" in capsys.readouterr().out
    main(["doctor", "--seconds", "0.1", "--target", program(), "--option", "rate=16000"])
    text = capsys.readouterr().out
    assert "s of audio at 16000 Hz" in text
    assert " is a program that starts anew for each text, 16000 Hz." in text.splitlines()[0]

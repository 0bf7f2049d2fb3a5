"""The command that a job runs, and what it writes about what the command left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_ttsperf import files
from pytest_ttsperf.ci import run as ci_run
from pytest_ttsperf.ci.base import Base
from pytest_ttsperf.ci.comment import MOST_BYTES
from pytest_ttsperf.ci.run import RunSettings, choose_baselines, describe, plan_command, publish
from pytest_ttsperf.errors import ArtifactUnreadable
from pytest_ttsperf.records import Outcome
from tests.unit.baseline.factories import run_of
from tests.unit.report.test_terminal import result

BASE = Base("a" * 40, "where this change left main", ("main could not be fetched",))


def store_baseline(folder: Path) -> None:
    (folder / "machine").mkdir(parents=True)
    (folder / "machine" / "cell.json").write_text("{}")


def test_the_command_compares_and_writes_below_its_folder(tmp_path: Path) -> None:
    settings = RunSettings(tmp_path / "out", against=BASE.commit, base=BASE)
    command = plan_command(settings)
    assert command[:3] == [sys.executable, "-m", "pytest"]
    assert command[-2:] == ["-m", "perf"]
    assert f"--ttsperf-against={BASE.commit}" in command
    assert "--ttsperf-fetch" in command
    assert not any("inconclusive" in option for option in command), "ini may say it"
    places = [option for option in command if str(tmp_path) in option]
    assert len(places) == 3, "run, artifacts and JUnit"


def test_what_the_user_says_stands_last_and_wins(tmp_path: Path) -> None:
    settings = RunSettings(
        tmp_path,
        budget="3min",
        inconclusive="fail",
        arguments=("-m", "perf and short", "--ttsperf-budget=10s"),
    )
    command = plan_command(settings)
    assert command[-3:] == ["-m", "perf and short", "--ttsperf-budget=10s"]
    assert "--ttsperf-budget=3min" in command[:-3]
    assert "--ttsperf-inconclusive=fail" in command
    assert not any("against" in option for option in command)


def test_baselines_of_what_is_merged_are_stored_and_others_are_compared(tmp_path: Path) -> None:
    settings = RunSettings(tmp_path, baselines=tmp_path / "baselines")
    assert choose_baselines(RunSettings(tmp_path)) == "none"
    assert choose_baselines(settings) == "none", "there are none yet"
    merged = settings._replace(saves_baselines=True)
    assert choose_baselines(merged) == "saved"
    assert "--ttsperf-save" in plan_command(merged)
    store_baseline(tmp_path / "baselines")
    assert choose_baselines(settings) == "compared"
    assert "--ttsperf-compare" in plan_command(settings)
    assert "--ttsperf-save" not in plan_command(settings)


def test_the_summary_says_what_it_was_compared_with(tmp_path: Path) -> None:
    settings = RunSettings(tmp_path, against=BASE.commit, base=BASE)
    files.write_file(settings.run_file, files.encode_json(run_of(result("test_a", Outcome.FAIL))))
    report = describe(settings, 1, "none")
    assert report.conclusion.word == "fail"
    assert "main could not be fetched" in report.summary
    assert "**FAIL**" in report.summary


@pytest.mark.parametrize("content", [None, "", "{"])
def test_a_run_that_left_nothing_readable_has_a_summary_all_the_same(
    tmp_path: Path, content: str | None
) -> None:
    settings = RunSettings(tmp_path)
    if content is not None:
        settings.run_file.write_text(content)
    report = describe(settings, 4, "none")
    assert report.conclusion.word == "broken"
    assert "artifact" in report.summary


def test_a_server_is_named_without_its_key(tmp_path: Path) -> None:
    settings = RunSettings(tmp_path, against="http://voices.example/speak?api_key=hush-hush")
    report = describe(settings, 4, "none")
    assert settings.other is not None
    assert "voices.example" in settings.other
    assert "hush-hush" not in settings.other + report.summary


def test_a_summary_fits_into_a_comment(tmp_path: Path) -> None:
    settings = RunSettings(tmp_path)
    many = [result(f"test_{number}", Outcome.FAIL) for number in range(500)]
    files.write_file(settings.run_file, files.encode_json(run_of(*many)))
    size = len(describe(settings, 1, "none").summary.encode())
    assert size <= ci_run.MOST_SUMMARY_BYTES < MOST_BYTES - 200


def test_outputs_and_summary_are_added_to_those_of_the_job(tmp_path: Path) -> None:
    settings = RunSettings(tmp_path / "out", base=BASE)
    report = describe(settings, 0, "saved")
    summary, outputs = tmp_path / "summary", tmp_path / "outputs"
    summary.write_text("before\n")
    variables = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(outputs)}
    publish(report, settings, variables)
    assert summary.read_text() == f"before\n{report.summary}"
    lines = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
    assert lines == {
        "outcome": "broken",
        "base": BASE.commit,
        "baselines": "saved",
        "run": str(settings.run_file),
        "summary": str(settings.summary_file),
    }
    publish(report, settings, {})


def test_any_artifact_has_a_summary(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    files.write_file(path, files.encode_json(run_of(result("test_a", Outcome.FAIL))))
    assert "over a limit &#40;1 gate&#41;" in ci_run.summarise(path)
    files.write_file(path, files.encode_json(run_of(result("test_a", Outcome.PASS))))
    assert "within all limits" in ci_run.summarise(path)
    with pytest.raises(ArtifactUnreadable):
        ci_run.summarise(tmp_path / "nowhere.json")


SLEEPER = """
import signal, sys, time
def stop(number, frame):
    print("interrupted", flush=True)
    sys.exit(2)
signal.signal(signal.SIGINT, stop)
print("ready", flush=True)
time.sleep(60)
"""
HANDING_ON = """
import sys
from pytest_ttsperf.ci import run
sys.exit(run._run_to_end([sys.executable, "-c", sys.argv[1]]))
"""


@pytest.mark.starts
@pytest.mark.usefixtures("traced_children")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_end_is_handed_on_to_pytest(number: int) -> None:
    command = [sys.executable, "-c", HANDING_ON, SLEEPER]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.kill(process.pid, number)
        assert process.stdout.readline() == "interrupted\n"
        assert process.wait(30) == 2

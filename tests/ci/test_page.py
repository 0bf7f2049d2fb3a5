"""The recipes of docs/ci.md: what they name exists, and what they type works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_ttsperf import files
from pytest_ttsperf.records import Run
from tests.ci.project import FAST_S, ONE_BLOCK, make_project, outside_ci
from tests.plugin import speech_server
from tests.unit.ci.clones import git

pytestmark = pytest.mark.starts
ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "ci.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
OTHERS = {
    "actions/checkout@v6": set[str](),
    "actions/setup-python@v6": {"python-version"},
}
"""Actions of others, at the version that was looked at, and their inputs that we use."""
OURS = "pytest-ttsperf/pytest-ttsperf@v1"


def section(title: str) -> str:
    """The text below a heading, up to the next."""
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def blocks(title: str, language: str) -> list[str]:
    found = [body for name, body in BLOCK.findall(section(title)) if name == language]
    assert found, f"no {language} below {title!r}"
    return found


def run_shell(script: str, folder: Path, **variables: str) -> tuple[int, str]:
    """What a shell prints in which `ttsperf` is that of this tree."""
    tools = folder.parent / "tools"
    tools.mkdir(exist_ok=True)
    command = tools / "ttsperf"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m pytest_ttsperf "$@"\n')
    command.chmod(0o755)
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env={
            **outside_ci(),
            "HOME": str(folder.parent),
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "XDG_CACHE_HOME": str(folder.parent / "cache"),
            **variables,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stdout


def read_run(folder: Path) -> Run:
    return files.read_json(folder / "artifacts/ci/run.json", Run)


def test_the_workflow_uses_what_there_is() -> None:
    (workflow,) = (yaml.safe_load(body) for body in blocks("GitHub", "yaml"))
    inputs = yaml.safe_load((ROOT / "action.yml").read_text())["inputs"].keys()
    (job,) = workflow["jobs"].values()
    steps: list[Mapping[str, Any]] = [step for step in job["steps"] if "uses" in step]
    allowed = {**OTHERS, OURS: inputs}
    assert {step["uses"] for step in steps} == allowed.keys()
    for step in steps:
        assert step.get("with", {}).keys() <= allowed[step["uses"]]
    assert workflow["permissions"]["pull-requests"] == "write"


def test_the_pipeline_sets_variables_of_the_template() -> None:
    (pipeline,) = (yaml.safe_load(body) for body in blocks("GitLab", "yaml"))
    template = yaml.safe_load((ROOT / "ci" / "gitlab.yml").read_text())[".ttsperf"]
    assert pipeline["speech"]["extends"] == ".ttsperf"
    assert pipeline["speech"]["variables"].keys() <= template["variables"].keys()
    for name in template["variables"]:
        assert f"`{name}`" in section("GitLab")
    assert pipeline["include"][0]["remote"].endswith("/v1/ci/gitlab.yml")


def test_a_plain_shell(tmp_path: Path) -> None:
    remote = make_project(tmp_path, first_s=FAST_S, blocks=ONE_BLOCK)
    clone = remote.clone_shallow("clone", "refs/heads/topic")
    compared, stored = blocks("A plain shell", "sh")
    code, text = run_shell(compared, clone)
    assert code == 0, text
    (cell,) = read_run(clone).cells
    assert cell.comparison is not None
    assert cell.comparison.revision == git(remote.work, "merge-base", "main", "topic")
    assert cell.comparison.blocks > 0
    code, text = run_shell(stored, clone)
    assert code == 0, text
    assert len(list((tmp_path / "baselines").glob("*/*.json"))) == 1
    (cell,) = read_run(clone).cells
    assert {"baseline", "change"} <= {verdict.gate for verdict in cell.verdicts}


@pytest.fixture
def server() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", speech_server.__name__], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.kill()
    process.communicate()


def test_only_a_server(tmp_path: Path, server: str) -> None:
    folder = tmp_path / "speech"
    folder.mkdir()
    (test,) = blocks("Only a server", "python")
    (folder / "test_speech.py").write_text(test)
    (folder / "conftest.py").write_text(ONE_BLOCK)
    (folder / "pytest.ini").write_text("[pytest]\nttsperf_trials = 5\n")
    two_addresses, one_address = blocks("Only a server", "sh")
    addresses = {"PRODUCTION": f"{server}/pcm", "STAGING": f"{server}/wav"}
    code, text = run_shell(two_addresses, folder, **addresses)
    assert code in (0, 1), text
    (cell,) = read_run(folder).cells
    assert cell.comparison is not None
    assert cell.comparison.against.startswith(addresses["PRODUCTION"])
    assert cell.comparison.blocks > 0
    code, text = run_shell(one_address, folder, **addresses)
    assert code == 0, text
    assert len(list((folder / "baselines").glob("*/*.json"))) == 1
    (cell,) = read_run(folder).cells
    assert "baseline" in {verdict.gate for verdict in cell.verdicts}

"""Which code is opened as the old one: worktrees, import paths, stored revisions, kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.plugin.conftest import Project
from tests.plugin.repository import commit, commit_all, git, slowdown

pytestmark = pytest.mark.uncovered


@pytest.mark.usefixtures("one_block")
def test_another_plugin_in_the_old_tree_is_not_the_one_that_measures(
    repository: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old tree brings its own pytest_ttsperf; and the project is installed, editable."""
    old = repository.path / "pytest_ttsperf"
    old.mkdir()
    (old / "__init__.py").write_text("raise SystemExit('the old plugin was imported')\n")
    commit_all(repository, "an old plugin")
    git(repository, "rm", "-rq", "pytest_ttsperf")
    commit(repository, "first_s=0.012", "first_s=0.036")
    monkeypatch.setenv("PYTHONPATH", str(repository.path))
    repository.run("--ttsperf-against=HEAD~1").assert_outcomes(passed=1)
    assert slowdown(repository) > 1.5, "the old arm ran the old engine"


def test_an_import_hook_that_mixes_the_versions_is_invalid(
    repository: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hook, engines = tmp_path / "hook", str(repository.path / "engines.py")
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(
        "import importlib.util, sys\n"
        "class Always:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'engines':\n"
        f"            return importlib.util.spec_from_file_location(name, {engines!r})\n"
        "sys.meta_path.insert(0, Always())\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(hook))
    result = repository.run("--ttsperf-against=HEAD")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*INVALID*against HEAD*both arms would be the same code*"])


def test_another_target_can_be_compared_with(repository: Project) -> None:
    engines = repository.path / "engines.py"
    slow = (
        "\nclass Slow(Telling):\n    def __init__(self):\n        super().__init__(first_s=0.045)\n"
    )
    engines.write_text(engines.read_text() + slow)
    result = repository.run("--ttsperf-against=engines:Slow")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["*ttfa p50 against engines:Slow*PASS (better)*", "*better than before*"]
    )


def test_stored_numbers_in_doubt_are_settled_beside_their_revision(repository: Project) -> None:
    """A screen that cries wolf is answered by measuring the old code in the same minutes."""
    repository.run("--ttsperf-save").assert_outcomes(passed=1)
    (path,) = repository.path.glob("baselines/*/*.json")
    baseline = json.loads(path.read_text())
    path.write_text(json.dumps({**baseline, "runs": baseline["runs"] * 5}))
    commit(repository, "first_s=0.012", "first_s=0.045")
    repository.run("--ttsperf-compare").assert_outcomes(failed=1)
    (verdict,) = (v for v in repository.cells()[0]["verdicts"] if v["subject"] == "ttfa_sound p50")
    assert verdict["outcome"] == "FAIL"
    assert "Measured beside it: p50 changed by" in verdict["reason"]


def test_a_kill_in_the_midst_leaves_no_trace(repository: Project) -> None:
    commit(repository, "first_s=0.012", "first_s=0.013")
    (repository.path / "engines.py").write_text(
        "# not committed\n" + (repository.path / "engines.py").read_text()
    )
    before = (
        git(repository, "status", "--porcelain=v2", "--branch"),
        git(repository, "branch", "-a"),
    )
    content = (repository.path / "engines.py").read_text()
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:randomly", "--ttsperf-against=HEAD~1", "-q"],
        cwd=repository.path, start_new_session=True, stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    workers: list[psutil.Process] = []
    deadline = time.monotonic() + 30
    while len(workers) < 4 and time.monotonic() < deadline:
        workers = psutil.Process(process.pid).children(recursive=True)
        time.sleep(0.05)
    assert len(workers) >= 4, "three arms and the engine that was measured"
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, left = psutil.wait_procs(workers, timeout=10)
    assert not left
    assert (repository.path / "engines.py").read_text() == content
    after = git(repository, "status", "--porcelain=v2", "--branch"), git(repository, "branch", "-a")
    assert after == before

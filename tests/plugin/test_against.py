"""`--ttsperf-against`, `@regression` and what they need: other versions, opened for real."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pytest_ttsperf.experiment import comparing
from pytest_ttsperf.judge import change
from tests.plugin.conftest import Project

TEST = """
@trials(5)
def test_x(perf):
    perf.stream("short")
"""
BLOCKS = 5
"""However fast the machine is just now."""


@pytest.fixture
def repository(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Project:
    """The scratch project under git, compared in few small blocks, with a cache of its own."""
    monkeypatch.setattr(comparing, "TEXTS", 4)
    few = change.Plan(blocks=BLOCKS, early_at=None, seconds=60.0)
    monkeypatch.setattr(change, "plan", lambda budget_s, block_s: few)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project.test(TEST)
    (project.path / ".gitignore").write_text("artifacts/\n__pycache__/\n.pytest_cache/\n")
    git(project, "init", "-q", "-b", "main")
    commit(project, "first_s=0.012", "first_s=0.012")
    return project


def git(project: Project, *arguments: str) -> str:
    command = ["git", "-c", "user.name=n", "-c", "user.email=e@e", *arguments]
    done = subprocess.run(command, cwd=project.path, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(project: Project, old: str, new: str) -> str:
    engines = project.path / "engines.py"
    assert old in engines.read_text()
    engines.write_text(engines.read_text().replace(old, new))
    git(project, "add", "-A")
    git(project, "commit", "-q", "--allow-empty", "-m", new)
    return git(project, "rev-parse", "HEAD")


def changes(project: Project) -> dict[str, str]:
    """Outcome by figure, of the verdicts of a comparison."""
    return {
        verdict["subject"].partition(" against")[0]: verdict["outcome"]
        for cell in project.cells()
        for verdict in cell["verdicts"]
        if verdict["gate"] == "change"
    }


def test_a_slow_commit_is_red_with_its_stage_and_its_revert_is_not(repository: Project) -> None:
    slow = commit(repository, "first_s=0.012", "first_s=0.018")
    result = repository.run("--ttsperf-against=HEAD~1")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*compared with HEAD~1*at most 60 s a test*",
            "*FAIL*ttfa p50 against HEAD~1*of which vocode*",
        ]
    )
    assert changes(repository)["ttfa p50"] == "FAIL"
    (cell,) = repository.cells()
    assert cell["comparison"]["revision"] == git(repository, "rev-parse", "HEAD~1")
    assert len(cell["comparison"]["measured"]["ttfa_sound_ms"]) == cell["comparison"]["blocks"]

    commit(repository, "first_s=0.018", "first_s=0.012")
    repository.run(f"--ttsperf-against={slow}~1").assert_outcomes(passed=1)
    assert changes(repository)["ttfa p50"] != "FAIL"
    result = repository.run(f"--ttsperf-against={slow}")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*ttfa p50 against*PASS (better)*", "*better than before*"])


def test_the_smallest_change_that_counts_can_be_told(repository: Project) -> None:
    commit(repository, "first_s=0.012", "first_s=0.018")
    repository.test(
        "from pytest_ttsperf import regression\n@regression(ttfa='90%', rtf='90%')" + TEST
    )
    repository.run("--ttsperf-against=HEAD~1").assert_outcomes(passed=1)
    wide = "--ttsperf-compare-fail=ttfa_p50:5%"
    repository.run("--ttsperf-against=HEAD~1", wide).assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("mark", "told"),
    [
        ("regression(tfta='5%')", "did you mean 'ttfa'"),
        ("regression(ttfa=5)", "wanted a change such as '5%' or 0.05"),
        ("regression(underruns='5%')", "wanted a number above 0"),
        ("regression('5%')", "takes keywords only"),
    ],
)
def test_a_mark_that_cannot_be_understood_is_told_at_collection(
    project: Project, mark: str, told: str
) -> None:
    project.test(f"from pytest_ttsperf import regression\n@{mark}{TEST}")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert told in "\n".join(result.errlines + result.outlines)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--ttsperf-against=no-such", "is no revision of the repository"),
        ("--ttsperf-budget=soon", "wanted a time above 0"),
        ("--ttsperf-compare-fail=ttfa_p95", "wanted FIGURE:CHANGE"),
    ],
)
def test_an_option_that_cannot_be_understood_ends_the_run(
    repository: Project, option: str, told: str
) -> None:
    result = repository.run(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert told in "\n".join(result.errlines + result.outlines)
    assert not repository.artifact_paths()


def test_what_the_old_version_has_not_is_new(repository: Project) -> None:
    git(repository, "mv", "engines.py", "voices.py")
    commit_all(repository, "renamed")
    repository.ini(ttsperf_target="voices:Telling")
    result = repository.run("--ttsperf-against=HEAD~1")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["note: *new: HEAD~1*cannot be opened as it is now*"])
    assert set(changes(repository).values()) == {"INCONCLUSIVE"}


def commit_all(project: Project, message: str) -> None:
    git(project, "add", "-A")
    git(project, "commit", "-qm", message)


def test_another_plugin_in_the_old_tree_is_not_the_one_that_measures(
    repository: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old tree brings its own pytest_ttsperf; and the project is installed, editable."""
    old = repository.path / "pytest_ttsperf"
    old.mkdir()
    (old / "__init__.py").write_text("raise SystemExit('the old plugin was imported')\n")
    commit_all(repository, "an old plugin")
    git(repository, "rm", "-rq", "pytest_ttsperf")
    commit(repository, "first_s=0.012", "first_s=0.018")
    monkeypatch.setenv("PYTHONPATH", str(repository.path))
    repository.run("--ttsperf-against=HEAD~1").assert_outcomes(failed=1)
    assert changes(repository)["ttfa p50"] == "FAIL", "the old arm ran the old engine"


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
        "\nclass Slow(Telling):\n    def __init__(self):\n        super().__init__(first_s=0.03)\n"
    )
    engines.write_text(engines.read_text() + slow)
    result = repository.run("--ttsperf-against=engines:Slow")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*ttfa p50 against engines:Slow*PASS (better)*"])


def test_stored_numbers_in_doubt_are_settled_beside_their_revision(repository: Project) -> None:
    """A screen that cries wolf is answered by measuring the old code in the same minutes."""
    for _ in range(5):
        repository.run("--ttsperf-save").assert_outcomes(passed=1)
    commit(repository, "first_s=0.012", "first_s=0.030")
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

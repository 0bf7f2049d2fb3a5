"""Both versions are opened from trees that were laid out alike, and only what is said is not so."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_ttsperf.compare import cells, footing
from tests.plugin.conftest import Project
from tests.plugin.repository import changes, commit, commit_all, git, slowdown

OPENS_A_MODEL = """
WEIGHT = int((Path(__file__).parent / "models" / "voice.bin").read_text())
"""
WAITS_FOR_A_FILE = """
class Logged(Telling):
    # Its log is switched on by a file beside it, which each machine has its own of.
    def stream(self, text):
        if Path(__file__).with_name("log.cfg").exists():
            time.sleep(0.03)
        yield from super().stream(text)
"""
FAILS_AT_A_LATER_OPENING = """
counter = Path({counter!r})
with counter.open("a") as openings:
    openings.write(".")  # at once, as processes open it at the same time
if counter.stat().st_size > 2:
    raise RuntimeError("no more of it")
"""
NAMES_ITS_VOICE = """
class Voiced(Telling):
    def placement(self):
        has_voice = Path(__file__).with_name("voice.bin").exists()
        return {**super().placement(), "voice_hash": "7" * 64 if has_voice else "0" * 64}
"""
TOO_SHORT = "--ttsperf-budget=0.1s"
"""For a block: what the new version runs from is settled before, and said all the same."""


def append(project: Project, source: str) -> None:
    engines = project.path / "engines.py"
    engines.write_text(f"from pathlib import Path\n{engines.read_text()}{source}")


def ignore(project: Project, pattern: str) -> None:
    lines = project.path / ".gitignore"
    lines.write_text(f"{lines.read_text()}{pattern}\n")


def notes(project: Project) -> list[str]:
    (cell,) = project.cells()
    found: list[str] = cell["comparison"]["notes"]
    return found


def is_uneven(project: Project) -> bool:
    return any(footing.UNEQUAL in note for note in notes(project))


def state(project: Project) -> tuple[bytes, str, str]:
    """What a run may not change: the index, the branches and what is not committed."""
    index = (project.path / ".git" / "index").read_bytes()
    return index, git(project, "for-each-ref"), git(project, "stash", "list")


@pytest.mark.usefixtures("one_block")
def test_what_is_not_committed_is_what_is_compared(repository: Project) -> None:
    engines = repository.path / "engines.py"
    engines.write_text(
        engines.read_text()
        .replace("first_s=0.012", "first_s=FIRST_S")
        .replace("RATE = 24000", "RATE = 24000\nfrom pauses import FIRST_S")
    )
    (repository.path / "pauses.py").write_text("FIRST_S = 0.036\n")
    before = state(repository)
    repository.run("--ttsperf-against=HEAD").assert_outcomes(passed=1)
    assert slowdown(repository) > 1.5
    assert not is_uneven(repository)
    assert state(repository) == before


@pytest.fixture
def logged(repository: Project) -> Project:
    """The same code in both versions, and a file beside the running one that slows it."""
    ignore(repository, "log.cfg")
    append(repository, WAITS_FOR_A_FILE)
    commit_all(repository, "a log")
    repository.ini(
        ttsperf_target="engines:Logged",
        ttsperf_provider="cpu",
        ttsperf_compare_fail="\n    ttfa_p50:10%\n    ttfa_p95:60%\n    rtf_p50:10%",
    )
    commit_all(repository, "its target")
    (repository.path / "log.cfg").touch()
    return repository


def test_a_file_beside_the_running_code_slows_neither_version(logged: Project) -> None:
    logged.run("--ttsperf-against=HEAD")
    assert changes(logged)["ttfa p50"] != "FAIL"
    assert not is_uneven(logged)


@pytest.mark.usefixtures("one_block")
def test_it_would_slow_the_new_one_in_its_place(
    logged: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the test before this one could not fail."""
    monkeypatch.setattr(cells.ComparedVersion, "level", lambda _, spec, __: footing.Footing(spec))
    logged.run("--ttsperf-against=HEAD").assert_outcomes(passed=1)
    assert slowdown(logged) > 1.5


@pytest.mark.usefixtures("one_block")
def test_a_model_that_only_the_new_version_needs(repository: Project) -> None:
    ignore(repository, "models/")
    append(repository, OPENS_A_MODEL)
    commit_all(repository, "with a model")
    (repository.path / "models").mkdir()
    (repository.path / "models" / "voice.bin").write_text("7")
    repository.run("--ttsperf-against=HEAD~1")
    (note,) = (note for note in notes(repository) if footing.UNEQUAL in note)
    assert str(repository.path / "models" / "voice.bin") in note, "by the path that the user knows"
    assert "--ttsperf-against-copy=models/voice.bin" in note
    assert "ttfa p50" in changes(repository), "it was compared all the same"

    repository.run("--ttsperf-against=HEAD~1", "--ttsperf-against-copy=models")
    assert not is_uneven(repository)
    assert "ttfa p50" in changes(repository)


def test_other_properties_than_in_its_place_are_named(repository: Project) -> None:
    """It opens without its voice, and would be another one."""
    ignore(repository, "voice.bin")
    append(repository, NAMES_ITS_VOICE)
    repository.ini(ttsperf_target="engines:Voiced", ttsperf_provider="cpu")
    commit_all(repository, "a voice")
    (repository.path / "voice.bin").write_text("7")
    repository.run("--ttsperf-against=HEAD", TOO_SHORT)
    (note,) = (note for note in notes(repository) if footing.UNEQUAL in note)
    assert "voice_hash 777" in note
    assert "If it needs what git ignores (voice.bin)" in note


def test_the_new_version_fails_by_the_paths_that_the_user_knows(
    repository: Project, tmp_path: Path
) -> None:
    """It opens where it is measured and where it is tried, and fails in the first block."""
    counter = tmp_path / "counter"
    append(repository, FAILS_AT_A_LATER_OPENING.format(counter=str(counter)))
    repository.run("--ttsperf-against=HEAD").assert_outcomes(failed=1)
    (cell,) = repository.cells()
    reason = cell["comparison"]["reason"]
    assert "the new code failed while it was compared" in reason
    assert "no more of it" in reason
    assert f'File "{repository.path}/engines.py"' in reason
    assert str(tmp_path / "cache") not in reason


@pytest.mark.usefixtures("one_block")
def test_a_directory_is_compared_with_in_its_place(repository: Project, tmp_path: Path) -> None:
    other = tmp_path / "other"
    git(repository, "worktree", "add", "-q", str(other), "--detach")
    repository.run(f"--ttsperf-against={other}")
    assert not is_uneven(repository)
    cached = list((tmp_path / "cache").rglob("engines.py"))
    assert cached == [], "nothing was laid out"


@pytest.mark.usefixtures("one_block")
def test_a_tree_that_cannot_be_laid_out_is_said_and_no_error(
    repository: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise cells.RevisionError("the disk is full")

    monkeypatch.setattr(cells.revisions, "lay_out_running", refuse)
    result = repository.run("--ttsperf-against=HEAD")
    result.stdout.fnmatch_lines(["ttsperf: *cannot be laid out likewise (the disk is full)*"])
    assert is_uneven(repository)
    assert "ttfa p50" in changes(repository)


def test_artifacts_that_git_does_not_ignore_are_no_code(
    repository: Project, tmp_path: Path
) -> None:
    """Or each run would lay out another tree."""
    (repository.path / ".gitignore").write_text("__pycache__/\n.pytest_cache/\n")
    commit(repository, "first_s=0.012", "first_s=0.013")
    (repository.path / "notes.txt").write_text("mine")
    for _ in range(2):
        repository.run("--ttsperf-against=HEAD", TOO_SHORT)
    assert len(list((tmp_path / "cache").rglob("notes.txt"))) == 1

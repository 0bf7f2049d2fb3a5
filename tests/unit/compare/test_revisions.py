"""Other versions laid ready: real repositories, real worktrees, real kills."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_ttsperf.compare import revisions
from pytest_ttsperf.compare.checkout.worktrees import COMPLETE, KEPT_TREES
from pytest_ttsperf.compare.revisions import checkout
from pytest_ttsperf.errors import RevisionError

pytestmark = pytest.mark.starts


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=e@e", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path, text: str) -> str:
    (folder / "engine.py").write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", text)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "speed = 1\n")
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def state(folder: Path) -> tuple[str, ...]:
    """All of a working tree that its user could see."""
    files = sorted(
        f"{path.relative_to(folder)}={path.read_text()}"
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.parts
    )
    return (git(folder, "status", "--porcelain=v2", "--branch"), git(folder, "stash", "list"),
            git(folder, "branch", "--all"), *files)  # fmt: skip


def test_a_revision_is_checked_out_beside_the_working_tree(repository: Path, cache: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    commit(repository, "speed = 2\n")
    (repository / "engine.py").write_text("speed = 3  # not committed\n")
    (repository / "notes.txt").write_text("mine")
    before = state(repository)
    tree = checkout("HEAD~1", repository, cache=cache)
    assert state(repository) == before
    assert (tree.folder / "engine.py").read_text() == "speed = 1\n"
    assert (tree.revision, tree.project) == (first, repository)
    assert tree.label == f"HEAD~1 ({first[:10]})"
    assert list(tree.folder.rglob("*.pyc")), "its bytecode is made beforehand"


def test_it_is_made_once_and_again_when_touched_or_half_made(repository: Path, cache: Path) -> None:
    tree = checkout("main", repository, cache=cache)
    left = tree.folder / "left.txt"
    left.write_text("still the same tree")
    assert checkout("main", repository, cache=cache).folder == tree.folder
    assert left.exists()
    (tree.folder / "engine.py").write_text("speed = 99\n")
    tree = checkout("main", repository, cache=cache)
    assert (tree.folder / "engine.py").read_text() == "speed = 1\n"
    trees = tree.folder.parent
    (marker,) = trees.glob(f"*{COMPLETE}")
    marker.unlink()
    tree = checkout("main", repository, cache=cache)
    assert (tree.folder / "engine.py").read_text() == "speed = 1\n"
    assert [path for path in trees.iterdir() if path.is_dir()] == [tree.folder]
    assert git(repository, "worktree", "list").count("\n") == 1


def test_hooks_of_the_repository_do_not_run(repository: Path, cache: Path, tmp_path: Path) -> None:
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    checkout("main", repository, cache=cache)
    assert not (tmp_path / "ran").exists()


MANY = 1000  # files that take long enough to kill their writer in the midst of them


def test_a_kill_in_the_midst_leaves_the_repository_as_it_was(repository: Path, cache: Path) -> None:
    for number in range(MANY):
        (repository / f"file{number}.py").write_text(f"number = {number}\n" * 20)
    commit(repository, "many\n")
    before = state(repository)
    program = (
        "import sys; from pathlib import Path\n"
        "from pytest_ttsperf.compare.revisions import checkout\n"
        "checkout('main', Path(sys.argv[1]), cache=Path(sys.argv[2]))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(repository), str(cache)], start_new_session=True
    )
    while not list(cache.rglob("file1*.py")) and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert state(repository) == before
    tree = checkout("main", repository, cache=cache)
    assert len(list(tree.folder.glob("file*.py"))) == MANY
    assert state(repository) == before


def test_two_at_once_get_the_same_whole_tree(repository: Path, cache: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from pytest_ttsperf.compare.revisions import checkout\n"
        "tree = checkout('main', Path(sys.argv[1]), cache=Path(sys.argv[2]))\n"
        "print((tree.folder / 'engine.py').read_text())\n"
    )
    command = [sys.executable, "-c", program, str(repository), str(cache)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in both] == ["speed = 1"] * 2


def test_the_few_newest_trees_are_kept(repository: Path, cache: Path) -> None:
    for number in range(KEPT_TREES + 2):
        commit(repository, f"speed = {number + 5}\n")
        tree = checkout("HEAD", repository, cache=cache)
    trees = [path for path in tree.folder.parent.iterdir() if path.is_dir()]
    assert len(trees) == KEPT_TREES
    assert tree.folder in trees
    assert git(repository, "worktree", "list").count("\n") == KEPT_TREES


def test_a_directory_is_taken_as_it_is(repository: Path, tmp_path: Path, cache: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    tree = checkout("../other", repository, cache=cache)
    assert (tree.folder, tree.project, tree.revision) == (other, repository, None)


@pytest.mark.parametrize("text", ["no-such-branch", "./no-such-folder", "deadbeef", "--help"])
def test_what_is_nowhere_is_an_error_with_its_remedy(
    repository: Path, cache: Path, text: str
) -> None:
    with pytest.raises(RevisionError, match=r"no revision of the repository .*git fetch"):
        checkout(text, repository, cache=cache)


def test_outside_of_a_repository_only_directories_can_be_had(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(RevisionError, match="no git repository"):
        checkout("main", tmp_path, cache=cache)


def test_differing_dependencies_are_told(repository: Path, cache: Path) -> None:
    project = repository / "pyproject.toml"
    project.write_text('[project]\ndependencies = ["numpy>=1"]\n')
    commit(repository, "one\n")
    project.write_text('[project]\ndependencies = ["numpy>=2"]\n')
    (repository / "requirements.txt").write_text("numpy\n")
    tree = checkout("HEAD", repository, cache=cache)
    assert tree.differing == ("-numpy>=1", "+numpy>=2", "requirements.txt")


def test_packages_of_an_environment_that_are_not_those_of_this_one(tmp_path: Path) -> None:
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    for name, version in (("numpy", "0.1"), ("nobody-has-this", "1.0"), ("pip", "0.1")):
        info = site / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (note,) = revisions._package_notes(tmp_path)
    assert "numpy 0.1 (here " in note
    assert "nobody" not in note
    assert "pip" not in note
    assert revisions._package_notes(tmp_path / "lib") == ()

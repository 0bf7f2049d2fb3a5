"""The running tree laid out as an old one is: all that git does not ignore, and nothing touched."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_ttsperf.compare.checkout import overlays
from pytest_ttsperf.compare.checkout.worktrees import COMPLETE, KEPT_TREES
from pytest_ttsperf.compare.revisions import checkout, lacking_code, lay_out_running
from pytest_ttsperf.errors import RevisionError
from pytest_ttsperf.targets.worker.source_tree import Tree
from tests.unit.compare.test_checkout import bytes_of, commit, git, large, new_repository, store

pytestmark = pytest.mark.starts

Lay = Callable[..., Tree]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def lay(cache: Path) -> Lay:
    def lay(rootdir: Path, **options: object) -> Tree:
        return lay_out_running(rootdir, cache=cache, **options)  # type: ignore[arg-type]

    return lay


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A project with some files and folders, all committed."""
    folder = new_repository(tmp_path / "project")
    for path in ("gone.py", "staged.py", "both.py", "tool.sh", "package/deep.py", "turns/a.py"):
        write(folder, path, f"# {path}\n")
    write(folder, ".gitignore", "models/\nartifacts/\n*.so\n")
    (folder / "link.py").symlink_to("engine.py")
    commit(folder, "speed = 3\n")
    return folder


def write(folder: Path, path: str, text: str) -> None:
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def content_of(folder: Path, *, without: tuple[str, ...] = ()) -> dict[str, str]:
    """All files and links of a tree by path, with their content and whether they may be run."""
    left_out = {".git", "__pycache__", *without}
    found = {}
    for place in sorted(folder.rglob("*")):
        path = place.relative_to(folder)
        if not left_out.isdisjoint(path.parts):
            continue
        if place.is_symlink():
            found[path.as_posix()] = f"link {os.readlink(place)}"
        elif place.is_file():
            found[path.as_posix()] = f"{os.access(place, os.X_OK)} {place.read_text()}"
    return found


def change(repository: Path) -> None:
    """All that a working tree may differ from its commit in."""
    write(repository, "engine.py", "speed = 4  # not staged\n")
    write(repository, "staged.py", "# staged\n")
    git(repository, "add", "staged.py")
    write(repository, "both.py", "# staged\n")
    git(repository, "add", "both.py")
    write(repository, "both.py", "# and changed again\n")
    (repository / "gone.py").unlink()
    git(repository, "rm", "-q", "package/deep.py")
    (repository / "tool.sh").chmod(0o755)
    write(repository, "new/ünd deep.py", "# not tracked\n")
    write(repository, "noted.py", "# to be added\n")
    git(repository, "add", "--intent-to-add", "noted.py")
    (repository / "link.py").unlink()
    (repository / "link.py").symlink_to("staged.py")
    shutil.rmtree(repository / "turns")
    write(repository, "turns", "a file where a folder was\n")
    write(repository, "models/voice.bin", "7")
    write(repository, "__pycache__/old.pyc", "")


# What is in it


def test_it_is_what_git_does_not_ignore(repository: Path, lay: Lay) -> None:
    change(repository)
    before = bytes_of(repository)
    tree = lay(repository)
    assert bytes_of(repository) == before
    assert content_of(tree.folder) == content_of(repository, without=("models",))
    assert not (tree.folder / "models").exists()
    assert not (tree.folder / "package").exists(), "no folder is left empty"
    assert (tree.project, tree.rootdir, tree.revision) == (repository, repository, None)
    assert list(tree.folder.rglob("*.pyc")), "its bytecode is made beforehand"


def test_what_the_user_sees_of_the_repository_stays(repository: Path, lay: Lay) -> None:
    change(repository)
    git(repository, "stash", "list")
    seen = [
        git(repository, *arguments)
        for arguments in (
            ("status", "--porcelain=v2", "--branch"),
            ("for-each-ref",),
            ("reflog",),
            ("config", "--local", "--list"),
        )
    ]
    lay(repository)
    lay(repository)
    assert git(repository, "status", "--porcelain=v2", "--branch") == seen[0]
    assert git(repository, "for-each-ref") == seen[1]
    assert git(repository, "reflog") == seen[2]
    assert git(repository, "config", "--local", "--list") == seen[3]


def test_a_tree_without_changes_is_that_of_the_commit(
    repository: Path, lay: Lay, cache: Path
) -> None:
    old = checkout("HEAD", repository, cache=cache)
    assert lay(repository).folder == old.folder


def test_a_file_that_git_is_bidden_not_to_look_at(repository: Path, lay: Lay) -> None:
    git(repository, "update-index", "--assume-unchanged", "engine.py", "gone.py")
    git(repository, "update-index", "--skip-worktree", "both.py", "staged.py")
    write(repository, "engine.py", "speed = 5\n")
    (repository / "gone.py").unlink()
    write(repository, "both.py", "# changed\n")
    tree = lay(repository)
    assert content_of(tree.folder) == content_of(repository)


def test_a_merge_under_way(repository: Path, lay: Lay) -> None:
    git(repository, "checkout", "-q", "-b", "side")
    commit(repository, "speed = 5\n")
    git(repository, "checkout", "-q", "main")
    commit(repository, "speed = 6\n")
    with pytest.raises(AssertionError):
        git(repository, "merge", "side")
    before = bytes_of(repository)
    tree = lay(repository)
    assert bytes_of(repository) == before
    assert "<<<<<<<" in (tree.folder / "engine.py").read_text()


def test_a_file_where_a_folder_was_and_the_other_way_round(repository: Path, lay: Lay) -> None:
    shutil.rmtree(repository / "package")
    (repository / "package").symlink_to("turns")
    (repository / "engine.py").unlink()
    write(repository, "engine.py/__init__.py", "speed = 5\n")
    tree = lay(repository)
    assert content_of(tree.folder) == content_of(repository)


def test_links_lead_into_the_copy_or_to_the_same_place(
    repository: Path, lay: Lay, tmp_path: Path
) -> None:
    write(tmp_path, "shared/voice.bin", "7")
    (repository / "inside").symlink_to("package")
    (repository / "outside").symlink_to("../shared")
    tree = lay(repository)
    assert (tree.folder / "inside").resolve() == (tree.folder / "package").resolve()
    assert (tree.folder / "outside" / "voice.bin").read_text() == "7"


def test_what_is_no_code_is_left_out(repository: Path, lay: Lay, cache: Path) -> None:
    write(repository, "results/run.json", "{}")
    write(repository, "myenv/pyvenv.cfg", "home = /usr\n")
    write(repository, "myenv/lib/module.py", "")
    write(repository, "stray.pyc", "")
    git(repository, "worktree", "add", "-q", "beside", "-b", "beside")
    new_repository(repository / "cloned")
    tree = lay(repository, left_out=[repository / "results", repository.parent])
    assert not {"results", "myenv", "stray.pyc", "beside"} & set(os.listdir(tree.folder))
    assert (tree.folder / "cloned" / "engine.py").exists(), "what git does not track is code"
    git(repository, "worktree", "remove", "beside")
    write(repository, "results/second.json", "{}")
    again = lay(repository, left_out=[repository / "results", repository.parent])
    assert again.folder == tree.folder


def test_a_cache_in_the_project_is_not_laid_into_itself(repository: Path) -> None:
    cache = repository / "cache"
    tree = lay_out_running(repository, cache=cache)
    again = lay_out_running(repository, cache=cache)
    assert again.folder == tree.folder
    assert not (again.folder / "cache").exists()


def test_files_that_git_ignores_are_taken_over_by_pattern(repository: Path, lay: Lay) -> None:
    write(repository, "models/voice.bin", "7")
    write(repository, "new.bin", "8")
    tree = lay(repository, copy=["models", "*.bin"])
    assert content_of(tree.folder) == content_of(repository)


def test_code_that_git_ignores_is_named(repository: Path, lay: Lay) -> None:
    write(repository, "package/_fast.cpython-311.so", "")
    write(repository, "models/generated.py", "")
    write(repository, "build/lib/x.so", "")
    write(repository, ".hidden/x.so", "")
    tree = lay(repository)
    assert lacking_code(tree) == ["models/generated.py", "package/_fast.cpython-311.so"]
    assert "compared without models/generated.py, package/_fast" in tree.notes[0]
    assert "--ttsperf-against-copy" in tree.notes[0]
    tree = lay(repository, copy=["models", "package/*.so"])
    assert (lacking_code(tree), tree.notes) == ([], ())


def test_a_project_in_a_folder_of_its_repository(repository: Path, lay: Lay) -> None:
    write(repository, "inner/models.py", "size = 1\n")
    git(repository, "add", "inner")
    write(repository, "engine.py", "speed = 5\n")
    tree = lay(repository / "inner")
    assert (tree.project, tree.rootdir) == (repository, repository / "inner")
    assert content_of(tree.folder) == content_of(repository)


def test_without_a_commit_there_is_nothing_to_lay_over(tmp_path: Path, lay: Lay) -> None:
    with pytest.raises(RevisionError, match="no git repository"):
        lay(tmp_path)
    git(tmp_path, "init", "-q", "unborn")
    write(tmp_path, "unborn/engine.py", "")
    git(tmp_path / "unborn", "add", "-A")
    with pytest.raises(RevisionError, match="no revision"):
        lay(tmp_path / "unborn")


# Submodules and large files


@pytest.fixture
def nested(tmp_path: Path, repository: Path) -> Path:
    """The project with a submodule `vendor`, which has a submodule `deep`."""
    deep = new_repository(tmp_path / "deep")
    vendor = new_repository(tmp_path / "vendor")
    git(vendor, "submodule", "--quiet", "add", deep.as_uri(), "deep")
    commit(vendor, "speed = 4\n")
    git(repository, "submodule", "--quiet", "add", vendor.as_uri(), "vendor")
    git(repository, "submodule", "--quiet", "update", "--init", "--recursive")
    commit(repository, "speed = 4\n")
    return repository


def test_submodules_are_as_they_are(nested: Path, lay: Lay) -> None:
    vendor = nested / "vendor"
    tree = lay(nested)
    assert content_of(tree.folder) == content_of(nested)
    git(vendor, "checkout", "-q", "HEAD~1")
    write(vendor, "engine.py", "speed = 9\n")
    write(vendor, "new.py", "# not tracked\n")
    write(vendor / "deep", "engine.py", "speed = 10\n")
    before = [bytes_of(folder) for folder in (nested, vendor)]
    tree = lay(nested)
    assert content_of(tree.folder) == content_of(nested)
    assert [bytes_of(folder) for folder in (nested, vendor)] == before
    assert lay(nested).folder == tree.folder
    (vendor / "engine.py").unlink()
    tree = lay(nested)
    assert content_of(tree.folder) == content_of(nested)
    assert lay(nested).folder == tree.folder


def test_a_submodule_that_was_just_added_or_removed(nested: Path, lay: Lay, tmp_path: Path) -> None:
    other = new_repository(tmp_path / "other")
    git(nested, "submodule", "--quiet", "add", other.as_uri(), "other")
    assert content_of(lay(nested).folder) == content_of(nested)
    git(nested, "rm", "-rqf", "vendor")
    tree = lay(nested)
    assert content_of(tree.folder) == content_of(nested)
    assert not (tree.folder / "vendor").exists()


def test_large_files_are_those_of_the_running_tree(repository: Path, lay: Lay) -> None:
    name = large(repository, b"weights")
    write(repository, "voice.onnx", "weights")
    tree = lay(repository)
    assert (tree.folder / "voice.onnx").read_bytes() == b"weights"
    write(repository, "voice.onnx", "other weights")
    store(repository, name, b"weights")
    tree = lay(repository)
    assert (tree.folder / "voice.onnx").read_bytes() == b"other weights"
    assert lay(repository).folder == tree.folder


# When it is made


def test_it_is_found_again_until_something_changes(repository: Path, lay: Lay) -> None:
    write(repository, "engine.py", "speed = 4\n")
    tree = lay(repository)
    place = repository / "engine.py"
    state = place.stat()
    os.utime(place, ns=(state.st_atime_ns, state.st_mtime_ns + 5_000_000_000))
    assert lay(repository).folder == tree.folder, "touched, and the same"
    before_ns = place.stat().st_mtime_ns
    place.write_text("speed = 5\n")
    os.utime(place, ns=(before_ns, before_ns))
    changed = lay(repository)
    assert (changed.folder / "engine.py").read_text() == "speed = 5\n", "of the same size and time"
    place.write_text("speed = 4\n")
    assert lay(repository).folder == tree.folder
    place.chmod(0o755)
    assert lay(repository).folder != tree.folder


def test_a_copy_that_was_touched_is_made_again(repository: Path, lay: Lay) -> None:
    change(repository)
    tree = lay(repository)
    write(tree.folder, "gone.py", "back again\n")
    again = lay(repository)
    assert content_of(again.folder) == content_of(repository, without=("models",))
    write(again.folder, "both.py", "touched\n")
    last = lay(repository)
    assert content_of(last.folder) == content_of(repository, without=("models",))
    assert len({tree.folder, again.folder, last.folder}) == 3


def test_a_few_states_stay_and_push_out_no_old_version(
    repository: Path, lay: Lay, cache: Path
) -> None:
    old = [checkout(text, repository, cache=cache) for text in ("HEAD", "HEAD~1", "HEAD~2")]
    for number in range(2 * KEPT_TREES):
        write(repository, "engine.py", f"speed = {number + 10}\n")
        tree = lay(repository)
    left = [path for path in tree.folder.parent.iterdir() if path.is_dir()]
    assert len(left) == len(old) + KEPT_TREES
    assert {one.folder for one in (*old, tree)} <= set(left)
    assert git(repository, "worktree", "list").count("\n") == len(left)


def test_a_file_that_changes_meanwhile_is_an_error_and_leaves_nothing(
    repository: Path, lay: Lay, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    write(repository, "engine.py", "speed = 4\n")
    copy = shutil.copy2

    def copy_and_edit(source: Path, target: Path) -> None:
        copy(source, target)
        source.write_text("speed = 4.5\n")

    monkeypatch.setattr(overlays.shutil, "copy2", copy_and_edit)
    with pytest.raises(RevisionError, match=r"engine\.py was changed while it was copied"):
        lay(repository)
    assert not [path for path in cache.rglob("*") if path.name == "engine.py"]
    assert git(repository, "worktree", "list").count("\n") == 0


def test_data_that_git_does_not_ignore_is_refused(
    repository: Path, lay: Lay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlays, "MOST_UNTRACKED_BYTES", 1000)
    write(repository, "small.py", "")
    lay(repository)
    write(repository, "data.bin", "7" * 1000)
    lay(repository)
    write(repository, "more.bin", "7")
    with pytest.raises(RevisionError, match=r"neither tracks nor ignores, the largest is data"):
        lay(repository)


def test_a_file_that_cannot_be_read_is_named(repository: Path, lay: Lay) -> None:
    if os.getuid() == 0:
        pytest.skip("root may read everything")
    write(repository, "secret.py", "")
    (repository / "secret.py").chmod(0)
    with pytest.raises(RevisionError, match=r"secret\.py cannot be read"):
        lay(repository)


MANY = 1000  # files that take long enough to kill their writer in the midst of them


@pytest.mark.parametrize("mark", ["file1*.py", "new1*.py"], ids=["commit", "overlay"])
def test_a_kill_in_the_midst_leaves_no_half_tree(
    repository: Path, lay: Lay, cache: Path, mark: str
) -> None:
    for number in range(MANY):
        write(repository, f"file{number}.py", f"number = {number}\n" * 20)
    commit(repository, "many\n")
    for number in range(MANY):
        write(repository, f"new{number}.py", f"number = {number}\n" * 20)
    before = bytes_of(repository)
    program = (
        "import sys; from pathlib import Path\n"
        "from pytest_ttsperf.compare.revisions import lay_out_running\n"
        "lay_out_running(Path(sys.argv[1]), cache=Path(sys.argv[2]))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(repository), str(cache)], start_new_session=True
    )
    while not list(cache.rglob(mark)) and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was done before"
    assert bytes_of(repository) == before
    assert not list(cache.rglob(f"*{COMPLETE}"))
    tree = lay(repository)
    assert content_of(tree.folder) == content_of(repository)
    assert bytes_of(repository) == before
    assert [path for path in tree.folder.parent.iterdir() if path.is_dir()] == [tree.folder]

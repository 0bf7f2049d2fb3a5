"""Versions laid ready where git is not plain: hooks, submodules, large files, thin clones."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_ttsperf.compare.checkout import large_files
from pytest_ttsperf.compare.revisions import checkout
from pytest_ttsperf.errors import GitMissing, RevisionError
from pytest_ttsperf.targets.worker.source_tree import Tree

pytestmark = pytest.mark.starts

OLD, NEW = "speed = 1\n", "speed = 2\n"
HOOK = """#!{python}
import hashlib, json, os, sys
from pathlib import Path
os.chdir({project!r})
from pytest_ttsperf.machine import fingerprint
from pytest_ttsperf.compare.revisions import checkout, lay_out_running

def state():
    folders = [Path(name) for name in {watched!r}]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {{str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
             if "worktrees" not in path.parts or path.name in ("index", "HEAD")}}

before = state()
fingerprint.git_state(Path.cwd())
tree = checkout("HEAD~1", Path.cwd(), cache=Path({cache!r}))
lay_out_running(Path.cwd(), cache=Path({cache!r}))
fingerprint.git_state(Path.cwd())
after = {{path: digest for path, digest in state().items() if path in before}}
Path({report!r}).write_text(json.dumps(dict(
    engine=(tree.folder / "engine.py").read_text(), changed=sorted(
        path for path in before if before[path] != after.get(path)),
    variables=sorted(name for name in os.environ if name.startswith("GIT_")))))
"""


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=n", "-c", "user.email=e@e", "-c", "protocol.file.allow=always")
    command = ["git", "-C", str(folder), *identity, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(folder: Path, text: str) -> str:
    (folder / "engine.py").write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", text)
    return git(folder, "rev-parse", "HEAD")


def new_repository(folder: Path) -> Path:
    """With an old commit and a new one."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    commit(folder, OLD)
    commit(folder, NEW)
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return new_repository(tmp_path / "project")


@pytest.fixture
def lay(tmp_path: Path) -> Callable[..., Tree]:
    def lay(text: str, rootdir: Path, **options: object) -> Tree:
        return checkout(text, rootdir, cache=tmp_path / "cache", **options)  # type: ignore[arg-type]

    return lay


Lay = Callable[..., Tree]


def bytes_of(repository: Path) -> dict[str, bytes]:
    """All that must be the same afterwards: index, HEAD, configuration, stash, branches, files."""
    names = ("index", "HEAD", "config", "packed-refs", "ORIG_HEAD", "FETCH_HEAD", "shallow")
    folder = Path(git(repository, "rev-parse", "--absolute-git-dir"))
    paths = [folder / name for name in names]
    paths += [path for path in (folder / "refs").rglob("*") if path.is_file()]
    paths += [path for path in repository.rglob("*") if ".git" not in path.parts]
    return {str(path): path.read_bytes() for path in paths if path.is_file()}


# Hooks


def hang_in(repository: Path, name: str, project: Path, tmp_path: Path) -> Path:
    """A hook that lays an old version ready, and reports what it changed."""
    common = Path(git(repository, "rev-parse", "--path-format=absolute", "--git-common-dir"))
    report = tmp_path / "report.json"
    hook = common / "hooks" / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        HOOK.format(
            python=sys.executable,
            project=str(project),
            watched=[str(common), str(project)],
            cache=str(tmp_path / "cache"),
            report=str(report),
        )
    )
    hook.chmod(0o755)
    return report


@pytest.mark.parametrize("arguments", [("-a",), ("--", "engine.py"), ()], ids=["a", "part", "all"])
@pytest.mark.parametrize("linked", [False, True], ids=["main", "linked"])
def test_a_commit_from_whose_hook_it_is_run_is_what_the_user_had_staged(
    repository: Path, tmp_path: Path, linked: bool, arguments: tuple[str, ...]
) -> None:
    project = repository
    if linked:
        project = tmp_path / "linked"
        git(repository, "worktree", "add", "-q", str(project), "-b", "work")
    (project / "engine.py").write_text("speed = 1.5\n")
    git(project, "stash")
    report = hang_in(repository, "pre-commit", project, tmp_path)
    (project / "engine.py").write_text("speed = 3\n")
    (project / "staged.py").write_text("a file of its own\n")
    git(project, "add", *(["staged.py"] if arguments else ["-A"]))
    git(project, "commit", "-qm", "third", *arguments)
    said = json.loads(report.read_text())
    assert (said["engine"], said["changed"]) == (OLD, [])
    assert "GIT_INDEX_FILE" in said["variables"], "the hook had what did the harm"
    assert git(project, "show", "HEAD:engine.py") == "speed = 3"
    held = git(project, "ls-tree", "--name-only", "HEAD").split()
    assert held == (["engine.py"] if "--" in arguments else ["engine.py", "staged.py"])
    assert git(project, "diff", "HEAD", "--", "engine.py") == ""


def test_a_push_from_whose_hook_it_is_run(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "remote.git")
    git(repository, "remote", "add", "origin", str(tmp_path / "remote.git"))
    report = hang_in(repository, "pre-push", repository, tmp_path)
    git(repository, "push", "-q", "origin", "main")
    said = json.loads(report.read_text())
    assert (said["engine"], said["changed"]) == (OLD, [])


# The user's repository


def test_a_worktree_of_the_user_s_that_is_not_there_just_now_is_not_forgotten(
    repository: Path, tmp_path: Path, lay: Lay
) -> None:
    disk, away = tmp_path / "disk", tmp_path / "away"
    git(repository, "worktree", "add", "-q", str(disk), "-b", "work")
    disk.rename(away)
    before = bytes_of(repository)
    tree = lay("HEAD~1", repository)
    shutil.rmtree(tree.folder)
    lay("HEAD~1", repository)
    assert bytes_of(repository) == before
    away.rename(disk)
    assert git(disk, "rev-parse", "--abbrev-ref", "HEAD") == "work"


def test_trees_of_a_cache_that_was_emptied_are_forgotten(
    repository: Path, tmp_path: Path, lay: Lay
) -> None:
    lay("HEAD~1", repository)
    shutil.rmtree(tmp_path / "cache")
    tree = lay("HEAD", repository)
    listed = git(repository, "worktree", "list", "--porcelain")
    places = [line.split()[1] for line in listed.splitlines() if line.startswith("worktree")]
    assert places == [str(repository), str(tree.folder)]


def test_a_work_tree_without_its_repository_around_it_is_refused(
    repository: Path, lay: Lay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / ".git").rename(tmp_path / "elsewhere.git")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere.git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(repository))
    with pytest.raises(RevisionError, match="GIT_DIR is not followed"):
        lay("HEAD~1", repository)


def test_a_project_in_a_folder_of_its_repository(repository: Path, lay: Lay) -> None:
    inner = repository / "inner"
    inner.mkdir()
    (inner / "models.py").write_text("size = 1\n")
    commit(repository, "speed = 3\n")
    tree = lay("HEAD", inner)
    assert (tree.project, tree.rootdir) == (repository, inner)
    assert (tree.folder / "inner" / "models.py").read_text() == "size = 1\n"


def test_a_project_that_its_repository_does_not_track_is_refused(
    repository: Path, lay: Lay
) -> None:
    inner = repository / "inner"
    inner.mkdir()
    (inner / "engine.py").write_text(NEW)
    with pytest.raises(RevisionError, match=r"git tracks no file in .*inner"):
        lay("HEAD", inner)


def test_a_sparse_checkout(repository: Path, lay: Lay) -> None:
    (repository / "wide").mkdir()
    (repository / "wide" / "data.txt").write_text("wide")
    (repository / "lib").mkdir()
    (repository / "lib" / "code.py").write_text("code = 1\n")
    commit(repository, "speed = 3\n")
    git(repository, "sparse-checkout", "set", "lib")
    before = bytes_of(repository)
    tree = lay("HEAD", repository)
    assert bytes_of(repository) == before
    assert (tree.folder / "lib" / "code.py").read_text() == "code = 1\n"
    assert lay("HEAD", repository).folder == tree.folder, "it counts as whole"


def test_a_repository_of_somebody_else_is_refused_in_git_s_words(
    repository: Path, lay: Lay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give a file away")
    for path in (repository, *repository.rglob("*")):
        os.chown(path, 12345, 12345)
    with pytest.raises(RevisionError, match=r"dubious ownership(.|\n)*safe\.directory"):
        lay("HEAD~1", repository)
    trusting = tmp_path / "gitconfig"
    trusting.write_text(f"[safe]\n\tdirectory = {repository}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(trusting))
    assert (lay("HEAD~1", repository).folder / "engine.py").read_text() == OLD
    assert (lay("HEAD~1", repository).folder / "engine.py").read_text() == OLD


def test_without_a_git_only_directories_can_be_had(
    repository: Path, lay: Lay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitMissing, match=r"git is not installed or not on PATH.*'main'"):
        lay("main", repository)
    assert lay("./", repository).folder == repository


# Thin clones


def test_a_shallow_clone_says_so_and_fetches_on_request(
    repository: Path, tmp_path: Path, lay: Lay
) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth=1", repository.as_uri(), str(clone))
    before = bytes_of(clone)
    with pytest.raises(RevisionError, match=r"shallow clone with 1 of .*--unshallow.*fetch-depth"):
        lay("HEAD~1", clone)
    assert bytes_of(clone) == before
    assert (lay("HEAD~1", clone, fetch=True).folder / "engine.py").read_text() == OLD
    index = str(clone / ".git" / "index")
    assert bytes_of(clone)[index] == before[index]


@pytest.mark.parametrize("name", ["origin/side", "side", "v1", "commit"])
def test_what_only_the_remote_has_is_fetched_on_request(
    repository: Path, tmp_path: Path, lay: Lay, name: str
) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--depth=1", repository.as_uri(), str(clone))
    git(repository, "checkout", "-q", "-b", "side")
    wanted = commit(repository, "speed = 5\n")
    git(repository, "tag", "v1")
    git(repository, "checkout", "-q", "main")
    text = wanted if name == "commit" else name
    with pytest.raises(RevisionError, match="--ttsperf-fetch"):
        lay(text, clone)
    tree = lay(text, clone, fetch=True)
    assert (tree.revision, (tree.folder / "engine.py").read_text()) == (wanted, "speed = 5\n")
    assert git(clone, "rev-list", "--count", "HEAD") == "1", "no more was fetched than is needed"


def test_what_the_remote_has_not_either_is_an_error(
    repository: Path, tmp_path: Path, lay: Lay
) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", repository.as_uri(), str(clone))
    with pytest.raises(RevisionError, match=r"--ttsperf-fetch could not get.*nowhere"):
        lay("nowhere", clone, fetch=True)
    with pytest.raises(RevisionError, match="no remote to fetch from"):
        lay("nowhere", repository, fetch=True)
    assert not (clone / ".git" / "shallow").exists(), "a whole clone stays whole"


def test_a_partial_clone_fetches_nothing_unless_it_may(
    repository: Path, tmp_path: Path, lay: Lay
) -> None:
    git(repository, "config", "uploadpack.allowFilter", "true")
    git(repository, "config", "uploadpack.allowAnySHA1InWant", "true")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--filter=blob:none", repository.as_uri(), str(clone))
    before = bytes_of(clone)
    with pytest.raises(RevisionError, match=r"--ttsperf-fetch gets what a partial clone lacks"):
        lay("HEAD~1", clone)
    assert (lay("HEAD~1", clone, fetch=True).folder / "engine.py").read_text() == OLD
    assert bytes_of(clone) == before
    git(repository, "config", "uploadpack.allowFilter", "false")
    assert (lay("HEAD~1", clone).folder / "engine.py").read_text() == OLD, "it is there now"


# Submodules


@pytest.fixture
def nested(tmp_path: Path, repository: Path) -> Path:
    """The project with a submodule `vendor`, which has a submodule `deep`: both at old commits."""
    deep = new_repository(tmp_path / "deep")
    vendor = new_repository(tmp_path / "vendor")
    git(vendor, "submodule", "--quiet", "add", deep.as_uri(), "deep")
    commit(vendor, OLD)
    git(repository, "submodule", "--quiet", "add", vendor.as_uri(), "vendor")
    git(repository, "submodule", "--quiet", "update", "--init", "--recursive")
    commit(repository, "speed = 3\n")
    commit(vendor, "speed = 4\n")
    git(repository / "vendor", "pull", "-q", "origin", "main")
    commit(repository, "speed = 4\n")
    return repository


def test_submodules_are_those_of_the_old_version(nested: Path, lay: Lay) -> None:
    before, inside = bytes_of(nested), bytes_of(nested / "vendor")
    tree = lay("HEAD~1", nested)
    assert (tree.folder / "vendor" / "engine.py").read_text() == OLD
    assert (nested / "vendor" / "engine.py").read_text() == "speed = 4\n"
    assert (tree.folder / "vendor" / "deep" / "engine.py").read_text() == NEW
    assert (bytes_of(nested), bytes_of(nested / "vendor")) == (before, inside)
    assert tree.absent == ()
    assert lay("HEAD~1", nested).folder == tree.folder
    (tree.folder / "vendor" / "engine.py").write_text("speed = 99\n")
    again = lay("HEAD~1", nested)
    assert (again.folder / "vendor" / "engine.py").read_text() == OLD, "touched, and made again"


def test_a_submodule_that_has_not_the_commit_is_refused_or_fetched(
    nested: Path, lay: Lay, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", nested.as_uri(), str(clone))
    assert lay("HEAD~1", clone).absent == ("vendor",), "not in use here either"
    git(clone, "submodule", "--quiet", "update", "--init", "--depth=1")
    with pytest.raises(RevisionError, match=r"submodule vendor without its commit(.|\n)*--ttsperf"):
        lay("HEAD~1", clone)
    tree = lay("HEAD~1", clone, fetch=True)
    assert (tree.folder / "vendor" / "engine.py").read_text() == OLD


def test_a_submodule_that_was_removed_since_comes_from_what_is_left_of_it(
    nested: Path, lay: Lay
) -> None:
    git(nested, "rm", "-qr", "vendor")
    commit(nested, "speed = 5\n")
    tree = lay("HEAD~1", nested)
    assert (tree.folder / "vendor" / "engine.py").read_text() == "speed = 4\n"


def test_a_project_that_is_a_submodule(nested: Path, lay: Lay) -> None:
    project = nested / "vendor"
    before, around = bytes_of(project), bytes_of(nested)
    tree = lay("HEAD~1", project)
    assert (tree.project, (tree.folder / "engine.py").read_text()) == (project, OLD)
    assert (bytes_of(project), bytes_of(nested)) == (before, around)


# Large files


def large(repository: Path, content: bytes) -> str:
    """Commit a pointer, as git-lfs would; its file is nowhere."""
    name = hashlib.sha256(content).hexdigest()
    (repository / ".gitattributes").write_text("*.onnx filter=lfs diff=lfs merge=lfs -text\n")
    (repository / "voice.onnx").write_text(
        f"{large_files.FIRST_LINE}\noid sha256:{name}\nsize {len(content)}\n"
    )
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", name)
    return name


def store(repository: Path, name: str, content: bytes) -> None:
    place = repository / ".git" / "lfs" / "objects" / name[:2] / name[2:4]
    place.mkdir(parents=True)
    (place / name).write_bytes(content)


def test_a_large_file_comes_from_the_store_of_the_clone(repository: Path, lay: Lay) -> None:
    name = large(repository, b"old weights")
    store(repository, name, b"old weights")
    git(repository, "config", "filter.lfs.smudge", "no-such-program %f")
    git(repository, "config", "filter.lfs.clean", "no-such-program %f")
    git(repository, "config", "filter.lfs.required", "true")
    tree = lay("HEAD", repository)
    assert (tree.folder / "voice.onnx").read_bytes() == b"old weights"
    assert (tree.absent, tree.notes) == ((), ())
    assert lay("HEAD", repository).folder == tree.folder


def test_a_large_file_that_is_nowhere_is_named_and_filled_in_once_it_is_there(
    repository: Path, lay: Lay
) -> None:
    name = large(repository, b"old weights")
    (repository / "voice.onnx").write_bytes(b"new weights")
    tree = lay("HEAD", repository)
    assert tree.absent == ("voice.onnx",)
    assert "voice.onnx: only a Git LFS pointer" in tree.notes[0]
    store(repository, name, b"old weights")
    again = lay("HEAD", repository)
    assert (again.folder, again.absent) == (tree.folder, ())
    assert (again.folder / "voice.onnx").read_bytes() == b"old weights"


def test_a_large_file_that_has_not_changed_comes_from_the_running_tree(
    repository: Path, lay: Lay
) -> None:
    large(repository, b"weights")
    (repository / "voice.onnx").write_bytes(b"weights")
    tree = lay("HEAD", repository)
    assert (tree.folder / "voice.onnx").read_bytes() == b"weights"


# Copies


@pytest.fixture
def ignored(repository: Path) -> Path:
    """The project with a folder that git ignores, and a file of it that an old version tracked."""
    (repository / "models").mkdir()
    (repository / "models" / "tracked.bin").write_text("old")
    commit(repository, "speed = 3\n")
    git(repository, "rm", "-q", "--cached", "models/tracked.bin")
    (repository / ".gitignore").write_text("models/\n")
    commit(repository, "speed = 4\n")
    (repository / "models" / "tracked.bin").write_text("new")
    (repository / "models" / "deep").mkdir()
    (repository / "models" / "deep" / "voice.bin").write_text("7")
    (repository / "models" / "link.bin").symlink_to("deep/voice.bin")
    return repository


@pytest.mark.parametrize("pattern", ["models", "models/", "models/**/*", "./models/*"])
def test_files_that_git_ignores_are_taken_over(ignored: Path, lay: Lay, pattern: str) -> None:
    before = bytes_of(ignored)
    tree = lay("HEAD~1", ignored, copy=[pattern])
    models = tree.folder / "models"
    assert (models / "deep" / "voice.bin").read_text() == "7"
    assert (models / "link.bin").read_text() == "7"
    assert (models / "tracked.bin").read_text() == "old", "what the version has is not written over"
    assert "copied from the running tree: models/deep/voice.bin" in tree.notes[0]
    assert (
        "not copied, as the old version has a file of that name: models/tracked.bin"
        in (tree.notes[1])
    )
    assert bytes_of(ignored) == before
    assert lay("HEAD~1", ignored, copy=[pattern]).folder == tree.folder


def test_what_is_copied_belongs_to_what_a_tree_is(ignored: Path, lay: Lay) -> None:
    bare = lay("HEAD", ignored)
    with_models = lay("HEAD", ignored, copy=["models"])
    assert not (bare.folder / "models").exists()
    assert with_models.folder != bare.folder
    (ignored / "models" / "deep" / "voice.bin").write_text("another")
    fresh = lay("HEAD", ignored, copy=["models"])
    assert (fresh.folder / "models" / "deep" / "voice.bin").read_text() == "another"
    assert (with_models.folder / "models" / "deep" / "voice.bin").read_text() == "7"
    (fresh.folder / "models" / "deep" / "voice.bin").write_text("touched")
    again = lay("HEAD", ignored, copy=["models"])
    assert (again.folder / "models" / "deep" / "voice.bin").read_text() == "another"


def test_a_repository_of_its_own_among_the_ignored_files_is_taken_over(
    ignored: Path, lay: Lay
) -> None:
    new_repository(ignored / "models" / "cloned")
    tree = lay("HEAD", ignored, copy=["models/cloned"])
    assert (tree.folder / "models" / "cloned" / "engine.py").read_text() == NEW
    assert not (tree.folder / "models" / "cloned" / ".git").exists()


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("nowhere/*", "found nothing in"),
        ("engine.py", "only files that git tracks"),
        ("../*.bin", "outside of the repository"),
    ],
)
def test_a_pattern_that_takes_nothing_over_is_an_error(
    ignored: Path, tmp_path: Path, lay: Lay, pattern: str, words: str
) -> None:
    (tmp_path / "outside.bin").write_text("7")
    with pytest.raises(RevisionError, match=words):
        lay("HEAD", ignored, copy=[pattern])


def test_a_link_of_the_old_tree_does_not_lead_a_copy_out_of_it(
    repository: Path, lay: Lay, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (repository / "models").symlink_to(outside)
    commit(repository, "speed = 3\n")
    (repository / "models").unlink()
    (repository / ".gitignore").write_text("models/\n")
    (repository / "models").mkdir()
    commit(repository, "speed = 4\n")
    (repository / "models" / "voice.bin").write_text("7")
    with pytest.raises(RevisionError, match="outside of the old tree"):
        lay("HEAD~1", repository, copy=["models"])
    assert list(outside.iterdir()) == []


def test_a_directory_gets_no_copies_and_says_so(ignored: Path, lay: Lay, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    tree = lay("../other", ignored, copy=["models"])
    assert "nothing was copied" in tree.notes[0]

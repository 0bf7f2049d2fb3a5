"""Other versions of the code under measurement: a git revision or a directory, laid ready to open.

A revision is checked out as a detached worktree under the user's cache directory, without hooks, so
that neither the user's working tree nor any branch is touched, whenever and however it ends. A tree
counts only once its marker is there: one that was left half made is made again. It stays there for
the next time; of each repository the few newest are kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from pytest_ttsperf import specs
from pytest_ttsperf.errors import RevisionError

KEPT_TREES = 5
LOCK_TIMEOUT_S = 600.0
COMPLETE = ".complete"
EXTRA_FILES = ("requirements*.txt", "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")


class Tree(NamedTuple):
    """Code of another version: `folder` holds what `project` holds in the running one."""

    label: str
    project: Path
    folder: Path
    revision: str | None = None
    """The full commit; None for a directory as it is."""
    differing: tuple[str, ...] = ()
    """What of the declared dependencies differs from the running version's."""
    python: str = sys.executable
    """The interpreter that opens it; another one once it has an environment of its own."""

    @property
    def has_own_environment(self) -> bool:
        """Whether it runs on its own dependencies."""
        return self.python != sys.executable


def lay_ready(
    text: str, rootdir: Path, *, install: str | None = None, cache: Path | None = None
) -> Tree:
    """The tree of a git revision, tag or remote branch, or of a directory.

    `install` are the extras with which the tree gets an environment of its own ("" for none of
    them), None to run it in this one. Raises RevisionError.
    """
    home = cache if cache is not None else user_cache_path("pytest-ttsperf")
    top = _git(rootdir, "rev-parse", "--show-toplevel")
    commit = None
    if top is not None and not text.startswith((".", "/", "~", "-")):
        commit = _git(rootdir, "rev-parse", "--verify", "--quiet", f"{text}^{{commit}}")
    if commit is not None and top is not None:
        folder = _checked_out(Path(top), commit, home)
        label = text if commit.startswith(text) else f"{text} ({commit[:10]})"
        tree = Tree(label, Path(top), folder, commit)
    else:
        folder = Path(text).expanduser()
        folder = (folder if folder.is_absolute() else rootdir / folder).resolve()
        if not folder.is_dir():
            raise RevisionError(_unknown(text, rootdir, is_repository=top is not None))
        tree = Tree(str(text), rootdir.resolve(), folder)
    tree = tree._replace(differing=differing_dependencies(tree.project, tree.folder))
    return tree if install is None else _installed(tree, install, home)


def differing_dependencies(ours: Path, theirs: Path) -> tuple[str, ...]:
    """Requirements that only one of two trees declares, and lock files that are not the same."""
    told = []
    one, other = _requirements(ours), _requirements(theirs)
    told += [f"-{requirement}" for requirement in sorted(other - one)]
    told += [f"+{requirement}" for requirement in sorted(one - other)]
    names = {
        path.name for folder in (ours, theirs) for glob in EXTRA_FILES for path in folder.glob(glob)
    }
    told += [name for name in sorted(names) if _content(ours / name) != _content(theirs / name)]
    return tuple(told)


def _unknown(text: str, rootdir: Path, *, is_repository: bool) -> str:
    where = (
        f"of the repository around {rootdir}" if is_repository else "(this is no git repository)"
    )
    hint = "fetch it first (git fetch), or " if is_repository else ""
    return (
        f"found {text!r}, which is no revision {where} and no directory; {hint}give a revision, a "
        "tag, a remote branch such as origin/main, a directory, or a "
        f"target as {specs.FORMS}"
    )


# Worktrees


def _checked_out(top: Path, commit: str, home: Path) -> Path:
    """The worktree of a commit, made or found. RevisionError when git cannot.

    The marker of a whole tree names its folder, which is a new one each time a tree is made: a git
    that outlives its parent's kill goes on writing into the old one.
    """
    repository = hashlib.sha256(str(top).encode()).hexdigest()[:10]
    trees = home / "trees" / f"{top.name}-{repository}"
    marker = trees / f"{commit[:16]}{COMPLETE}"
    with _locked(trees / ".lock"):
        folder = _marked(marker)
        if folder is None or not _is_untouched(folder, commit):
            marker.unlink(missing_ok=True)
            folder = trees / f"{commit[:16]}-{secrets.token_hex(3)}"
            _require_git(
                top, "-c", "core.hooksPath=/dev/null", "worktree", "add", "--quiet", "--force",
                "--detach", str(folder), commit,
            )  # fmt: skip
            _compile(folder)
            marker.write_text(folder.name)
        marker.touch()
        _prune(top, trees, keep=marker)
    return folder


def _marked(marker: Path) -> Path | None:
    """The folder of a whole tree."""
    content = _content(marker)
    return marker.parent / content.decode() if content else None


def _is_untouched(folder: Path, commit: str) -> bool:
    if not folder.is_dir() or _git(folder, "rev-parse", "HEAD") != commit:
        return False
    return _git(folder, "status", "--porcelain", "--untracked-files=no") == ""


def _compile(folder: Path) -> None:
    """Bytecode beforehand: else the first start of the old version pays for its compiling."""
    subprocess.run(
        [sys.executable, "-m", "compileall", "-q", "-x", r"[\\/]\.git[\\/]", str(folder)],
        check=False,  # a file that does not compile is only told when it is imported
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _prune(top: Path, trees: Path, keep: Path) -> None:
    """Leave the newest trees; none that is not whole."""
    markers = sorted(trees.glob(f"*{COMPLETE}"), key=lambda path: path.stat().st_mtime)
    for marker in markers[:-KEPT_TREES]:
        if marker != keep:
            marker.unlink(missing_ok=True)
    whole = {_marked(marker) for marker in trees.glob(f"*{COMPLETE}")}
    for folder in trees.iterdir():
        if folder.is_dir() and folder not in whole:
            _git(top, "worktree", "remove", "--force", "--force", str(folder))
            shutil.rmtree(folder, ignore_errors=True)
    _git(top, "worktree", "prune")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path, timeout=LOCK_TIMEOUT_S):
            yield
    except Timeout as error:
        raise RevisionError(
            f"another process has held {path} for {LOCK_TIMEOUT_S:g} s; end it and run again"
        ) from error
    except OSError as error:
        raise RevisionError(
            f"{path.parent} cannot be written ({error}); set XDG_CACHE_HOME to a folder that can"
        ) from error


# Environments


def _installed(tree: Tree, extras: str, home: Path) -> Tree:
    """The tree with an environment of its own, made once. RevisionError when pip cannot."""
    wanted = "\n".join([str(tree.folder), extras, sys.version, *sorted(_requirements(tree.folder))])
    folder = home / "environments" / hashlib.sha256(wanted.encode()).hexdigest()[:16]
    python = folder / "bin" / "python"
    with _locked(folder.with_suffix(".lock")):
        marker = folder / COMPLETE
        if not marker.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _require([sys.executable, "-m", "venv", str(folder)], "an environment for it")
            target = f"{tree.folder}[{extras}]" if extras else str(tree.folder)
            _require([str(python), "-m", "pip", "install", "-q", "-e", target], "its dependencies")
            marker.touch()
    return tree._replace(python=str(python))


def _requirements(folder: Path) -> set[str]:
    """What the pyproject.toml of a tree asks for, extras included."""
    content = _content(folder / "pyproject.toml")
    if content is None:
        return set()
    try:
        project = tomllib.loads(content.decode()).get("project", {})
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        return set()
    extras = project.get("optional-dependencies", {})
    lists = [project.get("dependencies", []), *extras.values()]
    return {str(requirement) for listed in lists for requirement in listed}


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


# Commands


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None when it fails or is not there."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _require_git(folder: Path, *arguments: str) -> None:
    _require(["git", "-C", str(folder), *arguments], "a worktree of it")


def _require(command: list[str], what: str) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        told = (done.stderr or done.stdout).strip()[-2000:]
        raise RevisionError(
            f"making {what} failed ({' '.join(command[:6])} ...: exit code {done.returncode}):\n"
            f"{told}\nmend that, or compare with a directory of your own"
        )

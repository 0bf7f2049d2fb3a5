"""A project on a remote, and clones of it as CI systems make them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


class Remote:
    """A bare repository with a branch `main`, and a clone in which it is worked on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = (folder / "remote.git").as_uri()
        self.work = folder / "work"
        git(folder, "init", "-q", "--bare", "-b", "main", "remote.git")
        git(folder, "clone", "-q", self.address, "work")
        git(self.work, "checkout", "-q", "-b", "main")

    def commit(self, name: str, files: dict[str, str] | None = None) -> str:
        """Commit all there is, with these files written first; its full name."""
        contents = files if files is not None else {name: name}
        for path, text in contents.items():
            (self.work / path).parent.mkdir(parents=True, exist_ok=True)
            (self.work / path).write_text(text)
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "--allow-empty", "-m", name)
        return git(self.work, "rev-parse", "HEAD")

    def push(self, *names: str) -> None:
        git(self.work, "push", "-q", "origin", *names)

    def clone_shallow(self, name: str, reference: str) -> Path:
        """One commit of a reference, checked out by itself, as actions/checkout does it."""
        place = self.folder / name
        git(self.folder, "init", "-q", "-b", "none", name)
        git(place, "remote", "add", "origin", self.address)
        git(place, "fetch", "-q", "--no-tags", "--depth=1", "origin", f"+{reference}:refs/ci/it")
        git(place, "checkout", "-q", "--detach", "refs/ci/it")
        return place


def git(folder: Path, *arguments: str) -> str:
    """What git prints."""
    done = subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=e@e", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull},
    )
    return done.stdout.strip()

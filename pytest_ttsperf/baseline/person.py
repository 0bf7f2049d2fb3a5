"""Who accepts a baseline: the user that git knows in this repository, else that of the system."""

from __future__ import annotations

import getpass
from pathlib import Path

from pytest_ttsperf import files, git
from pytest_ttsperf.errors import GitError

GIT_TIMEOUT_S = 10.0


def find_name(folder: Path) -> str | None:
    """`Ann Example <ann@example.org>`, or a login; None where neither is known."""
    return _git_name(folder) or _login()


def _git_name(folder: Path) -> str | None:
    try:
        answer = git.run(
            folder, "config", "--get-regexp", r"^user\.(name|email)$", timeout_s=GIT_TIMEOUT_S
        )
    except GitError:
        return None
    values: dict[str, str] = {}
    for line in answer.output.splitlines():
        key, _, value = line.partition(" ")
        values[key] = value.strip()  # the last one counts, as in git
    name = values.get("user.name", "")
    email = values.get("user.email", "")
    if email:
        email = f"<{email}>"
    return files.well_formed(f"{name} {email}".strip()) or None


def _login() -> str | None:
    try:
        return files.well_formed(getpass.getuser())
    except (ImportError, KeyError, OSError):
        return None

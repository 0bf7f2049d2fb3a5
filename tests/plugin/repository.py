"""A scratch project under git, and what is said of its comparisons."""

from __future__ import annotations

import os
import subprocess
from statistics import median

from tests.plugin.conftest import Project

TEST = """
@trials(5)
def test_x(perf):
    perf.stream("short")
"""


def git(project: Project, *arguments: str) -> str:
    command = ["git", "-c", "user.name=n", "-c", "user.email=e@e", *arguments]
    done = subprocess.run(command, cwd=project.path, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(project: Project, old: str, new: str) -> str:
    engines = project.path / "engines.py"
    assert old in engines.read_text()
    before = engines.stat()
    engines.write_text(engines.read_text().replace(old, new))
    # Compiled code is told apart by the second and the size of its source: within a second, an
    # edit that leaves the size would go unseen.
    os.utime(engines, (before.st_atime + 2, before.st_mtime + 2))
    git(project, "add", "-A")
    git(project, "commit", "-q", "--allow-empty", "-m", new)
    return git(project, "rev-parse", "HEAD")


def changes(project: Project) -> dict[str, str]:
    """Outcome by figure, of the verdicts of a comparison."""
    return {
        verdict["subject"].partition(" against")[0]: verdict["outcome"]
        for cell in project.cells()
        for verdict in cell["verdicts"]
        if verdict["gate"] in ("change", "work")
    }


def slowdown(project: Project) -> float:
    """How many times as long the new version takes to its first sound; medians over texts.

    By the only block of a comparison, for tests of which code is measured: a verdict takes more.
    """
    (cell,) = project.cells()
    (block,) = cell["comparison"]["measured"]["ttfa_sound_ms"]
    arms = block["metric"]
    old_ms = min(median(arms["old"]), median(arms["twin"]))
    return float(median(arms["new"]) / old_ms)


def commit_all(project: Project, message: str) -> None:
    git(project, "add", "-A")
    git(project, "commit", "-q", "--allow-empty", "-m", message)

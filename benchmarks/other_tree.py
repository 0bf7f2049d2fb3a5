"""The same simulation by the package of another checkout, such as that of an older commit."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path


def run_in_tree(tree: Path) -> int:
    """Run this command again, without --tree, where the package is imported from `tree`.

    Gives its exit code. SystemExit for a folder that has no such package.
    """
    if not (tree / "pytest_ttsperf").is_dir():
        raise SystemExit(
            f"found no pytest_ttsperf in {tree}, wanted a checkout of this repository; make one "
            "with git worktree add"
        )
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--tree")
    _, arguments = parser.parse_known_args()
    environment = {**os.environ, "PYTHONPATH": str(tree.resolve())}
    command = [sys.executable, str(Path(sys.argv[0]).resolve()), *arguments]
    return subprocess.run(command, env=environment, check=False).returncode

"""The two versions of a campaign: clones of this repository, slowed where a case says so."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SLOW = Path("benchmarks") / "gate_slow.json"
IDENTITY = ("-c", "user.name=gate", "-c", "user.email=gate@example.org")
START_S = 120.0
"""Longest wait for a server to be ready."""


class Trees:
    """A clone of this repository as it is, in which comparisons are run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        clone(folder)
        self.revision = run(["git", "rev-parse", "HEAD"], folder).strip()

    def second_clone(self) -> Path:
        """Another clone of the same, for a server of its own."""
        folder = self.folder.with_name(f"{self.folder.name}-2")
        if not folder.exists():
            clone(folder)
        return folder

    @contextlib.contextmanager
    def slow_down(self, instruction: Mapping[str, float] | None, *, old: bool) -> Iterator[str]:
        """Put the instruction into the working tree, or into a commit to compare it with.

        Gives the revision to compare with. None puts nothing anywhere.
        """
        path = self.folder / SLOW
        try:
            if instruction is not None:
                path.write_text(json.dumps(instruction), "utf-8")
            if instruction is not None and old:
                run(["git", "add", "-f", str(SLOW)], self.folder)
                run(["git", *IDENTITY, "commit", "-qm", "slow"], self.folder)
                path.unlink()
            yield run(["git", "rev-parse", "HEAD"], self.folder).strip()
        finally:
            run(["git", "reset", "-q", "--hard", self.revision], self.folder)
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def change(self, plant: Callable[[Path], None]) -> Iterator[str]:
        """Change the working tree meanwhile; gives the revision to compare it with."""
        try:
            plant(self.folder)
            yield self.revision
        finally:
            run(["git", "reset", "-q", "--hard", self.revision], self.folder)
            run(["git", "clean", "-fdq"], self.folder)


def clone(folder: Path) -> None:
    """Clone what is checked out here."""
    run(["git", "clone", "-q", "--no-hardlinks", str(ROOT), str(folder)], ROOT)


def run(command: Sequence[str], folder: Path) -> str:
    """What a command prints; CalledProcessError if it fails."""
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, encoding="utf-8")
    return done.stdout


@contextlib.contextmanager
def keep_busy(busy: bool) -> Iterator[None]:
    """With one core of the machine at work on something else."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if busy else None
    try:
        yield
    finally:
        if process is not None:
            process.kill()
            process.wait()


@contextlib.contextmanager
def serve_both(folders: Sequence[Path], voice: str, *options: str) -> Iterator[list[str]]:
    """A fresh server from each of the folders, and their addresses in this order.

    Which is started first is drawn, as the first has the processors to itself for a moment.
    """
    with contextlib.ExitStack() as stack:
        addresses: dict[Path, str] = {}
        for folder in random.sample(folders, len(folders)):
            port = stack.enter_context(serve(folder, voice, *options))
            addresses[folder] = f"http://127.0.0.1:{port}"
        yield [addresses[folder] for folder in folders]


@contextlib.contextmanager
def serve(folder: Path, voice: str, *options: str) -> Iterator[int]:
    """A warm server of the code in a folder, with further options; gives its port."""
    # Behind the current folder, PYTHONPATH would be another place for the same modules.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "engine", "serve", "--port", "0", "--voice", voice]
    command += options
    log = folder.with_name(f"{folder.name}-server.log")
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stderr=output)
    try:
        yield wait_until_ready(process, log)
    finally:
        process.terminate()
        process.wait()


def wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> int:
    """Wait for a server that writes to this log; gives its port. SystemExit if it ends first."""
    end_s = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < end_s:
        text = log.read_text("utf-8")
        port = re.search(r"http://[^:]+:(\d+)", text)
        if port and "ready: " in text:
            return int(port[1])
        time.sleep(0.1)
    raise SystemExit(f"found a server that is not ready, wanted one:\n{log.read_text('utf-8')}")

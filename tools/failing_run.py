"""Measures a run that fails for a reason, and prints where its page is.

    python tools/failing_run.py FOLDER [--budget 240s]

In FOLDER, which must be new or empty, a project is made of three tests of the repository's voice.
The voice as it is is its commit; beside it is a change that is not committed: the vocoder computes
600 ms longer before the first chunk of one text in nineteen. The text of one test is such a text,
and those of the others are not, so one cell fails and two pass. The tests are run with their sound
saved, and compared with that commit. It takes some ten minutes, and nothing is faked: the time is
really spent. tools/screenshots.py shows what comes of it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENGINE = ROOT / "benchmarks" / "gate_target.py"
CHANGE = {"first_ms": 600, "one_in": 19, "by_text": True, "per_audio_s": 0.0}
IDENTITY = ("-c", "user.name=example", "-c", "user.email=example@example.org")
TRIALS = 15
"""Enough for a FAIL that is sure, and for the PASS of a median; that of a 95th percentile takes
59."""
SLOW_TEXT = "Good evening."
FAST_TEXTS = (
    "Your table by the window is ready.",
    "The train to Leeds leaves from platform four.",
)
"""By their checksums: see benchmarks/gate_target.py."""
CONFIGURATION = """\
[pytest]
ttsperf_target = gate_target:Slowed
"""
TESTS = f'''\
"""A voice assistant: it answers at once, and is soon ready; its memory stays as it is."""

from pytest_ttsperf import memory, regression, ttfa

COARSE = regression(ttfa="30%", rtf="30%")


@ttfa(p95_ms=500)
@memory(rss_range_mb=300)
def test_short_reply(perf):
    perf.stream("{SLOW_TEXT}")


@COARSE
@ttfa(p50_ms=8000)
def test_first_reply(perf, cold_engine):
    perf.stream("{FAST_TEXTS[0]}")


@COARSE
@ttfa(p50_ms=8000)
def test_announcement(perf, cold_engine):
    perf.synthesize("{FAST_TEXTS[1]}")
'''
"""Starts are compared by their medians alone, and with coarse margins that is over in minutes; the
95th percentile of a warm cell would take as long again for each that passes."""


def write_project(folder: Path) -> None:
    """The project as it is committed. FileExistsError where something is in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(
            f"found files in {folder}, wanted a new or empty folder; remove them, or name another"
        )
    shutil.copyfile(ENGINE, folder / ENGINE.name)
    (folder / "pytest.ini").write_text(CONFIGURATION, "utf-8")
    (folder / "test_assistant.py").write_text(TESTS, "utf-8")
    (folder / ".gitignore").write_text("artifacts/\n__pycache__/\n.pytest_cache/\n", "utf-8")


def slow_down(folder: Path) -> None:
    """Change the working tree: the engine reads this file, which lies beside it."""
    (folder / "gate_slow.json").write_text(json.dumps(CHANGE), "utf-8")


def commit(folder: Path) -> None:
    """Make what is there the first commit. CalledProcessError where git cannot."""
    for arguments in (
        ("init", "-q"),
        ("add", "--all"),
        (*IDENTITY, "commit", "-qm", "The voice as it was"),
    ):
        subprocess.run(["git", *arguments], cwd=folder, check=True)


def measure(folder: Path, budget: str) -> int:
    """Run its tests, with what pytest prints on standard error; gives pytest's exit code."""
    command = [
        sys.executable, "-m", "pytest", "-m", "perf", "-p", "no:randomly", "--ttsperf-against=HEAD",
        f"--ttsperf-budget={budget}", "--ttsperf-save-audio", f"--ttsperf-trials={TRIALS}",
    ]  # fmt: skip
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(command, cwd=folder, env=environment, stdout=sys.stderr, check=False)
    return done.returncode


def find_page(folder: Path) -> Path:
    """The newest page of a run. FileNotFoundError where there is none."""
    pages = sorted(folder.glob("artifacts/bench/**/*.html"), key=lambda path: path.stat().st_mtime)
    if not pages:
        raise FileNotFoundError(
            f"found no page below {folder / 'artifacts'}, wanted report.html of its run; what "
            "pytest has printed says why"
        )
    return pages[-1]


def main() -> int:
    """Print the path of the page; 1 if the run did not fail as it should."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--budget", default="240s", help="of each test's comparison (240s)")
    options = parser.parse_args()
    folder = options.folder.resolve()
    write_project(folder)
    commit(folder)
    slow_down(folder)
    code = measure(folder, options.budget)
    print(find_page(folder))
    if code != 1:
        print(f"pytest ended with {code}, wanted 1: a test that fails", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The run behind docs/worked-example.md: what is measured, and where it is stored.

Two tests, warm and cold, measure a server of this repository over HTTP that opens its voice at the
first request (benchmarks/unwarmed_server.py). Nothing is faked. The run's artifact, with every raw
trial, is stored compressed beside this file, so that the page can be written again, by newer rules
too, without measuring.
"""

from __future__ import annotations

import lzma
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from pytest_ttsperf.metrics import validity
from pytest_ttsperf.records import Run
from pytest_ttsperf.report.rows import cell_label

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = ROOT / "benchmarks"
STORED = Path(__file__).with_name("worked_example_run.json.xz")
VOICE = "heart"
"""Quick enough for a slope of memory. `jf_alpha` is of Kokoro, as the first page's was: it takes
ten minutes, on a quiet machine."""
PROVIDER = "cpu"
COMMAND = "python tools/worked_example.py --measure"
CONFIGURATION = """\
[pytest]
ttsperf_target = unwarmed_target:UnwarmedServer
"""
TESTS = """\
from pytest_ttsperf import cadence, memory, rtf, trials, ttfa


@ttfa(p95_ms=500)
@rtf(p95=0.6)
@memory(rss_range_mb=300)
@cadence(streamed=True, underruns=0, prebuffer_ms=100)
@trials(400)  # a p95 takes 59; the slope of memory is surer by more, in one process
def test_short_reply(perf):
    perf.stream("short", processes=1)


@ttfa(p95_ms=500)
def test_first_reply(perf, cold_engine):
    perf.stream("short")
"""
PHASES = ("cold", "warm")
ENDED_WELL = (0, 1)
"""Exit codes of pytest: the tests passed, or some failed."""


def measure(folder: Path, voice: str = VOICE, stored: Path = STORED) -> Run:
    """Measure in an empty folder, and store the run; a minute, or two on a slow machine.

    What pytest prints goes to standard error. ValueError for a run that no page can be made of,
    which is not stored; RuntimeError or CalledProcessError where nothing could be measured.
    """
    write_project(folder)
    make_graphs(folder, voice)
    run_tests(folder, voice)
    body = find_artifact(folder).read_bytes()
    run = msgspec.json.decode(body, type=Run)
    refuse_unfit(run)
    stored.write_bytes(lzma.compress(body))
    return run


def write_project(folder: Path) -> None:
    """The tests and their configuration."""
    (folder / "pytest.ini").write_text(CONFIGURATION, "utf-8")
    (folder / "test_page.py").write_text(TESTS, "utf-8")


def make_graphs(folder: Path, voice: str) -> None:
    """Speak once: what an engine stores at its very first start is no part of any other."""
    command = [
        sys.executable, "-m", "engine", "say", "Ready.", "--voice", voice,
        "--provider", PROVIDER, "-o", str(folder / "ready.wav"),
    ]  # fmt: skip
    subprocess.run(command, cwd=ROOT, check=True)


def run_tests(folder: Path, voice: str) -> None:
    """Run the tests. RuntimeError where pytest ends otherwise than with their verdicts."""
    command = [
        sys.executable, "-m", "pytest", "-m", "perf", "-p", "no:randomly",
        f"--ttsperf-provider={PROVIDER}", f"--ttsperf-voice={voice}",
    ]  # fmt: skip
    paths = [str(ROOT), str(BENCHMARKS), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(command, cwd=folder, env=environment, stdout=sys.stderr, check=False)
    if done.returncode not in ENDED_WELL:
        raise RuntimeError(
            f"found that pytest ended with {done.returncode}, wanted 0 or 1; what it has printed "
            "says why"
        )


def find_artifact(folder: Path) -> Path:
    """The file of the run. FileNotFoundError where there is none."""
    paths = sorted(folder.glob("artifacts/bench/*/run_*.json"))
    if not paths:
        raise FileNotFoundError(
            f"found no run below {folder / 'artifacts'}, wanted one; what pytest has printed says "
            "why"
        )
    return paths[-1]


def refuse_unfit(run: Run) -> None:
    """ValueError for a run that no page can be made of: cells are missing, or not to be believed.

    One in which limits are broken is fit.
    """
    objections = list(find_objections(run))
    if objections:
        raise ValueError(
            f"found {'; '.join(objections)}; wanted a run with a cold and a whole warm cell that "
            "are to be believed: look into what pytest has printed, and repeat it when the machine "
            f"is quiet ({COMMAND})"
        )


def find_objections(run: Run) -> Iterator[str]:
    """What speaks against a run."""
    if not run.finished:
        yield "a run that is not finished"
    phases = tuple(sorted(result.cell.phase for result in run.cells))
    if phases != PHASES:
        yield f"cells {', '.join(phases) or 'none'}"
    for result in run.cells:
        is_short = result.cell.phase == "warm" and len(result.counted) < result.declared_trials
        if is_short:
            yield f"{len(result.counted)} of {result.declared_trials} warm trials"
        for note in result.notes:
            # A provider that was requested, and of which nobody knows whether it ran.
            if note.invalid or note.guard == validity.PROVIDER:
                yield f"{cell_label(result.cell)}: {note.guard}: {note.text}"


def read_stored(stored: Path = STORED) -> Run:
    """The run that was measured last. FileNotFoundError where none was."""
    if not stored.exists():
        raise FileNotFoundError(
            f"found no {stored.name} in {stored.parent}, wanted the run that the page is about; "
            f"measure it: {COMMAND}"
        )
    return msgspec.json.decode(lzma.decompress(stored.read_bytes()), type=Run)

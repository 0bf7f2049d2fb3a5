"""The run itself: pytest in a process of its own, and what is written about it afterwards.

Below the folder of a run lie `run.json` (the run's artifact), `summary.md`, `junit.xml` and
`artifacts/`. On GitHub the summary is added to that of the job, and the outputs of the step say
what the run came to.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Literal, NamedTuple

from pytest_ttsperf import files, secrets
from pytest_ttsperf.ci.base import Base
from pytest_ttsperf.ci.conclusion import FAILED_TESTS, Conclusion, conclude
from pytest_ttsperf.errors import ArtifactUnreadable, FileUnreadable
from pytest_ttsperf.records import Outcome, Run
from pytest_ttsperf.report import markdown

MOST_SUMMARY_BYTES = 60_000
"""So that it also fits into a comment."""
NO_COMPARISON = "none"
DEFAULT_ARGUMENTS = ("-m", "perf")
BAD = (Outcome.INVALID, Outcome.FAIL)
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
Baselines = Literal["saved", "compared", "none"]
BASELINE_OPTIONS: Mapping[Baselines, Sequence[str]] = {
    "saved": ("--ttsperf-save",),
    "compared": ("--ttsperf-compare",),
    "none": (),
}


class RunSettings(NamedTuple):
    """How a change is measured."""

    folder: Path
    """Where everything is written."""
    against: str | None = None
    """What `--ttsperf-against` gets; None for no comparison."""
    base: Base | None = None
    """Where that was found."""
    baselines: Path | None = None
    """Where stored baselines are; None where there are none."""
    saves_baselines: bool = False
    """Whether this run is stored as one, instead of being compared with them."""
    budget: str | None = None
    inconclusive: str | None = None
    arguments: tuple[str, ...] = ()
    """Of pytest, in the place of `-m perf`."""

    @property
    def other(self) -> str | None:
        """What the change is compared with, as people call it; a target without its secrets."""
        if self.base is not None:
            return self.base.label
        return None if self.against is None else secrets.mask(self.against)

    @property
    def run_file(self) -> Path:
        return self.folder / "run.json"

    @property
    def summary_file(self) -> Path:
        return self.folder / "summary.md"


class Report(NamedTuple):
    """What a run came to."""

    code: int
    """pytest's exit code."""
    conclusion: Conclusion
    summary: str
    """Markdown."""
    baselines: Baselines


def plan_command(settings: RunSettings) -> list[str]:
    """pytest with all options of the run; those of its user come last, and win."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        f"--ttsperf-json={settings.run_file}",
        f"--ttsperf-artifacts={settings.folder / 'artifacts'}",
        f"--junitxml={settings.folder / 'junit.xml'}",
    ]
    if settings.against is not None:
        command += [f"--ttsperf-against={settings.against}", "--ttsperf-fetch"]
    if settings.budget is not None:
        command.append(f"--ttsperf-budget={settings.budget}")
    if settings.inconclusive is not None:
        command.append(f"--ttsperf-inconclusive={settings.inconclusive}")
    if settings.baselines is not None:
        command.append(f"--ttsperf-storage={settings.baselines}")
        command += BASELINE_OPTIONS[choose_baselines(settings)]
    return [*command, *(settings.arguments or DEFAULT_ARGUMENTS)]


def choose_baselines(settings: RunSettings) -> Baselines:
    """What is done with stored baselines: what is merged is stored, the rest compared with it."""
    if settings.baselines is None:
        return "none"
    if settings.saves_baselines:
        return "saved"
    return "compared" if _has_baselines(settings.baselines) else "none"


def _has_baselines(folder: Path) -> bool:
    return any(folder.glob("*/*.json"))


def measure(settings: RunSettings) -> Report:
    """Run pytest, and write the summary of what it left. OSError where nothing can be written."""
    settings.folder.mkdir(parents=True, exist_ok=True)
    for old in (settings.run_file, settings.summary_file):
        old.unlink(missing_ok=True)
    baselines = choose_baselines(settings)
    code = _run_to_end(plan_command(settings))
    if settings.baselines is None or not _has_baselines(settings.baselines):
        baselines = "none"  # a run that is not to be trusted is not stored
    report = describe(settings, code, baselines)
    files.write_file(settings.summary_file, report.summary.encode())
    return report


def describe(settings: RunSettings, code: int, baselines: Baselines) -> Report:
    """What a run came to that ended with this code."""
    run, loss = read_run(settings.run_file)
    conclusion = conclude(run, code, settings.other)
    lines = [loss] if loss else []
    if settings.base is not None:
        lines += settings.base.notes
    summary = markdown.summary(
        f"ttsperf: {conclusion.sentence}", run, lines, most_bytes=MOST_SUMMARY_BYTES
    )
    return Report(code, conclusion, summary, baselines)


def summarise(path: Path) -> str:
    """Markdown of any run's artifact. ArtifactUnreadable where that cannot be read."""
    run, loss = read_run(path)
    if run is None:
        raise ArtifactUnreadable(f"{path}: {loss}")
    code = FAILED_TESTS if any(result.outcome in BAD for result in run.cells) else 0
    conclusion = conclude(run, code, _find_other(run))
    return markdown.summary(f"ttsperf: {conclusion.sentence}", run, most_bytes=MOST_SUMMARY_BYTES)


def _find_other(run: Run) -> str | None:
    """What the run was compared with, by its own record."""
    for result in run.cells:
        if result.comparison is not None:
            return result.comparison.against
    return None


def read_run(path: Path) -> tuple[Run | None, str | None]:
    """The record of a run, or None and why there is none."""
    try:
        return files.read_json(path, Run), None
    except FileNotFoundError:
        return None, "The run has left no artifact; its log says why."
    except FileUnreadable as error:
        return None, f"The run's artifact cannot be read: {error}"


def publish(report: Report, settings: RunSettings, variables: Mapping[str, str]) -> None:
    """Add the summary to that of the job, and the outputs to those of the step, where asked to."""
    summary_place = variables.get("GITHUB_STEP_SUMMARY")
    if summary_place:
        _append(Path(summary_place), report.summary)
    outputs_place = variables.get("GITHUB_OUTPUT")
    if outputs_place:
        outputs = {
            "outcome": report.conclusion.word,
            "base": settings.base.commit if settings.base is not None else "",
            "baselines": report.baselines,
            "run": str(settings.run_file),
            "summary": str(settings.summary_file),
        }
        lines = [f"{name}={' '.join(value.splitlines())}\n" for name, value in outputs.items()]
        _append(Path(outputs_place), "".join(lines))


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as stream:
        stream.write(text)


def _run_to_end(command: Sequence[str]) -> int:
    """pytest's exit code. A signal to end is handed on, so that pytest ends what it has started."""
    with subprocess.Popen(command) as process, _handing_on(process):
        code = process.wait()
    return code if code >= 0 else 128 - code


@contextlib.contextmanager
def _handing_on(process: subprocess.Popen[bytes]) -> Iterator[None]:
    def hand_on(number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and sys.stdin.isatty():
            return  # a terminal has sent it to pytest as well
        # pytest knows how to end by an interrupt alone.
        process.send_signal(signal.SIGINT)

    earlier = {number: signal.signal(number, hand_on) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)

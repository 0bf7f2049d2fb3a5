"""What is written while tests run: the expected duration, and one progress line.

On a terminal the line is rewritten in place and wiped afterwards; elsewhere (CI, a file) a
measurement that is long, or that no earlier run has a duration for, says once how long it will
take. Nothing is written under -q. No line is wider than the terminal.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ttsperf.plugin import lazy
from pytest_ttsperf.real import REAL

if TYPE_CHECKING:
    from pytest_ttsperf.experiment.plan import Plan, Progress


REWRITE_S = 0.2
LONG_S = 5.0
USUAL_WIDTH = 80
NARROWEST_WIDTH = 40
"""Some terminals say that they have less, or none; pytest takes USUAL_WIDTH then, too."""


class ProgressLine:
    """Writes past pytest's capturing, onto the terminal that the user sees."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._rewritten_at = 0.0
        self._open_line = False
        self.announced: set[str] = set()
        """Tests whose duration was announced before the run began."""
        self._shown: set[tuple[str, str, str]] = set()
        """Of many listeners: test, load and unit of what was written a line for, elsewhere."""

    def line(self, text: str) -> None:
        """One line of its own, unless -q."""
        reporter = self._reporter
        if reporter is None:
            return
        with self.suspend_capture():
            reporter.ensure_newline()
            reporter.write_line(lazy.layout.fold_text(text, width_of(reporter)))

    def end_line(self) -> None:
        """End the line that pytest is writing, for output of ours that goes past it."""
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line("")  # behind the percentage of the last test
            reporter.flush()

    def progress(self, progress: Progress) -> None:
        """Show how far a measurement is."""
        reporter = self._reporter
        if reporter is None:
            return
        if not reporter.isatty:
            if progress.done == 0 and self._is_news(progress):
                self.line(f"  {progress_text(progress)}")
        elif progress.done >= progress.of:
            self._rewrite("")
        else:
            self._rewrite(progress_text(progress))

    def parts_of(self, load: str, unit: str) -> Callable[[Progress], None]:
        """What shows how far a measurement with many listeners is; `load` is their label.

        It counts in `unit`, as windows, and may be called at any time within one.
        """

        def show(progress: Progress) -> None:
            self._show_parts(progress, load, unit)

        return show

    def _show_parts(self, progress: Progress, load: str, unit: str) -> None:
        reporter = self._reporter
        if reporter is None:
            return
        key = (progress.plan.test, load, unit)
        if reporter.isatty:
            is_over = progress.done >= progress.of
            self._rewrite("" if is_over else parts_text(progress, load, unit))
        elif key not in self._shown and progress.remaining_s is not None:
            self._shown.add(key)
            self.line(f"  {parts_text(progress, load, unit)}")

    def _is_news(self, progress: Progress) -> bool:
        """Whether a measurement is long, or its duration was not announced."""
        is_long = (progress.remaining_s or 0.0) >= LONG_S
        return is_long or progress.plan.test not in self.announced

    def text(self, text: str) -> None:
        """Show how far something is that is no measurement of trials; empty when it is over.

        Elsewhere than on a terminal only the summary reports it.
        """
        reporter = self._reporter
        if reporter is not None and reporter.isatty:
            self._rewrite(text)

    def begin_search(self, text: str) -> None:
        """Say elsewhere than on a terminal that something has begun which takes minutes."""
        reporter = self._reporter
        if reporter is not None and not reporter.isatty:
            self.line(f"  {text}")

    def _rewrite(self, text: str) -> None:
        """Put a text in the place of the last, at most some times a second; wipe it if empty."""
        now_s = REAL.monotonic()
        if text and now_s - self._rewritten_at < REWRITE_S:
            return
        self._rewritten_at = now_s
        reporter = self._reporter
        with self.suspend_capture():
            if not self._open_line:
                reporter.ensure_newline()
            width = width_of(reporter) or USUAL_WIDTH
            reporter.rewrite(text[: width - 1], erase=True)
            self._open_line = bool(text)

    @property
    def _reporter(self) -> Any:
        """pytest's terminal reporter; None where there is none (an xdist worker) or under -q."""
        if self._config.get_verbosity() < 0:
            return None
        return self._config.pluginmanager.get_plugin("terminalreporter")

    def suspend_capture(self) -> AbstractContextManager[None]:
        """While it lasts, the standard streams are those that pytest was started with."""
        manager = self._config.pluginmanager.get_plugin("capturemanager")
        if manager is None:
            return nullcontext()
        suspended: AbstractContextManager[None] = manager.global_and_fixture_disabled()
        return suspended


def width_of(reporter: Any) -> int | None:
    """How many characters a line of the output has; None where it goes into a file or a pipe.

    There a note is one line, which can be searched for, unless COLUMNS is set.
    """
    if not reporter.isatty and not os.environ.get("COLUMNS"):
        return None
    columns = shutil.get_terminal_size().columns
    return columns if columns >= NARROWEST_WIDTH else USUAL_WIDTH


def progress_text(progress: Progress) -> str:
    """`short stream warm: 23 of 59 trials, about 4 s left`."""
    plan = progress.plan
    unit = "trials" if plan.phase == "warm" else "starts"
    return f"{_preset(plan)} {plan.mode} {plan.phase}: {_how_far(progress, unit)}"


def parts_text(progress: Progress, load: str, unit: str) -> str:
    """`short stream, 8 listeners: 2 of 6 windows, about 80 s left`."""
    plan = progress.plan
    return f"{_preset(plan)} {plan.mode}, {load}: {_how_far(progress, unit)}"


def _preset(plan: Plan) -> str:
    return plan.text if len(plan.text) <= 20 else f"{plan.text[:17]}..."


def _how_far(progress: Progress, unit: str) -> str:
    count, left = str(progress.of), ""
    if progress.done:
        count, left = f"{progress.done} of {progress.of}", " left"
    text = f"{count} {unit}"
    if progress.remaining_s is not None:
        text += f", about {max(1, round(progress.remaining_s))} s{left}"
    return text

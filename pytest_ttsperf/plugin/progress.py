"""What is written while tests run: the expected duration, and one progress line.

On a terminal the line is rewritten in place and wiped afterwards; elsewhere (CI, a file) a
measurement that is long, or that no earlier run knows, tells once how long it will take. Nothing is
written under -q.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ttsperf.real import REAL

if TYPE_CHECKING:
    from pytest_ttsperf.experiment.plan import Progress


REWRITE_S = 0.2
LONG_S = 5.0


class ProgressLine:
    """Writes past pytest's capturing, onto the terminal that the user sees."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._rewritten_at = 0.0
        self._open_line = False
        self.known: set[str] = set()
        """Tests whose duration was told before the run began."""

    def line(self, text: str) -> None:
        """One line of its own, unless -q."""
        reporter = self._reporter
        if reporter is None:
            return
        with self.uncaptured():
            reporter.ensure_newline()
            reporter.write_line(text)

    def end_line(self) -> None:
        """End the line that pytest is writing, for output of ours that goes past it."""
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line("")  # behind the percentage of the last test
            reporter.flush()

    def progress(self, progress: Progress) -> None:
        """Tell how far a measurement is."""
        reporter = self._reporter
        if reporter is None:
            return
        if not reporter.isatty:
            long = (progress.remaining_s or 0.0) >= LONG_S
            if progress.done == 0 and (long or progress.plan.test not in self.known):
                self.line(f"  {progress_text(progress)}")
            return
        over = progress.done >= progress.of
        self._rewrite("" if over else progress_text(progress))

    def text(self, text: str) -> None:
        """Tell how far something is that is no measurement of trials; empty when it is over.

        Elsewhere than on a terminal it is told by its summary alone.
        """
        reporter = self._reporter
        if reporter is not None and reporter.isatty:
            self._rewrite(text)

    def _rewrite(self, text: str) -> None:
        """Put a text in the place of the last, at most some times a second; wipe it if empty."""
        now, reporter = REAL.monotonic(), self._reporter
        if text and now - self._rewritten_at < REWRITE_S:
            return
        self._rewritten_at = now
        with self.uncaptured():
            if not self._open_line:
                reporter.ensure_newline()
            reporter.rewrite(text, erase=True)
            self._open_line = bool(text)

    @property
    def _reporter(self) -> Any:
        """pytest's terminal reporter; None where there is none (an xdist worker) or under -q."""
        if self._config.get_verbosity() < 0:
            return None
        return self._config.pluginmanager.get_plugin("terminalreporter")

    def uncaptured(self) -> AbstractContextManager[None]:
        """While it lasts, the standard streams are those that pytest was started with."""
        manager = self._config.pluginmanager.get_plugin("capturemanager")
        if manager is None:
            return nullcontext()
        uncaptured: AbstractContextManager[None] = manager.global_and_fixture_disabled()
        return uncaptured


def progress_text(progress: Progress) -> str:
    """`short stream warm  23 of 59 trials, about 4 s left`."""
    plan = progress.plan
    preset = plan.text if len(plan.text) <= 20 else plan.text[:17] + "..."
    text = f"{preset} {plan.mode} {plan.phase}: "
    text += f"{progress.done} of {progress.of}" if progress.done else str(progress.of)
    text += " trials" if plan.phase == "warm" else " starts"
    if progress.remaining_s is not None:
        left = " left" if progress.done else ""
        text += f", about {max(1, round(progress.remaining_s))} s{left}"
    return text

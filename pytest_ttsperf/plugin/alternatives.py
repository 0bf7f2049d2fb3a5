"""The fixture `alternatives`: providers, or settings, side by side, and where that is printed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_ttsperf import files, popen, real
from pytest_ttsperf.errors import TtsperfError
from pytest_ttsperf.plugin import lazy
from pytest_ttsperf.plugin.option_table import PREFIX

if TYPE_CHECKING:
    from pytest_ttsperf.alternatives.candidates import Candidate
    from pytest_ttsperf.experiment.plan import TargetFactory
    from pytest_ttsperf.plugin.options import Options
    from pytest_ttsperf.plugin.run_state import RunState, TestState
    from pytest_ttsperf.records import AlternativeKind, AlternativesReport, Phase

SourceOf = Callable[[str | None], "TargetFactory"]
"""The target of the test on a provider; None for the target's own."""


class Alternatives:
    """Compares ways to run the target of a test.

    What follows, and all figures, stand below the table of the run, and in a file beside its
    artifact. A test fails where nothing can be compared, and not for what is found.
    """

    def __init__(self, source_of: SourceOf, state: TestState, run: RunState) -> None:
        self._source_of = source_of
        self._state = state
        self._run = run

    @property
    def _options(self) -> Options:
        return self._run.options

    def providers(self, text: str = "short") -> AlternativesReport:
        """Each execution provider against the first, warm and by cold starts, speaking a preset.

        Those of --ttsperf-provider, or all that this environment has and those that
        --ttsperf-python names an interpreter for.
        """
        __tracebackhide__ = True
        return self._compare("provider", text, self._find_providers)

    def settings(
        self,
        text: str = "short",
        settings: Sequence[str] = (),
        *,
        phase: Phase | None = None,
    ) -> AlternativesReport:
        """Each setting by itself against the target as it is, speaking a preset.

        Warm, if the target is ever warm, or by cold starts: `phase="cold"`.

        A setting is a keyword option, `threads=2`; those of --ttsperf-setting stand in the place
        of these, and without any the usual ones of onnxruntime are tried.
        """
        __tracebackhide__ = True
        return self._compare("setting", text, lambda: self._find_settings(settings), phase)

    def _find_providers(self) -> list[Candidate]:
        options = self._options
        requested = options.providers if options.provider_requested else ()
        found: list[Candidate] = lazy.alternative_providers.choose_candidates(
            self._source_of(None),
            [name for name in requested if name is not None],
            options.pythons,
            lazy.alternative_providers.ask_runtime,
        )
        return found

    def _find_settings(self, of_test: Sequence[str]) -> list[Candidate]:
        source = self._source_of(self._options.providers[0])
        lazy.candidates.refuse_unfit(source)
        lines = self._options.settings or tuple(of_test)
        if lines:
            origin = f"{PREFIX}setting" if self._options.settings else "alternatives.settings"
            chosen = lazy.alternative_settings.settings_of(lines, origin)
        else:
            # Opened once more, so that threads can be tried in each of its stages.
            probed = lazy.candidates.probe(lazy.candidates.Candidate("default", source))
            chosen = lazy.alternative_settings.usual_settings(probed.placement)
        found: list[Candidate] = lazy.alternative_settings.choose_candidates(source, chosen)
        return found

    def _compare(
        self,
        kind: AlternativeKind,
        text: str,
        find: Callable[[], list[Candidate]],
        phase: Phase | None = None,
    ) -> AlternativesReport:
        __tracebackhide__ = True
        if self._options.disabled:
            pytest.skip("nothing is compared where nothing is measured (--ttsperf-disable)")
        try:
            with popen.restore_popen():
                report = self._measure(kind, text, find(), phase)
        except TtsperfError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        self._state.pages.append(lazy.alternative_report.text(report))
        self._store(report)
        if self._options.inconclusive_fails:
            _fail_where_open(report)
        return report

    def _measure(
        self,
        kind: AlternativeKind,
        text: str,
        candidates: list[Candidate],
        phase: Phase | None,
    ) -> AlternativesReport:
        comparing = lazy.alternative_comparison
        options = self._options
        phases = (phase,) if phase else comparing.usual_phases(kind, candidates[0].source)
        plan = comparing.AlternativesPlan(
            kind=kind,
            text=text,
            budget_s=options.budget_set_s or comparing.default_budget_s(kind),
            phases=phases,
            texts_from=self._run.texts_from,
            margins=tuple({**options.margins_ini, **options.margins}.items()),
        )
        line = self._run.progress_line
        comparing.refuse_endless(plan)
        minutes = comparing.longest_s(plan, len(candidates)) / 60
        names = ", ".join(candidate.name for candidate in candidates[1:])
        line.line(f"  {names} against {candidates[0].name}: at most about {minutes:.3g} min")
        report: AlternativesReport = comparing.compare_alternatives(candidates, plan, line.text)
        return report

    def _store(self, report: AlternativesReport) -> None:
        """Write all raw numbers beside the artifacts of runs."""
        now = real.now()
        folder: Path = self._options.artifacts / "bench" / f"{now:%Y-%m-%d}"
        path = folder / f"alternatives_{report.kind}_{now:%H%M%S}.json"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            files.write_file(path, files.encode_json(report))
        except OSError as error:
            remark = f"{path} cannot be written: {files.reason_of(error)}"
        else:
            remark = f"all numbers of the comparison are in {path}"
        self._state.remarks.append(remark)


def _fail_where_open(report: AlternativesReport) -> None:
    """Fail a test that was to compare something and could not (--ttsperf-inconclusive=fail)."""
    lines = [
        f"{pair.alternative}, {pair.phase}: {pair.reason}"
        for pair in report.comparisons
        if pair.reason is not None
    ]
    if lines:
        pytest.fail("\n".join(["INCONCLUSIVE: not everything was compared", *lines]), pytrace=False)

"""What the rules look at: one cell, the others of its run, and the machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from pytest_ttsperf.metrics import definitions
from pytest_ttsperf.records import (
    CellResult,
    Environment,
    Outcome,
    Recording,
    StageShare,
    Summary,
    Trial,
    TrustNote,
    Verdict,
)
from pytest_ttsperf.report.rows import count_trials

TIGHT_SHARE = 0.8
"""Of a limit: a figure above it is near enough to ask for the cause."""
BAD = (Outcome.INVALID, Outcome.FAIL)


@dataclass(frozen=True, slots=True)
class CellEvidence:
    """A cell with all that its run has measured; `others` are the other cells of the run."""

    result: CellResult
    environment: Environment
    others: tuple[CellResult, ...] = ()

    @property
    def is_cold(self) -> bool:
        """Whether each of its answers begins with a start, which is a part of all its times."""
        return self.result.cell.phase == "cold"

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The counted trials; none where they are in a journal, or where a search left none."""
        return self.result.counted

    @property
    def recordings(self) -> list[Recording]:
        """Those of the counted trials that were answered."""
        return [trial.recording for trial in self.trials if trial.recording is not None]

    @property
    def placement(self) -> Mapping[str, object]:
        """What the target says of where it runs; empty where it says nothing."""
        ready = self.result.ready
        if ready is None or ready.placement is None:
            return {}
        return ready.placement

    def summary(self, metric: str) -> Summary | None:
        """The sample of a metric; None where nothing of it was measured."""
        found = self.result.summary.get(metric)
        if found is None or found.p50 is None:
            return None
        return found

    def values(self, metric: str) -> list[float | None]:
        """A metric of each counted trial, in their order, by the player of the test."""
        if not self.trials:
            return []
        sample = definitions.sample(metric, self.trials, self.result.prebuffer_ms)
        return list(sample.values)

    def measured(self, metric: str) -> list[float]:
        """The same without the trials in which it could not be measured."""
        return [value for value in self.values(metric) if value is not None]

    def middle(self, metric: str) -> float | None:
        """The median of a metric; None where it was not measured."""
        found = self.summary(metric)
        return None if found is None else found.p50

    def verdicts_of(self, *markers: str) -> Iterator[Verdict]:
        """Those about fixed limits of these marks."""
        for verdict in self.result.verdicts:
            threshold = verdict.threshold
            if verdict.gate == "limit" and threshold is not None and threshold.marker in markers:
                yield verdict

    def is_tight(self, *markers: str, metric: str | None = None) -> bool:
        """Whether a limit of these marks is broken, or nearly reached; with `metric`, one on that.

        A run of too few trials proves nothing, and is no sign of a slow target by itself.
        """
        for verdict in self.verdicts_of(*markers):
            is_meant = metric is None or verdict.metric == metric
            if is_meant and _is_tight(verdict):
                return True
        return False

    def is_worse(self, *metrics: str) -> bool:
        """Whether a comparison or the stored baselines found one of these metrics worse."""
        for verdict in self.result.verdicts:
            is_about_change = verdict.gate in ("change", "baseline")
            if is_about_change and verdict.outcome is Outcome.FAIL and verdict.metric in metrics:
                return True
        return False

    def is_slow_to_start(self) -> bool:
        """Whether the first sound is late, by a limit or by a comparison."""
        metrics = ("ttfa_ms", "ttfa_sound_ms", "ttfs_ms", "ttfa_sound_p95_ms")
        return self.is_tight("ttfa") or self.is_worse(*metrics, "ttfa_sound_typical_ms")

    def is_slow_to_speak(self) -> bool:
        """Whether the audio as a whole is made too slowly."""
        return self.is_tight("rtf") or self.is_worse("rtf", "rtf_stream")

    def is_troubled(self) -> bool:
        """Whether anything was not passed."""
        outcome = self.result.outcome
        return outcome is not None and outcome is not Outcome.PASS

    def note_of(self, guard: str) -> TrustNote | None:
        """The note of a guard, if it has left one."""
        for note in self.result.notes:
            if note.guard == guard:
                return note
        return None

    def stage(self, name: str, *, whole: bool = False) -> StageShare | None:
        """A stage's share of the time to the first sound, or of the whole answer."""
        breakdown = self.result.breakdown
        for share in breakdown.whole if whole else breakdown.to_first_sound:
            if share.stage == name:
                return share
        return None

    def counterpart(self, *, phase: str) -> CellResult | None:
        """The cell of another phase of the same target, provider, voice, preset and mode.

        Of several tests the one with most trials.
        """
        wanted = _identity(self.result)
        found = [
            other
            for other in self.others
            if other.cell.phase == phase and other.cell.load is None and _identity(other) == wanted
        ]
        return max(found, key=count_trials, default=None)

    def single_listener(self) -> CellResult | None:
        """The cell of the same, to which nobody else listens."""
        if self.result.cell.load is None:
            return None
        return self.counterpart(phase=self.result.cell.phase)

    @property
    def cores(self) -> float:
        """Cores that a target may keep busy: those of this process, or what a quota leaves."""
        machine = self.environment.machine
        if machine.cpu_quota is None:
            return machine.affinity
        return min(machine.affinity, machine.cpu_quota)

    def cores_busy(self) -> float | None:
        """Cores that the target's processes used while they spoke; None where it is not known.

        CPU seconds over the seconds of the answers. Where several listen the answers overlap, and
        it is not computed.
        """
        if self.result.cell.load is not None:
            return None
        cpu_s = elapsed_s = 0.0
        for trial in self.trials:
            if trial.usage is None or trial.recording is None:
                continue
            cpu_s += trial.usage.cpu_s
            elapsed_s += (trial.recording.end_ns - trial.recording.request_ns) / 1e9
        if elapsed_s < SHORTEST_CPU_WINDOW_S:
            return None
        return cpu_s / elapsed_s


SHORTEST_CPU_WINDOW_S = 0.5
"""CPU time is counted in ticks of 10 ms: of less, a share says nothing."""


def _is_tight(verdict: Verdict) -> bool:
    if verdict.outcome in BAD:
        return True
    threshold = verdict.threshold
    if threshold is None or threshold.is_least or verdict.value is None:
        return False
    return threshold.limit > 0 and verdict.value >= TIGHT_SHARE * threshold.limit


def _identity(result: CellResult) -> tuple[str, ...]:
    cell = result.cell
    return cell.target, cell.provider, cell.voice, cell.preset, cell.mode


def first_and_last(values: Sequence[float]) -> tuple[float, float] | None:
    """The medians of the first and the last quarter; None for fewer than eight values."""
    quarter = len(values) // 4
    if quarter < 2:
        return None
    return median(values[:quarter]), median(values[-quarter:])

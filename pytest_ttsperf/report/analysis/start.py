"""Rules about starts: cold ones, and warm ones that were not over yet."""

from __future__ import annotations

from statistics import median

from pytest_ttsperf.metrics.validity import TREND_CHANGE
from pytest_ttsperf.records import CellResult, Outcome, Trial
from pytest_ttsperf.report.analysis.evidence import CellEvidence, first_and_last
from pytest_ttsperf.report.analysis.likely_cause import LikelyCause
from pytest_ttsperf.report.rows import count_trials, number

FALLS = " falls "
"""In the note of a trend that goes down; one that goes up is no warm-up."""
COLD_RATIO = 3.0
"""A first answer that takes so many times as long is another thing than a warm one."""
LARGEST_PHASE = 0.4
"""Of a cold start: a phase that takes so much is where to begin."""
PHASES = {
    "process": "starting the process itself: a smaller interpreter, fewer sitecustomize hooks",
    "import": "imports: import what the first answer does not need later "
    "(python -X importtime names them)",
    "open": "opening the target: of a voice, store the optimised graph, and give the provider a "
    "folder for compiled models, so that nothing is compiled twice; of a server that it starts, "
    "what is loaded before it listens",
    "first run": "the first run: warm up with a real text before the target calls itself ready, "
    "with every shape that it will meet",
}
"""What a start consists of, and what to do about each; `first run` is what follows on `ready`."""
RESTLESS_GUARDS = ("quiet", "background")
"""Guards that have seen a target at work when it should have been idle. Times that go up and down
(`steady`) do so on a busy machine as well."""


def warm_up(evidence: CellEvidence) -> LikelyCause | None:
    """Cold slow and warm fine: what is missing is a warm-up.

    Said of a cold cell that is over its limit, or whose figure would break the limit that the warm
    cell keeps.
    """
    result = evidence.result
    warm = evidence.counterpart(phase="warm") if evidence.is_cold else None
    if warm is None or CellEvidence(warm, evidence.environment).is_slow_to_start():
        return None
    cold_ms, warm_ms = _first_sound_ms(result), _first_sound_ms(warm)
    if cold_ms is None or warm_ms is None or warm_ms <= 0 or cold_ms < COLD_RATIO * warm_ms:
        return None
    if _is_fast_once_ready(result, warm_ms):
        return None
    limit_ms = _limit_that_holds_ms(warm)
    breaks_it = limit_ms is not None and cold_ms > limit_ms
    if not breaks_it and not evidence.is_slow_to_start():
        return None
    facts = [
        f"cold: first sound after {number(cold_ms, 'ms')} (median of {count_trials(result)} "
        "starts)",
        f"warm: after {number(warm_ms, 'ms')} (median of {count_trials(warm)} trials)",
        f"{cold_ms / warm_ms:.3g} times as long",
    ]
    if limit_ms is not None and breaks_it:
        facts.append(
            f"the warm limit of {number(limit_ms, 'ms')} holds, and a cold start breaks it"
        )
    return LikelyCause(
        rule="warm_up",
        cause="warm answers are fast and first ones are not: there is no warm-up before the first "
        "listener",
        evidence=tuple(facts),
        next_step="synthesise a real text of each length before the target reports itself ready, "
        "and start it before anybody waits; what a start consists of stands beside the cold cell",
    )


def _is_fast_once_ready(cold: CellResult, warm_ms: float) -> bool:
    """Whether what follows on `ready` is as fast as warm answers: a warm-up would save nothing.

    What is slow is then the start itself, of which `start_phase` speaks. False where nothing is
    known of its phases.
    """
    first_run_ms = start_phases_ms(cold).get("first run")
    return first_run_ms is not None and first_run_ms < COLD_RATIO * warm_ms


def _first_sound_ms(result: CellResult) -> float | None:
    found = result.summary.get("ttfa_sound_ms")
    return None if found is None else found.p50


def _limit_that_holds_ms(warm: CellResult) -> float | None:
    """The smallest limit on the first sound that the warm cell has passed."""
    limits = []
    for verdict in warm.verdicts:
        threshold = verdict.threshold
        if threshold is not None and threshold.marker == "ttfa" and verdict.outcome is Outcome.PASS:
            limits.append(threshold.limit)
    return min(limits, default=None)


def start_phase(evidence: CellEvidence) -> LikelyCause | None:
    """The phase in which a slow cold start spends most of its time."""
    if not evidence.is_cold or not evidence.is_slow_to_start():
        return None
    phases = start_phases_ms(evidence.result)
    total_ms = sum(phases.values())
    if total_ms <= 0:
        return None
    name = max(phases, key=lambda phase: phases[phase])
    share = phases[name] / total_ms
    if share < LARGEST_PHASE:
        return None
    listed = [f"{phase} {number(ms, 'ms')}" for phase, ms in phases.items()]
    return LikelyCause(
        rule="start_phase",
        cause=f"a cold start spends most of its time in one phase: {name}",
        evidence=(
            f"{name}: {number(phases[name], 'ms')}, {share:.0%} of a start "
            f"(medians of {len(evidence.trials)} starts)",
            f"all phases: {', '.join(listed)}",
        ),
        next_step=f"look at {PHASES[name]}",
    )


def start_phases_ms(result: CellResult) -> dict[str, float]:
    """What a cold start consists of, medians in ms: process, import, open, and the first run.

    The first run is what follows on `ready` up to the first sample. Phases that no trial has are
    left out.
    """
    phases: dict[str, float] = {}
    for name in ("process", "import", "open"):
        values = [trial.phases_ms[name] for trial in result.counted if name in trial.phases_ms]
        if values:
            phases[name] = median(values)
    started = [trial for trial in result.counted if "first_run" in trial.phases_ms]
    if started:
        phases["first run"] = median(_first_run_ms(trial) for trial in started)
    return phases


def _first_run_ms(trial: Trial) -> float:
    """Up to the first sample, after the target was open.

    A program that is started for one text is never `ready`: its first run begins with its process.
    """
    phases = trial.phases_ms
    if "ready" in phases:
        return phases["first_run"]
    before_ms = sum(phases.get(name, 0.0) for name in ("process", "import", "open"))
    return max(0.0, phases["first_run"] - before_ms)


def unsettled(evidence: CellEvidence) -> LikelyCause | None:
    """Figures that still fall over the trials: the warm-up was not over when they began."""
    trend = evidence.note_of("trend")
    if evidence.result.cell.phase != "warm" or trend is None or FALLS not in trend.text:
        return None
    for metric, unit in (("ttfa_sound_ms", "ms"), ("rtf", "")):
        values = evidence.measured(metric)
        quarters = first_and_last(values)
        if quarters is None:
            continue
        first, last = quarters
        if last >= first * (1 - TREND_CHANGE):
            continue
        return LikelyCause(
            rule="unsettled",
            cause="the target became faster while it was measured: it was still warming up",
            evidence=(
                f"{metric}: median {number(first, unit)} in the first quarter of "
                f"{len(values)} trials, {number(last, unit)} in the last",
            ),
            next_step="do more in the target's own warm-up (every stage, every length of text), or "
            "look for work that goes on in the background after it reports itself ready",
        )
    return None


def never_idle(evidence: CellEvidence) -> LikelyCause | None:
    """A target that worked on by itself while a cell that did not pass was measured."""
    if not evidence.is_troubled():
        return None
    notes = [evidence.note_of(guard) for guard in RESTLESS_GUARDS]
    texts = [note.text for note in notes if note is not None]
    if not texts:
        return None
    return LikelyCause(
        rule="never_idle",
        cause="the target was still at work by itself when it was measured: a warm-up that goes on "
        "in the background, or a loop that never rests",
        evidence=(*texts, f"{count_trials(evidence.result)} trials were made so"),
        next_step="report ready only when the warm-up is over, and look for threads that poll",
    )

"""Rules about what changes over a long run: the target, the machine, what is left open."""

from __future__ import annotations

from pytest_ttsperf.records import Drift
from pytest_ttsperf.report.analysis.evidence import CellEvidence
from pytest_ttsperf.report.analysis.likely_cause import LikelyCause
from pytest_ttsperf.report.soak import drift_text

LEAST_DRIFT = 0.05
"""For each 20 minutes; what machines do by themselves is of that size."""
STEADY_DRIFT = 0.01
"""For each 20 minutes: a null target that has surely drifted by more is no witness."""
LEAST_HANDLES = 1


def drift(evidence: CellEvidence) -> LikelyCause | None:
    """A target that surely becomes slower, while the machine stays as it is."""
    soak = evidence.result.soak
    if soak is None:
        return None
    of_machine = _most_of_machine(soak.null_drift)
    grown = [each for each in soak.drifts if each.low - of_machine > LEAST_DRIFT]
    if not grown or is_drifting(soak.null_drift):
        return None
    facts = [f"{each.metric} {drift_text(each)} for each 20 minutes" for each in grown]
    facts.append(f"over {grown[0].minutes:.3g} min, {grown[0].slices} slices in each quarter")
    cause = "the target becomes slower the longer it runs"
    if soak.null_drift is None:
        facts.append("there was no null target, so nothing is known of the machine")
    else:
        facts.append(f"the null target: {drift_text(soak.null_drift)}")
        cause = f"{cause}, and the machine does not"
    return LikelyCause(
        rule="drift",
        cause=cause,
        evidence=tuple(facts),
        next_step="look for what grows with its age: a cache without an end, a list that is "
        "searched, a queue, a log; the slices in the artifact say when it begins",
    )


def _most_of_machine(null_drift: Drift | None) -> float:
    """How much of a drift the machine may account for; 0 where nothing is known of it."""
    if null_drift is None:
        return 0.0
    return max(0.0, null_drift.high)


def machine_drift(evidence: CellEvidence) -> LikelyCause | None:
    """A machine that becomes slower by itself: the null target does as well."""
    soak = evidence.result.soak
    if soak is None or soak.null_drift is None or not is_drifting(soak.null_drift):
        return None
    return LikelyCause(
        rule="machine_drift",
        cause="the machine itself became slower during the soak",
        evidence=(
            f"a null target, which always does the same, drifted by {drift_text(soak.null_drift)} "
            f"for each 20 minutes (over {soak.null_drift.minutes:.3g} min)",
        ),
        next_step="repeat it on a machine that is cool and has nothing else to do; ttsperf doctor "
        "says what disturbs this one",
    )


def is_drifting(found: Drift | None) -> bool:
    """Whether a null target has surely drifted by more than next to nothing."""
    return found is not None and found.low > STEADY_DRIFT


def open_handles(evidence: CellEvidence) -> LikelyCause | None:
    """Descriptors and threads that nobody closes."""
    soak = evidence.result.soak
    if soak is None or soak.handles_growth is None or soak.handles_growth < LEAST_HANDLES:
        return None
    if not evidence.is_tight("soak", metric="handles_growth"):
        return None
    return LikelyCause(
        rule="open_handles",
        cause="descriptors or threads are opened and never closed",
        evidence=(
            f"{soak.handles_growth:+d} from the first quarter of the soak to the last, over "
            f"{soak.requests} requests",
        ),
        next_step="look at what each request opens: a connection, a file, a thread, a task; close "
        "it also where a listener leaves early",
    )

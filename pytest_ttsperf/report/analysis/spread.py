"""Rules about figures that scatter: tails, single processes, other work on the machine."""

from __future__ import annotations

from collections import defaultdict
from statistics import median

from pytest_ttsperf.nouns import plural
from pytest_ttsperf.records import CellResult, Outcome, SystemLoad, Verdict
from pytest_ttsperf.report.analysis.evidence import CellEvidence
from pytest_ttsperf.report.analysis.likely_cause import LikelyCause
from pytest_ttsperf.report.rows import number

COMFORTABLE = 0.7
"""Of a limit: with a median below it, only the slow trials are the matter."""
APART = 1.3
"""A process whose median is so many times that of the others is another kind of process."""
FEWEST_OF_PROCESS = 3
BUSY_CORES = 0.25
STEAL_SHARE = 0.02
STALL_SHARE = 0.01
QUOTA_SHARE = 0.005


def slow_tail(evidence: CellEvidence) -> LikelyCause | None:
    """A percentile over its limit, with a median far below."""
    for verdict in evidence.verdicts_of("ttfa", "rtf", "cadence"):
        if verdict.outcome is not Outcome.FAIL or verdict.statistic not in ("p95", "p99", "max"):
            continue
        threshold = verdict.threshold
        if threshold is None or evidence.result.load is not None:
            continue
        sample = evidence.result.summary.get(threshold.sample_key)
        if sample is None or sample.p50 is None or verdict.value is None:
            continue
        if sample.p50 > COMFORTABLE * threshold.limit:
            continue
        unit = threshold.unit
        facts = [
            f"p50 is {number(sample.p50, unit)}, {verdict.statistic} "
            f"{number(verdict.value, unit)}, limit {number(threshold.limit, unit)}"
        ]
        if verdict.exceeding is not None:
            facts.append(f"{verdict.exceeding} of {verdict.n} trials exceed the limit")
        return LikelyCause(
            rule="slow_tail",
            cause="most trials are well within the limit, and a few are far over it",
            evidence=tuple(facts),
            next_step="compare a slow trial with a median one on their time axes: collection of "
            "garbage, a cache that is filled, another length of text, other work on the machine",
        )
    return None


def one_process(evidence: CellEvidence) -> LikelyCause | None:
    """One of the target's processes is slower than the others."""
    if evidence.is_cold or evidence.result.load is not None:
        return None
    if not (evidence.is_slow_to_start() or evidence.is_slow_to_speak()):
        return None
    for metric, unit in (("ttfa_sound_ms", "ms"), ("rtf", "")):
        medians = _medians_by_process(evidence, metric)
        if len(medians) < 2:
            continue
        slowest = max(medians, key=lambda process: medians[process])
        others = median(value for process, value in medians.items() if process != slowest)
        if others <= 0 or medians[slowest] < APART * others:
            continue
        return LikelyCause(
            rule="one_process",
            cause="one process of the target is slower than the others, on the same code",
            evidence=(
                f"{metric}: median {number(medians[slowest], unit)} in process {slowest}, "
                f"{number(others, unit)} in the other {len(medians) - 1}",
            ),
            next_step="look what differs from start to start: placement of threads, alignment of "
            "memory, a cache that one has found and the other has not; more processes "
            "(--ttsperf-processes) make the figure steadier",
        )
    return None


def _medians_by_process(evidence: CellEvidence, metric: str) -> dict[int, float]:
    """The median of each process that has enough trials."""
    by_process: dict[int, list[float]] = defaultdict(list)
    for trial, value in zip(evidence.trials, evidence.values(metric), strict=True):
        if value is not None:
            by_process[trial.process].append(value)
    return {
        process: median(values)
        for process, values in by_process.items()
        if len(values) >= FEWEST_OF_PROCESS
    }


def busy_machine(evidence: CellEvidence) -> LikelyCause | None:
    """Other work on the machine while the trials of a cell that did not pass were made."""
    load = evidence.result.machine_load
    if load is None or not evidence.is_troubled():
        return None
    facts = list(describe_disturbance(load, evidence.environment.machine.affinity))
    if not facts:
        return None
    return LikelyCause(
        rule="busy_machine",
        cause="the machine did other work while this was measured",
        evidence=tuple(facts),
        next_step="see what runs beside it (ttsperf doctor), and measure again when it is quiet; a "
        "comparison with another version (--ttsperf-against) bears it better, as both sides "
        "suffer alike",
    )


def describe_disturbance(load: SystemLoad, cores: int) -> list[str]:
    """What of a machine's load is worth a word, each with its number."""
    facts = []
    if load.others_cores is not None and load.others_cores >= BUSY_CORES:
        facts.append(f"others kept {load.others_cores:.2g} of {cores} cores busy")
    if load.steal_share is not None and load.steal_share >= STEAL_SHARE:
        facts.append(f"the host took {load.steal_share:.0%} of the CPU time for other guests")
    if load.memory_stall_share is not None and load.memory_stall_share >= STALL_SHARE:
        facts.append(f"some process waited for memory in {load.memory_stall_share:.0%} of the time")
    if load.swapped_mb:
        facts.append(f"{number(load.swapped_mb, 'MB')} were swapped")
    if load.thermal_throttles:
        facts.append(f"cores were slowed down for heat {load.thermal_throttles} times")
    return facts


def cpu_quota(evidence: CellEvidence) -> LikelyCause | None:
    """A container's CPU quota that stops the target for a while."""
    load = evidence.result.machine_load
    if load is None or not load.quota_wait_s or not load.seconds:
        return None
    share = load.quota_wait_s / load.seconds
    if share < QUOTA_SHARE or not evidence.is_troubled():
        return None
    facts = [
        f"the quota held processes back for {load.quota_wait_s:.2g} s of {load.seconds:.3g} s "
        f"({share:.1%})"
    ]
    quota = evidence.environment.machine.cpu_quota
    if quota is not None:
        facts.append(f"the quota is {quota:g} cores, the machine has {_cores(evidence)}")
    return LikelyCause(
        rule="cpu_quota",
        cause="a CPU quota of the container stops the target, tens of milliseconds at a time",
        evidence=tuple(facts),
        next_step="give the container whole cores, or no more threads than its quota has cores",
    )


def _cores(evidence: CellEvidence) -> int:
    return evidence.environment.machine.cores


def too_few_trials(evidence: CellEvidence) -> LikelyCause | None:
    """A limit that neither holds nor is broken, as the sample is too small to say."""
    found = [verdict for verdict in _open_limits(evidence.result) if verdict.trials_needed]
    if not found:
        return None
    most = max(found, key=lambda verdict: verdict.trials_needed or 0)
    unit = "window" if evidence.result.load is not None else "trial"
    option = "--ttsperf-windows" if evidence.result.load is not None else "--ttsperf-trials"
    if evidence.is_cold:
        option = "--ttsperf-cold-trials"
    enough = most.n + (most.trials_needed or 0)
    return LikelyCause(
        rule="too_few_trials",
        cause=f"the sample is too small to say anything of {most.subject}",
        evidence=(
            _exceeding_text(most, unit),
            f"{most.trials_needed} more would prove the limit if none of them exceeds it",
        ),
        next_step=f"run it again with {option}={enough}",
    )


def _exceeding_text(verdict: Verdict, unit: str) -> str:
    """How many were measured, and how many of them exceed the limit where that is counted."""
    measured = plural(verdict.n, unit)
    if verdict.exceeding is None:
        return f"{measured} measured"
    return f"{verdict.exceeding or 'none'} of {measured} over the limit"


def _open_limits(result: CellResult) -> list[Verdict]:
    return [
        verdict
        for verdict in result.verdicts
        if verdict.gate == "limit" and verdict.outcome is Outcome.INCONCLUSIVE
    ]

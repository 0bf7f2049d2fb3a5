"""Rules about the speed of the synthesis as a whole: threads, waiting, and where it runs."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_ttsperf.metrics import validity
from pytest_ttsperf.metrics.stages import UNEXPLAINED
from pytest_ttsperf.report.analysis.evidence import CellEvidence
from pytest_ttsperf.report.analysis.likely_cause import LikelyCause
from pytest_ttsperf.report.rows import number

ONE_CORE = 1.25
"""Cores: a target that keeps no more busy runs on one thread."""
BUSY_CORE = 0.7
WAITING_CORES = 0.5
"""Cores: a target that keeps fewer busy while it is late waits for something else."""
CPU_NAMES = ("cpu", "cpuexecutionprovider", "default", "")
PROVIDER_SHARE = 0.9
MANY_PARTITIONS = 10
"""For each session: each piece copies data to the provider and back."""
MOST_OPERATORS = 4


def one_core(evidence: CellEvidence) -> LikelyCause | None:
    """RTF near its limit while all but one core are idle."""
    if evidence.is_cold or not evidence.is_slow_to_speak():
        return None
    busy = evidence.cores_busy()
    cores = evidence.cores
    if busy is None or cores < 2 or not BUSY_CORE <= busy <= ONE_CORE:
        return None
    facts = [
        *_rtf_facts(evidence),
        f"{busy:.2f} of {cores:g} cores were busy while it spoke ({len(evidence.trials)} trials)",
    ]
    threads = evidence.placement.get("threads")
    if threads is not None:
        facts.append(f"threads: {threads}, by the target's own account")
    return LikelyCause(
        rule="one_core",
        cause="the synthesis runs on one core",
        evidence=tuple(facts),
        next_step="try more threads: ttsperf run TARGET --suite settings -- "
        "--ttsperf-setting=threads=2 compares them in turns; more threads may delay the first "
        "chunk, so look at both figures",
    )


def waiting(evidence: CellEvidence) -> LikelyCause | None:
    """RTF near its limit while the processor has little to do: the target waits for something."""
    if evidence.is_cold or not evidence.is_slow_to_speak():
        return None
    busy = evidence.cores_busy()
    if busy is None or busy >= WAITING_CORES:
        return None
    facts = [
        *_rtf_facts(evidence),
        f"{busy:.2f} cores were busy while it spoke ({len(evidence.trials)} trials)",
    ]
    rest = evidence.stage(UNEXPLAINED, whole=True)
    if rest is not None and rest.share >= WAITING_CORES:
        facts.append(f"{rest.share:.0%} of the time lies in no stage")
    return LikelyCause(
        rule="waiting",
        cause="the target is slow and its processor is idle: it waits for something",
        evidence=tuple(facts),
        next_step="look for what it waits for: a lock, a sleep, a device, a disk, another service",
    )


def _rtf_facts(evidence: CellEvidence) -> list[str]:
    """The RTF that is tight, beside its limit."""
    facts = []
    for verdict in evidence.verdicts_of("rtf"):
        if verdict.value is not None and verdict.limit is not None:
            facts.append(
                f"{verdict.subject} is {number(verdict.value)}, limit {number(verdict.limit)}"
            )
    if not facts:
        rtf = evidence.middle("rtf")
        if rtf is not None:
            facts.append(f"rtf p50 is {number(rtf)}")
    return facts


def slower_than_playback(evidence: CellEvidence) -> LikelyCause | None:
    """A second of audio takes more than a second: no buffer helps in the long run.

    The RTF of a cold cell has its start in it, and so says nothing of the next text.
    """
    rtf = evidence.summary("rtf")
    if evidence.is_cold or rtf is None or rtf.p50 is None or rtf.p50 <= 1:
        return None
    load = evidence.result.cell.load
    among = "" if load is None else f" with {load}"
    return LikelyCause(
        rule="slower_than_playback",
        cause=f"the engine is slower than playback{among}: it must fall silent in any text that is "
        "long enough",
        evidence=(f"rtf p50 is {number(rtf.p50)} ({rtf.n} trials); playback has 1",),
        next_step="fewer or faster steps per second of audio: more threads, a smaller or quantised "
        "model, another provider; a prebuffer only moves the first stall",
    )


def few_nodes(evidence: CellEvidence) -> LikelyCause | None:
    """A provider that runs only a part of the graph, or runs it in many pieces."""
    provider = evidence.result.cell.provider
    if provider.lower() in CPU_NAMES:
        return None
    placement = evidence.placement
    on_provider = validity.count_nodes(provider, placement)
    total = count_all_nodes(placement)
    if on_provider is None or not total:
        return None
    share = on_provider / total
    partitions = count_of(placement, "partitions")
    sessions = count_of(placement, "sessions") or 1
    is_scattered = partitions is not None and partitions > MANY_PARTITIONS * sessions
    if share >= PROVIDER_SHARE and not is_scattered:
        return None
    facts = [f"{on_provider} of {total} nodes run on {provider} ({share:.0%})"]
    if partitions is not None:
        facts.append(f"in {partitions} partitions: at each border data goes to the CPU and back")
    operators = list_cpu_operators(placement)
    if operators:
        named = [f"{name} {count}" for name, count in operators[:MOST_OPERATORS]]
        facts.append(f"left to the CPU: {', '.join(named)}")
    return LikelyCause(
        rule="few_nodes",
        cause=f"only a part of the model runs on {provider}",
        evidence=tuple(facts),
        next_step=_provider_advice(operators),
    )


def _provider_advice(operators: list[tuple[str, int]]) -> str:
    named = "the operators that it leaves to the CPU"
    if operators:
        named = operators[0][0]
    return (
        f"look why the provider does not take {named}: dynamic shapes are the usual cause, so try "
        "fixed ones (shapes='buckets' of this repository's engine); replace operators that it "
        "does not know; and compare with the CPU alone (ttsperf run TARGET --suite provider)"
    )


def count_all_nodes(placement: Mapping[str, object]) -> int | None:
    """Nodes of all providers; None where the target does not say."""
    nodes = placement.get("nodes")
    if not isinstance(nodes, Mapping) or not nodes:
        return None
    return sum(count for count in nodes.values() if isinstance(count, int))


def count_of(placement: Mapping[str, object], name: str) -> int | None:
    """A count of a placement; None where it has none."""
    value = placement.get(name)
    return value if isinstance(value, int) else None


def list_cpu_operators(placement: Mapping[str, object]) -> list[tuple[str, int]]:
    """Operators that the provider leaves to the CPU and how many, the most frequent first."""
    counts = placement.get("cpu_operators")
    if not isinstance(counts, Mapping):
        return []
    counted = [(str(name), count) for name, count in counts.items() if isinstance(count, int)]
    return sorted(counted, key=lambda entry: (-entry[1], entry[0]))

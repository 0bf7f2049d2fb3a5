"""Reasons not to believe a measurement: each guard catches one trap that once gave a false number.

A guard is a function of the evidence that returns a note or None. `invalid` notes void the cell;
the others are reported beside its verdicts. What a guard needs beyond the recorded trials is
computed by `metrics.definitions`, or is part of the evidence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from statistics import median
from typing import NamedTuple

from pytest_ttsperf.metrics import definitions, sound_guards, stages
from pytest_ttsperf.metrics.evidence import Bands, Evidence, Trend, n_of
from pytest_ttsperf.records import CellResult, Recording, Trial, TrustNote

LATENCIES = ("ttfb_ms", "ttfs_ms", "ttfa_sound_ms")
FLOOR_RTF = 0.001
"""1000 times faster than real time: no synthesis on one machine, only playing back."""
CACHE_RATIO = 0.5
TREND_METRICS = ("ttfa_sound_ms", "rtf")
TREND_P = 0.01
TREND_CHANGE = 0.05
CORES_SLACK = 1.3
PROVIDER = "provider"
"""The guard of what was asked for and ran, or did not."""
CPU_PROVIDER = "CPUExecutionProvider"
LIBRARY = re.compile(r"[/\\]|\.(so(\.\d+)*|dylib|dll)$", re.IGNORECASE)
"""A provider that was asked for by the path of its library."""
MIN_CPU_WINDOW_S = 0.5
"""CPU time is counted in ticks of 10 ms: shorter windows tell nothing."""


def find_notes(
    result: CellResult,
    *,
    asked_provider: str | None = None,
    bands: Bands | None = None,
    bands_bind: bool = True,
    trend: Trend | None = None,
) -> tuple[TrustNote, ...]:
    """All that speaks against believing one cell, in the order of GUARDS.

    The result has its trials and its breakdown; notes that it already carries are not looked at.
    `asked_provider` is the one the target was opened with, None for its default; `bands` are
    credible durations, and `bands_bind` says whether leaving them voids the cell; `trend` is a test
    like `judge.statistics.quantiles.trend`. A guard without what it needs finds nothing.
    """
    evidence = Evidence(
        result=result,
        asked_provider=asked_provider,
        bands=bands,
        bands_bind=bands_bind,
        trend=trend,
    )
    found = (guard(evidence) for guard in GUARDS)
    return tuple(note for note in found if note is not None)


def check_failures(evidence: Evidence) -> TrustNote | None:
    """Every text can be spoken: a target that raises or dies over one is broken."""
    errors = [trial.error for trial in evidence.counted if trial.error is not None]
    if not errors:
        return None
    return TrustNote(
        guard="failed",
        text=f"{n_of(len(errors), evidence.counted)} failed, the first so: {errors[0].strip()}",
        invalid=True,
    )


def check_latency(evidence: Evidence) -> TrustNote | None:
    """Sound cannot be there before it was requested, nor at that very instant."""
    for metric in LATENCIES:
        wrong = [value for value in evidence.measured(metric) if value <= 0]
        if wrong:
            return TrustNote(
                guard="latency",
                text=f"{metric} is {min(wrong):g} in {n_of(len(wrong), evidence.counted)}: audio "
                "that is there before or as it is requested was not made for the request, or two "
                "clocks were mixed",
                invalid=True,
            )
    return None


def check_tracers(evidence: Evidence) -> TrustNote | None:
    """No debugger or profiler slows the target down, by more in some places than in others.

    This holds for an inline target, too: its figures would be those of a debugger.
    """
    ready = evidence.result.ready
    if ready is None or not ready.tracers:
        return None
    return TrustNote(
        guard="traced",
        text=f"the target was traced by {', '.join(ready.tracers)}: the figures are the tracer's "
        "as much as the engine's. Run without it, or with --ttsperf-disable, which measures "
        "nothing",
        invalid=True,
    )


def check_order(evidence: Evidence) -> TrustNote | None:
    """Chunks arrive one after another."""
    wrong = [
        recording
        for recording in evidence.recordings
        if list(recording.arrivals_ns) != sorted(recording.arrivals_ns)
    ]
    if not wrong:
        return None
    return TrustNote(
        guard="clock",
        text=f"chunks arrive before their predecessors in {n_of(len(wrong), evidence.counted)}: "
        "the clock that stamped them is not monotonic",
        invalid=True,
    )


def check_speed(evidence: Evidence) -> TrustNote | None:
    """The target is not faster than anything that synthesises."""
    rtfs = evidence.measured("rtf")
    if not rtfs or median(rtfs) >= FLOOR_RTF:
        return None
    return TrustNote(
        guard="floor",
        text=f"the median rtf of {len(rtfs)} trials is {median(rtfs):.2g}, below the physical "
        f"floor of {FLOOR_RTF:g}: a cache or precomputed audio answered",
        invalid=True,
    )


def check_provider(evidence: Evidence) -> TrustNote | None:
    """The provider asked for is the one that ran, in each process: read back, never assumed."""
    provider = evidence.asked_provider
    if provider is None:
        return None
    objections = [_object_to(provider, placement) for placement in evidence.placements]
    found = [objection for objection in objections if objection is not None]
    if not found:
        return None
    worst = max(found, key=lambda objection: objection.is_invalid)
    return TrustNote(guard=PROVIDER, text=worst.text, invalid=worst.is_invalid)


class _Objection(NamedTuple):
    """What speaks against the provider that one process tells."""

    text: str
    is_invalid: bool


def _object_to(provider: str, placement: Mapping[str, object]) -> _Objection | None:
    count = count_nodes(provider, placement)
    if count is None:
        return _Objection(
            f"unverified: the target does not tell which provider ran, {provider} was asked for",
            is_invalid=False,
        )
    if count:
        return None
    return _Objection(
        f"provider {provider} was asked for and ran 0 nodes ({nodes_text(placement)}): "
        "install its onnxruntime build or ask for the provider that ran",
        is_invalid=True,
    )


def count_nodes(provider: str, placement: Mapping[str, object]) -> int | None:
    """How many nodes run on the provider that was asked for; None where the target does not say."""
    nodes = placement.get("nodes")
    if not isinstance(nodes, Mapping) or not nodes:
        return None
    wanted = _plain(_provider_name(provider, placement.get("provider")))
    counts = [count for name, count in nodes.items() if _plain(name).startswith(wanted)]
    return int(sum(counts))


def nodes_text(placement: Mapping[str, object]) -> str:
    """`505 on CPUExecutionProvider`: which provider runs how many."""
    nodes = placement.get("nodes")
    if not isinstance(nodes, Mapping):
        return "no nodes at all"
    counts = [f"{count} on {name}" for name, count in sorted(nodes.items()) if count]
    return ", ".join(counts) or "no nodes at all"


def _provider_name(provider: str, placed: object) -> str:
    """The name that nodes are counted under: for a library, the one in the target's placement.

    A library cannot be onnxruntime's own CPU provider, whatever the target says.
    """
    if LIBRARY.search(provider) and isinstance(placed, str) and placed != CPU_PROVIDER:
        return placed
    return provider


def check_processes(evidence: Evidence) -> TrustNote | None:
    """The processes that trials were spread over are alike: provider, threads, voice, runtime."""
    fingerprints = sorted({process.fingerprint for process in evidence.result.processes})
    if len(fingerprints) < 2:
        return None
    names = " and ".join(fingerprints)
    return TrustNote(
        guard="processes",
        text=f"the target did not start alike in each of its processes ({names}): the figures are "
        "those of no single provider, number of threads, voice or runtime. Have it open alike, or "
        "measure one process (--ttsperf-processes=1)",
        invalid=True,
    )


def check_load(evidence: Evidence) -> TrustNote | None:
    """A target does not use more cores than the threads in its placement, by stage or for all.

    A cold start is left out: it opens the target as well, by threads that no placement speaks of.
    """
    if evidence.result.cell.phase == "cold":
        return None
    threads = evidence.placement.get("threads")
    if isinstance(threads, Mapping):
        counts = [count for count in threads.values() if isinstance(count, int)]
        threads = max(counts, default=None)
    if not isinstance(threads, int):
        return None
    cores = _cores_busy(evidence.counted)
    if cores is None or cores <= threads * CORES_SLACK:
        return None
    return TrustNote(
        guard="threads",
        text=f"the target says threads={threads} and keeps {cores:.1f} cores busy while it "
        "speaks; a pool of another library may be unpinned (OMP_NUM_THREADS), so figures depend on "
        "what else runs",
    )


def _cores_busy(trials: Sequence[Trial]) -> float | None:
    """CPU seconds over the seconds of the answers; None where these are too short to say."""
    cpu_s = elapsed_s = 0.0
    for trial in trials:
        if trial.usage and trial.recording:
            cpu_s += trial.usage.cpu_s
            elapsed_s += (trial.recording.end_ns - trial.recording.request_ns) / 1e9
    if elapsed_s < MIN_CPU_WINDOW_S:
        return None
    return cpu_s / elapsed_s


def check_cache(evidence: Evidence) -> TrustNote | None:
    """A text takes as long whether it was spoken before or never, or a cache answers it."""
    rtfs = evidence.measured("rtf")
    if not rtfs:
        return None
    texts = {trial.text for trial in evidence.counted}
    repeated, fresh = _probe_rtfs(evidence, texts)
    is_apart = is_cache(list(zip(repeated, fresh, strict=False)))
    if fresh and is_apart and median(rtfs) < CACHE_RATIO * min(fresh):
        return TrustNote(
            guard="cache",
            text=f"texts that nobody has spoken before take longer than the trials did (rtf "
            f"{median(fresh):.2g} against {median(rtfs):.2g}): a cache answered the trials; "
            "empty it, or measure distinct texts",
            invalid=True,
        )
    if len(texts) > 1 and repeated and median(repeated) < CACHE_RATIO * median(rtfs):
        return TrustNote(
            guard="cache",
            text=f"a cache serves repeated texts (rtf {median(repeated):.2g} against "
            f"{median(rtfs):.2g}); the figures are from distinct texts",
        )
    return None


def _probe_rtfs(evidence: Evidence, texts: Collection[str]) -> tuple[list[float], list[float]]:
    """RTFs of the probes that repeat one of these texts, and of those of a fresh text."""
    repeated: list[float] = []
    fresh: list[float] = []
    probes = [trial for trial in evidence.result.trials if trial.kind == "probe"]
    for trial, rtf in zip(probes, evidence.values("rtf", "probe"), strict=True):
        if rtf is None:
            continue
        if trial.text in texts:
            repeated.append(rtf)
        else:
            fresh.append(rtf)
    return repeated, fresh


def is_cache(probes: Sequence[tuple[float, float]]) -> bool:
    """By the RTFs of a text spoken before and, in turn, of one never spoken.

    A moment of noise slows neighbours alike, a cache tells them apart every time.
    """
    return all(repeated < CACHE_RATIO * fresh for repeated, fresh in probes)


def check_trend(evidence: Evidence) -> TrustNote | None:
    """Trials are exchangeable: the last are no slower or faster than the first."""
    if evidence.trend is None:
        return None
    for metric in TREND_METRICS:
        values = evidence.measured(metric)
        found = evidence.trend(values)
        if found is None:
            continue
        p_value, change = found
        if p_value >= TREND_P or abs(change) <= TREND_CHANGE:
            continue
        direction = "rises" if change > 0 else "falls"
        return TrustNote(
            guard="trend",
            text=f"{metric} {direction} over the trials: {change:+.0%} from the first quarter to "
            f"the last, of {len(values)} trials (chance alone: p = {p_value:.2g}); the target was "
            "still warming up, or heats or leaks",
        )
    return None


def check_clock(evidence: Evidence) -> TrustNote | None:
    """Stages lie within the trial they belong to."""
    with_stages = [recording for recording in evidence.recordings if recording.spans]
    strange = [recording for recording in with_stages if _has_foreign_stages(recording)]
    if not strange:
        return None
    return TrustNote(
        guard="stages",
        text=f"all stages of {n_of(len(strange), with_stages)} lie outside of it: they are of "
        "another trial, or on another clock than time.perf_counter_ns; no stage explains these "
        "figures",
    )


def _has_foreign_stages(recording: Recording) -> bool:
    """Whether no stage overlaps the trial."""
    return all(
        span.end_ns < recording.request_ns or span.start_ns > recording.end_ns
        for span in recording.spans
    )


def check_stages(evidence: Evidence) -> TrustNote | None:
    """The stages of a target add up to the time to the first sound."""
    if stages.is_explained(evidence.result.breakdown.to_first_sound) is not False:
        return None
    return TrustNote(
        guard="explained",
        text="the stages told explain the time to the first sound by no more than 95 %; a slow "
        "stage may be missing from stages()",
    )


def check_streaming(evidence: Evidence) -> TrustNote | None:
    """Chunks leave while later ones are still being made.

    One trial may look sliced because its reader was late; that most of them do is no chance.
    """
    if evidence.result.cell.mode != "stream":
        return None
    streamed = [
        definitions.is_streamed(trial.recording, trial.phases_ms.get("ready", 0.0))
        for trial in evidence.counted
        if trial.recording
    ]
    if 2 * streamed.count(False) <= len(streamed):
        return None
    return TrustNote(
        guard="stream",
        text=f"not streamed: in {n_of(streamed.count(False), streamed)} all work was done before "
        "the first chunk arrived; finished audio was cut into chunks",
    )


Guard = Callable[[Evidence], TrustNote | None]
GUARDS: tuple[Guard, ...] = (
    check_failures,
    check_tracers,
    check_latency,
    check_order,
    check_speed,
    sound_guards.check_duration,
    sound_guards.check_pauses,
    sound_guards.check_silence,
    sound_guards.check_padding,
    sound_guards.check_finite,
    sound_guards.check_clipping,
    check_provider,
    check_processes,
    check_load,
    check_cache,
    check_trend,
    check_clock,
    check_stages,
    check_streaming,
    sound_guards.check_burst,
)


def _plain(provider: str) -> str:
    """`NvTensorRTRTXExecutionProvider` and `nv_tensorrt_rtx` begin alike in this form."""
    return "".join(letter for letter in provider.lower() if letter.isalnum())

"""Reasons not to believe a measurement: each guard springs one trap that gave a false number.

A guard is a function of the evidence that returns a note or None. `invalid` notes void the cell;
the others are told beside its verdicts. Guards only look at figures: where one needs a metric it
is handed in, computed by `metrics.definitions`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from pytest_ttsperf.records import Mode, Sample, TargetInfo, Trial, TrustNote

LATENCIES = ("ttfb_ms", "ttfs_ms", "ttfa_sound_ms")
FLOOR_RTF = 0.001
"""1000 times faster than real time: no synthesis on one machine, only playing back."""
OUTSIDE_SHARE = 0.10
SAMPLE_RATES = (8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""In Hz, as engines have them."""
CLIPPED_SHARE = 0.01
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

Trend = Callable[[Sequence[float]], tuple[float, float] | None]
"""Values in their order -> p-value of there being no trend, change from first to last quarter."""
Bands = Callable[[str], tuple[float, float]]
"""Text -> shortest and longest credible speech of it, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the guards may look at."""

    counted: tuple[Trial, ...]
    probes: tuple[Trial, ...]
    samples: Mapping[str, Sample]
    probe_rtf: Sample | None
    streamed: Sequence[bool | None]
    trend: Trend | None
    ready: TargetInfo | None
    asked_provider: str | None
    bands: Bands | None
    bands_bind: bool
    explained: bool | None
    mode: Mode

    def values(self, metric: str) -> tuple[float | None, ...]:
        """A metric of the counted trials, empty when it was not computed."""
        sample = self.samples.get(metric)
        return () if sample is None else sample.values

    def known(self, metric: str) -> list[float]:
        """Its values that were measured."""
        return [value for value in self.values(metric) if value is not None]


def find_notes(
    trials: Sequence[Trial],
    *,
    ready: TargetInfo | None,
    asked_provider: str | None,
    bands: Bands | None,
    mode: Mode,
    samples: Mapping[str, Sample],
    probe_rtf: Sample | None = None,
    streamed: Sequence[bool | None] = (),
    trend: Trend | None = None,
    bands_bind: bool = True,
    explained: bool | None = None,
) -> tuple[TrustNote, ...]:
    """All that speaks against believing the trials of one cell, in the order of GUARDS.

    `samples` are those of the counted trials by metric name, `probe_rtf` is the `rtf` of the
    probes, `streamed` holds `is_streamed` of each counted trial's recording, `trend` is a test
    like `judge.stats.trend`, `bands_bind` says whether leaving a band voids the cell, `explained`
    whether the stages add up to the time to the first sound. What is not given is not guarded.
    """
    evidence = Evidence(
        counted=tuple(trial for trial in trials if trial.kind == "trial"),
        probes=tuple(trial for trial in trials if trial.kind == "probe"),
        samples=samples,
        probe_rtf=probe_rtf,
        streamed=streamed,
        trend=trend,
        ready=ready,
        asked_provider=asked_provider,
        bands=bands,
        bands_bind=bands_bind,
        explained=explained,
        mode=mode,
    )
    found = (guard(evidence) for guard in GUARDS)
    return tuple(note for note in found if note is not None)


def check_failures(evidence: Evidence) -> TrustNote | None:
    """A text of a preset can be spoken: a target that raises or ends over one is broken."""
    errors = [trial.error for trial in evidence.counted if trial.error is not None]
    if not errors:
        return None
    return TrustNote(
        guard="failed",
        text=f"{_of(len(errors), evidence.counted)} failed, the first so: {errors[0].strip()}",
        invalid=True,
    )


def check_latency(evidence: Evidence) -> TrustNote | None:
    """Sound cannot be there before it was asked for, nor at that very instant."""
    for metric in LATENCIES:
        wrong = [value for value in evidence.known(metric) if value <= 0]
        if wrong:
            return TrustNote(
                guard="latency",
                text=f"{metric} is {min(wrong):g} in {_of(len(wrong), evidence.counted)}: audio "
                "that is there before or as it is requested was not made for the request, or two "
                "clocks were mixed",
                invalid=True,
            )
    return None


def check_tracers(evidence: Evidence) -> TrustNote | None:
    """Nothing looks on while the target works, as that takes time, and more here than there.

    Where the target is inline, too: its figures are those of a debugger, so they are not judged.
    """
    tracers = evidence.ready.tracers if evidence.ready else ()
    if not tracers:
        return None
    return TrustNote(
        guard="traced",
        text=f"the target was traced by {', '.join(tracers)}: the figures are the tracer's as much "
        "as the engine's. Run without it, or with --ttsperf-disable, which measures nothing",
        invalid=True,
    )


def check_order(evidence: Evidence) -> TrustNote | None:
    """Chunks arrive one after another."""
    recordings = [trial.recording for trial in evidence.counted if trial.recording]
    wrong = [rec for rec in recordings if list(rec.arrivals_ns) != sorted(rec.arrivals_ns)]
    if not wrong:
        return None
    return TrustNote(
        guard="clock",
        text=f"chunks arrive before their predecessors in {_of(len(wrong), evidence.counted)}: "
        "the clock that stamped them is not monotonic",
        invalid=True,
    )


def check_speed(evidence: Evidence) -> TrustNote | None:
    """Faster than anything that synthesises."""
    known = evidence.known("rtf")
    if not known or median(known) >= FLOOR_RTF:
        return None
    return TrustNote(
        guard="floor",
        text=f"the median rtf of {len(known)} trials is {median(known):.2g}, below the physical "
        f"floor of {FLOOR_RTF:g}: a cache or precomputed audio answered",
        invalid=True,
    )


def check_duration(evidence: Evidence) -> TrustNote | None:
    """The speech lasts as long as its text can: silence around it does not count.

    The band is that of English. A preset is English, so leaving its band voids the cell; a text
    of the test's own may be in any language, so it is only told.
    """
    if evidence.bands is None:
        return None
    measured = [
        (speech_s, evidence.bands(trial.text))
        for trial, speech_s in zip(evidence.counted, evidence.values("speech_s"), strict=False)
        if speech_s is not None
    ]
    short = [(got, low) for got, (low, _) in measured if got < low]
    long = [(got, high) for got, (_, high) in measured if got > high]
    if len(short) + len(long) <= OUTSIDE_SHARE * len(measured):
        return None
    cause = _wrong_rate(evidence, measured) or (
        "the text is truncated, repeated or padded, or the speed was changed; listen to it"
    )
    (got, bound), side = (short[0], "at least") if short else (long[0], "at most")
    return TrustNote(
        guard="duration",
        text=f"the speech of {_of(len(short) + len(long), measured)} is not as long as its text "
        f"is in English ({len(short)} too short, {len(long)} too long; {got:.2f} s where {side} "
        f"{bound:.2f} s are expected): {cause}",
        invalid=evidence.bands_bind,
    )


SpokenDuration = tuple[float, tuple[float, float]]
"""Seconds of speech, and the band in which they are credible."""


def _wrong_rate(evidence: Evidence, measured: Sequence[SpokenDuration]) -> str | None:
    """Where the rate is only supposed and another would explain the duration: which, what to do."""
    supposed = evidence.ready.sample_rate if evidence.ready else None
    if supposed is None or evidence.ready is None or not evidence.ready.is_rate_supposed:
        return None
    credible = [rate for rate in SAMPLE_RATES if _is_credible(measured, supposed / rate)]
    if not credible:
        return None
    nearest = sorted(credible, key=lambda rate: _distance(measured, supposed / rate))
    named = " or ".join(f"{rate} Hz" for rate in nearest[:2])
    return (
        f"most likely the sample rate is wrong. It was supposed to be {supposed} Hz, as nothing in "
        f"the sound tells it; at {named} the speech would be as long as its text. Set the true one "
        "(a server: sample_rate in --ttsperf-http-template; a program: --ttsperf-target-option "
        "rate=...), or have WAV sent. Else the text is truncated, repeated or padded; listen to it"
    )


def _is_credible(measured: Sequence[SpokenDuration], factor: float) -> bool:
    """Whether the speech would be as long as its texts if it lasted so many times as long."""
    outside = [1 for got, (low, high) in measured if not low <= got * factor <= high]
    return len(outside) <= OUTSIDE_SHARE * len(measured)


def _distance(measured: Sequence[SpokenDuration], factor: float) -> float:
    """How far the speech would be from the middle of its bands, in logs."""
    logs = [
        math.log(got * factor / ((low + high) / 2))
        for got, (low, high) in measured
        if got > 0 and high > 0
    ]
    return abs(median(logs)) if logs else math.inf


def check_silence(evidence: Evidence) -> TrustNote | None:
    """Something is to be heard."""
    heard = [trial.sound for trial in evidence.counted if trial.sound is not None]
    without = [sound for sound in heard if sound.onset_frame is None]
    if not without:
        return None
    return TrustNote(
        guard="silence",
        text=f"nothing is to be heard in {_of(len(without), heard)}",
        invalid=len(without) == len(heard),
    )


def check_clipping(evidence: Evidence) -> TrustNote | None:
    """The waveform fits its range."""
    shares = [trial.level.clipped_share or 0.0 for trial in evidence.counted if trial.level]
    loud = [share for share in shares if share > CLIPPED_SHARE]
    if not loud:
        return None
    return TrustNote(
        guard="clipping",
        text=f"more than {CLIPPED_SHARE:.0%} of the samples are clipped in {_of(len(loud), shares)}"
        f" (up to {max(loud):.0%})",
    )


def check_finite(evidence: Evidence) -> TrustNote | None:
    """Samples are numbers."""
    counts = [trial.level.non_finite for trial in evidence.counted if trial.level]
    broken = [count for count in counts if count]
    if not broken:
        return None
    return TrustNote(
        guard="samples",
        text=f"samples are NaN or infinite in {_of(len(broken), counts)} (up to {max(broken)}): "
        "the model's output is broken, its speed means nothing",
        invalid=True,
    )


def check_provider(evidence: Evidence) -> TrustNote | None:
    """The provider asked for is the one that ran: read back, never assumed."""
    asked = evidence.asked_provider
    if asked is None:
        return None
    placement = evidence.ready.placement if evidence.ready else None
    nodes = (placement or {}).get("nodes")
    if not isinstance(nodes, Mapping) or not nodes:
        return TrustNote(
            guard=PROVIDER,
            text=f"unverified: the target does not tell which provider ran, {asked} was asked for",
        )
    wanted = _plain(_provider_name(asked, (placement or {}).get("provider")))
    if any(count for name, count in nodes.items() if _plain(name).startswith(wanted)):
        return None
    ran = ", ".join(f"{count} on {name}" for name, count in sorted(nodes.items()) if count)
    return TrustNote(
        guard=PROVIDER,
        text=f"provider {asked} was asked for and ran 0 nodes ({ran or 'no nodes at all'}): "
        "install its onnxruntime build or ask for the provider that ran",
        invalid=True,
    )


def _provider_name(asked: str, told: object) -> str:
    """The name that nodes are counted under: the target tells that of a library's provider.

    A library cannot be onnxruntime's own CPU provider, whatever the target tells.
    """
    if LIBRARY.search(asked) and isinstance(told, str) and told != CPU_PROVIDER:
        return told
    return asked


def check_load(evidence: Evidence) -> TrustNote | None:
    """A target does not use more cores than the threads it tells, by stage or for all."""
    told = (evidence.ready.placement or {}).get("threads") if evidence.ready else None
    if isinstance(told, Mapping):
        told = max((count for count in told.values() if isinstance(count, int)), default=None)
    work = [
        (trial.usage.cpu_s, (trial.recording.end_ns - trial.recording.request_ns) / 1e9)
        for trial in evidence.counted
        if trial.usage and trial.recording
    ]
    spent_s, lasted_s = sum(cpu for cpu, _ in work), sum(wall for _, wall in work)
    if not isinstance(told, int) or lasted_s < MIN_CPU_WINDOW_S:
        return None
    cores = spent_s / lasted_s
    if cores <= told * CORES_SLACK:
        return None
    return TrustNote(
        guard="threads",
        text=f"the target tells {told} threads and keeps {cores:.1f} cores busy while it speaks; "
        "a pool of another library may be unpinned (OMP_NUM_THREADS), so figures depend on what "
        "else runs",
    )


def check_cache(evidence: Evidence) -> TrustNote | None:
    """A text takes as long whether it was spoken before or never, or a cache answers it."""
    spoken = {trial.text for trial in evidence.counted}
    values = evidence.probe_rtf.values if evidence.probe_rtf else ()
    probes = [
        (trial.text in spoken, rtf)
        for trial, rtf in zip(evidence.probes, values, strict=False)
        if rtf is not None
    ]
    known = evidence.known("rtf")
    repeating = [rtf for repeats, rtf in probes if repeats]
    unheard = [rtf for repeats, rtf in probes if not repeats]
    if not known:
        return None
    apart = is_cache(list(zip(repeating, unheard, strict=False)))
    if unheard and apart and median(known) < CACHE_RATIO * min(unheard):
        return TrustNote(
            guard="cache",
            text=f"texts that nobody has spoken before take longer than the trials did (rtf "
            f"{median(unheard):.2g} against {median(known):.2g}): a cache answered the trials; "
            "empty it, or measure distinct texts",
            invalid=True,
        )
    if len(spoken) > 1 and repeating and median(repeating) < CACHE_RATIO * median(known):
        return TrustNote(
            guard="cache",
            text=f"a cache serves repeated texts (rtf {median(repeating):.2g} against "
            f"{median(known):.2g}); the figures are from distinct texts",
        )
    return None


def is_cache(probes: Sequence[tuple[float, float]]) -> bool:
    """By the RTFs of a text spoken before and, in turn, of one never spoken.

    A moment of noise slows neighbours alike, a cache tells them apart every time.
    """
    return all(known < CACHE_RATIO * new for known, new in probes)


def check_trend(evidence: Evidence) -> TrustNote | None:
    """Trials are exchangeable: the last are no slower or faster than the first."""
    for metric in TREND_METRICS:
        known = evidence.known(metric)
        found = evidence.trend(known) if evidence.trend else None
        if found is None:
            continue
        p_value, change = found
        if p_value < TREND_P and abs(change) > TREND_CHANGE:
            return TrustNote(
                guard="trend",
                text=f"{metric} {'rises' if change > 0 else 'falls'} over the trials: "
                f"{change:+.0%} from the first quarter to the last (n={len(known)}, Kendall's "
                f"p = {p_value:.2g}); the target was still warming up, or heats or leaks",
            )
    return None


def check_clock(evidence: Evidence) -> TrustNote | None:
    """Stages lie within the trial they are told for."""
    told = [trial.recording for trial in evidence.counted if trial.recording]
    told = [recording for recording in told if recording.spans]
    strange = [
        recording
        for recording in told
        if all(
            span.end_ns < recording.request_ns or span.start_ns > recording.end_ns
            for span in recording.spans
        )
    ]
    if not strange:
        return None
    return TrustNote(
        guard="stages",
        text=f"all stages of {_of(len(strange), told)} lie outside of it: they are of another "
        "trial, or on another clock than time.perf_counter_ns; no stage explains these figures",
    )


def check_stages(evidence: Evidence) -> TrustNote | None:
    """The stages that a target tells add up to the time to the first sound."""
    if evidence.explained is not False:
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
    told = evidence.streamed
    if evidence.mode != "stream" or 2 * told.count(False) <= len(told):
        return None
    return TrustNote(
        guard="stream",
        text=f"not streamed: in {_of(told.count(False), told)} all work was done before the first "
        "chunk arrived; finished audio was cut into chunks",
    )


Guard = Callable[[Evidence], TrustNote | None]
GUARDS: tuple[Guard, ...] = (
    check_failures,
    check_tracers,
    check_latency,
    check_order,
    check_speed,
    check_duration,
    check_silence,
    check_finite,
    check_clipping,
    check_provider,
    check_load,
    check_cache,
    check_trend,
    check_clock,
    check_stages,
    check_streaming,
)


def _of(count: int, whole: Sequence[object]) -> str:
    return f"{count} of {len(whole)} trial{'' if len(whole) == 1 else 's'}"


def _plain(provider: str) -> str:
    return "".join(letter for letter in provider.lower() if letter.isalnum())

"""Reasons not to believe a measurement: each guard catches one trap that once gave a false number.

A guard is a function of the evidence that returns a note or None. `invalid` notes void the cell;
the others are reported beside its verdicts. What a guard needs beyond the recorded trials is
computed by `metrics.definitions`, or is part of the evidence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from pytest_ttsperf.metrics import definitions, playback, stages
from pytest_ttsperf.records import CellResult, Kind, Recording, Trial, TrustNote

LATENCIES = ("ttfb_ms", "ttfs_ms", "ttfa_sound_ms")
FLOOR_RTF = 0.001
"""1000 times faster than real time: no synthesis on one machine, only playing back."""
OUTSIDE_SHARE = 0.10
SAMPLE_RATES = (8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""In Hz, as engines have them."""
CLIPPED_SHARE = 0.01
DISTORTED_SHARE = 0.06
"""What no voice of ours exceeds, driven to -6 dBFS without a limiter (docs/adr/0033)."""
SYLLABLE_MS = 100.0
"""Less sound than that is no syllable, and so no beginning of speech."""
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
    """What the guards look at: a result, and what it is held against (see `find_notes`)."""

    result: CellResult
    asked_provider: str | None
    bands: Bands | None
    bands_bind: bool
    trend: Trend | None

    @property
    def counted(self) -> tuple[Trial, ...]:
        """The trials that make up the samples."""
        return self.result.counted

    @property
    def recordings(self) -> list[Recording]:
        """Those of the counted trials that did not fail."""
        return [trial.recording for trial in self.counted if trial.recording is not None]

    @property
    def placement(self) -> Mapping[str, object]:
        """What the target says of where it runs; empty where it says nothing."""
        ready = self.result.ready
        if ready is None or ready.placement is None:
            return {}
        return ready.placement

    def values(self, metric: str, kind: Kind = "trial") -> tuple[float | None, ...]:
        """A metric of the trials of a kind, in their order."""
        return definitions.sample(metric, self.result.trials, kind=kind).values

    def measured(self, metric: str) -> list[float]:
        """A metric of the counted trials, without those in which it could not be measured."""
        return [value for value in self.values(metric) if value is not None]


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
        text=f"{_of(len(errors), evidence.counted)} failed, the first so: {errors[0].strip()}",
        invalid=True,
    )


def check_latency(evidence: Evidence) -> TrustNote | None:
    """Sound cannot be there before it was requested, nor at that very instant."""
    for metric in LATENCIES:
        wrong = [value for value in evidence.measured(metric) if value <= 0]
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
        text=f"chunks arrive before their predecessors in {_of(len(wrong), evidence.counted)}: "
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


class SpokenDuration(NamedTuple):
    """Seconds of speech in a trial, and the band in which they are credible."""

    speech_s: float
    least_s: float
    most_s: float


def check_duration(evidence: Evidence) -> TrustNote | None:
    """The speech lasts as long as its text can: silence around it does not count.

    The band is that of English. A preset is English, so leaving its band voids the cell; a text
    of the test's own may be in any language, so it is only reported.
    """
    durations = _durations(evidence)
    short = [each for each in durations if each.speech_s < each.least_s]
    long = [each for each in durations if each.speech_s > each.most_s]
    outside = len(short) + len(long)
    if outside <= OUTSIDE_SHARE * len(durations):
        return None
    if short:
        example_s = short[0].speech_s
        expected = f"at least {short[0].least_s:.2f} s"
    else:
        example_s = long[0].speech_s
        expected = f"at most {long[0].most_s:.2f} s"
    cause = _wrong_rate(evidence, durations) or (
        "the text is truncated, repeated or padded, or the speed was changed; listen to it"
    )
    return TrustNote(
        guard="duration",
        text=f"the speech of {_of(outside, durations)} is not as long as its text is in English "
        f"({len(short)} too short, {len(long)} too long; {example_s:.2f} s where {expected} are "
        f"expected): {cause}",
        invalid=evidence.bands_bind,
    )


def _durations(evidence: Evidence) -> list[SpokenDuration]:
    if evidence.bands is None:
        return []
    durations = []
    for trial, speech_s in zip(evidence.counted, evidence.values("speech_s"), strict=True):
        if speech_s is not None:
            durations.append(SpokenDuration(speech_s, *evidence.bands(trial.text)))
    return durations


def _wrong_rate(evidence: Evidence, durations: Sequence[SpokenDuration]) -> str | None:
    """Where the rate is only supposed and another would explain the duration: which, what to do."""
    ready = evidence.result.ready
    if ready is None or not ready.is_rate_supposed or ready.sample_rate is None:
        return None
    supposed = ready.sample_rate
    credible = [rate for rate in SAMPLE_RATES if _is_credible(durations, supposed / rate)]
    if not credible:
        return None
    nearest = sorted(credible, key=lambda rate: _distance(durations, supposed / rate))
    rates = " or ".join(f"{rate} Hz" for rate in nearest[:2])
    return (
        f"most likely the sample rate is wrong. It was supposed to be {supposed} Hz, as nothing in "
        f"the sound tells it; at {rates} the speech would be as long as its text. Set the true one "
        "(a server: sample_rate in --ttsperf-http-template; a program: --ttsperf-target-option "
        "rate=...), or have WAV sent. Else the text is truncated, repeated or padded; listen to it"
    )


def _is_credible(durations: Sequence[SpokenDuration], factor: float) -> bool:
    """Whether the speech would be as long as its texts if it lasted so many times as long."""
    outside = sum(not each.least_s <= each.speech_s * factor <= each.most_s for each in durations)
    return outside <= OUTSIDE_SHARE * len(durations)


def _distance(durations: Sequence[SpokenDuration], factor: float) -> float:
    """How far the speech would be from the middle of its bands, in logs."""
    logs = [
        math.log(each.speech_s * factor / ((each.least_s + each.most_s) / 2))
        for each in durations
        if each.speech_s > 0 and each.most_s > 0
    ]
    if not logs:
        return math.inf
    return abs(median(logs))


def check_silence(evidence: Evidence) -> TrustNote | None:
    """There is audible sound in every trial."""
    sounds = [trial.sound for trial in evidence.counted if trial.sound is not None]
    silent = [sound for sound in sounds if sound.onset_frame is None]
    if not silent:
        return None
    return TrustNote(
        guard="silence",
        text=f"nothing is to be heard in {_of(len(silent), sounds)}",
        invalid=len(silent) == len(sounds),
    )


def check_padding(evidence: Evidence) -> TrustNote | None:
    """The audio is no more silent than speech is: padding makes it longer, and the rtf better.

    A text of the test's own may ask for pauses, so there it is only told.
    """
    measured = [_silence(trial) for trial in evidence.counted]
    silences = [each for each in measured if each is not None]
    padded = [each for each in silences if each.silent_s > each.most_s]
    if len(padded) <= OUTSIDE_SHARE * len(silences):
        return None
    worst = max(padded, key=lambda each: each.share)
    return TrustNote(
        guard="padding",
        text=f"the audio of {_of(len(padded), silences)} is more silent than speech is (up to "
        f"{worst.share:.0%}: {worst.silent_s:.2f} s where at most {worst.most_s:.2f} s go with so "
        "much speech): what is beyond does not count as audio in the rtf; send no such padding",
        invalid=evidence.bands_bind,
    )


class Silence(NamedTuple):
    """Seconds of silence in a trial, the most that so much speech may bring, and the share."""

    silent_s: float
    most_s: float
    share: float


def _silence(trial: Trial) -> Silence | None:
    """None where nothing is to be heard, or nothing was measured."""
    if trial.recording is None or trial.sound is None or trial.sound.onset_frame is None:
        return None
    audio_s = definitions.duration_s(trial.recording)
    share = trial.sound.silence_share
    if audio_s is None or share is None:
        return None
    silent_s = share * audio_s
    speech_s = audio_s - silent_s
    return Silence(silent_s, definitions.most_silence_s(speech_s), share)


def check_clipping(evidence: Evidence) -> TrustNote | None:
    """The waveform fits its range."""
    shares = [trial.level.clipped_share or 0.0 for trial in evidence.counted if trial.level]
    loud = [share for share in shares if share > CLIPPED_SHARE]
    if not loud:
        return None
    distorted = [share for share in shares if share > DISTORTED_SHARE]
    is_invalid = len(distorted) > OUTSIDE_SHARE * len(shares)
    text = (
        f"more than {CLIPPED_SHARE:.0%} of the samples are clipped in {_of(len(loud), shares)}"
        f" (up to {max(loud):.0%})"
    )
    if is_invalid:
        text += (
            f", more than {DISTORTED_SHARE:.0%} in {len(distorted)}: no voice is so loud, the "
            "sound is broken; scale the samples to -1..1, or 16-bit ones to their range"
        )
    return TrustNote(guard="clipping", text=text, invalid=is_invalid)


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
    provider = evidence.asked_provider
    if provider is None:
        return None
    nodes = evidence.placement.get("nodes")
    if not isinstance(nodes, Mapping) or not nodes:
        return TrustNote(
            guard=PROVIDER,
            text=f"unverified: the target does not tell which provider ran, {provider} was asked "
            "for",
        )
    wanted = _plain(_provider_name(provider, evidence.placement.get("provider")))
    if any(count for name, count in nodes.items() if _plain(name).startswith(wanted)):
        return None
    ran = ", ".join(f"{count} on {name}" for name, count in sorted(nodes.items()) if count)
    return TrustNote(
        guard=PROVIDER,
        text=f"provider {provider} was asked for and ran 0 nodes ({ran or 'no nodes at all'}): "
        "install its onnxruntime build or ask for the provider that ran",
        invalid=True,
    )


def _provider_name(provider: str, placed: object) -> str:
    """The name that nodes are counted under: for a library, the one in the target's placement.

    A library cannot be onnxruntime's own CPU provider, whatever the target says.
    """
    if LIBRARY.search(provider) and isinstance(placed, str) and placed != CPU_PROVIDER:
        return placed
    return provider


def check_load(evidence: Evidence) -> TrustNote | None:
    """A target does not use more cores than the threads in its placement, by stage or for all."""
    threads = evidence.placement.get("threads")
    if isinstance(threads, Mapping):
        counts = [count for count in threads.values() if isinstance(count, int)]
        threads = max(counts, default=None)
    if not isinstance(threads, int):
        return None
    cpu_s = elapsed_s = 0.0
    for trial in evidence.counted:
        if trial.usage and trial.recording:
            cpu_s += trial.usage.cpu_s
            elapsed_s += (trial.recording.end_ns - trial.recording.request_ns) / 1e9
    if elapsed_s < MIN_CPU_WINDOW_S:
        return None
    cores = cpu_s / elapsed_s
    if cores <= threads * CORES_SLACK:
        return None
    return TrustNote(
        guard="threads",
        text=f"the target tells {threads} threads and keeps {cores:.1f} cores busy while it "
        "speaks; a pool of another library may be unpinned (OMP_NUM_THREADS), so figures depend on "
        "what else runs",
    )


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
            f"the last (n={len(values)}, Kendall's p = {p_value:.2g}); the target was still "
            "warming up, or heats or leaks",
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
        text=f"all stages of {_of(len(strange), with_stages)} lie outside of it: they are of "
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
        text=f"not streamed: in {_of(streamed.count(False), streamed)} all work was done before "
        "the first chunk arrived; finished audio was cut into chunks",
    )


class Fragment(NamedTuple):
    """Sound that was followed by a longer stall."""

    sound_ms: float
    stall_ms: float
    is_syllable: bool
    is_slow: bool
    """Whether the rest came no faster than real time: then all of the target is slow."""


def check_burst(evidence: Evidence) -> TrustNote | None:
    """The first sound goes on: a scrap of it, and then a hole, is no early start.

    Void where the first sample is what a test limits, as a player heard nothing of use from it. A
    target that is merely slower than real time is told, and as fast as it says.
    """
    if evidence.result.cell.mode != "stream":
        return None
    fragments = _fragments(evidence)
    scraps = [each for each in fragments if not each.is_syllable and not each.is_slow]
    enough = OUTSIDE_SHARE * len(evidence.recordings)
    if len(fragments) <= enough:
        return None
    limits_samples = any(limit.onset == "sample" for limit in evidence.result.thresholds)
    sound_ms = median(each.sound_ms for each in fragments)
    stall_ms = median(each.stall_ms for each in fragments)
    cause = "it is slower than real time"
    if scraps:
        cause = "a player starts at once only to stop, and no first sample says so"
    return TrustNote(
        guard="burst",
        text=f"{_of(len(fragments), evidence.recordings)} stall for longer than all sound before "
        f"lasts (median: {sound_ms:.0f} ms of sound, then {stall_ms:.0f} ms of nothing): {cause}; "
        "limit what is heard (onset='heard') with the prebuffer of your player, and its underruns",
        invalid=limits_samples and len(scraps) > enough,
    )


def _fragments(evidence: Evidence) -> list[Fragment]:
    fragments = []
    for trial in evidence.counted:
        if trial.recording is None or trial.sound is None:
            continue
        hole = playback.find_hole(trial.recording)
        if hole is None:
            continue
        rate_per_ms = trial.recording.sample_rate / 1000
        silent_frames = trial.sound.onset_frame or 0
        sound_ms = max(hole.frames_before - silent_frames, 0) / rate_per_ms
        fragments.append(
            Fragment(
                sound_ms=sound_ms,
                stall_ms=hole.stall_ms,
                is_syllable=sound_ms >= SYLLABLE_MS,
                is_slow=hole.speed_after >= 1,
            )
        )
    return fragments


Guard = Callable[[Evidence], TrustNote | None]
GUARDS: tuple[Guard, ...] = (
    check_failures,
    check_tracers,
    check_latency,
    check_order,
    check_speed,
    check_duration,
    check_silence,
    check_padding,
    check_finite,
    check_clipping,
    check_provider,
    check_load,
    check_cache,
    check_trend,
    check_clock,
    check_stages,
    check_streaming,
    check_burst,
)


def _of(count: int, whole: Sequence[object]) -> str:
    trials = "trial" if len(whole) == 1 else "trials"
    return f"{count} of {len(whole)} {trials}"


def _plain(provider: str) -> str:
    """`NvTensorRTRTXExecutionProvider` and `nv_tensorrt_rtx` begin alike in this form."""
    return "".join(letter for letter in provider.lower() if letter.isalnum())

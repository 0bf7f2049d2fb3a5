"""What every metric means: the only place where one is defined.

t0 is `request_ns`, just before the request is handed over; chunk i arrives at a_i with d_i seconds
of audio, D is their sum. Chunks without frames (a container header, an empty array) count for
`ttfb_ms` alone. A metric that cannot be measured is None, never 0; impossible instants (an arrival
before the request) are passed on as they are, for `metrics.validity` to refuse.

Sources: RTF as elapsed time over duration of audio is the usual one of speech technology (below 1
beats real time); time to first byte and first sample are what vendors publish; the onset, the
heard first audio and the player's stalls are this project's own and are spelt out below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.metrics import playback
from pytest_ttsperf.metrics.audio import first_sound_ns
from pytest_ttsperf.metrics.playback import NS_PER_MS, NS_PER_S, chunks_of
from pytest_ttsperf.metrics.stages import CLIENT, CONVERT, LATE
from pytest_ttsperf.records import (
    Kind,
    Level,
    Memory,
    Quality,
    Recording,
    Sample,
    Sound,
    Span,
    Trial,
    Usage,
)

ROUNDING_NS = 10_000
COALESCE_NS = 2 * NS_PER_MS
BYTES_PER_MB = 1e6
BEGINNING_SHARE = 0.1
"""Of the audio: before so much of it was there, nothing that counts has been sent."""
FINISHED_RTF = 0.001
"""Sound that comes a thousand times as fast as it plays was finished before: it is only carried."""
LATE_WHEN_FINISHED = 20
"""Of such a burst: carrying many pieces takes long enough itself that `LATE` may not be reached."""
ALL_AT_ONCE_SHARE = 0.9
"""Of the time of an answer: audio that comes later, on average, came all at once."""
SILENCE_S = 1.5
SILENCE_PER_SPEECH = 0.5
"""Silence that speech may bring: three times what our voices have (docs/adr/0033)."""


# Time to first audio


def ttfb_ms(recording: Recording) -> float | None:
    """First body byte - t0, whatever the byte is."""
    if not recording.arrivals_ns:
        return None
    return _since_request_ms(recording, recording.arrivals_ns[0])


def ttfs_ms(recording: Recording) -> float | None:
    """First sample of a chunk that has any - t0; silence counts."""
    arrivals, _ = chunks_of(recording)
    if not arrivals.size:
        return None
    return _since_request_ms(recording, int(arrivals[0]))


def lead_in_ms(recording: Recording, sound: Sound) -> float | None:
    """Audio before the onset; None when nothing is audible."""
    if sound.onset_frame is None:
        return None
    return sound.onset_frame / recording.sample_rate * 1000


def ttfa_sound_ms(recording: Recording, sound: Sound) -> float | None:
    """Arrival of the chunk with the onset - t0: what versions are compared by."""
    arrival_ns = first_sound_ns(recording, sound)
    return None if arrival_ns is None else _since_request_ms(recording, arrival_ns)


def ttfa_ms(recording: Recording, sound: Sound, prebuffer_ms: float = 0.0) -> float | None:
    """Heard: the later of the onset's arrival and its turn in a player with that prebuffer, - t0.

    Silence is no sound, and it takes time: the listener waits for the lead-in as well.
    """
    arrival_ms = ttfa_sound_ms(recording, sound)
    lead_ms = lead_in_ms(recording, sound)
    start_ns = playback.play(recording, prebuffer_ms).start_ns
    if arrival_ms is None or lead_ms is None or start_ns is None:
        return None
    return max(arrival_ms, _since_request_ms(recording, start_ns) + lead_ms)


def _since_request_ms(recording: Recording, instant_ns: int) -> float:
    return (instant_ns - recording.request_ns) / NS_PER_MS


# Throughput and cadence


def duration_s(recording: Recording) -> float | None:
    """D, the audio that came out; None when there is none."""
    return sum(recording.frame_counts) / recording.sample_rate or None


def speech_s(recording: Recording, sound: Sound) -> float | None:
    """Seconds from the onset to the end of the last sound: the audio without silence around it."""
    if sound.onset_frame is None or sound.last_frame is None:
        return None
    return (sound.last_frame - sound.onset_frame) / recording.sample_rate


def elapsed_s(recording: Recording) -> float | None:
    """a_last - t0, in seconds; None without audio."""
    arrivals, _ = chunks_of(recording)
    if not arrivals.size:
        return None
    return (int(arrivals[-1]) - recording.request_ns) / NS_PER_S


def most_silence_s(speech: float) -> float:
    """The most silence that so many seconds of speech bring, around them and in their pauses."""
    return SILENCE_S + SILENCE_PER_SPEECH * speech


def rtf(recording: Recording, sound: Sound) -> float | None:
    """(a_last - t0) / D; below 1 beats real time.

    Of the silence in D no more counts than speech of that length brings: padding is no audio.
    """
    audio_s = duration_s(recording)
    time_s = elapsed_s(recording)
    if audio_s is None or time_s is None:
        return None
    # Of less than 1 ms no share of silence is known, and none is padding.
    silent_s = (sound.silence_share or 0.0) * audio_s
    padding_s = max(0.0, silent_s - most_silence_s(audio_s - silent_s))
    return time_s / (audio_s - padding_s)


def rtf_stream(recording: Recording) -> float | None:
    """(a_last - a_0) / (D - d_0), the speed once it flows; None for a single chunk."""
    arrivals, frames = chunks_of(recording)
    if arrivals.size < 2:
        return None
    return _real_time(int(arrivals[-1] - arrivals[0]), frames[1:], recording)


def _real_time(elapsed_ns: int, frames: NDArray[np.int64], recording: Recording) -> float:
    return float(elapsed_ns / NS_PER_S / (frames.sum() / recording.sample_rate))


def gaps_ms(recording: Recording) -> tuple[float, ...] | None:
    """How long nothing arrived, between any two chunks at least 2 ms apart.

    Chunks less than 2 ms apart are reads of one delivery: a gap lasts from the last read of one
    delivery to the first of the next. When all chunks came that close, the waits between them
    are the gaps there were. None for fewer than two chunks, which have no gap to be measured.
    """
    arrivals, _ = chunks_of(recording)
    waits = np.diff(arrivals)
    apart = waits[waits >= COALESCE_NS]
    if apart.size:
        waits = apart
    return tuple((waits / NS_PER_MS).tolist()) or None


def gap_p95_ms(recording: Recording) -> float | None:
    """A gap that did occur and that at least 95 % of the gaps do not exceed (no interpolation)."""
    gaps = gaps_ms(recording)
    return None if gaps is None else float(np.quantile(gaps, 0.95, method="higher"))


def gap_max_ms(recording: Recording) -> float | None:
    """The longest gap."""
    gaps = gaps_ms(recording)
    return None if gaps is None else max(gaps)


def is_streamed(recording: Recording, opening_ms: float = 0.0) -> bool | None:
    """Whether synthesis went on after the first chunk was there.

    True when a stage other than `convert` began after the first chunk with frames arrived. False
    when all of them had ended by then, or, for a target that tells no stages, when finished audio
    was plainly sliced. None when nothing tells: a single chunk; a stage that was under way at that
    moment (a span around a generator also lasts while finished audio is cut up); or no stages and
    chunks spread over time, which a slicer that waits between its slices could have made too.
    `opening_ms` is how long after the request of a cold trial its target was open: what ended
    before is no synthesis.
    """
    arrivals, _ = chunks_of(recording)
    if arrivals.size < 2:
        return None
    synthesis = _synthesis(recording, opening_ms)
    if not synthesis:
        return False if is_sliced(recording, opening_ms) else None
    return _goes_on_after(int(arrivals[0]), synthesis)


def _synthesis(recording: Recording, opening_ms: float) -> list[Span]:
    """The stages that made the audio of a recording: not those of opening, or of another trial."""
    opened_ns = recording.request_ns + opening_ms * NS_PER_MS + ROUNDING_NS
    return [
        span
        for span in recording.spans
        if _is_synthesis(span) and opened_ns < span.end_ns and span.start_ns <= recording.end_ns
    ]


def _goes_on_after(instant_ns: int, synthesis: Sequence[Span]) -> bool | None:
    """Whether a stage began after an instant; None where one was only under way."""
    if any(span.start_ns >= instant_ns for span in synthesis):
        return True
    if any(span.end_ns > instant_ns for span in synthesis):
        return None
    return False


def _is_synthesis(span: Span) -> bool:
    return span.stage != CONVERT and not span.stage.startswith(CLIENT)


def is_sliced(recording: Recording, opening_ms: float = 0.0) -> bool:
    """Whether several chunks came in one delivery that was waited for much longer than it took.

    Fifty times as long; or twenty, where its sound came too fast to have been made meanwhile.
    """
    arrivals, frames = chunks_of(recording)
    if arrivals.size < 2 or int(np.diff(arrivals).max()) >= COALESCE_NS:
        return False
    waited_ns = int(arrivals[0]) - recording.request_ns - opening_ms * NS_PER_MS
    burst_ns = int(arrivals[-1] - arrivals[0])
    is_finished = _real_time(burst_ns, frames[1:], recording) <= FINISHED_RTF
    return waited_ns >= (LATE_WHEN_FINISHED if is_finished else LATE) * burst_ns


def arrival_share(recording: Recording, opening_ms: float = 0.0) -> float | None:
    """When the audio came, on average, as a share of the answer's time: 1 is all at the end.

    The mean arrival, each chunk counted by its audio, over the time from the request to the last
    chunk. An answer that comes evenly has little more than 0.5, one that comes in two equal parts
    0.75 or more, one that is made as a whole and then sent nearly 1, in however many pieces.
    `opening_ms` is as for `is_streamed`. None without audio, and for an answer that is over within
    2 ms: that is one delivery, and the request itself takes about as long.
    """
    arrivals, frames = chunks_of(recording)
    if not arrivals.size:
        return None
    waits_ns = arrivals - recording.request_ns - round(opening_ms * NS_PER_MS)
    whole_ns = int(waits_ns[-1])
    if whole_ns < COALESCE_NS:
        return None
    return float(np.average(waits_ns, weights=frames)) / whole_ns


def sends_all_at_once(recording: Recording, opening_ms: float = 0.0) -> bool | None:
    """Whether an answer was sent only when all of it was made, in one piece or in many.

    The target's stages decide where they can: True when all synthesis was over once a tenth of the
    audio was there (a scrap that is sent early is no stream), False when a stage began after that.
    Where no stage tells, arrivals decide: True when the `arrival_share` is 0.9 or more. So this
    holds for whatever carries the audio, one chunk of it included; what a client cannot see is
    finished audio that is sent at the pace of synthesis. None where neither tells: no audio, or an
    answer within 2 ms.
    """
    share = arrival_share(recording, opening_ms)
    if share is None:
        return None
    arrivals, frames = chunks_of(recording)
    if arrivals.size > 1:
        beginning = int(np.searchsorted(np.cumsum(frames), BEGINNING_SHARE * frames.sum()))
        synthesis = _synthesis(recording, opening_ms)
        goes_on = _goes_on_after(int(arrivals[beginning]), synthesis) if synthesis else None
        if goes_on is not None:
            return not goes_on
    return share >= ALL_AT_ONCE_SHARE


def all_at_once(trial: Trial) -> float | None:
    """1 where a trial's answer was sent all at once (`sends_all_at_once`), 0 where not."""
    if trial.recording is None:
        return None
    found = sends_all_at_once(trial.recording, _opening_ms(trial))
    return None if found is None else float(found)


def _mean_arrival(trial: Trial) -> float | None:
    if trial.recording is None:
        return None
    return arrival_share(trial.recording, _opening_ms(trial))


def _opening_ms(trial: Trial) -> float:
    """How long after its request a cold trial's target was open; 0 for a warm one."""
    return trial.phases_ms.get("ready", 0.0)


# Resources


def cpu_s_per_audio_s(trial: Trial) -> float | None:
    """User and system seconds that the process tree spent in the trial per second of audio."""
    if trial.usage is None or trial.recording is None:
        return None
    audio_s = duration_s(trial.recording)
    if audio_s is None:
        return None
    return trial.usage.cpu_s / audio_s


def memory(baseline: Usage | None, trials: Sequence[Trial]) -> Memory:
    """Memory of the process tree over the counted trials, in MB of 10^6 bytes; see `memory_of`."""
    readings = [trial.usage for trial in trials if trial.kind == "trial" and trial.usage]
    return memory_of(baseline, readings)


def memory_of(baseline: Usage | None, readings: Sequence[Usage], *, unit: str = "trial") -> Memory:
    """Memory of the process tree by its readings, one for each trial or other `unit`, in MB.

    Baseline is the RSS once the target was ready, peak the highest RSS (and USS) of any trial,
    range the highest minus the lowest reading between trials; one reading has no range. A tree
    that spent no CPU in any trial is not the target: everything is None, with that reason.
    """
    if not readings:
        return Memory(reason=f"no {unit} has a reading of the target's process tree")
    if not any(usage.cpu_s > 0 for usage in readings):
        return Memory(
            reason="not the target: the CPU time of the process tree that was read did not rise "
            f"in any of {len(readings)} {unit}s"
        )
    rss_bytes = [usage.rss_bytes for usage in readings]
    range_bytes = reason = None
    if len(readings) > 1:
        range_bytes = max(rss_bytes) - min(rss_bytes)
    else:
        reason = f"one {unit} has no range: at least two are needed"
    uss_bytes = [usage.uss_bytes for usage in readings if usage.uss_bytes is not None]
    return Memory(
        rss_baseline_mb=_to_mb(baseline.rss_bytes if baseline else None),
        rss_peak_mb=_to_mb(max(usage.rss_peak_bytes for usage in readings)),
        rss_range_mb=_to_mb(range_bytes),
        uss_peak_mb=_to_mb(max(uss_bytes, default=None)),
        reason=reason,
    )


def _to_mb(size_bytes: int | None) -> float | None:
    return None if size_bytes is None else size_bytes / BYTES_PER_MB


# Sound


def bandwidth_khz(level: Level) -> float | None:
    """The frequency below which all but a thousandth of the power lies (spectral roll-off)."""
    return None if level.bandwidth_hz is None else level.bandwidth_hz / 1000


def seams_flagged(quality: Quality) -> float | None:
    """Joints of two chunks at which the sound is broken; None where nobody looked."""
    return None if quality.seams is None else float(len(quality.seams.flagged))


def wer(quality: Quality) -> float | None:
    """Words that a recogniser wrote otherwise, left out or added, for each word of the text."""
    if quality.words is None or not quality.words.words:
        return None
    return quality.words.errors / quality.words.words


def worst_run(quality: Quality) -> float | None:
    """The longest run of such words that no right one interrupts."""
    return None if quality.words is None else float(quality.words.worst_run)


# The table


RECORDING = ("recording",)
SOUND = ("recording", "sound")
LEVEL = ("level",)
QUALITY = ("quality",)


class Metric(NamedTuple):
    """One metric: its unit, what it is, how it is computed, and of what."""

    unit: str
    doc: str
    measure: Callable[..., float | None]
    arguments: Sequence[str] = RECORDING
    """What it is computed of: parts of a trial, the `trial` itself, or `prebuffer_ms`."""

    def of(self, trial: Trial, prebuffer_ms: float) -> float | None:
        """Its value for a trial; None where the trial lacks what it is computed of."""
        values = {
            "trial": trial,
            "recording": trial.recording,
            "sound": trial.sound,
            "level": trial.level,
            "quality": trial.quality,
            "prebuffer_ms": prebuffer_ms,
        }
        arguments = [values[name] for name in self.arguments]
        if None in arguments:
            return None
        return self.measure(*arguments)


def _playback_metric(unit: str, doc: str, field: str) -> Metric:
    """A metric of the simulated player: a field of Playback."""

    def measure(recording: Recording, prebuffer_ms: float) -> float | None:
        value: float | None = getattr(playback.play(recording, prebuffer_ms), field)
        return None if value is None else float(value)

    return Metric(unit, doc, measure, ("recording", "prebuffer_ms"))


METRICS: Mapping[str, Metric] = {
    "ttfb_ms": Metric("ms", "first byte", ttfb_ms),
    "ttfs_ms": Metric("ms", "first sample, silent or not", ttfs_ms),
    "lead_in_ms": Metric("ms", "audio before the onset", lead_in_ms, SOUND),
    "ttfa_sound_ms": Metric("ms", "arrival of the first sounding chunk", ttfa_sound_ms, SOUND),
    "ttfa_ms": Metric("ms", "first sound heard from a player", ttfa_ms, (*SOUND, "prebuffer_ms")),
    "rtf": Metric("", "time over duration of audio", rtf, SOUND),
    "rtf_stream": Metric("", "the same after the first chunk", rtf_stream),
    "gap_p95_ms": Metric("ms", "95 % of a trial's gaps are no longer", gap_p95_ms),
    "gap_max_ms": Metric("ms", "longest gap", gap_max_ms),
    "arrival_share": Metric(
        "", "when the audio came, as a share of the answer's time", _mean_arrival, ("trial",)
    ),
    "all_at_once": Metric(
        "", "1 where the answer was sent only when all of it was made", all_at_once, ("trial",)
    ),
    "underruns": _playback_metric("", "interruptions of the player", "underruns"),
    "stall_ms": _playback_metric("ms", "their total time", "stall_ms"),
    "longest_stall_ms": _playback_metric("ms", "the longest of them", "longest_stall_ms"),
    "stall_ratio": _playback_metric("", "their share of the time played", "stall_ratio"),
    "prebuffer_needed_ms": Metric(
        "ms", "smallest prebuffer without a stall", playback.prebuffer_needed_ms
    ),
    "start_delay_needed_ms": Metric(
        "ms", "smallest wait after the first chunk without one", playback.start_delay_needed_ms
    ),
    "silence_share": Metric(
        "", "share of the audio below the threshold", lambda sound: sound.silence_share, ("sound",)
    ),
    "cpu_s_per_audio_s": Metric(
        "", "CPU seconds per second of audio", cpu_s_per_audio_s, ("trial",)
    ),
    "audio_s": Metric("s", "duration of the audio", duration_s),
    "speech_s": Metric("s", "audio without the silence around it", speech_s, SOUND),
    "active_level_dbfs": Metric(
        "dBFS", "level where there is sound", lambda sound: sound.active_level_dbfs, ("sound",)
    ),
    "bandwidth_khz": Metric(
        "kHz", "all but a thousandth of the power is below", bandwidth_khz, LEVEL
    ),
    "true_peak_dbtp": Metric(
        "dBTP", "peak between the samples", lambda level: level.true_peak_dbtp, LEVEL
    ),
    "clipped_share": Metric(
        "", "share of the samples at full scale", lambda level: level.clipped_share, LEVEL
    ),
    "non_finite": Metric(
        "", "samples that are NaN or infinite", lambda level: float(level.non_finite), LEVEL
    ),
    "lufs": Metric("LUFS", "integrated loudness", lambda quality: quality.lufs, QUALITY),
    "seams_flagged": Metric("", "joints at which the sound is broken", seams_flagged, QUALITY),
    "wer": Metric("", "word errors for each word of the text", wer, QUALITY),
    "worst_run": Metric("", "longest run of word errors", worst_run, QUALITY),
    "mos": Metric("", "predicted mean opinion score", lambda quality: quality.mos, QUALITY),
    "timbre_db": Metric(
        "dB", "distance from the timbre of other arms", lambda quality: quality.timbre_db, QUALITY
    ),
}


def sample(
    metric: str, trials: Sequence[Trial], prebuffer_ms: float = 0.0, *, kind: Kind = "trial"
) -> Sample:
    """One metric over the trials of one kind, in their order; other kinds are passed over.

    Raises MeasurementError for a metric that is not in METRICS.
    """
    if metric not in METRICS:
        names = ", ".join(METRICS)
        raise MeasurementError(f"no metric is called {metric!r}; there are: {names}")
    value_of = METRICS[metric].of
    counted = [trial for trial in trials if trial.kind == kind]
    return Sample(
        metric=metric,
        values=tuple(value_of(trial, prebuffer_ms) for trial in counted),
        processes=tuple(trial.process for trial in counted),
    )

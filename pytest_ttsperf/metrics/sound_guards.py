"""Guards of the sound itself: as long as its text, no emptier, no louder, and not in scraps.

Each is a function of the evidence that returns a note or None, as all in `metrics.validity`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from pytest_ttsperf.metrics import definitions, playback
from pytest_ttsperf.metrics.evidence import OUTSIDE_SHARE, Evidence, n_of
from pytest_ttsperf.records import Trial, TrustNote

SAMPLE_RATES = (8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""In Hz, as engines have them."""
CLIPPED_SHARE = 0.01
DISTORTED_SHARE = 0.06
"""What no voice of ours exceeds, driven to -6 dBFS without a limiter (docs/adr/0033)."""
SOUNDING_SHARE = 0.85
"""Of the shortest credible speech of a text, so much is sound: half of what it usually lasts. Of
128 texts by our voices, the least is 1.24 times that shortest speech (docs/adr/0033)."""
SYLLABLE_MS = 100.0
"""Less sound than that is no syllable, and so no beginning of speech."""


class SpokenDuration(NamedTuple):
    """Seconds of speech in a trial, and the band in which they are credible."""

    speech_s: float
    sounding_s: float
    """All that is to be heard: the speech without its pauses."""
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
        text=f"the speech of {n_of(outside, durations)} is not as long as its text is in English "
        f"({len(short)} too short, {len(long)} too long; {example_s:.2f} s where {expected} are "
        f"expected): {cause}",
        invalid=evidence.bands_bind,
    )


def _durations(evidence: Evidence) -> list[SpokenDuration]:
    if evidence.bands is None:
        return []
    durations = []
    for trial, speech_s in zip(evidence.counted, evidence.values("speech_s"), strict=True):
        silence = _silence(trial)
        if speech_s is not None and silence is not None:
            least_s, most_s = evidence.bands(trial.text)
            durations.append(SpokenDuration(speech_s, silence.sounding_s, least_s, most_s))
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
        text=f"nothing is to be heard in {n_of(len(silent), sounds)}",
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
        text=f"the audio of {n_of(len(padded), silences)} is more silent than speech is (up to "
        f"{worst.share:.0%}: {worst.silent_s:.2f} s where at most {worst.most_s:.2f} s go with so "
        "much speech): what is beyond does not count as audio in the rtf; send no such padding",
        invalid=evidence.bands_bind,
    )


def check_pauses(evidence: Evidence) -> TrustNote | None:
    """Pauses say no words: speech that is long enough is also sound for long enough.

    Speech that is too short as it is belongs to `check_duration`.
    """
    durations = _durations(evidence)
    sounding = [each for each in durations if each.speech_s >= each.least_s]
    hollow = [each for each in sounding if each.sounding_s < SOUNDING_SHARE * each.least_s]
    if len(hollow) <= OUTSIDE_SHARE * len(durations):
        return None
    worst = min(hollow, key=lambda each: each.sounding_s / each.least_s)
    return TrustNote(
        guard="pauses",
        text=f"the speech of {n_of(len(hollow), durations)} is as long as its text only by its "
        f"pauses ({worst.sounding_s:.2f} s of {worst.speech_s:.2f} s sound, where the words alone "
        f"take at least {SOUNDING_SHARE * worst.least_s:.2f} s in English): words are missing; "
        "listen to it",
        invalid=evidence.bands_bind,
    )


class Silence(NamedTuple):
    """Seconds of sound and of silence in a trial, the most that may be silent, and its share."""

    sounding_s: float
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
    sounding_s = audio_s - silent_s
    most_s = definitions.most_silence_s(sounding_s)
    return Silence(sounding_s, silent_s, most_s, share)


def check_clipping(evidence: Evidence) -> TrustNote | None:
    """The waveform fits its range."""
    shares = [trial.level.clipped_share or 0.0 for trial in evidence.counted if trial.level]
    loud = [share for share in shares if share > CLIPPED_SHARE]
    if not loud:
        return None
    distorted = [share for share in shares if share > DISTORTED_SHARE]
    is_invalid = len(distorted) > OUTSIDE_SHARE * len(shares)
    text = (
        f"more than {CLIPPED_SHARE:.0%} of the samples are clipped in {n_of(len(loud), shares)}"
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
        text=f"samples are NaN or infinite in {n_of(len(broken), counts)} (up to {max(broken)}): "
        "the model's output is broken, its speed means nothing",
        invalid=True,
    )


class Fragment(NamedTuple):
    """Sound that was followed by a longer stall."""

    sound_ms: float
    stall_ms: float
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
    bursts = [each for each in fragments if not each.is_slow]
    scraps = [each for each in bursts if each.sound_ms < SYLLABLE_MS]
    enough = OUTSIDE_SHARE * len(evidence.recordings)
    if len(fragments) <= enough:
        return None
    limits_samples = any(limit.onset == "sample" for limit in evidence.result.thresholds)
    sound_ms = median(each.sound_ms for each in fragments)
    stall_ms = median(each.stall_ms for each in fragments)
    cause = "it is slower than real time"
    if bursts:
        cause = "a player starts at once only to stop, and no first sample says so"
    return TrustNote(
        guard="burst",
        text=f"{n_of(len(fragments), evidence.recordings)} stall for longer than all sound before "
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
                is_slow=hole.speed_after >= 1,
            )
        )
    return fragments

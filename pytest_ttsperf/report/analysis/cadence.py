"""Rules about interruptions of a player whose engine is fast enough as a whole."""

from __future__ import annotations

from statistics import median

from pytest_ttsperf.metrics import playback
from pytest_ttsperf.records import Trial
from pytest_ttsperf.report.analysis.evidence import CellEvidence
from pytest_ttsperf.report.analysis.likely_cause import LikelyCause
from pytest_ttsperf.report.rows import number

FAST_ENOUGH_RTF = 0.9
"""Below it the audio is there in time, if it comes evenly."""
CHANCE_SHARE = 0.1
"""Of the trials: of an engine that is even, 1 to 3 in 100 come late by chance in a noisy quarter of
an hour (docs/adr/0042), and each may stall. What is in the engine shows in many more."""
FEWEST_ALIKE = 2
"""Trials: of five, a single one is beyond that share, and no pattern."""


def uneven_chunks(evidence: CellEvidence) -> LikelyCause | None:
    """Stalls in many answers of an engine that beats real time: its chunks come too unevenly."""
    rtf = evidence.middle("rtf")
    stalls_ms = evidence.measured("longest_stall_ms")
    stalling = [stall_ms for stall_ms in stalls_ms if stall_ms > 0]
    if rtf is None or rtf >= FAST_ENOUGH_RTF or _is_chance(len(stalling), len(stalls_ms)):
        return None
    if not evidence.is_tight("cadence", "ttfa"):
        return None
    facts = [
        f"{len(stalling)} of {len(stalls_ms)} trials stall with "
        f"{number(evidence.result.prebuffer_ms, 'ms')} buffered, the longest for "
        f"{number(max(stalling), 'ms')}",
        f"rtf p50 is {number(rtf)}: the audio as a whole is made in time",
    ]
    needed_ms = evidence.measured("prebuffer_needed_ms")
    advice = "compute the next chunk while the last one plays, or make the first ones grow slower"
    if needed_ms:
        facts.append(f"{number(max(needed_ms), 'ms')} of buffer would have prevented all stalls")
        advice = f"{advice}; or let the player buffer {number(max(needed_ms), 'ms')}"
    return LikelyCause(
        rule="uneven_chunks",
        cause="the chunks come too unevenly for the player, though the engine beats real time",
        evidence=tuple(facts),
        next_step=advice,
    )


def _is_chance(count: int, trials: int) -> bool:
    """Whether so few of the trials say nothing of the engine."""
    return count < FEWEST_ALIKE or count <= CHANCE_SHARE * trials


def early_scrap(evidence: CellEvidence) -> LikelyCause | None:
    """A scrap of sound that is sent early, and then a longer hole."""
    if evidence.result.cell.mode != "stream":
        return None
    played = [trial for trial in evidence.trials if trial.recording is not None]
    scraps = [_scrap(trial) for trial in played]
    found = [scrap for scrap in scraps if scrap is not None]
    if _is_chance(len(found), len(played)):
        return None
    sound_ms = median(scrap[0] for scrap in found)
    stall_ms = median(scrap[1] for scrap in found)
    return LikelyCause(
        rule="early_scrap",
        cause="a scrap of sound is sent early, and then nothing for longer than it lasts: the time "
        "to the first sound promises more than a listener gets",
        evidence=(
            f"{len(found)} of {len(played)} trials stop so: {number(sound_ms, 'ms')} of sound, "
            f"then {number(stall_ms, 'ms')} of nothing (medians)",
        ),
        next_step="send the first chunk when enough follows behind it; limit underruns beside "
        "ttfa, with the prebuffer of your player",
    )


def _scrap(trial: Trial) -> tuple[float, float] | None:
    """Milliseconds of sound and of the hole behind it; None where the sound goes on.

    Of a target that is slower than real time it says nothing: that one has holes everywhere.
    """
    if trial.recording is None or trial.sound is None:
        return None
    hole = playback.find_hole(trial.recording)
    if hole is None or hole.speed_after >= 1:
        return None
    silent_frames = trial.sound.onset_frame or 0
    sound_frames = max(0, hole.frames_before - silent_frames)
    return 1000 * sound_frames / trial.recording.sample_rate, hole.stall_ms

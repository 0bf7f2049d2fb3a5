"""How well broken joints are told from whole ones, on sound of our own engine.

    python benchmarks/seam_quality.py [--joints 3000] [--voices heart,joe,jf_alpha] [--planted 300]
        [--seed 1]

Faults are planted at places of voiced sound, both sides within 20 dB of the active level, and
judged against the same places left whole. AUC is the chance that a broken place scores higher than
a whole one. Then every joint of the engine's own streams: none should be flagged. The first voice
has the joints that the others, a tenth each, leave. Exits with 1 if one of these is flagged,
or one between slices of 20 ms.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine import Engine
from pytest_ttsperf.measure.corpus import texts, trial_count
from pytest_ttsperf.metrics.audio import measure_sound
from pytest_ttsperf.sound_quality.seams import FLAGGED_SHARE, Seam, score_joints

Samples = NDArray[np.float32]

SIDE_S = 0.02
SLICED_TEXTS = 8
BELOW_ACTIVE = 0.1
VOICED = 0.5  # normalised autocorrelation at the best period of 60 to 400 Hz
QUIETER_DB = -6.0


class Speech(NamedTuple):
    """What the engine said to one text."""

    samples: Samples
    sample_rate: int
    frame_counts: list[int]


class Place(NamedTuple):
    """A frame of voiced sound, its period in frames, the level around it, and sound elsewhere."""

    speech: Speech
    frame: int
    period: int
    level: float
    active: float
    unrelated: Samples


class Score(NamedTuple):
    """How a place scored, and how loud it is relative to the active level."""

    score: float
    level_db: float


def speak(voice: str, wanted_joints: int) -> list[Speech]:
    """Streams of distinct texts, until there are enough joints."""
    utterances: list[Speech] = []
    joints = 0
    with Engine(voice=voice) as engine:
        for text in texts("medium", trial_count("medium")):
            chunks = list(engine.stream(text))
            samples = np.concatenate([chunk.samples for chunk in chunks])
            counts = [chunk.frame_count for chunk in chunks]
            utterances.append(Speech(samples, engine.sample_rate, counts))
            joints += max(sum(count > 0 for count in counts) - 1, 0)
            if joints >= wanted_joints:
                break
    return utterances


def voiced_places(
    utterances: Sequence[Speech], count: int, random: np.random.Generator
) -> list[Place]:
    """Random places of voiced sound, each with what follows another of them."""
    found: list[Place] = []
    while len(found) < count:
        speech = utterances[int(random.integers(len(utterances)))]
        margin = speech.sample_rate // 4
        frame = int(random.integers(margin, speech.samples.size - margin))
        place = look_at(speech, frame)
        if place is not None:
            found.append(place)
    return [
        place._replace(unrelated=after(other))
        for place, other in zip(found, [*found[1:], found[0]], strict=True)
    ]


def look_at(speech: Speech, frame: int) -> Place | None:
    """The place, if it is voiced and loud enough on both sides."""
    side = int(SIDE_S * speech.sample_rate)
    sound = speech.samples[frame - side : frame + side].astype(float)
    sound -= sound.mean()
    level_dbfs = measure_sound(speech.samples, speech.sample_rate).active_level_dbfs
    if level_dbfs is None:
        return None
    active = 10 ** (level_dbfs / 20)
    if min(sound[:side].std(), sound[side:].std()) < BELOW_ACTIVE * active:
        return None
    periods = range(speech.sample_rate // 400, speech.sample_rate // 60)
    likeness = [correlate(sound[:-period], sound[period:]) for period in periods]
    best = int(np.argmax(likeness))
    if likeness[best] < VOICED:
        return None
    return Place(speech, frame, periods[best], float(sound.std()), active, speech.samples)


def correlate(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    return float(left @ right / np.sqrt((left @ left) * (right @ right)))


# Faults: each gives the sound with one at the place


def leave_whole(place: Place) -> Samples:
    return place.speech.samples


def join_hard(place: Place) -> Samples:
    return np.concatenate((before(place), place.unrelated))


def leave_gap(place: Place) -> Samples:
    return insert_silence(place, 0.005)


def pause(place: Place) -> Samples:
    return insert_silence(place, 1.0)


def lose_sample(place: Place) -> Samples:
    return np.concatenate((before(place), after(place)[1:]))


def repeat_sample(place: Place) -> Samples:
    return np.concatenate((before(place), before(place)[-1:], after(place)))


def step_offset(place: Place) -> Samples:
    step = np.float32(0.3 * place.active)
    return np.concatenate((before(place), after(place) + step))


def jump_phase(place: Place) -> Samples:
    """By a quarter to three quarters of the period, which differs from place to place."""
    share = 0.25 + 0.5 * (place.frame % 101) / 100
    return np.concatenate((before(place), after(place)[int(share * place.period) :]))


def before(place: Place) -> Samples:
    return place.speech.samples[: place.frame]


def after(place: Place) -> Samples:
    return place.speech.samples[place.frame :]


def insert_silence(place: Place, seconds: float) -> Samples:
    silence = np.zeros(int(seconds * place.speech.sample_rate), dtype=np.float32)
    return np.concatenate((before(place), silence, after(place)))


FAULTS: Mapping[str, Callable[[Place], Samples]] = {
    "hard join": join_hard,
    "gap of 5 ms": leave_gap,
    "sample lost": lose_sample,
    "sample repeated": repeat_sample,
    "offset": step_offset,
    "phase jump": jump_phase,
    "pause of 1 s": pause,
}


def score_fault(fault: Callable[[Place], Samples], place: Place) -> Score:
    samples = fault(place)
    counts = [place.frame, samples.size - place.frame]
    (seam,) = score_joints(samples, place.speech.sample_rate, counts)
    return Score(seam.score, 20 * np.log10(place.level / place.active))


def auc(broken: Sequence[Score], whole: Sequence[Score]) -> float | None:
    """The chance that a broken place scores higher than a whole one; ties count half."""
    if not broken:
        return None
    higher = np.array([[one.score] for one in broken])
    lower = np.array([one.score for one in whole])
    return float(np.mean(higher > lower) + np.mean(higher == lower) / 2)


def show_faults(voice: str, places: Sequence[Place]) -> None:
    """A line for each kind: AUC, how many are flagged, AUC of the louder and quieter places."""
    whole = [score_fault(leave_whole, place) for place in places]
    flagged = sum(one.score >= FLAGGED_SHARE for one in whole)
    print(f"{voice:9} {'whole':16} {'':7} flagged {flagged:3} of {len(whole)}")
    for kind, fault in FAULTS.items():
        broken = [score_fault(fault, place) for place in places]
        flagged = sum(one.score >= FLAGGED_SHARE for one in broken)
        louder = [one for one in broken if one.level_db >= QUIETER_DB]
        quieter = [one for one in broken if one.level_db < QUIETER_DB]
        print(
            f"{voice:9} {kind:16} AUC {format_auc(auc(broken, whole))}"
            f" flagged {flagged:3} of {len(broken)}"
            f"; within 6 dB of the active level {format_auc(auc(louder, whole))}"
            f" ({len(louder)}), below {format_auc(auc(quieter, whole))} ({len(quieter)})"
        )


def format_auc(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def show_joints(voice: str, utterances: Sequence[Speech]) -> int:
    """A line about the engine's joints; how many are flagged."""
    seams: list[Seam] = []
    start = time.process_time()
    for speech in utterances:
        seams += score_joints(speech.samples, speech.sample_rate, speech.frame_counts)
    joint_ms = (time.process_time() - start) * 1000 / len(seams)
    scores = sorted((seam.score for seam in seams), reverse=True)
    flagged = sum(score >= FLAGGED_SHARE for score in scores)
    highest = " ".join(f"{score:.2f}" for score in scores[:5])
    print(
        f"{voice:9} own joints: flagged {flagged} of {len(seams)}; highest {highest};"
        f" {joint_ms:.2f} ms of CPU a joint"
    )
    return flagged


def show_slices(voice: str, utterances: Sequence[Speech]) -> int:
    """A line about whole sound in slices of 20 ms, most of them inside speech; how many flagged."""
    seams: list[Seam] = []
    for speech in utterances[:SLICED_TEXTS]:
        side = int(SIDE_S * speech.sample_rate)
        slices, rest = divmod(speech.samples.size, side)
        seams += score_joints(speech.samples, speech.sample_rate, [*[side] * slices, rest])
    flagged = sum(seam.score >= FLAGGED_SHARE for seam in seams)
    print(f"{voice:9} slices of 20 ms: flagged {flagged} of {len(seams)}")
    return flagged


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--joints", type=int, default=3000)
    parser.add_argument("--voices", default="heart,joe,jf_alpha")
    parser.add_argument("--planted", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    voices = options.voices.split(",")
    few = options.joints // 10
    wanted = dict.fromkeys(voices, few)
    wanted[voices[0]] = options.joints - few * (len(voices) - 1)
    flagged = 0
    for voice in voices:
        utterances = speak(voice, wanted[voice])
        random = np.random.default_rng(options.seed)
        show_faults(voice, voiced_places(utterances, options.planted, random))
        flagged += show_joints(voice, utterances)
        flagged += show_slices(voice, utterances)
    return 1 if flagged else 0


if __name__ == "__main__":
    sys.exit(main())

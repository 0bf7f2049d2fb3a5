"""Seams, on a voice synthesised so that every joint is known to be whole or broken."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ttsperf.errors import MeasurementError
from pytest_ttsperf.sound_quality.seams import FLAGGED_SHARE, find_seams, score_joints

RATES = [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000]
RATE = 24_000
FADE_S = 0.03


def voice(seconds=1.0, rate=RATE, seed=1, pitch_hz=137.0):
    """Harmonics that fall off as a voice's do, its pitch gliding, with breath in it."""
    random = np.random.default_rng(seed)
    times = np.arange(int(seconds * rate)) / rate
    phase = 2 * np.pi * (pitch_hz * times + 9 * times**2)
    sound = random.normal(0, 0.002, times.size)
    for number in range(1, int(0.4 * rate / pitch_hz / 1.3)):
        sound += 0.2 / number * np.cos(number * phase + random.uniform(0, 2 * np.pi))
    return (0.5 * sound).astype(np.float32)


def half(rate=RATE):
    """A frame in the middle of a second of the voice, where the waveform is steep."""
    middle = rate // 2
    steps = np.abs(np.diff(voice(rate=rate)[middle : middle + rate // 100]))
    return middle + int(np.argmax(steps)) + 1


def joined(*parts):
    return np.concatenate(parts).astype(np.float32)


def broken(kind, rate=RATE):
    """A second of the voice with one fault, and the frame of the joint."""
    sound = voice(rate=rate)
    joint = half(rate)
    left, right = sound[:joint], sound[joint:]
    faults = {
        "hard join": lambda: joined(left, voice(rate=rate, seed=2, pitch_hz=181.0)),
        "gap": lambda: joined(left, np.zeros(rate // 200), right),
        "sample lost": lambda: joined(left, right[1:]),
        "sample repeated": lambda: joined(left, left[-1:], right),
        "offset": lambda: joined(left, right + 0.1),
        "phase jump": lambda: joined(left, right[int(0.4 * rate / 146) :]),
        "pause": lambda: joined(left, np.zeros(rate), right),
    }
    return faults[kind](), joint


def cut(samples, *joints):
    """Frames of the chunks between joints."""
    return np.diff([0, *joints, samples.size]).tolist()


@pytest.mark.parametrize("rate", RATES)
def test_whole_joints_are_not_flagged(rate):
    sound = voice(rate=rate)
    joints = np.arange(1, 50) * rate // 50
    assert find_seams(sound, rate, cut(sound, *joints)) == (49, ())


@given(st.lists(st.integers(1, RATE - 1), max_size=20, unique=True), st.integers(0, 2**32 - 1))
def test_where_a_voice_is_cut_does_not_matter(joints, seed):
    sound = voice(seed=seed)
    assert find_seams(sound, RATE, cut(sound, *sorted(joints))) == (len(joints), ())


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("hard join", "step"),
        ("gap", "gap"),
        ("sample lost", "step"),
        ("sample repeated", "step"),
        ("offset", "offset"),
        ("phase jump", "step"),
        ("pause", "pause"),
    ],
)
def test_a_broken_joint_is_flagged_with_its_second_and_kind(fault, kind, rate):
    sound, joint = broken(fault, rate)
    joints = sorted({joint, *range(rate // 10, joint - rate // 40, rate // 10)})
    seams = find_seams(sound, rate, cut(sound, *joints))
    assert seams.joints == len(joints)
    assert [seam.kind for seam in seams.flagged] == [kind]
    assert seams.flagged[0].second == joint / rate
    assert FLAGGED_SHARE <= seams.flagged[0].score <= 1


@pytest.mark.parametrize("fault", ["hard join", "gap", "pause"])
def test_a_fault_between_joints_is_not_looked_for(fault):
    sound, joint = broken(fault)
    away = joint - RATE // 20
    assert find_seams(sound, RATE, cut(sound, away)).flagged == ()


def test_silence_that_is_a_chunk_of_its_own_is_one_seam():
    sound, joint = broken("pause")
    seams = find_seams(sound, RATE, cut(sound, joint, joint + RATE))
    assert [(seam.second, seam.kind) for seam in seams.flagged] == [(joint / RATE, "pause")]


@pytest.mark.parametrize("silence_s", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("place", ["before", "middle", "after"])
def test_a_pause_between_sentences_is_legitimate(silence_s, place):
    """The voice dies away within 30 ms and comes back within 30 ms: a sentence is a chunk."""
    fade = np.minimum(1, np.linspace(0, 1, RATE) / FADE_S)
    silence = np.zeros(int(silence_s * RATE))
    first, second = voice() * fade[::-1], voice(seed=2) * fade
    sound = joined(first, silence, second)
    at = {"before": 0, "middle": silence.size // 2, "after": silence.size}
    joint = first.size + at[place]
    assert find_seams(sound, RATE, cut(sound, joint)) == (1, ())


def test_silence_on_either_end_is_no_gap():
    sound = joined(np.zeros(RATE // 2), voice(), np.zeros(RATE // 2))
    seams = find_seams(sound, RATE, cut(sound, RATE // 4, RATE // 2, RATE * 3 // 2))
    assert seams == (3, ())


def test_an_abrupt_beginning_after_a_fade_is_no_gap():
    """A stop consonant: closing takes its time, the burst does not."""
    fade = np.minimum(1, np.linspace(1, 0, RATE) / FADE_S)
    sound = joined(voice() * fade, np.zeros(RATE // 20), voice(seed=2))
    assert find_seams(sound, RATE, cut(sound, RATE)).flagged == ()


@pytest.mark.parametrize("counts", [[], [0], [RATE], [0, RATE, 0], [RATE, 0]])
def test_one_chunk_or_none_has_no_joints(counts):
    sound = voice()[: sum(counts)]
    assert find_seams(sound, RATE, counts) == (0, ())


def test_chunks_without_frames_are_none():
    sound, joint = broken("hard join")
    counts = [0, joint, 0, 0, sound.size - joint, 0]
    seams = find_seams(sound, RATE, counts)
    assert (seams.joints, len(seams.flagged)) == (1, 1)


def test_silence_throughout_has_joints_and_no_seam():
    assert find_seams(np.zeros(RATE, np.float32), RATE, [RATE // 2] * 2) == (1, ())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_silence(value):
    sound, joint = broken("gap")
    spoilt = sound.copy()
    spoilt[joint : joint + RATE // 200] = value
    assert find_seams(spoilt, RATE, cut(sound, joint)) == find_seams(sound, RATE, cut(sound, joint))


@given(st.lists(st.integers(0, 40), max_size=30), st.sampled_from(RATES), st.randoms())
def test_any_chunks_of_any_sound_are_judged(counts, rate, random):
    sound = np.array([random.uniform(-2, 2) for _ in range(sum(counts))], dtype=np.float32)
    sound[sound > 1.5] = np.nan
    scored = score_joints(sound, rate, counts)
    assert len(scored) == max(sum(count > 0 for count in counts) - 1, 0)
    assert all(-1 <= seam.score <= 1 for seam in scored)


@given(st.floats(0.05, 2.0))
def test_level_does_not_matter(gain):
    sound, joint = broken("sample lost")
    as_it_is = score_joints(sound, RATE, cut(sound, joint))[0]
    scaled = score_joints(sound * np.float32(gain), RATE, cut(sound, joint))[0]
    assert scaled.score == pytest.approx(as_it_is.score, abs=0.02)


def test_chunks_that_do_not_add_up_are_refused():
    with pytest.raises(MeasurementError, match="add up to 10 frames, the sound has 24000"):
        find_seams(voice(), RATE, [4, 6])

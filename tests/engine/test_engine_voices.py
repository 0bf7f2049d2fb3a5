"""The registry of voices and the table of providers."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest

from engine import voices
from engine.errors import ModelError, OptionError, OptionTypeError, VoiceNotFound, VoiceNotInstalled
from engine.runtime.providers import PROVIDERS, SessionOptions, find_provider
from engine.voices import all_voices, find_voice


def test_heart_is_installed_and_is_what_its_package_says() -> None:
    heart = find_voice("heart")
    entry = json.loads(heart.model.with_name("voices.json").read_text("utf-8"))["heart"]
    assert heart.installed
    assert (heart.sha256, heart.size_bytes) == (entry["sha256"], entry["bytes"])
    assert (heart.family, heart.language, heart.sample_rate) == ("hibari", "en-US", 24_000)
    assert hashlib.sha256(heart.read_model()).hexdigest() == heart.sha256


def test_all_voices_are_known_by_name() -> None:
    names = [voice.name for voice in all_voices()]
    assert "heart" in names
    assert [find_voice(name).name for name in names] == names


def test_an_unknown_voice_is_told_the_near_names() -> None:
    with pytest.raises(VoiceNotFound, match=r"found voice 'Hart'.*wanted one of heart.*'heart'"):
        find_voice("Hart")


def test_a_voice_like_no_other_is_told_them_all() -> None:
    with pytest.raises(VoiceNotFound, match=r"wanted one of heart, .*choose one of them"):
        find_voice("qqqqq")


def test_a_voice_that_is_no_name_is_refused() -> None:
    with pytest.raises(OptionTypeError, match="voice=7"):
        find_voice(7)  # type: ignore[arg-type]


def test_a_voice_without_its_files_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    emma = find_voice("emma")
    assert not emma.installed
    with pytest.raises(VoiceNotInstalled, match=r"emma.*voice_path\('emma'\)"):
        emma.read_model()


def test_a_damaged_model_is_not_used(tmp_path: Path) -> None:
    damaged = tmp_path / "model.onnx"
    damaged.write_bytes(b"half a download")
    heart = dataclasses.replace(find_voice("heart"), model=damaged)
    with pytest.raises(ModelError, match="damaged: pip install --force-reinstall"):
        heart.read_model()


def test_a_missing_voice_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voices, "_hibari_assets", lambda: None)
    voices._hibari_registry.cache_clear()
    try:
        left = {voice.name: voice for voice in all_voices()}
        assert "heart" not in left
        assert not left["jf_alpha"].installed  # it is read by the rules of that package
        with pytest.raises(VoiceNotInstalled, match="pip install 'hibari-tts"):
            find_voice("heart")
    finally:
        voices._hibari_registry.cache_clear()


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_a_provider_goes_by_its_short_and_its_full_name(provider: object) -> None:
    for name in (provider.name, provider.name.upper(), provider.full_name):  # type: ignore[attr-defined]
        assert find_provider(name) is provider


def test_an_unknown_provider_is_told_the_near_name() -> None:
    with pytest.raises(OptionError, match=r"'coreml2', wanted one of cpu, .*mean 'coreml'"):
        find_provider("coreml2")
    with pytest.raises(OptionError, match="choose 'cpu', which is always there"):
        find_provider("")
    with pytest.raises(OptionTypeError, match="provider=None"):
        find_provider(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("threads", [0, -1, 257])
def test_a_thread_count_out_of_range_is_refused(threads: int) -> None:
    with pytest.raises(OptionError, match=f"threads={threads}, wanted 1 to 256"):
        SessionOptions(threads)


@pytest.mark.parametrize("threads", [True, 1.0, "2"])
def test_a_thread_count_of_another_type_is_refused(threads: object) -> None:
    with pytest.raises(OptionTypeError, match="wanted a whole number"):
        SessionOptions(threads)  # type: ignore[arg-type]


def test_unset_threads_are_one() -> None:
    assert SessionOptions().threads_of("encode") == 1
    assert SessionOptions(3).threads_of("encode") == 3

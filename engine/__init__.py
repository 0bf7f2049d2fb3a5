"""A streaming text-to-speech engine on ONNX Runtime: text in, audio chunks out.

    from engine import Engine

    with Engine(voice="heart") as engine:
        for chunk in engine.stream("Hello there."):
            play(chunk.samples, chunk.sample_rate)

Importing this package is cheap; what a name needs is imported when the name is first used. It sets
ORT_DISABLE_TELEMETRY=1 unless that is set already: an engine that works offline does not report.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .audio import Chunk, Word
    from .engine import Engine
    from .errors import (
        AudioError,
        EngineBusy,
        EngineClosed,
        EngineError,
        ModelError,
        OptionError,
        OptionTypeError,
        PackageNotInstalled,
        ProviderUnavailable,
        TextEmpty,
        TextError,
        TextUnspeakable,
        VoiceNotFound,
        VoiceNotInstalled,
    )
    from .runtime.providers import CoreMLOptions, CudaOptions, OpenVINOOptions
    from .streaming import Stream
    from .utterance import Audio


__all__ = [
    "Audio",
    "AudioError",
    "Chunk",
    "CoreMLOptions",
    "CudaOptions",
    "Engine",
    "EngineBusy",
    "EngineClosed",
    "EngineError",
    "ModelError",
    "OpenVINOOptions",
    "OptionError",
    "OptionTypeError",
    "PackageNotInstalled",
    "ProviderUnavailable",
    "Stream",
    "TextEmpty",
    "TextError",
    "TextUnspeakable",
    "VoiceNotFound",
    "VoiceNotInstalled",
    "Word",
]

_HOMES = {
    "Engine": ".engine",
    "Stream": ".streaming",
    "Audio": ".utterance",
    "Chunk": ".audio",
    "Word": ".audio",
    "CoreMLOptions": ".runtime.providers",
    "CudaOptions": ".runtime.providers",
    "OpenVINOOptions": ".runtime.providers",
}


# onnxruntime looks up a host of its makers and leaves the identity of this device in the user's
# cache, soon after its first session; only what is set before its import keeps it from that.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES.get(name, ".errors"), __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""The packages that only those need who ask for quality: imported late, from extras."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from pytest_ttsperf.errors import QualityError

EXTRAS = {
    "jiwer": "quality",
    "pocketsphinx": "quality",
    "pyloudnorm": "quality",
    "librosa": "mos",
    "onnxruntime": "mos",
    "requests": "mos",
    "speechmos": "mos",
}
"""The extra of pytest-ttsperf that each package comes with."""


def require_package(name: str) -> None:
    """Find a package without importing it. QualityError where it is not installed."""
    if importlib.util.find_spec(name) is None:
        raise QualityError(describe_missing(name))


def import_package(name: str, module: str = "") -> Any:
    """Import a package, or a module of it. QualityError where it, or what it needs, is missing."""
    try:
        return importlib.import_module(f"{name}.{module}" if module else name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if missing.partition(".")[0] not in EXTRAS:
            raise
        raise QualityError(describe_missing(missing)) from error


def describe_missing(name: str) -> str:
    """What is missing and which extra to install."""
    extra = EXTRAS[name.partition(".")[0]]
    return f"there is no package {name} here; install it with pip install 'pytest-ttsperf[{extra}]'"

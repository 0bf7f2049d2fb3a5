"""The loaded voices, found by the names that stand for them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..audio import silence
from ..encoders import CONTENT_TYPES, open_encoder
from ..engine import Engine
from ..errors import OptionError
from ..voices import Voice, find_voice
from . import names
from .errors import ApiError

WARM_UP_AUDIO_S = 0.1


@dataclass(frozen=True, slots=True)
class LoadedVoice:
    """A voice with its engine. placement: what runs where, see Engine.placement()."""

    voice: Voice
    engine: Engine
    placement: dict[str, Any]

    @property
    def name(self) -> str:
        """The voice's own name."""
        return self.voice.name

    @property
    def provider(self) -> str:
        """The full name of the provider that runs most nodes."""
        nodes: dict[str, int] = self.placement["nodes"]
        return max(nodes, key=lambda name: nodes[name])


class VoicePool:
    """The voices the server was started with; the first one is the default.

    is_ready: whether every voice is warm. Whoever loads them sets it.
    """

    def __init__(self, names: Sequence[str], open_engine: Callable[[str], Engine]) -> None:
        """Loads nothing yet. Raises VoiceNotFound, VoiceNotInstalled or OptionError."""
        self.voices = [find_voice(name) for name in names]
        for voice in self.voices:
            voice.check_installed()
        if len({voice.name for voice in self.voices}) < len(names):
            raise OptionError(f"found {', '.join(names)}, wanted each voice once; leave one out")
        self.is_ready = False
        self.is_cancelled = False
        self._names = tuple(names)
        self._open_engine = open_engine
        self._loaded: dict[str, LoadedVoice] = {}

    def load(self) -> None:
        """Load every voice, and warm it and every encoder; takes seconds.

        Raises what opening an engine raises.
        """
        for name, voice in zip(self._names, self.voices, strict=True):
            if self.is_cancelled:
                return
            engine = self._open_engine(name)
            engine.warm()
            _warm_encoders(voice.sample_rate)
            self._loaded[voice.name] = LoadedVoice(voice, engine, engine.placement())

    def cancel(self) -> None:
        """Load no further voice. May be called from any thread."""
        self.is_cancelled = True

    def close(self) -> None:
        """Close the engines."""
        self.is_ready = False
        for voice in self:
            voice.engine.close()

    def __iter__(self) -> Iterator[LoadedVoice]:
        return iter(list(self._loaded.values()))

    @property
    def families(self) -> list[str]:
        """The names of our models, each once."""
        return list(dict.fromkeys(voice.family for voice in self.voices))

    def find(self, model: str, name: str, *, is_strict: bool = False) -> LoadedVoice:
        """The voice that names stand for, see names.py; `is_strict` allows no more than OpenAI's.

        Raises ApiError 404 or 400 if there is none, 503 until ready.
        """
        if not self.is_ready:
            raise ApiError(
                503,
                "found voices still opening, wanted them warm; ask again soon",
                code="not_ready",
                retry_s=1,
            )
        families = self.find_families(model, is_strict=is_strict)
        voices = self._find_by_family(families)
        find_voice = names.find_voice_exactly if is_strict else names.find_voice
        found = find_voice(name, list(voices))
        if found is None:
            raise _voice_not_found(name, list(voices))
        return voices[found]

    def find_families(self, model: str, *, is_strict: bool = False) -> list[str]:
        """The families that a model's name stands for. Raises ApiError 404 if there are none."""
        find_families = names.find_families_exactly if is_strict else names.find_families
        families = find_families(model, self.families)
        if families is None:
            raise _model_not_found(model, self.families)
        return families

    def _find_by_family(self, families: Sequence[str]) -> dict[str, LoadedVoice]:
        """Voices by name, in the order of their families."""
        voices: dict[str, LoadedVoice] = {}
        for family in families:
            for voice in self:
                if voice.voice.family == family:
                    voices[voice.name] = voice
        return voices


def _voice_not_found(name: str, voices: Sequence[str]) -> ApiError:
    remedy = "GET /v1/audio/voices lists them"
    possible = [*voices, *names.OPENAI_VOICES, *names.KOKORO_VOICES]
    similar = difflib.get_close_matches(name.lower(), possible, n=1)
    if similar:
        remedy = f"did you mean {similar[0]!r}?"
    return ApiError(
        400,
        f"found voice {name!r}, wanted one of {', '.join(voices)} or of OpenAI's "
        f"{', '.join(names.OPENAI_VOICES)}; {remedy}",
        code="voice_not_found",
        param="voice",
    )


def _model_not_found(model: str, families: Sequence[str]) -> ApiError:
    return ApiError(
        404,
        f"found model {model!r}, wanted one of {', '.join(families)} or of OpenAI's "
        f"{', '.join(names.OPENAI_MODELS)}; GET /v1/models lists them",
        code="model_not_found",
        param="model",
    )


def _warm_encoders(sample_rate: int) -> None:
    samples = silence(WARM_UP_AUDIO_S, sample_rate)
    for audio_format in CONTENT_TYPES:
        encoder = open_encoder(audio_format, sample_rate)
        encoder.encode(samples)
        encoder.finish()

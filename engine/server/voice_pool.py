"""The open voices, and the names they answer to: their own and OpenAI's."""

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
from .errors import ApiError

OPENAI_MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15")
OPENAI_VOICES = (
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage",
    "shimmer", "verse",
)  # fmt: skip
WARM_SOUND_S = 0.1


@dataclass(frozen=True, slots=True)
class LoadedVoice:
    """An open voice. placement: what runs where, see Engine.placement()."""

    voice: Voice
    engine: Engine
    placement: dict[str, Any]

    @property
    def provider(self) -> str:
        """The provider that runs most nodes, by its full name."""
        nodes: dict[str, int] = self.placement["nodes"]
        return max(nodes, key=lambda name: nodes[name])


class VoicePool:
    """The voices the server was started with, the first one being the default."""

    def __init__(self, names: Sequence[str], open_engine: Callable[[str], Engine]) -> None:
        """Nothing is opened yet. Raises VoiceNotFound or VoiceNotInstalled for unfit names."""
        self.voices = [find_voice(name) for name in names]
        for voice in self.voices:
            voice.check_installed()
        if len({voice.name for voice in self.voices}) < len(names):
            raise OptionError(f"found {', '.join(names)}, wanted each voice once; leave one out")
        self._names = tuple(names)
        self._open_engine = open_engine
        self._speakers: dict[str, LoadedVoice] = {}
        self.given_up = False
        self.ready = False  # whoever opens them says when

    def open(self) -> None:
        """Open and warm every voice and every format, once; takes seconds.

        Raises what an engine raises when it is opened.
        """
        for name, voice in zip(self._names, self.voices, strict=True):
            if self.given_up:
                return
            engine = self._open_engine(name)
            engine.warm()
            for audio_format in CONTENT_TYPES:
                encoder = open_encoder(audio_format, voice.sample_rate)
                encoder.encode(silence(WARM_SOUND_S, voice.sample_rate))
                encoder.finish()
            self._speakers[voice.name] = LoadedVoice(voice, engine, engine.placement())

    def give_up(self) -> None:
        """Open no further voice. From any thread."""
        self.given_up = True

    def close(self) -> None:
        """Give everything back."""
        self.ready = False
        for speaker in self:
            speaker.engine.close()

    def __iter__(self) -> Iterator[LoadedVoice]:
        return iter(list(self._speakers.values()))

    @property
    def families(self) -> list[str]:
        """Our model names, each once."""
        return list(dict.fromkeys(voice.family for voice in self.voices))

    def find(self, model: str, voice: str) -> LoadedVoice:
        """Who is to speak. Raises Problem for a name that nobody answers to, 503 until ready."""
        if not self.ready:
            raise ApiError(
                503, "found voices still opening, wanted them warm; ask again soon",
                code="not_ready", retry_s=1,
            )  # fmt: skip
        if model not in OPENAI_MODELS and model not in self.families:
            raise ApiError(
                404,
                f"found model {model!r}, wanted one of {', '.join(self.families)} or of OpenAI's "
                f"{', '.join(OPENAI_MODELS)}; GET /v1/models lists them",
                code="model_not_found",
                param="model",
            )
        fit = [s for s in self if model in OPENAI_MODELS or model == s.voice.family]
        names = {speaker.voice.name: speaker for speaker in fit}
        if voice in names:
            return names[voice]
        if voice in OPENAI_VOICES:
            return fit[0]
        near = difflib.get_close_matches(voice, [*names, *OPENAI_VOICES], n=1)
        raise ApiError(
            400,
            f"found voice {voice!r}, wanted one of {', '.join(names)} or of OpenAI's "
            f"{', '.join(OPENAI_VOICES)}; "
            + (f"did you mean {near[0]!r}?" if near else "GET /v1/audio/voices lists them"),
            code="voice_not_found",
            param="voice",
        )

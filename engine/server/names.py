"""Names as clients write them, and what they stand for here.

Clients that were written for OpenAI or for a Kokoro server have that server's names in them. Where
a voice of ours is the one that is meant, it is found; otherwise the default voice answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

OPENAI_MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15")
OPENAI_VOICES = (
    "alloy",
    "ash",
    "ballad",
    "cedar",
    "coral",
    "echo",
    "fable",
    "marin",
    "nova",
    "onyx",
    "sage",
    "shimmer",
    "verse",
)
KOKORO = "kokoro"
KOKORO_VOICES = (
    # American English, women and men
    *("af_alloy", "af_aoede", "af_bella", "af_heart", "af_jessica", "af_kore", "af_nicole"),
    *("af_nova", "af_river", "af_sarah", "af_sky"),
    *("am_adam", "am_echo", "am_eric", "am_fenrir", "am_liam", "am_michael", "am_onyx"),
    *("am_puck", "am_santa"),
    # British English
    *("bf_alice", "bf_emma", "bf_isabella", "bf_lily"),
    *("bm_daniel", "bm_fable", "bm_george", "bm_lewis"),
    # Spanish, French, Hindi, Italian, Japanese, Portuguese, Mandarin
    *("ef_dora", "em_alex", "em_santa"),
    "ff_siwis",
    *("hf_alpha", "hf_beta", "hm_omega", "hm_psi"),
    *("if_sara", "im_nicola"),
    *("jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo"),
    *("pf_dora", "pm_alex", "pm_santa"),
    *("zf_xiaobei", "zf_xiaoni", "zf_xiaoxiao", "zf_xiaoyi"),
    *("zm_yunjian", "zm_yunxi", "zm_yunxia", "zm_yunyang"),
    "af",  # of the first release: a mix of af_bella and af_sarah
)
"""The voices of Kokoro's releases: the language and the sex, then the name."""

_DATE = re.compile(r"-\d{4}(-\d{2}-\d{2})?$")  # tts-1-1106, gpt-4o-mini-tts-2025-03-20
_WEIGHT = re.compile(r"\([\d.]*\)$")  # af_bella(2)+af_sky(1)
_FIRST_RELEASE = "_v0"  # af_v0bella


def find_families_exactly(model: str, families: Sequence[str]) -> list[str] | None:
    """The families of voices that a model's name stands for; None for an unknown name.

    OpenAI's models stand for all of ours.
    """
    if model in OPENAI_MODELS:
        return list(families)
    return [model] if model in families else None


def find_families(model: str, families: Sequence[str]) -> list[str] | None:
    """As find_families_exactly, in any case, with dated models of OpenAI's and Kokoro's names.

    A model of Kokoro's stands for all of ours too, its own family first.
    """
    name = model.strip().lower()
    undated = _DATE.sub("", name)
    if name in OPENAI_MODELS or undated in OPENAI_MODELS:
        return list(families)
    if name.rpartition("/")[2].startswith(KOKORO):  # hexgrad/Kokoro-82M
        return sorted(families, key=lambda family: family != KOKORO)
    return [name] if name in families else None


def find_voice_exactly(name: str, voices: Sequence[str]) -> str | None:
    """The one of our voices that a name stands for; None for an unknown name.

    OpenAI's voices stand for the first of ours.
    """
    if name in voices:
        return name
    return voices[0] if name in OPENAI_VOICES else None


def find_voice(name: str, voices: Sequence[str]) -> str | None:
    """As find_voice_exactly, in any case, with the names of Kokoro's voices and their mixes.

    Of a mix, the first part that we have is taken: voices are not mixed here. A voice of Kokoro's
    that we do not have stands for the first of ours, as OpenAI's do.
    """
    whole = _find_in_any_case(name.strip().lower(), voices)
    if whole is not None:
        return whole
    parts = [_clean_part(part) for part in name.split("+")]
    matches = [_match(part, voices) for part in parts]
    found = [match for match in matches if match is not None]
    for part, match in zip(parts, matches, strict=True):
        if match is None and part not in OPENAI_VOICES and part not in KOKORO_VOICES:
            return None
    return found[0] if found else voices[0]


def _clean_part(part: str) -> str:
    """One voice of a mix, without its weight."""
    name = _WEIGHT.sub("", part.strip().lower())
    return name.replace(_FIRST_RELEASE, "_")


def _match(name: str, voices: Sequence[str]) -> str | None:
    """Our voice of that name, or the one that goes by Kokoro's name for it.

    `heart` was made from `af_heart`, and `kokoro-v1.0.onnx:af_heart` is that voice by its path.
    """
    same = _find_in_any_case(name, voices)
    if same is not None or name not in KOKORO_VOICES:
        return same
    for voice in voices:
        if voice.lower().endswith(f":{name}"):
            return voice
    return _find_in_any_case(name.partition("_")[2], voices)


def _find_in_any_case(name: str, voices: Sequence[str]) -> str | None:
    return next((voice for voice in voices if voice.lower() == name), None)

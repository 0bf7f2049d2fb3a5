"""Kokoro in one piece: for graphs that cannot be cut, spoken clause by clause.

Each clause is given to the graph alone, but with the style of its whole sentence: a style is chosen
by length, and a short clause would be spoken as a short sentence is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...audio import Samples, lead_samples
from ...runtime.session import Session
from ...text.phonemizer import PAD_ID, ModelInput, Phonemizer
from ..base import AudioPiece, StreamContext
from .voice import SAMPLE_RATE, StyleTable, sentence, sounding_samples

LEAST_IDS = 8  # a shorter clause goes with the next one: alone it is half silence


class WholeModel:
    """Speaks on one session."""

    sample_rate = SAMPLE_RATE

    def __init__(self, session: Session, phonemize: Phonemizer, speaker: StyleTable) -> None:
        self._session = session
        self._phonemize = phonemize
        self._speaker = speaker

    def read(self, segment: str) -> list[ModelInput]:
        """A segment as ids; the graph tells no words."""
        return self._phonemize.read(segment)

    def sessions(self) -> Sequence[Session]:
        """The only one."""
        return (self._session,)

    def close(self) -> None:
        """Nothing: all else is plain memory."""

    def stream(
        self, speech: ModelInput, request: StreamContext, first_chunk: int, *, trim: bool
    ) -> Iterator[AudioPiece]:
        """Say it in pieces: see base.Model. Trimmed, pads between clauses are shortened too.

        Not trimmed, it is the whole sentence as the graph speaks it.
        """
        style = self._speaker.style(speech.ids)
        parts = clauses(speech.ids, self._speaker) if trim else [list(speech.ids)]
        for chunk, ids in enumerate(parts, first_chunk):
            with request.recorder.span("decode", chunk):
                told = self._session.run(sentence(ids, style, request.speed), request.stop)
            samples: Samples = told["samples"].reshape(-1)
            if trim:
                samples = samples[lead_samples(samples, len(samples), SAMPLE_RATE) :]
                samples = samples[: sounding_samples(samples)]
            yield AudioPiece(samples, ())


def clauses(ids: Sequence[int], speaker: StyleTable) -> list[list[int]]:
    """Ids of a sentence, cut behind its pauses; every part has a sound and a pad at both ends."""
    parts: list[list[int]] = [[]]
    inner = [id_ for id_ in ids if id_ != PAD_ID]
    for at, id_ in enumerate(inner):
        parts[-1].append(id_)
        rest = inner[at + 1 :]
        sounds = sum(one not in speaker.silent for one in parts[-1])
        left = sum(one not in speaker.silent for one in rest)
        if id_ in speaker.pauses and sounds >= LEAST_IDS and left >= LEAST_IDS:
            parts.append([])
    return [[PAD_ID, *part, PAD_ID] for part in parts]

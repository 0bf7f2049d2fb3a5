"""Kokoro in one piece: for graphs that cannot be cut, spoken clause by clause.

Each clause is given to the graph alone, but with the style of its whole sentence: a style is chosen
by length, and a short clause would be spoken as a short sentence is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...audio import Samples, lead_samples
from ...runtime.session import Session
from ...text.phonemizer import PAD_ID, ModelInput, Phonemizer
from ..base import AudioPiece, PhonemizedModel, SpeedRange, StreamContext
from .voice import SAMPLE_RATE, StyleTable, model_feeds, sounding_samples

LEAST_IDS = 8  # a shorter clause goes with the next one: alone it is half silence


class WholeModel(PhonemizedModel):
    """Speaks on one session."""

    sample_rate = SAMPLE_RATE
    speeds = SpeedRange()

    def __init__(self, session: Session, phonemize: Phonemizer, styles: StyleTable) -> None:
        self._session = session
        super().__init__(phonemize)
        self._styles = styles

    def sessions(self) -> Sequence[Session]:
        """The only one."""
        return (self._session,)

    def stream(
        self, speech: ModelInput, request: StreamContext, first_chunk: int, *, trim: bool
    ) -> Iterator[AudioPiece]:
        """Say it in pieces: see base.Model. Trimmed, pads between clauses are shortened too.

        Not trimmed, it is the whole sentence as the graph speaks it.
        """
        style = self._styles.style(speech.ids)
        clauses = [list(speech.ids)]
        if trim:
            clauses = cut_clauses(speech.ids, self._styles)
        for chunk, ids in enumerate(clauses, first_chunk):
            with request.recorder.span("decode", chunk):
                feeds = model_feeds(ids, style, request.speed)
                outputs = self._session.run(feeds, request.stop)
            samples: Samples = outputs["samples"].reshape(-1)
            if trim:
                lead = lead_samples(samples, len(samples), SAMPLE_RATE)
                samples = samples[lead:]
                samples = samples[: sounding_samples(samples)]
            yield AudioPiece(samples, ())


def cut_clauses(ids: Sequence[int], styles: StyleTable) -> list[list[int]]:
    """Ids of a sentence, cut behind its pauses; every part has a sound and a pad at both ends."""
    inner = [id_ for id_ in ids if id_ != PAD_ID]
    sounds_left = _count_sounds(inner, styles)
    clauses: list[list[int]] = []
    clause: list[int] = []
    for id_ in inner:
        clause.append(id_)
        if id_ not in styles.pauses:
            continue
        sounds = _count_sounds(clause, styles)
        if min(sounds, sounds_left - sounds) >= LEAST_IDS:
            clauses.append(clause)
            clause = []
            sounds_left -= sounds
    return [[PAD_ID, *part, PAD_ID] for part in (*clauses, clause)]


def _count_sounds(ids: Sequence[int], styles: StyleTable) -> int:
    return sum(id_ not in styles.silent for id_ in ids)

"""The hibari family: phoneme ids -> a stream of waveforms.

The graph runs whole, once a segment: stage `decode`, which here includes encoding and prosody.
Its spectra then go through the vocoder piece by piece, so that the first piece of sound leaves
while the rest of the segment is still spectra.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ..audio import Samples
from ..session import Session
from ..timing import Recorder
from .vocoder import HOP, LOOKAHEAD, SAMPLE_RATE, Spectra, Vocoder

SPECTRA = ("lh", "theta", "ln", "lr", "phi", "f0")  # the model's outputs, in the order of Spectra
SPEED = np.ones(1, np.float32)


class HibariModel:
    """Speaks phoneme ids on a session that runs a hibari graph."""

    sample_rate = SAMPLE_RATE

    def __init__(self, session: Session) -> None:
        self._session = session

    def stream(
        self,
        ids: Sequence[int],
        noise: np.random.Generator,
        recorder: Recorder,
        first_chunk: int,
        chunk_s: Callable[[int], float],
    ) -> Iterator[Samples]:
        """One segment's waveform in pieces of about chunk_s(chunk index) seconds.

        Chunks are counted from first_chunk, in the spans too. Raises ModelError.
        """
        with recorder.span("decode", first_chunk):
            spectra = self._decode(ids)
        vocoder = Vocoder(noise)
        start = 0
        sizes = pieces(spectra.frame_count, first_chunk, chunk_s)
        for chunk, stop in enumerate(np.cumsum(sizes), first_chunk):
            last = stop == spectra.frame_count
            with recorder.span("vocode", chunk):
                fed = spectra.frame_count if last else int(stop) + LOOKAHEAD
                samples = vocoder.push(spectra.between(start, fed))
                if last:
                    samples = np.concatenate([samples, vocoder.finish()])
            yield samples
            start = fed

    def _decode(self, ids: Sequence[int]) -> Spectra:
        outputs = self._session.run({"ids": np.array([ids], np.int64), "speed": SPEED})
        return Spectra(*(outputs[name][0] for name in SPECTRA))


def pieces(frame_count: int, first_chunk: int, chunk_s: Callable[[int], float]) -> list[int]:
    """How many frames each chunk of a segment holds; they add up to frame_count.

    No rest shorter than half a chunk is left over, and none too short to look ahead into: it
    joins the chunk before.
    """
    sizes: list[int] = []
    rest = frame_count
    while rest:
        size = max(1, round(chunk_s(first_chunk + len(sizes)) * SAMPLE_RATE / HOP))
        if rest - size < max(size / 2, LOOKAHEAD):
            size = rest
        sizes.append(size)
        rest -= size
    return sizes

"""The hibari family on graphs of fixed shapes, for providers that compile a graph for its shapes.

Pitch and spectra are computed in runs of a few fixed lengths, the buckets, on a session for each.
Nothing is padded inside a sentence: a run takes further rows of it instead, which are needed later
anyway. Only what lies before its first row and behind its last is padding, and a mask has every
layer read zeros there, as it does in the graphs that take any length. So the sound is the same.

What encodes a sentence still takes any length: how long its phonemes last depends on all of them,
and with more behind the last they would last otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...runtime.session import CancelToken, Session
from .architecture import (
    DECODE_LAYERS,
    DECODE_LOOKAHEAD,
    DECODE_WIDTH,
    FEATURE_WIDTH,
    FRAMES_PER_STEP,
    PROSODY_LOOKAHEAD,
    PROSODY_WIDTH,
    REACH,
    SPECTRA_WIDTH,
    VOCODER_LOOKAHEAD,
)
from .vocoder import Floats, Spectra

# Rows of a run. The longer ones hold what a first chunk needs: a tenth of a second of sound, the
# silence in front of it, and what the layers look ahead. The shorter ones go on from there.
BUCKETS: Mapping[str, tuple[int, ...]] = {"prosody": (32, 96), "decode": (32, 80)}

Integers = NDArray[np.int64]
BucketSessions = Mapping[int, Session]
"""A session for each number of rows."""


def bucket_name(stage: str, rows: int) -> str:
    """What the graph of a stage for runs of so many rows is called."""
    return f"{stage}-{rows}"


def bucket_names() -> list[str]:
    """All graphs of fixed shapes, by stage and length."""
    names = []
    for stage, lengths in BUCKETS.items():
        names += [bucket_name(stage, rows) for rows in lengths]
    return names


class EncodedRows(NamedTuple):
    """A sentence after `encode`: rows per phoneme, and which phoneme each step belongs to."""

    acoustic: Floats
    text: Floats
    steps: Integers

    def gather(self, table: Floats, begin: int, count: int) -> Floats:
        """The rows of `count` steps from step `begin` on; zeros where there is no such step."""
        rows = np.zeros((count, table.shape[1]), np.float32)
        first = max(0, begin)
        steps = self.steps[first : max(first, begin + count)]
        offset = first - begin
        rows[offset : offset + len(steps)] = table[steps]
        return rows


class BucketRuns:
    """The runs of one net over a sentence: what comes out trails what goes in by its lookahead."""

    def __init__(
        self,
        sessions: BucketSessions,
        lookahead: int,
        total: int,
        state: Floats,
        stop: CancelToken | None,
    ) -> None:
        """`total` is how many rows the sentence has, `state` what the net starts from."""
        self._sessions = sessions
        self._lookahead = lookahead
        self._total = total
        self._state = state
        self._stop = stop
        self.rows_in = 0
        """How many rows went in, padding behind the sentence included."""

    @property
    def rows_out(self) -> int:
        """How many rows of the sentence came out."""
        return min(max(0, self.rows_in - self._lookahead), self._total)

    def choose_rows(self, wanted: int) -> int:
        """How many rows the next run takes: the fewest that bring out all before `wanted`.

        The most that there are, if one run does not do.
        """
        missing = wanted + self._lookahead - self.rows_in
        sizes = sorted(self._sessions)
        for size in sizes:
            if size >= missing:
                return size
        return sizes[-1]

    def mask(self, rows: int) -> Floats:
        """1 for each row that is one of the sentence, else 0: [rows + lookahead, 1].

        Of the rows that go in with the next run, and as many before them as it looks back.
        """
        places = np.arange(self.rows_in - self._lookahead, self.rows_in + rows)
        is_inside = (places >= 0) & (places < self._total)
        return is_inside[:, None].astype(np.float32)

    def run(self, rows: int, feeds: Mapping[str, Floats]) -> tuple[dict[str, Floats], slice]:
        """Run so many rows: what comes out, and which of its rows are of the sentence.

        Raises ModelError, or Cancelled.
        """
        first = self.rows_in - self._lookahead
        outputs = self._sessions[rows].run(
            {**feeds, "state": self._state, "mask": self.mask(rows)},
            self._stop,
        )
        self._state = outputs["carry"]
        self.rows_in += rows
        begin = min(max(0, -first), rows)
        end = min(max(begin, self._total - first), rows)
        return outputs, slice(begin, end)


class BucketFrames:
    """A sentence's spectra and pitch as far as they are asked for, each computed once."""

    def __init__(
        self,
        encoded: EncodedRows,
        prosody: BucketSessions,
        decode: BucketSessions,
        first: int,
        stop: CancelToken | None,
    ) -> None:
        """`first` is the first frame whose spectra are wanted; pitch is, from the start."""
        steps = len(encoded.steps)
        self._encoded = encoded
        self._total = FRAMES_PER_STEP * steps
        prosody_state = np.zeros((2 * PROSODY_LOOKAHEAD, PROSODY_WIDTH), np.float32)
        self._prosody = BucketRuns(prosody, PROSODY_LOOKAHEAD, steps, prosody_state, stop)
        decode_state = np.zeros((DECODE_LAYERS, 1, 2 * REACH, DECODE_WIDTH), np.float32)
        self._decode = BucketRuns(decode, DECODE_LOOKAHEAD, self._total, decode_state, stop)
        # Features from those that the first layer of the decoder looks back on.
        self._features = np.zeros((2 * REACH, FEATURE_WIDTH), np.float32)
        self._unwanted = first  # rows of spectra still to come that nobody wants
        self._rows = np.zeros((0, SPECTRA_WIDTH), np.float32)  # not yet taken
        self._rows_stop = first  # behind those that were taken
        self._pitch = np.zeros(0, np.float32)  # not yet taken
        self._pitch_stop = 0

    def take_until(self, stop: int) -> Spectra:
        """The spectra not yet taken of frames before `stop`, and the pitch of some more.

        As many more as the vocoder looks ahead. Both end where the sentence does.
        """
        stop = min(stop, self._total)
        while self._decode.rows_out < stop:
            self._run_decode(stop)
        rows = self._take_rows(stop)
        pitch = self._take_pitch(min(stop + VOCODER_LOOKAHEAD, self._total))
        return Spectra.of_rows(rows, pitch)

    def _take_rows(self, stop: int) -> Floats:
        count = max(0, stop - self._rows_stop)
        rows = self._rows[:count]
        self._rows = self._rows[count:]
        self._rows_stop += count
        return rows

    def _take_pitch(self, stop: int) -> Floats:
        count = max(0, stop - self._pitch_stop)
        pitch = self._pitch[:count]
        self._pitch = self._pitch[count:]
        self._pitch_stop += count
        return pitch

    def _run_decode(self, stop: int) -> None:
        """The next rows of spectra, towards frame `stop`."""
        count = self._decode.choose_rows(stop)
        self._fill_features(self._decode.rows_in + count, count + 2 * REACH)
        outputs, inside = self._decode.run(count, {"features": self._features[: count + 2 * REACH]})
        self._features = self._features[count:]
        spectra = outputs["spectra"][inside]
        unwanted = min(self._unwanted, len(spectra))
        self._unwanted -= unwanted
        self._rows = np.concatenate([self._rows, spectra[unwanted:]])

    def _fill_features(self, stop: int, count: int) -> None:
        """Get features of all frames before `stop`; behind the last, zeros up to `count` rows."""
        stop = min(stop, self._total)
        while FRAMES_PER_STEP * self._prosody.rows_out < stop:
            self._run_prosody(-(-stop // FRAMES_PER_STEP))
        missing = count - len(self._features)
        if missing > 0:
            padding = np.zeros((missing, FEATURE_WIDTH), np.float32)
            self._features = np.concatenate([self._features, padding])

    def _run_prosody(self, stop: int) -> None:
        """The next features and pitch, towards step `stop`."""
        count = self._prosody.choose_rows(stop)
        begin = self._prosody.rows_in
        encoded = self._encoded
        outputs, inside = self._prosody.run(
            count,
            {
                "text": encoded.gather(encoded.text, begin, count),
                "acoustic": encoded.gather(encoded.acoustic, begin - PROSODY_LOOKAHEAD, count),
            },
        )
        frames = slice(FRAMES_PER_STEP * inside.start, FRAMES_PER_STEP * inside.stop)
        self._features = np.concatenate([self._features, outputs["features"][frames]])
        self._pitch = np.concatenate([self._pitch, outputs["pitch"][frames]])

"""The kokoro family: speech -> a stream of waveforms, begun before the sentence is thought through.

The head hears the whole sentence once: that fixes durations, pitch and features. From there on
windows suffice, as the norms of the generator are known beforehand (see kokoro_norms). Samples need
to hear 10 features of 12.5 ms ahead in `coarse`, and 23 of its rows, a tenth as long, in `fine`.

    ids -> head -> source, waves -> coarse, rows -> fine -> samples

A graph of another make than the quantised one cannot be cut; kokoro_whole speaks it.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...audio import LEAD_S, Samples, Word, lead_samples
from ...cache import processor
from ...errors import ModelError
from ...runtime.providers import CPU
from ...runtime.session import OPTIMISATION, RUNTIME_VERSION, CancelToken, Session, optimise_graph
from ...text.phonemizer import ModelInput, Phonemizer
from ...timing import SpanRecorder
from ...voices import Voice
from ..base import AudioPiece, Model, Settings, StreamContext
from .norms import PARTS, MeasuredSentence, Norms, measure_sentence, summary

if TYPE_CHECKING:
    from ...runtime.graph import SourceGraph
from .voice import SAMPLE_RATE, TAIL_S, Floats, StyleTable, sentence, sounding_samples

CUT_VERSION = "2"  # of what kokoro_cut and kokoro_norms make: what another one made is made again
HOP = 300  # samples of a feature
FRAME = 600  # samples that durations count in
GENERATOR_STYLE = 128  # that much of a style row

ROWS = 10  # of coarse in a feature
WAVES = 60  # in a feature
WAVES_PER_ROW = WAVES // ROWS
WAVE_HOP = HOP // WAVES
WAVE_PAD = 10  # samples that a wave looks back on, and ahead
COARSE_REACH = 10  # features, each way
FINE_REACH = 23  # rows, each way
LEAST_S = 0.025  # no chunk is shorter

# Sound starts that long before the pad in front ends, or later.
ONSET_S = 0.12

GRAPHS = ("head", "waves", "coarse", "fine")


def open_model(
    voice: Voice, settings: Settings, recorder: SpanRecorder, *, windows: bool = True
) -> Model:
    """Open a voice: its graphs from the cache, cut and optimised first if they are not there.

    windows: whether the generator is streamed. If not, or if the graph cannot be cut, the voice is
    spoken clause by clause.
    """
    with recorder.span("model"):
        voice.check_installed()
        made = KokoroGraphs(voice, settings)
        windows = windows and made.can_be_cut()
        graphs = {name: made.graph(name) for name in (GRAPHS if windows else ("whole",))}
    with recorder.span("session"):
        sessions = [made.session(*graph) for graph in graphs.items()]
    with recorder.span("voice"):
        phonemize = Phonemizer.open(
            voice.vocabulary, voice.language, lexicon=settings.lexicon, cache=settings.cache
        )
        rows = voice.style_rows()
        speaker = StyleTable(rows, json.loads(voice.vocabulary.read_text("utf-8")))
        if windows:
            parts = KokoroSessions(*sessions)
            return KokoroModel(parts, phonemize, speaker, made.norms(parts, phonemize, speaker))
    from .unsplit import WholeModel

    return WholeModel(sessions[0], phonemize, speaker)


class KokoroGraphs:
    """What of a voice is made once and kept in the cache."""

    def __init__(self, voice: Voice, settings: Settings) -> None:
        self._voice = voice
        self._settings = settings
        self._on_cpu = settings.provider is CPU
        self._opened: SourceGraph | None = None
        self._cuts: dict[str, bytes] = {}

    def can_be_cut(self) -> bool:
        """Whether the graph is one that kokoro_cut knows."""
        known = self._settings.cache.get("kokoro-known", self._key(), self._try_to_cut)
        return bytes(known) == b"known"

    def graph(self, name: str) -> memoryview:
        """A part of the graph, as session() takes it."""

        def make() -> bytes:
            cut = self._cut(name)
            if not self._on_cpu:
                return cut
            return optimise_graph(cut, self._settings.provider, self._settings.options)

        return self._settings.cache.get(f"kokoro-{name}", self._key(), make)

    def session(self, name: str, graph: memoryview) -> Session:
        """A session on what graph() gave."""
        return Session(
            bytes(graph),
            self._settings.provider,
            self._settings.options,
            name=name,
            require=self._settings.require,
            optimised=self._on_cpu,
        )

    def norms(self, parts: KokoroSessions, phonemize: Phonemizer, speaker: StyleTable) -> Norms:
        """The norms of the voice, measured on sentences it speaks."""
        voice = self._voice

        def make() -> bytes:
            from .graph import cut_generator

            original = self._original()
            tells = {
                part: Session(
                    cut_generator(original, part, measures=True), CPU, self._settings.options
                )
                for part in PARTS
            }
            return measure_sentence(
                lambda text: [
                    parts.measure(parts.encode(speech.ids, speaker.style(speech.ids)), tells)
                    for speech in phonemize.read(text)
                ]
            )

        style = hashlib.sha256(speaker.rows.tobytes()).hexdigest()
        key = (*self._key(), style, voice.language)
        return Norms(self._settings.cache.get("kokoro-norms", key, make))

    def _key(self) -> tuple[str, ...]:
        provider = self._settings.provider.name
        sha256 = self._voice.sha256
        return (CUT_VERSION, sha256, RUNTIME_VERSION, OPTIMISATION, provider, processor())

    def _original(self) -> SourceGraph:
        if self._opened is None:
            from ...runtime.graph import SourceGraph

            self._opened = SourceGraph(self._voice.read_model())
        return self._opened

    def _cut(self, name: str) -> bytes:
        if name not in self._cuts:
            from . import graph as kokoro_graph

            original = self._original()
            if name in PARTS:
                self._cuts[name] = kokoro_graph.cut_generator(original, name, measures=False)
            else:
                make = {
                    "head": kokoro_graph.cut_head,
                    "waves": kokoro_graph.cut_waves,
                    "whole": kokoro_graph.cut_whole,
                }[name]
                self._cuts[name] = make(original)
        return self._cuts[name]

    def _try_to_cut(self) -> bytes:
        self._original()  # a damaged one is an error, not a graph of another make
        try:
            for name in GRAPHS:
                self._cut(name)
        except ModelError:
            return b"unknown"
        return b"known"


class Sentence(NamedTuple):
    """A sentence after the head: features [F, 512], source padded at both ends, durations [L]."""

    features: Floats
    source: Floats
    durations: NDArray[np.int64]
    style: Floats

    @property
    def size(self) -> int:
        """How many features it has."""
        return len(self.features)

    def ends(self) -> NDArray[np.int64]:
        """The sample behind each id."""
        ends: NDArray[np.int64] = np.cumsum(self.durations) * FRAME
        return ends

    def words(self, speech: ModelInput, start: int) -> list[Word]:
        """When each word is said, in seconds from sample `start` on."""
        edges = np.concatenate([[0], self.ends()])
        return [
            Word(
                word.text,
                *(max(0, int(edges[at]) - start) / SAMPLE_RATE for at in (word.first, word.stop)),
            )
            for word in speech.words
        ]


class KokoroSessions(NamedTuple):
    """The four sessions of a voice."""

    head: Session
    waves: Session
    coarse: Session
    fine: Session

    def encode(
        self, ids: Sequence[int], style: Floats, stop: CancelToken | None = None, speed: float = 1.0
    ) -> Sentence:
        """Run the head. Raises ModelError, or Stopped."""
        told = self.head.run(sentence(ids, style, speed), stop)
        return Sentence(
            np.ascontiguousarray(told["features"][0].T),
            np.pad(told["source"][0], WAVE_PAD, mode="reflect"),
            told["durations"],
            style[:, :GENERATOR_STYLE],
        )

    def transform(
        self, sentence: Sentence, first: int, stop: int, end: CancelToken | None
    ) -> Floats:
        """The waves of features from first to stop, and one more: [60 n + 1, 22]."""
        start, behind = first * HOP, stop * HOP + 2 * WAVE_PAD
        told = self.waves.run({"source": sentence.source[None, start:behind]}, end)
        return np.ascontiguousarray(told["waves"][0].T)

    def measure(self, sentence: Sentence, tells: Mapping[str, Session]) -> MeasuredSentence:
        """Speak it whole, on sessions that measure."""
        waves = self.transform(sentence, 0, sentence.size, None)
        both = {"waves": waves, "style": sentence.style}
        coarse = tells["coarse"].run({"features": sentence.features, **both})
        fine = tells["fine"].run({"rows": coarse["rows"], **both})
        told = {"coarse": coarse, "fine": fine}
        return MeasuredSentence(
            summary(sentence.features, sentence.source),
            {part: told[part]["norms"] for part in PARTS},
            {part: told[part]["spans"] for part in PARTS},
        )


class KokoroModel:
    """Speaks on four sessions, one for each part of the graph."""

    sample_rate = SAMPLE_RATE

    def __init__(
        self, parts: KokoroSessions, phonemize: Phonemizer, speaker: StyleTable, norms: Norms
    ) -> None:
        self._parts = parts
        self._phonemize = phonemize
        self._speaker = speaker
        self._norms = norms

    def read(self, segment: str) -> list[ModelInput]:
        """A segment as ids and words."""
        return self._phonemize.read(segment)

    def sessions(self) -> Sequence[Session]:
        """Head, waves, coarse and fine."""
        return self._parts

    def close(self) -> None:
        """Nothing: all else is plain memory."""

    def stream(
        self, speech: ModelInput, request: StreamContext, first_chunk: int, *, trim: bool
    ) -> Iterator[AudioPiece]:
        """Say it in pieces: see base.Model. Trimmed, the silence behind is shortened too."""
        record, style = request.recorder.span, self._speaker.style(speech.ids)
        with record("encode", first_chunk):
            sentence = self._parts.encode(speech.ids, style, request.stop, request.speed)
            norms = self._norms.of(sentence.features, sentence.source)
        windows = Windows(self._parts, sentence, norms, request)
        first, onset, calm, stop = _bounds(sentence, speech.ids, self._speaker, trim=trim)
        start = first * HOP
        words: list[Word] = []
        sizes = chunk_ends(onset, calm, stop, first_chunk, request.chunk_s)
        for chunk, (begin, end) in enumerate(itertools.pairwise([first, *sizes]), first_chunk):
            samples = windows.samples(begin, end, chunk)
            if trim and chunk == first_chunk:
                lead = lead_samples(samples, (onset - first) * HOP, SAMPLE_RATE)
                samples, start = samples[lead:], start + lead
            if chunk == first_chunk:
                words = sentence.words(speech, start)
            if trim and end == stop:
                samples = samples[: sounding_samples(samples)]
            until_s = (end * HOP - start) / SAMPLE_RATE
            begun = [word for word in words if word.start_s < until_s or end == stop]
            words = words[len(begun) :]
            yield AudioPiece(samples, tuple(begun))


def _bounds(
    sentence: Sentence, ids: Sequence[int], speaker: StyleTable, *, trim: bool
) -> tuple[int, int, int, int]:
    """In features: where to begin, where sound does at the latest, where it is ending, and the end.

    The last sound stands for a good part of the pause behind it.
    """
    if not trim:
        return 0, 0, sentence.size, sentence.size
    ends = sentence.ends()
    last = max((at for at, id_ in enumerate(ids) if id_ not in speaker.silent), default=0)
    first = max(0, int(ends[0]) - round((ONSET_S + LEAD_S) * SAMPLE_RATE)) // HOP
    stop = min(sentence.size, (int(ends[last]) + round(TAIL_S * SAMPLE_RATE)) // HOP)
    calm = int(ends[last - 1]) // HOP if last else stop
    onset = int(ends[0]) // HOP
    return first, onset, max(calm, onset), stop


def chunk_ends(
    onset: int, calm: int, stop: int, first_chunk: int, chunk_s: Callable[[int], float]
) -> list[int]:
    """Behind which feature each chunk ends.

    The first is as long as it should be from `onset` on; the last holds all from `calm` on, so that
    it is known how much of the end is silence.
    """
    ends: list[int] = []
    end = onset
    while end < stop:
        seconds = max(LEAST_S, chunk_s(first_chunk + len(ends)))
        end += round(seconds * SAMPLE_RATE / HOP)
        if end >= min(calm, stop):
            end = stop
        ends.append(end)
    return ends or [stop]


class Windows:
    """A sentence's samples, window after window; what the next one needs again is kept."""

    def __init__(
        self,
        parts: KokoroSessions,
        sentence: Sentence,
        norms: Mapping[str, Mapping[str, Floats]],
        request: StreamContext,
    ) -> None:
        self._parts = parts
        self._sentence = sentence
        self._norms = norms
        self._request = request
        # Rows and waves, from which feature on and up to which. Waves are one more than their span.
        self._rows = np.zeros((0, 0), np.float32)
        self._rows_first = self._rows_stop = 0
        self._waves = np.zeros((0, 0), np.float32)
        self._waves_first = self._waves_stop = 0

    def samples(self, first: int, stop: int, chunk: int) -> Samples:
        """The samples of features from first to stop; windows come in order and adjoin."""
        total = ROWS * self._sentence.size
        start = max(0, ROWS * first - FINE_REACH)
        end = min(total, ROWS * stop + FINE_REACH)
        with self._request.recorder.span("decode", chunk):
            self._extend(start // ROWS, -(-end // ROWS))
        with self._request.recorder.span("vocode", chunk):
            rows_at, waves_at = ROWS * self._rows_first, WAVES * self._waves_first
            told = self._parts.fine.run(
                {
                    "rows": self._rows[start - rows_at : end - rows_at],
                    "waves": self._waves[
                        WAVES_PER_ROW * start - waves_at : WAVES_PER_ROW * end + 1 - waves_at
                    ],
                    "style": self._sentence.style,
                    **self._norms["fine"],
                },
                self._request.stop,
            )
        at = first * HOP - start * (HOP // ROWS)
        samples: Samples = told["samples"][at : at + (stop - first) * HOP]
        return samples

    def _extend(self, first: int, stop: int) -> None:
        """Get the rows of features up to stop, and forget those before first."""
        begin = max(first, self._rows_stop)
        if begin < stop:
            heard_first = max(0, begin - COARSE_REACH)
            heard_stop = min(self._sentence.size, stop + COARSE_REACH)
            self._transform(min(heard_first, first), heard_stop)
            at = heard_first - self._waves_first
            told = self._parts.coarse.run(
                {
                    "features": self._sentence.features[heard_first:heard_stop],
                    "waves": self._waves[WAVES * at : WAVES * (at + heard_stop - heard_first) + 1],
                    "style": self._sentence.style,
                    **self._norms["coarse"],
                },
                self._request.stop,
            )
            rows = told["rows"][ROWS * (begin - heard_first) : ROWS * (stop - heard_first)]
            kept = self._rows[ROWS * max(0, first - self._rows_first) :]
            continues = begin == self._rows_stop and len(kept)
            self._rows = np.concatenate([kept, rows]) if continues else rows
            self._rows_first = max(first, self._rows_first) if continues else begin
            self._rows_stop = stop

    def _transform(self, first: int, stop: int) -> None:
        """Get the waves of features up to stop, and forget those before first."""
        begin = max(first, self._waves_stop)
        if begin < stop:
            waves = self._parts.transform(self._sentence, begin, stop, self._request.stop)
            if begin == self._waves_stop and len(self._waves):
                kept = self._waves[WAVES * (first - self._waves_first) : -1]
                waves = np.concatenate([kept, waves])
                begin = first
            self._waves, self._waves_first, self._waves_stop = waves, begin, stop

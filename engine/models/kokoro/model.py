"""The kokoro family: speech -> a stream of waveforms, begun before the sentence is thought through.

The head takes the whole sentence once: that fixes durations, pitch and features. From there on
windows suffice, as the norms of the generator are predicted (see norms.py). Samples look 10
features of 12.5 ms ahead in `coarse`, and 23 of its rows, a tenth as long, in `fine`.

    ids -> head -> source, waves -> coarse, rows -> fine -> samples

A graph of another make than the quantised one cannot be cut; unsplit.py speaks it.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...audio import LEAD_S, Samples, lead_samples
from ...errors import ModelError
from ...runtime.providers import CPU
from ...runtime.session import CancelToken, Session
from ...text.phonemizer import ModelInput, Phonemizer
from ...timing import SpanRecorder
from ...voices import Voice
from ..base import (
    AudioPiece,
    ChunkLengths,
    Model,
    PhonemizedModel,
    Settings,
    SpeedRange,
    StreamContext,
)
from ..graph_store import GraphStore, open_sessions
from ..windows import PendingWords, SegmentTiming
from .norms import (
    PARTS,
    MeasuredSentence,
    Norms,
    Tables,
    digest_sentences,
    measure_sentences,
    pack_sentences,
    summarise,
    unpack_tables,
)
from .packaged import find_packaged, read_packaged
from .voice import SAMPLE_RATE, TAIL_S, Floats, StyleTable, model_feeds, sounding_samples

if TYPE_CHECKING:
    from ...runtime.graph import SourceGraph

CUT_VERSION = "2"  # of what graph.py and norms.py make: what another one made is made again
HOP = 300  # samples of a feature
FRAME = 600  # samples that durations count in
GENERATOR_STYLE = 128  # that much of a style row

ROWS = 10  # of coarse in a feature
ROW_SAMPLES = HOP // ROWS
WAVES = 60  # in a feature
WAVES_PER_ROW = WAVES // ROWS
WAVE_PAD = 10  # samples that a wave looks back on, and ahead
COARSE_CONTEXT = 10  # features, each way
FINE_CONTEXT = 23  # rows, each way
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
    settings.refuse_buckets(voice)
    with recorder.span("model"):
        voice.check_installed()
        graphs = KokoroGraphs(voice, settings)
        windows = windows and graphs.can_be_cut()
        names: tuple[str, ...] = ("whole",)
        if windows:
            names = GRAPHS
        loaded = graphs.load(names)
    with recorder.span("session"):
        sessions = open_sessions(loaded, settings)
    with recorder.span("voice"):
        phonemize = _open_phonemizer(voice, settings)
        styles = _open_styles(voice)
        if windows:
            parts = KokoroSessions(**sessions)
            norms = graphs.load_norms(parts, phonemize, styles)
            return KokoroModel(parts, phonemize, styles, norms)
    from .unsplit import WholeModel

    return WholeModel(sessions["whole"], phonemize, styles)


def measure_voice(voice: Voice, settings: Settings) -> tuple[str, Tables]:
    """What norms are predicted from, measured, and what stands for all that it was measured from.

    Raises what open_model() raises, and ModelError for a graph that cannot be cut.
    """
    voice.check_installed()
    graphs = KokoroGraphs(voice, settings)
    parts = KokoroSessions(**open_sessions(graphs.load(GRAPHS), settings))
    styles = _open_styles(voice)
    tables = graphs.measure(parts, _open_phonemizer(voice, settings), styles)
    return graphs.norms_key(styles), tables


def _open_phonemizer(voice: Voice, settings: Settings) -> Phonemizer:
    return Phonemizer.open(
        voice.vocabulary, voice.language, lexicon=settings.lexicon, cache=settings.cache
    )


def _open_styles(voice: Voice) -> StyleTable:
    vocabulary = json.loads(voice.vocabulary.read_text("utf-8"))
    return StyleTable(voice.style_rows(), vocabulary)


class KokoroGraphs:
    """What of a voice is made once and cached."""

    def __init__(self, voice: Voice, settings: Settings) -> None:
        self._voice = voice
        self._settings = settings
        self._cut = functools.cache(self._cut_part)
        self._store = GraphStore(voice, settings, CUT_VERSION, self._cut)

    @functools.cached_property
    def _original(self) -> SourceGraph:
        """The voice's model, which is read when it is first needed."""
        from ...runtime.graph import SourceGraph

        return SourceGraph(self._voice.read_model())

    def _cut_part(self, name: str) -> bytes:
        """A part of the graph. Raises ModelError for a graph of another make."""
        from .graph import cut_generator, cut_head, cut_waves, cut_whole

        if name in PARTS:
            return cut_generator(self._original, name, measures=False)
        cut = {"head": cut_head, "waves": cut_waves, "whole": cut_whole}[name]
        return cut(self._original)

    def can_be_cut(self) -> bool:
        """Whether the graph is one that graph.py can take apart. Raises ModelError if damaged."""
        return bytes(self._store.get("known", self._try_to_cut)) == b"known"

    def _try_to_cut(self) -> bytes:
        """b"known" or b"unknown": whether all parts can be cut."""
        self._settings.on_progress(f"the graphs of voice {self._voice.name} are cut once")
        self._original  # noqa: B018 - a damaged one is an error, not a graph of another make
        try:
            for name in GRAPHS:
                self._cut(name)
        except ModelError:
            return b"unknown"
        return b"known"

    def load(self, names: Sequence[str]) -> dict[str, memoryview]:
        """Parts of the graph, as sessions on the provider take them."""
        return self._store.load(names)

    def load_norms(self, parts: KokoroSessions, phonemize: Phonemizer, styles: StyleTable) -> Norms:
        """What norms are predicted from: packaged, or measured on what the voice speaks."""
        key = self.norms_key(styles)
        path = find_packaged(self._voice.style, key)
        if path is None:
            return Norms(self.measure(parts, phonemize, styles))
        read = functools.partial(read_packaged, path)
        return Norms(unpack_tables(self._settings.cache.get("kokoro-norms", (key,), read)))

    def norms_key(self, styles: StyleTable) -> str:
        """What stands for all that norms are measured from."""
        return digest_sentences(self._sentence_key(styles))

    def _sentence_key(self, styles: StyleTable) -> tuple[str, ...]:
        """What a measured sentence depends on beside its text; not the processor."""
        style = hashlib.sha256(styles.rows.tobytes()).hexdigest()
        return CUT_VERSION, self._voice.sha256, style, self._voice.language

    def measure(self, parts: KokoroSessions, phonemize: Phonemizer, styles: StyleTable) -> Tables:
        """Speak the sentences. Each is cached by itself: whoever is interrupted goes on there."""
        key = self._sentence_key(styles)

        def find_or_measure(text: str, which: str) -> memoryview:
            make = functools.partial(self._measure_one, parts, phonemize, styles, text, which)
            return self._settings.cache.get("kokoro-sentence", (*key, text), make)

        return measure_sentences(find_or_measure)

    def _measure_one(
        self,
        parts: KokoroSessions,
        phonemize: Phonemizer,
        styles: StyleTable,
        text: str,
        which: str,
    ) -> bytes:
        self._settings.on_progress(f"voice {self._voice.name} is measured once: {which}")
        sentences = []
        for speech in phonemize.read(text):
            sentence = parts.encode(speech.ids, styles.style(speech.ids))
            sentences.append(parts.measure(sentence, self._measuring))
        return pack_sentences(sentences)

    @functools.cached_property
    def _measuring(self) -> dict[str, Session]:
        """Sessions on the generator that measure."""
        from .graph import cut_generator

        sessions = {}
        for part in PARTS:
            graph = cut_generator(self._original, part, measures=True)
            sessions[part] = Session(graph, CPU, self._settings.options)
        return sessions


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

    def timing(self) -> SegmentTiming:
        """When each id begins."""
        edges = np.concatenate([[0], np.cumsum(self.durations) * FRAME])
        return SegmentTiming(edges, HOP, SAMPLE_RATE)


class KokoroSessions(NamedTuple):
    """The four sessions of a voice."""

    head: Session
    waves: Session
    coarse: Session
    fine: Session

    def encode(
        self,
        ids: Sequence[int],
        style: Floats,
        stop: CancelToken | None = None,
        speed: float = 1.0,
    ) -> Sentence:
        """Run the head. Raises ModelError, or Cancelled."""
        outputs = self.head.run(model_feeds(ids, style, speed), stop)
        return Sentence(
            np.ascontiguousarray(outputs["features"][0].T),
            np.pad(outputs["source"][0], WAVE_PAD, mode="reflect"),
            outputs["durations"],
            style[:, :GENERATOR_STYLE],
        )

    def transform(
        self, sentence: Sentence, first: int, stop: int, cancel: CancelToken | None
    ) -> Floats:
        """The waves of features from first to stop, and one more: [60 n + 1, 22]."""
        source = sentence.source[None, first * HOP : stop * HOP + 2 * WAVE_PAD]
        outputs = self.waves.run({"source": source}, cancel)
        return np.ascontiguousarray(outputs["waves"][0].T)

    def measure(
        self,
        sentence: Sentence,
        measuring: Mapping[str, Session],
    ) -> MeasuredSentence:
        """Speak it whole, on sessions that measure."""
        waves = self.transform(sentence, 0, sentence.size, None)
        both = {"waves": waves, "style": sentence.style}
        coarse = measuring["coarse"].run({"features": sentence.features, **both})
        fine = measuring["fine"].run({"rows": coarse["rows"], **both})
        return MeasuredSentence(
            summarise(sentence.features, sentence.source),
            {"coarse": coarse["norms"], "fine": fine["norms"]},
            {"coarse": coarse["spans"], "fine": fine["spans"]},
        )


class KokoroModel(PhonemizedModel):
    """Speaks on four sessions, one for each part of the graph."""

    sample_rate = SAMPLE_RATE
    speeds = SpeedRange()

    def __init__(
        self, parts: KokoroSessions, phonemize: Phonemizer, styles: StyleTable, norms: Norms
    ) -> None:
        self._parts = parts
        super().__init__(phonemize)
        self._styles = styles
        self._norms = norms

    def sessions(self) -> Sequence[Session]:
        """Head, waves, coarse and fine."""
        return self._parts

    def stream(
        self, speech: ModelInput, request: StreamContext, first_chunk: int, *, trim: bool
    ) -> Iterator[AudioPiece]:
        """Say it in pieces: see base.Model. Trimmed, the silence behind is shortened too."""
        style = self._styles.style(speech.ids)
        with request.recorder.span("encode", first_chunk):
            sentence = self._parts.encode(speech.ids, style, request.stop, request.speed)
            norms = self._norms.predict(sentence.features, sentence.source)
        windows = Windows(self._parts, sentence, norms, request)
        timing = sentence.timing()
        bounds = SentenceBounds(0, 0, sentence.size, sentence.size)
        if trim:
            bounds = _find_bounds(sentence, speech.ids, self._styles)
        start = bounds.first * HOP
        words = PendingWords()
        ends = chunk_ends(bounds.onset, bounds.calm, bounds.stop, first_chunk, request.chunk_s)
        edges = itertools.pairwise([bounds.first, *ends])
        for chunk, (begin, end) in enumerate(edges, first_chunk):
            samples = windows.compute(begin, end, chunk)
            if chunk == first_chunk:
                latest = (bounds.onset - bounds.first) * HOP
                lead = lead_samples(samples, latest, SAMPLE_RATE)
                samples = samples[lead:]
                start += lead
                words = PendingWords(timing.time_words(speech, start))
            until_s = (end * HOP - start) / SAMPLE_RATE
            if end == bounds.stop:
                until_s = math.inf
                if trim:
                    samples = samples[: sounding_samples(samples)]
            yield AudioPiece(samples, words.take_until(until_s))


class SentenceBounds(NamedTuple):
    """Of a sentence, in features.

    first: where to begin. onset: where sound does at the latest. calm: where it is ending.
    stop: the end.
    """

    first: int
    onset: int
    calm: int
    stop: int


def _find_bounds(
    sentence: Sentence,
    ids: Sequence[int],
    styles: StyleTable,
) -> SentenceBounds:
    """What is left of a sentence without the silence around it.

    The last sound stands for a good part of the pause behind it.
    """
    ends = sentence.timing().edges[1:]
    sounds = [at for at, id_ in enumerate(ids) if id_ not in styles.silent]
    last = max(sounds, default=0)
    pad_end = int(ends[0])
    onset = pad_end // HOP
    lead = round((ONSET_S + LEAD_S) * SAMPLE_RATE)
    first = max(0, pad_end - lead) // HOP
    tail = round(TAIL_S * SAMPLE_RATE)
    stop = min(sentence.size, (int(ends[last]) + tail) // HOP)
    calm = stop
    if last:
        calm = int(ends[last - 1]) // HOP
    return SentenceBounds(first, onset, max(calm, onset), stop)


def chunk_ends(
    onset: int,
    calm: int,
    stop: int,
    first_chunk: int,
    chunk_s: ChunkLengths,
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
    """A sentence's samples, window after window; what the next one needs again is stored."""

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
        self._rows = WindowBuffer(ROWS)
        self._waves = WindowBuffer(WAVES, overlap=1)

    def compute(self, first: int, stop: int, chunk: int) -> Samples:
        """The samples of features from first to stop; windows come in order and adjoin."""
        start = max(0, ROWS * first - FINE_CONTEXT)
        end = min(ROWS * self._sentence.size, ROWS * stop + FINE_CONTEXT)
        with self._request.recorder.span("decode", chunk):
            self._extend_rows(start // ROWS, -(-end // ROWS))
        with self._request.recorder.span("vocode", chunk):
            outputs = self._parts.fine.run(
                {
                    "rows": self._rows.between(start, end),
                    "waves": self._waves.between(WAVES_PER_ROW * start, WAVES_PER_ROW * end),
                    "style": self._sentence.style,
                    **self._norms["fine"],
                },
                self._request.stop,
            )
        unwanted = first * HOP - start * ROW_SAMPLES
        samples: Samples = outputs["samples"][unwanted : unwanted + (stop - first) * HOP]
        return samples

    def _extend_rows(self, first: int, stop: int) -> None:
        """Get the rows of features up to stop, and forget those before first."""
        begin = max(first, self._rows.stop)
        if begin >= stop:
            return
        context_first = max(0, begin - COARSE_CONTEXT)
        context_stop = min(self._sentence.size, stop + COARSE_CONTEXT)
        self._extend_waves(min(context_first, first), context_stop)
        outputs = self._parts.coarse.run(
            {
                "features": self._sentence.features[context_first:context_stop],
                "waves": self._waves.between(WAVES * context_first, WAVES * context_stop),
                "style": self._sentence.style,
                **self._norms["coarse"],
            },
            self._request.stop,
        )
        unwanted = ROWS * (begin - context_first)
        rows = outputs["rows"][unwanted : ROWS * (stop - context_first)]
        self._rows.extend(rows, begin, stop, first)

    def _extend_waves(self, first: int, stop: int) -> None:
        """Get the waves of features up to stop, and forget those before first."""
        begin = max(first, self._waves.stop)
        if begin < stop:
            waves = self._parts.transform(self._sentence, begin, stop, self._request.stop)
            self._waves.extend(waves, begin, stop, first)


class WindowBuffer:
    """Rows of the features from `first` up to `stop`.

    rate: rows of a feature. overlap: that many more rows are there behind the last.
    """

    def __init__(self, rate: int, overlap: int = 0) -> None:
        self.first = 0
        self.stop = 0
        self._rate = rate
        self._overlap = overlap
        self._rows = np.zeros((0, 0), np.float32)

    def __len__(self) -> int:
        return len(self._rows)

    def between(self, start: int, stop: int) -> Floats:
        """Rows of the sentence from start to stop, and the overlap."""
        offset = self.first * self._rate
        return self._rows[start - offset : stop + self._overlap - offset]

    def extend(
        self,
        rows: Floats,
        begin: int,
        stop: int,
        first: int,
    ) -> None:
        """Add the rows of features from begin to stop, and forget those before `first`.

        What does not adjoin is forgotten altogether.
        """
        if begin == self.stop and len(self):
            first = max(first, self.first)
            previous = self.between(first * self._rate, begin * self._rate - self._overlap)
            self._rows = np.concatenate([previous, rows])
            self.first = first
        else:
            self._rows = rows
            self.first = begin
        self.stop = stop

# ruff: noqa: RUF002 - phonemes look like other letters
"""The engine: text in, chunks out, the first one as early as possible."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from contextlib import closing
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from .audio import Chunk, Word
from .cache import Cache
from .chunk_lengths import chunk_lengths
from .errors import EngineClosed, OptionError, TextUnspeakable
from .opening import open_model, placement_of
from .pauses import PauseFiller
from .runtime.providers import (
    CPU,
    ProviderOptions,
    SessionOptions,
    check_require,
    find_provider,
)
from .streaming import (
    AsyncTextBridge,
    Chunks,
    Prefetcher,
    Stream,
    StreamLimiter,
    prefetch_one,
)
from .text.emoji_names import check_emoji
from .text.segmentation import Segment, incoming, segments
from .timing import SpanRecorder, StageSpan
from .utterance import Audio
from .voices import DEFAULT_VOICE, find_voice
from .warm_up import WARM_TEXTS, WarmUp, until_steady

if TYPE_CHECKING:
    from .models.base import Model, StreamContext
    from .text.normalise import Unreadable
    from .text.phonemizer import ModelInput


Text = str | Iterable[str] | AsyncIterable[str]

FREE_MB = 64.0  # may stay with the process, ready for the next runs
SLOWEST = 0.25
FASTEST = 4.0  # speed of speaking


class SegmentReading(NamedTuple):
    """How a segment is read: its words, the voice's phonemes, and what is left out of it."""

    words: str
    phonemes: str
    unreadable: tuple[Unreadable, ...]


class Engine:
    """A voice on a session, ready to speak.

    Opening takes a second, so open an engine once and use it for many texts. Several threads may
    stream from one engine; stages() is then about the stream that started last.
    """

    def __init__(
        self,
        voice: str = DEFAULT_VOICE,
        provider: str | PathLike[str] = CPU.name,
        *,
        provider_options: Mapping[str, Any] | ProviderOptions | None = None,
        threads: int | Mapping[str, int] | None = None,
        seed: int = 0,
        trim: bool = True,
        lexicon: Mapping[str, str] | None = None,
        max_streams: int | None = None,
        require: str = "any",
        session: Mapping[str, Any] | None = None,
        cache: str | PathLike[str] | None = None,
        shapes: str = "dynamic",
        emoji: str = "leave-out",
        on_progress: Callable[[str], None] | None = None,
    ) -> None:
        """Open a voice on an execution provider.

        provider: a name such as "cpu", or the path of a library that contains one.
        provider_options: its options by name, see providers.CudaOptions and others; for a library
        the texts that it reads.
        threads: onnxruntime's intra-op threads, as one number or by stage of the voice
        ({"encode": 2}); None is the engine's own choice.
        seed: of the noise in the voice; the same text and seed give the same bits.
        trim: leave out the silence the voice begins with, but for 30 ms.
        lexicon: pronunciations by word, in the voice's phonemes: {"GIF": "ʤˈɪf"}.
        max_streams: how many at once; further ones wait for their turn. None is any number.
        require: "any", "some" or "all": how much has to run on the provider rather than the CPU.
        session: options of the sessions by name, see providers.SessionOptions.
        cache: folder for what is made once; None is $TTS_ENGINE_CACHE, or the user's cache.
        shapes: "dynamic", or "buckets" for graphs of a few fixed shapes, which some providers need.
        emoji: "leave-out", or "names" to say them by their names.
        on_progress: called with a line of text now and then while making that takes long; what it
        raises ends the opening. What was made by then is not made again.
        Raises OptionError, VoiceNotFound, VoiceNotInstalled, PackageNotInstalled,
        ProviderUnavailable or ModelError.
        """
        self._seed = _check_count("seed", seed, 0, "leave it out")
        if max_streams is not None:
            _check_count("max_streams", max_streams, 1, "leave it out for any number")
        self._emoji = check_emoji(emoji)
        self._trim = trim
        self._limiter = StreamLimiter(max_streams)
        self._voice = find_voice(voice)
        self._recorder = SpanRecorder()
        self._prefetcher = Prefetcher(_give_memory_back)
        session_options = dict(session or {})
        if threads is not None:
            session_options["threads"] = threads
        self._model: Model | None = open_model(
            self._voice,
            self._recorder,
            provider=find_provider(provider, provider_options),
            options=SessionOptions.of(session_options),
            require=check_require(require),
            lexicon=lexicon or {},
            cache=Cache(cache),
            shapes=shapes,
            on_progress=on_progress,
        )
        self._shapes = shapes

    @property
    def sample_rate(self) -> int:
        """Samples a second of every chunk, in Hz."""
        return self._voice.sample_rate

    def stream(self, text: Text, *, speed: float = 1.0, emoji: str | None = None) -> Stream:
        """The text as chunks, each as soon as it is made; the first is about 100 ms long.

        speed: from 0.25 to 4; 1 is the voice's normal speed, 2 takes half as long.
        emoji: "leave-out" or "names"; None is as the engine was opened.

        A complete text is checked here, not at the first chunk: TextEmpty or TextUnspeakable if
        there is nothing to say, OptionTypeError if it is not a str. Characters the voice has no
        sound for are left out. Raises EngineClosed, here or between two chunks.

        A text that is still being written may be passed as an iterable of its parts: it is spoken
        from the first complete clause on. The parts may come asynchronously if the chunks are
        iterated over with `async for`.
        """
        request = self._make_request(_check_speed(speed), emoji)
        bridge = None
        if isinstance(text, AsyncIterable):
            bridge = AsyncTextBridge(text)
            chunks = self._rescale(self._speak_parts(bridge, request), request)
        elif isinstance(text, Iterable) and not isinstance(text, str | bytes):
            # Its parts are pulled by the thread that pulls chunks, and no earlier.
            chunks = self._rescale(self._speak_parts(text, request), request)
        else:
            chunks = self._rescale(self._speak(text, request), request)
            chunks = prefetch_one(chunks, self._prefetcher)
        self._recorder = request.recorder
        delivery = self._deliver(chunks, request)
        return Stream(
            delivery,
            request.stop,
            bridge,
            request.recorder.spans,
            lambda: list(request.unreadable),
        )

    def astream(self, text: Text, *, speed: float = 1.0, emoji: str | None = None) -> Stream:
        """stream() by another name: its chunks can be iterated over with `async for` as well."""
        return self.stream(text, speed=speed, emoji=emoji)

    def synthesize(self, text: str, *, speed: float = 1.0, emoji: str | None = None) -> Audio:
        """The whole utterance at once: the chunks of stream(), joined sample for sample."""
        return Audio.join(self.stream(text, speed=speed, emoji=emoji), self.sample_rate)

    def read(self, text: str) -> list[SegmentReading]:
        """The words and phonemes that stream() would say, segment by segment.

        Raises TextEmpty, OptionTypeError or EngineClosed.
        """
        from .text.normalise import normalise

        model = self._require_open()
        readings = []
        for segment in segments(text):
            reading = normalise(segment, emoji=self._emoji)
            phonemes = model.transcribe(segment, self._emoji)
            readings.append(SegmentReading(reading.words(), phonemes, reading.unreadable))
        return readings

    def warm(self) -> WarmUp:
        """Speak texts of several lengths until it gets no faster. stages() stays as it is."""

        def speak_all() -> None:
            for text in WARM_TEXTS:
                for _ in self._speak(text, self._make_request()):
                    pass

        return until_steady(speak_all)

    def stages(self) -> list[StageSpan]:
        """Spans of the last stream so far; before the first one, those of the opening."""
        return self._recorder.spans()

    def placement(self) -> dict[str, Any]:
        """What was requested and what runs: provider, nodes, runtime, threads, voice; JSON-able.

        Nodes are those of every session of the voice, summed per provider; `share` is each
        provider's part of them. `sessions` is how many there are, `shapes` whether those are fixed.
        """
        placement = placement_of(self._require_open())
        placement["shapes"] = self._shapes
        placement["voice"] = self._voice.name
        placement["voice_hash"] = self._voice.sha256
        return placement

    def close(self) -> None:
        """Free sessions and voice. Safe to call twice; any other use raises EngineClosed."""
        model = self._model
        self._model = None
        if model is None:
            return
        self._limiter.close()
        self._prefetcher.close()
        model.close()
        for session in model.sessions():
            session.close()
            del session
        del model
        _give_memory_back(0.0)

    def __enter__(self) -> Self:
        self._require_open()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _require_open(self) -> Model:
        if self._model is None:
            raise EngineClosed("found a closed engine, wanted an open one; make a new Engine")
        return self._model

    def _make_request(self, speed: float = 1.0, emoji: str | None = None) -> StreamContext:
        from .models.base import StreamContext
        from .runtime.session import CancelToken

        model_speed = self._require_open().speeds.nearest(speed)
        noise = np.random.default_rng(self._seed)
        return StreamContext(
            noise,
            SpanRecorder(),
            CancelToken(),
            chunk_lengths(model_speed / speed),
            model_speed,
            model_speed / speed,
            self._emoji if emoji is None else check_emoji(emoji),
        )

    def _rescale(self, chunks: Chunks, request: StreamContext) -> Chunks:
        """The chunks as they are, unless the speed is beyond the model's reach."""
        if request.time_scale == 1:
            return chunks
        from .time_scale import scale_chunks

        return scale_chunks(chunks, self.sample_rate, request.time_scale, request.recorder)

    def _deliver(
        self,
        chunks: Chunks,
        request: StreamContext,
    ) -> Chunks:
        """The chunks when it is their turn, as long as engine and stream are open."""
        from .runtime.exit_guard import Cancelled, exit_guard

        with self._limiter.turn(request.stop), closing(chunks):
            while not request.stop.is_set:
                self._require_open()
                try:
                    chunk = next(chunks)
                except (StopIteration, Cancelled):
                    return
                except EngineClosed:
                    if exit_guard.is_ending:  # whatever closed it: nobody can help it now
                        return
                    raise
                yield chunk

    def _speak(self, text: str, request: StreamContext) -> Chunks:
        """A text that is all there. What can refuse it does so now, not at the first chunk."""
        model = self._require_open()
        with request.recorder.span("text"):
            # What is left out is named before the first chunk, as the head of an answer says it.
            waiting = iter(list(request.note_unreadable(segments(text))))
        for segment in waiting:
            with request.recorder.span("phonemes", 0):
                inputs = model.read(segment, request.emoji)
            if inputs:
                return self._make_chunks(segment, inputs, waiting, request)
        raise self._unspeakable(repr(text[:40]))

    def _speak_parts(
        self,
        parts: Iterable[str],
        request: StreamContext,
    ) -> Chunks:
        """A text that is still being written."""
        is_silent = True
        waiting = request.note_unreadable(incoming(parts))
        for chunk in self._make_chunks(None, [], waiting, request):
            is_silent = False
            yield chunk
        if is_silent and not request.stop.is_set:
            raise self._unspeakable("the text")

    def _unspeakable(self, text: str) -> TextUnspeakable:
        return TextUnspeakable(
            f"found no sound in {text}, wanted at least one word or number that voice "
            f"{self._voice.name!r} ({self._voice.language}) can read; check the language"
        )

    def _make_chunks(
        self,
        segment: Segment | None,
        inputs: list[ModelInput],
        waiting: Iterator[Segment],
        request: StreamContext,
    ) -> Chunks:
        """Speak the segment that was read already, then those that wait, one at a time."""
        index = frames = 0
        pauses = PauseFiller(self.sample_rate, request.speed)
        while True:
            for part in inputs:
                start_s = frames / self.sample_rate
                model = self._require_open()
                for piece in model.stream(part, request, index, trim=self._trim):
                    with request.recorder.span("convert", index):
                        samples = pauses.fill(piece.samples)
                        start_s += (len(samples) - len(piece.samples)) / self.sample_rate
                        words = tuple(_place(word, segment, start_s) for word in piece.words)
                        chunk = Chunk(samples, self.sample_rate, words)
                    frames += chunk.frame_count
                    yield chunk
                    self._require_open()
                    index += 1
            if segment is not None:
                pauses.end_segment(segment.pause)
            segment = next(waiting, None)
            if segment is None:
                return
            with request.recorder.span("phonemes", index):
                inputs = self._require_open().read(segment, request.emoji)


def _give_memory_back(above_mb: float = FREE_MB) -> None:
    """Heaps that serve pieces of every length hold on to what was freed, and grow: see docs."""
    from .runtime.session import give_memory_back

    give_memory_back(above_mb)


def _place(word: Word, segment: Segment | None, start_s: float) -> Word:
    """A word of a segment, in the whole stream and in the whole text."""
    start_char, end_char = word.start_char, word.end_char
    if segment is not None and start_char is not None and end_char is not None:
        start_char, end_char = segment.locate(start_char, end_char)
    return Word(word.text, word.start_s + start_s, word.end_s + start_s, start_char, end_char)


def _check_speed(speed: float) -> float:
    is_number = isinstance(speed, int | float) and not isinstance(speed, bool)
    if not is_number or not SLOWEST <= speed <= FASTEST:
        raise OptionError(
            f"found speed={speed!r}, wanted a number from {SLOWEST:g} to {FASTEST:g}; 1 is the "
            "voice's own"
        )
    return float(speed)


def _check_count(
    name: str,
    value: int,
    least: int,
    remedy: str,
) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise OptionError(
            f"found {name}={value!r}, wanted a whole number from {least} on; {remedy}"
        )
    return value

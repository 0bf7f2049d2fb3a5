"""The engine: text in, chunks out, the first as early as can be."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict

import numpy as np

from .audio import Audio, Chunk
from .errors import EngineClosed, OptionError, TextUnspeakable
from .providers import CPU, Provider, SessionOptions, find_provider
from .text import segments
from .timing import Recorder, Span
from .voices import DEFAULT_VOICE, Voice, find_voice

if TYPE_CHECKING:
    from .models.hibari import HibariModel
    from .phonemes import Phonemizer
    from .session import Session

FIRST_CHUNK_S = 0.1
MAX_CHUNK_S = 0.8

# Several lengths, a word no dictionary has, and numbers: every path a real text takes.
WARM_TEXTS = (
    "Yes.",
    "The quick brown fox jumps over the lazy zyphlonk.",
    "On the third of March, 1,250 people paid 9 dollars each to hear it read aloud, "
    "and nobody asked for the money back when the reader lost her place.",
)
MAX_WARM_ROUNDS = 10
STEADY_WITHIN = 0.1


class WarmUp(TypedDict):
    """What warming took. `steady` is false if rounds were still getting faster at the last one."""

    rounds: int
    seconds: float
    steady: bool


class Engine:
    """A voice on a session, ready to speak.

    Opening takes a second, so keep an engine and use it for many texts. Several threads may
    stream from one engine; stages() then tells of the stream that started last.
    """

    def __init__(
        self,
        voice: str = DEFAULT_VOICE,
        provider: str = CPU.name,
        *,
        threads: int | None = None,
        seed: int = 0,
    ) -> None:
        """Open a voice on an execution provider.

        threads: onnxruntime's intra-op threads; None is the engine's own choice.
        seed: of the noise in the voice; the same text and seed give the same bits.
        Raises OptionError, VoiceNotFound, VoiceNotInstalled, ProviderUnavailable or ModelError.
        """
        self._seed = _checked_seed(seed)
        self._voice = find_voice(voice)
        self._recorder = Recorder()
        options = SessionOptions(threads)
        self._parts: _Parts | None = _open(
            self._voice, find_provider(provider), options, self._recorder
        )

    @property
    def sample_rate(self) -> int:
        """Samples a second of every chunk, in Hz."""
        return self._voice.sample_rate

    def stream(self, text: str) -> Generator[Chunk, None, None]:
        """The text as chunks, each as soon as it is there; about 100 ms first, longer later.

        Unfit text is refused here, not at the first chunk: TextEmpty or TextUnspeakable if there
        is nothing to say, OptionTypeError if it is not a str. Characters the voice has no sound
        for are left out. Raises EngineClosed, here or between two chunks.
        """
        recorder = Recorder()
        chunks = self._start(text, recorder)
        self._recorder = recorder
        return chunks

    def synthesize(self, text: str) -> Audio:
        """The whole utterance at once: exactly the chunks of stream(), joined."""
        return Audio.join(self.stream(text), self.sample_rate)

    def warm(self) -> WarmUp:
        """Speak texts of several lengths until it gets no faster. Leaves stages() alone."""

        def speak_all() -> None:
            for text in WARM_TEXTS:
                for _ in self._start(text, Recorder()):
                    pass

        return until_steady(speak_all)

    def stages(self) -> list[Span]:
        """Spans of the last stream so far; before the first one, those of the opening."""
        return self._recorder.spans()

    def placement(self) -> dict[str, Any]:
        """What was asked for and what runs: provider, nodes, runtime, threads, voice; JSON-able."""
        placement = self._opened().session.placement()
        return {**placement, "voice": self._voice.name, "voice_hash": self._voice.sha256}

    def close(self) -> None:
        """Give session and voice back. Safe to call twice; any other use raises EngineClosed."""
        self._parts = None

    def __enter__(self) -> Self:
        self._opened()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _opened(self) -> _Parts:
        if self._parts is None:
            raise EngineClosed("found a closed engine, wanted an open one; make a new Engine")
        return self._parts

    def _start(self, text: str, recorder: Recorder) -> Generator[Chunk, None, None]:
        """Everything that can refuse the text; the generator returned does the rest."""
        parts = self._opened()
        with recorder.span("text"):
            waiting = deque(segments(text))
        speech: list[list[int]] = []
        while waiting and not speech:
            with recorder.span("phonemes", 0):
                speech = parts.phonemize(waiting.popleft())
        if not speech:
            raise TextUnspeakable(
                f"found no sound in {text[:40]!r}, wanted at least one word or number that voice "
                f"{self._voice.name!r} ({self._voice.language}) can read; check the language"
            )
        return self._chunks(speech, waiting, recorder)

    def _chunks(
        self, speech: list[list[int]], waiting: deque[str], recorder: Recorder
    ) -> Generator[Chunk, None, None]:
        """The first segment's speech, then the segments that wait, one at a time."""
        noise = np.random.default_rng(self._seed)
        index = 0
        while True:
            for ids in speech:
                model = self._opened().model
                for samples in model.stream(ids, noise, recorder, index, chunk_s):
                    with recorder.span("convert", index):
                        chunk = Chunk(samples, self.sample_rate)
                    yield chunk
                    self._opened()
                    index += 1
            if not waiting:
                return
            with recorder.span("phonemes", index):
                speech = self._opened().phonemize(waiting.popleft())


@dataclass(frozen=True, slots=True)
class _Parts:
    """What an open engine holds and a closed one has given back."""

    session: Session
    model: HibariModel
    phonemize: Phonemizer


def _open(voice: Voice, provider: Provider, options: SessionOptions, recorder: Recorder) -> _Parts:
    with recorder.span("import"):
        from .models.hibari import HibariModel
        from .phonemes import Phonemizer
        from .session import Session
    with recorder.span("model"):
        content = voice.read_model()
    with recorder.span("session"):
        session = Session(content, provider, options)
    with recorder.span("voice"):
        phonemize = Phonemizer.open(voice.vocabulary, voice.language)
    return _Parts(session, HibariModel(session), phonemize)


def _checked_seed(seed: int) -> int:
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise OptionError(f"found seed={seed!r}, wanted a whole number from 0 on; leave it out")
    return seed


def chunk_s(index: int) -> float:
    """How long chunk `index` of an utterance should be: short to start soon, then doubling.

    Longer chunks cost less each second, and by then as much audio is already playing.
    """
    return min(FIRST_CHUNK_S * 2.0 ** min(index, 10), MAX_CHUNK_S)


def until_steady(
    speak: Callable[[], None], *, now_ns: Callable[[], int] = time.perf_counter_ns
) -> WarmUp:
    """Speak until a round is within a tenth of the fastest one before it, ten rounds at most."""
    start_ns = now_ns()
    best_ns: int | None = None
    steady = False
    rounds = 0
    while rounds < MAX_WARM_ROUNDS and not steady:
        began_ns = now_ns()
        speak()
        took_ns = now_ns() - began_ns
        rounds += 1
        steady = best_ns is not None and abs(took_ns - best_ns) <= STEADY_WITHIN * best_ns
        best_ns = took_ns if best_ns is None else min(best_ns, took_ns)
    return {"rounds": rounds, "seconds": (now_ns() - start_ns) / 1e9, "steady": steady}

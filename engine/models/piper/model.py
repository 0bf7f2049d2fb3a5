"""The piper family: speech -> a stream of waveforms, begun before the sentence is thought through.

The whole sentence is encoded once: that fixes how many frames each phoneme lasts. From there on
pieces suffice. The flow hears 32 frames ahead, the decoder ten, each of 256 samples, so the first
tenth of a second costs the work of about half a second, however long the sentence is.

    ids -> encode -> means, repeated as long as they last, and noise
        -> flow -> features -> decode -> samples

Noise is drawn frame by frame, from a generator of the segment's own: it does not depend on how the
segment is cut into chunks, nor on what else is spoken meanwhile.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...audio import LEAD_S, Word, lead_samples
from ...cache import Cache, processor
from ...errors import ModelError
from ...runtime.providers import CPU, Provider, SessionOptions
from ...runtime.session import OPTIMISATION, RUNTIME_VERSION, CancelToken, Session, optimise_graph
from ...text.phonemizer import ModelInput
from ...timing import SpanRecorder
from ...voices import Voice
from ..base import AudioPiece, Settings, StreamContext
from .chain import Arrays, Chain, Floats, Stage
from .phonemizer import PiperPhonemizer, reader_starting

CUT_VERSION = "2"  # of what piper_cut makes: a graph cached under another one is made again

FLOW_GRAIN = 64  # frames: the flow goes on by as many at least, as very small runs are dear

# The first sound starts this long before the first phoneme is to begin, or as long after it.
ONSET_S = (0.02, -0.02)

# As piper's own defaults, for a configuration that does not say.
NOISE_SCALE, LENGTH_SCALE, NOISE_W = 0.667, 1.0, 0.8


class InferenceConfig(NamedTuple):
    """How a voice speaks: what its configuration says of it."""

    sample_rate: int
    noise_scale: float
    length_scale: float
    noise_w: float
    speakers: int

    @classmethod
    def of(cls, config: dict[str, Any]) -> InferenceConfig:
        """Raises ModelError for a configuration of something else."""
        inference = config.get("inference", {})
        try:
            return cls(
                int(config["audio"]["sample_rate"]),
                float(inference.get("noise_scale", NOISE_SCALE)),
                float(inference.get("length_scale", LENGTH_SCALE)),
                float(inference.get("noise_w", NOISE_W)),
                int(config.get("num_speakers", 1)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                f"found a configuration that lacks or garbles {error}, wanted the .onnx.json that "
                "belongs to the voice; get it anew"
            ) from error


def open_model(voice: Voice, settings: Settings, recorder: SpanRecorder) -> PiperModel:
    """Open a voice: its graphs from the cache, cut and optimised first if they are not there."""
    with recorder.span("voice"):
        voice.check_installed()
        config = json.loads(voice.vocabulary.read_text("utf-8"))
        manner = InferenceConfig.of(config)
    with reader_starting(config):
        with recorder.span("model"):
            graphs = parts(voice, settings.provider, settings.options, settings.cache)
            plan = json.loads(bytes(graphs.pop("plan")))
        with recorder.span("session"):
            sessions = {
                name: Session(
                    bytes(graph),
                    settings.provider,
                    settings.options,
                    name=name,
                    require=settings.require,
                    optimised=settings.provider is CPU,
                )
                for name, graph in graphs.items()
            }
        with recorder.span("phonemes"):
            phonemize = PiperPhonemizer.open(config, lexicon=settings.lexicon)
    stages = {name: [Stage(*stage) for stage in plan[name]] for name in ("flow", "decode")}
    return PiperModel(sessions, stages, manner, phonemize)


def parts(
    voice: Voice, provider: Provider, options: SessionOptions, cache: Cache
) -> dict[str, memoryview]:
    """The voice's graphs encode, flow and decode, as sessions on that provider take them.

    And `plan`: the stages of the latter two.
    """

    @functools.cache
    def graphs() -> dict[str, bytes]:
        from .graph import cut

        return cut(voice.read_model())

    def make(part: str) -> bytes:
        graph = graphs()[part]
        return (
            graph
            if part == "plan" or provider is not CPU
            else optimise_graph(graph, provider, options)
        )

    key = (CUT_VERSION, voice.sha256, RUNTIME_VERSION, OPTIMISATION, provider.name, processor())
    return {
        part: cache.get(f"piper-{part}", key, functools.partial(make, part))
        for part in ("encode", "flow", "decode", "plan")
    }


class PiperEncoding(NamedTuple):
    """A sentence after `encode`: a row a phoneme, and how many frames each lasts."""

    means: Floats
    spreads: Floats
    counts: NDArray[np.int64]

    @property
    def frame_count(self) -> int:
        return int(self.counts.sum())

    def edges(self) -> NDArray[np.int64]:
        """The frame each phoneme begins with, and the one behind the last."""
        return np.concatenate([[0], np.cumsum(self.counts)])


class PiperModel:
    """Speaks on three sessions, one for each part of the graph."""

    def __init__(
        self,
        sessions: dict[str, Session],
        stages: dict[str, list[Stage]],
        manner: InferenceConfig,
        phonemize: PiperPhonemizer,
    ) -> None:
        self._sessions = sessions
        self._stages = stages
        self._manner = manner
        self._phonemize = phonemize
        self._extra: Arrays = {"sid": np.zeros(1, np.int64)} if manner.speakers > 1 else {}
        self.sample_rate = manner.sample_rate
        self.hop = int(np.prod([stage.factor for stage in stages["decode"]]))

    def read(self, segment: str) -> list[ModelInput]:
        """A segment as ids and words."""
        return self._phonemize.read(segment)

    def sessions(self) -> Sequence[Session]:
        """Encode, flow and decode."""
        return tuple(self._sessions.values())

    def close(self) -> None:
        """Give the reader back."""
        self._phonemize.close()

    def stream(
        self, speech: ModelInput, request: StreamContext, first_chunk: int, *, trim: bool
    ) -> Iterator[AudioPiece]:
        """Say it in pieces: see base.Model."""
        record = request.recorder.span
        noise = np.random.default_rng(request.noise.integers(2**63))
        with record("encode", first_chunk):
            encoded = self.encode(speech.ids, noise, request.stop, request.speed)
        trim = trim and first_chunk == 0  # what is between sentences is a pause
        early, late = self._onset(encoded) if trim else (0, 0)
        start = max(0, early - round(LEAD_S * self.sample_rate))
        words: tuple[Word, ...] = ()
        first = start // self.hop
        frames = PiperFrames(encoded, self, noise, first, request.stop)
        unwanted = start % self.hop  # samples of the first frame
        sizes = stream_pieces(
            encoded.frame_count - late // self.hop,
            lambda at: request.chunk_s(first_chunk + at) * self.sample_rate / self.hop,
        )
        ends = itertools.accumulate(sizes, initial=late // self.hop)
        for chunk, end in enumerate(itertools.islice(ends, 1, None), first_chunk):
            with record("decode", chunk):
                features = frames.features(end)
            with record("vocode", chunk):
                samples = frames.samples(features, end)
            samples = samples[unwanted:]
            if chunk == first_chunk:
                lead = lead_samples(samples, late - start, self.sample_rate) if trim else 0
                samples, start = samples[lead:], start + lead
                words = self._words(encoded, speech, start)
            until_s = (end * self.hop - start) / self.sample_rate
            begun = sum(1 for word in words if word.start_s < until_s)
            yield AudioPiece(samples, words[:begun])
            unwanted, words = 0, words[begun:]

    def encode(
        self,
        ids: Sequence[int],
        noise: np.random.Generator,
        stop: CancelToken | None = None,
        speed: float = 1.0,
    ) -> PiperEncoding:
        """All of a sentence at once."""
        manner = self._manner
        feeds: Arrays = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array(
                [manner.noise_scale, manner.length_scale / speed, manner.noise_w], np.float32
            ),
            "noise": noise.standard_normal((1, 2, len(ids)), np.float32),
            **self._extra,
        }
        outputs = self._sessions["encode"].run(feeds, stop)
        return PiperEncoding(
            outputs["means"][0].T,
            np.exp(outputs["logs"][0].T) * np.float32(manner.noise_scale),
            outputs["durations"][0, 0].astype(np.int64),
        )

    def chain(self, name: str, total: int, first: int, stop: CancelToken | None) -> Chain:
        """One of the chains, at the start of a sentence."""
        return Chain(self._sessions[name], self._stages[name], total, first, stop, self._extra)

    def _onset(self, encoded: PiperEncoding) -> tuple[int, int]:
        """Between which samples the first sound starts, as told by the pad in front of it."""
        sound = int(encoded.edges()[self._phonemize.pad_count]) * self.hop
        early, late = (max(0, sound - round(before * self.sample_rate)) for before in ONSET_S)
        return early, min(late, (encoded.frame_count - 1) * self.hop)

    def _words(self, encoded: PiperEncoding, speech: ModelInput, start: int) -> tuple[Word, ...]:
        """When each word is said, in seconds from sample `start` on."""
        edges = encoded.edges() * self.hop - start
        seconds = np.maximum(edges, 0) / self.sample_rate
        return tuple(
            Word(word.text, float(seconds[word.first]), float(seconds[word.stop]))
            for word in speech.words
        )


class PiperFrames:
    """A sentence's features and samples as far as they are asked for, each computed once."""

    def __init__(
        self,
        encoded: PiperEncoding,
        model: PiperModel,
        noise: np.random.Generator,
        first: int,
        stop: CancelToken | None,
    ) -> None:
        """`first` is the first frame whose samples are wanted."""
        total = encoded.frame_count
        self._encoded = encoded
        self._phonemes = np.repeat(np.arange(len(encoded.counts)), encoded.counts)
        self._noise = noise
        self._decode = model.chain("decode", total, first, stop)
        self._flow = model.chain("flow", total, self._decode.start, stop)
        self._hop = model.hop
        self._skip(self._flow.start)
        self._features: Floats | None = None  # not yet given
        self._rest: Floats = np.zeros(0, np.float32)  # samples not yet given
        self._at = first * model.hop  # the sample that comes next

    def features(self, stop: int) -> Floats | None:
        """The features that samples of frames before `stop` still need; None if none."""
        wanted = self._decode.needs(stop) - self._decode.pushed
        if wanted <= 0:
            return None
        have = 0 if self._features is None else self._features.shape[-1]
        if have < wanted:
            given = self._flow.finished
            least = given + (wanted - have)
            # The first run is as short as can be.
            goal = least if self._features is None else max(least, given + FLOW_GRAIN)
            more = self._flow.push(self._columns(self._flow.needs(goal)))
            self._features = (
                more if self._features is None else np.concatenate([self._features, more], -1)
            )
        assert self._features is not None
        features, self._features = self._features[..., :wanted], self._features[..., wanted:]
        return features

    def samples(self, features: Floats | None, stop: int) -> Floats:
        """The samples not yet given of frames before `stop`, from the features they still need."""
        if features is not None:
            made = self._decode.push(features).ravel()
            self._rest = np.concatenate([self._rest, made])
        count = stop * self._hop - self._at
        samples, self._rest = self._rest[:count], self._rest[count:]
        self._at += count
        return samples

    def _skip(self, count: int) -> None:
        """Draw the noise of frames that nobody hears."""
        self._noise.standard_normal((count, self._encoded.means.shape[1]), np.float32)

    def _columns(self, stop: int) -> Floats:
        """What the flow starts from, up to `stop`."""
        which = self._phonemes[self._flow.pushed : stop]
        shape = (len(which), self._encoded.means.shape[1])
        noise = self._noise.standard_normal(shape, np.float32)
        rows = self._encoded.means[which] + noise * self._encoded.spreads[which]
        return rows.T


def stream_pieces(frame_count: int, size_of: Callable[[int], float]) -> list[int]:
    """How many frames each chunk of a segment holds; they add up to frame_count.

    No rest shorter than half a chunk is left over: it joins the chunk before.
    """
    sizes: list[int] = []
    rest = frame_count
    while rest:
        size = max(1, round(size_of(len(sizes))))
        if rest - size < size / 2:
            size = rest
        sizes.append(size)
        rest -= size
    return sizes

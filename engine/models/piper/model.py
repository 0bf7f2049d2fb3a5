"""The piper family: speech -> a stream of waveforms, begun before the sentence is thought through.

The whole sentence is encoded once: that fixes how many frames each phoneme lasts. From there on
pieces suffice. The flow looks 32 frames ahead, the decoder ten, each of 256 samples, so the first
tenth of a second costs the work of about half a second, however long the sentence is.

    ids -> encode -> means, repeated as long as they last, and noise
        -> flow -> features -> decode -> samples

Noise is drawn frame by frame, from a generator of the segment's own: it does not depend on how the
segment is cut into chunks, nor on what else is spoken meanwhile.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ...runtime.session import CancelToken, Session
from ...text.emoji_names import EmojiReading
from ...text.phonemizer import ModelInput
from ...timing import SpanRecorder
from ...voices import Voice
from ..base import AudioPiece, Settings, SpeedRange, StreamContext
from ..graph_store import GraphStore, cut_together, open_sessions
from ..windows import (
    NO_ONSET,
    Onset,
    Pairing,
    SegmentTiming,
    chunk_ends_of,
    divide_frames,
    retime,
    stream_frames,
)
from .chain import Arrays, Chain, Floats, Stage
from .phonemizer import PiperPhonemizer, start_reader_early

GRAPHS = ("encode", "flow", "decode")
CHAINS = ("flow", "decode")
CUT_VERSION = "2"  # of what graph.py makes: a graph cached under another one is made again

FLOW_GRAIN = 64  # frames: the flow goes on by as many at least, as very small runs are dear

# The first sound starts this long before the first phoneme is to begin, or as long after it.
ONSET_S = (0.02, -0.02)

# Beyond these speeds fewer words are understood than of speech at one of them, rescaled.
SLOWEST, FASTEST = 0.5, 1.3
# How faster speech is made of that at 1; benchmarks/speed_variants.py compares others.
PAIRING = Pairing(2, 1)  # a phoneme and the pad behind it
FAST_NOISE = 0.5  # of the voice's noise at the fastest; a steadier sound survives shortening better

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
    settings.refuse_buckets(voice)
    with recorder.span("voice"):
        voice.check_installed()
        config = json.loads(voice.vocabulary.read_text("utf-8"))
        inference = InferenceConfig.of(config)
    with start_reader_early(config):
        with recorder.span("model"):
            graphs, stages = _load_graphs(voice, settings)
        with recorder.span("session"):
            sessions = open_sessions(graphs, settings)
        with recorder.span("phonemes"):
            phonemize = PiperPhonemizer.open(config, lexicon=settings.lexicon)
    return PiperModel(sessions, stages, inference, phonemize)


def _load_graphs(
    voice: Voice, settings: Settings
) -> tuple[dict[str, memoryview], dict[str, list[Stage]]]:
    """The voice's graphs, and the stages of those that are chains."""
    cut = cut_together(lambda: _cut_graphs(voice))
    store = GraphStore(voice, settings, CUT_VERSION, cut)
    graphs = store.load(GRAPHS)
    plan = json.loads(bytes(store.get("plan", lambda: cut("plan"))))
    stages: dict[str, list[Stage]] = {}
    for chain in CHAINS:
        stages[chain] = [Stage(*stage) for stage in plan[chain]]
    return graphs, stages


def _cut_graphs(voice: Voice) -> dict[str, bytes]:
    from .graph import cut

    return cut(voice.read_model())


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

    speeds = SpeedRange(SLOWEST, FASTEST)

    def __init__(
        self,
        sessions: Mapping[str, Session],
        stages: Mapping[str, Sequence[Stage]],
        inference: InferenceConfig,
        phonemize: PiperPhonemizer,
    ) -> None:
        self._sessions = sessions
        self._stages = stages
        self._inference = inference
        self._phonemize = phonemize
        self._extra: Arrays = {}
        if inference.speakers > 1:
            self._extra = {"sid": np.zeros(1, np.int64)}
        self.sample_rate = inference.sample_rate
        self.hop = math.prod(stage.factor for stage in stages["decode"])

    def read(self, segment: str, emoji: EmojiReading = "leave-out") -> list[ModelInput]:
        """A segment as ids and words."""
        return self._phonemize.read(segment, emoji)

    def transcribe(self, segment: str, emoji: EmojiReading = "leave-out") -> str:
        """The phonemes of a segment."""
        return self._phonemize.transcribe(segment, emoji)

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
        noise = np.random.default_rng(request.noise.integers(2**63))
        with request.recorder.span("encode", first_chunk):
            encoded = self.encode(speech.ids, noise, request.stop, request.speed)
        timing = SegmentTiming(encoded.edges() * self.hop, self.hop, self.sample_rate)
        onset = NO_ONSET
        if trim and first_chunk == 0:  # what is between sentences is a pause
            onset = self._find_onset(timing)
        onset_frame = onset.latest // self.hop
        sizes = divide_frames(
            encoded.frame_count - onset_frame,
            lambda index: request.chunk_s(first_chunk + index) * self.sample_rate / self.hop,
        )
        ends = chunk_ends_of(sizes, onset_frame)
        first_frame = timing.first_sample(onset) // self.hop
        frames = PiperFrames(encoded, self, noise, first_frame, request.stop)
        yield from stream_frames(frames, timing, onset, ends, speech, request, first_chunk)

    def encode(
        self,
        ids: Sequence[int],
        noise: np.random.Generator,
        stop: CancelToken | None = None,
        speed: float = 1.0,
    ) -> PiperEncoding:
        """All of a sentence at once."""
        noise_scale = self._inference.noise_scale
        scales = [noise_scale, self._inference.length_scale, self._inference.noise_w]
        feeds: Arrays = {
            "input": np.array([ids], np.int64),
            "input_lengths": np.array([len(ids)], np.int64),
            "scales": np.array(scales, np.float32),
            "noise": noise.standard_normal((1, 2, len(ids)), np.float32),
            **self._extra,
        }
        outputs = self._sessions["encode"].run(feeds, stop)
        counts = outputs["durations"][0, 0].astype(np.int64)
        if speed != 1:
            counts = retime(counts, speed, self._phonemize.pad_count, PAIRING)
        noise_scale *= find_noise_share(speed)
        return PiperEncoding(
            outputs["means"][0].T,
            np.exp(outputs["logs"][0].T) * np.float32(noise_scale),
            counts,
        )

    def start_chain(
        self,
        name: str,
        total: int,
        first: int,
        stop: CancelToken | None,
    ) -> Chain:
        """One of the chains, at the start of a sentence."""
        return Chain(self._sessions[name], self._stages[name], total, first, stop, self._extra)

    def _find_onset(self, timing: SegmentTiming) -> Onset:
        """When the first sound begins, judged by the pad in front of it."""
        pad_end = int(timing.edges[self._phonemize.pad_count])
        onset = timing.onset(pad_end, ONSET_S)
        last_frame = int(timing.edges[-1]) - self.hop
        return Onset(onset.earliest, min(onset.latest, last_frame))


def find_noise_share(speed: float) -> float:
    """Of the voice's noise: all of it up to 1, then ever less, so that no speed sounds new."""
    return float(np.interp(speed, (1.0, FASTEST), (1.0, FAST_NOISE)))


class PiperFrames:
    """A sentence's features and samples, each computed once: windows.Frames."""

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
        self._decode = model.start_chain("decode", total, first, stop)
        self._flow = model.start_chain("flow", total, self._decode.start, stop)
        self._hop = model.hop
        self._draw_noise(self._flow.start)  # of frames that go in nowhere
        self._features: Floats | None = None  # not yet decoded
        self._samples: Floats = np.zeros(0, np.float32)  # not yet given
        self._next_sample = first * model.hop

    def decode(self, stop: int) -> Floats | None:
        """The features that samples of frames before `stop` still need; None if none."""
        count = self._decode.needs(stop) - self._decode.pushed
        if count <= 0:
            return None
        waiting = self._get_features(count)
        self._features = waiting[..., count:]
        return waiting[..., :count]

    def _get_features(self, count: int) -> Floats:
        """So many features that were not decoded yet, or more."""
        finished = self._flow.finished
        if self._features is None:  # the first run is as short as can be
            return self._run_flow(finished + count)
        missing = count - self._features.shape[-1]
        if missing <= 0:
            return self._features
        more = self._run_flow(finished + max(missing, FLOW_GRAIN))
        return np.concatenate([self._features, more], -1)

    def _run_flow(self, stop: int) -> Floats:
        return self._flow.push(self._columns(self._flow.needs(stop)))

    def vocode(self, decoded: Floats | None, stop: int) -> Floats:
        """The samples not yet given of frames before `stop`, from the features they still need."""
        if decoded is not None:
            samples = self._decode.push(decoded).ravel()
            self._samples = np.concatenate([self._samples, samples])
        count = stop * self._hop - self._next_sample
        samples = self._samples[:count]
        self._samples = self._samples[count:]
        self._next_sample += count
        return samples

    def _draw_noise(self, count: int) -> Floats:
        """For so many frames, [count, C]."""
        channels = self._encoded.means.shape[1]
        return self._noise.standard_normal((count, channels), np.float32)

    def _columns(self, stop: int) -> Floats:
        """What the flow starts from, up to `stop`."""
        phonemes = self._phonemes[self._flow.pushed : stop]
        noise = self._draw_noise(len(phonemes)) * self._encoded.spreads[phonemes]
        rows = self._encoded.means[phonemes] + noise
        return rows.T

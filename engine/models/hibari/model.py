# ruff: noqa: RUF001 - phonemes look like other letters
"""The hibari family: speech -> a stream of waveforms, begun before the sentence is thought through.

The whole sentence is encoded once: that fixes how long each phoneme lasts. From there on pieces
suffice. Pitch looks 54 steps of 25 ms ahead, spectra 27 frames of 12.5 ms, the vocoder two, so the
first tenth of a second of sound costs the work of about a second and a half of pitch and half a
second of spectra, however long the sentence is.

    ids -> encode -> prosody, 25 ms steps -> decode, 12.5 ms frames -> vocoder -> samples
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ...audio import Samples
from ...runtime.session import CancelToken, Session
from ...text.phonemizer import PAD_ID, ModelInput, Phonemizer
from ...timing import SpanRecorder
from ...voices import Voice
from ..base import AudioPiece, ChunkLengths, PhonemizedModel, Settings, SpeedRange, StreamContext
from ..graph_store import GraphStore, cut_together, open_sessions
from ..windows import (
    NO_ONSET,
    Onset,
    SegmentTiming,
    chunk_ends_of,
    divide_frames,
    retime,
    stream_frames,
)
from .architecture import (
    DECODE_LAYERS,
    DECODE_LOOKAHEAD,
    DECODE_WIDTH,
    FEATURE_WIDTH,
    FRAMES_PER_STEP,
    PROSODY_DILATIONS,
    PROSODY_LOOKAHEAD,
    PROSODY_WIDTH,
    REACH,
    SPECTRA_WIDTH,
    VOCODER_LOOKAHEAD,
    encoder_feeds,
)
from .buckets import (
    BUCKETS,
    BucketFrames,
    BucketSessions,
    EncodedRows,
    bucket_name,
    bucket_names,
)
from .vocoder import HOP, LOOKAHEAD, SAMPLE_RATE, Floats, Spectra, Vocoder

STAGES = ("encode", "prosody", "decode")
CUT_VERSION = "5"  # of what graph.py makes: a graph cached under another one is made again

STEP_SAMPLES = FRAMES_PER_STEP * HOP
FRONT_PADS = 1  # ids in front of the first phoneme

PROSODY_TAIL = REACH * max(PROSODY_DILATIONS)
GRAIN = 8  # steps: prosody goes on by as many at least, as very small runs are dear

# Sound starts this long before the pad in front ends.
ONSET_S = (0.08, 0.025)

# Beyond these speeds fewer words are understood than of speech at one of them, rescaled.
SLOWEST, FASTEST = 0.5, 1.5

Integers = NDArray[np.int64]

# Sentences of many sounds and several lengths, from which graph.py fixes the scales.
CALIBRATION = (
    "jˈɛs.",
    "hˌu ɪz ðˈɛɹ?",
    "stˈɑp, wˈAt ɐ mˈOmᵊnt!",
    "ˌI wʊd ɹˈæðəɹ wˈɔk hˈOm ðən tˈAk ðə bˈʌs əɡˈɛn.",
    "θˈɜɹTinˌIn ɡˈis flˈu lˈO əbˈʌv ðə fɹˈOzən hˈɑɹbəɹ.",
    "wˌI ʃˌʊd ɐ ʤˈʌʤ ɪnʤˈY sˈʌʧ ɐ stɹˈAnʤ ɡəɹˈɑʒ?",
    "ðə bˈY θˈɔt θɹu bˈOθ ʌv ðiz θˈɪŋz; nˈʌθɪŋ hˈɛlpt.",
    "plˈiz mˈɛʒəɹ ði ˈæʒəɹ kˈɜɹtᵊn, ænd ðˈɛn fˈOn jʊɹ ˈʌŋkəl.",
    "ˈO nˈO, ju kˈænt bi sˈɪɹiəs, kæn ju?",
    "fɹˈɛʃ ʧˈɛɹi ʤˈus spˈɪld ˈOvəɹ mI nˈu jˈɛlO ʤˈækət.",
    "wˈɛl, ɪf ɪt ɹˈAnz təmˈɑɹO, wi kʊd ˈɔlwˌAz vˈɪzət ði ˈOld mjuzˈiəm nˌɪɹ ðə wˈɔTəɹ.",
    "ˈɛvəɹi kwˈɔɹTəɹ, əlˈɛvᵊn θˈWzᵊnd vˈɪzəTəɹz kjˈu kwˈIətli ˌWtsˈId ɪts hˈɛvi bɹˈɑnz dˈɔɹz.",
    "ʃˌi tˈOld hˌɪm ðæt hɜɹ bɹˈʌðəɹ, hˌu hæd nˈɛvəɹ lˈɜɹnd tə swˈɪm, wʌz ˈWt æt sˈi wɪð fˈɔɹ "
    "fɹˈɛndz, ɐ dˈɔɡ ænd ɐ vˈɛɹi smˈɔl bˈOt.",
    "nˈIn, ˈAt, sˈɛvən, sˈɪks, fˈIv, fˈɔɹ, θɹˈi, tˈu, wˈʌn, zˈɪɹO.",
)


def open_model(voice: Voice, settings: Settings, recorder: SpanRecorder) -> HibariModel:
    """Open a voice: its graphs from the cache, cut and optimised first if they are not there."""
    is_fixed = settings.shapes == "buckets"
    names: Sequence[str] = STAGES
    if is_fixed:
        names = ["encode", *bucket_names()]
    with recorder.span("model"):
        voice.check_installed()
        cut = cut_together(lambda: _cut_stages(voice, is_fixed=is_fixed))
        graphs = GraphStore(voice, settings, CUT_VERSION, cut).load(names)
    with recorder.span("session"):
        sessions = open_sessions(graphs, settings)
    with recorder.span("voice"):
        phonemize = Phonemizer.open(
            voice.vocabulary, voice.language, lexicon=settings.lexicon, cache=settings.cache
        )
    if is_fixed:
        return BucketModel(
            sessions["encode"],
            _choose_buckets(sessions, "prosody"),
            _choose_buckets(sessions, "decode"),
            phonemize,
        )
    return HibariModel(sessions["encode"], sessions["prosody"], sessions["decode"], phonemize)


def _choose_buckets(sessions: Mapping[str, Session], stage: str) -> BucketSessions:
    """The sessions of a stage, by how many rows each runs."""
    return {rows: sessions[bucket_name(stage, rows)] for rows in BUCKETS[stage]}


def _cut_stages(voice: Voice, *, is_fixed: bool) -> dict[str, bytes]:
    from .graph import cut

    vocabulary = json.loads(voice.vocabulary.read_text("utf-8"))
    sentences = []
    for phonemes in CALIBRATION:
        ids = [vocabulary[phoneme] for phoneme in phonemes]
        sentences.append([PAD_ID, *ids, PAD_ID])
    buckets = BUCKETS if is_fixed else None
    return cut(voice.read_model(), sentences, buckets=buckets)


class HibariEncoding(NamedTuple):
    """A sentence after `encode`: rows per phoneme, and which phoneme each step belongs to."""

    acoustic: Floats
    text: Floats
    steps: Integers

    @property
    def frame_count(self) -> int:
        return FRAMES_PER_STEP * len(self.steps)

    def timing(self) -> SegmentTiming:
        """When each phoneme begins."""
        phonemes = np.arange(len(self.acoustic) + 1)
        edges = np.searchsorted(self.steps, phonemes, "left") * STEP_SAMPLES
        return SegmentTiming(edges, HOP, SAMPLE_RATE)

    def onset(self) -> Onset:
        """When the first sound begins, judged by the pad in front of it."""
        timing = self.timing()
        return timing.onset(int(timing.edges[FRONT_PADS]), ONSET_S)


class SpectraSource(Protocol):
    """A sentence's spectra and pitch, as far as they are asked for."""

    def take_until(self, stop: int) -> Spectra:
        """Those not yet taken of frames before `stop`; pitch reaches as far as vocoders look."""


class HibariModel(PhonemizedModel):
    """Speaks on three sessions, one for each stage of the graph."""

    sample_rate = SAMPLE_RATE
    speeds = SpeedRange(SLOWEST, FASTEST)

    def __init__(
        self, encode: Session, prosody: Session, decode: Session, phonemize: Phonemizer
    ) -> None:
        self._encode = encode
        self._prosody = prosody
        self._decode = decode
        super().__init__(phonemize)

    def sessions(self) -> Sequence[Session]:
        """Encode, prosody and decode."""
        return (self._encode, self._prosody, self._decode)

    def stream(
        self, speech: ModelInput, request: StreamContext, first_chunk: int, *, trim: bool
    ) -> Iterator[AudioPiece]:
        """Say it in pieces: see base.Model."""
        with request.recorder.span("encode", first_chunk):
            encoded = self.encode(speech.ids, request.stop, request.speed)
        timing = encoded.timing()
        onset = NO_ONSET
        if trim and first_chunk == 0:  # what is between sentences is a pause
            onset = encoded.onset()
        vocoder = Vocoder(request.noise, timing.first_sample(onset) // HOP)
        spectra = self.start_frames(encoded, vocoder.first_frame, request.stop)
        frames = _VocodedFrames(spectra, vocoder, encoded.frame_count)
        onset_block = onset.latest // HOP
        ends = chunk_ends(encoded.frame_count, onset_block, first_chunk, request.chunk_s)
        yield from stream_frames(frames, timing, onset, ends, speech, request, first_chunk)

    def encode(
        self,
        ids: Sequence[int],
        stop: CancelToken | None = None,
        speed: float = 1.0,
    ) -> HibariEncoding:
        """All of a sentence at once."""
        encoded = HibariEncoding(**self._encode.run(encoder_feeds(ids), stop))
        if speed == 1:
            return encoded
        counts = np.bincount(encoded.steps, minlength=len(ids))
        counts = retime(counts, speed, FRONT_PADS)
        return encoded._replace(steps=np.repeat(np.arange(len(ids)), counts))

    def start_frames(
        self,
        encoded: HibariEncoding,
        first: int,
        stop: CancelToken | None,
    ) -> SpectraSource:
        """What computes a sentence's frames, of which `first` is the first that is wanted."""
        return HibariFrames(encoded, self._prosody, self._decode, first, stop)


class BucketModel(HibariModel):
    """Speaks on sessions of fixed shapes, several for each stage but the first: see buckets.py."""

    def __init__(
        self,
        encode: Session,
        prosody: BucketSessions,
        decode: BucketSessions,
        phonemize: Phonemizer,
    ) -> None:
        super().__init__(encode, prosody[max(prosody)], decode[max(decode)], phonemize)
        self._prosody_buckets = prosody
        self._decode_buckets = decode

    def sessions(self) -> Sequence[Session]:
        """Encode, and those of prosody and decode."""
        return (self._encode, *self._prosody_buckets.values(), *self._decode_buckets.values())

    def start_frames(
        self,
        encoded: HibariEncoding,
        first: int,
        stop: CancelToken | None,
    ) -> SpectraSource:
        """As that of HibariModel, in runs of fixed lengths."""
        rows = EncodedRows(*encoded)
        return BucketFrames(rows, self._prosody_buckets, self._decode_buckets, first, stop)


class HibariFrames:
    """A sentence's spectra and pitch as far as they are asked for, each computed once."""

    def __init__(
        self,
        encoded: HibariEncoding,
        prosody: Session,
        decode: Session,
        first: int,
        stop: CancelToken | None,
    ) -> None:
        """`first` is the first frame whose spectra are wanted; pitch is, from the start."""
        self._encoded = encoded
        self._prosody = prosody
        self._decode = decode
        self._stop = stop
        self._total = encoded.frame_count
        # Prosody: steps that went in, its state, and the pitch that came out.
        self._steps_in = 0
        self._steps_out = 0
        self._prosody_state = np.zeros((PROSODY_LOOKAHEAD, PROSODY_WIDTH), np.float32)
        self._pitch = np.zeros(0, np.float32)  # not yet taken
        self._pitch_stop = 0
        # Decode: features from those its first layer looks back on, how many frames came out of
        # that layer, the state of the others, and the rows that came out of the last.
        self._features = np.zeros((REACH, FEATURE_WIDTH), np.float32)
        self._frames_in = 0
        self._skip = first
        self._decode_state = np.zeros((DECODE_LAYERS, 1, REACH, DECODE_WIDTH), np.float32)
        self._rows = np.zeros((0, SPECTRA_WIDTH), np.float32)  # not yet taken
        self._rows_stop = first

    def take_until(self, stop: int) -> Spectra:
        """The spectra not yet taken of frames before `stop`, and the pitch of some more.

        As many more as the vocoder looks ahead. Both end where the sentence does.
        """
        stop = min(stop, self._total)
        rows = self._take_rows(stop)
        pitch = self._take_pitch(min(stop + VOCODER_LOOKAHEAD, self._total))
        return Spectra.of_rows(rows, pitch)

    def _take_rows(self, stop: int) -> Floats:
        """Rows of spectra, from the first that is wanted and was not yet taken, up to `stop`."""
        if self._rows_stop < stop:
            self._rows = np.concatenate([self._rows, self._run_decode(stop)])
        count = len(self._rows) - (self._rows_stop - stop)
        rows = self._rows[:count]
        self._rows = self._rows[count:]
        return rows

    def _take_pitch(self, stop: int) -> Floats:
        count = stop - self._pitch_stop
        pitch = self._pitch[:count]
        self._pitch = self._pitch[count:]
        self._pitch_stop = stop
        return pitch

    def _run_decode(self, stop: int) -> Floats:
        """The next rows of spectra, up to `stop` at least; all there are if that is near.

        A run of a single row would be rounded differently, so they come in steps.
        """
        stop += stop % FRAMES_PER_STEP
        features_stop = stop + DECODE_LOOKAHEAD
        first_layer_stop = features_stop - REACH
        tail = 0
        if features_stop >= self._total:
            stop = features_stop = first_layer_stop = self._total
            tail = REACH
        self._run_prosody(features_stop)
        count = first_layer_stop - self._frames_in
        outputs = self._decode.run(
            {
                "features": self._features[: count + 2 * REACH],
                "state": self._decode_state,
                "tail": np.zeros((tail, DECODE_WIDTH), np.float32),
                "skip": np.array([self._skip], np.int64),
            },
            self._stop,
        )
        self._features = self._features[count:]
        self._frames_in = first_layer_stop
        self._rows_stop = stop
        self._skip = 0
        self._decode_state = outputs["carry"]
        return outputs["spectra"]

    def _run_prosody(self, stop: int) -> None:
        """Get features and pitch of all frames before `stop`; at the end, the padding behind it."""
        if FRAMES_PER_STEP * self._steps_out >= stop:
            return
        steps = self._encoded.steps
        total = len(steps)
        wanted = -(-stop // FRAMES_PER_STEP) + PROSODY_LOOKAHEAD
        steps_in = -(-wanted // GRAIN) * GRAIN
        steps_out = steps_in - PROSODY_LOOKAHEAD
        tail = padding = 0
        if steps_in + GRAIN > total:
            steps_in = steps_out = total
            tail = PROSODY_TAIL
            padding = REACH
        outputs = self._prosody.run(
            {
                "acoustic": self._encoded.acoustic,
                "text": self._encoded.text,
                "ahead": steps[self._steps_in : steps_in],
                "now": steps[self._steps_out : steps_out],
                "state": self._prosody_state,
                "tail": np.zeros((tail, PROSODY_WIDTH), np.float32),
            },
            self._stop,
        )
        self._steps_in = steps_in
        self._steps_out = steps_out
        self._prosody_state = outputs["carry"]
        behind = np.zeros((padding, FEATURE_WIDTH), np.float32)
        self._features = np.concatenate([self._features, outputs["features"], behind])
        self._pitch = np.concatenate([self._pitch, outputs["pitch"]])


class _VocodedFrames:
    """Spectra and the vocoder behind them: windows.Frames."""

    def __init__(self, spectra: SpectraSource, vocoder: Vocoder, frame_count: int) -> None:
        self._spectra = spectra
        self._vocoder = vocoder
        self._frame_count = frame_count

    def decode(self, stop: int) -> Spectra:
        return self._spectra.take_until(stop + VOCODER_LOOKAHEAD)

    def vocode(self, decoded: Spectra, stop: int) -> Samples:
        samples = self._vocoder.push(decoded)
        if stop < self._frame_count:
            return samples
        return np.concatenate([samples, self._vocoder.finish()])


def chunk_ends(
    frame_count: int,
    onset: int,
    first_chunk: int,
    chunk_s: ChunkLengths,
) -> list[int]:
    """Behind which block each chunk ends.

    The first chunk is as long as it should be from `onset` on: what is before may be silence.
    """
    return chunk_ends_of(chunk_sizes(frame_count - onset, first_chunk, chunk_s), onset)


def chunk_sizes(
    frame_count: int,
    first_chunk: int,
    chunk_s: ChunkLengths,
) -> list[int]:
    """How many frames each chunk of a segment holds; none is too short to look ahead into."""
    return divide_frames(
        frame_count,
        lambda index: chunk_s(first_chunk + index) * SAMPLE_RATE / HOP,
        min_rest=LOOKAHEAD,
    )

# ruff: noqa: RUF001 - phonemes look like other letters
"""The hibari family: speech -> a stream of waveforms, begun before the sentence is thought through.

The whole sentence is encoded once: that fixes how long each phoneme lasts. From there on pieces
suffice. Pitch needs to hear 54 steps of 25 ms ahead, spectra 27 frames of 12.5 ms, the vocoder two,
so the first tenth of a second of sound costs the work of about a second and a half of pitch and
half a second of spectra, however long the sentence is.

    ids -> encode -> prosody, 25 ms steps -> decode, 12.5 ms frames -> vocoder -> samples
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...audio import LEAD_S, Word, lead_samples
from ...cache import Cache, processor
from ...runtime.providers import CPU, Provider, SessionOptions
from ...runtime.session import OPTIMISATION, RUNTIME_VERSION, CancelToken, Session, optimise_graph
from ...text.phonemizer import PAD_ID, ModelInput, Phonemizer
from ...timing import SpanRecorder
from ...voices import Voice
from ..base import AudioPiece, Settings, StreamContext
from .architecture import (
    DECODE_LAYERS,
    DECODE_WIDTH,
    FEATURE_WIDTH,
    PROSODY_DILATIONS,
    PROSODY_WIDTH,
    SPECTRA_WIDTH,
    TAPS,
    sentence,
)
from .vocoder import BINS, HOP, LOOKAHEAD, SAMPLE_RATE, Spectra, Vocoder

STAGES = ("encode", "prosody", "decode")
CUT_VERSION = "4"  # of what hibari_cut makes: a graph cached under another one is made again

FRAMES_PER_STEP = 2
STEP_SAMPLES = FRAMES_PER_STEP * HOP
PAD_STEP = 0  # the phoneme that steps before the first sound belong to

FIRST_REACH = TAPS // 2  # frames that decode's first layer looks ahead, and back
DECODE_REACH = FIRST_REACH * (1 + DECODE_LAYERS)  # frames that spectra look ahead
PROSODY_REACH = TAPS // 2 * sum(PROSODY_DILATIONS)  # steps that pitch looks ahead
PROSODY_TAIL = TAPS // 2 * max(PROSODY_DILATIONS)
VOCODER_REACH = 2  # frames that samples look ahead in spectra, and then again in pitch
GRAIN = 8  # steps: prosody goes on by as many at least, as very small runs are dear

# Sound starts this long before the pad in front ends.
ONSET_S = (0.08, 0.025)

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

# Sentences of many sounds and several lengths, from which hibari_cut fixes the scales.
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
    with recorder.span("model"):
        voice.check_installed()
        graphs = stages(voice, settings.provider, settings.options, settings.cache)
    with recorder.span("session"):
        encode, prosody, decode = (
            Session(
                bytes(graph),
                settings.provider,
                settings.options,
                name=stage,
                require=settings.require,
                optimised=settings.provider is CPU,
            )
            for stage, graph in zip(STAGES, graphs, strict=True)
        )
    with recorder.span("voice"):
        phonemize = Phonemizer.open(
            voice.vocabulary, voice.language, lexicon=settings.lexicon, cache=settings.cache
        )
    return HibariModel(encode, prosody, decode, phonemize)


def stages(
    voice: Voice, provider: Provider, options: SessionOptions, cache: Cache
) -> list[memoryview]:
    """The voice's graphs encode, prosody and decode, as sessions on that provider take them."""

    @functools.cache
    def graphs() -> dict[str, bytes]:
        from .graph import cut

        vocabulary = json.loads(voice.vocabulary.read_text("utf-8"))
        sentences = [
            [PAD_ID, *(vocabulary[p] for p in phonemes), PAD_ID] for phonemes in CALIBRATION
        ]
        return cut(voice.read_model(), sentences)

    def make(stage: str) -> bytes:
        graph = graphs()[stage]
        return optimise_graph(graph, provider, options) if provider is CPU else graph

    key = (CUT_VERSION, voice.sha256, RUNTIME_VERSION, OPTIMISATION, provider.name, processor())
    return [cache.get(f"hibari-{stage}", key, functools.partial(make, stage)) for stage in STAGES]


class HibariEncoding(NamedTuple):
    """A sentence after `encode`: rows per phoneme, and which phoneme each step belongs to."""

    acoustic: Floats
    text: Floats
    steps: Integers

    @property
    def frame_count(self) -> int:
        return FRAMES_PER_STEP * len(self.steps)

    def onset(self) -> tuple[int, int]:
        """Between which samples the first sound starts, as told by the pad in front of it."""
        end = int(np.searchsorted(self.steps, PAD_STEP, "right")) * STEP_SAMPLES
        early, late = (max(0, end - round(before * SAMPLE_RATE)) for before in ONSET_S)
        return early, late

    def words(self, speech: ModelInput, start: int) -> tuple[Word, ...]:
        """When each word is said, in seconds from sample `start` on."""
        firsts = np.searchsorted(self.steps, [word.first for word in speech.words], "left")
        stops = np.searchsorted(self.steps, [word.stop for word in speech.words], "left")
        return tuple(
            Word(word.text, *(max(0, int(at) * STEP_SAMPLES - start) / SAMPLE_RATE for at in edges))
            for word, *edges in zip(speech.words, firsts, stops, strict=True)
        )


class HibariModel:
    """Speaks on three sessions, one for each stage of the graph."""

    sample_rate = SAMPLE_RATE

    def __init__(
        self, encode: Session, prosody: Session, decode: Session, phonemize: Phonemizer
    ) -> None:
        self._encode = encode
        self._prosody = prosody
        self._decode = decode
        self._phonemize = phonemize

    def read(self, segment: str) -> list[ModelInput]:
        """A segment as ids and words."""
        return self._phonemize.read(segment)

    def sessions(self) -> Sequence[Session]:
        """Encode, prosody and decode."""
        return (self._encode, self._prosody, self._decode)

    def close(self) -> None:
        """Nothing: all else is plain memory."""

    def stream(
        self, speech: ModelInput, request: StreamContext, first_chunk: int, *, trim: bool
    ) -> Iterator[AudioPiece]:
        """Say it in pieces: see base.Model."""
        record = request.recorder.span
        with record("encode", first_chunk):
            encoded = self.encode(speech.ids, request.stop, request.speed)
        trim = trim and first_chunk == 0  # what is between sentences is a pause
        early, late = encoded.onset() if trim else (0, 0)
        start = max(0, early - round(LEAD_S * SAMPLE_RATE))
        words: tuple[Word, ...] = ()
        vocoder = Vocoder(request.noise, start // HOP)
        frames = HibariFrames(
            encoded, self._prosody, self._decode, vocoder.first_frame, request.stop
        )
        unwanted = start % HOP  # samples of the first block
        ends = chunk_ends(encoded.frame_count, late // HOP, first_chunk, request.chunk_s)
        for chunk, end in enumerate(ends, first_chunk):
            with record("decode", chunk):
                spectra = frames.upto(end + VOCODER_REACH)
            with record("vocode", chunk):
                samples = vocoder.push(spectra)
                if end == encoded.frame_count:
                    samples = np.concatenate([samples, vocoder.finish()])
            samples = samples[unwanted:]
            if chunk == first_chunk:
                lead = lead_samples(samples, late - start, SAMPLE_RATE) if trim else 0
                samples, start = samples[lead:], start + lead
                words = encoded.words(speech, start)
            until_s = (end * HOP - start) / SAMPLE_RATE
            begun = sum(1 for word in words if word.start_s < until_s)
            yield AudioPiece(samples, words[:begun])
            unwanted, words = 0, words[begun:]

    def encode(
        self, ids: Sequence[int], stop: CancelToken | None = None, speed: float = 1.0
    ) -> HibariEncoding:
        """All of a sentence at once."""
        return HibariEncoding(**self._encode.run(sentence(ids, speed), stop))


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
        self._prosody_state = np.zeros((PROSODY_REACH, PROSODY_WIDTH), np.float32)
        self._pitch = np.zeros(0, np.float32)  # not yet given
        self._pitch_stop = 0
        # Decode: features from those its first layer looks back on, how many frames came out of
        # that layer, the state of the others, and the rows that came out of the last.
        self._features = np.zeros((FIRST_REACH, FEATURE_WIDTH), np.float32)
        self._frames_in = 0
        self._skip = first
        self._decode_state = np.zeros((DECODE_LAYERS, 1, FIRST_REACH, DECODE_WIDTH), np.float32)
        self._rows = np.zeros((0, SPECTRA_WIDTH), np.float32)  # not yet given
        self._rows_stop = first

    def upto(self, stop: int) -> Spectra:
        """The spectra not yet given of frames before `stop`, and the pitch of some more.

        As many more as the vocoder hears ahead. Both end where the sentence does.
        """
        stop = min(stop, self._total)
        rows = self._spectra(stop)
        count = min(stop + VOCODER_REACH, self._total) - self._pitch_stop
        pitch, self._pitch = self._pitch[:count], self._pitch[count:]
        self._pitch_stop += count
        lh, turn, noise, free, phase = (
            rows[:, at : at + BINS].T for at in range(0, SPECTRA_WIDTH, BINS)
        )
        return Spectra(lh, turn, noise, free, phase, pitch)

    def _spectra(self, stop: int) -> Floats:
        """Rows of spectra, from the first that is wanted and was not yet given, up to `stop`."""
        if self._rows_stop < stop:
            self._rows = np.concatenate([self._rows, self._more(stop)])
        count = len(self._rows) - (self._rows_stop - stop)
        rows, self._rows = self._rows[:count], self._rows[count:]
        return rows

    def _more(self, stop: int) -> Floats:
        """The next rows of spectra, up to `stop` at least; all there are if that is near.

        A run of a single row would be rounded differently, so they come in steps.
        """
        stop += stop % FRAMES_PER_STEP
        ends = stop + DECODE_REACH >= self._total
        first_layer = self._total if ends else stop + DECODE_REACH - FIRST_REACH
        self._hear(self._total if ends else stop + DECODE_REACH)
        count = first_layer - self._frames_in
        heard, self._features = self._features[: count + 2 * FIRST_REACH], self._features[count:]
        outputs = self._decode.run(
            {
                "features": heard,
                "state": self._decode_state,
                "tail": np.zeros((FIRST_REACH if ends else 0, DECODE_WIDTH), np.float32),
                "skip": np.array([self._skip], np.int64),
            },
            self._stop,
        )
        self._frames_in = first_layer
        self._rows_stop = self._total if ends else stop
        self._skip = 0
        self._decode_state = outputs["carry"]
        return outputs["spectra"]

    def _hear(self, stop: int) -> None:
        """Get features and pitch of all frames before `stop`; at the end, the padding behind it."""
        if FRAMES_PER_STEP * self._steps_out >= stop:
            return
        steps, total = self._encoded.steps, len(self._encoded.steps)
        step_stop = -(-stop // FRAMES_PER_STEP)
        steps_in = -(-(step_stop + PROSODY_REACH) // GRAIN) * GRAIN
        ends = steps_in + GRAIN > total
        steps_in, steps_out = (total, total) if ends else (steps_in, steps_in - PROSODY_REACH)
        outputs = self._prosody.run(
            {
                "acoustic": self._encoded.acoustic,
                "text": self._encoded.text,
                "ahead": steps[self._steps_in : steps_in],
                "now": steps[self._steps_out : steps_out],
                "state": self._prosody_state,
                "tail": np.zeros((PROSODY_TAIL if ends else 0, PROSODY_WIDTH), np.float32),
            },
            self._stop,
        )
        self._steps_in, self._steps_out = steps_in, steps_out
        self._prosody_state = outputs["carry"]
        parts = [self._features, outputs["features"]]
        if ends:
            parts.append(np.zeros((FIRST_REACH, FEATURE_WIDTH), np.float32))
        self._features = np.concatenate(parts)
        self._pitch = np.concatenate([self._pitch, outputs["pitch"]])


def chunk_ends(
    frame_count: int, onset: int, first_chunk: int, chunk_s: Callable[[int], float]
) -> Iterator[int]:
    """Behind which block each chunk ends.

    The first chunk is as long as it should be from `onset` on: what is before may be silence.
    """
    sizes = stream_pieces(frame_count - onset, first_chunk, chunk_s)
    return itertools.islice(itertools.accumulate(sizes, initial=onset), 1, None)


def stream_pieces(frame_count: int, first_chunk: int, chunk_s: Callable[[int], float]) -> list[int]:
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

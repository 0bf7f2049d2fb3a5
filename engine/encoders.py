"""Streaming encoders for PCM, WAV, FLAC, MP3, Opus and AAC.

An encoder holds back as little as its format allows: nothing for PCM and WAV, a frame of 20 ms for
FLAC, a page of 20 ms for Opus, and the codec's look-ahead for MP3 and AAC.

PyAV is imported late: PCM and WAV do without it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .audio import Samples, pcm16, wav_header
from .errors import OptionError

if TYPE_CHECKING:
    import av
    from av.audio.codeccontext import AudioCodecContext

CONTENT_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg; codecs=opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
FORMATS_BY_SUFFIX = {
    ".wav": "wav",
    ".mp3": "mp3",
    ".opus": "opus",
    ".ogg": "opus",
    ".flac": "flac",
    ".aac": "aac",
    ".pcm": "pcm",
    ".raw": "pcm",
}
"""What a file contains, by how its name ends."""
PCM_RATE = 24_000  # raw PCM carries no rate, and clients of OpenAI's API assume this one
OPUS_RATE = 24_000
FRAME_S = 0.02
PAGE_US = round(FRAME_S * 1e6)
MP3_BITS_PER_S = 96_000
AAC_BITS_PER_S = 96_000
OPUS_BITS_PER_S = 48_000
# The signature, and the header of the only metadata block: STREAMINFO, 34 bytes long.
FLAC_HEADER = b"fLaC\x80\x00\x00\x22"


class Encoder(Protocol):
    """Turns float samples into bytes as they arrive."""

    sample_rate: int  # of the encoded audio, in Hz

    def encode(self, samples: Samples) -> bytes:
        """The bytes that are complete by now, possibly none. Raises AudioError for bad samples."""

    def finish(self) -> bytes:
        """The bytes held back so far. The encoder cannot be used afterwards."""


def open_encoder(name: str, sample_rate: int) -> Encoder:
    """An encoder of that format for one utterance sampled at `sample_rate` Hz.

    The audio keeps its sample rate, except in `pcm` and `opus`, which are always 24 kHz.
    Raises OptionError for an unknown format.
    """
    if name not in _OPENERS:
        raise OptionError(
            f"found format {name!r}, wanted one of {', '.join(CONTENT_TYPES)}; choose one of them"
        )
    encoded_rate = _FIXED_RATES.get(name, sample_rate)
    encoder = _OPENERS[name](encoded_rate)
    if encoded_rate == sample_rate:
        return encoder
    return _ResamplingEncoder(encoder, sample_rate)


class _PcmEncoder:
    """16-bit little-endian samples."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate

    def encode(self, samples: Samples) -> bytes:
        return pcm16(samples)

    def finish(self) -> bytes:
        return b""


class _HeaderEncoder:
    """Puts a header before the first bytes of another encoder."""

    def __init__(self, header: bytes, encoder: Encoder) -> None:
        self.sample_rate = encoder.sample_rate
        self._header = header
        self._encoder = encoder

    def encode(self, samples: Samples) -> bytes:
        return self._take_header() + self._encoder.encode(samples)

    def finish(self) -> bytes:
        return self._take_header() + self._encoder.finish()

    def _take_header(self) -> bytes:
        header = self._header
        self._header = b""
        return header


class _ResamplingEncoder:
    """Resamples for another encoder; the filter's state carries over from call to call."""

    def __init__(self, encoder: Encoder, input_rate: int) -> None:
        import av

        self.sample_rate = encoder.sample_rate
        self._encoder = encoder
        self._input_rate = input_rate
        self._resampler = av.AudioResampler("flt", "mono", encoder.sample_rate)

    def encode(self, samples: Samples) -> bytes:
        if len(samples):
            samples = self._resample(_make_frame(samples, "flt", self._input_rate))
        return self._encoder.encode(samples)

    def finish(self) -> bytes:
        rest = self._resample(None)
        return self._encoder.encode(rest) + self._encoder.finish()

    def _resample(self, frame: av.AudioFrame | None) -> Samples:
        """What the filter gives for one more frame; None flushes it."""
        nothing = np.zeros(0, np.float32)
        pieces = [piece.to_ndarray().ravel() for piece in self._resampler.resample(frame)]
        return np.concatenate([nothing, *pieces])


class _CodecEncoder(ABC):
    """Feeds a codec with 16-bit frames that follow one another in time."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._samples_before = 0

    def encode(self, samples: Samples) -> bytes:
        if not len(samples):  # a codec would take an empty frame for the end
            return b""
        pcm = np.frombuffer(pcm16(samples), "<i2")
        frame = _make_frame(pcm, "s16", self.sample_rate)
        frame.time_base = Fraction(1, self.sample_rate)
        frame.pts = self._samples_before
        self._samples_before += len(samples)
        return self._encode_frame(frame)

    def finish(self) -> bytes:
        return self._encode_frame(None)

    @abstractmethod
    def _encode_frame(self, frame: av.AudioFrame | None) -> bytes:
        """The bytes that are complete after one more frame; None flushes the codec."""


class _PacketEncoder(_CodecEncoder):
    """A codec whose packets need no container: MP3 and FLAC."""

    def __init__(self, codec: AudioCodecContext) -> None:
        super().__init__(codec.sample_rate)
        self._codec = codec

    def _encode_frame(self, frame: av.AudioFrame | None) -> bytes:
        packets = self._codec.encode(frame)
        return b"".join(map(bytes, packets))


class _ContainerEncoder(_CodecEncoder):
    """A codec inside a container: Opus in Ogg, AAC in ADTS."""

    def __init__(
        self,
        sample_rate: int,
        container: str,
        codec: str,
        codec_options: dict[str, str],
        **container_options: str,
    ) -> None:
        import av
        from av.audio.stream import AudioStream

        super().__init__(sample_rate)
        self._sink = _Sink()
        self._container = av.open(
            self._sink,
            "w",
            format=container,
            options={"flush_packets": "1", **container_options},
        )
        stream = self._container.add_stream(
            codec,
            rate=sample_rate,
            layout="mono",
            options=codec_options,
        )
        assert isinstance(stream, AudioStream)
        self._stream = stream

    def finish(self) -> bytes:
        content = super().finish()
        self._container.close()
        return content + self._sink.take()

    def _encode_frame(self, frame: av.AudioFrame | None) -> bytes:
        self._container.mux(self._stream.encode(frame))
        return self._sink.take()


class _Sink:
    """A file that cannot seek; take() empties it."""

    def __init__(self) -> None:
        self._content = bytearray()

    def write(self, content: bytes) -> int:
        self._content += content
        return len(content)

    def take(self) -> bytes:
        content = bytes(self._content)
        self._content.clear()
        return content


def _make_frame(samples: np.ndarray, sample_format: str, sample_rate: int) -> av.AudioFrame:
    """One mono frame of samples, shape (samples,)."""
    import av

    frame = av.AudioFrame.from_ndarray(samples[np.newaxis], sample_format, "mono")
    frame.sample_rate = sample_rate
    return frame


def _open_codec(
    name: str, sample_rate: int, sample_format: str, **options: str
) -> AudioCodecContext:
    import av
    from av.audio.codeccontext import AudioCodecContext

    codec = av.CodecContext.create(name, "w")
    assert isinstance(codec, AudioCodecContext)
    codec.sample_rate = sample_rate
    codec.layout = "mono"
    codec.format = av.AudioFormat(sample_format)
    codec.time_base = Fraction(1, sample_rate)
    codec.options = options
    codec.open()
    return codec


def _open_mp3(sample_rate: int) -> Encoder:
    codec = _open_codec(
        "libmp3lame",
        sample_rate,
        "s16p",
        b=str(MP3_BITS_PER_S),
        reservoir="0",  # so that each frame can be decoded as soon as it arrives
    )
    return _PacketEncoder(codec)


def _open_opus(sample_rate: int) -> Encoder:
    return _ContainerEncoder(
        sample_rate,
        container="ogg",
        codec="libopus",
        codec_options={
            "application": "lowdelay",
            "frame_duration": "20",
            "b": str(OPUS_BITS_PER_S),
        },
        page_duration=str(PAGE_US),
    )


def _open_aac(sample_rate: int) -> Encoder:
    return _ContainerEncoder(
        sample_rate,
        container="adts",
        codec="aac",
        codec_options={"b": str(AAC_BITS_PER_S)},
    )


def _open_flac(sample_rate: int) -> Encoder:
    frame_size = math.ceil(FRAME_S * sample_rate)
    codec = _open_codec("flac", sample_rate, "s16", frame_size=str(frame_size))
    stream_info = codec.extradata
    assert stream_info is not None, "FLAC describes itself when it is opened"
    return _HeaderEncoder(FLAC_HEADER + bytes(stream_info), _PacketEncoder(codec))


def _open_wav(sample_rate: int) -> Encoder:
    return _HeaderEncoder(wav_header(sample_rate), _PcmEncoder(sample_rate))


_FIXED_RATES = {"pcm": PCM_RATE, "opus": OPUS_RATE}
_OPENERS: dict[str, Callable[[int], Encoder]] = {
    "mp3": _open_mp3,
    "opus": _open_opus,
    "aac": _open_aac,
    "flac": _open_flac,
    "wav": _open_wav,
    "pcm": _PcmEncoder,
}

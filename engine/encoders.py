"""Audio formats that can be sent while they are made: PCM, WAV, FLAC, MP3, Opus and AAC.

An encoder holds back as little as its format allows: nothing for PCM and WAV, a frame of 20 ms for
FLAC, a page of 20 ms for Opus, and the look-ahead of the coder for MP3 and AAC.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

import numpy as np

from .audio import Samples, pcm16, wav_header
from .errors import OptionError

if TYPE_CHECKING:
    import av
    from av.audio.codeccontext import AudioCodecContext
    from av.audio.stream import AudioStream
    from av.packet import Packet


CONTENT_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg; codecs=opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
PCM_RATE = 24_000  # clients of OpenAI's interface take raw PCM to be of this rate
OPUS_RATE = 24_000
FRAME_S = 0.02
PAGE_US = round(FRAME_S * 1e6)
MP3_BITS = 96_000
AAC_BITS = 96_000
OPUS_BITS = 48_000
FLAC_HEAD = b"fLaC\x80\x00\x00\x22"  # one block of metadata, the last: 34 bytes that describe


class Encoder(Protocol):
    """Takes float samples as they come and gives bytes as soon as there are any."""

    sample_rate: int  # of the sound in the bytes, in Hz

    def encode(self, samples: Samples) -> bytes:
        """The bytes that are complete now, perhaps none. Raises AudioError for unfit samples."""

    def finish(self) -> bytes:
        """What was held back. Nothing may follow."""


def open_encoder(name: str, sample_rate: int) -> Encoder:
    """An encoder of that format for one utterance of that sample rate, in Hz.

    The sound keeps its rate, except in `pcm` and `opus`, which are of 24 kHz.
    Raises OptionError for an unknown format.
    """
    if name not in _OPENERS:
        raise OptionError(
            f"found format {name!r}, wanted one of {', '.join(CONTENT_TYPES)}; choose one of them"
        )
    rate = {"pcm": PCM_RATE, "opus": OPUS_RATE}.get(name, sample_rate)
    encoder = _OPENERS[name](rate)
    return encoder if rate == sample_rate else _Resampled(encoder, sample_rate)


class _Pcm:
    """16-bit little-endian samples, behind a WAV header of unknown length if wanted."""

    def __init__(self, sample_rate: int, head: bytes = b"") -> None:
        self.sample_rate = sample_rate
        self._head = head

    def encode(self, samples: Samples) -> bytes:
        head, self._head = self._head, b""
        return head + pcm16(samples)

    def finish(self) -> bytes:
        head, self._head = self._head, b""
        return head


class _Frames:
    """A coder whose packets need no container: MP3, and FLAC behind its head."""

    def __init__(self, codec: AudioCodecContext, head: bytes = b"") -> None:
        self.sample_rate = codec.sample_rate
        self._codec = codec
        self._feed = _Feed(codec.sample_rate)
        self._head = head

    def encode(self, samples: Samples) -> bytes:
        return self._joined(packet for f in self._feed(samples) for packet in self._codec.encode(f))

    def finish(self) -> bytes:
        return self._joined(self._codec.encode(None))

    def _joined(self, packets: Iterable[Packet[AudioStream]]) -> bytes:
        head, self._head = self._head, b""
        return head + b"".join(map(bytes, packets))


class _Muxed:
    """A coder inside a container: Opus in Ogg, AAC in ADTS."""

    def __init__(
        self, container: str, codec: str, sample_rate: int, options: dict[str, str]
    ) -> None:
        import av
        from av.audio.stream import AudioStream

        self.sample_rate = sample_rate
        self._sink = _Sink()
        self._feed = _Feed(sample_rate)
        self._container = av.open(
            self._sink,
            "w",
            format=container,
            options={"flush_packets": "1"}
            | ({"page_duration": str(PAGE_US)} if container == "ogg" else {}),
        )
        stream = self._container.add_stream(codec, rate=sample_rate, layout="mono", options=options)
        assert isinstance(stream, AudioStream)
        self._stream = stream

    def encode(self, samples: Samples) -> bytes:
        for frame in self._feed(samples):
            self._container.mux(self._stream.encode(frame))
        return self._sink.take()

    def finish(self) -> bytes:
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._sink.take()


class _Resampled:
    """Another encoder, fed with sound of another rate; the filter goes on from call to call."""

    def __init__(self, encoder: Encoder, sample_rate: int) -> None:
        import av

        self.sample_rate = encoder.sample_rate
        self._encoder = encoder
        self._from_rate = sample_rate
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=self.sample_rate)

    def encode(self, samples: Samples) -> bytes:
        import av

        if not len(samples):
            return self._encoder.encode(samples)
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="flt", layout="mono")
        frame.sample_rate = self._from_rate
        return self._encoder.encode(self._resampled(frame))

    def finish(self) -> bytes:
        rest = self._encoder.encode(self._resampled(None))
        return rest + self._encoder.finish()

    def _resampled(self, frame: av.AudioFrame | None) -> Samples:
        pieces = [piece.to_ndarray().ravel() for piece in self._resampler.resample(frame)]
        return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


class _Sink:
    """A file that cannot seek, emptied by take()."""

    def __init__(self) -> None:
        self._content = bytearray()

    def write(self, content: bytes) -> int:
        self._content += content
        return len(content)

    def take(self) -> bytes:
        content = bytes(self._content)
        self._content.clear()
        return content


class _Feed:
    """Samples as 16-bit frames that follow each other in time; none for no samples."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._frame_count = 0

    def __call__(self, samples: Samples) -> list[av.AudioFrame]:
        import av

        if not len(samples):  # a coder would take an empty frame for the end
            return []
        ints = np.frombuffer(pcm16(samples), "<i2")[np.newaxis]
        frame = av.AudioFrame.from_ndarray(ints, format="s16", layout="mono")
        frame.sample_rate = self._sample_rate
        frame.time_base = Fraction(1, self._sample_rate)
        frame.pts = self._frame_count
        self._frame_count += len(samples)
        return [frame]


def _codec(name: str, sample_rate: int, sample_format: str, **options: str) -> AudioCodecContext:
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


def _mp3(sample_rate: int) -> Encoder:
    # Without the bit reservoir each frame can be decoded when it comes.
    return _Frames(_codec("libmp3lame", sample_rate, "s16p", b=str(MP3_BITS), reservoir="0"))


def _flac(sample_rate: int) -> Encoder:
    frame = str(math.ceil(FRAME_S * sample_rate))
    codec = _codec("flac", sample_rate, "s16", frame_size=frame)
    assert codec.extradata is not None, "FLAC describes itself when it is opened"
    return _Frames(codec, FLAC_HEAD + bytes(codec.extradata))


def _opus(sample_rate: int) -> Encoder:
    options = {"application": "lowdelay", "frame_duration": "20", "b": str(OPUS_BITS)}
    return _Muxed("ogg", "libopus", sample_rate, options)


def _aac(sample_rate: int) -> Encoder:
    return _Muxed("adts", "aac", sample_rate, {"b": str(AAC_BITS)})


_OPENERS: dict[str, Callable[[int], Encoder]] = {
    "mp3": _mp3,
    "opus": _opus,
    "aac": _aac,
    "flac": _flac,
    "wav": lambda sample_rate: _Pcm(sample_rate, wav_header(sample_rate)),
    "pcm": _Pcm,
}

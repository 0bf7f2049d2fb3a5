"""The decoder of a format, named or found in the bytes."""

from __future__ import annotations

from collections.abc import Callable

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.targets.decoders import signatures
from pytest_ttsperf.targets.decoders.base import Decoder
from pytest_ttsperf.targets.decoders.pcm import Pcm, PcmShape
from pytest_ttsperf.targets.decoders.wav import Wav


def detect_decoder(start: bytes, rate: int | None) -> Decoder:
    """A decoder for output that begins so: of 16-bit PCM if it is no file and has a rate, in Hz.

    TargetShapeError when nothing says what it is, and for what is not decoded here.
    """
    wanted = None
    if rate is not None:
        wanted = "pcm"
    try:
        kind = signatures.detect_format(start, None, wanted)
    except TargetShapeError as error:
        if rate is not None or signatures.container_name(start) is not None:
            raise
        raise TargetShapeError(
            "found raw bytes on the standard output, and nothing tells their sample rate; add "
            "--ttsperf-target-option rate=22050 (Hz), or have the program write WAV"
        ) from error
    return create_decoder(kind, rate)


def create_decoder(kind: str, sample_rate: int | None) -> Decoder:
    """A decoder for one of signatures.FORMATS. TargetShapeError for PCM without a rate."""
    if kind == "wav":
        return Wav()
    if kind == "pcm":
        return Pcm(PcmShape(sample_rate))
    from pytest_ttsperf.targets.decoders import flac, mpeg, ogg_opus

    openers: dict[str, Callable[[], Decoder]] = {
        "flac": flac.Flac,
        "opus": ogg_opus.OggOpus,
        "mp3": mpeg.open_mp3,
        "aac": mpeg.open_aac,
    }
    return openers[kind]()

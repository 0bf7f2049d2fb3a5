"""Bytes of a program's output -> the parser of what they begin with."""

from __future__ import annotations

from collections.abc import Callable

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.targets.decoders import base, pcm, signatures, wav
from pytest_ttsperf.targets.decoders.base import Container
from pytest_ttsperf.targets.decoders.pcm import open_pcm


def open_container(start: bytes, rate: int | None) -> Container:
    """The parser for output that begins so: raw 16-bit PCM if it is none and its rate is told.

    TargetShapeError when nothing tells what it is, and for what is not decoded here.
    """

    try:
        kind = signatures.detect_format(start, None, None if rate is None else "pcm")
    except TargetShapeError as error:
        if rate is not None or signatures.container_name(start) is not None:
            raise
        raise TargetShapeError(
            "found raw bytes on the standard output, and nothing tells their sample rate; add "
            "--ttsperf-target-option rate=22050 (Hz), or have the program write WAV"
        ) from error
    return open_decoder(kind, rate)


def open_decoder(kind: str, sample_rate: int | None) -> base.Container:
    """A new parser for one of signatures.FORMATS. TargetShapeError for PCM without a rate."""
    if kind == "wav":
        return wav.Wav()
    if kind == "pcm":
        return open_pcm(pcm.PcmShape(sample_rate))
    from pytest_ttsperf.targets.decoders import flac, mpeg, ogg_opus

    makers: dict[str, Callable[[], base.Container]] = {
        "flac": flac.Flac,
        "mp3": mpeg.open_mp3,
        "opus": ogg_opus.OggOpus,
        "aac": mpeg.open_aac,
    }
    return makers[kind]()

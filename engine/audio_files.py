"""Audio files: the format that a name stands for, and what is written in it piece by piece."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

from .audio import Samples, WavWriter, open_output, pcm16
from .encoders import FORMATS_BY_SUFFIX, Encoder, open_encoder
from .errors import OptionError

PCM = "pcm"
WAV = "wav"


def find_file_format(path: str | PathLike[str], *, is_raw: bool = False) -> str:
    """What to write, by the name of the file: WAV if it has no ending.

    is_raw: raw PCM, whatever the file is called. Raises OptionError for a name that says otherwise.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    audio_format = FORMATS_BY_SUFFIX.get(suffix, WAV)
    if is_raw:
        if suffix in FORMATS_BY_SUFFIX and audio_format != PCM:
            raise OptionError(
                f"found --raw and {path}, wanted raw PCM or a file of the format {audio_format}; "
                "leave out --raw, or end the name in .pcm"
            )
        return PCM
    if suffix and suffix not in FORMATS_BY_SUFFIX:
        raise OptionError(
            f"found {path}, wanted a name that ends in one of {', '.join(FORMATS_BY_SUFFIX)}; "
            "choose one of them, or none for WAV"
        )
    return audio_format


def write_file(
    pieces: Iterable[Samples],
    path: str | PathLike[str],
    audio_format: str,
    sample_rate: int,
) -> None:
    """Write samples as they come. Raw PCM has their rate, which the file does not tell.

    Raises OptionError where a package is missing, before the file is touched.
    """
    if audio_format == WAV:
        _write_wav(pieces, path, sample_rate)
        return
    encoder: Encoder | None = None
    if audio_format != PCM:
        encoder = _open_encoder(audio_format, sample_rate)
    with open_output(path) as file:
        for samples in pieces:
            file.write(pcm16(samples) if encoder is None else encoder.encode(samples))
            file.flush()
        if encoder is not None:
            file.write(encoder.finish())


def _write_wav(
    pieces: Iterable[Samples],
    path: str | PathLike[str],
    sample_rate: int,
) -> None:
    with open_output(path) as file, WavWriter(file, sample_rate) as wav:
        for samples in pieces:
            wav.write(samples)
            file.flush()


def _open_encoder(audio_format: str, sample_rate: int) -> Encoder:
    try:
        return open_encoder(audio_format, sample_rate)
    except ModuleNotFoundError as error:
        raise OptionError(
            f"found no package {error.name}, wanted it to write {audio_format}; "
            'pip install "pytest-ttsperf[http]", or write a .wav file'
        ) from error

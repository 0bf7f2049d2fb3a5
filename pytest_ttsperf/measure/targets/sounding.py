"""Bytes of a program's output -> the parser of what they begin with."""

from __future__ import annotations

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.measure.targets import signatures
from pytest_ttsperf.measure.targets.containers import Container


def open_container(start: bytes, rate: int | None) -> Container:
    """The parser for output that begins so: raw 16-bit PCM if it is none and its rate is told.

    TargetShapeError when nothing tells what it is, and for what is not decoded here.
    """
    from pytest_ttsperf.measure.targets.http_client import container

    try:
        kind = signatures.sniffed(start, None, None if rate is None else "pcm")
    except TargetShapeError as error:
        if rate is not None or signatures.container_name(start) is not None:
            raise
        raise TargetShapeError(
            "found raw bytes on the standard output, and nothing tells their sample rate; add "
            "--ttsperf-target-option rate=22050 (Hz), or have the program write WAV"
        ) from error
    return container(kind, rate)

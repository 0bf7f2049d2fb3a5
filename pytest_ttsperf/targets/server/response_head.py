"""What the head of an HTTP answer says of its sound, and what keeps it from being measured."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from email.message import Message
from http.client import HTTPResponse
from urllib.parse import urljoin, urlsplit

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import TargetFailed, TargetShapeError
from pytest_ttsperf.targets.decoders.pcm import PcmShape
from pytest_ttsperf.targets.python.samples import is_rate

RATE_HEADERS = ("X-Sample-Rate", "X-Audio-Sample-Rate", "X-Audio-Rate", "Sample-Rate")
CHANNEL_HEADERS = ("X-Channels", "X-Audio-Channels")
BIT_HEADERS = ("X-Bits-Per-Sample", "X-Audio-Bits-Per-Sample", "X-Bit-Depth")
_RATE_PARAMETERS = ("rate", "samplerate", "sample-rate", "sample_rate")
_CHANNEL_PARAMETERS = ("channels",)
_BIT_PARAMETERS = ("bits", "bitdepth", "bit-depth", "bits-per-sample")
_CODEC_PARAMETERS = ("codec", "codecs", "encoding", "format")
_ENDIAN_PARAMETERS = ("endianness", "endian", "byte-order")
_BITS_OF_CODEC = {
    "pcm_u8": 8, "u8": 8, "pcm_s16le": 16, "s16le": 16, "linear16": 16, "int16": 16,
    "pcm_s24le": 24, "s24le": 24, "pcm_s32le": 32, "s32le": 32, "int32": 32,
}  # fmt: skip
_BITS_OF_FLOAT_CODEC = {
    "pcm_f32le": 32, "f32le": 32, "float32": 32, "pcm_f64le": 64, "f64le": 64, "float64": 64,
}  # fmt: skip
_NUMBER = re.compile(r"(\d{1,9})(?:\.0+)?\s*(?:hz)?", re.IGNORECASE)
SHOWN_CHARACTERS = 500
SHOWN_PATH = 200
MOST_ERROR_BYTES = 1 << 16
STRANGE_SHARE = 0.1
"""A text of more unprintable letters than this is none."""


def pcm_shape(headers: Message, supposed_rate: int | None) -> PcmShape:
    """The shape of bare samples: as the server says, else 16-bit mono at the supposed rate.

    The parameters of Content-Type come first, then RATE_HEADERS, CHANNEL_HEADERS and BIT_HEADERS.
    TargetShapeError for samples that are not read here.
    """
    _refuse_big_endian(headers)
    notes: list[str] = []
    said = _declared_rate(headers, notes)
    shape = PcmShape(
        sample_rate=said or supposed_rate,
        bits=_number(headers, _BIT_PARAMETERS, BIT_HEADERS) or _bits_of_type(headers) or 16,
        channels=_number(headers, _CHANNEL_PARAMETERS, CHANNEL_HEADERS) or 1,
        is_rate_supposed=said is None,
    )
    if said is not None and supposed_rate not in (None, said):
        notes.append(
            f"the server says that its samples are at {said} Hz, the form supposes "
            f"{supposed_rate} Hz; what the server says was taken"
        )
    return replace(_with_codec(shape, headers, notes), notes=tuple(notes))


def refuse_compressed(response: HTTPResponse, url: str) -> None:
    """TargetShapeError for an answer that passes through a compressor, which none was asked for."""
    encoding = (response.getheader("Content-Encoding") or "identity").strip().lower()
    transfer = (response.getheader("Transfer-Encoding") or "chunked").strip().lower()
    if encoding == "identity" and transfer in ("chunked", "identity"):
        return
    found = f"Content-Encoding: {encoding}"
    if encoding == "identity":
        found = f"Transfer-Encoding: {transfer}"
    raise TargetShapeError(
        f"target {url} answers compressed ({found}), which nothing asked for; a compressor holds "
        "sound back until it has enough of it, so the arrivals would be its own. Switch "
        "compression off for sound, at the server or at the proxy before it"
    )


def refuse_errors(response: HTTPResponse, url: str, method: str, path: str) -> None:
    """TargetFailed for an answer that is no success, with what it says of itself."""
    if 200 <= response.status < 300:
        return
    asked_path = path if len(path) <= SHOWN_PATH else f"{path[:SHOWN_PATH]}..."
    answered = f"target {url} answered {response.status} {response.reason} to {method} {asked_path}"
    where = response.getheader("Location")
    if where is not None and 300 <= response.status < 400:
        raise TargetFailed(f"{answered}: {_redirect_target(url, path, where)}")
    body = response.read(MOST_ERROR_BYTES)
    size = response.getheader("Content-Length")
    raise TargetFailed(
        f"{answered}: {describe_head(body, response.getheader('Content-Type'), size)}"
    )


def describe_head(body: bytes, content_type: str | None, size: str | None = None) -> str:
    """What a body says, in printable letters: its message where it is JSON of a usual shape.

    With its type and size; a body that is no text is not shown. `size` is what its header says.
    """
    length = int(size) if size is not None and size.isdigit() else len(body)
    kind = content_type or "of no type"
    if not body:
        return "without a word"
    text = _text(body)
    if text is None:
        return f"{length} bytes, {kind}, which are no text"
    return f"{_message(text)[:SHOWN_CHARACTERS]} ({length} bytes, {kind})"


def _text(body: bytes) -> str | None:
    text = secrets.scrub(body.decode(errors="replace").strip())  # before it is cut
    strange = [letter for letter in text if not letter.isprintable() and not letter.isspace()]
    lost = text.count("\N{REPLACEMENT CHARACTER}")
    if len(strange) + lost > STRANGE_SHARE * len(text):
        return None
    return "".join("?" if letter in strange else letter for letter in text)


def _message(text: str) -> str:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for key in ("error", "detail", "message"):
        if isinstance(told, dict) and told.get(key):
            told = told[key]
    return told if isinstance(told, str) else json.dumps(told, ensure_ascii=True)


def _redirect_target(url: str, path: str, where: str) -> str:
    """What to do about a redirect: name the place to which it points as the target."""
    target = urljoin(url, where)
    parts = urlsplit(target)
    own_path = urlsplit(url).path.rstrip("/")
    form_path = path.removeprefix(own_path).partition("?")[0]
    base = f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix(form_path)}".rstrip("/")
    return (
        f"it points to {secrets.mask(target)[:SHOWN_CHARACTERS]}. Redirects are not followed, as "
        "each would be part of every figure; measure what it points to, with "
        f"--ttsperf-target={secrets.mask(base)}"
    )


def _refuse_big_endian(headers: Message) -> None:
    order = _parameter(headers, _ENDIAN_PARAMETERS)
    if order is not None and order.lower().startswith("big"):
        raise TargetShapeError(
            f"found big-endian samples ({headers.get('Content-Type')}); wanted little-endian ones"
        )


def _declared_rate(headers: Message, notes: list[str]) -> int | None:
    """The rate in Hz that the server says first; what it says besides goes into the notes."""
    texts = [("Content-Type", _parameter(headers, _RATE_PARAMETERS))]
    texts += [(name, headers.get(name)) for name in RATE_HEADERS]
    said: int | None = None
    for source, text in texts:
        if text is None:
            continue
        rate = _whole(text)
        if rate is None or not is_rate(rate):
            notes.append(f"the server's {source} says the rate {text!r}, which is none in Hz")
        elif said is None:
            said = rate
        elif rate != said:
            notes.append(f"the server's {source} says {rate} Hz beside {said} Hz, which was taken")
    return said


def _number(headers: Message, parameters: tuple[str, ...], names: tuple[str, ...]) -> int | None:
    texts = [_parameter(headers, parameters), *(headers.get(name) for name in names)]
    numbers = [_whole(text) for text in texts if text is not None]
    return next((number for number in numbers if number), None)


def _whole(text: str) -> int | None:
    found = _NUMBER.fullmatch(text.strip())
    return None if found is None else int(found[1])


def _parameter(headers: Message, names: tuple[str, ...]) -> str | None:
    """The first of these parameters of Content-Type."""
    for name in names:
        found = headers.get_param(name)
        if isinstance(found, str):
            return found
    return None


def _bits_of_type(headers: Message) -> int | None:
    """16 for audio/L16 and so on."""
    found = re.fullmatch(r"audio/(?:x-)?l(8|16|24|32)", headers.get_content_type())
    return None if found is None else int(found[1])


def _with_codec(shape: PcmShape, headers: Message, notes: list[str]) -> PcmShape:
    codec = (_parameter(headers, _CODEC_PARAMETERS) or "pcm").lower()
    if codec in _BITS_OF_CODEC:
        return replace(shape, bits=_BITS_OF_CODEC[codec])
    if codec in _BITS_OF_FLOAT_CODEC:
        return replace(shape, bits=_BITS_OF_FLOAT_CODEC[codec], is_float=True)
    if codec.endswith("be") or "law" in codec or codec == "opus":
        raise TargetShapeError(
            f"found samples of {codec} ({headers.get('Content-Type')}); wanted little-endian PCM"
        )
    if codec not in ("pcm", "raw", "1"):
        notes.append(f"the server's Content-Type says {codec!r}, which was not understood")
    return shape

"""What the head of an HTTP answer says of its sound, and why an answer cannot be measured."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from email.message import Message
from http.client import HTTPResponse
from urllib.parse import urljoin, urlsplit

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import StatusRefused, TargetShapeError
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
    "pcm_u8": 8,
    "u8": 8,
    "pcm_s16le": 16,
    "s16le": 16,
    "linear16": 16,
    "int16": 16,
    "pcm_s24le": 24,
    "s24le": 24,
    "pcm_s32le": 32,
    "s32le": 32,
    "int32": 32,
}
_BITS_OF_FLOAT_CODEC = {
    "pcm_f32le": 32,
    "f32le": 32,
    "float32": 32,
    "pcm_f64le": 64,
    "f64le": 64,
    "float64": 64,
}
_NUMBER = re.compile(r"\s*(\d{1,9})(?:\.0+)?\s*(?:hz\s*)?", re.IGNORECASE)
"""A rate, or another whole number."""
_LINEAR_TYPE = re.compile(r"audio/(?:x-)?l(8|16|24|32)")
SHOWN_CHARACTERS = 500
SHOWN_PATH = 200
MOST_ERROR_BYTES = 1 << 16
STRANGE_SHARE = 0.1
"""Bytes with more unprintable characters than this are no text."""


def read_pcm_shape(headers: Message, supposed_rate: int | None) -> PcmShape:
    """The shape of bare samples: as the server says, else 16-bit mono at the supposed rate.

    The parameters of Content-Type come first, then RATE_HEADERS, CHANNEL_HEADERS and BIT_HEADERS.
    TargetShapeError for samples that are not read here.
    """
    _refuse_big_endian(headers)
    rate, notes = _read_rate(headers)
    if rate is not None and supposed_rate not in (None, rate):
        notes.append(
            f"the server says that its samples are at {rate} Hz, the form supposes "
            f"{supposed_rate} Hz; what the server says was taken"
        )
    bits = _read_number(headers, _BIT_PARAMETERS, BIT_HEADERS)
    bits_of_type = _parse_number(_LINEAR_TYPE, headers.get_content_type())
    channels = _read_number(headers, _CHANNEL_PARAMETERS, CHANNEL_HEADERS)
    shape = PcmShape(
        sample_rate=rate or supposed_rate,
        bits=bits or bits_of_type or 16,
        channels=channels or 1,
        is_rate_supposed=rate is None,
    )
    return replace(_apply_codec(shape, headers, notes), notes=tuple(notes))


def refuse_compressed(response: HTTPResponse, url: str) -> None:
    """TargetShapeError for an answer that was compressed, although no request asks for it."""
    encoding = (response.getheader("Content-Encoding") or "identity").strip().lower()
    transfer = (response.getheader("Transfer-Encoding") or "chunked").strip().lower()
    if encoding == "identity" and transfer in ("chunked", "identity"):
        return
    found = f"Content-Encoding: {encoding}"
    if encoding == "identity":
        found = f"Transfer-Encoding: {transfer}"
    raise TargetShapeError(
        f"target {url} answers compressed ({found}), which nothing asked for; a compressor holds "
        "sound back until it has enough of it, so the arrivals would be those of the compressor. "
        "Switch compression off for sound, at the server or at the proxy before it"
    )


def refuse_errors(response: HTTPResponse, url: str, method: str, path: str) -> None:
    """StatusRefused for an answer that is no success, with what it says of itself."""
    if 200 <= response.status < 300:
        return
    shown_path = path
    if len(path) > SHOWN_PATH:
        shown_path = f"{path[:SHOWN_PATH]}..."
    answer = f"target {url} answered {response.status} {response.reason} to {method} {shown_path}"
    location = response.getheader("Location")
    if location is not None and 300 <= response.status < 400:
        redirect = _describe_redirect(url, path, location)
        raise StatusRefused(f"{answer}: {redirect}", status=response.status)
    body = response.read(MOST_ERROR_BYTES)
    size = response.getheader("Content-Length")
    content = describe_body(body, response.getheader("Content-Type"), size)
    raise StatusRefused(f"{answer}: {content}", status=response.status)


def describe_body(body: bytes, content_type: str | None, size: str | None = None) -> str:
    """What a body says, in printable letters: its message where it is JSON of a usual shape.

    With its type and size; a body that is no text is not shown. `size` is what its header says.
    """
    if not body:
        return "without a word"
    if size is None or not size.isdecimal():
        size = str(len(body))
    kind = content_type or "of no type"
    text = _to_text(body[:MOST_ERROR_BYTES])
    if text is None:
        return f"{int(size)} bytes, {kind}, which are no text"
    return f"{_find_message(text)[:SHOWN_CHARACTERS]} ({int(size)} bytes, {kind})"


def _to_text(body: bytes) -> str | None:
    """Printable text; None for bytes that are none."""
    decoded = body.decode(errors="replace")
    text = secrets.scrub(decoded.strip())  # before it is cut
    printable = ""
    strange = text.count("\N{REPLACEMENT CHARACTER}")
    for letter in text:
        if letter.isprintable() or letter.isspace():
            printable += letter
        else:
            printable += "?"
            strange += 1
    if strange > STRANGE_SHARE * len(text):
        return None
    return printable


def _find_message(text: str) -> str:
    """The message in JSON of an error, as `{"error": {"message": ...}}`; else the text itself."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for key in ("error", "detail", "message"):
        if isinstance(message, dict) and message.get(key):
            message = message[key]
    if isinstance(message, str):
        return message
    return json.dumps(message, ensure_ascii=True)


def _describe_redirect(url: str, path: str, location: str) -> str:
    """What to do about a redirect: name the place to which it points as the target."""
    target = urljoin(url, location)
    parts = urlsplit(target)
    base_path = urlsplit(url).path.rstrip("/")
    request_path = path.removeprefix(base_path).partition("?")[0]
    base = f"{parts.scheme}://{parts.netloc}{parts.path.removesuffix(request_path)}".rstrip("/")
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


def _read_rate(headers: Message) -> tuple[int | None, list[str]]:
    """The rate in Hz that the server says first, and notes on what it says besides."""
    texts = {"Content-Type": _parameter(headers, _RATE_PARAMETERS)}
    for name in RATE_HEADERS:
        texts[name] = headers.get(name)
    first: int | None = None
    notes = []
    for source, text in texts.items():
        if text is None:
            continue
        rate = _parse_number(_NUMBER, text)
        if not is_rate(rate):
            notes.append(f"the server's {source} says the rate {text!r}, which is none in Hz")
        elif first is None:
            first = rate
        elif rate != first:
            notes.append(f"the server's {source} says {rate} Hz beside {first} Hz, which was taken")
    return first, notes


def _read_number(
    headers: Message,
    parameters: tuple[str, ...],
    names: tuple[str, ...],
) -> int | None:
    """The first whole number above 0 in these parameters of Content-Type and these headers."""
    for text in (_parameter(headers, parameters), *map(headers.get, names)):
        number = _parse_number(_NUMBER, text or "")
        if number:
            return number
    return None


def _parse_number(pattern: re.Pattern[str], text: str) -> int | None:
    """The whole number in a text of this pattern."""
    match = pattern.fullmatch(text)
    if match is None:
        return None
    return int(match[1])


def _parameter(headers: Message, names: tuple[str, ...]) -> str | None:
    """The first of these parameters of Content-Type."""
    for name in names:
        value = headers.get_param(name)
        if isinstance(value, str):
            return value
    return None


def _apply_codec(shape: PcmShape, headers: Message, notes: list[str]) -> PcmShape:
    """The shape with the kind of sample that Content-Type names; notes a name not understood."""
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

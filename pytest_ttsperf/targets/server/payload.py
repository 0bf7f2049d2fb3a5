"""From the head and the bytes of an HTTP answer to the decoder that reads its sound."""

from __future__ import annotations

from email.message import Message
from typing import NamedTuple

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.targets.decoders import signatures
from pytest_ttsperf.targets.decoders.base import Decoder
from pytest_ttsperf.targets.decoders.factory import create_decoder
from pytest_ttsperf.targets.decoders.pcm import Pcm
from pytest_ttsperf.targets.server import response_head, sse
from pytest_ttsperf.targets.server.request_template import RequestTemplate

EVENTS = "text/event-stream"


class Payload(NamedTuple):
    """How the sound of an answer is read."""

    decoder: Decoder
    notes: tuple[str, ...]
    is_rate_supposed: bool = False


def identify_payload(
    url: str,
    headers: Message,
    body: bytes,
    template: RequestTemplate,
) -> Payload:
    """Choose the decoder of an answer: by its bytes, else its Content-Type, else the template.

    TargetShapeError for an answer that is no sound, or sound that is not decoded here.
    """
    content_type = headers.get("Content-Type")
    sound = body
    is_events = signatures.plain_type(content_type) == EVENTS
    if is_events:
        sound = sse.sound_at_begin(body)
        content_type = None
    try:
        kind = signatures.detect_format(sound, content_type, template.format)
        payload = _open_payload(kind, headers, template)
    except TargetShapeError as error:
        content = response_head.describe_body(body, content_type)
        raise TargetShapeError(f"target {url}: {error} ({content})") from error
    mismatch = signatures.describe_mismatch(kind, content_type, template.format)
    if mismatch is not None:
        payload = payload._replace(notes=(mismatch, *payload.notes))
    if is_events:
        payload = payload._replace(decoder=sse.Events(payload.decoder))
    return payload


def _open_payload(kind: str, headers: Message, template: RequestTemplate) -> Payload:
    """Only bare samples need what the headers say of them: other formats describe themselves."""
    if kind != "pcm":
        return Payload(create_decoder(kind, None), ())
    shape = response_head.read_pcm_shape(headers, template.sample_rate)
    return Payload(Pcm(shape), shape.notes, shape.is_rate_supposed)

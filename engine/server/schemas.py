"""Speech requests in the form of OpenAI's API, read and validated."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema
from starlette.requests import Request

from ..engine import FASTEST, SLOWEST
from ..text.emoji_names import EmojiReading
from .config import Limits
from .errors import ApiError
from .names import OPENAI_MODELS, OPENAI_VOICES
from .surrogates import read_json

MAX_QUOTED_CHARS = 40
DEFAULTS = {"model": OPENAI_MODELS[0], "voice": OPENAI_VOICES[0]}
"""What a client means that names none; OpenAI requires both."""
EXAMPLE: dict[str, Any] = {**DEFAULTS, "input": "Hello there.", "response_format": "mp3"}
MEANINGLESS = {"instructions"}
"""Fields of OpenAI's API that say nothing to these voices."""
CHOICES = {"response_format", "stream_format", "emoji"}
"""Fields whose values are names of ours, in lower case."""


VOICE_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string"},
        {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
    ],
}
"""In one piece, as what a route's description refers to would have to be elsewhere in it."""


class VoiceId(BaseModel):
    """A voice in the form in which OpenAI's clients write a custom one."""

    model_config = ConfigDict(extra="forbid")
    id: str


class SpeechRequest(BaseModel):
    """The body of POST /v1/audio/speech, in its strict form: an unknown field is an error.

    emoji, which OpenAI's API lacks: whether they are left out or said by their names; None is as
    the server was started.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": EXAMPLE})
    model: str
    input: str
    voice: Annotated[str | VoiceId, WithJsonSchema(VOICE_SCHEMA)]
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: Annotated[float, Field(ge=SLOWEST, le=FASTEST)] = 1.0
    stream_format: Literal["audio", "sse"] = "audio"
    instructions: str | None = None
    emoji: EmojiReading | None = None

    @property
    def voice_name(self) -> str:
        """The voice's name, in whichever form it was written."""
        if isinstance(self.voice, VoiceId):
            return self.voice.id
        return self.voice


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """A request, and the fields that its client sent in vain."""

    speech: SpeechRequest
    ignored: tuple[str, ...] = ()


async def read_request(
    request: Request, limits: Limits, *, is_strict: bool = False
) -> ParsedRequest:
    """The request in a JSON body. Raises ApiError: 400, 408, 413 or 415."""
    header = request.headers.get("content-type", "")
    media_type = header.split(";")[0].strip().lower()
    if media_type != "application/json":
        raise ApiError(
            415,
            f"found content type {media_type or 'none'!r}, wanted 'application/json'; "
            "with curl: -H 'Content-Type: application/json'",
            code="unsupported_media_type",
        )
    try:
        async with asyncio.timeout(limits.body_s):
            body = await _read_body(request, limits.body_bytes)
    except TimeoutError:
        raise ApiError(
            408,
            f"found no end of the request within {limits.body_s:g} s, wanted one; send it at once",
            code="timeout",
        ) from None
    return parse_body(body, limits, is_strict=is_strict)


async def _read_body(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > max_bytes:
            raise ApiError(
                413,
                f"found a body of more than {max_bytes} bytes, wanted at most so many; "
                "send less text at once",
                code="too_large",
            )
    return bytes(body)


def parse_body(body: bytes, limits: Limits, *, is_strict: bool = False) -> ParsedRequest:
    """The request in a JSON body. Raises ApiError 400 that names the field to blame."""
    parsed = _parse_strictly(body) if is_strict else _parse_liberally(body)
    chars = len(parsed.speech.input)
    if chars > limits.text_chars:
        raise ApiError(
            400,
            f"found a text of {chars} characters, wanted at most {limits.text_chars}; "
            "send it in parts",
            code="text_too_long",
            param="input",
        )
    return parsed


def _parse_strictly(body: bytes) -> ParsedRequest:
    try:
        request = SpeechRequest.model_validate_json(body)
    except ValidationError as error:
        raise _to_api_error(error) from None
    if request.instructions:
        raise ApiError(
            400,
            "found instructions, wanted none: these voices cannot be told how to speak; "
            "leave them out",
            code="unsupported_parameter",
            param="instructions",
        )
    return ParsedRequest(request)


def _parse_liberally(body: bytes) -> ParsedRequest:
    try:
        content = read_json(body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise _no_object()
    fields, ignored = _select_fields(content)
    try:
        return ParsedRequest(SpeechRequest.model_validate(fields), ignored)
    except ValidationError as error:
        raise _to_api_error(error) from None


def parse_query(query: Mapping[str, str], *, is_strict: bool = False) -> ParsedRequest:
    """The request in the query of a WebSocket's address. Raises ApiError 400.

    Its text is empty, as that comes in messages.
    """
    fields: dict[str, Any] = dict(query)
    ignored: tuple[str, ...] = ()
    if not is_strict:
        fields, ignored = _select_fields(fields)
    fields = {**DEFAULTS, "response_format": "pcm", **fields, "input": ""}
    try:
        return ParsedRequest(SpeechRequest.model_validate_strings(fields), ignored)
    except ValidationError as error:
        raise _to_api_error(error) from None


def _select_fields(content: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The fields of a speech request, and the names of those that mean nothing here.

    Null is as good as absent. The case of the names of formats does not matter.
    """
    fields: dict[str, Any] = dict(DEFAULTS)
    ignored: list[str] = []
    for name, value in content.items():
        if value is None:
            continue
        if name in MEANINGLESS or name not in SpeechRequest.model_fields:
            ignored.append(name)
        elif name in CHOICES and isinstance(value, str):
            fields[name] = value.strip().lower()
        else:
            fields[name] = value
    return fields, tuple(ignored)


def _no_object() -> ApiError:
    return ApiError(
        400,
        "found a body that is no JSON object, wanted one; see POST /v1/audio/speech in /docs",
        code="invalid_request",
    )


def _to_api_error(error: ValidationError) -> ApiError:
    first = error.errors(include_url=False)[0]
    location = first["loc"]
    if not location:
        return _no_object()
    param = str(location[0])
    value = str(first["input"])[:MAX_QUOTED_CHARS]
    found = f"{param}={value!r}"
    wanted = first["msg"].lower()
    if first["type"] == "missing":
        found = f"no {param!r}"
        wanted = "it: it is required"
    elif first["type"] == "extra_forbidden":
        found = f"unknown {param!r}"
        wanted = f"only {', '.join(SpeechRequest.model_fields)}"
    return ApiError(
        400,
        f"found {found}, wanted {wanted}; see POST /v1/audio/speech in /docs",
        code="invalid_request",
        param=param,
    )

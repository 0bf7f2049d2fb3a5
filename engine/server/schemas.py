"""Speech requests in the form of OpenAI's API, read and validated."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from ..engine import FASTEST, SLOWEST
from .config import Limits
from .errors import ApiError

MAX_QUOTED_CHARS = 40


class VoiceId(BaseModel):
    """A voice in the form in which OpenAI's clients write a custom one."""

    model_config = ConfigDict(extra="forbid")
    id: str


class SpeechRequest(BaseModel):
    """The body of POST /v1/audio/speech. An unknown field is an error."""

    model_config = ConfigDict(extra="forbid")
    model: str
    input: str
    voice: str | VoiceId
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: Annotated[float, Field(ge=SLOWEST, le=FASTEST)] = 1.0
    stream_format: Literal["audio", "sse"] = "audio"
    instructions: str | None = None

    @property
    def voice_name(self) -> str:
        """The voice's name, in whichever form it was written."""
        if isinstance(self.voice, VoiceId):
            return self.voice.id
        return self.voice


async def read_request(request: Request, limits: Limits) -> SpeechRequest:
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
    return parse_body(body, limits)


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


def parse_body(body: bytes, limits: Limits) -> SpeechRequest:
    """The request in a JSON body. Raises ApiError 400 that names the field to blame."""
    try:
        request = SpeechRequest.model_validate_json(body)
    except ValidationError as error:
        raise _to_api_error(error) from None
    if len(request.input) > limits.text_chars:
        raise ApiError(
            400,
            f"found a text of {len(request.input)} characters, wanted at most "
            f"{limits.text_chars}; send it in parts",
            code="text_too_long",
            param="input",
        )
    if request.instructions:
        raise ApiError(
            400,
            "found instructions, wanted none: these voices cannot be told how to speak; "
            "leave them out",
            code="unsupported_parameter",
            param="instructions",
        )
    return request


def parse_fields(fields: Mapping[str, str]) -> SpeechRequest:
    """The request in fields of text, as in a query. Raises ApiError 400."""
    try:
        return SpeechRequest.model_validate_strings(fields)
    except ValidationError as error:
        raise _to_api_error(error) from None


def _to_api_error(error: ValidationError) -> ApiError:
    first = error.errors(include_url=False)[0]
    location = first["loc"]
    param = None
    found = "a body that is no JSON object"
    wanted = "one"
    if location:
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

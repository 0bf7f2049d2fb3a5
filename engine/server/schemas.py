"""What a speech request asks for: OpenAI's form, read and checked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from ..engine import FASTEST, SLOWEST
from .config import Limits
from .errors import ApiError


class VoiceId(BaseModel):
    """A voice as OpenAI's clients write a custom one."""

    model_config = ConfigDict(extra="forbid")
    id: str


class SpeechRequest(BaseModel):
    """The body of POST /v1/audio/speech. What it does not know is an error, not left out."""

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
        """The name, however it was written."""
        return self.voice if isinstance(self.voice, str) else self.voice.id


async def read_request(request: Request, limits: Limits) -> SpeechRequest:
    """The body as a Wish. Raises Problem: 400, 408, 413 or 415."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ApiError(
            415,
            f"found content type {kind or 'none'!r}, wanted 'application/json'; "
            "with curl: -H 'Content-Type: application/json'",
            code="unsupported_media_type",
        )
    try:
        async with asyncio.timeout(limits.body_s):
            body = await _body(request, limits.body_bytes)
    except TimeoutError:
        raise ApiError(
            408,
            f"found no end of the request within {limits.body_s:g} s, wanted one; send it at once",
            code="timeout",
        ) from None
    return validate(body, limits)


async def _body(request: Request, most_bytes: int) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most_bytes:
            raise ApiError(
                413,
                f"found a body of more than {most_bytes} bytes, wanted at most so many; "
                "send less text at once",
                code="too_large",
            )
    return bytes(body)


def validate(body: bytes, limits: Limits) -> SpeechRequest:
    """Raises Problem 400 that names what is to blame."""
    try:
        wish = SpeechRequest.model_validate_json(body)
    except ValidationError as error:
        raise _unfit(error) from None
    if len(wish.input) > limits.text_chars:
        raise ApiError(
            400,
            f"found a text of {len(wish.input)} characters, wanted at most {limits.text_chars}; "
            "send it in parts",
            code="text_too_long",
            param="input",
        )
    if wish.instructions:
        raise ApiError(
            400,
            "found instructions, wanted none: these voices cannot be told how to speak; "
            "leave them out",
            code="unsupported_parameter",
            param="instructions",
        )
    return wish


def parse_request(asked: Mapping[str, str]) -> SpeechRequest:
    """The same from texts by name. Raises Problem 400."""
    try:
        return SpeechRequest.model_validate_strings(asked)
    except ValidationError as error:
        raise _unfit(error) from None


def _unfit(error: ValidationError) -> ApiError:
    first = error.errors(include_url=False)[0]
    param = str(first["loc"][0]) if first["loc"] else None
    if first["type"] == "missing":
        found, wanted = f"no {param!r}", "it: it is required"
    elif first["type"] == "extra_forbidden":
        found, wanted = f"unknown {param!r}", f"only {', '.join(SpeechRequest.model_fields)}"
    elif param is None:
        found, wanted = "a body that is no JSON object", "one"
    else:
        found, wanted = f"{param}={str(first['input'])[:40]!r}", first["msg"].lower()
    return ApiError(
        400,
        f"found {found}, wanted {wanted}; see POST /v1/audio/speech in /docs",
        code="invalid_request",
        param=param,
    )

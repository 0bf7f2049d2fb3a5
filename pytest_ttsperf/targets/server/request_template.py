"""How a speech server is asked: OpenAI's request, others by name, any by a template."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, get_args
from urllib.parse import urlsplit

import msgspec

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.records import Json
from pytest_ttsperf.targets import spec
from pytest_ttsperf.targets.decoders.signatures import FORMATS
from pytest_ttsperf.targets.server import bodies

ConnectionMode = Literal["keep", "fresh"]
CONNECTION_MODES: tuple[str, ...] = get_args(ConnectionMode)
DEFAULT_PORTS = {"http": 80, "https": 443, "wyoming": 10_200}
_VERSION = re.compile(r"/v\d+$")
_PLACEHOLDER = re.compile(r"\{(text|voice|env:\w+)\}")
TEMPLATE = "the HTTP template"
DEFAULT_RATE = 24_000
"""Of bare PCM in OpenAI's API, in Hz."""


class RequestTemplate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of request. `{text}`, `{voice}` and `{env:NAME}` are put in."""

    path: str
    method: str = "POST"
    headers: dict[str, str] = {}
    body: Json = None
    """Fields, sent as JSON or as the Content-Type says, or a string; None for no body."""
    format: str | None = None
    """Of the answer, where neither its bytes nor its type say it; bare PCM never does."""
    sample_rate: int | None = None
    """Of bare PCM, in Hz."""
    voice: str | None = None
    """For `{voice}` when none is asked for."""
    connection: ConnectionMode = "keep"
    status: str | None = None
    """Path under which the server reports its placement, if it does."""


_OPENAI_BODY = {
    "model": "tts-1",
    "input": "{text}",
    "voice": "{voice}",
    "response_format": "pcm",
}
OPENAI = RequestTemplate(
    path="/v1/audio/speech",
    body=_OPENAI_BODY,
    format="pcm",
    sample_rate=DEFAULT_RATE,
    voice="alloy",
    status="/status",
)
PRESETS = {
    "openai": OPENAI,
    "kokoro-fastapi": msgspec.structs.replace(
        OPENAI,
        body={**_OPENAI_BODY, "model": "kokoro", "stream": True},
        voice="af_heart",
        status=None,
    ),
    # Its server closes after each answer.
    "piper": RequestTemplate(
        path="/synthesize",
        body={"text": "{text}"},
        format="wav",
        connection="fresh",
    ),
}


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request, ready to be sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None


class Address(NamedTuple):
    """Where a server is."""

    scheme: str
    host: str
    port: int
    path: str


def build_template(
    preset: str | None,
    template: Mapping[str, Json] | str | None,
    connection: str | None,
) -> RequestTemplate:
    """The preset (OpenAI's unless named), with what a template and the option put in its place.

    A template is a mapping or a JSON object as text. It is laid over the preset, its body over the
    preset's; it may name the `preset` itself, and with a `path` and no preset it stands alone.
    """
    changes = _parse_template(template)
    preset = preset or changes.pop("preset", None)
    if preset is None and "path" not in changes:
        preset = "openai"
    fields: dict[str, Json] = {}
    if preset is not None:
        fields = _preset_fields(preset)
    below, above = fields.get("body"), changes.get("body")
    fields |= changes
    if isinstance(below, dict) and isinstance(above, dict):
        fields["body"] = below | above
    if connection is not None:
        fields["connection"] = connection
    return _validate(fields)


def build_request(
    template: RequestTemplate,
    base_path: str,
    text: str,
    voice: str | None,
) -> HttpRequest:
    """The request for one text. VariableUnset for an `{env:NAME}` that is not set."""
    values = {"text": text, "voice": voice or template.voice or ""}
    headers = {name: _fill_header(name, value) for name, value in template.headers.items()}
    path = _fill_text(template.path, values, bodies.percent_encode)
    return HttpRequest(
        method=template.method,
        path=join_path(base_path, path),
        headers=headers,
        body=_build_body(template.body, headers, values),
    )


def has_place_for_voice(template: RequestTemplate) -> bool:
    """Whether a voice can be asked for."""
    return _has_place(template, "{voice}")


def strip_version(base_path: str) -> str:
    """The path of a base URL without the version at its end, as SDKs write it (`/v1`)."""
    return _VERSION.sub("", base_path.rstrip("/"))


def join_path(base_path: str, path: str) -> str:
    """The path to ask for: a version, or the whole path, that the base ends with is not doubled."""
    base = base_path.rstrip("/")
    version = _VERSION.search(base)
    if version and path.startswith(f"{version[0]}/"):
        return strip_version(base) + path
    if base and base.endswith(path):
        return base
    return base + path


def parse_address(url: str) -> Address:
    """The address in a server's URL. TargetShapeError where there is no host."""
    scheme = url.partition("://")[0]
    wrong = TargetShapeError(
        f"found the target {secrets.mask(url)!r}; wanted {scheme}://host:port, with a path at most "
        "(headers and queries go into --ttsperf-http-template, a password as the header "
        "Authorization with {env:NAME} for its value)"
    )
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORTS[parts.scheme]
    except ValueError:  # its text may quote a password
        raise wrong from None
    has_user = parts.username is not None or parts.password is not None
    if not parts.hostname or parts.query or has_user:
        raise wrong
    return Address(parts.scheme, parts.hostname, port, parts.path)


def _parse_template(template: Mapping[str, Json] | str | None) -> dict[str, Json]:
    if isinstance(template, str):
        try:
            template = json.loads(template)
        except ValueError as error:
            raise TargetShapeError(
                f"found an HTTP template that is no JSON ({error}); wanted an object such as "
                '{"path": "/speak", "body": {"text": "{text}"}, "format": "wav"}'
            ) from error
    if template is not None and not isinstance(template, Mapping):
        shown = secrets.mask_value("", template)
        raise TargetShapeError(f"found an HTTP template {shown!r}; wanted a JSON object")
    return dict(template or {})


def _preset_fields(name: str) -> dict[str, Json]:
    if name not in PRESETS:
        raise TargetShapeError(
            f"found the HTTP preset {name!r}; wanted one of {', '.join(PRESETS)}, or "
            "--ttsperf-http-template for another form"
        )
    return msgspec.structs.asdict(PRESETS[name])


def _validate(fields: Mapping[str, Json]) -> RequestTemplate:
    try:
        template = msgspec.convert(fields, RequestTemplate)
    except msgspec.ValidationError as error:
        raise TargetShapeError(
            f"found an HTTP template in which {error}; wanted "
            f"{', '.join(RequestTemplate.__struct_fields__)}"
        ) from error
    if template.format not in (None, *FORMATS):
        raise TargetShapeError(
            f"found the format {template.format!r} in the HTTP template; wanted "
            f"{', '.join(FORMATS)}"
        )
    if template.format == "pcm" and template.sample_rate is None:
        raise TargetShapeError(
            "found format pcm in the HTTP template without sample_rate; bare samples do not tell "
            "it: add sample_rate, in Hz"
        )
    if not _has_place(template, "{text}"):
        raise TargetShapeError(
            "found an HTTP template without {text} in path and body; wanted the place where the "
            "text goes"
        )
    if not template.path.startswith("/"):
        raise TargetShapeError(
            f"found the path {secrets.mask(template.path)!r}; wanted one that begins with /"
        )
    return template


def _has_place(template: RequestTemplate, placeholder: str) -> bool:
    return placeholder in template.path or placeholder in json.dumps(template.body)


def _build_body(body: Json, headers: dict[str, str], values: Mapping[str, str]) -> bytes | None:
    """The body with its values; its Content-Type is completed in the headers."""
    if body is None:
        return None
    type_names = (name for name in headers if name.lower() == "content-type")
    type_header = next(type_names, "Content-Type")
    if isinstance(body, str):
        content_type = headers.setdefault(type_header, "text/plain; charset=utf-8")
        return _fill_text(body, values, bodies.escape_for(content_type)).encode()
    content_type = headers.get(type_header, "application/json")
    data, headers[type_header] = bodies.encode_fields(_fill(body, values), content_type)
    return data


def _fill(value: Json, values: Mapping[str, str]) -> Json:
    if isinstance(value, str):
        return _fill_text(value, values)
    if isinstance(value, Mapping):
        return {key: _fill(each, values) for key, each in value.items()}
    if isinstance(value, list):
        return [_fill(each, values) for each in value]
    return value


def _fill_text(
    text: str,
    values: Mapping[str, str],
    escape: Callable[[str], str] = str,
) -> str:
    """The text with its placeholders replaced in one pass: a value is never filled itself.

    `escape` writes a value as the place that it goes to needs it.
    """

    def replacement(placeholder: re.Match[str]) -> str:
        value = values.get(placeholder[1])
        if value is None:
            value = spec.resolve(placeholder[0], TEMPLATE)
        return escape(value)

    return _PLACEHOLDER.sub(replacement, text)


def _fill_header(name: str, value: str) -> str:
    """A header's value; TargetShapeError where a variable brings a line break into it."""
    filled = spec.resolve(value, TEMPLATE)
    if "\n" in filled or "\r" in filled:
        raise TargetShapeError(
            f"found a line break in the header {name} of the HTTP template ({secrets.mask(value)}),"
            " wanted one line; export the variable without it"
        )
    return filled

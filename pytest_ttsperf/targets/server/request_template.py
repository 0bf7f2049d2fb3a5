"""What a server of speech wants to be asked: OpenAI's form, others by name, any by a template."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Literal, get_args
from urllib.parse import quote, urlsplit

import msgspec

from pytest_ttsperf import secrets
from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.records import Json
from pytest_ttsperf.targets import spec
from pytest_ttsperf.targets.decoders.signatures import FORMATS
from pytest_ttsperf.targets.server import bodies

Keeping = Literal["keep", "fresh"]
_VERSION = re.compile(r"/v\d+$")
TEMPLATE = "the HTTP template"
DEFAULT_RATE = 24_000
"""Of bare PCM in OpenAI's form."""


class RequestTemplate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of request. `{text}`, `{voice}` and `{env:NAME}` are put in."""

    path: str
    method: str = "POST"
    headers: dict[str, str] = {}
    body: Json = None
    """Fields, sent as JSON or as the Content-Type says, or a string; None for no body."""
    format: str | None = None
    """Of the answer, where neither its bytes nor its type tell; bare PCM never tells."""
    sample_rate: int | None = None
    """Of bare PCM, in Hz."""
    voice: str | None = None
    """For `{voice}` when none is asked for."""
    connection: Keeping = "keep"
    status: str | None = None
    """Path under which the server tells its placement, if it does."""


OPENAI = RequestTemplate(
    path="/v1/audio/speech",
    body={
        "model": "tts-1",
        "input": "{text}",
        "voice": "{voice}",
        "response_format": "pcm",
    },
    format="pcm",
    sample_rate=DEFAULT_RATE,
    voice="alloy",
    status="/status",
)
PRESETS = {
    "openai": OPENAI,
    "kokoro-fastapi": msgspec.structs.replace(
        OPENAI,
        body={
            "model": "kokoro",
            "input": "{text}",
            "voice": "{voice}",
            "response_format": "pcm",
            "stream": True,
        },
        voice="af_heart",
        status=None,
    ),
    # Its server closes after each answer.
    "piper": RequestTemplate(
        path="/synthesize", body={"text": "{text}"}, format="wav", connection="fresh"
    ),
}  # fmt: skip


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request, ready to be sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None


def form_of(
    preset: str | None, template: Mapping[str, Json] | str | None, connection: str | None
) -> RequestTemplate:
    """The preset (OpenAI's unless named), with what a template and the option put in its place.

    A template is a mapping or a JSON object as text. It is laid over the preset, its body over the
    preset's; it may name the `preset` itself, and with a `path` and no preset it stands alone.
    """
    told = _mapping(template)
    preset = preset or told.pop("preset", None)
    if preset is not None and preset not in PRESETS:
        raise TargetShapeError(
            f"found the HTTP preset {preset!r}; wanted one of {', '.join(PRESETS)}, or "
            "--ttsperf-http-template for another form"
        )
    base: dict[str, Json] = {}
    if preset is not None or "path" not in told:
        base = msgspec.structs.asdict(PRESETS[preset or "openai"])
    merged = {**base, **told}
    if isinstance(base.get("body"), dict) and isinstance(told.get("body"), dict):
        merged["body"] = {**base["body"], **told["body"]}
    if connection is not None:
        merged["connection"] = connection
    return _validate(merged)


def request(form: RequestTemplate, base_path: str, text: str, voice: str | None) -> HttpRequest:
    """The request for one text. VariableUnset for an `{env:NAME}` that is not set."""
    values = {"text": text, "voice": voice or form.voice or ""}
    headers = {name: _header(name, value) for name, value in form.headers.items()}
    body: bytes | None = None
    type_name = next((name for name in headers if name.lower() == "content-type"), "Content-Type")
    if isinstance(form.body, str):
        headers.setdefault(type_name, "text/plain; charset=utf-8")
        body = _fill_text(form.body, values, bodies.escaping(headers[type_name])).encode()
    elif form.body is not None:
        headers.setdefault(type_name, "application/json")
        fields = _fill(form.body, values)
        body, headers[type_name] = bodies.encode_value(fields, headers[type_name])
    path = _fill_text(form.path, values, lambda value: quote(value, safe=""))
    return HttpRequest(
        method=form.method, path=join_path(base_path, path), headers=headers, body=body
    )


def has_place_for_voice(form: RequestTemplate) -> bool:
    """Whether a voice can be asked for."""
    return "{voice}" in form.path or "{voice}" in json.dumps(form.body)


def root(base_path: str) -> str:
    """The path of a base URL without the version at its end, as SDKs write it (`/v1`)."""
    return _VERSION.sub("", base_path.rstrip("/"))


def join_path(base_path: str, path: str) -> str:
    """The path to ask for: a version, or the whole path, that the base ends with is not doubled."""
    base = base_path.rstrip("/")
    version = _VERSION.search(base)
    if version and path.startswith(f"{version[0]}/"):
        return root(base) + path
    if base and base.endswith(path):
        return base
    return base + path


def address(url: str, default_port: int | None = None) -> tuple[str, str, int, str]:
    """Scheme, host, port and path of a server's URL. TargetShapeError where there is no host."""
    scheme = url.partition("://")[0]
    wrong = TargetShapeError(
        f"found the target {secrets.mask(url)!r}; wanted {scheme}://host:port, with a path at most "
        "(headers and queries go into --ttsperf-http-template, a password as the header "
        "Authorization with {env:NAME} for its value)"
    )
    try:
        parts = urlsplit(url)
        port = parts.port or default_port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # its text may quote a password
        raise wrong from None
    has_user = parts.username is not None or parts.password is not None
    if not parts.hostname or parts.query or has_user:
        raise wrong
    return parts.scheme, parts.hostname, port, parts.path


def _mapping(template: Mapping[str, Json] | str | None) -> dict[str, Json]:
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


def _validate(told: Mapping[str, Json]) -> RequestTemplate:
    try:
        form = msgspec.convert(dict(told), RequestTemplate)
    except msgspec.ValidationError as error:
        raise TargetShapeError(
            f"found an HTTP template in which {error}; wanted "
            f"{', '.join(RequestTemplate.__struct_fields__)}"
        ) from error
    if form.format is not None and form.format not in FORMATS:
        raise TargetShapeError(
            f"found the format {form.format!r} in the HTTP template; wanted {', '.join(FORMATS)}"
        )
    if form.format == "pcm" and form.sample_rate is None:
        raise TargetShapeError(
            "found format pcm in the HTTP template without sample_rate; bare samples do not tell "
            "it: add sample_rate, in Hz"
        )
    if "{text}" not in form.path and "{text}" not in json.dumps(form.body):
        raise TargetShapeError(
            "found an HTTP template without {text} in path and body; wanted the place where the "
            "text goes"
        )
    if not form.path.startswith("/"):
        raise TargetShapeError(
            f"found the path {secrets.mask(form.path)!r}; wanted one that begins with /"
        )
    return form


def _fill(value: Json, values: Mapping[str, str]) -> Json:
    if isinstance(value, str):
        return _fill_text(value, values)
    if isinstance(value, Mapping):
        return {key: _fill(each, values) for key, each in value.items()}
    if isinstance(value, list):
        return [_fill(each, values) for each in value]
    return value


def _fill_text(text: str, values: Mapping[str, str], write: Callable[[str], str] = str) -> str:
    """The text with all that is to be put in, at one go: a value is never filled itself.

    `write` puts a value as the place that it goes to wants it written.
    """

    def put_in(found: re.Match[str]) -> str:
        name = found[1]
        return write(values[name] if name in values else spec.resolve(found[0], TEMPLATE))

    return re.sub(r"\{(text|voice|env:\w+)\}", put_in, text)


def _header(name: str, value: str) -> str:
    """A header's value; TargetShapeError where a variable brings a line break into it."""
    filled = spec.resolve(value, TEMPLATE)
    if "\n" in filled or "\r" in filled:
        raise TargetShapeError(
            f"found a line break in the header {name} of the HTTP template ({secrets.mask(value)}),"
            " wanted one line; export the variable without it"
        )
    return filled


KEEPINGS: tuple[str, ...] = get_args(Keeping)

"""A request's body: values put into it as its content type writes them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

from pytest_ttsperf.errors import TargetShapeError
from pytest_ttsperf.records import Json
from pytest_ttsperf.targets.decoders.signatures import plain_type

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
_XML = ("/xml", "+xml", "/ssml")
_JSON = ("/json", "+json")
_QUOTES = {'"': "&quot;", "'": "&apos;"}


def escape_for(content_type: str) -> Callable[[str], str]:
    """How a text is written in a body of this type, so that it arrives as it is."""
    kind = plain_type(content_type)
    if kind == URLENCODED:
        return percent_encode
    if kind.endswith(_XML):
        return _escape_xml
    if kind.endswith(_JSON):
        return _escape_json
    return str


def percent_encode(text: str) -> str:
    """The text as a part of a URL or of a form; only letters, digits and _.-~ stay as they are."""
    return quote(text, safe="")


def encode_fields(fields: Json, content_type: str) -> tuple[bytes, str]:
    """A body of fields that are filled in, and its content type; JSON unless the type differs.

    TargetShapeError for fields that the type cannot carry.
    """
    kind = plain_type(content_type)
    if kind == URLENCODED:
        return urlencode(_to_texts(fields, kind)).encode(), content_type
    if kind == MULTIPART:
        return _encode_multipart(_to_texts(fields, kind))
    if kind.endswith(_XML):
        raise TargetShapeError(
            f"found a body of fields for {kind} in the HTTP template; wanted the text of it, with "
            "{text} in its place"
        )
    return json.dumps(fields, ensure_ascii=False).encode(), content_type


def _escape_xml(text: str) -> str:
    return escape(text, _QUOTES)


def _escape_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _to_texts(fields: Json, kind: str) -> dict[str, str]:
    """Fields as texts: numbers and booleans as JSON writes them."""
    if not isinstance(fields, Mapping):
        raise TargetShapeError(f"found the body {fields!r} for {kind}; wanted fields by name")
    texts = {}
    for name, value in fields.items():
        if isinstance(value, Mapping | list):
            raise TargetShapeError(
                f"found {name}={value!r} in a body for {kind}; wanted a text or a number"
            )
        texts[name] = value if isinstance(value, str) else json.dumps(value)
    return texts


def _encode_multipart(fields: Mapping[str, str]) -> tuple[bytes, str]:
    boundary = f"ttsperf-{uuid.uuid4().hex}"
    body = ""
    for name, value in fields.items():
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        body += f"{head}{value}\r\n"
    body += f"--{boundary}--\r\n"
    return body.encode(), f"{MULTIPART}; boundary={boundary}"
